//! C15: an engine that is down is left alone, and each pause is twice the last one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coalescer::ManualClock;
use coalescer_cluster::Memory;
use coalescer_cluster::engine::{EngineError, ErrorKind};
use coalescer_cluster::health::{Breaker, Guarded, Permit, Unasked};

const MS: Duration = Duration::from_millis(1);

struct Scene {
    breaker: Breaker,
    now: Instant,
    /// The step that is under way.
    asking: Permit,
}

impl Scene {
    fn new() -> Self {
        let now = Instant::now();
        let breaker = Breaker::new(now);
        let asking = breaker.lets_ask(now).expect("it is closed");
        Self { breaker, now, asking }
    }

    fn fails(&self, kind: ErrorKind) -> bool {
        self.breaker.failed(self.asking, &EngineError::from(kind), self.now)
    }

    fn succeeds(&self) -> bool {
        self.breaker.succeeded(self.asking, self.now)
    }

    fn lets_ask(&self) -> bool {
        self.breaker.lets_ask(self.now).is_some()
    }

    /// The pause, measured by asking: one millisecond before its end, and at its end.
    fn pause(&mut self) -> Option<Duration> {
        let pause = self.breaker.health(self.now, true).retry_in?;
        assert!(self.breaker.lets_ask(self.now + pause - MS).is_none());
        self.now += pause;
        self.asking = self.breaker.lets_ask(self.now).expect("its time is over");
        assert!(!self.lets_ask(), "one caller asks");
        Some(pause)
    }
}

#[test]
fn three_failures_in_a_row_open_it_and_one_success_between_them_does_not() {
    let scene = Scene::new();
    for _ in 0..5 {
        assert!(!scene.fails(ErrorKind::TimedOut));
        assert!(!scene.fails(ErrorKind::Lost));
        assert!(!scene.succeeds(), "it was closed");
    }
    assert!(!scene.fails(ErrorKind::TimedOut));
    assert!(!scene.fails(ErrorKind::Unexpected));
    assert!(scene.fails(ErrorKind::TimedOut));
    assert!(!scene.lets_ask());
}

#[test]
fn one_failure_that_is_final_opens_it() {
    for kind in [ErrorKind::Refused, ErrorKind::Full, ErrorKind::ReadOnly, ErrorKind::Denied] {
        let scene = Scene::new();
        assert!(scene.fails(kind), "{kind:?}");
        assert!(!scene.lets_ask(), "{kind:?}");
    }
}

#[test]
fn pauses_double_from_250_ms_to_5_s_and_a_success_begins_anew() {
    let mut scene = Scene::new();
    for _ in 0..2 {
        assert!(scene.fails(ErrorKind::Refused));
        for pause in [250, 500, 1000, 2000, 4000, 5000, 5000] {
            assert_eq!(scene.pause(), Some(pause * MS));
            assert!(!scene.fails(ErrorKind::Refused), "it was open");
        }
        scene.pause();
        assert!(scene.succeeds());
        assert_eq!(scene.pause(), None);
    }
}

#[test]
fn who_has_no_access_asks_each_5_s() {
    let mut scene = Scene::new();
    scene.fails(ErrorKind::Denied);
    assert_eq!(scene.pause(), Some(5000 * MS));
    let health = scene.breaker.health(scene.now, false);
    assert_eq!(health.last_error.as_deref(), Some("the engine denies access"));
}

/// Many steps are under way when it opens. Their failures come later, and must not lengthen the pause.
#[test]
fn failures_of_steps_that_were_under_way_change_nothing() {
    let mut scene = Scene::new();
    scene.fails(ErrorKind::Refused);
    for _ in 0..100 {
        assert!(!scene.fails(ErrorKind::TimedOut));
    }
    assert_eq!(scene.pause(), Some(250 * MS));
}

/// Those who waited were woken, and go on by themselves: it must not be closed again before they look.
#[test]
fn successes_of_steps_that_were_under_way_do_not_close_it() {
    let mut scene = Scene::new();
    scene.fails(ErrorKind::Refused);
    assert!(!scene.succeeds());
    assert_eq!(scene.pause(), Some(250 * MS));
    assert!(scene.succeeds(), "that was the one that asked");
    assert!(scene.lets_ask());
}

/// A caller whose step hangs is not waited for, so several may ask if the engine is back.
#[test]
fn an_answer_closes_it_although_another_that_asked_has_failed() {
    let mut scene = Scene::new();
    scene.fails(ErrorKind::Refused);
    let under_way = scene.asking;
    scene.pause();
    let hangs = scene.asking;
    scene.pause();
    let late = EngineError::from(ErrorKind::TimedOut);
    assert!(!scene.breaker.failed(hangs, &late, scene.now));
    assert!(!scene.breaker.succeeded(under_way, scene.now), "it began before");
    assert!(scene.succeeds());
    assert!(!scene.breaker.failed(hangs, &late, scene.now) && scene.lets_ask());
}

/// The caller that may ask goes away without a word, for example since its deadline has come.
#[test]
fn a_caller_that_says_nothing_is_not_waited_for() {
    let mut scene = Scene::new();
    scene.fails(ErrorKind::Refused);
    assert_eq!(scene.pause(), Some(250 * MS));
    assert_eq!(scene.pause(), Some(250 * MS));
}

#[test]
fn a_process_without_free_connections_does_not_blame_the_engine() {
    let scene = Scene::new();
    for _ in 0..10 {
        assert!(!scene.fails(ErrorKind::Exhausted));
    }
    assert!(scene.breaker.health(scene.now, true).up);
}

#[test]
fn an_engine_that_is_down_is_not_asked_and_joined_again() {
    let clock = ManualClock::new();
    let engine = Memory::with_clock(clock.clone());
    let guarded = Guarded::new(Arc::new(engine.clone()));
    let ping = || guarded.ask(|engine| engine.ping(Duration::ZERO));
    assert_eq!(ping(), Ok(()));

    engine.fail_with(ErrorKind::Refused);
    assert!(matches!(ping(), Err(Unasked::Failed { opened: true, .. })));
    for _ in 0..10 {
        assert_eq!(ping(), Err(Unasked::Open));
    }
    let stats = guarded.stats();
    assert_eq!((stats.round_trips, stats.not_asked, stats.errors.refused), (2, 10, 1));

    engine.fail_with(None);
    assert_eq!(ping(), Err(Unasked::Open), "it is not asked before its time");
    clock.advance(250 * MS);
    assert_eq!(ping(), Ok(()));
    assert!(guarded.health(true).up);
}
