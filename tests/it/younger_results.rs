//! Results that are younger than the call that gets them: its key took user code, and another call
//! began an execution during that time. Requests of a coalescer that meet a running execution.

use std::hash::{Hash, Hasher};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use coalescer::{Coalescer, Group, ManualClock, Role, ToKey};

use crate::support::{MS, NS, Numbers, followers, lead, start, wait_until, watched};

const WINDOW: Duration = Duration::from_millis(100);

/// Finds the key "k". Says when it is asked for an owned key, and makes it when it is told to.
struct SlowKey {
    asked: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl SlowKey {
    fn new() -> (Self, Receiver<()>, Sender<()>) {
        let ((asked, is_asked), (tell, go_on)) = (channel(), channel());
        (Self { asked, go_on: Mutex::new(go_on) }, is_asked, tell)
    }
}

impl Hash for SlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        "k".hash(state);
    }
}

impl ToKey<String> for SlowKey {
    fn is_key(&self, key: &String) -> bool {
        key == "k"
    }

    fn to_key(&self) -> String {
        self.asked.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        "k".into()
    }
}

fn group(clock: &ManualClock) -> Numbers {
    Group::builder().window(WINDOW).clock(clock.clone()).build()
}

#[test]
fn a_fresh_call_gets_a_kept_result_only_if_it_is_younger_than_the_call() {
    // S30: `passed` is the time between the call and the start of the other execution.
    watched(|| {
        for (passed, value, role) in [(Duration::ZERO, 2, Role::Leader), (NS, 1, Role::Late)] {
            let clock = ManualClock::new();
            let group = group(&clock);
            let (key, is_asked, tell) = SlowKey::new();
            let handle = group.clone();
            let call = thread::spawn(move || handle.call(&key).fresh().outcome(|| Ok(2)));
            is_asked.recv().unwrap();
            clock.advance(passed);
            group.execute("k", || Ok(1)).unwrap();
            tell.send(()).unwrap();
            let outcome = call.join().unwrap().unwrap();
            assert_eq!((*outcome.value, outcome.role), (value, role), "{passed:?}");
        }
    });
}

#[test]
fn a_fresh_call_joins_a_running_execution_only_if_it_is_younger_than_the_call() {
    // S30
    watched(|| {
        for (passed, value, role) in [(Duration::ZERO, 2, Role::Leader), (NS, 1, Role::Follower)] {
            let clock = ManualClock::new();
            let group = group(&clock);
            let (key, is_asked, tell) = SlowKey::new();
            let handle = group.clone();
            let call = thread::spawn(move || handle.call(&key).fresh().outcome(|| Ok(2)));
            is_asked.recv().unwrap();
            clock.advance(passed);
            let leader = lead(&group, "k");
            tell.send(()).unwrap();
            wait_until(|| followers(&group) == 1);
            leader.returns(Ok(1)).unwrap();
            let outcome = call.join().unwrap().unwrap();
            assert_eq!((*outcome.value, outcome.role), (value, role), "{passed:?}");
        }
    });
}

#[test]
fn requests_of_a_coalescer_that_meet_a_running_execution_do_as_they_say() {
    // S32 S34 S55: by value and by outcome.
    watched(|| {
        let clock = ManualClock::new();
        let (begun, is_begun) = channel();
        let (finish, finished) = channel::<()>();
        let finished = Mutex::new(finished);
        let numbers = Coalescer::builder().clock(clock.clone()).build(move |_: &String| {
            begun.send(()).unwrap();
            finished.lock().unwrap().recv().unwrap();
            Ok::<u32, String>(1)
        });
        let handle = numbers.clone();
        let leader = thread::spawn(move || handle.execute("k"));
        is_begun.recv().unwrap();
        let call = || numbers.call("k");
        assert!(call().no_wait().run().unwrap_err().would_block());
        assert!(call().no_wait().outcome().unwrap_err().would_block());
        assert!(call().timeout(Duration::ZERO).run().unwrap_err().is_timeout());
        assert!(call().timeout(Duration::ZERO).outcome().unwrap_err().is_timeout());
        assert!(call().deadline(clock.now()).run().unwrap_err().is_timeout());
        assert!(call().deadline(clock.now()).outcome().unwrap_err().is_timeout());
        assert!(call().fresh().timeout(Duration::ZERO).run().unwrap_err().is_timeout());
        clock.advance(MS);
        assert!(call().max_age(NS).timeout(Duration::ZERO).run().unwrap_err().is_timeout());
        finish.send(()).unwrap();
        assert_eq!(*leader.join().unwrap().unwrap(), 1);
        assert_eq!((numbers.stats().timed_out, numbers.stats().refused), (6, 2));
        assert!(numbers.in_flight().is_empty(), "a successor that every call left is gone");
    });
}

#[test]
fn a_refused_request_leaves_no_successor_behind() {
    // S30 S34 S41: neither by `no_wait` nor by a deadlock.
    watched(|| {
        let clock = ManualClock::new();
        let group = group(&clock);
        let inner = group.clone();
        let led = group.execute("k", || {
            for request in [inner.call("k").fresh(), inner.call("k").max_age(Duration::ZERO)] {
                assert!(request.clone().run(|| Ok(2)).unwrap_err().would_deadlock());
                assert!(request.no_wait().run(|| Ok(2)).unwrap_err().would_deadlock());
            }
            Ok(1)
        });
        assert_eq!(*led.unwrap(), 1);
        assert!(group.in_flight().is_empty());
        assert_eq!((group.stats().refused, group.stats().executed_requests), (4, 1));
        let other = group.clone();
        let again = start(move |function| other.call("k").outcome(function));
        assert_eq!(again.join_unrun().unwrap().role, Role::Late);
    });
}
