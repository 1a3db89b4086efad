//! Tests that move the engine's clock.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use coalescer::ManualClock;

use crate::engine::{
    Claim, Claimed, Digest, End, Engine, ErrorKind, FlightId, Inbox, Key, Publication, Token, Wait,
    Waited,
};

use super::engine::Files;
use super::folder::{Folder, Name};
use super::locks::Locks;

const WITHIN: Duration = Duration::from_secs(20);

/// A folder of the test's own, which goes with it.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("coalescer-{name}-{}", std::process::id())))
    }

    /// The folder of this boot, which has the files.
    fn inner(&self) -> PathBuf {
        fs::read_dir(&self.0).unwrap().next().unwrap().unwrap().path()
    }

    fn files(&self) -> usize {
        fs::read_dir(self.inner()).unwrap().count()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn key(number: u16) -> Key<'static> {
    let [low, high] = number.to_le_bytes();
    let mut digest = [7; 16];
    (digest[0], digest[1]) = (low, high);
    Key { namespace: "shop", name: "users", digest: Digest::new(digest) }
}

/// Sequences of steps, compared with the reference. No step of the clock takes time.
#[cfg(feature = "conformance")]
#[test]
fn the_engine_of_one_host_conforms() {
    let dir = Dir::new("conforms");
    let clock = ManualClock::new();
    let engine = Files::open_with(&dir.0, Some(clock.clone())).unwrap();
    let kit = crate::conformance::Conformance::new().sequences(100);
    kit.check(&engine, &|time| clock.advance(time));
}

/// A result for that key, with a window of ten seconds.
fn publish(engine: &Files, inbox: &Inbox, number: u16) {
    let (key, token) = (key(number), Token::new(inbox.clone(), number.into()));
    engine.claim(&Claim::new(key, &token, WITHIN), WITHIN).unwrap();
    let mut publication = Publication::new(key, &token, b"ada");
    publication.keep = Some(Duration::from_secs(10));
    engine.publish(&publication, WITHIN).unwrap();
}

/// C25: what is over goes as work goes on.
#[test]
fn results_that_are_over_are_swept() {
    let dir = Dir::new("swept");
    let clock = ManualClock::new();
    let engine = Files::open_with(&dir.0, Some(clock.clone())).unwrap();
    let inbox = Inbox::draw("shop");
    (0..100).for_each(|number| publish(&engine, &inbox, number));
    assert_eq!(dir.files(), 201, "a state and an outcome for each key, and the lock");

    clock.advance(Duration::from_secs(11));
    // Sweeps come with these publications of one key.
    (0..512).for_each(|_| publish(&engine, &inbox, 100));
    let left = dir.files();
    assert!(left < 12, "{left} files are left");
}

/// C25: where each publication is of another key, as many files go as come.
#[test]
fn sweeps_keep_up_with_keys_that_come_once() {
    let dir = Dir::new("once");
    let clock = ManualClock::new();
    let engine = Files::open_with(&dir.0, Some(clock.clone())).unwrap();
    let inbox = Inbox::draw("shop");
    for number in 0..1000 {
        publish(&engine, &inbox, number);
        clock.advance(Duration::from_millis(100));
    }
    // So 100 keys have something to know, with two files each.
    let left = dir.files();
    assert!((200..800).contains(&left), "{left} files are left");
}

/// C25: the ends of a hot key without a window do not pile up.
#[test]
fn only_ends_that_somebody_may_look_at_are_kept() {
    let dir = Dir::new("hot");
    let clock = ManualClock::new();
    let engine = Files::open_with(&dir.0, Some(clock.clone())).unwrap();
    let [leader, follower] = [1, 2].map(|number| Token::new(Inbox::draw("shop"), number));
    let claim = |token| engine.claim(&Claim::new(key(1), token, WITHIN), WITHIN).unwrap();
    let publish = || engine.publish(&Publication::new(key(1), &leader, b"ada"), WITHIN).unwrap();
    for _ in 0..1000 {
        claim(&leader);
        publish();
    }
    assert_eq!(dir.files(), 2, "the lock and the state");

    let mut last = None;
    for _ in 0..1000 {
        claim(&leader);
        let Claimed::Follow { flight, .. } = claim(&follower) else { panic!("it runs") };
        publish();
        last = Some(flight);
    }
    let left = dir.files();
    assert!(left < 100, "{left} files are left");
    let wait = Wait { key: key(1), token: &follower, flight: &last.unwrap(), leads: None };
    let waited = engine.wait(&wait, WITHIN).unwrap();
    let end = End::Outcome { bytes: (*b"ada").into(), kept: false };
    assert_eq!(waited, Waited::Ended { end, forgotten: false });
}

/// C11: who waits for a leader that has died goes on with its flight, also if somebody sweeps before they ask again. If nobody
/// asks again, the file goes all the same.
#[test]
fn a_sweep_leaves_the_flight_of_a_dead_leader_to_those_who_wait() {
    let dir = Dir::new("dead");
    let clock = ManualClock::new();
    let open = || Files::open_with(&dir.0, Some(clock.clone())).unwrap();
    let [leader, waits, sweeps] = [open(), open(), open()];
    let claim = |engine: &Files| {
        let token = Token::new(Inbox::draw("shop"), 1);
        engine.claim(&Claim::new(key(1), &token, WITHIN), WITHIN).unwrap()
    };
    let led = claim(&leader);
    // A process that dies lets its locks go, and does nothing else.
    drop(leader);
    clock.advance(Duration::from_millis(1));
    let inbox = Inbox::draw("shop");
    let sweep = || (0..100).for_each(|_| publish(&sweeps, &inbox, 2));
    sweep();
    let went_on = claim(&waits);
    assert!(matches!(went_on, Claimed::Lead { .. }), "{went_on:?}");
    assert_eq!(went_on.flight(), led.flight(), "it is the flight that the others wait for");
    drop(waits);
    sweep();
    clock.advance(Duration::from_secs(11));
    sweep();
    assert_eq!(dir.files(), 3, "the lock, and the state and the outcome of the other key");
}

/// A process that is stopped in the middle of a step makes others late, and they say so.
#[test]
fn a_step_behind_a_process_that_stands_still_fails_in_time() {
    let dir = Dir::new("stopped");
    let engine = Files::open(&dir.0).unwrap();
    let other = Folder::open(&dir.0).unwrap();
    let locks = Locks::new(&other).unwrap();
    let stopped = locks.step(Name::of(key(1)), WITHIN).ok().unwrap();
    let token = Token::new(Inbox::draw("shop"), 1);
    let claim = Claim::new(key(1), &token, WITHIN);
    let late = engine.claim(&claim, Duration::from_millis(5)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    // A wait has no more time than it was given, which is no failure of the engine.
    let flight = FlightId::new("1");
    let wait = Wait { key: key(1), token: &token, flight: &flight, leads: None };
    let waited = engine.wait(&wait, Duration::from_millis(5)).unwrap();
    assert_eq!(waited, Waited::StillRuns);
    drop(stopped);
    assert!(engine.claim(&claim, WITHIN).is_ok());
}

/// A claim whose state cannot be written leads nothing, and leaves no lock behind.
#[test]
fn a_claim_that_fails_holds_nothing() {
    let dir = Dir::new("fails");
    let engine = Files::open(&dir.0).unwrap();
    // A folder stands where the new state would be written.
    let in_the_way = dir.inner().join(format!("{}.new", Name::of(key(1)).text()));
    fs::create_dir(&in_the_way).unwrap();
    let [first, second] = [1, 2].map(|number| Token::new(Inbox::draw("shop"), number));
    assert!(engine.claim(&Claim::new(key(1), &first, WITHIN), WITHIN).is_err());
    fs::remove_dir(in_the_way).unwrap();
    let claimed = engine.claim(&Claim::new(key(1), &second, WITHIN), WITHIN).unwrap();
    assert!(matches!(claimed, Claimed::Lead { .. }), "{claimed:?}");
    assert_eq!(engine.leads(), 1);
}
