//! Shards: what more of them cost a lead, with and without a bound on what is kept.
//!
//! A bounded table that is full looks through the notes of all shards for the oldest result, which
//! has to make room.

use std::hint::black_box;

use coalescer::Coalescer;

use super::{HOUR, Numbers, Record, numbers, per_call};
use crate::extent::{Extent, powers};

/// Kept in the bounded table, and led beforehand in both.
const KEPT: u64 = 4096;

pub(crate) fn measure(extent: &Extent, record: &mut Record) {
    for shards in powers(4, extent.most_shards) {
        let settings = || Coalescer::builder().window(HOUR).shards(shards);
        let mut bounded = Leads::new(numbers(settings().max_retained(KEPT as usize)));
        let calls = (extent.calls / shards.min(100)).max(100);
        for _ in 0..extent.rounds {
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
        let settings = Coalescer::builder().window(HOUR).max_retained(KEPT as usize);
        let mut leads = Leads::new(numbers(settings));
        leads.lead();
        assert_eq!(leads.coalescer.forget_all() as u64, KEPT);
    }
}
