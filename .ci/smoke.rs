//! A program for `.ci/msrv`, which builds it with the oldest compiler: the library, and its attribute.

use std::convert::Infallible;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use coalescer::{Coalescer, coalesce};
use coalescer_http as _;

static RUNS: AtomicU32 = AtomicU32::new(0);

#[coalesce(window = "1h")]
fn double(number: u32) -> Result<u32, Infallible> {
    RUNS.fetch_add(1, Ordering::Relaxed);
    Ok(number * 2)
}

fn main() {
    let lengths = Coalescer::new(|word: &String| Ok::<_, Infallible>(word.len()));
    let start = Barrier::new(8);
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                start.wait();
                assert!(double(21).is_ok_and(|value| *value == 42));
                assert!(lengths.execute("four").is_ok_and(|value| *value == 4));
            });
        }
    });
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
    println!("8 calls, 1 run");
}
