//! The steps one by one, with exact times: what random sequences do not meet.

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_cluster::Memory;
use coalescer_cluster::engine::*;

const MS: Duration = Duration::from_millis(1);
const NS: Duration = Duration::from_nanos(1);
const LEASE: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_millis(100);
const KEY: Key<'static> = Key { namespace: "shop", name: "users", digest: Digest::new([7; 16]) };

struct Scene {
    clock: ManualClock,
    engine: Memory,
}

/// A process: it listens, and numbers its claims.
struct Process {
    engine: Memory,
    inbox: Inbox,
    claims: u64,
    listener: Box<dyn Listener>,
}

impl Scene {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self { engine: Memory::with_clock(clock.clone()), clock }
    }

    fn process(&self) -> Process {
        let inbox = Inbox::draw("shop");
        let listener = self.engine.listen(&inbox, MS).unwrap();
        Process { engine: self.engine.clone(), inbox, claims: 0, listener }
    }
}

impl Process {
    fn token(&mut self) -> Token {
        self.claims += 1;
        Token::new(self.inbox.clone(), self.claims)
    }

    fn claim_with(&mut self, change: impl FnOnce(&mut Claim<'_>)) -> (Claimed, Token) {
        self.claim_but(None, change)
    }

    /// A claim that does not accept a flight.
    fn claim_but(
        &mut self,
        excluded: Option<&FlightId>,
        change: impl FnOnce(&mut Claim<'_>),
    ) -> (Claimed, Token) {
        let token = self.token();
        let mut claim = Claim::new(KEY, &token, LEASE);
        claim.presence = Presence::KeepsCopies;
        claim.excluded = excluded;
        change(&mut claim);
        let claimed = self.engine.claim(&claim, MS).unwrap();
        (claimed, token)
    }

    fn claim(&mut self) -> (Claimed, Token) {
        self.claim_with(|_| {})
    }

    #[track_caller]
    fn leads(&mut self) -> Token {
        let (claimed, token) = self.claim();
        assert!(matches!(claimed, Claimed::Lead { .. }), "{claimed:?}");
        token
    }

    #[track_caller]
    fn follows(&mut self) -> FlightId {
        let (claimed, _) = self.claim();
        let Claimed::Follow { flight, .. } = claimed else { panic!("{claimed:?}") };
        flight
    }

    fn publish(&self, token: &Token, bytes: &[u8]) -> Published {
        let mut publication = Publication::new(KEY, token, bytes);
        publication.keep = Some(WINDOW);
        self.engine.publish(&publication, MS).unwrap()
    }

    fn release(&self, token: &Token, end: End) -> Released {
        self.engine.release(&Release { key: KEY, token, end }, MS).unwrap()
    }

    fn forget(&self) -> Forgotten {
        self.engine.forget(&Forget { key: KEY, from: &self.inbox, id: 9 }, MS).unwrap()
    }

    fn heard(&mut self) -> Vec<Message> {
        let next = || self.listener.next(Duration::ZERO).unwrap();
        std::iter::from_fn(next).collect()
    }

    #[track_caller]
    fn learns(&mut self, flight: &FlightId, end: End) {
        let ended = Message::Ended { digest: KEY.digest, flight: flight.clone(), end };
        assert_eq!(self.heard(), [ended]);
    }
}

fn outcome(kept: bool) -> End {
    End::Outcome { bytes: (*b"ada").into(), kept }
}

/// C5: the window counts from the claim, and ends exactly.
#[test]
fn a_result_is_served_strictly_before_the_end_of_its_window() {
    let scene = Scene::new();
    let [mut a, mut b] = [scene.process(), scene.process()];
    let token = a.leads();
    scene.clock.advance(40 * MS);
    a.publish(&token, b"ada");
    scene.clock.advance(60 * MS - NS);
    let (hit, _) = b.claim();
    let age = WINDOW - NS;
    assert!(matches!(hit, Claimed::Hit { age: it, .. } if it == age), "{hit:?}");
    scene.clock.advance(NS);
    b.leads();
}

/// C6: a function as slow as the window leaves nothing, and those who wait get its outcome.
#[test]
fn a_function_as_slow_as_the_window_leaves_nothing() {
    let scene = Scene::new();
    let [mut a, mut b] = [scene.process(), scene.process()];
    let token = a.leads();
    let flight = b.follows();
    scene.clock.advance(WINDOW);
    let ended = Published::Ended { told: 1, kept: false, forgotten: false };
    assert_eq!(a.publish(&token, b"ada"), ended);
    b.learns(&flight, outcome(false));
    b.leads();
}

/// C25: a day is the longest window.
#[test]
fn an_endless_window_is_a_day() {
    let scene = Scene::new();
    let [mut a, mut b] = [scene.process(), scene.process()];
    let token = a.leads();
    let mut publication = Publication::new(KEY, &token, b"ada");
    publication.keep = Some(Duration::MAX);
    scene.engine.publish(&publication, MS).unwrap();
    scene.clock.advance(DAY - NS);
    assert!(matches!(b.claim().0, Claimed::Hit { .. }));
    scene.clock.advance(NS);
    b.leads();
}

/// C16, C17: at the end of its lease a leader can be taken over, and not before. Then it is fenced off.
#[test]
fn a_lease_ends_exactly_and_its_leader_is_refused_when_it_comes_back() {
    let scene = Scene::new();
    let [mut a, mut b, mut c] = [scene.process(), scene.process(), scene.process()];
    let former = a.leads();
    scene.clock.advance(LEASE - NS);
    let flight = b.follows();
    scene.clock.advance(NS);
    let (claimed, token) = c.claim();
    assert_eq!(claimed, Claimed::Lead { flight: flight.clone(), age: LEASE });
    let lead = Lead { key: KEY, token: &former, lease: LEASE };
    assert_eq!(scene.engine.renew(&[lead], MS).unwrap(), [false]);
    assert_eq!(a.publish(&former, b"late"), Published::Refused);
    assert_eq!(a.release(&former, End::RunYourOwn), Released::Refused);
    assert_eq!(b.heard(), []);
    c.publish(&token, b"ada");
    b.learns(&flight, outcome(false));
}

/// A lease that is over and was taken over by nobody is no loss.
#[test]
fn a_leader_that_nobody_took_over_publishes_late() {
    let scene = Scene::new();
    let mut a = scene.process();
    let token = a.leads();
    scene.clock.advance(LEASE + MS);
    assert!(matches!(a.publish(&token, b"ada"), Published::Ended { .. }));
}

/// C16: who hears is alive, whatever others suspect.
#[test]
fn a_suspect_is_taken_over_if_nobody_listens_for_it() {
    let scene = Scene::new();
    let [mut a, mut b] = [scene.process(), scene.process()];
    let token = a.leads();
    let suspect =
        |process: &mut Process| process.claim_with(|claim| claim.manner = Manner::Suspect).0;
    assert!(matches!(suspect(&mut b), Claimed::Follow { .. }));
    let inboxes = [a.inbox.clone(), b.inbox.clone()];
    let engine = scene.engine.clone();
    drop(a);
    assert_eq!(engine.listening(&inboxes, MS).unwrap(), [false, true]);
    assert!(matches!(suspect(&mut b), Claimed::Lead { .. }));
    let published = engine.publish(&Publication::new(KEY, &token, b"late"), MS).unwrap();
    assert_eq!(published, Published::Refused);
}

/// C9, C10, C11: each end reaches those who wait for the outcome. Who waits for the end asks again.
#[test]
fn ends_without_an_outcome_reach_those_who_wait() {
    for end in [End::RunYourOwn, End::AskAgain, End::panicked("no such table")] {
        let scene = Scene::new();
        let [mut a, mut b, mut c] = [scene.process(), scene.process(), scene.process()];
        let token = a.leads();
        let flight = b.follows();
        c.claim_with(|claim| claim.manner = Manner::Fresh);
        let released = Released::Ended { told: 2, forgotten: false };
        assert_eq!(a.release(&token, end.clone()), released);
        b.learns(&flight, end);
        c.learns(&flight, End::AskAgain);
    }
}

/// C2, S37: an error is told to nobody while another execution of the flight runs.
#[test]
fn an_error_waits_for_the_other_executions() {
    let scene = Scene::new();
    let [mut a, mut b, mut c] = [scene.process(), scene.process(), scene.process()];
    let first = a.leads();
    let flight = c.follows();
    scene.clock.advance(10 * MS);
    let second = b.claim_with(|claim| claim.limits.leader_timeout = Some(10 * MS)).1;
    let mut error = Publication::new(KEY, &first, b"an error");
    error.is_error = true;
    assert_eq!(scene.engine.publish(&error, MS).unwrap(), Published::OthersRun);
    assert_eq!(c.heard(), []);
    b.publish(&second, b"ada");
    c.learns(&flight, outcome(true));
}

/// C24: all fresh calls that come during one flight share its successor, and none joins what it waits for.
#[test]
fn fresh_calls_share_one_successor() {
    let scene = Scene::new();
    let [mut a, mut b, mut c] = [scene.process(), scene.process(), scene.process()];
    let token = a.leads();
    let (claimed, _) = b.claim_with(|claim| claim.manner = Manner::Fresh);
    let Claimed::Wait { flight, .. } = claimed else { panic!("{claimed:?}") };
    assert!(matches!(c.claim_with(|claim| claim.manner = Manner::Fresh).0, Claimed::Wait { .. }));
    a.publish(&token, b"ada");
    b.learns(&flight, End::AskAgain);
    c.learns(&flight, End::AskAgain);

    let (claimed, _) = b.claim_but(Some(&flight), |_| {});
    assert!(matches!(claimed, Claimed::Lead { .. }), "not the result of that flight: {claimed:?}");
    let (follows, _) = c.claim_but(Some(&flight), |_| {});
    assert_eq!(follows.flight(), claimed.flight());
}

/// C20: word goes to all who lead, wait or may hold a copy. A second forget waits for the same answers. S29: what
/// is detached is kept nowhere.
#[test]
fn a_forget_tells_all_who_may_hold_the_key() {
    let scene = Scene::new();
    let [mut a, mut b, mut c] = [scene.process(), scene.process(), scene.process()];
    let writer = scene.process();
    let token = a.leads();
    let flight = b.follows();
    a.publish(&token, b"ada");
    b.learns(&flight, outcome(true));
    assert!(matches!(c.claim().0, Claimed::Hit { .. }));
    for was_there in [true, false] {
        assert_eq!(writer.forget(), Forgotten { was_there, noted: 3, told: 3 });
        for process in [&mut a, &mut b, &mut c] {
            let heard = process.heard();
            let [Message::Forget { digest, from, id: 9, .. }] = &heard[..] else {
                panic!("{heard:?}")
            };
            assert_eq!((digest, from), (&KEY.digest, &writer.inbox));
        }
    }
    // A process that was killed is noted, and nobody waits for it.
    drop(c);
    assert_eq!(writer.forget(), Forgotten { was_there: false, noted: 3, told: 2 });
    // Notes of copies end with the window, those of news with a lease.
    scene.clock.advance(LEASE);
    assert_eq!(writer.forget(), Forgotten::default());
}

/// C20: a forgotten flight's outcome is for those who waited, and kept nowhere.
#[test]
fn a_forgotten_flights_outcome_is_not_kept() {
    let scene = Scene::new();
    let [mut a, mut b, mut c] = [scene.process(), scene.process(), scene.process()];
    let old = a.leads();
    let flight = b.follows();
    c.forget();
    let young = c.leads();
    let ended = Published::Ended { told: 1, kept: false, forgotten: true };
    assert_eq!(a.publish(&old, b"ada"), ended);
    // The word to forget came first, by the same channel.
    let heard = b.heard();
    assert!(matches!(heard[..], [Message::Forget { .. }, Message::Ended { .. }]), "{heard:?}");
    let (claimed, _) = b.claim();
    assert!(matches!(claimed, Claimed::Follow { flight: it, .. } if it != flight));
    c.publish(&young, b"bob");
    assert!(matches!(b.claim().0, Claimed::Hit { bytes, .. } if *bytes == *b"bob"));
}

/// C22: all keys of one name, and no other's.
#[test]
fn a_forget_of_all_keys_forgets_one_name() {
    let scene = Scene::new();
    let [mut a, mut b] = [scene.process(), scene.process()];
    let token = a.leads();
    a.publish(&token, b"ada");
    let other = Key { name: "pages", ..KEY };
    let token = a.token();
    scene.engine.claim(&Claim::new(other, &token, LEASE), MS).unwrap();
    let (namespace, name) = ("shop", "users");
    let forget = ForgetAll { namespace, name, from: &b.inbox, id: 4 };
    let told = Forgotten { was_there: false, noted: 1, told: 1 };
    assert_eq!(scene.engine.forget_all(&forget, MS).unwrap(), told);
    assert!(matches!(a.heard()[..], [Message::ForgetAll { id: 4, .. }]));
    b.leads();
    let token = b.token();
    let claimed = scene.engine.claim(&Claim::new(other, &token, LEASE), MS).unwrap();
    assert!(matches!(claimed, Claimed::Follow { .. }));
}

/// A large outcome is fetched. One that is not kept can be fetched for two leases.
#[test]
fn a_large_outcome_is_fetched() {
    let scene = Scene::new();
    let [mut a, mut b] = [scene.process(), scene.process()];
    let bytes = vec![b'.'; 16 * 1024 + 1];
    let token = a.leads();
    let flight = b.follows();
    scene.clock.advance(WINDOW);
    a.publish(&token, &bytes);
    b.learns(&flight, End::Fetch);
    let fetch = || scene.engine.fetch(KEY, &flight, MS).unwrap();
    scene.clock.advance(2 * LEASE - NS);
    assert_eq!(fetch(), Some(End::Outcome { bytes: bytes.into(), kept: false }));
    scene.clock.advance(NS);
    assert_eq!(fetch(), None);
}

/// C6: the same with a result that is over before a process fetches it that was told of it.
#[test]
fn a_large_result_that_has_gone_is_fetched() {
    let ways: [fn(&Scene, &mut Process); 3] = [
        |scene, _| scene.clock.advance(WINDOW),
        |scene, c| {
            let forget = Forget { key: KEY, from: &c.inbox, id: 1 };
            assert!(scene.engine.forget(&forget, MS).unwrap().was_there);
        },
        |_, c| drop(c.claim_with(|claim| claim.manner = Manner::Fresh)),
    ];
    for goes in ways {
        let scene = Scene::new();
        let [mut a, mut b, mut c] = [(); 3].map(|()| scene.process());
        let (token, flight) = (a.leads(), b.follows());
        let bytes = vec![b'.'; 16 * 1024 + 1];
        a.publish(&token, &bytes);
        goes(&scene, &mut c);
        let fetched = scene.engine.fetch(KEY, &flight, MS).unwrap();
        assert!(fetched == Some(End::Outcome { bytes: bytes.into(), kept: true }));
    }
}

/// C4: a result is removed if it is still what was read.
#[test]
fn a_result_is_discarded_by_its_bytes() {
    let scene = Scene::new();
    let mut a = scene.process();
    let token = a.leads();
    a.publish(&token, b"ada");
    assert!(!scene.engine.discard(KEY, b"other", MS).unwrap());
    assert!(matches!(a.claim().0, Claimed::Hit { .. }));
    assert!(scene.engine.discard(KEY, b"ada", MS).unwrap());
    a.leads();
}

/// C21: a process whose connection breaks hears an error, and no silence.
#[test]
fn a_listener_that_is_cut_or_replaced_fails() {
    let scene = Scene::new();
    let [mut a, mut b] = [scene.process(), scene.process()];
    scene.engine.cut_listeners();
    assert_eq!(a.listener.next(Duration::MAX).unwrap_err().kind(), ErrorKind::Lost);
    assert!(a.listener.ping(MS).is_err());

    let mut second = scene.engine.listen(&b.inbox, MS).unwrap();
    assert!(b.listener.next(Duration::MAX).is_err(), "an inbox has one listener");
    second.ping(MS).unwrap();
    b.listener = second;
    // The end of the former listener has not closed its successor.
    assert_eq!(scene.engine.listening(&[b.inbox.clone()], MS).unwrap(), [true]);
}
