//! Calls of one key that a batcher gathers: each key is run once, and no call waits for a run that does not come.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use coalescer::{Batch, Batcher, Builder, Error, ForBatcher, ManualClock};
use coalescer_loom_tests::checker::thread::{self, JoinHandle};
use coalescer_loom_tests::{Latch, Model, TICK, quietly_panics};

/// Keys of one hash would be run one after the other.
type Hash = BuildHasherDefault<Own>;

/// Each number is its own hash.
#[derive(Default)]
struct Own(u64);

impl Hasher for Own {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash * 31 + u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Squares = Batcher<u8, u64, &'static str, Hash>;
type Told = Result<Arc<u64>, Error<&'static str>>;

/// A batcher whose values are the numbers of their runs, from 1.
#[derive(Clone)]
struct Place {
    clock: ManualClock,
    squares: Squares,
}

impl Place {
    fn new(
        with: impl FnOnce(Builder<ForBatcher, u8, u64, Hash>) -> Builder<ForBatcher, u8, u64, Hash>,
        within: impl Fn(&Batch<'_, u8, u64, &'static str>) + Send + Sync + 'static,
    ) -> Self {
        let clock = ManualClock::new();
        let begun = AtomicU64::new(0);
        let builder = Batcher::builder().shards(1).hasher(Hash::default()).clock(clock.clone());
        let squares = with(builder).build_with(move |batch: &mut Batch<'_, _, _, _>| {
            let run = begun.fetch_add(1, Relaxed) + 1;
            within(batch);
            batch.answer_rest(|_| Ok(run));
            Ok(())
        });
        Self { clock, squares }
    }

    fn spawn<R: Send + 'static>(
        &self,
        part: impl FnOnce(&Self) -> R + Send + 'static,
    ) -> JoinHandle<R> {
        let place = self.clone();
        thread::spawn(move || part(&place))
    }

    fn call(&self, key: u8) -> u64 {
        *self.squares.execute(&key).expect("nothing of this model fails")
    }

    fn is_at_rest(&self) {
        let stats = self.squares.stats();
        let ends =
            stats.executed_requests + stats.coalesced_requests + stats.timed_out + stats.refused;
        assert_eq!(stats.total_requests, ends, "a call is missing from {stats}");
        assert_eq!(stats.in_flight, 0, "something is under way in {stats}");
        assert!(self.squares.in_flight().is_empty(), "a slot stayed behind");
    }
}

/// S155, S156: nobody moves the clock, so the end of the run must close the batch, or the second call runs at once.
#[test]
fn a_call_that_meets_a_run_is_run_after_it() {
    let endings = ["after the other", "before the other"];
    Model::new("two keys of an idle batcher", endings).exhaustive().explore(move |seen| {
        let place = Place::new(|new| new.gather_while_busy(TICK), |_| ());
        let other = place.spawn(|place| place.call(2));
        let own = place.call(1);
        let other = other.join().expect("no panic");
        assert_eq!(own + other, 3, "two runs");
        seen.note(endings[usize::from(other < own)]);
        place.is_at_rest();
    });
}

/// S156: two calls that meet a run. The later one joins the earlier, or comes when that has closed its batch.
#[test]
fn two_calls_that_meet_a_run_are_gathered() {
    let endings = ["in one run", "in two runs"];
    Model::new("two keys meet a run", endings).explore(move |seen| {
        let latch = Arc::new(Latch::new(1));
        let waits = Arc::clone(&latch);
        let place = Place::new(
            |new| new.gather_while_busy(TICK),
            move |batch| {
                if batch.keys() == [1] {
                    waits.wait();
                }
            },
        );
        let first = place.spawn(|place| place.call(1));
        let second = place.spawn(move |place| {
            let value = place.spawn(move |_| latch.count_down());
            let answer = place.call(2);
            value.join().expect("no panic");
            answer
        });
        let own = place.call(3);
        let (first, second) = (first.join().expect("no panic"), second.join().expect("no panic"));
        let runs = place.squares.stats().batches;
        assert_eq!(runs, 2 + u64::from(own != second && first != own && first != second));
        seen.note(endings[usize::from(runs == 3)]);
        place.is_at_rest();
    });
}

/// S156: the delay is over while the run that is under way ends: one of them closes the batch, once.
#[test]
fn the_delay_and_the_end_of_a_run_close_a_batch_once() {
    let endings = ["it gathered", "it ran at once"];
    Model::new("a delay against the end of a run", endings).explore(move |seen| {
        let place = Place::new(|new| new.gather_while_busy(TICK), |_| ());
        let other = place.spawn(|place| place.call(2));
        let advance = place.spawn(|place| place.clock.advance(TICK));
        let own = place.call(1);
        advance.join().expect("no panic");
        let other = other.join().expect("no panic");
        assert_eq!((own + other, place.squares.stats().batches), (3, 2));
        seen.note(endings[usize::from(own == 1)]);
        place.is_at_rest();
    });
}

/// S156: a batch of two keys is closed by the call that fills it, by its opener at the delay, or at the end of the run.
#[test]
fn a_filled_batch_is_closed_once() {
    let endings = ["together", "one after the other"];
    Model::new("a full batch against its delay", endings).explore(move |seen| {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (begun, own) = (Arc::clone(&calls), Arc::new(OnceLock::<Place>::new()));
        let place = Arc::clone(&own);
        let made = Place::new(
            |new| new.gather_while_busy(TICK).max_batch(2),
            move |batch| {
                if batch.keys() == [9] {
                    let place = place.get().expect("it is made");
                    let mut begun = begun.lock().expect("no panic");
                    begun.extend([1, 2].map(|key| place.spawn(move |place| place.call(key))));
                    place.clock.advance(TICK);
                }
            },
        );
        own.set(made.clone()).ok().expect("it is set once");
        assert_eq!(made.call(9), 1);
        let calls: Vec<_> = std::mem::take(&mut *calls.lock().expect("no panic"));
        let told: Vec<u64> = calls.into_iter().map(|call| call.join().expect("no panic")).collect();
        let runs = made.squares.stats().batches;
        assert_eq!(runs, 2 + u64::from(told[0] != told[1]));
        seen.note(endings[usize::from(runs == 3)]);
        made.is_at_rest();
    });
}

/// S157: the deadline of a member against its run.
#[test]
fn a_member_times_out_or_is_answered() {
    let endings = ["answered", "timed out", "it ran at once"];
    Model::new("a member's deadline", endings).explore(move |seen| {
        let place = Place::new(|new| new.gather_while_busy(4 * TICK).window(Duration::MAX), |_| ());
        let (first, advance) =
            (place.spawn(|place| place.call(1)), place.spawn(|place| place.clock.advance(TICK)));
        let second = place.spawn(|place| place.call(2));
        let told: Told = place.squares.execute_timeout(&3, TICK);
        let (first, second) = (first.join().expect("no panic"), second.join().expect("no panic"));
        advance.join().expect("no panic");
        let kept = place.squares.peek(&3).expect("it is run and kept");
        seen.note(match told {
            Ok(own) => {
                assert_eq!(own, kept);
                endings[if *own == first || *own == second { 0 } else { 2 }]
            }
            Err(error) => {
                assert!(error.is_timeout());
                endings[1]
            }
        });
        place.is_at_rest();
    });
}

/// S155, S160: a run that panics is under way no more, and tells the opener.
#[test]
fn a_panic_of_a_run_closes_the_batch() {
    let endings = ["ran after it", "ran before it"];
    Model::new("a run that panics", endings).explore(move |seen| {
        let place = Place::new(
            |new| new.gather_while_busy(TICK),
            |batch| {
                if batch.keys() == [1] {
                    std::panic::resume_unwind(Box::new(()));
                }
            },
        );
        let other = place.spawn(|place| place.call(2));
        let panicked = quietly_panics::<_, ()>(|| place.squares.execute(&1));
        assert!(panicked.is_err());
        let run = other.join().expect("the panic is the other call's");
        seen.note(endings[usize::from(run == 1)]);
        place.is_at_rest();
    });
}
