//! A table whose leaders ask other processes: the local half, with a tier that has its answers ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coalescer::Role;
use coalescer::shared::{
    Ask, Asked, Attachment, Claim, Ended, Finished, ForgetEverywhere, Lease, Served, SharedBy, Tier,
};
use coalescer_loom_tests::{Model, Stage};

/// The answer to the nth question, from 1 on.
type Answers = for<'a> fn(u64, Ask<'a, u8>) -> Asked<'a, u64, &'static str>;

struct Script {
    copies: bool,
    shares: bool,
    asked: Arc<AtomicU64>,
    answers: Answers,
}

impl Tier<u8, u64, &'static str> for Script {
    fn keeps_copies(&self) -> bool {
        self.copies
    }

    fn shares(&self, _: &u8) -> bool {
        self.shares
    }

    fn ask<'a>(&'a self, ask: Ask<'a, u8>) -> Asked<'a, u64, &'static str> {
        let question = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        (self.answers)(question, ask)
    }

    fn forget(&self, _: &u8) -> ForgetEverywhere<bool> {
        Ok(false)
    }

    fn forget_all(&self) -> ForgetEverywhere<()> {
        Ok(())
    }
}

impl<S> SharedBy<u8, u64, &'static str, S> for Script {
    fn attach(
        self,
        _: Attachment<'_, u8, u64, &'static str, S>,
    ) -> Option<Arc<dyn Tier<u8, u64, &'static str>>> {
        Some(Arc::new(self))
    }
}

/// A stage with this tier, and the number of questions so far.
fn stage(copies: bool, answers: Answers) -> (Stage, Arc<AtomicU64>) {
    stage_with(Script { copies, shares: true, asked: Arc::default(), answers })
}

fn stage_with(script: Script) -> (Stage, Arc<AtomicU64>) {
    let asked = Arc::clone(&script.asked);
    (Stage::with_tier(script), asked)
}

/// A result that began when the question was asked, and may be kept.
fn served(value: u64, ask: Ask<'_, u8>) -> Served<u64, &'static str> {
    Served::new(Ended::Value(Arc::new(value)), ask.asked()).keep(true)
}

/// S77, S80: one call asks. The other follows it, or finds the copy.
#[test]
fn a_result_from_elsewhere_is_asked_for_once() {
    let endings = ["the other followed", "the other was late"];
    Model::new("2 calls, one question", endings).exhaustive().explore(move |seen| {
        let (stage, asked) = stage(true, |_, ask| Asked::Served(served(7, ask)));
        let other = stage.spawn(|stage| stage.call(1));
        let answers = [stage.call(1), other.join().expect("no panic")];
        assert!(answers.iter().all(|answer| answer.value == 7));
        let has = |role| answers.iter().any(|answer| answer.role == Some(role));
        assert!(has(Role::Shared));
        seen.note(if has(Role::Follower) { endings[0] } else { endings[1] });
        assert_eq!((asked.load(Ordering::Relaxed), stage.begun()), (1, 0));
        assert_eq!(stage.group.stats().shared, 1);
        stage.is_at_rest();
    });
}

/// S79: the call that asked first leaves. Exactly one of the others asks next, and gets an answer.
#[test]
fn a_leader_that_leaves_gives_its_place_away() {
    let endings = ["one that waited asked", "one that came asked"];
    Model::new("a leader resigns, 2 calls", endings).explore(move |seen| {
        let (stage, asked) = stage(true, |question, ask| match question {
            1 => Asked::TimedOut,
            _ => Asked::Served(served(7, ask)),
        });
        let others =
            [(); 2].map(|()| stage.spawn(|stage| stage.group.call(&1).outcome(|| stage.run())));
        let own = stage.group.call(&1).outcome(|| stage.run());
        let others = others.map(|other| other.join().expect("no panic"));
        let answers = [own, others[0].clone(), others[1].clone()];
        let (told, left): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.is_ok());
        assert_eq!((told.len(), left.len()), (2, 1));
        assert!(left.iter().all(|answer| answer.as_ref().is_err_and(|error| error.is_timeout())));
        let waited = told
            .iter()
            .flat_map(|answer| answer.as_ref())
            .any(|outcome| outcome.role == Role::Follower);
        seen.note(if waited { endings[0] } else { endings[1] });
        assert_eq!((asked.load(Ordering::Relaxed), stage.begun()), (2, 0));
        assert_eq!((stage.group.stats().timed_out, stage.group.stats().shared), (1, 1));
        stage.is_at_rest();
    });
}

/// S78: the first answer is for nobody but the call that asked.
#[test]
fn a_result_that_is_too_old_for_the_others_is_its_leaders_alone() {
    let endings = ["the next question came at once", "the first call had returned"];
    Model::new("a late result, 2 calls", endings).exhaustive().explore(move |seen| {
        let (stage, asked) = stage(true, |question, ask| match question {
            1 => Asked::Served(served(1, ask).good_until(ask.asked()).keep(false)),
            _ => Asked::Served(served(2, ask)),
        });
        let call = |stage: &Stage, asked: &AtomicU64| {
            let answer = stage.call(1);
            // The lock of the shard lets the other thread go first.
            let _ = stage.group.stats();
            (answer, asked.load(Ordering::Relaxed))
        };
        let questions = Arc::clone(&asked);
        let other = stage.spawn(move |stage| call(stage, &questions));
        let own = call(&stage, &asked);
        let mut answers = [own, other.join().expect("no panic")];
        answers.sort_by_key(|(answer, _)| answer.value);
        let [(first, asked_then), (second, _)] = answers;
        assert_eq!((first.value, second.value), (1, 2));
        assert_eq!((first.role, second.role), (Some(Role::Shared), Some(Role::Shared)));
        seen.note(if asked_then == 2 { endings[0] } else { endings[1] });
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        stage.is_at_rest();
    });
}

/// S80: without copies, a call that comes after the question waits for the next flight.
#[test]
fn without_copies_an_answer_is_for_those_that_came_before_the_question() {
    let endings = ["before the question", "after it", "after the first call"];
    Model::new("no copies, 2 calls", endings).exhaustive().explore(move |seen| {
        let (stage, asked) =
            stage(false, |question, ask| Asked::Served(served(question, ask).keep(false)));
        let call = |stage: &Stage, asked: &AtomicU64| {
            let before = asked.load(Ordering::Relaxed);
            (before, stage.call(1), asked.load(Ordering::Relaxed))
        };
        let questions = Arc::clone(&asked);
        let other = stage.spawn(move |stage| call(stage, &questions));
        let own = call(&stage, &asked);
        for (before, answer, after) in [&own, &other.join().expect("no panic")] {
            assert!(answer.value > *before, "the answer was on its way when the call came");
            let follows = answer.role == Some(Role::Follower);
            match (follows, answer.value) {
                (true, 1) => seen.note(endings[0]),
                (false, 2) if *before == 1 => seen.note(endings[2]),
                (false, 2) => seen.note(endings[1]),
                (false, 1) => assert!(*after >= 1),
                other => panic!("{other:?}"),
            }
        }
        stage.is_at_rest();
    });
}

/// S80: a key that stays in its process is one run, whenever the other call comes.
#[test]
fn calls_join_the_flight_of_a_key_that_stays() {
    let endings = ["the other followed", "the other was late"];
    Model::new("no copies, a key that stays, 2 calls", endings).exhaustive().explore(move |seen| {
        let answers: Answers = |_, _| Asked::Alone { keep: true };
        let asked = Arc::default();
        let (stage, asked) = stage_with(Script { copies: false, shares: false, asked, answers });
        let other = stage.spawn(|stage| stage.call(1));
        let answers = [stage.call(1), other.join().expect("no panic")];
        assert!(answers.iter().all(|answer| answer.value == 1), "two runs of one herd");
        let follows = answers.iter().any(|answer| answer.role == Some(Role::Follower));
        seen.note(endings[usize::from(!follows)]);
        assert_eq!((asked.load(Ordering::Relaxed), stage.begun()), (1, 1));
        stage.is_at_rest();
    });
}

struct Doubtful;

impl Lease<u64, &'static str> for Doubtful {
    fn may_keep(&self) -> bool {
        true
    }

    fn end(self: Box<Self>, _: Finished<'_, u64, &'static str>) -> bool {
        false
    }
}

/// S28, S80: a copy whose publication is not certain goes, and not the result of a younger flight.
#[test]
fn a_copy_that_is_not_certain_takes_no_other_with_it() {
    let endings = ["the copy went", "a younger result stayed"];
    Model::new("a doubtful copy, forget", endings).explore(move |seen| {
        let (stage, asked) = stage(true, |question, ask| match question {
            1 => Asked::Lead(Claim::new(Doubtful, ask.asked())),
            _ => Asked::Served(served(99, ask)),
        });
        let other = stage.spawn(|stage| {
            stage.group.forget(&1);
            stage.call(1)
        });
        let own = stage.call(1);
        let other = other.join().expect("no panic");
        assert!([own.value, other.value].contains(&1));
        let before = asked.load(Ordering::Relaxed);
        assert_eq!(stage.call(1).value, 99, "nothing of the doubtful run is kept");
        let kept = asked.load(Ordering::Relaxed) == before;
        seen.note(if kept { endings[1] } else { endings[0] });
        stage.is_at_rest();
    });
}

/// S80: without copies, calls join while the function runs. If the key was forgotten since the claim, the leader has
/// its result alone, unless all others came before the claim.
#[test]
fn without_copies_a_forgotten_result_is_for_those_that_came_before_the_claim() {
    let endings = ["before the claim", "after it"];
    Model::new("no copies, forgotten, 2 calls", endings).explore(move |seen| {
        let (stage, asked) = stage(false, |question, ask| match question {
            1 => Asked::Lead(Claim::new(Doubtful, ask.asked())),
            _ => Asked::Served(served(99, ask).keep(false)),
        });
        let call = |stage: &Stage, asked: &AtomicU64| {
            let before = asked.load(Ordering::Relaxed);
            (before, stage.call(1))
        };
        let questions = Arc::clone(&asked);
        let other = stage.spawn(move |stage| call(stage, &questions));
        let answers = [call(&stage, &asked), other.join().expect("no panic")];
        for (before, answer) in answers {
            match (answer.role, answer.value) {
                (Some(Role::Leader), 1) => {}
                (Some(Role::Follower), 1) => {
                    assert_eq!(before, 0, "a forgotten result");
                    seen.note(endings[0]);
                }
                (Some(Role::Shared), 99) => seen.note(endings[1]),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(stage.begun(), 1);
        stage.is_at_rest();
    });
}
