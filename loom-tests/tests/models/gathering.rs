//! Calls of one key that a batcher gathers: each key is run once, and no call waits for a run that does not come.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coalescer::at_rest::alarms_of;
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
        with: impl FnOnce(Settings) -> Settings,
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

    /// True if the one call that can open a batch has opened it, and waits for its delay.
    fn gathers(&self) -> bool {
        alarms_of(&self.clock) == 1
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

type Settings = Builder<ForBatcher, u8, u64, Hash>;
type Meanwhile = Box<dyn FnOnce(&Place, &[u8]) + Send>;

/// A batcher whose first run does `meanwhile` with its keys. `within` gets the keys of each other run, and if the function has
/// left the first.
fn busy(
    with: impl FnOnce(Settings) -> Settings,
    meanwhile: impl FnOnce(&Place, &[u8]) + Send + 'static,
    within: impl Fn(&[u8], bool) + Send + Sync + 'static,
) -> Place {
    let first = Arc::new(Mutex::new(None::<(Place, Meanwhile)>));
    let (own, has_ended) = (Arc::clone(&first), AtomicBool::new(false));
    let place = Place::new(with, move |batch| {
        let first = own.lock().expect("no panic").take();
        let Some((place, meanwhile)) = first else {
            return within(batch.keys(), has_ended.load(Relaxed));
        };
        meanwhile(&place, batch.keys());
        has_ended.store(true, Relaxed);
    });
    *first.lock().expect("no panic") = Some((place.clone(), Box::new(meanwhile)));
    place
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

/// S155, S156: the last run ends while a call comes: that opens a batch and is woken, or it runs at once. Nobody moves the
/// clock.
#[test]
fn the_end_of_the_last_run_meets_a_new_opener() {
    let endings = ["it was woken", "it ran at once", "it met the end"];
    Model::new("the end of a run against an opener", endings).exhaustive().explore(move |seen| {
        let (opener, is_over) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
        let (spawned, over) = (Arc::clone(&opener), Arc::clone(&is_over));
        let meanwhile = move |place: &Place, _: &[u8]| {
            let call = place.spawn(move |place| {
                let is_late = over.load(Relaxed);
                assert_eq!(place.call(2), 2);
                is_late
            });
            *spawned.lock().expect("no panic") = Some((call, place.gathers()));
        };
        let place = busy(|new| new.gather_while_busy(TICK), meanwhile, |_, _| ());
        assert_eq!(place.call(1), 1);
        is_over.store(true, Relaxed);
        let (call, is_woken) = opener.lock().expect("no panic").take().expect("it is spawned");
        let runs_at_once = call.join().expect("no panic");
        assert!(!(is_woken && runs_at_once));
        seen.note(endings[if is_woken { 0 } else { 2 - usize::from(runs_at_once) }]);
        assert_eq!(place.squares.stats().batches, 2);
        place.is_at_rest();
    });
}

/// S156: the delay is over while the run that is under way ends: one of them closes the batch, once.
#[test]
fn the_delay_and_the_end_of_a_run_close_a_batch_once() {
    let endings = ["closed by the delay", "closed by the end of the run", "closed by either"];
    Model::new("a delay against the end of a run", endings).explore(move |seen| {
        let (threads, is_over) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (spawned, over, notes) = (Arc::clone(&threads), Arc::clone(&is_over), seen.clone());
        let meanwhile = move |place: &Place, _: &[u8]| {
            let opener = place.spawn(|place| assert_eq!(place.call(2), 2));
            while !place.gathers() {
                thread::yield_now();
            }
            let delay = place.spawn(move |place| {
                over.store(true, Relaxed);
                place.clock.advance(TICK);
            });
            spawned.lock().expect("no panic").extend([opener, delay]);
            // A step of the run in which its delay can be over.
            place.gathers();
        };
        let within = move |keys: &[u8], has_ended| {
            assert_eq!(keys, [2]);
            notes.note(match (is_over.load(Relaxed), has_ended) {
                (true, false) => endings[0],
                (false, true) => endings[1],
                (true, true) => endings[2],
                (false, false) => panic!("the batch was closed for no reason"),
            });
        };
        let place = busy(|new| new.gather_while_busy(TICK), meanwhile, within);
        assert_eq!(place.call(1), 1);
        for thread in std::mem::take(&mut *threads.lock().expect("no panic")) {
            thread.join().expect("no panic");
        }
        assert_eq!(place.squares.stats().batches, 2, "it is closed once");
        place.is_at_rest();
    });
}

/// The runs that two calls take that meet a run, in their order: the number of keys of each, and the place of the key whose
/// call ran it.
fn runs_of_two(with: impl FnOnce(Settings) -> Settings) -> Vec<(usize, usize)> {
    let (calls, runs) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (spawned, begun) = (Arc::clone(&calls), Arc::clone(&runs));
    let meanwhile = move |place: &Place, _: &[u8]| {
        let calls = [1, 2].map(|key| place.spawn(move |place| place.call(key)));
        spawned.lock().expect("no panic").extend(calls);
        place.clock.advance(TICK);
    };
    let within = move |keys: &[u8], _| {
        begun.lock().expect("no panic").push((keys.to_vec(), thread::current().id()));
    };
    let place = busy(|new| with(new.gather_while_busy(TICK)), meanwhile, within);
    assert_eq!(place.call(9), 1);
    let calls = std::mem::take(&mut *calls.lock().expect("no panic"));
    let threads: Vec<_> = calls.iter().map(|call| call.thread().id()).collect();
    for call in calls {
        call.join().expect("no panic");
    }
    place.is_at_rest();
    assert_eq!(place.squares.stats().executed_requests, 3, "each key is run once");
    let runner = |(keys, thread): &(Vec<u8>, _)| {
        let place = keys.iter().position(|key| threads[usize::from(*key) - 1] == *thread);
        (keys.len(), place.expect("a call of the batch runs it"))
    };
    let runs = runs.lock().expect("no panic");
    runs.iter().map(runner).collect()
}

/// S156: the opener of a batch of two keys runs it, at the delay or at the end of the run.
#[test]
fn two_calls_are_run_by_their_opener() {
    let endings = ["one run: its opener ran", "two runs"];
    Model::new("two calls gather", endings).explore(move |seen| {
        seen.note(match runs_of_two(|new| new)[..] {
            [(2, 0)] => endings[0],
            [(1, 0), (1, 0)] => endings[1],
            ref other => panic!("no opener ran {other:?}"),
        });
    });
}

/// S156: a batch that takes two keys is run by the call that fills it, or by its opener at the delay or at the end of the run.
#[test]
fn a_filled_batch_is_closed_once() {
    let endings = ["one run: its filler ran", "two runs: each opener ran"];
    Model::new("a full batch against its delay", endings).explore(move |seen| {
        seen.note(match runs_of_two(|new| new.max_batch(2))[..] {
            [(2, 1)] => endings[0],
            [(1, 0), (1, 0)] => endings[1],
            ref other => panic!("no filler ran {other:?}"),
        });
    });
}

/// S156: the time of an opener is over when another call has filled its batch. It leaves the batch that is open by then to its
/// own opener.
#[test]
fn an_opener_closes_no_batch_of_another() {
    let endings = ["the first filled it", "the second filled it"];
    Model::new("an opener against a later batch", endings).explore(move |seen| {
        let third = Arc::new(Mutex::new(None));
        let (spawned, notes) = (Arc::clone(&third), seen.clone());
        let meanwhile = move |place: &Place, keys: &[u8]| {
            notes.note(endings[usize::from(keys == [1, 2])]);
            place.clock.advance(TICK);
            *spawned.lock().expect("no panic") = Some(place.spawn(|place| place.call(3)));
            while place.squares.in_flight().iter().all(|flight| flight.key != 3) {
                thread::yield_now();
            }
        };
        let within = |keys: &[u8], has_ended| {
            assert!(keys == [3] && has_ended, "the batch of the third is closed too early");
        };
        let place = busy(|new| new.gather_for(TICK).max_batch(2), meanwhile, within);
        let other = place.spawn(|place| place.call(2));
        assert_eq!(place.call(1), 1);
        assert_eq!(other.join().expect("no panic"), 1);
        assert_eq!(place.squares.stats().batches, 1, "the batch of the third is closed too early");
        place.clock.advance(TICK);
        let third = third.lock().expect("no panic").take().expect("it is spawned");
        assert_eq!(third.join().expect("no panic"), 2);
        place.is_at_rest();
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
