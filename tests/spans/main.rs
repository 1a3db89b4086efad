//! The feature `tracing`: a span for each run and each wait, seen by a subscriber.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../it/support.rs"]
#[allow(dead_code, reason = "the other tests' stage, of which this takes a part")]
mod support;

mod fragile;
mod jobs;
mod record;
mod thread_ends;

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer::{Group, Job, ManualClock, NeverBlocks, OnDeadlock};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use record::{Recorded, Recorder};
use support::{Call, MS, Numbers, follow, followers, lead, start, wait_until, watched};

/// A group of this name, which is the test's own.
fn stage(name: &str) -> (ManualClock, Recorder, Numbers) {
    let clock = ManualClock::new();
    let group = Group::builder()
        .name(name)
        .window(Duration::from_secs(3600))
        .leader_timeout(Duration::from_secs(1))
        .clock(clock.clone())
        .build();
    (clock, Recorder::installed(), group)
}

/// Starts a call on a thread of this name, and returns it when its function runs.
fn lead_as(group: &Numbers, name: &'static str, key: &'static str) -> Call<u32, String> {
    let group = group.clone();
    let call = start(move |function| {
        let named = thread::Builder::new().name(name.into());
        let led = named.spawn(move || group.call(key).outcome(function));
        led.unwrap().join().unwrap()
    });
    call.begun()
}

fn runs_and_waits(recorder: &Recorder, name: &str) -> (Vec<Recorded>, Vec<Recorded>) {
    let spans = recorder.spans(name);
    spans.into_iter().partition(|span| span.name == "coalescer.run")
}

/// A wait is entered when it has been linked to what runs then.
fn wait_for_waits(recorder: &Recorder, name: &str, count: usize) {
    wait_until(|| {
        let (_, waits) = runs_and_waits(recorder, name);
        waits.iter().filter(|wait| wait.is_entered()).count() == count
    });
}

#[test]
fn followers_are_linked_to_the_run_that_they_wait_for() {
    watched(|| {
        let (clock, recorder, group) = stage("shared");
        let leader = lead_as(&group, "accountant", "k");
        let waiting = follow(&group, "k", 2);
        wait_for_waits(&recorder, "shared", 2);

        // While they wait, it is there to be read whom they wait for.
        let (runs, waits) = runs_and_waits(&recorder, "shared");
        assert_eq!(runs.len(), 1);
        assert!(runs[0].is_entered() && runs[0].field("flight").is_some());
        for wait in &waits {
            assert_eq!(wait.follows, [runs[0].id]);
            assert_eq!(wait.field("flight"), runs[0].field("flight"));
            assert_eq!(wait.field("leader"), Some("accountant"));
            assert_eq!(wait.field("waited_seconds"), None);
            assert!(wait.is_entered());
        }

        clock.advance(250 * MS);
        leader.returns(Ok(1)).unwrap();
        waiting.into_iter().for_each(|follower| drop(follower.join_unrun().unwrap()));
        let (runs, waits) = runs_and_waits(&recorder, "shared");
        assert_eq!((runs[0].field("result"), runs[0].field("callers")), (Some("ok"), Some("3")));
        assert_eq!(runs[0].field("key"), None, "keys may be secrets");
        for wait in &waits {
            assert_eq!(wait.field("waited_seconds"), Some("0.25"));
            assert_eq!(wait.field("end"), Some("answered"));
            assert_eq!(wait.follows, [runs[0].id], "linked once");
        }
        assert!(runs.iter().chain(&waits).all(|span| span.is_closed && !span.is_entered()));

        // A late call has neither a run nor a wait.
        group.execute("k", || Ok(2)).unwrap();
        assert_eq!(recorder.spans("shared").len(), 3);
    });
}

#[test]
fn the_function_runs_within_its_span_and_may_say_the_key() {
    watched(|| {
        let (_, recorder, group) = stage("own key");
        let run = || {
            tracing::Span::current().record("key", "k");
            tracing::debug_span!(target: "coalescer", "inner", name = "own key").in_scope(|| Ok(1))
        };
        group.execute("k", run).unwrap();
        let spans = recorder.spans("own key");
        assert_eq!(spans[0].field("key"), Some("k"));
        assert_eq!((spans[1].name, spans[1].parent), ("inner", Some(spans[0].id)));
    });
}

#[test]
fn a_job_is_a_run_and_a_followers_ticket_waits_for_it() {
    watched(|| {
        let recorder = Recorder::installed();
        let (queue, jobs) = channel();
        let group: Numbers = Group::builder()
            .name("jobs")
            .executor(NeverBlocks(move |job: Job| queue.send(job)))
            .build();
        let leader = group.submit("k", || Ok(1)).unwrap();
        let follower = group.submit("k", || Ok(2)).unwrap();
        let waits = thread::spawn(move || *follower.wait().unwrap());
        wait_for_waits(&recorder, "jobs", 1);
        jobs.recv().unwrap().run();
        assert_eq!((waits.join().unwrap(), *leader.wait().unwrap()), (1, 1));

        // A leader's ticket waits for its own job, which is no wait for another's execution.
        let (runs, waits) = runs_and_waits(&recorder, "jobs");
        assert_eq!((runs.len(), waits.len()), (1, 1));
        assert_eq!((runs[0].field("result"), runs[0].field("callers")), (Some("ok"), Some("2")));
        assert_eq!(waits[0].field("leader"), None, "it was queued when the wait began");
        assert_eq!(waits[0].field("end"), Some("answered"));
        assert_eq!(waits[0].field("flight"), runs[0].field("flight"));
        assert_eq!(waits[0].follows, [runs[0].id]);
    });
}

#[test]
fn a_run_says_how_it_ended() {
    watched(|| {
        let (_, recorder, group) = stage("endings");
        lead(&group, "k").returns(Err("down".into())).unwrap_err();
        lead(&group, "k").panics(|| panic!("on purpose"));
        let (runs, _) = runs_and_waits(&recorder, "endings");
        let results: Vec<_> = runs.iter().map(|run| run.field("result")).collect();
        assert_eq!(results, [Some("error"), Some("panic")]);
        assert!(runs.iter().all(|run| run.is_closed && !run.is_entered()));
    });
}

#[test]
fn a_wait_says_that_its_time_was_over() {
    watched(|| {
        let (_, recorder, group) = stage("late");
        let leader = lead(&group, "k");
        let told = group.execute_timeout("k", Duration::ZERO, || Ok(0));
        assert!(told.unwrap_err().is_timeout());
        leader.returns(Ok(1)).unwrap();
        let (runs, waits) = runs_and_waits(&recorder, "late");
        assert_eq!(
            (waits[0].field("end"), waits[0].field("waited_seconds")),
            (Some("timed out"), Some("0.0"))
        );
        assert_eq!(waits[0].follows, [runs[0].id]);
        assert_eq!(runs[0].field("callers"), Some("1"));
    });
}

#[test]
fn who_waits_beyond_a_take_over_is_linked_to_both_runs() {
    watched(|| {
        let (clock, recorder, group) = stage("taken over");
        let stuck = lead(&group, "k");
        let waiting = follow(&group, "k", 2);
        wait_for_waits(&recorder, "taken over", 2);
        clock.advance(Duration::from_secs(1));
        wait_until(|| runs_and_waits(&recorder, "taken over").0.len() == 2);
        let told: Vec<_> = waiting.into_iter().map(|call| call.ends(|| Ok(2))).collect();
        told.into_iter().for_each(|call| assert_eq!(*call.join().unwrap().value, 2));
        stuck.returns(Ok(1)).unwrap();
        let (runs, mut waits) = runs_and_waits(&recorder, "taken over");
        waits.sort_by_key(|wait| wait.field("end").map(str::to_owned));
        assert_eq!(runs[0].field("flight"), runs[1].field("flight"));
        assert_eq!(waits[0].field("end"), Some("answered"));
        assert_eq!(waits[0].follows, [runs[0].id, runs[1].id]);
        assert_eq!((waits[1].field("end"), &waits[1].follows), (Some("led"), &vec![runs[0].id]));
        assert_eq!(waits[1].field("waited_seconds"), Some("1.0"));
    });
}

#[test]
fn who_waits_for_the_flight_after_is_linked_to_what_runs_and_to_its_own() {
    watched(|| {
        let (_, recorder, group) = stage("fresh");
        let leader = lead_as(&group, "accountant", "k");
        let fresh: Vec<_> = (0..2)
            .map(|_| {
                let group = group.clone();
                start(move |function| group.execute_fresh("k", function))
            })
            .collect();
        wait_for_waits(&recorder, "fresh", 2);
        assert_eq!(followers(&group), 2);
        let (runs, waits) = runs_and_waits(&recorder, "fresh");
        for wait in &waits {
            assert_eq!(wait.follows, [runs[0].id]);
            assert_ne!(wait.field("flight"), runs[0].field("flight"));
            assert_eq!(wait.field("leader"), Some("accountant"));
        }
        leader.returns(Ok(1)).unwrap();
        let told: Vec<_> = fresh.into_iter().map(|call| call.ends(|| Ok(2))).collect();
        told.into_iter().for_each(|call| assert_eq!(*call.join().unwrap(), 2));
        let (runs, mut waits) = runs_and_waits(&recorder, "fresh");
        waits.sort_by_key(|wait| wait.field("end").map(str::to_owned));
        assert_eq!(waits[0].follows, [runs[0].id, runs[1].id], "the one that was answered");
        assert_eq!(waits[0].field("flight"), runs[1].field("flight"));
    });
}

#[test]
fn a_tickets_wait_is_linked_to_the_run_of_the_job() {
    watched(|| {
        let clock = ManualClock::new();
        let recorder = Recorder::installed();
        let (queue, jobs) = channel();
        let group: Numbers = Group::builder()
            .name("tickets")
            .clock(clock.clone())
            .executor(NeverBlocks(move |job: Job| queue.send(job)))
            .build();
        let (end, told_to_end) = channel();
        let function = move || told_to_end.recv().map_err(|error| error.to_string());
        let leader = group.submit("k", function).unwrap();
        let ticket = group.submit("k", || Ok(0)).unwrap();
        assert!(recorder.spans("tickets").is_empty(), "nothing runs, and nobody waits");
        let job: Job = jobs.recv().unwrap();
        let worker = thread::Builder::new().name("worker".into()).spawn(|| job.run()).unwrap();
        wait_until(|| runs_and_waits(&recorder, "tickets").0.iter().any(Recorded::is_entered));
        let waiter = thread::spawn(|| ticket.wait());
        wait_for_waits(&recorder, "tickets", 1);
        let (runs, waits) = runs_and_waits(&recorder, "tickets");
        assert_eq!((runs.len(), &waits[0].follows), (1, &vec![runs[0].id]));
        assert_eq!(waits[0].field("flight"), runs[0].field("flight"));
        assert_eq!(waits[0].field("leader"), Some("worker"));
        clock.advance(250 * MS);
        end.send(1).unwrap();
        worker.join().unwrap();
        assert_eq!((*waiter.join().unwrap().unwrap(), *leader.wait().unwrap()), (1, 1));
        let (runs, waits) = runs_and_waits(&recorder, "tickets");
        assert_eq!((runs[0].field("result"), runs[0].field("callers")), (Some("ok"), Some("2")));
        assert_eq!(waits[0].field("waited_seconds"), Some("0.25"));
        assert_eq!(waits[0].field("end"), Some("answered"));
        assert_eq!(waits[0].follows, [runs[0].id], "linked once");
        assert!(runs.iter().chain(&waits).all(|span| span.is_closed && !span.is_entered()));
    });
}

#[test]
fn a_ticket_that_takes_over_has_led_and_its_jobs_run_is_of_the_same_flight() {
    // Wherever the job runs, also if the executor runs it at once: it is no part of the wait.
    watched(|| {
        for name in ["queued", "at once"] {
            let clock = ManualClock::new();
            let recorder = Recorder::installed();
            let (queue, jobs) = channel();
            let group: Numbers = Group::builder()
                .name(name)
                .leader_timeout(Duration::from_secs(1))
                .clock(clock.clone())
                .executor(move |job: Job| match name {
                    "queued" => queue.send(job).unwrap(),
                    _ => job.run(),
                })
                .build();
            let stuck = lead(&group, "k");
            let ticket = group.submit("k", || Ok(2)).unwrap();
            let waiter = thread::spawn(|| ticket.wait());
            wait_for_waits(&recorder, name, 1);
            clock.advance(Duration::from_secs(1));
            if name == "queued" {
                jobs.recv().unwrap().run();
            }
            assert_eq!(*waiter.join().unwrap().unwrap(), 2);
            stuck.returns(Ok(1)).unwrap();
            let (runs, waits) = runs_and_waits(&recorder, name);
            assert_eq!(runs.len(), 2);
            assert_eq!(runs[0].field("flight"), runs[1].field("flight"));
            assert_eq!(
                (waits[0].field("end"), &waits[0].follows),
                (Some("led"), &vec![runs[0].id])
            );
            assert_eq!(waits[0].field("waited_seconds"), Some("1.0"));
            // Then it waits for its own job, to begin and to end, if that is not there yet.
            assert!(waits.iter().all(|wait| !wait.follows.is_empty()));
            assert_eq!((runs[0].parent, runs[1].parent), (None, None));
            assert!(runs.iter().chain(&waits).all(|span| span.is_closed && !span.is_entered()));
        }
    });
}

#[test]
fn a_run_for_one_call_alone_has_no_flight() {
    watched(|| {
        let recorder = Recorder::installed();
        let group: Numbers = Group::builder().name("alone").on_deadlock(OnDeadlock::Bypass).build();
        group.execute("k", || Ok(*group.execute("k", || Ok(1)).unwrap() + 1)).unwrap();
        let spans = recorder.spans("alone");
        assert_eq!(spans.len(), 2);
        assert!(spans[0].field("flight").is_some() && spans[1].field("flight").is_none());
        assert_eq!(spans[1].parent, Some(spans[0].id));
    });
}

#[test]
fn what_is_filtered_out_is_not_there() {
    watched(|| {
        let recorder = Recorder::default();
        let filter = Targets::new().with_target("coalescer", Level::INFO);
        let subscriber = tracing_subscriber::registry().with(recorder.clone().with_filter(filter));
        let _guard = tracing::subscriber::set_default(subscriber);
        let group: Numbers = Group::builder().name("reports").build();
        assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
        assert!(recorder.spans("reports").is_empty());
    });
}
