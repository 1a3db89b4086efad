//! The answers of an executor to `submit`: it refuses the job, panics, runs it at once, or is not there.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coalescer::{Coalescer, Error, Executor, Group, Job, Rejected};

use crate::support::{Numbers, watched};

use crate::jobs::{NumberTicket, assert_at_rest, never};

#[test]
fn a_refused_job_is_told_to_the_submitter_and_to_its_followers() {
    // S25 S48. The executor calls the group again: a call that follows, and a submit of another
    // key, so it is called under no lock (S2).
    struct Refuses(Arc<Mutex<Option<Numbers>>>, Sender<NumberTicket>);
    impl Executor for Refuses {
        fn spawn(&self, job: Job) -> Result<(), Rejected> {
            let group = self.0.lock().unwrap().take();
            if let Some(group) = group {
                assert_eq!(group.in_flight().len(), 1);
                self.1.send(group.submit("k", never).unwrap()).unwrap();
                assert!(matches!(group.submit("other", never), Err(Error::Rejected)));
                assert!(group.forget("k"));
            }
            drop(job);
            Err(Rejected)
        }
    }
    watched(|| {
        let (seen, followed) = channel();
        let slot = Arc::new(Mutex::new(None));
        let group: Numbers = Group::builder().executor(Refuses(Arc::clone(&slot), seen)).build();
        *slot.lock().unwrap() = Some(group.clone());
        assert!(group.submit("k", never).unwrap_err().is_rejected());
        assert!(followed.recv().unwrap().wait().unwrap_err().is_abandoned());
        let stats = group.stats();
        // The follower was to begin the flight (S71), and its job is refused too.
        assert_eq!((stats.refused, stats.followers, stats.executed_requests), (3, 0, 0));
        assert_at_rest(&group);
    });
}

#[test]
fn a_closure_says_with_a_result_that_it_takes_no_job() {
    // S25
    watched(|| {
        let (queue, jobs) = std::sync::mpsc::sync_channel(1);
        let group: Numbers = Group::builder().executor(move |job: Job| queue.try_send(job)).build();
        let first = group.submit("a", || Ok(1)).unwrap();
        assert!(group.submit("b", never).unwrap_err().is_rejected());
        jobs.recv().unwrap().run();
        assert_eq!(*first.wait().unwrap(), 1);
        drop(jobs);
        assert!(group.submit("b", never).unwrap_err().is_rejected());
        assert_at_rest(&group);
    });
}

#[test]
fn a_panic_of_the_executor_goes_through_submit_and_counts_as_the_leaders() {
    // S24
    watched(|| {
        let (seen, followed) = channel::<NumberTicket>();
        let slot: Arc<Mutex<Option<Numbers>>> = Arc::default();
        let inside = Arc::clone(&slot);
        let executor = move |job: Job| -> () {
            let group = inside.lock().unwrap().take().unwrap();
            seen.send(group.submit("k", never).unwrap()).unwrap();
            let _job = job;
            panic!("no threads left");
        };
        let group: Numbers = Group::builder().executor(executor).build();
        *slot.lock().unwrap() = Some(group.clone());
        let submit = || group.submit("k", never).map(drop);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(submit));
        assert_eq!(crate::support::text(&*panic.unwrap_err()), "no threads left");
        assert!(followed.recv().unwrap().wait().unwrap_err().is_panic());
        assert_eq!((group.stats().panicked, group.stats().executed_requests), (1, 1));
        assert_at_rest(&group);
    });
}

#[test]
#[should_panic(expected = "give the builder one, as in `.executor(")]
fn submit_without_an_executor_says_what_to_do() {
    drop(Coalescer::new(|n: &u32| Ok::<u32, ()>(*n)).submit(&1));
}

#[test]
fn an_executor_may_run_the_job_at_once() {
    // S41 S43: the function submits and executes other keys, and is refused its own.
    watched(|| {
        let group: Numbers = Group::builder().executor(|job: Job| job.run()).build();
        let inner = group.clone();
        let function = move || {
            let one = inner.submit("other", || Ok(1)).unwrap().wait().unwrap();
            let two = inner.execute("third", || Ok(2)).unwrap();
            assert!(inner.execute("k", never).unwrap_err().would_deadlock());
            assert!(inner.try_execute("k", never).unwrap_err().would_deadlock());
            let mut own = inner.submit("k", never).unwrap();
            assert!(own.try_get().is_none());
            assert!(own.wait_timeout(Duration::MAX).unwrap_err().would_deadlock());
            assert!(own.wait().unwrap_err().would_deadlock());
            Ok(*one + *two)
        };
        let ticket = group.submit("k", function).unwrap();
        assert!(ticket.is_finished());
        assert_eq!(*ticket.wait().unwrap(), 3);
        let stats = group.stats();
        // The ticket that was refused and dropped is one call.
        assert_eq!((stats.executed_requests, stats.refused), (3, 3));
        assert_at_rest(&group);
    });
}
