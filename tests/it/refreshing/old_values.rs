//! Functions that see the value which they replace (S127).

use std::sync::{Arc, Mutex};

use coalescer::{Coalescer, Job, ManualClock, Refreshed, Role};

use crate::support::{MS, NS, watched};

type Pages = Coalescer<u32, String, String>;
type Answers = Arc<Mutex<Vec<Result<Refreshed<String>, String>>>>;

/// A coalescer whose function returns the answers from the last to the first, and notes the old values that it saw.
fn pages(
    answers: Vec<Result<Refreshed<String>, String>>,
) -> (ManualClock, Pages, Arc<Mutex<Vec<Option<String>>>>) {
    let (clock, seen) = (ManualClock::new(), Arc::new(Mutex::new(Vec::new())));
    let (answers, notes): (Answers, _) = (Arc::new(Mutex::new(answers)), Arc::clone(&seen));
    let pages = Coalescer::builder()
        .window(100 * MS)
        .refresh_after(60 * MS)
        .clock(clock.clone())
        .executor(|job: Job| job.run())
        .build_refreshing_with(move |_: &u32, old: Option<&Arc<String>>| {
            notes.lock().unwrap().push(old.map(|old| String::clone(old)));
            answers.lock().unwrap().pop().expect("it runs no more often")
        });
    (clock, pages, seen)
}

fn new(page: &str) -> Result<Refreshed<String>, String> {
    Ok(Refreshed::New(page.into()))
}

#[test]
fn an_unchanged_value_is_kept_anew_in_the_same_arc() {
    // S127
    watched(|| {
        let (clock, pages, seen) = pages(vec![new("c"), Ok(Refreshed::Unchanged), new("a")]);
        let first = pages.execute(&7).unwrap();
        clock.advance(60 * MS);
        pages.execute(&7).unwrap();
        assert_eq!(*seen.lock().unwrap(), [None, Some("a".into())]);
        clock.advance(60 * MS - NS);
        let outcome = pages.call(&7).outcome().unwrap();
        assert!(Arc::ptr_eq(&outcome.value, &first));
        assert_eq!(outcome.age, 60 * MS - NS, "since the run that has found it unchanged");
        clock.advance(NS);
        pages.execute(&7).unwrap();
        assert_eq!(*pages.execute(&7).unwrap(), "c");
        assert_eq!(pages.stats().refreshes, 2);
    });
}

#[test]
fn every_run_beside_a_value_sees_it_and_no_other_run_does() {
    // S127
    watched(|| {
        let (clock, pages, seen) = pages(vec![new("5"), new("4"), new("3"), new("2"), new("1")]);
        pages.execute(&7).unwrap();
        pages.execute_fresh(&7).unwrap();
        assert!(pages.refresh(&7).unwrap());
        clock.advance(100 * MS);
        pages.execute(&7).unwrap();
        assert!(pages.forget(&7));
        pages.execute(&7).unwrap();
        let seen = seen.lock().unwrap();
        let seen: Vec<_> = seen.iter().map(|old| old.as_deref().unwrap_or("none")).collect();
        assert_eq!(seen, ["none", "1", "2", "none", "none"], "not one that is over, or forgotten");
    });
}

#[test]
fn unchanged_without_a_value_is_a_panic_that_says_so() {
    // S127
    watched(|| {
        let (_clock, pages, _) = pages(vec![new("a"), Ok(Refreshed::Unchanged)]);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pages.execute(&7)));
        let payload = panic.unwrap_err();
        let text = payload.downcast_ref::<String>().expect("a text");
        assert!(text.contains("return Refreshed::New if `old` is None"), "{text}");
        assert_eq!(pages.call(&7).outcome().unwrap().role, Role::Leader);
    });
}

/// The value that a run found unchanged is for those whom the rule names this time.
#[test]
fn the_rule_decides_anew_for_an_unchanged_value() {
    // S127 S74
    watched(|| {
        let clock = ManualClock::new();
        let times = Mutex::new(vec![20 * MS, 100 * MS]);
        let pages: Pages = Coalescer::builder()
            .window(100 * MS)
            .refresh_after(60 * MS)
            .clock(clock.clone())
            .executor(|job: Job| job.run())
            .share_with(move |_: &String| {
                coalescer::ShareWith::For(times.lock().unwrap().pop().unwrap())
            })
            .build_refreshing_with(|_: &u32, old: Option<&Arc<String>>| match old {
                Some(_) => Ok(Refreshed::Unchanged),
                None => new("a"),
            });
        let first = pages.execute(&7).unwrap();
        clock.advance(60 * MS);
        pages.execute(&7).unwrap();
        clock.advance(20 * MS - NS);
        assert!(Arc::ptr_eq(&pages.peek(&7).unwrap(), &first));
        clock.advance(NS);
        assert!(pages.peek(&7).is_none());
    });
}
