//! Clients that disconnect, and handlers that panic.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer_http::{CoalesceLayer, Settings};

use crate::support::{LIKE_UREQ, all_at_once, deserter, get, page, start, wait_until, watched};

#[test]
fn a_leader_whose_client_disconnects_does_not_affect_the_followers() {
    watched(|| {
        let (begun, has_begun) = channel();
        let begun = Mutex::new(begun);
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::ZERO));
        let (address, watch) = start(layer, move |watch, _| {
            begun.lock().unwrap().send(()).unwrap();
            wait_until(|| watch.followers() == 3);
            page("made once")
        });
        let leader = deserter(address, "/");
        has_begun.recv().unwrap();
        drop(leader);
        let got = all_at_once(3, move |_| get(address, "/", LIKE_UREQ).text);
        assert_eq!(got, ["made once"; 3]);
        let flights = watch.stats().flights;
        assert_eq!((flights.executed_requests, flights.followers), (1, 3));
    });
}

#[test]
fn a_follower_that_disconnects_does_not_affect_the_others() {
    watched(|| {
        let (go_on, may_go_on) = channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let (address, watch) = start(layer, move |_, _| {
            may_go_on.lock().unwrap().recv().unwrap();
            page("hello")
        });
        let leader = thread::spawn(move || get(address, "/", LIKE_UREQ).text);
        wait_until(|| watch.stats().flights.in_flight == 1);
        let gone = [(); 3].map(|()| deserter(address, "/"));
        wait_until(|| watch.followers() == 3);
        drop(gone);
        let follower = thread::spawn(move || get(address, "/", LIKE_UREQ).text);
        wait_until(|| watch.followers() == 4);
        go_on.send(()).unwrap();
        assert_eq!(leader.join().unwrap(), "hello");
        assert_eq!(follower.join().unwrap(), "hello");
        assert_eq!(get(address, "/", LIKE_UREQ).text, "hello");
        let flights = watch.stats().flights;
        assert_eq!((flights.executed_requests, flights.followers, flights.late), (1, 4, 1));
    });
}

#[test]
fn a_handler_that_panics_is_a_500_for_its_own_client_and_the_others_run_their_own() {
    watched(|| {
        let runs = AtomicUsize::new(0);
        let layer = CoalesceLayer::new().settings(Settings::new().window(Duration::MAX));
        let (address, watch) = start(layer, move |watch, _| {
            if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                wait_until(|| watch.followers() == 3);
                panic!("on purpose");
            }
            page("well")
        });
        let mut got = all_at_once(4, move |_| {
            let got = get(address, "/", &[]);
            (got.status, got.text)
        });
        got.sort();
        let well = (200, "well".to_owned());
        assert_eq!(got, [well.clone(), well.clone(), well, (500, String::new())]);
        let flights = watch.stats().flights;
        assert_eq!((flights.panicked, flights.in_flight, watch.stats().alone), (1, 0, 3));
    });
}

#[test]
fn a_client_that_waits_too_long_gets_a_503() {
    watched(|| {
        let (go_on, may_go_on) = channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let layer =
            CoalesceLayer::new().settings(Settings::new().max_wait(Duration::from_millis(1)));
        let (address, watch) = start(layer, move |_, _| {
            may_go_on.lock().unwrap().recv().unwrap();
            page("hello")
        });
        let leader = thread::spawn(move || get(address, "/", &[]).text);
        wait_until(|| watch.stats().flights.in_flight == 1);
        let late = get(address, "/", &[]);
        assert_eq!((late.status, late.headers["retry-after"].to_str().unwrap()), (503, "1"));
        go_on.send(()).unwrap();
        assert_eq!(leader.join().unwrap(), "hello");
    });
}
