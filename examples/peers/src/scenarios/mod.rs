//! The situations: each is written once and says, in the words of the table, what it saw.

pub mod deadlock;
pub mod forget;
pub mod herd;
pub mod waiting;
pub mod window;

use std::sync::Arc;

use crate::contender::{Answer, Contender, Peer};
use crate::crew::{Caller, call};
use crate::door::Door;

/// What a contender cannot be asked.
pub const NO_API: &str = "no such API";

/// A row of the table.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// The situation, as the table names it.
    pub title: &'static str,
    /// The name under which the Go program reports it.
    pub key: &'static str,
    /// Puts a contender into the situation.
    pub see: fn(&Contender) -> String,
}

/// The rows that are found out by running, in the table's order.
pub const ALL: [Scenario; 11] = [
    herd::SUCCEEDING,
    herd::FAILING,
    herd::PANICKING,
    deadlock::OWN_KEY,
    deadlock::CROSSED,
    waiting::OTHER_KEY,
    waiting::DEADLINE,
    waiting::STUCK_LEADER,
    forget::JOINED,
    forget::KEPT,
    window::OLD_VALUE,
];

/// A call of key 1 whose function is under way, and ends with the value 1 when it is let go.
struct Slow {
    leader: Caller<Answer>,
    go_on: Door,
}

impl Slow {
    fn start(peer: &Arc<dyn Peer>) -> Self {
        let (started, go_on) = (Door::default(), Door::default());
        let (peer, start, held) = (Arc::clone(peer), started.clone(), go_on.clone());
        let leader = call(move || {
            peer.load(1, &|| {
                start.open();
                held.pass();
                Ok(1)
            })
        });
        started.pass();
        Self { leader, go_on }
    }

    /// Lets the function end, and waits until its call is back.
    fn end(&self) {
        self.go_on.open();
        self.leader.seen();
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        // Whoever still waits for it may go home.
        self.go_on.open();
    }
}
