//! Settings of a batcher that gathers, which make no sense.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use coalescer::{Batcher, Builder, ForBatcher};

use super::square;
use crate::support::{MS, NS, text, watched};

type Squares = Builder<ForBatcher, u32, u32>;

#[track_caller]
fn refused(set: impl FnOnce(Squares) -> Squares, named: &str, way_out: &str) {
    let build = || drop(set(Batcher::builder()).build(square));
    let panic = catch_unwind(AssertUnwindSafe(build)).unwrap_err();
    let message = text(&*panic);
    assert!(message.starts_with(named) && message.contains(way_out), "{message}");
}

#[test]
fn delays_that_make_no_sense_are_refused_by_name_and_with_a_way_out() {
    // S158
    watched(|| {
        refused(|new| new.gather_while_busy(Duration::ZERO), "gather_while_busy(0)", "unset");
        refused(|new| new.gather_for(Duration::ZERO), "gather_for(0)", "unset");
        let (busy, fixed) = ("gather_while_busy(Duration::MAX)", "gather_for(Duration::MAX)");
        refused(|new| new.gather_while_busy(Duration::MAX), busy, "the longest time");
        refused(|new| new.gather_for(Duration::MAX), fixed, "the longest time");
        for timeout in [20 * MS - NS, 20 * MS] {
            let longer = "a longer leader_timeout";
            refused(
                |new| new.gather_while_busy(20 * MS).leader_timeout(timeout),
                "gather_while_busy",
                longer,
            );
            refused(
                |new| new.leader_timeout(timeout).gather_for(20 * MS),
                "gather_while_busy or gather_for",
                longer,
            );
        }
        let good =
            Batcher::builder().leader_timeout(20 * MS + NS).gather_for(20 * MS).build(square);
        assert_eq!(*good.execute(&3).unwrap(), 9);
        let long = Batcher::builder().gather_while_busy(Duration::MAX - NS).build(square);
        assert_eq!(*long.execute(&3).unwrap(), 9);
    });
}
