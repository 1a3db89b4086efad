//! The meaning of the events of several processes: executions that overlap, and take-overs.
//!
//! The crate `lab` includes this file, so it knows no database and no phase.

use super::clock::Nanos;
use super::fleet::Who;

/// One execution of the function for a key.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    pub(super) who: Who,
    /// Its number in its process.
    pub(super) id: u64,
    pub(super) key: u64,
    pub(super) began: Nanos,
    /// `None` if it never returned.
    pub(super) ended: Option<Nanos>,
}

impl Execution {
    pub(super) fn is(&self, who: Who, id: u64) -> bool {
        self.who == who && self.id == id
    }
}

/// A process that was killed when an execution of it was seen to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    pub(super) at: Nanos,
    pub(super) who: Who,
    pub(super) id: u64,
    pub(super) key: u64,
}

/// The kills that came before the end of their execution.
pub(super) fn of_leaders<'k>(executions: &[Execution], kills: &'k [Kill]) -> Vec<&'k Kill> {
    let has_ended = |kill: &Kill| {
        let same = |execution: &&Execution| execution.is(kill.who, kill.id);
        executions.iter().find(same).is_some_and(|execution| execution.ended.is_some())
    };
    kills.iter().filter(|kill| !has_ended(kill)).collect()
}

/// Executions that began while another one of their key ran. One that never ended ran until its process was killed,
/// or until the end of everything.
pub(super) fn overlapping<'e>(
    executions: &'e [Execution],
    kills: &[Kill],
    until: Nanos,
) -> Vec<&'e Execution> {
    let end = |execution: &Execution| {
        let kill = || kills.iter().find(|kill| kill.who == execution.who);
        execution.ended.or_else(|| kill().map(|kill| kill.at)).unwrap_or(until)
    };
    let mut all: Vec<_> = executions.iter().collect();
    all.sort_by_key(|execution| (execution.key, execution.began));
    let mut last: Option<(u64, Nanos)> = None;
    all.retain(|execution| {
        let is_same = |(key, _): &(u64, Nanos)| *key == execution.key;
        let busy_until = last.filter(is_same).map_or(0, |(_, until)| until);
        last = Some((execution.key, busy_until.max(end(execution))));
        execution.began < busy_until
    });
    all
}

/// How long after each kill of a leader the next execution of the key began.
pub(super) fn takeovers(executions: &[Execution], kills: &[Kill]) -> Vec<Nanos> {
    let next = |kill: &Kill| {
        let later = executions.iter().filter(|execution| {
            execution.key == kill.key && execution.who != kill.who && execution.began > kill.at
        });
        later.map(|execution| execution.began - kill.at).min()
    };
    of_leaders(executions, kills).into_iter().filter_map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Who = Who { place: 0, generation: 0 };
    const THERE: Who = Who { place: 1, generation: 0 };
    const UNTIL: Nanos = 2000;

    /// A process, a key, a begin and an end.
    type Ran = (Who, u64, Nanos, Option<Nanos>);

    fn executions(all: &[Ran]) -> Vec<Execution> {
        let number = |(id, (who, key, began, ended)): (usize, &Ran)| {
            let (who, key, began, ended) = (*who, *key, *began, *ended);
            Execution { who, id: id as u64, key, began, ended }
        };
        all.iter().enumerate().map(number).collect()
    }

    const KILL: Kill = Kill { at: 1200, who: HERE, id: 0, key: 0 };

    #[test]
    fn executions_of_a_key_overlap_if_one_begins_before_another_has_ended() {
        let overlaps = |all: &[Ran]| overlapping(&executions(all), &[], UNTIL).len();
        assert_eq!(overlaps(&[(HERE, 0, 1000, Some(1100)), (THERE, 0, 1100, Some(1200))]), 0);
        assert_eq!(overlaps(&[(THERE, 0, 1099, Some(1200)), (HERE, 0, 1000, Some(1100))]), 1);
        assert_eq!(overlaps(&[(HERE, 0, 1000, Some(1100)), (THERE, 1, 1050, Some(1200))]), 0);
        let inside = (THERE, 0, 1010, Some(1020));
        let after = (THERE, 0, 1050, Some(1060));
        assert_eq!(overlaps(&[(HERE, 0, 1000, Some(1100)), inside, after]), 2);
    }

    #[test]
    fn a_killed_execution_lasts_until_the_kill() {
        let next = |began| executions(&[(HERE, 0, 1000, None), (THERE, 0, began, Some(1400))]);
        assert_eq!(overlapping(&next(1199), &[KILL], UNTIL).len(), 1);
        assert_eq!(overlapping(&next(1200), &[KILL], UNTIL).len(), 0);
        assert_eq!(takeovers(&next(1700), &[KILL]), [500]);
    }

    #[test]
    fn a_kill_after_the_end_of_the_function_is_none() {
        let kills = |ended| of_leaders(&executions(&[(HERE, 0, 1000, ended)]), &[KILL]).len();
        assert_eq!((kills(None), kills(Some(1150))), (1, 0));
    }

    #[test]
    fn a_kill_after_the_end_of_the_function_ends_the_other_executions_of_the_process() {
        let all =
            [(HERE, 0, 1000, Some(1150)), (HERE, 1, 1000, None), (THERE, 1, 1300, Some(1400))];
        assert_eq!(overlapping(&executions(&all), &[KILL], UNTIL).len(), 0);
    }
}
