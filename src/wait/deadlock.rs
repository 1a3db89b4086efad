//! The wait-for graph of the process. It refuses a wait that would close a cycle of waits.
//!
//! ```text
//!   thread 1 ── leads ──▶ flight A ◀── waits for ── thread 2
//!      │                                               ▲
//!      └── waits for ──▶ flight B ◀──── leads ─────────┘      refused
//! ```
//!
//! A cycle passes through threads that wait and lead at the same time. So a thread enters its wait
//! only while it leads a flight: a call of any other thread pays for one read of a thread-local and
//! never takes this lock.
//!
//! A flight enters the graph before the first such wait for it, and leaves when it ends. So a flight
//! in the graph has not ended, and its leaders have not finished. A wait leaves the graph when it
//! returns, for whatever reason.
//!
//! A flight can have several leaders, after a take-over. It has none while it waits for its
//! predecessor (`execute_fresh`). A wait is refused if any of several leaders closes the cycle: the
//! others can fail, and then the outcome depends on that leader alone.
//!
//! Lock order: shard, gate, graph. No other lock is taken, and no code is called, under this one.

use std::collections::{HashMap, HashSet};

use fxhash::FxBuildHasher;

use crate::sync::{Mutex, global, is_panicking, this_thread};

/// The number of a thread.
pub(crate) type ThreadToken = u64;

/// The number of a flight, which is its gate's. No number is given twice.
pub(crate) type FlightId = u64;

#[derive(Debug)]
struct Graph {
    /// The innermost wait of each thread.
    waits: HashMap<ThreadToken, FlightId, FxBuildHasher>,
    /// Waits around an inner wait, oldest first: a waiting thread runs a hook, and the hook calls the
    /// library.
    outer_waits: Vec<(ThreadToken, FlightId)>,
    flights: HashMap<FlightId, Node, FxBuildHasher>,
}

#[derive(Debug)]
struct Node {
    leaders: Vec<ThreadToken>,
    /// The flight that must end before this one starts. If it has ended, the graph has no node for
    /// it, and no later flight gets its number.
    predecessor: Option<FlightId>,
}

/// The number of flights that a search visits before it records which ones it has visited. Recording
/// costs as much as the search itself.
const UNRECORDED_VISITS: usize = 64;

global! {
    static GRAPH: Mutex<Graph> = Mutex::new(Graph::new());
}

impl Graph {
    const fn new() -> Self {
        Self {
            waits: HashMap::with_hasher(FxBuildHasher),
            outer_waits: Vec::new(),
            flights: HashMap::with_hasher(FxBuildHasher),
        }
    }

    /// Returns true if the end of `flight` depends on `thread`, over any number of waits.
    ///
    /// The graph has no cycle, so the search meets a flight twice only where two paths join that have
    /// forked before. Most searches follow one short path, so visits are recorded only after a fork or
    /// after [`UNRECORDED_VISITS`]. The search ends even if there is a cycle.
    fn depends_on(&self, flight: FlightId, thread: ThreadToken) -> bool {
        let mut to_visit = vec![flight];
        let (mut has_forked, mut unrecorded) = (false, 0);
        let mut visited: HashSet<FlightId, FxBuildHasher> = HashSet::default();
        while let Some(flight) = to_visit.pop() {
            // A flight without a node has ended: its waiters are about to return.
            let Some(node) = self.flights.get(&flight) else { continue };
            if !has_forked && unrecorded < UNRECORDED_VISITS {
                unrecorded += 1;
            } else if !visited.insert(flight) {
                continue;
            }
            if node.leaders.contains(&thread) {
                return true;
            }
            to_visit.extend(node.predecessor);
            to_visit.extend(node.leaders.iter().filter_map(|leader| self.waits.get(leader)));
            let outer = self.outer_waits.iter().filter(|(thread, _)| node.leaders.contains(thread));
            to_visit.extend(outer.map(|(_, flight)| *flight));
            has_forked |= to_visit.len() > 1;
        }
        false
    }
}

/// Checks that everything has left the graph. A program never drops the graph; a model drops it when
/// all calls have returned.
impl Drop for Graph {
    fn drop(&mut self) {
        let has_waits = !self.waits.is_empty() || !self.outer_waits.is_empty();
        let is_empty = self.flights.is_empty() && !has_waits;
        debug_assert!(is_empty || is_panicking(), "left in the graph: {self:?}");
    }
}

/// Enters a flight that has not ended, with its leaders. Called before the first wait for it.
pub(crate) fn enter(flight: FlightId, leaders: &[ThreadToken], predecessor: Option<FlightId>) {
    let node = Node { leaders: leaders.to_vec(), predecessor };
    GRAPH.lock().flights.insert(flight, node);
}

/// Removes a flight that has ended.
pub(crate) fn leave(flight: FlightId) {
    let node = GRAPH.lock().flights.remove(&flight);
    drop(node);
}

/// Adds `thread` to the leaders of a flight, if the flight is in the graph. Waits of the thread stay:
/// in a hook, and so in the middle of a wait, it can begin a job or take over a flight.
pub(crate) fn add_leader(flight: FlightId, thread: ThreadToken) {
    if let Some(node) = GRAPH.lock().flights.get_mut(&flight) {
        node.leaders.push(thread);
        node.predecessor = None;
    }
}

/// Lets the flight `from` depend on the flight `on`, unless a thread that waits for `from` would wait
/// for itself then.
pub(crate) fn follow(from: FlightId, on: FlightId) -> Result<(), Cycle> {
    let mut graph = GRAPH.lock();
    let waits =
        graph.waits.iter().chain(graph.outer_waits.iter().map(|(thread, flight)| (thread, flight)));
    let mut waiters = waits.filter(|(_, flight)| **flight == from).map(|(thread, _)| *thread);
    if waiters.any(|thread| graph.depends_on(on, thread)) {
        return Err(Cycle);
    }
    if let Some(node) = graph.flights.get_mut(&from) {
        node.predecessor = Some(on);
    }
    Ok(())
}

/// Removes the wait of `thread` for `flight`, as it leads the flight now.
pub(crate) fn end_wait(thread: ThreadToken, flight: FlightId) {
    let mut graph = GRAPH.lock();
    if graph.waits.get(&thread) == Some(&flight) {
        graph.waits.remove(&thread);
    }
}

/// Removes `thread` once from the leaders of a flight that has not ended. The thread stays a leader if
/// it runs another execution of the same flight.
pub(crate) fn remove_leader(flight: FlightId, thread: ThreadToken) {
    if let Some(node) = GRAPH.lock().flights.get_mut(&flight) {
        if let Some(index) = node.leaders.iter().position(|leader| *leader == thread) {
            node.leaders.remove(index);
        }
    }
}

/// Enters a wait of `thread` for `flight`, or refuses it because it would never end.
pub(crate) fn wait(thread: ThreadToken, flight: FlightId) -> Result<Wait, Cycle> {
    let mut graph = GRAPH.lock();
    if graph.depends_on(flight, thread) {
        return Err(Cycle);
    }
    if let Some(outer) = graph.waits.insert(thread, flight) {
        graph.outer_waits.push((thread, outer));
    }
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
        let mut graph = GRAPH.lock();
        graph.waits.remove(&self.thread);
        let outer = graph.outer_waits.iter().rposition(|(thread, _)| *thread == self.thread);
        if let Some(index) = outer {
            let (thread, flight) = graph.outer_waits.remove(index);
            graph.waits.insert(thread, flight);
        }
    }
}

/// Counts its thread as the leader of one more flight until it is dropped.
#[derive(Debug)]
pub(crate) struct Leading(());

/// Marks the calling thread as the leader of one more flight.
#[inline]
pub(crate) fn lead() -> Leading {
    this_thread(|me| me.set_leading(me.leading() + 1));
    Leading(())
}

impl Drop for Leading {
    #[inline]
    fn drop(&mut self) {
        this_thread(|me| me.set_leading(me.leading() - 1));
    }
}

/// Returns the calling thread's number if it leads a flight, so that others may wait for it.
#[inline]
pub(crate) fn leading_thread() -> Option<ThreadToken> {
    this_thread(|me| (me.leading() > 0).then(|| me.token()))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Duration;

    use super::{FlightId, GRAPH, Graph, Node, ThreadToken, lead, leading_thread};
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
    fn a_flight_that_nobody_begins_leaves_the_graph() {
        let wait = Duration::from_millis(1);
        let group: Group<u32, u32, ()> = Group::builder().max_wait(wait).build();
        let (started, given_up) = (Barrier::new(2), Barrier::new(2));
        let slow = || {
            started.wait();
            given_up.wait();
            Ok(1)
        };
        std::thread::scope(|s| {
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
        let has_waits = !graph.waits.is_empty() || !graph.outer_waits.is_empty();
        assert!(!has_waits && graph.flights.is_empty(), "{graph:?}");
    }

    /// Makes a graph of flights with these leaders. Each leader waits for the flight whose number is
    /// the same as its own.
    fn graph(flights: impl Iterator<Item = (FlightId, Vec<ThreadToken>)>) -> Graph {
        let mut graph = Graph::new();
        for (flight, leaders) in flights {
            graph.waits.extend(leaders.iter().map(|leader| (*leader, *leader)));
            graph.flights.insert(flight, Node { leaders, predecessor: None });
        }
        graph
    }

    fn clear(mut graph: Graph) {
        graph.waits.clear();
        graph.flights.clear();
    }

    #[test]
    fn a_long_chain_is_followed_to_its_end() {
        let chain = graph((0..1000).map(|flight| (flight, vec![flight + 1])));
        assert!(chain.depends_on(0, 1000));
        assert!(!chain.depends_on(0, 2000));
        clear(chain);
    }

    #[test]
    fn a_flight_that_many_paths_reach_is_visited_once() {
        // Each has two leaders, which wait for flights with the same two leaders: 2^60 paths.
        let leaders = |flight: u64| vec![(flight / 2 + 1) * 2, (flight / 2 + 1) * 2 + 1];
        let ladder = graph((0..120).map(|flight| (flight, leaders(flight))));
        assert!(ladder.depends_on(0, 121));
        assert!(!ladder.depends_on(0, 500));
        clear(ladder);
    }

    #[test]
    fn a_search_ends_even_in_a_cycle() {
        let cycle = graph((0..200).map(|flight| (flight, vec![(flight + 1) % 200])));
        assert!(!cycle.depends_on(0, 500));
        clear(cycle);
    }
}
