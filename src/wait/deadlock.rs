//! The wait-for graph of the process. It refuses a wait that would close a cycle of waits.
//!
//! ```text
//!   thread 1 ── leads ──▶ flight A ◀── waits for ── thread 2
//!      │                                               ▲
//!      └── waits for ──▶ flight B ◀──── leads ─────────┘      refused
//! ```
//!
//! A cycle passes through threads that wait and lead at the same time. So a thread enters its wait
//! only while it leads a flight, or works for a thread that does ([`help`]): a call of any other thread
//! pays for one read of a thread-local and never takes this lock.
//!
//! A flight enters the graph before the first such wait for it, and leaves when it ends. So a flight
//! in the graph has not ended, and its leaders have not finished. A wait stands in the graph only while
//! its thread can sleep: it leaves before the thread runs a hook or a subscriber, and is entered again
//! afterwards, when it may be refused. So a thread has one wait there at most.
//!
//! A flight can have several leaders, after a take-over. It has none while it waits for its
//! predecessor (`execute_fresh`). A wait is refused if any of several leaders closes the cycle: the
//! others can fail, and then the outcome depends on that leader alone.
//!
//! Lock order: shard, gate, graph. No other lock is taken, and no code is called, under this one.

pub(crate) use super::graph::FlightId;
use super::graph::{Graph, Helper, Node};
pub(crate) use crate::sync::ThreadToken;
use crate::sync::{Mutex, global, this_thread};

global! {
    static GRAPH: Mutex<Graph> = Mutex::new(Graph::new());
}

/// The numbers of flights and of waits in the graph. A thread that works for another counts as a wait.
pub(crate) fn size() -> (usize, usize) {
    GRAPH.lock().size()
}

/// Enters a flight that has not ended, with its leaders. Called before the first wait for it.
pub(crate) fn enter(flight: FlightId, leaders: &[ThreadToken], predecessor: Option<FlightId>) {
    let node = Node { leaders: leaders.to_vec(), predecessor, room: Vec::new() };
    GRAPH.lock().flights.insert(flight, node);
}

/// Removes a flight that has ended.
pub(crate) fn leave(flight: FlightId) {
    let node = GRAPH.lock().flights.remove(&flight);
    drop(node);
}

/// Adds an execution to the leaders of a flight, if the flight is in the graph.
pub(crate) fn add_leader(flight: FlightId, leader: ThreadToken) {
    if let Some(node) = GRAPH.lock().flights.get_mut(&flight) {
        node.leaders.push(leader);
        node.predecessor = None;
        node.room.clear();
    }
}

/// Lets the flight `from` depend on the flight `on`, unless a thread that waits for `from` would wait
/// for itself then.
pub(crate) fn follow(from: FlightId, on: FlightId) -> Result<(), Cycle> {
    let mut graph = GRAPH.lock();
    let mut waiters = graph.waits.iter().filter(|(_, flight)| **flight == from);
    if waiters.any(|(thread, _)| graph.depends_on(on, *thread)) {
        return Err(Cycle);
    }
    if let Some(node) = graph.flights.get_mut(&from) {
        node.predecessor = Some(on);
    }
    Ok(())
}

/// Lets a flight that has no room to begin depend on the executions whose ends make room, unless it
/// depends on a flight that goes on. Refuses if each of these executions waits for this flight.
pub(crate) fn need_room(flight: FlightId, leaders: &[ThreadToken]) -> Result<(), Cycle> {
    let mut graph = GRAPH.lock();
    if graph.starts_after_another(flight) {
        return Ok(());
    }
    let Some(node) = graph.flights.get_mut(&flight) else { return Ok(()) };
    node.room = leaders.to_vec();
    if graph.depends_on_itself(flight) { Err(Cycle) } else { Ok(()) }
}

/// Lets a flight that has not begun depend on no flight before it.
pub(crate) fn begin_first(flight: FlightId) {
    if let Some(node) = GRAPH.lock().flights.get_mut(&flight) {
        node.predecessor = None;
    }
}

/// Lets a flight that has not begun wait for no execution any more, as it has room.
pub(crate) fn have_room(flight: FlightId) {
    if let Some(node) = GRAPH.lock().flights.get_mut(&flight) {
        node.room.clear();
    }
}

/// Removes an execution from the leaders of a flight that has not ended. The thread stays a leader if
/// it runs another execution of the same flight.
pub(crate) fn remove_leader(flight: FlightId, leader: ThreadToken) {
    if let Some(node) = GRAPH.lock().flights.get_mut(&flight) {
        if let Some(index) = node.leaders.iter().position(|other| *other == leader) {
            node.leaders.remove(index);
        }
    }
}

/// Enters a wait of `thread` for `flight`, or refuses it because it would never end.
pub(crate) fn wait(thread: ThreadToken, flight: FlightId) -> Result<Wait, Cycle> {
    let mut graph = GRAPH.lock();
    if graph.depends_on(flight, thread.number()) {
        return Err(Cycle);
    }
    let other = graph.waits.insert(thread.number(), flight);
    debug_assert!(other.is_none(), "{thread:?} sleeps already");
    Ok(Wait { thread })
}

/// The wait was refused, as it would close a cycle.
#[derive(Debug)]
pub(crate) struct Cycle;

/// A wait in the graph. Dropping it removes the wait.
#[derive(Debug)]
#[must_use = "dropping it removes the wait from the graph"]
pub(crate) struct Wait {
    thread: ThreadToken,
}

impl Drop for Wait {
    fn drop(&mut self) {
        GRAPH.lock().waits.remove(&self.thread.number());
    }
}

/// Counts an execution of its thread until it is dropped, on whatever thread.
#[derive(Debug)]
pub(crate) struct Leading(ThreadToken);

/// Marks that the calling thread runs one more execution.
#[inline]
pub(crate) fn lead() -> Leading {
    Leading(this_thread(|me| me.descend()))
}

impl Leading {
    /// The execution as the leader of its flight.
    pub(crate) fn token(&self) -> ThreadToken {
        self.0
    }
}

impl Drop for Leading {
    #[inline]
    fn drop(&mut self) {
        this_thread(|me| me.ascend(self.0));
    }
}

/// Returns where the calling thread is if it leads a flight, so that others may wait for it.
#[inline]
pub(crate) fn leading_thread() -> Option<ThreadToken> {
    this_thread(|me| me.leading())
}

/// A thread that works for an execution of another thread, until it is dropped.
#[derive(Debug)]
pub(crate) struct Helping {
    helper: Helper,
    _leading: Leading,
}

/// Lets the calling thread work for the execution `lead` of another thread, which waits for it. From
/// here on what depends on that execution depends on this thread.
pub(crate) fn help(lead: ThreadToken) -> Helping {
    // It counts as a leader, since others depend on it: so its waits enter the graph.
    let leading = self::lead();
    let helper = Helper { lead, thread: leading.token() };
    GRAPH.lock().add_helper(helper);
    this_thread(|me| me.set_helping(me.helping() + 1));
    Helping { helper, _leading: leading }
}

impl Drop for Helping {
    fn drop(&mut self) {
        this_thread(|me| me.set_helping(me.helping() - 1));
        GRAPH.lock().remove_helper(self.helper);
    }
}

/// Returns true if the calling thread `me` leads this flight, or works for a thread that leads it.
pub(crate) fn stands_for(me: ThreadToken, leaders: &[ThreadToken]) -> bool {
    leaders.iter().any(|leader| leader.is_of(me))
        || this_thread(|me| me.helping() > 0) && GRAPH.lock().is_helper_of(leaders, me)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;
    use std::time::Duration;

    use super::{GRAPH, lead, leading_thread};
    use crate::Group;

    #[test]
    fn a_thread_leads_while_one_of_its_guards_lives() {
        assert!(leading_thread().is_none());
        let outer = lead();
        drop(lead());
        assert!(leading_thread().is_some());
        drop(outer);
        assert!(leading_thread().is_none(), "its waits would enter the graph for nothing");
    }

    #[test]
    fn guards_that_end_out_of_order_end_their_own_executions() {
        let (outer, inner) = (lead(), lead());
        drop(outer);
        assert!(leading_thread().is_some());
        drop(inner);
        assert!(leading_thread().is_none());
    }

    #[test]
    fn a_guard_that_ends_on_another_thread_ends_the_execution_of_its_own() {
        // Coroutines: a flight begins on one thread of the runtime and ends on another.
        let moved = lead();
        let other = || {
            let own = lead();
            drop(moved);
            assert!(leading_thread().is_some(), "it still leads its own");
            drop(own);
            assert!(leading_thread().is_none());
        };
        thread::scope(|s| s.spawn(other).join().expect("nothing underflows"));
        assert!(leading_thread().is_none(), "it would be taken for a leader ever after");
    }

    #[test]
    fn a_guard_may_outlive_its_thread() {
        let spawned = thread::scope(|s| s.spawn(lead).join().expect("nothing panics"));
        drop(spawned);
        assert!(leading_thread().is_none());
    }

    #[test]
    fn a_flight_that_nobody_begins_leaves_the_graph() {
        let wait = Duration::from_millis(1);
        let group: Group<u32, u32, ()> = Group::builder().max_wait(wait).build();
        let (started, given_up) = (Barrier::new(2), Barrier::new(2));
        let slow = || {
            started.wait();
            given_up.wait();
            Ok(1)
        };
        thread::scope(|s| {
            s.spawn(|| group.execute(&1, slow));
            let outer = group.execute(&2, || {
                started.wait();
                // It waits for the slow flight's successor, and leaves before that begins.
                let inner = group.execute_fresh(&1, || Ok(0));
                given_up.wait();
                Ok(u32::from(inner.is_err()))
            });
            assert_eq!(*outer.expect("only the inner call gives up"), 1);
        });
        let graph = GRAPH.lock();
        assert!(graph.is_empty(), "{:?}", *graph);
    }
}
