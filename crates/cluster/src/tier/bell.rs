//! Wakes the threads of a cluster handle.

use std::time::Duration;

use crate::sync::{AtomicBool, Condvar, Deadline, Mutex, Ordering};

/// The keeper sleeps without an end while there is nothing to keep.
#[derive(Default)]
pub(super) struct Bell {
    sleeps: AtomicBool,
    rung: Mutex<u64>,
    told: Condvar,
}

impl Bell {
    /// Wakes everybody.
    pub(super) fn ring(&self) {
        *self.rung.lock() += 1;
        self.told.notify_all();
    }

    /// There is something to keep: wakes the keeper if it sleeps without an end. Costs a load if not.
    pub(super) fn ring_for_work(&self) {
        if self.sleeps.load(Ordering::SeqCst) && self.sleeps.swap(false, Ordering::SeqCst) {
            self.ring();
        }
    }

    pub(super) fn count(&self) -> u64 {
        *self.rung.lock()
    }

    /// Sleeps until somebody rings, unless somebody has rung since `count`, or there is work already.
    pub(super) fn rest(&self, count: u64, has_work: impl Fn() -> bool) {
        self.sleeps.store(true, Ordering::SeqCst);
        // Work that came before the store has not rung.
        if !has_work() {
            self.wait(count, Duration::MAX);
        }
        self.sleeps.store(false, Ordering::SeqCst);
    }

    /// Pauses for that time, or until somebody rings, unless somebody has rung since `count`.
    pub(super) fn wait(&self, count: u64, time: Duration) {
        let until = Deadline::after(time);
        let mut rung = self.rung.lock();
        while *rung == count && until.wait(&self.told, &mut rung) {}
    }
}
