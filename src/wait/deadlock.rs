//! The wait-for graph of the process: it refuses a wait that would close a cycle of waits.
//!
//! ```text
//!   thread 1 ── leads ──▶ flight A ◀── waits for ── thread 2
//!      │                                               ▲
//!      └── waits for ──▶ flight B ◀──── leads ─────────┘      refused
//! ```
//!
//! Only a thread that leads a flight can be waited for, so only such a thread is entered here when
//! it waits: a call that leads nothing pays one thread-local read and never sees this lock. A
//! flight is entered with the first such wait for it and taken out when it ends, so a flight that
//! stands here is running, and whoever leads it has not finished. Waits leave whenever they return,
//! whatever ended them.
//!
//! A flight may have several leaders (a take-over) or none yet, while it waits for the flight
//! before it (`execute_fresh`). A cycle through any of them is refused: the other leader may fail,
//! and then the outcome hangs on the one in the cycle.
//!
//! The lock is the last in the order (table shard, gate, graph), and nothing is called under it.

use std::collections::{HashMap, HashSet};

use fxhash::FxBuildHasher;

use crate::sync::{Mutex, global, is_panicking, this_thread};

/// A thread, by its token.
pub(crate) type ThreadToken = u64;

/// A flight, by the number of its gate, which no other one gets.
pub(crate) type FlightId = u64;

#[derive(Debug)]
struct Graph {
    waits: HashMap<ThreadToken, FlightId, FxBuildHasher>,
    /// Waits of threads that wait for something else meanwhile: a follower runs a hook, which calls.
    outer_waits: Vec<(ThreadToken, FlightId)>,
    flights: HashMap<FlightId, Node, FxBuildHasher>,
}

#[derive(Debug)]
struct Node {
    leaders: Vec<ThreadToken>,
    /// The flight whose end this one waits for before it starts. When that has ended it is absent,
    /// as its number is never given again.
    after: Option<FlightId>,
}

/// How many flights a search goes through before it notes where it has been, which costs as much as
/// the search. So it ends whatever the graph is.
const UNNOTED: usize = 64;

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

    /// Whether the end of `flight` hangs on `thread`, over any number of waits between.
    fn hangs_on(&self, flight: FlightId, thread: ThreadToken) -> bool {
        let mut to_visit = vec![flight];
        // There is no cycle here, so a flight is met again only where ways have parted and join. As
        // long as there is one way, and it is short, which is the rule, nothing is noted.
        let (mut ways_parted, mut unnoted) = (false, 0);
        let mut visited: HashSet<FlightId, FxBuildHasher> = HashSet::default();
        while let Some(flight) = to_visit.pop() {
            // Absent means ended: whoever still waits for it is on its way out.
            let Some(node) = self.flights.get(&flight) else { continue };
            if !ways_parted && unnoted < UNNOTED {
                unnoted += 1;
            } else if !visited.insert(flight) {
                continue;
            }
            if node.leaders.contains(&thread) {
                return true;
            }
            to_visit.extend(node.after);
            to_visit.extend(node.leaders.iter().filter_map(|leader| self.waits.get(leader)));
            let outer = self.outer_waits.iter().filter(|(thread, _)| node.leaders.contains(thread));
            to_visit.extend(outer.map(|(_, flight)| *flight));
            ways_parted |= to_visit.len() > 1;
        }
        false
    }
}

/// Whatever enters the graph leaves it. In a program the graph is never dropped; in a model it is,
/// when everything has returned.
impl Drop for Graph {
    fn drop(&mut self) {
        let has_waits = !self.waits.is_empty() || !self.outer_waits.is_empty();
        let is_empty = self.flights.is_empty() && !has_waits;
        debug_assert!(is_empty || is_panicking(), "left in the graph: {self:?}");
    }
}

/// Enters a running flight, so that its leaders can be found. Done before the first wait for it.
pub(crate) fn enter(flight: FlightId, leaders: &[ThreadToken], after: Option<FlightId>) {
    let node = Node { leaders: leaders.to_vec(), after };
    GRAPH.lock().flights.insert(flight, node);
}

/// A flight that was entered has ended.
pub(crate) fn leave(flight: FlightId) {
    let node = GRAPH.lock().flights.remove(&flight);
    drop(node);
}

/// A thread starts to lead a flight that was entered. What it waits for stands: it may begin a job or
/// take over within a hook, in the middle of a wait.
pub(crate) fn add_leader(flight: FlightId, thread: ThreadToken) {
    if let Some(node) = GRAPH.lock().flights.get_mut(&flight) {
        node.leaders.push(thread);
        node.after = None;
    }
}

/// A thread that waited for a flight leads it now, and waits for it no more.
pub(crate) fn end_wait(thread: ThreadToken, flight: FlightId) {
    let mut graph = GRAPH.lock();
    if graph.waits.get(&thread) == Some(&flight) {
        graph.waits.remove(&thread);
    }
}

/// One execution of a flight that was entered leaves this thread, and the flight goes on. The thread
/// may lead it by another one as well.
pub(crate) fn remove_leader(flight: FlightId, thread: ThreadToken) {
    if let Some(node) = GRAPH.lock().flights.get_mut(&flight)
        && let Some(place) = node.leaders.iter().position(|leader| *leader == thread)
    {
        node.leaders.remove(place);
    }
}

/// Enters that `thread` waits for `flight`, or refuses because the wait would never end.
pub(crate) fn wait(thread: ThreadToken, flight: FlightId) -> Result<Wait, Cycle> {
    let mut graph = GRAPH.lock();
    if graph.hangs_on(flight, thread) {
        return Err(Cycle);
    }
    if let Some(outer) = graph.waits.insert(thread, flight) {
        graph.outer_waits.push((thread, outer));
    }
    Ok(Wait { thread })
}

/// The wait would have closed a cycle.
#[derive(Debug)]
pub(crate) struct Cycle;

/// A wait that stands in the graph until this is dropped.
#[derive(Debug)]
#[must_use = "the wait leaves the graph when this is dropped"]
pub(crate) struct Wait {
    thread: ThreadToken,
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut graph = GRAPH.lock();
        graph.waits.remove(&self.thread);
        let outer = graph.outer_waits.iter().rposition(|(thread, _)| *thread == self.thread);
        if let Some(place) = outer {
            let (thread, flight) = graph.outer_waits.remove(place);
            graph.waits.insert(thread, flight);
        }
    }
}

/// While it lives, its thread leads one flight more.
#[derive(Debug)]
pub(crate) struct Leading(());

/// Marks the calling thread as the leader of a flight.
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

/// The calling thread, where it leads something and so can be waited for.
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
        assert!(leading_thread().is_none(), "its waits would go into the graph for nothing");
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
                // It waits for the flight after the slow one, and leaves before that begins.
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

    /// A graph of flights with such leaders, each of whom waits for the flight of its own number.
    fn graph(flights: impl Iterator<Item = (FlightId, Vec<ThreadToken>)>) -> Graph {
        let mut graph = Graph::new();
        for (flight, leaders) in flights {
            graph.waits.extend(leaders.iter().map(|leader| (*leader, *leader)));
            graph.flights.insert(flight, Node { leaders, after: None });
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
        assert!(chain.hangs_on(0, 1000));
        assert!(!chain.hangs_on(0, 2000));
        clear(chain);
    }

    #[test]
    fn a_flight_that_many_ways_lead_to_is_gone_through_once() {
        // Two leaders each, which wait for flights that hang on the same two: 2^60 ways.
        let leaders = |flight: u64| vec![(flight / 2 + 1) * 2, (flight / 2 + 1) * 2 + 1];
        let ladder = graph((0..120).map(|flight| (flight, leaders(flight))));
        assert!(ladder.hangs_on(0, 121));
        assert!(!ladder.hangs_on(0, 500));
        clear(ladder);
    }

    #[test]
    fn a_search_ends_even_in_a_circle() {
        let circle = graph((0..200).map(|flight| (flight, vec![(flight + 1) % 200])));
        assert!(!circle.hangs_on(0, 500));
        clear(circle);
    }
}
