//! Calls of many keys that are needed at one flight while their threads do other things.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use coalescer::Batcher;

use crate::support::{wait_until, watched};

type Doubles = Batcher<u32, u32, ()>;

/// The executions and the followers of the flights of a key.
fn flights(doubles: &Doubles, key: u32) -> Vec<(usize, usize)> {
    let of_key = doubles.in_flight().into_iter().filter(|flight| flight.key == key);
    of_key.map(|flight| (flight.executions, flight.followers)).collect()
}

/// The flight loses its leader. The one call that waits for it sleeps at another flight, whose leader waits for the flight
/// after the lost one: before, or when it has run its own function.
#[test]
fn a_fresh_call_waits_for_no_flight_that_is_left_to_an_absent_call() {
    // S42 S71 S151
    for comes_later in [false, true] {
        watched(move || {
            let ((end, ends), (ask, asks), (go_on, goes_on)) = (channel(), channel(), channel());
            let [ends, asks, goes_on] = [ends, asks, goes_on].map(Mutex::<Receiver<()>>::new);
            let own: Arc<OnceLock<Doubles>> = Arc::default();
            let inner = Arc::clone(&own);
            let builder = Batcher::builder().max_batch(1).window(Duration::ZERO);
            let doubles = own.get_or_init(|| {
                builder.build(move |keys: &[u32]| {
                    match keys {
                        [1] => {
                            ends.lock().unwrap().recv().unwrap();
                            panic!("on purpose");
                        }
                        [3] => {
                            asks.lock().unwrap().recv().unwrap();
                            let told =
                                inner.get().expect("it is built").execute_many_fresh(&[2, 5]);
                            assert!(told.into_iter().all(|told| told.is_ok()));
                        }
                        [5] => goes_on.lock().unwrap().recv().unwrap(),
                        _ => {}
                    }
                    Ok(keys.iter().map(|key| (*key, 2 * key)).collect::<Vec<_>>())
                })
            });
            thread::scope(|scope| {
                let call = || catch_unwind(AssertUnwindSafe(|| doubles.execute_many(&[1, 2])));
                let panics = scope.spawn(call);
                wait_until(|| flights(doubles, 2) == [(1, 0)]);
                let leads = scope.spawn(|| *doubles.execute(&3).unwrap());
                wait_until(|| flights(doubles, 3) == [(1, 0)]);
                let absent = scope.spawn(|| doubles.execute_many(&[2, 3]));
                wait_until(|| flights(doubles, 3) == [(1, 1)]);
                ask.send(()).unwrap();
                wait_until(|| !flights(doubles, 5).is_empty());
                if !comes_later {
                    go_on.send(()).unwrap();
                    wait_until(|| flights(doubles, 5).is_empty());
                }
                end.send(()).unwrap();
                assert!(panics.join().unwrap().is_err());
                go_on.send(()).unwrap();
                assert_eq!(leads.join().unwrap(), 6);
                let told = absent.join().unwrap().into_iter().map(|told| *told.unwrap());
                assert_eq!(told.collect::<Vec<_>>(), [4, 6]);
            });
            assert!(doubles.in_flight().is_empty());
            assert_eq!(
                doubles.stats().batches,
                5,
                "key 2 runs for the fresh call and for the other"
            );
        });
    }
}
