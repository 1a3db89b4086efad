//! Many keys in one call.

mod absent;
mod answerers;
mod answers;
mod bad_input;
mod batches;
mod due_keys;
mod large;
mod overlaps;
mod pages;
mod take_over;
mod waits;
mod wake_ups;

use std::sync::{Arc, Mutex};

use coalescer::{Error, Group};

use crate::support::{Call, start};

/// A group of numbers by numbers.
type Ids = Group<u32, u32, String>;
type Pairs = Vec<(u32, u32)>;
/// The answers to a call of many keys.
type Told = Vec<Result<Arc<u32>, Error<String>>>;
/// A call of many keys whose function ends how and when the test says.
type Many = Call<Pairs, String, Told>;

/// The keys of each run, in the order of the runs.
#[derive(Clone, Default)]
struct Runs(Arc<Mutex<Vec<Vec<u32>>>>);

impl Runs {
    fn note(&self, keys: &[u32]) {
        self.0.lock().unwrap().push(keys.to_vec());
    }

    fn of(&self) -> Vec<Vec<u32>> {
        self.0.lock().unwrap().clone()
    }
}

/// Starts a call for these keys.
fn many(group: &Ids, keys: &'static [u32]) -> Many {
    let group = group.clone();
    start(move |function| {
        let mut function = Some(function);
        group.execute_many(keys, |_| function.take().expect("it runs once")())
    })
}

/// Starts a call for these keys, and returns it when its function runs.
#[track_caller]
fn leading(group: &Ids, keys: &'static [u32]) -> Many {
    many(group, keys).begun()
}

/// Each key with its square.
fn squares(keys: &[u32]) -> Result<Pairs, String> {
    Ok(keys.iter().map(|key| (*key, key * key)).collect())
}

/// The function of a call that needs none.
fn unasked(keys: &[u32]) -> Result<Pairs, String> {
    unreachable!("it has no need to ask for {keys:?}")
}

fn values(told: Told) -> Vec<u32> {
    told.into_iter().map(|answer| *answer.unwrap()).collect()
}

/// The number of calls that wait for this key.
fn followers(group: &Ids, key: u32) -> usize {
    group.in_flight().iter().filter(|flight| flight.key == key).map(|flight| flight.followers).sum()
}
