//! Equal keys of one batch (S159), and functions that call the batcher.

use std::sync::Arc;
use std::sync::OnceLock;
use std::thread;

use coalescer::{Batch, Batcher, Error, ManualClock};

use crate::support::{MS, wait_until, watched};

#[test]
fn a_run_that_waits_for_a_later_run_of_its_batch_is_refused() {
    // S42 S159 S160
    watched(|| {
        let (clock, told) = (ManualClock::new(), Arc::new(OnceLock::new()));
        let own: Arc<OnceLock<Batcher<u32, u32, ()>>> = Arc::default();
        let (batcher, is_refused) = (Arc::clone(&own), Arc::clone(&told));
        own.get_or_init(|| {
            Batcher::builder().gather_for(10 * MS).max_requests(2).clock(clock.clone()).build_with(
                move |batch: &mut Batch<'_, u32, u32, ()>| {
                    // The second flight of the key, whose run this thread begins next.
                    is_refused.get_or_init(|| {
                        let answer = batcher.get().expect("it is built").execute(&7);
                        matches!(answer, Err(Error::WouldDeadlock))
                    });
                    batch.answer_rest(|key| Ok(*key));
                    Ok(())
                },
            )
        });
        let squares = own.get().expect("it is built");
        thread::scope(|scope| {
            for calls in 1..=3 {
                scope.spawn(|| squares.execute(&7).unwrap());
                wait_until(|| {
                    let flights = squares.in_flight();
                    flights.iter().map(|flight| 1 + flight.followers).sum::<usize>() == calls
                });
            }
            clock.advance(10 * MS);
        });
        assert_eq!(told.get(), Some(&true));
    });
}
