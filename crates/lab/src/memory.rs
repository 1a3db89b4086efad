//! Memory as the program allocates it, and as the system provides it.
//!
//! The counting allocator is our own, since those in published crates always count: here only the lanes of
//! memory pay for it, and all others for one branch.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

use parking_lot::Mutex;

/// The system's allocator, with a count of the bytes in use. It counts only inside [`asked_for`].
pub struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicIsize = AtomicIsize::new(0);
static ASKING: Mutex<()> = Mutex::new(());

fn count(bytes: isize) {
    if COUNTS.load(Relaxed) {
        IN_USE.fetch_add(bytes, Relaxed);
    }
}

// SAFETY: every method passes its arguments unchanged to the system's allocator, and returns its
// result. The count touches no allocated memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller upholds the contract of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

/// How many bytes more are in use after `work` than before, and the result of `work`.
pub fn asked_for<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let _one_at_a_time = ASKING.lock();
    let before = IN_USE.load(Relaxed);
    COUNTS.store(true, Relaxed);
    let result = work();
    let after = IN_USE.load(Relaxed);
    COUNTS.store(false, Relaxed);
    ((after - before) as f64, result)
}

/// The bytes in use now, minus those at a fixed instant. Valid only inside [`asked_for`].
pub fn in_use() -> f64 {
    IN_USE.load(Relaxed) as f64
}

/// The resident bytes of this process; `None` if the system does not report them.
pub fn resident() -> Option<f64> {
    kilobytes("/proc/self/status", "VmRSS:")
}

/// The bytes that the threads of this process take: all that is resident, with the used parts of
/// their stacks; their stacks within the kernel; and the page tables. Other processes must not start
/// threads at the same time.
pub fn of_threads() -> Option<f64> {
    let tables = kilobytes("/proc/self/status", "VmPTE:")?;
    Some(resident()? + tables + kilobytes("/proc/meminfo", "KernelStack:")?)
}

/// The memory of the machine, in bytes.
pub fn of_the_machine() -> Option<f64> {
    kilobytes("/proc/meminfo", "MemTotal:")
}

fn kilobytes(file: &str, name: &str) -> Option<f64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_as_it_is_asked_for_and_given_back() {
        // Other tests allocate at the same time, but far less.
        const MUCH: usize = 1 << 28;
        let mut held = Vec::new();
        let (asked, ()) = asked_for(|| held = Vec::<u8>::with_capacity(MUCH));
        assert!((asked - MUCH as f64).abs() < 1e6, "{asked}");
        let (given_back, ()) = asked_for(|| drop(held));
        assert!((given_back + MUCH as f64).abs() < 1e6, "{given_back}");
    }

    #[test]
    fn the_system_reports_memory() {
        let least = resident().expect("Linux says so");
        assert!(least > 1e5 && of_threads().expect("Linux says so") > least);
    }
}
