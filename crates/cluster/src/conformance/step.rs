//! The steps of a sequence, by numbers: of processes, of claims and of flights.

use crate::engine::{Can, Manner, Wakes};

use super::dice::Dice;

/// So many processes.
pub(super) const PROCESSES: usize = 3;

/// Times are multiples of the unit. Time passes by multiples of four, and no sum of the other times, and of up
/// to two leases, is a multiple of four: so no two moments are equal, and none depends on a step's duration.
pub(super) const LEASE: u32 = 21;
pub(super) const WINDOWS: [u32; 3] = [14, 30, 90];
pub(super) const TIMEOUT: u32 = 10;
pub(super) const JOIN_AGE: u32 = 18;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Claim(Claims),
    /// The claim of that number hands in an outcome.
    Publish {
        claim: usize,
        keep: Option<u32>,
        is_large: bool,
        is_error: bool,
    },
    Release {
        claim: usize,
        end: Ending,
    },
    Renew {
        claims: Vec<usize>,
    },
    Forget {
        process: usize,
    },
    ForgetAll {
        process: usize,
    },
    /// Bytes that were published, by their number, or other bytes.
    Discard {
        publication: Option<usize>,
    },
    Fetch {
        flight: usize,
    },
    Listen {
        process: usize,
    },
    Hang {
        process: usize,
    },
    Confirm {
        to: usize,
        by: usize,
    },
    Pass {
        units: u32,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Claims {
    pub(super) process: usize,
    /// Repeats the claim of that number, which has not led.
    pub(super) again: Option<usize>,
    /// Sends it twice, as if the first answer were lost.
    pub(super) is_doubled: bool,
    pub(super) manner: Manner,
    pub(super) excluded: Option<usize>,
    pub(super) joined: Option<usize>,
    pub(super) keeps_copies: bool,
    pub(super) has_timeout: bool,
    pub(super) has_join_age: bool,
    pub(super) max_leaders: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    AskAgain,
    RunYourOwn,
    Panicked,
}

/// The steps so far, which a random step chooses from.
pub(super) struct Seen<'a> {
    pub(super) can: Can,
    /// The number of claims so far.
    pub(super) claims: usize,
    /// The claims that were told to lead.
    pub(super) leads: &'a [usize],
    pub(super) flights: usize,
    pub(super) publications: usize,
}

impl Step {
    pub(super) fn random(dice: &mut Dice, seen: &Seen<'_>) -> Self {
        let sends = seen.can.wakes == Wakes::Messages;
        let process = dice.below(PROCESSES);
        match dice.below(if sends { 24 } else { 20 }) {
            0..=8 => Self::Claim(Claims::random(dice, seen, process)),
            9..=12 => Self::Publish {
                claim: lead(dice, seen),
                keep: (!dice.one_in(4)).then(|| WINDOWS[dice.below(WINDOWS.len())]),
                is_large: dice.one_in(5),
                is_error: dice.one_in(4),
            },
            13 | 14 => {
                let ends = [Ending::AskAgain, Ending::RunYourOwn, Ending::Panicked];
                Self::Release { claim: lead(dice, seen), end: ends[dice.below(ends.len())] }
            }
            15 => Self::Renew { claims: (0..dice.below(4)).map(|_| lead(dice, seen)).collect() },
            16 => Self::Forget { process },
            17 if dice.one_in(2) => Self::ForgetAll { process },
            18 if dice.one_in(2) => {
                let of_any = (!dice.one_in(3)).then(|| dice.below(seen.publications));
                Self::Discard { publication: of_any }
            }
            17..=19 => Self::Pass { units: 4 * (1 + u32::try_from(dice.below(6)).unwrap_or(0)) },
            20 => Self::Fetch { flight: dice.below(seen.flights) },
            21 => Self::Hang { process },
            22 => Self::Listen { process },
            _ => Self::Confirm { to: dice.below(PROCESSES), by: process },
        }
    }
}

impl Claims {
    fn random(dice: &mut Dice, seen: &Seen<'_>, process: usize) -> Self {
        let sends = seen.can.wakes == Wakes::Messages;
        let manners = [Manner::Normal, Manner::Fresh, Manner::Try, Manner::Suspect];
        // Half of them are normal.
        let at = dice.below(2 * manners.len());
        let manner = manners.get(at).copied().unwrap_or_default();
        let flight = |dice: &mut Dice, throws: usize| {
            let is_there = seen.flights > 0 && dice.one_in(throws);
            // Often the youngest.
            let back = if dice.one_in(2) { 0 } else { dice.below(seen.flights) };
            is_there.then(|| seen.flights - 1 - back)
        };
        let waiting = |claim: &usize| !seen.leads.contains(claim);
        let waiting: Vec<_> = (0..seen.claims).filter(waiting).collect();
        Self {
            process,
            again: if dice.one_in(6) { dice.pick(&waiting) } else { None },
            is_doubled: dice.one_in(6),
            manner,
            excluded: flight(dice, 4),
            joined: flight(dice, 3),
            keeps_copies: sends && !dice.one_in(3),
            has_timeout: seen.can.leases && dice.one_in(3),
            has_join_age: seen.can.leases && dice.one_in(4),
            max_leaders: 1 + u32::try_from(dice.below(3)).unwrap_or(0),
        }
    }
}

/// Mostly a claim that was told to lead.
fn lead(dice: &mut Dice, seen: &Seen<'_>) -> usize {
    let recent = &seen.leads[seen.leads.len().saturating_sub(3)..];
    let lead = if dice.one_in(8) { None } else { dice.pick(recent) };
    lead.unwrap_or_else(|| dice.below(seen.claims))
}
