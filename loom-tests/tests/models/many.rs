//! Calls of many keys: what they lead is published before they wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use coalescer::{Batch, Error, Role};
use coalescer_loom_tests::{Latch, Model, Stage, TICK, quietly_panics};

/// The answers to a call of many keys.
type Told = Vec<Result<Arc<u64>, Error<&'static str>>>;

/// Answers each key of a run with the number of its execution.
fn run(stage: &Stage, batch: &mut Batch<'_, u8, u64, &'static str>) -> Result<(), &'static str> {
    batch.answer_rest(|_| stage.run());
    Ok(())
}

/// Makes a call for these keys, none of which may be refused.
fn many(stage: &Stage, keys: &[u8]) -> Vec<u64> {
    values(stage.group.execute_many_with(keys, |batch| run(stage, batch)))
}

fn values(told: Told) -> Vec<u64> {
    told.into_iter().map(|one| *one.expect("nothing of this model fails")).collect()
}

/// S142: two calls of the same keys in opposite orders. None is refused, and no two executions of a key
/// run at a time.
#[test]
fn calls_in_opposite_orders_end() {
    let endings = ["one run", "a run each", "a key in common", "one after the other"];
    Model::new("{1, 2} against {2, 1}", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let other = stage.spawn(|stage| many(stage, &[2, 1]));
        let own = many(&stage, &[1, 2]);
        let other = other.join().expect("no panic");
        let stats = stage.group.stats();
        assert_eq!(stats.refused, 0, "no call waits for itself");
        let common = [own[0] == other[1], own[1] == other[0]].iter().filter(|one| **one).count();
        assert_eq!(stats.followers, common as u64);
        seen.note(match (common, stats.batches) {
            (2, 1) => endings[0],
            (2, _) => endings[1],
            (1, _) => endings[2],
            _ => endings[3],
        });
        stage.is_at_rest();
    });
}

/// S141: a call of many keys and a call of one of them.
#[test]
fn a_call_of_many_shares_with_a_call_of_one() {
    let endings = ["it followed", "it was followed", "nothing was shared"];
    Model::new("{1, 2} against 2", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let one = stage.spawn(|stage| stage.call(2));
        let told = many(&stage, &[1, 2]);
        let one = one.join().expect("no panic");
        let is_shared = told[1] == one.value;
        assert_eq!(stage.group.stats().executed_requests, 3 - u64::from(is_shared));
        seen.note(match (is_shared, one.role) {
            (true, Some(Role::Follower)) => endings[0],
            (true, _) => endings[1],
            (false, _) => endings[2],
        });
        stage.is_at_rest();
    });
}

/// S143: a call of many keys within a leader closes a cycle over one of the flights that it waits for.
#[test]
fn a_cycle_over_one_of_many_keys_is_refused() {
    let endings = ["the call of many was refused", "the other was refused", "no cycle"];
    Model::new("{3, 2} in 1 against 1 in 2", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let other = stage.spawn(|stage| {
            let mut refused = false;
            let run = || {
                refused = stage.group.execute(&1, || stage.run()).is_err();
                stage.run()
            };
            stage.group.execute(&2, run).expect("no outer call closes a cycle");
            refused
        });
        let mut refused = false;
        let outer = || {
            let told = stage.group.execute_many_with(&[3, 2], |batch| run(&stage, batch));
            assert!(told[0].is_ok(), "it is in no cycle");
            refused = matches!(told[1], Err(Error::WouldDeadlock));
            assert!(refused || told[1].is_ok());
            stage.run()
        };
        stage.group.execute(&1, outer).expect("no outer call closes a cycle");
        let other = other.join().expect("no panic");
        assert!(!(refused && other), "both were refused, and one is enough");
        seen.note(endings[if refused { 0 } else { 2 - usize::from(other) }]);
        stage.is_at_rest();
    });
}

/// S145: who follows a key that is answered early returns before the run ends.
#[test]
fn an_early_answer_wakes_who_follows_it() {
    let endings = ["it followed", "it came later", "it came before"];
    Model::new("an early answer against a call", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder);
        let told = Arc::new(Latch::new(1));
        let opens = Arc::clone(&told);
        let other = stage.spawn(move |stage| {
            let answer = stage.call(1);
            opens.count_down();
            answer
        });
        let answers = stage.group.execute_many_with(&[1, 2], |batch| {
            if batch.keys().contains(&1) {
                batch.answer(&1, stage.run());
                // The other call returns before this run does, whether it follows or leads.
                told.wait();
            }
            run(&stage, batch)
        });
        let other = other.join().expect("no panic");
        let own = **answers[0].as_ref().expect("nothing fails");
        seen.note(match (own == other.value, other.role) {
            (true, Some(Role::Follower)) => endings[0],
            (true, _) => endings[2],
            (false, _) => endings[1],
        });
        stage.is_at_rest();
    });
}

/// S148: a run panics when it has answered one key. The answer stands, and who follows the other is told.
#[test]
fn a_panic_leaves_the_answers_before_it() {
    let endings = ["told of the panic", "ran"];
    Model::new("a run panics, 1 follower", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let other =
            stage.spawn(|stage| stage.group.execute(&2, || stage.run()).map(|value| *value));
        let call = || {
            stage.group.execute_many_with(&[1, 2], |batch| {
                batch.answer_at(0, stage.run());
                if batch.keys().len() == 2 {
                    stage.begin();
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
                Ok(())
            })
        };
        let own = quietly_panics::<_, &str>(call);
        seen.note(match other.join().expect("no panic") {
            Err(Error::LeaderPanicked { .. }) => {
                assert!(own.is_err());
                endings[0]
            }
            Ok(_) => endings[1],
            Err(other) => panic!("a follower got {other:?}"),
        });
        assert!(stage.group.peek(&1).is_some(), "the answer stands");
        stage.is_at_rest();
    });
}

/// S28: a forget between the admission of a key and its outcome.
#[test]
fn a_forgotten_key_of_a_run_is_not_kept() {
    let endings = ["kept", "forgotten"];
    Model::new("{1, 2} against forget", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let forgetter = stage.spawn(|stage| {
            let begun_before = stage.begun();
            stage.group.forget(&2);
            begun_before
        });
        let told = many(&stage, &[1, 2]);
        let begun_before = forgetter.join().expect("no panic");
        let kept = stage.group.peek(&2).map(|value| *value);
        assert!(stage.group.peek(&1).is_some());
        assert!(kept.is_none_or(|kept| kept == told[1]));
        // An execution that had begun before the forget is not served after it.
        assert!(kept.is_none_or(|kept| kept > begun_before), "before the forget");
        seen.note(endings[usize::from(kept.is_none())]);
        stage.is_at_rest();
    });
}

/// S28 S141: a page that the window has when the call comes, of which another call forgets a key meanwhile.
#[test]
fn a_key_of_a_late_page_is_forgotten() {
    let endings = ["all late", "one was asked for"];
    Model::new("late {1, 2} against forget", endings).exhaustive().explore(move |seen| {
        let stage = Stage::new(|builder| builder.window(Duration::MAX));
        let first = many(&stage, &[1, 2]);
        let forgotten = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&forgotten);
        let forgetter = stage.spawn(move |stage| {
            stage.group.forget(&2);
            done.store(true, Relaxed);
        });
        let must_ask = forgotten.load(Relaxed);
        let told = many(&stage, &[1, 2]);
        forgetter.join().expect("no panic");
        assert_eq!(told[0], first[0], "nobody has forgotten it");
        let is_late = told[1] == first[1];
        assert!(!(must_ask && is_late), "before the forget");
        assert_eq!(stage.group.stats().late, 1 + u64::from(is_late));
        assert_eq!(stage.group.stats().batches, 2 - u64::from(is_late));
        seen.note(endings[usize::from(!is_late)]);
        stage.is_at_rest();
    });
}

/// S149: the deadline of a call against the end of a flight that it waits for.
#[test]
fn a_deadline_races_with_one_of_many_outcomes() {
    let endings = ["answered", "led", "timed out"];
    Model::new("{2, 1} with a deadline", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder.max_wait(TICK));
        let leader = stage.spawn(move |stage| {
            let mut other = None;
            let run = || {
                other = Some(stage.spawn(|stage| {
                    let mut led = false;
                    let told = stage.group.execute_many_with(&[2, 1], |batch| {
                        led |= batch.keys().contains(&1);
                        run(stage, batch)
                    });
                    assert!(told[0].is_ok(), "its own run has no deadline");
                    match &told[1] {
                        Ok(_) if led => "led",
                        Ok(_) => "answered",
                        Err(Error::TimedOut) => "timed out",
                        Err(other) => panic!("a wait ended as {other:?}"),
                    }
                }));
                stage.run()
            };
            stage.group.execute(&1, run).expect("nothing fails");
            other
        });
        stage.clock.advance(TICK);
        let other = leader.join().expect("no panic").expect("it led");
        seen.note(other.join().expect("no panic"));
        stage.is_at_rest();
    });
}

/// S151, S36: the leader of two keys is stuck. A call of both takes over both in one run, whether it waits or arrives then.
#[test]
fn a_call_takes_over_all_its_keys() {
    let endings = ["it arrived before they were due", "it arrived when they were due"];
    Model::new("take-over of two keys", endings).explore(move |seen| {
        let stage = Stage::new(|builder| builder.leader_timeout(TICK));
        let mut was_due = false;
        let told = stage.group.execute_many_with(&[1, 2], |batch| {
            let advanced = Arc::new(AtomicBool::new(false));
            let seen_by_other = Arc::clone(&advanced);
            let other = stage.spawn(move |stage| {
                let (was_due, mut runs) = (seen_by_other.load(Relaxed), 0);
                let told = stage.group.execute_many_with(&[2, 1], |batch| {
                    runs += 1;
                    run(stage, batch)
                });
                assert_eq!((values(told).len(), runs), (2, 1));
                was_due
            });
            stage.clock.advance(TICK);
            advanced.store(true, Relaxed);
            // It would wait for ever without a take-over.
            was_due = other.join().expect("no panic");
            run(&stage, batch)
        });
        assert!(told.iter().all(Result::is_ok));
        assert_eq!(stage.group.stats().takeovers, 2);
        seen.note(endings[usize::from(was_due)]);
        stage.is_at_rest();
    });
}
