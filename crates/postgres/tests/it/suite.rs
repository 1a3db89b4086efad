//! The promises of the tier, over a server. The suite is that of all engines.

#[path = "../../../cluster/tests/it/tier/suite.rs"]
mod promises;
#[path = "../../../cluster/tests/it/tier/sites.rs"]
#[expect(dead_code, reason = "the tests of other engines use the rest of it")]
pub(crate) mod sites;

use std::time::Duration;

use coalescer_cluster::Open;
use coalescer_cluster::engine::Engine;
use sites::*;

use crate::place::with_place;

/// Steps may take long on a busy machine: a session is a process of the server.
pub(crate) fn open(engine: impl Engine) -> Open {
    sites::open(engine).op_timeout(Duration::from_secs(3)).lease(Duration::from_secs(10))
}

pub(crate) fn site(engine: impl Engine, window: Duration, function: &Function) -> Site {
    site_with(open(engine), window, function, |shared| shared)
}

#[test]
fn all_promises_of_the_tier_hold_over_a_server() {
    with_place("promises", |place| promises::all(&|| place.engine()));
}
