//! The seats of followers' tickets, which meet the end of their flight, and the ends of their waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use coalescer::{Job, Role};
use coalescer_loom_tests::{Latch, Model, Stage, TICK};

/// S40, S6: a submitted call becomes a follower while its flight ends with a value that is not for it.
/// Its own job runs, whether its seat was taken before the end or after it.
#[test]
fn a_seat_that_is_taken_while_its_flight_ends_is_released() {
    let endings = ["the ticket's function was second", "the ticket's function was first"];
    // Three preemptions: the flight ends between the admission and the seat.
    Model::new("submit against the end, unshareable", endings).needs(3).exhaustive().explore(
        move |seen| {
            let stage = Stage::new(|builder| {
                builder.executor(|job: Job| job.run()).share_if(|_: &u64| false)
            });
            let leads = stage.spawn(|stage| stage.call(1).value);
            let inner = stage.clone();
            let ticket = stage.group.submit(&1, move || inner.run()).expect("jobs run at once");
            let own = ticket.wait_outcome().expect("nothing fails");
            let led = leads.join().expect("no panic");
            assert_ne!(*own.value, led, "the value is not shared");
            assert_eq!(own.role, Role::Leader);
            seen.note(endings[usize::from(*own.value == 1)]);
            stage.is_at_rest();
        },
    );
}

/// S5: a call that begins after a ticket's wait has returned gets another execution.
#[test]
fn a_call_after_a_tickets_wait_does_not_join_its_flight() {
    Model::new("a call after a ticket's wait", ["executed"]).exhaustive().explore(|seen| {
        let jobs = Arc::new(Mutex::new(VecDeque::new()));
        let queue = Arc::clone(&jobs);
        let push = move |job: Job| queue.lock().expect("no model panics here").push_back(job);
        let stage = Stage::new(|builder| builder.executor(push));
        let inner = stage.clone();
        let ticket = stage.group.submit(&1, move || inner.run()).expect("it is queued");
        let job: Job = jobs.lock().expect("no model panics here").pop_front().expect("one job");
        let runs = stage.spawn(|_| job.run());
        let value = *ticket.wait().expect("nothing fails");
        let later = stage.call(1);
        assert_ne!(later.value, value, "it joined a flight that was over");
        runs.join().expect("no panic");
        seen.note("executed");
        stage.is_at_rest();
    });
}

/// S42, S43: a ticket's wait that timed out on a thread that leads is over. A later call may wait for
/// that thread.
#[test]
fn a_tickets_wait_that_timed_out_closes_no_cycle() {
    Model::new("no cycle: a ticket's time-out", ["waited", "led"]).explore(|seen| {
        let stage = Stage::new(|builder| {
            builder.executor(|_: Job| -> Result<(), &str> { unreachable!("a follower's ticket") })
        });
        let deadline = stage.clock.now() + TICK;
        let (is_led, is_over) = (Arc::new(Latch::new(1)), Arc::new(Latch::new(1)));
        let bounded = stage.spawn({
            let (is_led, is_over) = (Arc::clone(&is_led), Arc::clone(&is_over));
            move |stage| {
                let run = || {
                    is_led.wait();
                    let never = || unreachable!("a follower");
                    let mut ticket = stage.group.submit(&2, never).expect("it follows");
                    let error = ticket.wait_deadline(deadline).expect_err("nobody ends the flight");
                    assert!(error.is_timeout(), "{error:?}");
                    is_over.count_down();
                    stage.run()
                };
                stage.group.execute(&1, run).map(|value| *value)
            }
        });
        let other = stage.spawn(move |stage| {
            let run = || {
                is_led.count_down();
                is_over.wait();
                let inner = stage.group.execute(&1, || stage.run());
                assert!(inner.is_ok(), "refused without a cycle: {inner:?}");
                stage.run()
            };
            stage.group.execute(&2, run).map(|value| *value)
        });
        stage.clock.advance(TICK);
        bounded.join().expect("no panic").expect("nothing fails");
        other.join().expect("no panic").expect("nothing fails");
        // The ticket has been dropped after its wait timed out, and does not count as a follower.
        seen.note(if stage.group.stats().followers > 0 { "waited" } else { "led" });
        stage.is_at_rest();
    });
}
