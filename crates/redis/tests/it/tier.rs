//! The promises of the tier, over a server. The suite is that of all engines.

#[path = "../../../cluster/tests/it/tier/sites.rs"]
#[expect(dead_code, reason = "the tests of other engines use the rest of it")]
mod sites;
#[path = "../../../cluster/tests/it/tier/suite.rs"]
mod suite;

use sites::*;

use crate::support::watched;
use crate::world::{open as engine, world};

#[test]
fn all_promises_of_the_tier_hold_over_a_server() {
    watched(|| {
        let Some((server, _engine)) = world() else { return };
        suite::all(&|| engine(&server));
    });
}
