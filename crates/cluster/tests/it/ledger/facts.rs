//! The facts about a key, and what they say together.

use std::collections::BTreeMap;
use std::time::Duration;

use coalescer_cluster::engine::*;

/// The time since the ledger was begun.
pub(super) type Stamp = Duration;

/// The events of a key, in order.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// A flight began. It is named after the token.
    Began {
        flight: String,
        at: Stamp,
    },
    /// An execution of a flight began.
    Ran {
        flight: String,
        token: Token,
        presence: Presence,
        at: Stamp,
    },
    Lease {
        token: Token,
        lease: Duration,
        at: Stamp,
    },
    /// An execution is over, or was taken over.
    Out {
        token: Token,
    },
    Enrolled {
        flight: String,
        inbox: Inbox,
        presence: Presence,
        wants_outcome: bool,
    },
    Ended {
        flight: String,
    },
    /// A younger flight began beside it.
    Superseded {
        flight: String,
    },
    /// Everything before is forgotten.
    Forgotten,
    Kept {
        flight: String,
        bytes: Vec<u8>,
        began: Stamp,
        until: Stamp,
    },
    Removed,
    HandedOn {
        flight: String,
        bytes: Vec<u8>,
        until: Stamp,
        kept: bool,
    },
    MayHold {
        inbox: Inbox,
        until: Stamp,
    },
}

#[derive(Default)]
pub(super) struct Facts {
    pub(super) all: Vec<Fact>,
    /// The `forget_all`s that are among the facts.
    forgets_noticed: u64,
}

pub(super) struct Leader {
    pub(super) token: Token,
    pub(super) presence: Presence,
    pub(super) lease: Duration,
    pub(super) lease_end: Stamp,
}

pub(super) struct Result {
    pub(super) flight: String,
    pub(super) bytes: Vec<u8>,
    pub(super) began: Stamp,
    pub(super) until: Stamp,
}

impl Facts {
    /// All facts go when none of them matters any more.
    pub(super) fn begin_step(&mut self, forgets: u64, now: Stamp) {
        if self.matter_until() <= now {
            self.all.clear();
        }
        if forgets != self.forgets_noticed {
            self.forgets_noticed = forgets;
            self.all.push(Fact::Forgotten);
        }
    }

    fn matter_until(&self) -> Stamp {
        let leases = self.flights().into_iter().flat_map(|flight| self.leaders(&flight));
        let leases = leases.map(|leader| leader.lease_end + leader.lease);
        let holds = self.holders().into_values();
        let kept = self.result_until().into_iter();
        let handed_on = self.all.iter().filter_map(|fact| match fact {
            Fact::HandedOn { until, .. } => Some(*until),
            _ => None,
        });
        leases.chain(holds).chain(kept).chain(handed_on).max().unwrap_or_default()
    }

    fn result_until(&self) -> Option<Stamp> {
        self.result(Stamp::ZERO).map(|result| result.until)
    }

    /// The flights that have begun and not ended.
    pub(super) fn flights(&self) -> Vec<String> {
        let began = self.all.iter().filter_map(|fact| match fact {
            Fact::Began { flight, .. } => Some(flight.clone()),
            _ => None,
        });
        began
            .filter(|flight| {
                !self.says(|fact| matches!(fact, Fact::Ended { flight: ended } if ended == flight))
            })
            .collect()
    }

    pub(super) fn says(&self, of: impl Fn(&Fact) -> bool) -> bool {
        self.all.iter().any(of)
    }

    pub(super) fn is_forgotten(&self, flight: &str) -> bool {
        let facts = self.all.iter();
        let after = facts.skip_while(
            |fact| !matches!(fact, Fact::Began { flight: began, .. } if began == flight),
        );
        after.into_iter().any(|fact| matches!(fact, Fact::Forgotten))
    }

    fn is_superseded(&self, flight: &str) -> bool {
        self.says(|fact| matches!(fact, Fact::Superseded { flight: it } if it == flight))
    }

    pub(super) fn is_current(&self, flight: &str) -> bool {
        !self.is_forgotten(flight) && !self.is_superseded(flight)
    }

    pub(super) fn current(&self) -> Option<String> {
        self.flights().into_iter().find(|flight| self.is_current(flight))
    }

    pub(super) fn began(&self, flight: &str) -> Stamp {
        let began = self.all.iter().find_map(|fact| match fact {
            Fact::Began { flight: it, at } if it == flight => Some(*at),
            _ => None,
        });
        began.expect("a flight has begun")
    }

    pub(super) fn youngest(&self, flight: &str) -> Stamp {
        let ran = self.all.iter().filter_map(|fact| match fact {
            Fact::Ran { flight: it, at, .. } if it == flight => Some(*at),
            _ => None,
        });
        ran.max().expect("a flight has had an execution")
    }

    /// Those who lead a flight, in order, whether or not their leases stand.
    pub(super) fn leaders(&self, flight: &str) -> Vec<Leader> {
        let ran = self.all.iter().filter_map(|fact| match fact {
            Fact::Ran { flight: it, token, presence, .. } if it == flight => {
                Some((token, *presence))
            }
            _ => None,
        });
        let runs = ran.filter(|(token, _)| {
            !self.says(|fact| matches!(fact, Fact::Out { token: out } if out == *token))
        });
        let leader = |(token, presence): (&Token, Presence)| {
            let (lease, at) = self.last_lease(token);
            Leader { token: token.clone(), presence, lease, lease_end: at + lease }
        };
        runs.map(leader).collect()
    }

    fn last_lease(&self, token: &Token) -> (Duration, Stamp) {
        let mut leases = self.all.iter().filter_map(|fact| match fact {
            Fact::Lease { token: it, lease, at } if it == token => Some((*lease, *at)),
            _ => None,
        });
        leases.next_back().expect("who leads has a lease")
    }

    pub(super) fn live(&self, flight: &str, now: Stamp) -> usize {
        self.leaders(flight).iter().filter(|leader| now < leader.lease_end).count()
    }

    /// The flight that a token leads.
    pub(super) fn led_by(&self, token: &Token) -> Option<String> {
        let leads =
            |flight: &String| self.leaders(flight).iter().any(|leader| leader.token == *token);
        self.flights().into_iter().find(leads)
    }

    /// Those who wait, in the order of their first enrolment, and if they wait for the outcome.
    pub(super) fn enrolled(&self, of: &str) -> Vec<(Inbox, Presence, bool)> {
        let mut all: Vec<(Inbox, Presence, bool)> = Vec::new();
        for fact in &self.all {
            let Fact::Enrolled { flight, inbox, presence, wants_outcome } = fact else { continue };
            if flight != of {
                continue;
            }
            match all.iter_mut().find(|(known, ..)| known == inbox) {
                Some(known) => *known = (inbox.clone(), *presence, known.2 || *wants_outcome),
                None => all.push((inbox.clone(), *presence, *wants_outcome)),
            }
        }
        all
    }

    /// The last result, unless something has taken it away.
    pub(super) fn result(&self, now: Stamp) -> Option<Result> {
        let mut result = None;
        for fact in &self.all {
            match fact {
                Fact::Kept { flight, bytes, began, until } => {
                    let (flight, bytes) = (flight.clone(), bytes.clone());
                    result = Some(Result { flight, bytes, began: *began, until: *until });
                }
                Fact::Began { .. } | Fact::Forgotten | Fact::Removed => result = None,
                _ => {}
            }
        }
        result.filter(|result| now < result.until)
    }

    pub(super) fn holders(&self) -> BTreeMap<Inbox, Stamp> {
        let mut holders = BTreeMap::new();
        for fact in &self.all {
            if let Fact::MayHold { inbox, until } = fact {
                let known = holders.entry(inbox.clone()).or_insert(*until);
                *known = (*known).max(*until);
            }
        }
        holders
    }
}
