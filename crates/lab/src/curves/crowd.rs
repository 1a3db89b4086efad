//! Crowds: the cost of waking a herd in a process where many other threads sleep.
//!
//! To wake a thread, the kernel looks it up in a hash table of sleeping threads. The other sleepers
//! may slow that down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Record, nanoseconds, powers};
use crate::contender::Contender;
use crate::contenders::{Coalescer, StdMap};
use crate::herd::{self, STACK};
use crate::options::Size;
use crate::threads::{is_asleep, own_number};

const FOLLOWERS: usize = 256;

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    for others in powers(4, size.most_followers()) {
        let _crowd = Crowd::new(others);
        for _ in 0..size.rounds() {
            last::<Coalescer>(size, record, "last", others);
            last::<StdMap>(size, record, "last floor", others);
        }
    }
}

fn last<C: Contender>(size: Size, record: &mut Record<'_>, lane: &str, others: usize) {
    let followers = FOLLOWERS.min(size.most_followers());
    let (seen, _) = herd::of::<C>(followers, 4).expect("both can keep nothing");
    for seen in seen {
        record.add(lane, others as f64, nanoseconds(seen.last) / followers as f64);
    }
}

/// Threads that sleep until this is dropped.
struct Crowd {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn new(size: usize) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (numbers, number) = mpsc::channel();
        let other = |_| {
            let (is_over, numbers) = (Arc::clone(&is_over), numbers.clone());
            let sleep = move || {
                numbers.send(own_number()).expect("it is waited for");
                while !is_over.load(Ordering::Acquire) {
                    thread::park();
                }
            };
            let builder = thread::Builder::new().stack_size(STACK);
            builder.spawn(sleep).expect("the system has a thread to give")
        };
        let threads = (0..size).map(other).collect();
        for number in number.iter().take(size) {
            while !is_asleep(number) {
                thread::sleep(Duration::from_micros(200));
            }
        }
        Self { is_over, threads }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        for other in self.threads.drain(..) {
            other.thread().unpark();
            other.join().expect("it does not panic");
        }
    }
}
