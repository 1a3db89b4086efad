//! Many threads at once: each key is run once, and nobody waits for ever.

use std::collections::HashMap;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use coalescer::Batcher;

use super::square;
use crate::support::watched;

#[test]
fn each_key_is_run_once_whoever_asks_with_whom() {
    // S154 to S160
    watched(|| {
        for max_batch in [1, 3, usize::MAX] {
            let asked: Arc<Mutex<HashMap<u32, u32>>> = Arc::default();
            let counted = Arc::clone(&asked);
            let squares = Batcher::builder()
                .window(Duration::MAX)
                .gather_while_busy(Duration::from_millis(1))
                .max_batch(max_batch)
                .build(move |keys: &[u32]| {
                    assert!(keys.len() <= max_batch);
                    keys.iter()
                        .for_each(|key| *counted.lock().unwrap().entry(*key).or_default() += 1);
                    thread::yield_now();
                    square(keys)
                });
            let ready = Barrier::new(8);
            thread::scope(|threads| {
                for own in 0..8 {
                    let (squares, ready) = (&squares, &ready);
                    threads.spawn(move || {
                        ready.wait();
                        for key in 0..200 {
                            let key = (key * 7 + own * 25) % 200;
                            assert_eq!(*squares.execute(&key).unwrap(), key * key);
                        }
                    });
                }
            });
            let asked = asked.lock().unwrap();
            assert!(asked.len() == 200 && asked.values().all(|times| *times == 1), "{asked:?}");
            let stats = squares.stats();
            assert_eq!((stats.executed_requests, stats.in_flight), (200, 0));
            assert!(stats.batches <= 200);
        }
    });
}
