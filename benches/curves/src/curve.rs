//! The curves: what each asks, what it measures, and how it is shown.

use crate::extent::Extent;
use crate::measure::{
    Record, crowd, expiry, growth, herd, keys, shards, threads, values, ways, whole, windows,
};
use crate::units::Unit::{self, Bytes, Count, PerSecond, Time, Window};

/// One thing that grows, and what that does to the cost.
#[derive(Debug)]
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) question: &'static str,
    /// What grows, and in which unit.
    pub(crate) x: (&'static str, Unit),
    pub(crate) panels: &'static [Panel],
    /// The columns of its table, which may be more than the panels show.
    pub(crate) lanes: &'static [Lane],
    pub(crate) measure: fn(&Extent, &mut Record),
}

/// One small graph.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    /// The lanes in it, and what they are called there.
    pub(crate) lines: &'static [(&'static str, Look, &'static str)],
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The library.
    First,
    /// More of the library.
    Second,
    Third,
    /// What it is compared with.
    Floor,
    OtherFloor,
}

/// A series of points.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) kind: Kind,
}

/// Whether a lane is the library's, and what it has to be held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of the library; with the lane that does the least that must be done.
    Over(&'static str),
    /// Of the library, with nothing to compare it with.
    Alone,
    /// The same, where the cost is of all that there are and not of one.
    Each,
    /// Not of the library.
    Floor,
}

use Kind::{Alone, Each, Floor, Over};
use Look::{First, Floor as Ground, OtherFloor, Second, Third};

const fn lane(name: &'static str, title: &'static str, unit: Unit, kind: Kind) -> Lane {
    Lane { name, title, unit, kind }
}

impl Curve {
    pub(crate) fn lane(&self, name: &str) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.name == name)
    }
}

/// For the command line.
pub(crate) fn by_name(name: &str) -> Result<&'static Curve, String> {
    let names = || ALL.iter().map(|curve| curve.name).collect::<Vec<_>>().join(", ");
    ALL.iter().find(|curve| curve.name == name).ok_or_else(|| format!("use one of {}", names()))
}

/// All of them, in the order in which they are shown.
pub(crate) static ALL: &[Curve] = &[
    Curve {
        name: "keys",
        question: "What do hits, leads and memory cost with more live keys?",
        x: ("live keys", Count),
        panels: &[
            Panel {
                title: "late hit, random key",
                lines: &[
                    ("hit", First, "coalescer"),
                    ("hit floor", Ground, "floor"),
                    ("hit stream", Second, "in a stream"),
                    ("hit stream floor", OtherFloor, "floor"),
                ],
            },
            Panel {
                title: "lead of a new key, the oldest expires",
                lines: &[("lead", First, "coalescer"), ("lead floor", Ground, "floor")],
            },
            Panel {
                title: "memory a key",
                lines: &[
                    ("bytes", First, "asked for"),
                    ("resident", Second, "resident"),
                    ("bytes floor", Ground, "floor"),
                ],
            },
        ],
        lanes: &[
            lane("hit", "late hit", Time, Over("hit floor")),
            lane("hit floor", "floor", Time, Floor),
            lane("hit stream", "in a stream", Time, Over("hit stream floor")),
            lane("hit stream floor", "floor", Time, Floor),
            lane("lead", "lead", Time, Over("lead floor")),
            lane("lead floor", "floor", Time, Floor),
            lane("bytes", "asked for, a key", Bytes, Over("bytes floor")),
            lane("bytes floor", "floor", Bytes, Floor),
            lane("resident", "resident, a key", Bytes, Alone),
        ],
        measure: keys::measure,
    },
    Curve {
        name: "growth",
        question: "What does one lead wait for when the tables grow under it?",
        x: ("keys, on the way up", Count),
        panels: &[Panel {
            title: "the slowest lead on the way up",
            lines: &[
                ("64 shards", First, "64 shards"),
                ("1024 shards", Second, "1024 shards"),
                ("one map", Ground, "one map, one lock"),
            ],
        }],
        lanes: &[
            lane("64 shards", "slowest lead, 64 shards", Time, Each),
            lane("1024 shards", "1024 shards", Time, Each),
            lane("one map", "one map", Time, Floor),
            lane("64 shards p99.9", "p99.9, 64 shards", Time, Over("one map p99.9")),
            lane("one map p99.9", "one map", Time, Floor),
        ],
        measure: growth::measure,
    },
    Curve {
        name: "whole",
        question: "What do the calls cost that go through the whole table?",
        x: ("live keys", Count),
        panels: &[Panel {
            title: "calls that go through all shards",
            lines: &[
                ("in_flight", First, "in_flight"),
                ("forget_all", Second, "forget_all"),
                ("stats", Third, "stats"),
                ("clear", OtherFloor, "clear"),
            ],
        }],
        lanes: &[
            lane("stats", "stats", Time, Over("floor")),
            lane("floor", "64 locks", Time, Floor),
            lane("in_flight", "in_flight", Time, Each),
            lane("forget_all", "forget_all", Time, Over("clear")),
            lane("clear", "clear maps", Time, Floor),
        ],
        measure: whole::measure,
    },
    Curve {
        name: "shards",
        question: "What do more shards cost a lead?",
        x: ("shards", Count),
        panels: &[Panel {
            title: "lead, by shards",
            lines: &[("bounded", Second, "max_retained, full"), ("free", First, "no bound")],
        }],
        lanes: &[
            lane("free", "lead", Time, Alone),
            lane("bounded", "with `max_retained`, full", Time, Alone),
        ],
        measure: shards::measure,
    },
    Curve {
        name: "threads",
        question: "What is left of the throughput with more threads than cores?",
        x: ("threads", Count),
        panels: &[
            Panel {
                title: "late hits of one key",
                lines: &[
                    ("one key", First, "coalescer"),
                    ("one key floor", Ground, "floor"),
                    ("bare Arc", OtherFloor, "bare Arc"),
                ],
            },
            Panel {
                title: "late hits of 1024 keys",
                lines: &[("keys", First, "coalescer"), ("keys floor", Ground, "floor")],
            },
            Panel {
                title: "leads of new keys",
                lines: &[("leads", First, "coalescer"), ("leads floor", Ground, "floor")],
            },
        ],
        lanes: &[
            lane("one key", "hits, one key", PerSecond, Over("one key floor")),
            lane("one key floor", "floor", PerSecond, Floor),
            lane("bare Arc", "bare `Arc`", PerSecond, Floor),
            lane("keys", "hits, 1024 keys", PerSecond, Over("keys floor")),
            lane("keys floor", "floor", PerSecond, Floor),
            lane("leads", "leads", PerSecond, Over("leads floor")),
            lane("leads floor", "floor", PerSecond, Floor),
            lane("line", "a line, core to core", Time, Floor),
        ],
        measure: threads::measure,
    },
    Curve {
        name: "ways",
        question: "What do the ways round a hot key cost?",
        x: ("threads", Count),
        panels: &[],
        lanes: &[
            lane("one coalescer", "one coalescer", PerSecond, Over("bare Arc")),
            lane("bare Arc", "bare `Arc`", PerSecond, Floor),
            lane("striped", "one of two", PerSecond, Alone),
            lane("memo", "kept by the thread for 1 ms", PerSecond, Alone),
            lane("copy", "copy under a lock", PerSecond, Floor),
            lane("papaya", "papaya, `Arc`", PerSecond, Floor),
            lane("papaya copy", "papaya, copy", PerSecond, Floor),
            lane("line", "a line, core to core", Time, Floor),
        ],
        measure: ways::measure,
    },
    Curve {
        name: "herd",
        question: "What does it cost to wait in a herd, and to be woken in one?",
        x: ("followers", Count),
        panels: &[
            Panel {
                title: "until the last is back, a follower",
                lines: &[("last", First, "coalescer"), ("last floor", Ground, "broadcast")],
            },
            Panel {
                title: "until the leader is back",
                lines: &[("leader", First, "coalescer"), ("leader floor", Ground, "broadcast")],
            },
        ],
        lanes: &[
            lane("last", "last back, a follower", Time, Over("last floor")),
            lane("last floor", "broadcast", Time, Floor),
            lane("leader", "leader back", Time, Over("leader floor")),
            lane("leader floor", "broadcast", Time, Floor),
            lane("bytes", "library's memory a follower", Bytes, Alone),
            lane("thread", "stacks and page tables a thread", Bytes, Alone),
        ],
        measure: herd::measure,
    },
    Curve {
        name: "crowd",
        question: "What does it cost to be woken where many other threads sleep?",
        x: ("other threads asleep", Count),
        panels: &[Panel {
            title: "herd of 256 in a crowd, a follower",
            lines: &[("last", First, "coalescer"), ("last floor", Ground, "broadcast")],
        }],
        lanes: &[
            lane("last", "last of 256 back, a follower", Time, Over("last floor")),
            lane("last floor", "broadcast", Time, Floor),
        ],
        measure: crowd::measure,
    },
    Curve {
        name: "values",
        question: "What do leads, hits and expiry cost with larger values?",
        x: ("bytes of a value", Bytes),
        panels: &[
            Panel {
                title: "lead, with making the value",
                lines: &[
                    ("lead", First, "boxed"),
                    ("lead floor", Ground, "floor"),
                    ("inline", Second, "inline"),
                    ("inline floor", OtherFloor, "inline floor"),
                ],
            },
            Panel {
                title: "late hit, and lead that drops one",
                lines: &[
                    ("expiry", Second, "lead and drop"),
                    ("expiry floor", OtherFloor, "floor"),
                    ("hit", First, "hit"),
                    ("hit floor", Ground, "floor"),
                ],
            },
        ],
        lanes: &[
            lane("lead", "lead, boxed", Time, Over("lead floor")),
            lane("lead floor", "floor", Time, Floor),
            lane("inline", "lead, inline", Time, Over("inline floor")),
            lane("inline floor", "floor", Time, Floor),
            lane("hit", "late hit", Time, Over("hit floor")),
            lane("hit floor", "floor", Time, Floor),
            lane("expiry", "lead and drop", Time, Over("expiry floor")),
            lane("expiry floor", "floor", Time, Floor),
        ],
        measure: values::measure,
    },
    Curve {
        name: "windows",
        question: "What does a mix of leads and hits cost with a longer window?",
        x: ("window", Window),
        panels: &[Panel {
            title: "a call, 1024 keys at random",
            lines: &[("call", First, "coalescer"), ("call floor", Ground, "map with times")],
        }],
        lanes: &[
            lane("call", "a call", Time, Over("call floor")),
            lane("call floor", "map with times", Time, Floor),
            lane("leads", "leads in 1000 calls", Count, Alone),
        ],
        measure: windows::measure,
    },
    Curve {
        name: "expiry",
        question: "Who pays when many windows end at once?",
        x: ("results due at once", Count),
        panels: &[
            Panel {
                title: "leads that follow",
                lines: &[
                    ("lead max", Second, "max"),
                    ("lead p99", Third, "p99"),
                    ("lead p50", First, "p50"),
                    ("lead max floor", Ground, "max, none due"),
                ],
            },
            Panel {
                title: "hits that follow",
                lines: &[
                    ("hit max", Second, "max"),
                    ("hit p99", Third, "p99"),
                    ("hit p50", First, "p50"),
                    ("hit max floor", Ground, "max, none due"),
                ],
            },
        ],
        lanes: &[
            lane("lead p50", "lead p50", Time, Over("lead p50 floor")),
            lane("lead p50 floor", "none due", Time, Floor),
            lane("lead p99", "p99", Time, Over("lead p99 floor")),
            lane("lead p99 floor", "none due", Time, Floor),
            lane("lead max", "max", Time, Over("lead max floor")),
            lane("lead max floor", "none due", Time, Floor),
            lane("hit p50", "hit p50", Time, Over("hit p50 floor")),
            lane("hit p50 floor", "none due", Time, Floor),
            lane("hit p99", "p99", Time, Over("hit p99 floor")),
            lane("hit p99 floor", "none due", Time, Floor),
            lane("hit max", "max", Time, Over("hit max floor")),
            lane("hit max floor", "none due", Time, Floor),
            lane("leads to go", "leads until all are dropped", Count, Each),
        ],
        measure: expiry::measure,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_a_lane_and_so_is_every_floor() {
        for curve in ALL {
            let shown = curve.panels.iter().flat_map(|panel| panel.lines).map(|line| line.0);
            let floors = curve.lanes.iter().filter_map(|lane| match lane.kind {
                Over(floor) => Some(floor),
                Alone | Each | Floor => None,
            });
            for name in shown.chain(floors) {
                assert!(curve.lane(name).is_some(), "{}: {name}", curve.name);
            }
        }
    }

    #[test]
    fn the_lanes_of_a_panel_have_one_unit() {
        for panel in ALL.iter().flat_map(|curve| curve.panels.iter().map(move |it| (curve, it))) {
            let (curve, panel) = panel;
            let units = panel.lines.iter().filter_map(|line| Some(curve.lane(line.0)?.unit));
            let units: Vec<_> = units.collect();
            assert!(units.iter().all(|unit| *unit == units[0]), "{}", panel.title);
        }
    }
}
