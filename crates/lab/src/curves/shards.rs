//! Shards: the cost of more of them for a lead, with and without a bound on kept results.
//!
//! A bounded table that is full looks through the notes of all shards for the oldest result, which
//! has to make room.

use std::hint::black_box;

use super::{HOUR, Numbers, Record, numbers, per_call, powers, settings};
use crate::options::Size;

/// Kept in the bounded table, and led beforehand in both.
const KEPT: u64 = 4096;

pub(super) fn measure(size: Size, record: &mut Record<'_>) {
    for shards in powers(4, size.pick(4096, 1024, 16)) {
        let settings = || settings().window(HOUR).shards(shards);
        let mut bounded = Leads::new(numbers(settings().max_retained(KEPT as usize)));
        let calls = (size.calls() / shards.min(100)).max(100);
        for _ in 0..size.rounds() {
            let mut free = Leads::new(numbers(settings()));
            record.add("bounded", shards as f64, per_call(calls, || bounded.lead()));
            record.add("free", shards as f64, per_call(calls, || free.lead()));
        }
    }
}

/// Leads of ever new keys, after as many as the bound takes.
struct Leads {
    coalescer: Numbers,
    key: u64,
}

impl Leads {
    fn new(coalescer: Numbers) -> Self {
        let mut leads = Self { coalescer, key: 0 };
        (0..KEPT).for_each(|_| leads.lead());
        leads
    }

    fn lead(&mut self) {
        self.key += 1;
        drop(black_box(self.coalescer.execute(&self.key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounded_table_is_full_from_the_beginning() {
        let settings = settings().window(HOUR).max_retained(KEPT as usize);
        let mut leads = Leads::new(numbers(settings));
        leads.lead();
        assert_eq!(leads.coalescer.forget_all() as u64, KEPT);
    }
}
