//! Other designs for a hot key: the cost of hits of one key when the threads share less.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::threads::calls_a_second;
use super::{Floor, HOUR, Numbers, Record, SHARDS, numbers, settings};
use crate::options::Size;
use crate::threads::line_ns;

const KEY: u64 = 7;

/// For so long a thread answers from its own handle.
const MEMO: Duration = Duration::from_millis(1);

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    let new = || numbers(settings().window(HOUR));
    let coalescer = &new();
    let stripes = &[new(), new()];
    let bare = &Arc::new(KEY);
    let map: &papaya::HashMap<u64, Arc<u64>> = &papaya::HashMap::new();
    map.pin().insert(KEY, Arc::new(KEY));
    let values = &Floor::new(SHARDS);
    values.insert(KEY, Arc::new(KEY));
    let copied = &Mutex::new(KEY);
    for threads in [1, 2] {
        for _ in 0..size.rounds() {
            record.add("line", threads as f64, line_ns(size.calls() as u64 / 5000 + 1));
            let mut lane = |name: &str, call: &(dyn Fn(u64, u64) + Sync)| {
                record.add(name, threads as f64, calls_a_second(threads, size.slice(), call));
            };
            lane("one coalescer", &|_, _| drop(black_box(coalescer.execute(&KEY))));
            lane("bare Arc", &|_, _| drop(black_box(Arc::clone(bare))));
            lane("striped", &|thread, _| {
                drop(black_box(stripes[thread as usize % 2].execute(&KEY)));
            });
            lane("memo", &|_, _| _ = black_box(remembered(coalescer)));
            lane("copy", &|_, _| _ = black_box(*copied.lock()));
            lane("papaya", &|_, _| drop(black_box(map.pin().get(&KEY).cloned())));
            lane("papaya copy", &|_, _| _ = black_box(map.pin().get(&KEY).map(|value| **value)));
        }
    }
}

thread_local! {
    static OWN: RefCell<Option<(Instant, Arc<u64>)>> = const { RefCell::new(None) };
}

/// The value, from the handle that this thread has kept for a moment.
fn remembered(coalescer: &Numbers) -> u64 {
    let now = Instant::now();
    OWN.with_borrow_mut(|own| match own {
        Some((since, value)) if now - *since < MEMO => **value,
        _ => {
            let value = coalescer.execute(&KEY).expect("the function succeeds");
            *own.insert((now, value)).1
        }
    })
}
