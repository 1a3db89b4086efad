//! The curves: the question of each, and its lanes.

use super::{
    Record, crowd, expiry, growth, herd, keys, shards, threads, tickets, values, ways, whole,
    windows,
};
use crate::options::Size;
use crate::units::Unit::{self, Bytes, Count, PerSecond, Ratio, Time, Window};

/// One thing that grows, and the costs that grow with it.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) question: &'static str,
    /// The thing that grows, and its unit.
    pub(super) x: (&'static str, Unit),
    pub(super) lanes: &'static [Lane],
    pub(super) measure: fn(Size, &mut Record<'_>),
}

/// A series of points.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: Unit,
}

const fn lane(name: &'static str, title: &'static str, unit: Unit) -> Lane {
    Lane { name, title, unit }
}

impl Curve {
    pub(super) fn lane(&self, name: &str) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.name == name)
    }
}

/// All of them, in the order in which they are shown.
#[rustfmt::skip]
pub(super) static ALL: &[Curve] = &[
    Curve {
        name: "keys",
        question: "How do the costs of hits, leads and memory grow with live keys?",
        x: ("live keys", Count),
        lanes: &[
            lane("hit", "hit", Time), lane("hit floor", "floor", Time),
            lane("hit stream", "in a stream", Time), lane("hit stream floor", "floor", Time),
            lane("lead", "lead", Time), lane("lead floor", "floor", Time),
            lane("bytes", "asked for, a key", Bytes), lane("bytes floor", "floor", Bytes),
            lane("resident", "resident, a key", Bytes),
        ],
        measure: keys::measure,
    },
    Curve {
        name: "growth",
        question: "How long does one lead wait when the tables grow under it?",
        x: ("keys, on the way up", Count),
        lanes: &[
            lane("64 shards", "slowest lead, 64 shards", Time),
            lane("1024 shards", "1024 shards", Time), lane("one map", "one map", Time),
            lane("64 shards p99.9", "p99.9, 64 shards", Time),
            lane("one map p99.9", "one map", Time),
        ],
        measure: growth::measure,
    },
    Curve {
        name: "whole",
        question: "How slow are the calls that go through the whole table?",
        x: ("live keys", Count),
        lanes: &[
            lane("stats", "stats", Time), lane("floor", "64 locks", Time),
            lane("in_flight", "in_flight", Time), lane("in_flight ratio", "its ratio", Ratio),
            lane("forget_all", "forget_all", Time),
            lane("clear", "clear maps", Time),
        ],
        measure: whole::measure,
    },
    Curve {
        name: "shards",
        question: "How much do more shards cost a lead?",
        x: ("shards", Count),
        lanes: &[lane("free", "lead", Time), lane("bounded", "with `max_retained`, full", Time)],
        measure: shards::measure,
    },
    Curve {
        name: "threads",
        question: "How much of the throughput is left with more threads than cores?",
        x: ("threads", Count),
        lanes: &[
            lane("one key", "hits, one key", PerSecond), lane("one key floor", "floor", PerSecond),
            lane("bare Arc", "bare `Arc`", PerSecond), lane("keys", "hits, 1024 keys", PerSecond),
            lane("keys floor", "floor", PerSecond), lane("leads", "leads", PerSecond),
            lane("leads floor", "floor", PerSecond), lane("line", "a line, core to core", Time),
        ],
        measure: threads::measure,
    },
    Curve {
        name: "ways",
        question: "How much do other designs for a hot key cost?",
        x: ("threads", Count),
        lanes: &[
            lane("one coalescer", "one coalescer", PerSecond),
            lane("bare Arc", "bare `Arc`", PerSecond), lane("striped", "one of two", PerSecond),
            lane("memo", "kept by the thread for 1 ms", PerSecond),
            lane("copy", "copy under a lock", PerSecond),
            lane("papaya", "papaya, `Arc`", PerSecond),
            lane("papaya copy", "papaya, copy", PerSecond),
            lane("line", "a line, core to core", Time),
        ],
        measure: ways::measure,
    },
    Curve {
        name: "herd",
        question: "How much does it cost to wait in a herd, and to be woken in one?",
        x: ("followers", Count),
        lanes: &[
            lane("last", "last back, a follower", Time), lane("last floor", "broadcast", Time),
            lane("leader", "leader back", Time), lane("leader floor", "broadcast", Time),
            lane("bytes", "library's memory a follower", Bytes),
            lane("thread", "stacks and page tables a thread", Bytes),
        ],
        measure: herd::measure,
    },
    Curve {
        name: "tickets",
        question: "How much do tickets that no thread waits with cost?",
        x: ("tickets", Count),
        lanes: &[
            lane("ticket", "drop a ticket", Time), lane("ticket ratio", "its ratio", Ratio),
            lane("receiver", "drop a receiver", Time), lane("receiver ratio", "its ratio", Ratio),
            lane("leader", "leader back", Time), lane("leader ratio", "its ratio", Ratio),
            lane("called", "all called back, a ticket", Time),
            lane("called ratio", "its ratio", Ratio),
        ],
        measure: tickets::measure,
    },
    Curve {
        name: "crowd",
        question: "How much does a wake-up cost where many other threads sleep?",
        x: ("other threads asleep", Count),
        lanes: &[
            lane("last", "last of 256 back, a follower", Time),
            lane("last floor", "broadcast", Time),
        ],
        measure: crowd::measure,
    },
    Curve {
        name: "values",
        question: "How do the costs of leads, hits and expiry grow with values?",
        x: ("bytes of a value", Bytes),
        lanes: &[
            lane("lead", "lead, boxed", Time), lane("lead floor", "floor", Time),
            lane("inline", "lead, inline", Time), lane("inline floor", "floor", Time),
            lane("hit", "hit", Time), lane("hit floor", "floor", Time),
            lane("expiry", "lead and drop", Time), lane("expiry floor", "floor", Time),
        ],
        measure: values::measure,
    },
    Curve {
        name: "windows",
        question: "How much does a mix of leads and hits cost with a longer window?",
        x: ("window", Window),
        lanes: &[
            lane("call", "a call", Time), lane("call floor", "map with times", Time),
            lane("leads", "leads in 1000 calls", Count),
        ],
        measure: windows::measure,
    },
    Curve {
        name: "expiry",
        question: "How long do calls wait after many windows end at once?",
        x: ("results due at once", Count),
        lanes: &[
            lane("lead p50", "lead p50", Time), lane("lead p50 floor", "none due", Time),
            lane("lead p99", "p99", Time), lane("lead p99 floor", "none due", Time),
            lane("lead max", "max", Time), lane("lead max floor", "none due", Time),
            lane("hit p50", "hit p50", Time), lane("hit p50 floor", "none due", Time),
            lane("hit p99", "p99", Time), lane("hit p99 floor", "none due", Time),
            lane("hit max", "max", Time), lane("hit max floor", "none due", Time),
            lane("leads to go", "leads until all are dropped", Count),
        ],
        measure: expiry::measure,
    },
];
