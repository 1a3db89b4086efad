//! A value that is replaced while its window serves it.

mod background;
mod due;
mod failures;
mod old_values;
mod together;
mod verb;

use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock, Outcome, Role, ShareWith};

use crate::support::{Call, MS, Numbers, start};

/// A group with a window of 100 ms, whose values are due after 60, and its value 1 of the key, which is due in `left`
/// milliseconds.
fn due_in(left: u32) -> (ManualClock, Numbers) {
    let clock = ManualClock::new();
    let group: Numbers = Group::builder()
        .window(100 * MS)
        .refresh_after(60 * MS)
        .clock(clock.clone())
        .share_with(|value: &u32| match value {
            100 => ShareWith::Nobody,
            200 => ShareWith::Followers,
            300.. => ShareWith::For(30 * MS),
            _ => ShareWith::Everyone,
        })
        .build();
    assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
    clock.advance((60 - left) * MS);
    (clock, group)
}

fn due() -> (ManualClock, Numbers) {
    due_in(0)
}

/// Like `due`, with a time and a window of the test's.
fn long(refresh_after: Duration, window: Duration) -> (ManualClock, Numbers) {
    let clock = ManualClock::new();
    let group: Numbers = Group::builder()
        .window(window)
        .refresh_after(refresh_after)
        .shards(1)
        .clock(clock.clone())
        .build();
    assert_eq!(*group.execute("k", || Ok(1)).unwrap(), 1);
    clock.advance(refresh_after);
    (clock, group)
}

/// The value and the role of a call whose function, if it runs, returns 9.
fn called(group: &Numbers) -> (u32, Role) {
    let outcome = group.call("k").outcome(|| Ok(9)).unwrap();
    (*outcome.value, outcome.role)
}

/// A call that refreshes, and whose function ends as the test says.
fn refreshing(group: &Numbers) -> Call<u32, String> {
    let group = group.clone();
    start(move |function| group.call("k").outcome(function)).begun()
}

/// The start of each run and the value that it returns are on this clock, in milliseconds.
type Times = Coalescer<u32, u128, String>;

fn told(times: &Times) -> (u128, Role) {
    let Outcome { value, role, .. } = times.call(&7).outcome().unwrap();
    (*value, role)
}
