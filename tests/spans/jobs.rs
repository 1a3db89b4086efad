//! The run of a job belongs to the span that submitted it (S65).

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use coalescer::{Batcher, Builder, ForGroup, Group, Job, ManualClock, NeverBlocks};

use crate::record::{Recorded, Recorder};
use crate::support::{Numbers, lead, wait_until, watched};

/// A group whose jobs wait for the test.
fn stage(
    name: &str,
    with: impl FnOnce(Builder<ForGroup, String, u32>) -> Builder<ForGroup, String, u32>,
) -> (Recorder, Numbers, Receiver<Job>) {
    let (queue, jobs) = channel();
    let builder =
        Group::builder().name(name).executor(NeverBlocks(move |job: Job| queue.send(job)));
    let builder: Builder<ForGroup, String, u32> = builder;
    (Recorder::installed(), with(builder).build(), jobs)
}

/// Runs a job on a thread of its own, within a span of that thread.
fn run_elsewhere(job: Job) {
    let run = || tracing::debug_span!("worker").in_scope(|| job.run());
    thread::spawn(run).join().unwrap();
}

fn request(name: &'static str) -> tracing::Span {
    tracing::debug_span!(target: "coalescer", "request", name)
}

/// The spans of a group by their names, in the order in which they were made.
fn named(recorder: &Recorder, group: &str, name: &str) -> Vec<Recorded> {
    recorder.spans(group).into_iter().filter(|span| span.name == name).collect()
}

#[test]
fn a_jobs_run_is_a_child_of_the_span_that_submitted_it() {
    watched(|| {
        let (recorder, group, jobs) = stage("child", |builder| builder);
        let ticket = request("child").in_scope(|| group.submit("k", || Ok(1)).unwrap());
        run_elsewhere(jobs.recv().unwrap());
        assert_eq!(*ticket.wait().unwrap(), 1);
        let requests = named(&recorder, "child", "request");
        let runs = named(&recorder, "child", "coalescer.run");
        assert_eq!((runs.len(), runs[0].parent), (1, Some(requests[0].id)));
        assert!(requests[0].is_closed && runs[0].is_closed);
    });
}

#[test]
fn so_is_the_run_of_a_followers_own_job() {
    // S40: each runs its own function, and each for its own request.
    watched(|| {
        let (recorder, group, jobs) =
            stage("own", |builder| builder.share_if(|value: &u32| *value != 1));
        let tickets = [1, 2, 3]
            .map(|n| request("own").in_scope(|| group.submit("k", move || Ok(n)).unwrap()));
        // The thread that ends the flight hands the followers' jobs over, or runs them itself.
        run_elsewhere(jobs.recv().unwrap());
        jobs.try_iter().for_each(run_elsewhere);
        assert_eq!(tickets.map(|ticket| *ticket.wait().unwrap()), [1, 2, 3]);
        let requests = named(&recorder, "own", "request");
        let runs = named(&recorder, "own", "coalescer.run");
        // The jobs of the followers run in any order.
        let mut parents: Vec<_> = runs.iter().filter_map(|run| run.parent).collect();
        let mut requests: Vec<_> = requests.iter().map(|request| request.id).collect();
        parents.sort_unstable();
        requests.sort_unstable();
        assert_eq!(parents, requests);
    });
}

#[test]
fn so_is_the_run_of_a_take_over() {
    // S36
    watched(|| {
        let clock = ManualClock::new();
        let timeout = Duration::from_secs(1);
        let (recorder, group, jobs) =
            stage("taken", |builder| builder.clock(clock.clone()).leader_timeout(timeout));
        let stuck = lead(&group, "k");
        let ticket = request("taken").in_scope(|| group.submit("k", || Ok(2)).unwrap());
        let waiter = thread::spawn(|| ticket.wait());
        wait_until(|| !named(&recorder, "taken", "coalescer.wait").is_empty());
        clock.advance(timeout);
        run_elsewhere(jobs.recv().unwrap());
        assert_eq!(*waiter.join().unwrap().unwrap(), 2);
        stuck.returns(Ok(1)).unwrap();
        let requests = named(&recorder, "taken", "request");
        let runs = named(&recorder, "taken", "coalescer.run");
        assert_eq!(runs[1].parent, Some(requests[0].id));
    });
}

#[test]
fn a_leaders_ticket_has_a_wait_that_follows_from_the_run() {
    watched(|| {
        let clock = ManualClock::new();
        let (recorder, group, jobs) = stage("wait", |builder| builder.clock(clock.clone()));
        let ticket = request("wait").in_scope(|| group.submit("k", || Ok(1)).unwrap());
        let waiter = thread::spawn(move || request("wait").in_scope(|| ticket.wait()));
        let waits = || named(&recorder, "wait", "coalescer.wait");
        wait_until(|| waits().first().is_some_and(Recorded::is_entered));
        clock.advance(Duration::from_millis(250));
        run_elsewhere(jobs.recv().unwrap());
        assert_eq!(*waiter.join().unwrap().unwrap(), 1);
        let (waits, runs) = (waits(), named(&recorder, "wait", "coalescer.run"));
        assert_eq!((waits.len(), &waits[0].follows), (1, &vec![runs[0].id]));
        assert_eq!(waits[0].field("flight"), runs[0].field("flight"));
        assert_eq!(waits[0].field("end"), Some("answered"));
        assert_eq!(waits[0].field("waited_seconds"), Some("0.25"));
        let requests = named(&recorder, "wait", "request");
        assert_eq!(waits[0].parent, Some(requests[1].id));
        assert!(waits.iter().chain(&runs).all(|span| span.is_closed && !span.is_entered()));
    });
}

#[test]
fn a_request_that_is_over_keeps_no_subscriber_from_closing_its_span() {
    // A ticket that is dropped, and a job that is dropped.
    watched(|| {
        let (recorder, group, jobs) = stage("over", |builder| builder);
        let tickets =
            request("over").in_scope(|| [1, 2].map(|n| group.submit("k", move || Ok(n)).unwrap()));
        drop(tickets);
        drop(jobs.recv().unwrap());
        drop(jobs);
        assert!(named(&recorder, "over", "request")[0].is_closed);
    });
}

#[test]
fn a_gathered_calls_wait_follows_from_the_run_of_its_batch() {
    // S160 S65
    watched(|| {
        let (clock, delay) = (ManualClock::new(), Duration::from_millis(20));
        let recorder = Recorder::installed();
        let squares =
            Batcher::builder().name("gathered").clock(clock.clone()).gather_for(delay).build(
                |keys: &[u32]| Ok::<_, ()>(keys.iter().map(|key| (*key, *key)).collect::<Vec<_>>()),
            );
        let waits = || named(&recorder, "gathered", "coalescer.wait");
        let call = |key: u32| {
            let (squares, before) = (squares.clone(), waits().len());
            let call = thread::spawn(move || *squares.execute(&key).unwrap());
            wait_until(|| waits().get(before).is_some_and(Recorded::is_entered));
            call
        };
        let calls = [call(1), call(2)];
        clock.advance(delay);
        assert_eq!(calls.map(|call| call.join().unwrap()), [1, 2]);
        let (waits, runs) = (waits(), named(&recorder, "gathered", "coalescer.run"));
        assert_eq!((waits.len(), runs.len()), (2, 1));
        // The first call has opened the batch, and runs it.
        assert_eq!(waits[0].field("end"), Some("led"));
        assert_eq!(
            (&waits[1].follows, waits[1].field("end")),
            (&vec![runs[0].id], Some("answered"))
        );
        assert!(waits.iter().chain(&runs).all(|span| span.is_closed && !span.is_entered()));
    });
}
