//! A flight that waits for room in a full chain, while an execution of an older flight can take that room.
//!
//! ```text
//! flight 1 of key 1   main leads ······························ calls key 2
//!                     a ticket waits ── takes over, in the room ── calls key 2
//! flight 2            main leads, and ends: that is the room
//! flight 3            a call that leads key 2 waits ── begins, in the room
//! ```
//!
//! If the ticket has taken the room, flight 3 begins when one of the two executions of flight 1 has ended.
//! It hangs only if both wait for key 2.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use coalescer::{Error, Job};
use coalescer_loom_tests::checker::thread::JoinHandle;
use coalescer_loom_tests::{Model, Stage, TICK};

use crate::tickets::NumberTicket;

/// The executions of key 1.
#[derive(Default)]
struct Executions {
    running: AtomicUsize,
    /// The number of the one that takes the room, or 0 while it has not begun.
    taker: AtomicU64,
    /// The same of flight 3.
    flight: AtomicU64,
}

impl Executions {
    /// S39: counts an execution while its function runs.
    fn count<R>(&self, run: impl FnOnce() -> R) -> R {
        let others = self.running.fetch_add(1, Ordering::Relaxed);
        assert!(others < 2, "more executions run than may");
        let result = run();
        self.running.fetch_sub(1, Ordering::Relaxed);
        result
    }
}

/// Numbers an execution that begins.
fn begin(stage: &Stage, number: &AtomicU64) -> u64 {
    let begun = stage.begin();
    number.store(begun, Ordering::Relaxed);
    begun
}

/// Calls a key from inside a function. Returns true if the call was refused.
fn is_refused(stage: &Stage, key: u8, run: impl FnOnce() -> u64) -> bool {
    match stage.group.execute(&key, || Ok(run())) {
        Ok(_) => false,
        Err(Error::WouldDeadlock) => true,
        Err(other) => panic!("an inner call ended as {other:?}"),
    }
}

/// Submits the call that takes over from flight 1. Its function calls key 2, and fails if that is refused.
fn submit_taker(stage: &Stage, executions: &Arc<Executions>) -> NumberTicket {
    let (inner, executions) = (stage.clone(), Arc::clone(executions));
    let run = move || {
        executions.count(|| {
            let own = begin(&inner, &executions.taker);
            if is_refused(&inner, 2, || inner.begin()) { Err("refused") } else { Ok(own) }
        })
    };
    stage.group.submit(&1, run).expect("it follows")
}

/// Leads key 2 with a function that calls key 1. Returns true if that call was refused.
fn wait_for_room(stage: &Stage, executions: &Executions) -> bool {
    let mut is_inner_refused = false;
    let run = || {
        let flight = || executions.count(|| begin(stage, &executions.flight));
        is_inner_refused = is_refused(stage, 1, flight);
        stage.run()
    };
    stage.group.execute(&2, run).expect("it leads nothing");
    is_inner_refused
}

/// The threads of the ticket and of the call that waits for room. Both return true if they were refused.
type Threads = (JoinHandle<bool>, JoinHandle<bool>);

/// Leads flight 2, and starts the threads meanwhile.
fn lead_second(stage: &Stage, executions: &Arc<Executions>, ticket: NumberTicket) -> Threads {
    let mut threads = None;
    let run = || {
        executions.count(|| {
            stage.clock.advance(TICK);
            let takes = stage.spawn(|_| ticket.wait().is_err());
            let executions = Arc::clone(executions);
            let waits = stage.spawn(move |stage| wait_for_room(stage, &executions));
            threads = Some((takes, waits));
            stage.run()
        })
    };
    stage.group.execute(&1, run).expect("no call joins a flight of this age");
    threads.expect("it led")
}

/// S39, S42, S43: a call of the two executions is refused if both would wait for key 2. Both are refused if
/// flight 3 has come after flight 1, which they lead, and not just for its room.
#[test]
fn a_taken_room_comes_from_either_execution() {
    let endings = ["refused", "it was given back", "it was not taken", "nobody waited for it"];
    Model::new("a taken room", endings).explore(move |seen| {
        let stage = Stage::new(|builder| {
            let builder = builder.max_join_age(TICK).leader_timeout(2 * TICK).max_leaders(2);
            builder.executor(|job: Job| job.run())
        });
        let executions = Arc::<Executions>::default();
        let (mut threads, mut is_main_refused) = (None, false);
        let run = || {
            executions.count(|| {
                let ticket = submit_taker(&stage, &executions);
                stage.clock.advance(TICK);
                threads = Some(lead_second(&stage, &executions, ticket));
                is_main_refused = is_refused(&stage, 2, || stage.begin());
                stage.run()
            })
        };
        stage.group.execute(&1, run).expect("nothing fails");
        // Not before: the others may wait for the end of this execution.
        let (takes, waits) = threads.expect("they were started");
        let waiter = waits.join().expect("no panic");
        let refused = [is_main_refused, takes.join().expect("no panic"), waiter];
        let [taker, flight] =
            [&executions.taker, &executions.flight].map(|number| number.load(Ordering::Relaxed));
        let is_any_refused = refused.contains(&true);
        assert!(!is_any_refused || taker > 0, "refused without a cycle");
        assert!(!waiter || refused == [false, false, true], "its refusal ends the cycle");
        seen.note(match flight {
            _ if is_any_refused => endings[0],
            0 => endings[3],
            flight if 0 < taker && taker < flight => endings[1],
            _ => endings[2],
        });
        stage.is_at_rest();
    });
}
