//! `lab peers`: runs coalescer and other crates in situations in which they differ.
//!
//! Each situation is written once, against the trait [`Watched`], and reports in a few words. The
//! tests in `tests/cells.rs` check the words of each cell of the table. [`bounds`] lets the compiler
//! check which values and errors must be `Clone`. Rust cannot call the Go package, so `go/peers.go` has
//! the same situations.

pub mod bounds;
mod crew;
pub mod deadlock;
pub mod forget;
pub mod herd;
mod table;
pub mod waiting;
pub mod window;

use std::sync::Arc;

use anyhow::Result;

use self::crew::{Caller, Door, call};
use crate::contender::{Answer, Watched, Wish};
use crate::contenders::{coalescer, moka, quick_cache, singleflight};
use crate::go::Go;

/// Prints the table.
///
/// # Errors
///
/// If the Go program fails.
pub fn main() -> Result<()> {
    let go = Go::find().inspect_err(|why| eprintln!("Go is left out: {why}")).ok();
    let cells = go.as_ref().map(|go| go.cells().map(|cells| (go.version(), cells))).transpose()?;
    print!("{}", table::table(cells.as_ref()));
    Ok(())
}

/// The cell of a subject that has no call for a situation.
pub const NO_API: &str = "no such API";

/// A row of the table.
#[derive(Clone, Copy)]
pub struct Situation {
    pub title: &'static str,
    /// The name under which the Go program reports it.
    pub key: &'static str,
    /// Puts a subject into the situation.
    pub see: fn(&Subject) -> String,
}

/// The rows that are measured by running, in the table's order.
pub const ALL: [Situation; 11] = [
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

/// A column of the table that is run from Rust.
#[derive(Clone, Copy)]
pub struct Subject {
    /// The crate's name.
    pub name: &'static str,
    /// A fresh one; `None` where it cannot be set up so.
    pub make: fn(Wish) -> Option<Arc<dyn Watched>>,
}

pub const COALESCER: Subject = Subject { name: "coalescer", make: coalescer::watched };
pub const MOKA: Subject = Subject { name: "moka", make: moka::watched };
pub const QUICK_CACHE: Subject = Subject { name: "quick_cache", make: quick_cache::watched };
pub const SINGLEFLIGHT: Subject = Subject { name: "singleflight", make: singleflight::watched };

/// All that run from Rust, in the table's order.
const SUBJECTS: [Subject; 4] = [COALESCER, MOKA, QUICK_CACHE, SINGLEFLIGHT];

impl Subject {
    fn plain(&self) -> Arc<dyn Watched> {
        (self.make)(Wish::Plain).expect("every subject can be had as it comes")
    }

    /// A fresh one that is set up so, or as it comes if it cannot be.
    fn at_best(&self, wish: Wish) -> Arc<dyn Watched> {
        (self.make)(wish).unwrap_or_else(|| self.plain())
    }
}

/// A call of key 1 whose function is under way, and ends with the value 1 when it is let go.
struct Slow {
    leader: Caller<Answer>,
    go_on: Door,
}

impl Slow {
    fn start(peer: &Arc<dyn Watched>) -> Self {
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
        // A call that still waits for it may return.
        self.go_on.open();
    }
}
