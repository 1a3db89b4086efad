//! A run that is answered in unusual places: another thread, a destructor, after a panic that the function has caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use coalescer::{Batch, Batcher, Error, Group};

use super::{Ids, Many, Told, followers, many, values};
use crate::support::{text, wait_until, watched};

type Page<'b> = Batch<'b, u32, u32, String>;

/// A call of the keys 1, 2 and 3 that the test lets go on, with calls in other threads that follow each of them.
struct Led {
    group: Ids,
    go: Sender<()>,
    call: JoinHandle<Told>,
    followers: [Many; 3],
}

/// Starts the call, and returns when all wait. The run begins with a wait for the test.
fn led(
    run: impl FnOnce(&mut Page<'_>, Receiver<()>) -> Result<(), String> + Send + 'static,
) -> Led {
    let group: Ids = Group::builder().window(Duration::MAX).build();
    let ((begin, begun), (go, told_to_go)) = (channel(), channel());
    let own = group.clone();
    let call = thread::spawn(move || {
        let mut run = Some((run, told_to_go));
        own.execute_many_with(&[1, 2, 3], |batch| {
            begin.send(()).unwrap();
            let (run, told_to_go) = run.take().expect("it runs once");
            told_to_go.recv().unwrap();
            run(batch, told_to_go)
        })
    });
    begun.recv().unwrap();
    let followers_of = [&[1][..], &[2], &[3]].map(|keys| many(&group, keys));
    wait_until(|| [1, 2, 3].iter().all(|key| followers(&group, *key) == 1));
    Led { group, go, call, followers: followers_of }
}

/// Answers the key 1 twice when it is dropped, and tells if these answers count.
struct AnswersLate<'a, 'b>(&'a mut Page<'b>, Sender<[bool; 2]>);

impl Drop for AnswersLate<'_, '_> {
    fn drop(&mut self) {
        let counts = [10, 11].map(|value| self.0.answer(&1, Ok(value)));
        self.1.send(counts).ok();
    }
}

/// The answer that a call of one key got without a run of its own.
fn told(call: Many) -> Result<u32, Error<String>> {
    call.join_unrun().pop().unwrap().map(|value| *value)
}

#[test]
fn another_thread_answers_and_the_followers_need_not_wait_for_the_function() {
    // S145 S147
    watched(|| {
        let (answered, is_answered) = channel();
        let led = led(move |batch, told_to_end| {
            thread::scope(|threads| {
                threads.spawn(|| {
                    assert!(batch.answer(&2, Ok(20)) && !batch.answer(&2, Ok(21)));
                    assert!(batch.answer_at(0, Err("down".into())));
                    assert!(!batch.answer(&4, Ok(40)), "nobody asked");
                });
            });
            answered.send(()).unwrap();
            told_to_end.recv().unwrap();
            Ok(())
        });
        led.go.send(()).unwrap();
        is_answered.recv().unwrap();
        let [one, two, three] = led.followers;
        assert_eq!(told(two).unwrap(), 20);
        assert!(told(one).unwrap_err().is_failed());
        assert_eq!(followers(&led.group, 3), 1, "the function goes on");
        led.go.send(()).unwrap();
        assert!(told(three).unwrap_err().is_missing());
        let own = led.call.join().unwrap();
        assert_eq!(own[1].as_deref().unwrap(), &20);
        assert!(own[0].as_ref().unwrap_err().is_failed());
        assert!(own[2].as_ref().unwrap_err().is_missing());
        let stats = led.group.stats();
        assert_eq!((stats.executed_requests, stats.failed, stats.in_flight), (3, 2, 0));
        assert_eq!(led.group.peek(&2).as_deref(), Some(&20));
    });
}

#[test]
fn a_batcher_is_answered_by_one_thread_after_the_other() {
    // S145 S140
    watched(|| {
        let batcher = Batcher::builder().window(Duration::MAX).max_batch(5).build_with(
            |batch: &mut Page<'_>| {
                for place in 0..batch.keys().len() {
                    let value = batch.keys()[place] * 10;
                    thread::scope(|threads| {
                        threads.spawn(|| assert!(batch.answer_at(place, Ok(value))));
                    });
                }
                Ok(())
            },
        );
        let keys: Vec<u32> = (0..12).collect();
        let tens: Vec<u32> = keys.iter().map(|key| key * 10).collect();
        assert_eq!(values(batcher.execute_many(&keys)), tens);
        assert!(keys.iter().all(|key| batcher.peek(key).is_some()));
        assert_eq!((batcher.stats().batches, batcher.stats().in_flight), (3, 0));
    });
}

#[test]
fn the_rules_about_sharing_see_an_answer_on_the_thread_that_gives_it() {
    // S145 S40
    watched(|| {
        let (saw, seen) = channel();
        let group: Ids = Group::builder()
            .window(Duration::MAX)
            .share_if(move |value: &u32| {
                saw.send(thread::current().id()).unwrap();
                *value != 20
            })
            .build();
        let mut answers = None;
        let told = group.execute_many_with(&[1, 2, 3], |batch| {
            thread::scope(|threads| {
                let answering = threads.spawn(|| {
                    batch.answer(&1, Ok(10));
                    batch.answer(&2, Ok(20));
                });
                answers = Some(answering.thread().id());
            });
            batch.answer(&3, Ok(30));
            Ok(())
        });
        assert_eq!(values(told), [10, 20, 30]);
        let (other, own) = (answers.unwrap(), thread::current().id());
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [other, other, own]);
        assert!(group.peek(&1).is_some() && group.peek(&2).is_none());
    });
}

#[test]
fn a_panic_of_the_thread_that_answers_is_the_panic_of_the_run() {
    // S145 S148
    watched(|| {
        let led = led(|batch, _| {
            let answers = thread::scope(|threads| {
                let answers = || {
                    batch.answer(&2, Ok(20));
                    panic!("on purpose")
                };
                threads.spawn(answers).join()
            });
            std::panic::resume_unwind(answers.map(|()| "it panics").unwrap_err())
        });
        led.go.send(()).unwrap();
        assert_eq!(text(&*led.call.join().unwrap_err()), "on purpose");
        let [one, two, three] = led.followers;
        assert_eq!(told(two).unwrap(), 20, "the answer stands");
        for call in [one, three] {
            let Err(Error::LeaderPanicked { message }) = told(call) else { panic!("it is open") };
            assert_eq!(message.as_deref(), Some("on purpose"));
        }
        assert!(led.group.in_flight().is_empty());
    });
}

#[test]
fn a_value_that_answers_when_it_is_dropped_answers_before_the_end_of_the_run() {
    // S145 S146 S147 S148: while the function unwinds, returns an error, or returns.
    watched(|| {
        for ending in ["panic", "error", "ok"] {
            let (tell, counts) = channel();
            let led = led(move |batch, _| {
                let late = AnswersLate(batch, tell);
                late.0.answer(&2, Ok(20));
                match ending {
                    "panic" => panic!("on purpose"),
                    "error" => Err("down".into()),
                    _ => Ok(()),
                }
            });
            led.go.send(()).unwrap();
            let own = led.call.join();
            assert_eq!(counts.recv().unwrap(), [true, false], "the first answer counts");
            let [one, two, three] = led.followers;
            assert_eq!((told(one).unwrap(), told(two).unwrap()), (10, 20));
            let open = told(three).unwrap_err();
            match ending {
                "panic" => {
                    assert!(open.is_panic());
                    assert_eq!(text(&*own.unwrap_err()), "on purpose");
                }
                _ => {
                    assert_eq!(
                        (open.is_failed(), open.is_missing()),
                        (ending == "error", ending == "ok")
                    );
                    let own = own.unwrap();
                    let kept = [0, 1].map(|place: usize| **own[place].as_ref().unwrap());
                    assert_eq!((kept, own[2].is_err()), ([10, 20], true));
                }
            }
            let kept = [1, 2, 3].map(|key| led.group.peek(&key).map(|value| *value));
            assert_eq!(kept, [Some(10), Some(20), None]);
            let stats = led.group.stats();
            assert_eq!(
                (stats.executed_requests, stats.panicked),
                (3, u64::from(ending == "panic"))
            );
            assert_eq!((stats.total_requests, stats.in_flight), (6, 0));
        }
    });
}

#[test]
fn a_function_that_has_caught_its_own_panic_answers_as_ever() {
    // S145 S147: the panic is the function's affair.
    watched(|| {
        let led = led(|batch, _| {
            let fails = AssertUnwindSafe(|| {
                assert!(batch.answer(&2, Ok(20)));
                panic!("on purpose")
            });
            let panic = catch_unwind(fails).map(|()| "it panics").unwrap_err();
            assert_eq!(text(&*panic), "on purpose");
            assert!(!batch.answer(&2, Ok(21)), "it has its answer from before the panic");
            assert!(batch.answer(&1, Ok(10)));
            Ok(())
        });
        led.go.send(()).unwrap();
        let own = led.call.join().unwrap();
        let answered = [0, 1].map(|place: usize| **own[place].as_ref().unwrap());
        assert_eq!((answered, own[2].as_ref().unwrap_err().is_missing()), ([10, 20], true));
        let [one, two, three] = led.followers;
        assert_eq!((told(one).unwrap(), told(two).unwrap()), (10, 20));
        assert!(told(three).unwrap_err().is_missing());
        let stats = led.group.stats();
        assert_eq!((stats.executed_requests, stats.panicked, stats.failed), (3, 0, 1));
        assert!(led.group.in_flight().is_empty());
    });
}

#[test]
fn a_panic_that_answer_rest_brings_is_caught_and_the_rest_is_answered() {
    // S145 S147: the key whose answer panics is open as before.
    watched(|| {
        let led = led(|batch, _| {
            let fails = AssertUnwindSafe(|| {
                batch.answer_rest(|key| match key {
                    2 => panic!("on purpose"),
                    _ => Ok(key * 10),
                })
            });
            assert!(catch_unwind(fails).is_err());
            assert_eq!(batch.answer_rest(|key| Ok(key * 100)), 2, "2 and 3 are open");
            Ok(())
        });
        led.go.send(()).unwrap();
        assert_eq!(values(led.call.join().unwrap()), [10, 200, 300]);
        assert_eq!(led.followers.map(|call| told(call).unwrap()), [10, 200, 300]);
        assert_eq!((led.group.stats().panicked, led.group.stats().in_flight), (0, 0));
    });
}
