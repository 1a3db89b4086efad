//! The promises of the tier, over a server. The suite is that of all engines.

#[path = "../../../cluster/tests/it/tier/suite.rs"]
mod promises;
#[path = "../../../cluster/tests/it/tier/sites.rs"]
#[expect(dead_code, reason = "the tests of other engines use the rest of it")]
mod sites;

use sites::*;

use crate::place::with_place;

#[test]
fn all_promises_of_the_tier_hold_over_a_server() {
    with_place("promises", |place| promises::all(&|| place.engine()));
}
