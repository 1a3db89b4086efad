//! One query for many calls, a deadline, a full queue, and an orderly end.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::num::NonZero;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use coalescer::Error;
use crossbeam_channel::{Receiver, Sender, bounded, never, unbounded};
use pool::{Order, PageError, Pool, Shop, User};

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Runs a test under a time limit, because a failure could be a hang.
fn watched(test: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel::<()>();
    let running = thread::spawn(move || {
        let _done = done;
        test();
    });
    let hangs = is_done.recv_timeout(3 * LONG) == Err(mpsc::RecvTimeoutError::Timeout);
    assert!(!hangs, "the test hangs");
    running.join().unwrap();
}

fn start(threads: usize, waiting: usize) -> Pool {
    Pool::start(NonZero::new(threads).unwrap(), waiting).unwrap()
}

/// A shop whose queries for users wait for one message each.
fn shop(pool: &Pool, stop: Receiver<()>) -> (Shop, Sender<()>) {
    let (let_go, may_go) = unbounded();
    let load_user = move |id: &u64| {
        may_go.recv().map_err(|error| error.to_string())?;
        match id {
            13 => panic!("no user has this number"),
            _ => Ok(User { name: format!("user {id}") }),
        }
    };
    let load_orders = |_: &u64| Ok(vec![Order { article: "a lamp".into() }]);
    (Shop::new(&pool.queue(), stop, load_user, load_orders), let_go)
}

#[track_caller]
fn wait_until(happened: impl Fn() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < LONG, "the expected event did not happen");
        thread::yield_now();
    }
}

#[test]
fn many_pages_cost_one_query_of_each_kind() {
    watched(|| {
        let pool = start(2, 16);
        let (shop, let_go) = shop(&pool, never());
        let visitors: Vec<_> = (0..16)
            .map(|_| {
                let shop = shop.clone();
                thread::spawn(move || shop.page(7, LONG).unwrap())
            })
            .collect();
        wait_until(|| shop.queries_and_calls().1 == 32);
        let_go.send(()).unwrap();
        let pages: Vec<_> = visitors.into_iter().map(|visitor| visitor.join().unwrap()).collect();
        assert!(pages.iter().all(|page| std::ptr::eq(&*page.user, &*pages[0].user)));
        assert_eq!((pages[0].user.name.as_str(), pages[0].orders.len()), ("user 7", 1));
    });
}

#[test]
fn a_page_can_time_out_while_its_query_goes_on() {
    watched(|| {
        let pool = start(2, 16);
        let (shop, let_go) = shop(&pool, never());
        let error = shop.page(7, Duration::from_millis(1)).unwrap_err();
        assert!(matches!(error, PageError::TooSlow), "{error}");
        let other = thread::spawn({
            let shop = shop.clone();
            move || shop.page(7, LONG).unwrap()
        });
        wait_until(|| shop.queries_and_calls().1 == 4);
        let_go.send(()).unwrap();
        assert_eq!(other.join().unwrap().user.name, "user 7");
    });
}

#[test]
fn a_full_queue_refuses_a_job_and_a_panic_is_an_error() {
    watched(|| {
        let pool = start(1, 2);
        let (shop, let_go) = shop(&pool, never());
        let first = thread::spawn({
            let shop = shop.clone();
            move || shop.page(7, LONG).unwrap()
        });
        wait_until(|| shop.queries_and_calls().1 == 2);
        // At least one job of the first page is queued, so at most one of the second finds room.
        let error = shop.page(8, LONG).unwrap_err();
        assert!(matches!(error, PageError::Load(Error::Rejected)), "{error}");
        (0..1000).for_each(|_| let_go.send(()).unwrap());
        assert_eq!(first.join().unwrap().user.name, "user 7");
        wait_until(|| shop.page(13, LONG).is_err_and(|error| is_panic(&error)));
    });
}

fn is_panic(error: &PageError) -> bool {
    matches!(error, PageError::Load(error) if error.is_panic())
}

#[test]
fn when_the_program_stops_waiting_calls_get_an_error_and_queued_jobs_run() {
    watched(|| {
        let pool = start(1, 16);
        let (stop, stopped) = bounded(0);
        let (shop, let_go) = shop(&pool, stopped);
        let visitor = thread::spawn({
            let shop = shop.clone();
            move || shop.page(7, LONG)
        });
        wait_until(|| shop.queries_and_calls().1 == 2);
        drop(stop);
        let error = visitor.join().unwrap().unwrap_err();
        assert!(matches!(error, PageError::Stopping), "{error}");
        let_go.send(()).unwrap();
        drop(pool);
        assert_eq!(shop.queries_and_calls(), (2, 2), "both queries ran to the end");
        let error = shop.page(8, LONG).unwrap_err();
        assert!(matches!(error, PageError::Load(Error::Rejected)), "{error}");
    });
}

#[test]
fn the_program_runs() {
    let output = Command::new(env!("CARGO_BIN_EXE_pool")).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert_eq!(printed.matches("user 1 has bought 2").count(), 20, "{printed}");
    assert!(printed.contains("80 calls, "), "{printed}");
    assert!(printed.contains("a late visitor: the executor did not take the job"), "{printed}");
}
