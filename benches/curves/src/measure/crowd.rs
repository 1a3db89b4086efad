//! Crowds: what waking a herd costs in a process where many other threads sleep.
//!
//! The kernel finds the thread that it is to wake in a hash table of those that sleep, and the
//! others may be in its way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use super::crew::{Broadcast, Flight, Herd, STACK, Wait, own_stat, wait_for_sleep};
use super::{Record, nanoseconds};
use crate::extent::{Extent, powers};

/// Those that are woken.
const FOLLOWERS: usize = 256;

pub(crate) fn measure(extent: &Extent, record: &mut Record) {
    let followers = FOLLOWERS.min(extent.most_followers);
    for others in powers(4, extent.most_followers) {
        let _crowd = Crowd::new(others);
        let (flight, broadcast) =
            (Herd::new(followers, Flight::new()), Herd::new(followers, Broadcast::default()));
        for _ in 0..4 * extent.rounds {
            record.add("last", others as f64, last(&flight, followers));
            record.add("last floor", others as f64, last(&broadcast, followers));
        }
    }
}

fn last(herd: &Herd<impl Wait>, followers: usize) -> f64 {
    nanoseconds(herd.wake().last) / followers as f64
}

/// Threads that sleep until this is dropped.
struct Crowd {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn new(size: usize) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let other = |_| {
            let (is_over, tell) = (Arc::clone(&is_over), tell.clone());
            let sleep = move || {
                tell.send(own_stat()).expect("it is waited for");
                while !is_over.load(Ordering::Acquire) {
                    thread::park();
                }
            };
            let builder = thread::Builder::new().stack_size(STACK);
            builder.spawn(sleep).expect("the system has a thread to give")
        };
        let threads = (0..size).map(other).collect();
        wait_for_sleep(&told.iter().take(size).collect::<Vec<_>>());
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
