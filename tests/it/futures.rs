//! Tickets that async code awaits. The runtimes are the tests' own.

use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use coalescer::{Error, Group, Job, ManualClock, TicketFuture};

use crate::jobs::{Jobs, NumberTicket, queued};
use crate::support::{MS, Numbers, follow, lead, start, wait_until, watched};

pub(crate) type Number = TicketFuture<String, u32, String>;
type Answer = Result<Arc<u32>, Error<String>>;

fn submit(group: &Numbers, value: u32) -> NumberTicket {
    group.submit("k", move || Ok(value)).unwrap()
}

pub(crate) fn future(group: &Numbers, value: u32) -> Number {
    submit(group, value).into_future()
}

/// Counts how often it is woken. Its handles are counted too.
#[derive(Default)]
struct Bells(AtomicUsize);

impl Wake for Bells {
    fn wake(self: Arc<Self>) {
        assert_eq!(coalescer::locks_held(), 0, "a waker is called under a lock");
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bells {
    fn rung(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll<F: Future + Unpin>(future: &mut F, bells: &Arc<Bells>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(bells));
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

fn is_pending<T>(poll: &Poll<T>) -> bool {
    matches!(poll, Poll::Pending)
}

#[track_caller]
fn value(poll: Poll<Answer>) -> u32 {
    match poll {
        Poll::Ready(answer) => *answer.unwrap(),
        Poll::Pending => panic!("it is not there"),
    }
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_ticket_is_awaited() {
    // S114: the leader's, a follower's, and a late call's.
    watched(|| {
        let group: Numbers = Group::builder()
            .window(std::time::Duration::MAX)
            .executor(|job: Job| drop(thread::spawn(|| job.run())))
            .build();
        let sum = block_on(async {
            let (one, other) = (submit(&group, 1), submit(&group, 2));
            Ok::<_, Error<String>>(*one.await? + *other.await? + *submit(&group, 3).await?)
        });
        assert_eq!(sum.unwrap(), 3);
        assert_eq!(group.stats().executed_requests, 1);
    });
}

#[test]
fn a_future_is_woken_once_and_then_ready() {
    // S114 S46
    watched(|| {
        let (group, jobs) = queued();
        let (mut leader, mut follower) = (future(&group, 1), future(&group, 2));
        let bells = Arc::<Bells>::default();
        for _ in 0..3 {
            assert!(
                is_pending(&poll(&mut leader, &bells)) && is_pending(&poll(&mut follower, &bells))
            );
        }
        assert_eq!(bells.rung(), 0);
        jobs.next().run();
        assert_eq!(bells.rung(), 2);
        for _ in 0..2 {
            assert_eq!(
                (value(poll(&mut leader, &bells)), value(poll(&mut follower, &bells))),
                (1, 1)
            );
        }
        drop((leader, follower));
        assert_eq!((bells.rung(), Arc::strong_count(&bells)), (2, 1));
    });
}

#[test]
fn a_waker_is_stored_once_and_replaced_when_it_is_another_one() {
    // S114
    watched(|| {
        let (group, jobs) = queued();
        let mut future = future(&group, 1);
        let [first, second] = [(); 2].map(|()| Arc::<Bells>::default());
        // The waker of the context is a handle of its own, as long as the poll takes.
        for _ in 0..5 {
            assert!(is_pending(&poll(&mut future, &first)));
            assert_eq!(Arc::strong_count(&first), 2);
        }
        for _ in 0..5 {
            assert!(is_pending(&poll(&mut future, &second)));
            assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
        }
        jobs.next().run();
        assert_eq!((first.rung(), second.rung()), (0, 1));
        assert_eq!(value(poll(&mut future, &first)), 1);
    });
}

#[test]
fn a_future_that_is_not_polled_to_its_end_keeps_no_waker() {
    // S114: the drop gives the waker back.
    watched(|| {
        let (group, jobs) = queued();
        let [mut leader, mut follower] = [1, 2].map(|value| future(&group, value));
        let bells = Arc::<Bells>::default();
        for _ in 0..9 {
            assert!(is_pending(&poll(&mut leader, &bells)));
            assert!(is_pending(&poll(&mut follower, &bells)));
        }
        assert_eq!(Arc::strong_count(&bells), 3, "one handle each");
        drop((leader, follower));
        assert_eq!(Arc::strong_count(&bells), 1, "a dropped future keeps its task");
        jobs.next().run();
        assert_eq!(bells.rung(), 0, "the task of a dropped future is woken");
    });
}

#[test]
fn a_dropped_future_leaves_its_flight_at_once() {
    // S114 S48
    watched(|| {
        let (group, jobs) = queued();
        let leader = submit(&group, 1);
        let captured = Arc::new(());
        let captures = Arc::clone(&captured);
        let follower = group.submit("k", move || {
            drop(captures);
            Ok(2)
        });
        let mut follower = follower.unwrap().into_future();
        assert!(is_pending(&poll(&mut follower, &Arc::default())));
        assert_eq!((leader.callers(), Arc::strong_count(&captured)), (2, 2));
        drop(follower);
        assert_eq!((leader.callers(), Arc::strong_count(&captured)), (1, 1));
        let job = jobs.next();
        drop(leader.into_future());
        assert!(!job.is_wanted());
        job.run();
        assert_eq!(group.stats().followers, 1);
    });
}

#[test]
fn async_and_blocking_callers_share_a_flight() {
    // S114 S1: led by a thread, and by a job.
    watched(|| {
        let (group, jobs) = queued();
        let leader = lead(&group, "k");
        let asks = future(&group, 9);
        let awaits = thread::spawn(move || block_on(asks));
        let waits = follow(&group, "k", 1);
        leader.returns(Ok(1)).unwrap();
        assert_eq!(*awaits.join().unwrap().unwrap(), 1);
        waits.into_iter().for_each(|call| assert_eq!(*call.join_unrun().unwrap().value, 1));
        let asks = future(&group, 2);
        let waits = follow(&group, "k", 2);
        jobs.next().run();
        assert_eq!(*block_on(asks).unwrap(), 2);
        waits.into_iter().for_each(|call| assert_eq!(*call.join_unrun().unwrap().value, 2));
        assert_eq!(group.stats().executed_requests, 2);
    });
}

#[test]
fn errors_and_panics_reach_a_future() {
    // S114 S16 S22 S25
    watched(|| {
        let (group, jobs) = queued();
        let failed = group.submit("k", || Err("down".to_string())).unwrap().into_future();
        jobs.next().run();
        assert_eq!(**block_on(failed).unwrap_err().failed().unwrap(), *"down");
        let ends: [fn(Job); 2] = [Job::run, drop];
        let told = ends.map(|end| {
            let ticket = group.submit("k", || std::panic::resume_unwind(Box::new("on purpose")));
            let mut future = ticket.unwrap().into_future();
            let bells = Arc::<Bells>::default();
            assert!(is_pending(&poll(&mut future, &bells)));
            end(jobs.next());
            assert_eq!(bells.rung(), 1);
            block_on(future).unwrap_err()
        });
        assert!(told[0].is_panic() && told[1].is_abandoned(), "{told:?}");
    });
}

#[test]
fn a_future_whose_value_is_not_shared_gets_that_of_its_own_job() {
    // S114 S40
    watched(|| {
        let (executor, jobs) = Jobs::new();
        let group: Numbers =
            Group::builder().executor(executor).share_if(|value: &u32| *value != 13).build();
        let other = group.clone();
        let private = start(move |function| other.call("k").outcome(function)).begun();
        let mut future = future(&group, 2);
        let bells = Arc::<Bells>::default();
        assert!(is_pending(&poll(&mut future, &bells)));
        private.returns(Ok(13)).unwrap();
        let own = jobs.wait_next();
        assert!(is_pending(&poll(&mut future, &bells)));
        let before = bells.rung();
        own.run();
        assert_eq!(bells.rung(), before + 1);
        assert_eq!(value(poll(&mut future, &bells)), 2);
    });
}

#[test]
fn a_future_begins_the_flight_of_a_lost_leader() {
    // S114 S71
    watched(|| {
        let (group, jobs) = queued();
        let leader = submit(&group, 1);
        let mut future = future(&group, 2);
        let bells = Arc::<Bells>::default();
        assert!(is_pending(&poll(&mut future, &bells)));
        drop(jobs.next());
        assert!(leader.wait().unwrap_err().is_abandoned());
        jobs.next().run();
        assert!(bells.rung() >= 1);
        assert_eq!(value(poll(&mut future, &bells)), 2);
        assert_eq!(group.stats().executed_requests, 1);
    });
}

#[test]
fn a_future_has_no_deadline_and_follows_a_take_over() {
    // S114 S36 S44
    watched(|| {
        let ((executor, jobs), clock) = (Jobs::new(), ManualClock::new());
        let group: Numbers = Group::builder()
            .max_wait(5 * MS)
            .leader_timeout(10 * MS)
            .clock(clock.clone())
            .executor(executor)
            .build();
        let stuck = lead(&group, "k");
        let mut future = future(&group, 2);
        let bells = Arc::<Bells>::default();
        assert!(is_pending(&poll(&mut future, &bells)));
        clock.advance(20 * MS);
        assert!(is_pending(&poll(&mut future, &bells)) && bells.rung() == 0);
        let other = group.clone();
        let takes_over = start(move |function| other.call("k").outcome(function)).begun();
        takes_over.returns(Ok(3)).unwrap();
        assert_eq!((bells.rung(), value(poll(&mut future, &bells))), (1, 3));
        stuck.returns(Ok(1)).unwrap();
        assert!(jobs.is_empty(), "no call has begun a job");
    });
}

#[test]
fn a_waker_that_panics_concerns_its_own_call_alone() {
    // S114 S90
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("on purpose"));
        }
    }
    watched(|| {
        let (group, jobs) = queued();
        let [mut one, mut other] = [1, 2].map(|value| future(&group, value));
        let bells = Arc::<Bells>::default();
        let waker = Waker::from(Arc::new(Panics));
        assert!(is_pending(&Pin::new(&mut one).poll(&mut Context::from_waker(&waker))));
        assert!(is_pending(&poll(&mut other, &bells)));
        jobs.next().run();
        assert_eq!(
            (bells.rung(), value(poll(&mut other, &bells)), *block_on(one).unwrap()),
            (1, 1, 1)
        );
        wait_until(|| group.in_flight().is_empty());
    });
}
