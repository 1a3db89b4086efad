//! Tickets as receivers of crossbeam-channel, and as calls of a function.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use coalescer::at_rest::of_group;
use coalescer::{Group, Job, Receiver};
use crossbeam_channel::{TryRecvError, after, select};

use crate::jobs::{Jobs, assert_at_rest, never, queued};
use crate::support::{MS, Numbers, lead, watched};

#[test]
fn a_receiver_gets_the_outcome_when_the_flight_ends() {
    // S1 S4 S46: of a leader, of a follower, and of a call that is served at once
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder().window(Duration::MAX).executor(executor).build();
        let receivers = [group.submit("k", || Ok(1)), group.submit("k", never)]
            .map(|ticket| ticket.unwrap().into_receiver());
        for receiver in &receivers {
            assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Empty);
        }
        jobs.next().run();
        let late = group.submit("k", never).unwrap().into_receiver();
        let values = receivers.each_ref().map(|receiver| receiver.try_recv().unwrap().unwrap());
        assert!(Arc::ptr_eq(&values[0], &values[1]));
        assert!(Arc::ptr_eq(&values[0], &late.try_recv().unwrap().unwrap()));
        // The channel gets exactly one message.
        assert_eq!(late.try_recv().unwrap_err(), TryRecvError::Disconnected);
        assert_at_rest(&group);
    });
}

#[test]
fn a_ticket_whose_flight_has_ended_makes_a_receiver_that_is_full() {
    // S6
    watched(|| {
        let (group, jobs) = queued();
        let tickets = [group.submit("k", || Ok(1)), group.submit("k", never)];
        jobs.next().run();
        for ticket in tickets {
            assert_eq!(*ticket.unwrap().into_receiver().try_recv().unwrap().unwrap(), 1);
        }
    });
}

#[test]
fn a_receiver_is_told_of_errors_panics_and_dropped_jobs() {
    // S16 S22 S25
    watched(|| {
        let (group, jobs) = queued();
        let functions: [fn() -> Result<u32, String>; 3] =
            [|| Err("down".into()), || panic!("on purpose"), never];
        for (nth, function) in functions.into_iter().enumerate() {
            let receivers = [group.submit("k", function), group.submit("k", never)]
                .map(|ticket| ticket.unwrap().into_receiver());
            let job = jobs.next();
            if nth == 2 {
                drop(job);
                // The follower is to begin the flight now, and its job is lost too (S71).
                drop(jobs.next());
            } else {
                job.run()
            }
            for receiver in receivers {
                let error = receiver.recv().unwrap().unwrap_err();
                let told = [error.is_failed(), error.is_panic(), error.is_abandoned()];
                assert!(told[nth], "{error:?}");
            }
        }
        assert_at_rest(&group);
    });
}

#[test]
fn several_tickets_are_waited_for_at_once() {
    watched(|| {
        let (group, jobs) = queued();
        let mut one = group.submit("one", || Ok(1)).unwrap().into_receiver();
        let mut two = group.submit("two", || Ok(2)).unwrap().into_receiver();
        let (first, second) = (jobs.next(), jobs.next());
        let mut seen = Vec::new();
        let mut jobs = vec![first, second];
        for _ in 0..2 {
            let worker = jobs.pop().map(|job| thread::spawn(|| job.run()));
            select! {
                recv(one) -> value => {
                    seen.push(*value.unwrap().unwrap());
                    one = Receiver::never();
                }
                recv(two) -> value => {
                    seen.push(*value.unwrap().unwrap());
                    two = Receiver::never();
                }
                recv(after(Duration::from_secs(20))) -> _ => panic!("neither came"),
            }
            worker.unwrap().join().unwrap();
        }
        assert_eq!(seen, [2, 1]);
        assert_at_rest(&group);
    });
}

#[test]
fn a_select_has_a_deadline_where_a_receiver_has_none() {
    // S33: the flight goes on for the others.
    watched(|| {
        let (group, jobs) = queued();
        let ticket = group.submit("k", || Ok(1)).unwrap();
        let receiver = group.submit("k", never).unwrap().into_receiver();
        select! {
            recv(receiver) -> value => panic!("{value:?}"),
            recv(after(MS)) -> _ => {}
        }
        drop(receiver);
        assert_eq!(ticket.callers(), 1, "the call of the receiver stays");
        jobs.next().run();
        assert_eq!(*ticket.wait().unwrap(), 1);
        assert_eq!(group.stats().followers, 1);
        assert_at_rest(&group);
    });
}

#[test]
fn a_dropped_receiver_leaves_nothing_behind_while_its_flight_goes_on() {
    // S3 S48 S91: no place, no captures, no callback.
    watched(|| {
        let (group, jobs) = queued();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let captured = Arc::new(());
        let handles = of_group(&group).handles;
        let receive = |_| {
            let captured = Arc::clone(&captured);
            let follows = move || Ok(*std::hint::black_box((&captured, &2)).1);
            group.submit("k", follows).unwrap().into_receiver()
        };
        let receivers: Vec<_> = (0..100).map(receive).collect();
        let channels: Vec<_> = receivers.iter().map(|receiver| (**receiver).clone()).collect();
        assert_eq!((leader.callers(), Arc::strong_count(&captured)), (101, 101));
        drop(receivers);
        assert_eq!((leader.callers(), Arc::strong_count(&captured)), (1, 1));
        assert_eq!(of_group(&group).handles, handles, "a seat is kept");
        for channel in channels {
            let told = channel.try_recv().unwrap_err();
            assert_eq!(told, TryRecvError::Disconnected, "the callback is kept");
        }
        assert_eq!(group.stats().followers, 100, "each is counted when it leaves");
        jobs.next().run();
        assert_eq!(*leader.wait().unwrap(), 1);
        assert_eq!(group.stats().followers, 100);
        assert_at_rest(&group);
    });
}

#[test]
fn a_call_is_given_up_with_the_last_clone_of_its_receiver() {
    // S48
    watched(|| {
        let (group, jobs) = queued();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let receivers = [(); 2].map(|()| group.submit("k", never).unwrap().into_receiver());
        let [first, second] = receivers.each_ref().map(Clone::clone);
        drop(receivers);
        assert_eq!(leader.callers(), 3, "a clone is left of each");
        drop(first);
        assert_eq!(leader.callers(), 2);
        jobs.next().run();
        assert_eq!(*second.try_recv().unwrap().unwrap(), 1);
        drop(second);
        assert_eq!(group.stats().followers, 2);
        assert_at_rest(&group);
    });
}

#[test]
fn the_job_of_a_dropped_receiver_runs_on() {
    // S26 S40: a leader's, and that of a follower whose value is not shared.
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder().share_if(|_: &u32| false).executor(executor).build();
        let handles = of_group(&group).handles;
        let receivers = [1, 2].map(|n| group.submit("k", move || Ok(n)).unwrap().into_receiver());
        let [leaders, followers] = receivers;
        drop(leaders);
        jobs.next().run();
        assert_eq!(followers.try_recv().unwrap_err(), TryRecvError::Empty, "its job is queued");
        let channel = (*followers).clone();
        drop(followers);
        assert_eq!(channel.try_recv().unwrap_err(), TryRecvError::Disconnected);
        jobs.next().run();
        assert_eq!((group.stats().executed_requests, of_group(&group).handles), (2, handles));
        assert_at_rest(&group);
    });
}

#[test]
fn a_receiver_that_is_dropped_by_what_its_function_has_captured_ends_once() {
    // S2 S6: the drop of one receiver drops the next, under no lock.
    watched(|| {
        let (group, jobs) = queued();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let mut last: Option<Receiver<u32, String>> = None;
        for n in 2..12 {
            let (inner, before) = (group.clone(), last.take());
            let follows = move || Ok(inner.stats().in_flight as u32 + u32::from(before.is_none()));
            last = Some(group.submit("k", follows).unwrap().into_receiver());
            assert_eq!(leader.callers(), n);
        }
        drop(last);
        assert_eq!(leader.callers(), 1);
        jobs.next().run();
        assert_eq!(*leader.wait().unwrap(), 1);
        assert_at_rest(&group);
    });
}

#[test]
fn a_receiver_of_an_unshareable_value_gets_that_of_its_own_job() {
    // S40: also when it was made of the ticket after the flight had ended
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers = Group::builder().share_if(|_: &u32| false).executor(executor).build();
        let leader = lead(&group, "k");
        let before = group.submit("k", || Ok(2)).unwrap().into_receiver();
        let after = group.submit("k", || Ok(3)).unwrap();
        assert_eq!(*leader.returns(Ok(1)).unwrap().value, 1);
        let after = after.into_receiver();
        jobs.next().run();
        jobs.next().run();
        let values = [before, after].map(|receiver| *receiver.recv().unwrap().unwrap());
        assert_eq!(values, [2, 3]);
        assert_at_rest(&group);
    });
}

#[test]
fn a_panic_of_what_is_called_harms_nobody() {
    // S24: the leader is another thread's call, and a second function is called after the first.
    watched(|| {
        let (group, _jobs) = queued();
        let leader = lead(&group, "k");
        let (told, is_told) = channel();
        group.submit("k", never).unwrap().when_done(|_| panic!("on purpose"));
        group.submit("k", never).unwrap().when_done(move |value| told.send(value).unwrap());
        let own = leader.returns(Ok(1)).unwrap();
        assert!(Arc::ptr_eq(&is_told.recv().unwrap().unwrap(), &own.value));
        assert_eq!(group.stats().followers, 2);
        assert_at_rest(&group);
    });
}

#[test]
fn what_is_called_may_call_the_group() {
    // S2: it runs under no lock, on the thread that ended the flight.
    watched(|| {
        let (group, jobs) = queued();
        let (told, is_told) = channel();
        for nth in 0..3 {
            let (inner, told) = (group.clone(), told.clone());
            group.submit("k", || Ok(1)).unwrap().when_done(move |value| {
                let again = inner.execute("k", || Ok(nth)).unwrap();
                told.send((*value.unwrap(), *again, inner.stats().in_flight)).unwrap();
            });
        }
        jobs.next().run();
        let mut all: Vec<_> = is_told.try_iter().collect();
        all.sort_unstable();
        assert_eq!(all, [(1, 0, 0), (1, 1, 0), (1, 2, 0)]);
        assert_at_rest(&group);
    });
}

#[test]
fn receivers_and_waiting_threads_of_one_flight_all_get_its_outcome() {
    // S46, with the real pool and both kinds at once
    watched(|| {
        let group: Numbers =
            Group::builder().executor(|job: Job| drop(thread::spawn(|| job.run()))).build();
        for round in 0..50 {
            let go = Arc::new(Barrier::new(8));
            let threads: Vec<_> = (0..8)
                .map(|nth| {
                    let (group, go) = (group.clone(), Arc::clone(&go));
                    thread::spawn(move || {
                        go.wait();
                        let run = move || Ok(round);
                        match nth % 3 {
                            0 => group.submit("k", run).unwrap().into_receiver().recv().unwrap(),
                            1 => group.submit("k", run).unwrap().wait(),
                            _ => group.execute("k", run),
                        }
                    })
                })
                .collect();
            assert!(threads.into_iter().all(|thread| *thread.join().unwrap().unwrap() == round));
        }
        assert_at_rest(&group);
    });
}
