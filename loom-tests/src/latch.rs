//! A latch made of the checker's primitives, by which a function of a model waits for another thread.

use crate::checker::sync::{Condvar, Mutex};

/// Opens when its count is zero.
pub struct Latch {
    left: Mutex<usize>,
    open: Condvar,
}

impl Latch {
    /// Makes a latch that opens with the last of `count` calls of [`count_down`](Self::count_down).
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { left: Mutex::new(count), open: Condvar::new() }
    }

    /// Counts down by one. An open latch stays open.
    pub fn count_down(&self) {
        let mut left = self.left.lock().expect("no model panics under a lock");
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.open.notify_all();
        }
    }

    /// Waits until the latch is open.
    pub fn wait(&self) {
        let mut left = self.left.lock().expect("no model panics under a lock");
        while *left > 0 {
            left = self.open.wait(left).expect("no model panics under a lock");
        }
    }
}
