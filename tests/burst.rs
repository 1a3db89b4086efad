//! Memory after a burst of keys, counted by an allocator of the test.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(
    unsafe_code,
    reason = "an allocator that counts is the only way to see what is allocated"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use coalescer::{Group, ManualClock};

struct Counting;

static ALLOCATED: AtomicIsize = AtomicIsize::new(0);

// SAFETY: Each method passes its arguments on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(signed(layout.size()), Ordering::Relaxed);
        // SAFETY: The caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(signed(layout.size()), Ordering::Relaxed);
        // SAFETY: The caller's pointer and layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// No allocation is half of the address space.
fn signed(size: usize) -> isize {
    isize::try_from(size).unwrap_or(isize::MAX)
}

const KEYS: u64 = 1_000_000;
const MIB: isize = 1 << 20;

fn allocated() -> isize {
    ALLOCATED.load(Ordering::Relaxed)
}

/// A million results; less than 2 MiB stays, in each way of their going (S47). One test, since the
/// allocator counts for the process.
#[test]
fn a_burst_leaves_no_memory_behind() {
    let clock = ManualClock::new();
    let group: Group<u64, u64, ()> =
        Group::builder().window(Duration::from_secs(1)).clock(clock.clone()).build();
    let before = allocated();
    let burst = || {
        for key in 0..KEYS {
            group.execute(&key, || Ok(key)).unwrap();
        }
        assert!(allocated() - before > 20 * MIB, "the results are there");
    };
    burst();
    assert_eq!(group.forget_all() as u64, KEYS);
    assert!(allocated() - before < 2 * MIB, "{} bytes after forget_all", allocated() - before);

    burst();
    clock.advance(Duration::from_secs(1));
    assert_eq!(group.purge_expired() as u64, KEYS);
    assert!(allocated() - before < 2 * MIB, "{} bytes after purge_expired", allocated() - before);

    // Calls of other keys remove what has expired, two results or more for each two calls.
    burst();
    clock.advance(Duration::from_secs(1));
    for key in 0..2 * KEYS {
        group.execute(&(key % 64), || Ok(key)).unwrap();
        group.forget(&(key % 64));
    }
    assert!(allocated() - before < 2 * MIB, "{} bytes after more calls", allocated() - before);

    burst();
    for key in 0..KEYS - 64 {
        group.forget(&key);
    }
    group.shrink_to_fit();
    assert!(allocated() - before < 2 * MIB, "{} bytes after a shrink", allocated() - before);
    assert_eq!(group.forget_all(), 64);
}
