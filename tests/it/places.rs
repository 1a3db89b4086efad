//! The places of `max_retained`: whatever becomes of a flight, a place that it does not use is there
//! for the next one.

use std::time::Duration;

use coalescer::{Group, ManualClock};

use crate::support::{Call, Numbers, follow, followers, lead, start, wait_until, watched};

const TIMEOUT: Duration = Duration::from_millis(30);
const PLACES: usize = 2;

fn bounded(clock: &ManualClock) -> Numbers {
    Group::builder()
        .window(Duration::MAX)
        .error_window(Duration::MAX)
        .max_retained(PLACES)
        .leader_timeout(TIMEOUT)
        .clock(clock.clone())
        .share_if(|value: &u32| *value != UNSHARED)
        .build()
}

const UNSHARED: u32 = 99;

/// Fills the table from empty: there must be room for as many results as the setting says.
fn assert_all_places(group: &Numbers) {
    group.forget_all();
    let keys = ["a", "b", "c", "d"];
    for key in keys {
        group.execute(key, || Ok(7)).unwrap();
    }
    let kept = keys.iter().filter(|key| group.forget(**key)).count();
    assert_eq!(kept, PLACES, "a place was lost");
}

/// Lets a flight of key `k` end as `ending` says, three times, and looks at the places afterwards.
fn check(ending: fn(&Numbers, &ManualClock)) {
    watched(move || {
        let clock = ManualClock::new();
        let group = bounded(&clock);
        for _ in 0..=PLACES {
            ending(&group, &clock);
            group.forget("k");
        }
        assert_all_places(&group);
    });
}

/// A leader that is stuck, and the call that took over from it.
fn taken_over(group: &Numbers, clock: &ManualClock) -> [Call<u32, String>; 2] {
    let stuck = lead(group, "k");
    clock.advance(TIMEOUT);
    [stuck, lead(group, "k")]
}

#[test]
fn the_place_of_a_flight_whose_successor_follows() {
    // S30 S47
    check(|group, _| {
        let running = lead(group, "k");
        let g = group.clone();
        let fresh = start(move |f| g.execute_fresh("k", f)).ends(|| Ok(2));
        wait_until(|| followers(group) == 1);
        running.returns(Ok(1)).unwrap();
        assert_eq!(*fresh.join().unwrap(), 2);
        assert_eq!(*group.execute("k", || Ok(3)).unwrap(), 2, "it is kept");
    });
}

#[test]
fn the_place_of_a_second_success() {
    // S38 S47
    check(|group, clock| {
        let [stuck, second] = taken_over(group, clock);
        second.returns(Ok(2)).unwrap();
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn the_place_of_a_failure_that_does_not_decide() {
    // S37 S47
    check(|group, clock| {
        let [stuck, second] = taken_over(group, clock);
        second.returns(Err("no".into())).unwrap_err();
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn the_place_of_a_failure_after_the_success() {
    // S38 S47
    check(|group, clock| {
        let [stuck, second] = taken_over(group, clock);
        second.returns(Ok(2)).unwrap();
        stuck.returns(Err("no".into())).unwrap_err();
    });
}

#[test]
fn the_place_of_what_was_forgotten() {
    // S28 S47: while its leader was alone, with a follower, and taken over.
    check(|group, _| {
        let running = lead(group, "k");
        group.forget("k");
        running.returns(Ok(1)).unwrap();
    });
    check(|group, _| {
        let running = lead(group, "k");
        let follower = follow(group, "k", 1).remove(0);
        group.forget("k");
        running.returns(Ok(1)).unwrap();
        follower.join_unrun().unwrap();
    });
    check(|group, clock| {
        let [stuck, second] = taken_over(group, clock);
        group.forget("k");
        second.returns(Ok(2)).unwrap();
        stuck.returns(Ok(1)).unwrap();
    });
}

#[test]
fn the_place_of_what_is_not_shared() {
    // S40 S47
    check(|group, clock| {
        lead(group, "k").returns(Ok(UNSHARED)).unwrap();
        let [stuck, second] = taken_over(group, clock);
        second.returns(Ok(UNSHARED)).unwrap();
        stuck.returns(Ok(UNSHARED)).unwrap();
    });
}

#[test]
fn the_place_of_a_panic() {
    // S23 S47
    check(|group, clock| {
        let [stuck, second] = taken_over(group, clock);
        second.panics(|| std::panic::resume_unwind(Box::new("planned")));
        stuck.panics(|| std::panic::resume_unwind(Box::new("planned")));
    });
}

#[test]
fn the_place_of_what_a_fresh_call_replaces() {
    // S30 S47
    check(|group, _| {
        group.execute("k", || Ok(1)).unwrap();
        assert_eq!(*group.execute_fresh("k", || Ok(2)).unwrap(), 2);
        group.execute_fresh("k", || Err("no".into())).unwrap_err();
    });
}
