//! How to ask for many keys with one query, whether they come together or one by one. Copy this file.
//!
//! The function gets the keys to ask for, and returns pairs. It takes its connection inside, as that of `orders.rs`.

use std::time::Duration;

use coalescer::{Batcher, Builder, ForBatcher};

use super::PAGE;

/// The longest time that a call waits for others, while a query runs.
pub(super) const GATHER: Duration = Duration::from_millis(5);

/// How the orders of a page are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// One thread asks for one order after the other: N+1 queries.
    OneByOne,
    /// One thread asks for all of them in one call.
    ExecuteMany,
    /// As many threads ask for one order each.
    Threads,
    /// The same, with calls that are gathered while a query runs.
    Gathered,
}

impl Way {
    pub(super) const ALL: [Self; 4] =
        [Self::OneByOne, Self::ExecuteMany, Self::Threads, Self::Gathered];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneByOne => "one by one",
            Self::ExecuteMany => "execute_many",
            Self::Threads => "100 threads",
            Self::Gathered => "gather_while_busy",
        }
    }

    /// A batcher for orders by their numbers, of a function that reads any number of them.
    pub(super) fn build<V, E>(
        self,
        builder: Builder<ForBatcher, u64, V>,
        load: impl Fn(&[u64]) -> Result<Vec<(u64, V)>, E> + Send + Sync + 'static,
    ) -> Batcher<u64, V, E> {
        // A database has a limit for the parameters of a query.
        let builder = builder.max_batch(PAGE);
        match self {
            Self::Gathered => builder.gather_while_busy(GATHER).build(load),
            _ => builder.build(load),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::{self, JoinHandle};

    use coalescer::ManualClock;

    use super::*;

    type Squares = Batcher<u64, u64, ()>;

    const KEYS: u64 = PAGE as u64;

    /// A run: its keys, and the place for the word to go on.
    type Run = (Vec<u64>, Sender<()>);

    /// A batcher whose runs return when the test says. The time of its waits stands still.
    fn held(way: Way) -> (Squares, Receiver<Run>) {
        let (run, runs) = channel();
        let builder = Batcher::builder().clock(ManualClock::new());
        let squares = way.build(builder, move |keys: &[u64]| {
            let (go_on, told) = channel();
            run.send((keys.to_vec(), go_on)).expect("the test goes on");
            told.recv().expect("the test says when to return");
            Ok(keys.iter().map(|key| (*key, key * key)).collect())
        });
        (squares, runs)
    }

    fn call(squares: &Squares, key: u64) -> JoinHandle<()> {
        let squares = squares.clone();
        thread::spawn(move || {
            assert_eq!(*squares.execute(&key).expect("it has a square"), key * key)
        })
    }

    /// The number of keys that wait for a run to begin.
    fn waiting(squares: &Squares) -> usize {
        squares.in_flight().iter().filter(|flight| flight.leader.is_none()).count()
    }

    /// Returns the keys of the next run, and lets it return.
    fn run(runs: &Receiver<Run>) -> Vec<u64> {
        let (keys, go_on) = runs.recv().expect("a run begins");
        go_on.send(()).expect("the run waits");
        keys
    }

    #[test]
    fn a_page_is_one_run_of_all_its_keys() {
        let (squares, runs) = held(Way::ExecuteMany);
        let page: Vec<u64> = (0..KEYS).collect();
        let asking = thread::spawn({
            let (squares, page) = (squares.clone(), page.clone());
            move || squares.execute_many(&page)
        });
        assert_eq!(run(&runs), page);
        let answers = asking.join().expect("the call returns");
        assert!(
            answers
                .iter()
                .zip(&page)
                .all(|(answer, key)| answer.as_deref().is_ok_and(|square| *square == key * key))
        );
        assert_eq!(squares.stats().batches, 1);
    }

    #[test]
    fn calls_one_by_one_are_a_run_for_each_key() {
        let (squares, runs) = held(Way::OneByOne);
        for key in 0..KEYS {
            let asking = call(&squares, key);
            assert_eq!(run(&runs), [key]);
            asking.join().expect("the call returns");
        }
        assert_eq!(squares.stats().batches, KEYS);
    }

    #[test]
    fn gathered_calls_are_one_run_for_the_first_and_one_for_all_others() {
        let (squares, runs) = held(Way::Gathered);
        let first = call(&squares, 0);
        let (keys, go_on) = runs.recv().expect("an idle batcher runs at once");
        assert_eq!(keys, [0]);
        let others: Vec<_> = (1..KEYS).map(|key| call(&squares, key)).collect();
        while waiting(&squares) < others.len() {
            thread::yield_now();
        }
        go_on.send(()).expect("the run waits");
        let mut keys = run(&runs);
        keys.sort_unstable();
        assert!(keys.into_iter().eq(1..KEYS));
        for call in others.into_iter().chain([first]) {
            call.join().expect("the call returns");
        }
        assert_eq!(squares.stats().batches, 2);
    }
}
