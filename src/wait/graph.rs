//! [`Graph`]: who waits for which flight, who leads it, and who works for its leader.
//!
//! ```text
//!   flight ── is led by ──▶ thread ── waits for ──▶ flight
//!      │                       └───── is helped by ──▶ thread      (Lead::enter)
//!      ├───── starts after ──▶ flight                              (execute_fresh)
//!      └───── has room after ──▶ thread, thread ..                 (max_leaders)
//! ```
//!
//! An arrow goes to what must end before. Of the threads that can give a flight room, one is enough: it
//! hangs only if all of them do. A helper hangs on the executions that its [`Lead`] was taken
//! in, and on no execution that their thread began later: those do not wait for the helper.
//!
//! [`Lead`]: crate::Lead

use std::collections::{HashMap, HashSet};

use fxhash::FxBuildHasher;

use crate::sync::{ThreadToken, is_panicking};

/// The number of a flight, which is its gate's. No number is given twice.
pub(crate) type FlightId = u64;

#[derive(Debug)]
pub(super) struct Graph {
    /// The wait of each thread, by the thread's number.
    pub(super) waits: HashMap<u64, FlightId, FxBuildHasher>,
    pub(super) flights: HashMap<FlightId, Node, FxBuildHasher>,
    /// The threads that work for a thread, by that one's number.
    helpers: HashMap<u64, Vec<Helper>, FxBuildHasher>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) leaders: Vec<ThreadToken>,
    /// The flight that must end before this one starts. If it has ended, the graph has no node for
    /// it, and no later flight gets its number.
    pub(super) predecessor: Option<FlightId>,
    /// The executions of which one must end before this flight has room to start.
    pub(super) room: Vec<ThreadToken>,
}

/// A thread that works for an execution of another thread, and for those around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Helper {
    /// The innermost execution that waits for it.
    pub(super) lead: ThreadToken,
    pub(super) thread: ThreadToken,
}

/// A step of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// To the flights and executions that end before this flight.
    Flight(FlightId),
    /// To the flight that ends before this execution of a thread.
    Thread(ThreadToken),
}

/// The number of steps that a search takes before it records them. Recording costs as much as the
/// search itself.
const UNRECORDED_STEPS: usize = 128;

impl Graph {
    pub(super) const fn new() -> Self {
        Self {
            waits: HashMap::with_hasher(FxBuildHasher),
            flights: HashMap::with_hasher(FxBuildHasher),
            helpers: HashMap::with_hasher(FxBuildHasher),
        }
    }

    /// Returns true if the end of `flight` depends on the thread of this number, over any number of
    /// waits.
    pub(super) fn depends_on(&self, flight: FlightId, thread: u64) -> bool {
        self.leads_to(vec![Step::Flight(flight)], Some(thread), &mut Vec::new())
    }

    /// Returns true if this flight has no room, and each execution that could give room waits for it.
    pub(super) fn depends_on_itself(&self, flight: FlightId) -> bool {
        self.leads_to(vec![Step::Flight(flight)], None, &mut Vec::new())
    }

    /// Returns true if this flight starts after another one that has not ended.
    pub(super) fn starts_after_another(&self, flight: FlightId) -> bool {
        let before = self.flights.get(&flight).and_then(|node| node.predecessor);
        before.is_some_and(|before| self.flights.contains_key(&before))
    }

    /// Returns true if `thread` works for one of these leaders, or for a thread that does. The waits
    /// of other threads do not count here.
    pub(super) fn is_helper_of(&self, leaders: &[ThreadToken], thread: ThreadToken) -> bool {
        let mut to_visit = leaders.to_vec();
        let mut visited: HashSet<ThreadToken, FxBuildHasher> = HashSet::default();
        while let Some(leader) = to_visit.pop() {
            if leader.is_of(thread) {
                return true;
            }
            if visited.insert(leader) {
                to_visit.extend(self.helpers_of(leader));
            }
        }
        false
    }

    /// Follows the arrows from `to_visit` until one reaches `thread`, or one of the flights `hung`: these
    /// are taken to hang, while the search looks for an execution that gives them room.
    ///
    /// The graph has no cycle, so the search takes a step twice only where two paths join that have
    /// forked before. Most searches follow one short path, so steps are recorded only after a fork or
    /// after [`UNRECORDED_STEPS`]. The search ends even if there is a cycle.
    fn leads_to(
        &self,
        mut to_visit: Vec<Step>,
        thread: Option<u64>,
        hung: &mut Vec<FlightId>,
    ) -> bool {
        let (mut has_forked, mut unrecorded) = (false, 0);
        let mut visited: HashSet<Step, FxBuildHasher> = HashSet::default();
        while let Some(step) = to_visit.pop() {
            if !has_forked && unrecorded < UNRECORDED_STEPS {
                unrecorded += 1;
            } else if !visited.insert(step) {
                continue;
            }
            match step {
                Step::Flight(flight) if hung.contains(&flight) => return true,
                Step::Flight(flight) => {
                    // A flight without a node has ended: its waiters are about to return.
                    let Some(node) = self.flights.get(&flight) else { continue };
                    if self.gets_no_room(flight, &node.room, thread, hung) {
                        return true;
                    }
                    to_visit.extend(node.predecessor.map(Step::Flight));
                    to_visit.extend(node.leaders.iter().copied().map(Step::Thread));
                }
                Step::Thread(leader) if Some(leader.number()) == thread => return true,
                Step::Thread(leader) => {
                    let flight = self.waits.get(&leader.number());
                    to_visit.extend(flight.copied().map(Step::Flight));
                    to_visit.extend(self.helpers_of(leader).map(Step::Thread));
                }
            }
            has_forked |= to_visit.len() > 1;
        }
        false
    }

    /// Returns true if the flight needs room, and if all that could give it lead to `thread` or hang.
    fn gets_no_room(
        &self,
        flight: FlightId,
        room: &[ThreadToken],
        thread: Option<u64>,
        hung: &mut Vec<FlightId>,
    ) -> bool {
        if room.is_empty() {
            return false;
        }
        hung.push(flight);
        let mut leaders = room.iter();
        let hangs = leaders.all(|leader| self.leads_to(vec![Step::Thread(*leader)], thread, hung));
        hung.pop();
        hangs
    }

    /// The threads that this execution waits for, as they work for it or for one inside it.
    fn helpers_of(&self, leader: ThreadToken) -> impl Iterator<Item = ThreadToken> {
        let all = self.helpers.get(&leader.number()).into_iter().flatten();
        let its = all.filter(move |helper| helper.lead.depth() >= leader.depth());
        its.map(|helper| helper.thread)
    }

    pub(super) fn add_helper(&mut self, helper: Helper) {
        self.helpers.entry(helper.lead.number()).or_default().push(helper);
    }

    pub(super) fn remove_helper(&mut self, helper: Helper) {
        let Some(helpers) = self.helpers.get_mut(&helper.lead.number()) else { return };
        if let Some(index) = helpers.iter().rposition(|other| *other == helper) {
            helpers.swap_remove(index);
        }
        if helpers.is_empty() {
            self.helpers.remove(&helper.lead.number());
        }
    }

    /// The numbers of flights, and of waits and helpers.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.flights.len(), self.waits.len() + self.helpers.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.size() == (0, 0)
    }
}

/// Checks that everything has left the graph. A program never drops the graph; a model drops it when
/// all calls have returned.
impl Drop for Graph {
    fn drop(&mut self) {
        debug_assert!(self.is_empty() || is_panicking(), "left in the graph: {self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u64, depth: u64) -> ThreadToken {
        ThreadToken::made_up(number, depth)
    }

    /// Makes a graph of flights with these leaders. Each leader waits for the flight whose number is
    /// the same as its own.
    fn graph(flights: impl Iterator<Item = (FlightId, Vec<u64>)>) -> Graph {
        let mut graph = Graph::new();
        for (flight, leaders) in flights {
            graph.waits.extend(leaders.iter().map(|leader| (*leader, *leader)));
            let leaders = leaders.iter().map(|leader| token(*leader, 1)).collect();
            graph.flights.insert(flight, Node { leaders, predecessor: None, room: Vec::new() });
        }
        graph
    }

    fn clear(mut graph: Graph) {
        graph.waits.clear();
        graph.flights.clear();
        graph.helpers.clear();
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
        let mut helpers = Graph::new();
        for (lead, thread) in [(1, 2), (2, 1)] {
            helpers.add_helper(Helper { lead: token(lead, 1), thread: token(thread, 1) });
        }
        assert!(!helpers.is_helper_of(&[token(1, 1)], token(3, 1)));
        assert!(!helpers.leads_to(vec![Step::Thread(token(1, 1))], Some(3), &mut Vec::new()));
        clear(helpers);
    }

    #[test]
    fn a_flight_without_room_hangs_if_all_do_that_could_give_it() {
        // Threads 1 and 2 run; flight 9 starts when one of them ends.
        let mut graph = graph([(1, vec![10]), (2, vec![20])].into_iter());
        graph.waits.clear();
        let room = vec![token(10, 1), token(20, 1)];
        graph.flights.insert(9, Node { leaders: Vec::new(), predecessor: None, room });
        graph.waits.insert(10, 9);
        assert!(!graph.depends_on(9, 10), "thread 20 gives room");
        assert!(graph.depends_on(9, 20), "it is the last that could");
        assert!(!graph.depends_on_itself(9));
        graph.waits.insert(20, 9);
        assert!(graph.depends_on_itself(9));
        clear(graph);
    }

    #[test]
    fn a_helper_hangs_on_the_executions_that_its_lead_was_taken_in() {
        let mut graph = Graph::new();
        // Thread 1 leads flights 10, 20 and 30, each in the function of the one before.
        for depth in 1..=3 {
            let node = Node { leaders: vec![token(1, depth)], predecessor: None, room: Vec::new() };
            graph.flights.insert(depth * 10, node);
        }
        // Thread 2 works for the second, and thread 3 for what thread 2 does there.
        let second = Helper { lead: token(1, 2), thread: token(2, 1) };
        let third = Helper { lead: token(2, 1), thread: token(3, 1) };
        [second, third].into_iter().for_each(|helper| graph.add_helper(helper));
        for helper in [token(2, 1), token(3, 1)] {
            let flights = [10, 20, 30].map(|flight| graph.depends_on(flight, helper.number()));
            assert_eq!(flights, [true, true, false]);
            assert!(graph.is_helper_of(&[token(1, 1)], helper));
            assert!(!graph.is_helper_of(&[token(1, 3)], helper));
        }
        [third, second].into_iter().for_each(|helper| graph.remove_helper(helper));
        assert!(!graph.depends_on(10, 2));
        assert!(graph.helpers.is_empty());
        clear(graph);
    }
}
