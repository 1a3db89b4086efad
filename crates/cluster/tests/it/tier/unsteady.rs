//! Steps that fail while messages come (C12, C15, C20), results that come again when they were removed (C4), and steps that are
//! under way when a process closes (C28).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Error, ManualClock, Role};
use coalescer_cluster::Memory;
use coalescer_cluster::engine::*;
use parking_lot::Mutex;

use super::{
    Function, MINUTE, Site, hasty, key_of, led_and_awaited, open, site, site_of, site_with, users,
};
use crate::support::{wait_until, watched};

/// An engine whose claims and publications fail when the test says so, and whose pings fail too if asking again is of no use. Its
/// messages come all the same, and nothing can be removed from it.
#[derive(Clone, Default)]
pub(super) struct Unsteady {
    engine: Memory,
    fault: Arc<Mutex<Option<ErrorKind>>>,
    /// Nobody begins to listen while the test has it.
    door: Arc<Mutex<()>>,
    /// No claim is carried out while the test has it.
    claim_door: Arc<Mutex<()>>,
    /// So many claims have come.
    claims: Arc<AtomicU32>,
    /// A publication that has been carried out is not answered while the test has it.
    answer_door: Arc<Mutex<()>>,
    /// So many publications have been carried out.
    publications: Arc<AtomicU32>,
    renewals: Arc<AtomicU32>,
    /// Releases fail.
    holds: Arc<AtomicBool>,
    /// The engine is not reached by forgets.
    pub(super) forgets_nothing: Arc<AtomicBool>,
}

type Step<T> = Result<T, EngineError>;

impl Unsteady {
    fn fail_with(&self, fault: impl Into<Option<ErrorKind>>) {
        *self.fault.lock() = fault.into();
    }

    fn fault(&self, counts: impl FnOnce(&ErrorKind) -> bool) -> Step<()> {
        self.fault.lock().filter(counts).map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl Engine for Unsteady {
    fn can(&self) -> Can {
        self.engine.can()
    }

    fn clock(&self) -> Option<ManualClock> {
        self.engine.clock()
    }

    fn ping(&self, within: Duration) -> Step<()> {
        self.fault(|kind| kind.is_final())?;
        self.engine.ping(within)
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Step<Claimed> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        drop(self.claim_door.lock());
        self.fault(|_| true)?;
        self.engine.claim(claim, within)
    }

    fn publish(&self, publication: &Publication<'_>, within: Duration) -> Step<Published> {
        self.fault(|_| true)?;
        let published = self.engine.publish(publication, within);
        self.publications.fetch_add(1, Ordering::SeqCst);
        drop(self.answer_door.lock());
        published
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Step<Released> {
        if self.holds.load(Ordering::SeqCst) {
            return Err(ErrorKind::Lost.into());
        }
        self.engine.release(release, within)
    }

    fn renew(&self, leads: &[Lead<'_>], within: Duration) -> Step<Vec<bool>> {
        self.renewals.fetch_add(1, Ordering::SeqCst);
        self.engine.renew(leads, within)
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Step<Forgotten> {
        if self.forgets_nothing.load(Ordering::SeqCst) {
            return Err(ErrorKind::Lost.into());
        }
        self.engine.forget(forget, within)
    }

    fn forget_all(&self, forget: &ForgetAll<'_>, within: Duration) -> Step<Forgotten> {
        self.engine.forget_all(forget, within)
    }

    fn discard(&self, _: Key<'_>, _: &[u8], _: Duration) -> Step<bool> {
        Ok(true)
    }

    fn listen(&self, inbox: &Inbox, within: Duration) -> Step<Box<dyn Listener>> {
        drop(self.door.lock());
        self.engine.listen(inbox, within)
    }

    fn confirm(&self, to: &Inbox, by: &Inbox, id: ForgetId, within: Duration) -> Step<()> {
        self.engine.confirm(to, by, id, within)
    }
}

/// The engine knows of no copy here, and nothing opens or closes the breaker, so a copy would stay for its window.
#[test]
fn c15_of_a_call_whose_step_failed_nothing_is_kept() {
    watched(|| {
        let (engine, function) = (Unsteady::default(), Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        engine.fail_with(ErrorKind::TimedOut);
        assert_eq!(here.value(7), 1, "by itself");
        engine.fail_with(None);
        assert!(here.cluster.health().up);
        assert_eq!(there.value(7), 2);
        assert_eq!(there.users.forget_everywhere(&7), Ok(true));
        assert_eq!(here.value(7), 3, "what it had made before the forget is not served");
    });
}

/// C12: a leader and those who wait here have the result, although its publication fails. Messages come, so a forget
/// of another process would have been heard.
#[test]
fn c12_a_leader_and_its_followers_have_their_result() {
    watched(|| {
        let (engine, function) = (Unsteady::default(), Function::default());
        let here = site_with(hasty(engine.clone()), MINUTE, &function, |shared| shared);
        function.hold();
        thread::scope(|scope| {
            let leader = scope.spawn(|| here.call(7));
            function.wait_for(1);
            let follower = scope.spawn(|| here.call(7));
            wait_until(|| here.followers() == 1);
            engine.fail_with(ErrorKind::TimedOut);
            function.let_go();
            let [led, followed] = [leader, follower].map(|call| call.join().unwrap());
            assert_eq!((*led.value, led.role), (1, Role::Leader));
            assert_eq!((*followed.value, followed.role), (1, Role::Follower));
        });
        engine.fail_with(None);
        // Its lead there is released, so another process need not wait for the lease.
        assert_eq!(site(engine, MINUTE, &function).value(7), 2);
    });
}

/// C1, C13: a step that has no more time than its call says nothing about the engine, so nobody runs a function beside those
/// of other processes. The clock of a socket may be ahead by some milliseconds, and the call does not return before its
/// time.
#[test]
fn c13_a_call_whose_time_is_over_in_a_step_does_not_run_its_function() {
    watched(|| {
        let (engine, function) = (Unsteady::default(), Function::default());
        let here = site(engine.clone(), MINUTE, &function);
        engine.fail_with(ErrorKind::TimedOut);
        let (limit, began) = (Duration::from_millis(20), Instant::now());
        let ended = here.users.execute_timeout(&7, limit);
        assert!(matches!(ended, Err(Error::TimedOut)), "{ended:?}");
        assert!(began.elapsed() >= limit);
        assert_eq!(function.runs(), 0);
    });
}

/// The same while the process begins to listen.
#[test]
fn c13_a_call_whose_time_is_over_before_its_process_hears_does_not_run_its_function() {
    watched(|| {
        let (engine, function) = (Unsteady::default(), Function::default());
        let door = engine.door.lock();
        let cluster = open(engine.clone()).open().unwrap();
        let users = Coalescer::builder().shared(users(&cluster)).build(function.body());
        let (limit, began) = (Duration::from_millis(20), Instant::now());
        let ended = users.execute_timeout(&7, limit);
        assert!(matches!(ended, Err(Error::TimedOut)), "{ended:?}");
        assert!(began.elapsed() >= limit);
        assert_eq!(function.runs(), 0);
        drop(door);
    });
}

/// C17: a lease is renewed when its lead has ended in the engine, and its process has no answer yet. That lead was not lost.
#[test]
fn c17_a_lead_that_ends_while_it_is_renewed_is_not_lost() {
    watched(|| {
        let (clock, function) = (ManualClock::new(), Function::default());
        let memory = Memory::with_clock(clock.clone());
        let engine = Unsteady { engine: memory, ..Unsteady::default() };
        let held = function.clone();
        let run = move |key: &u64| Ok(if *key == 8 { held.run() } else { 0 });
        let here = site_of(open(engine.clone()), |table| table.clock(clock.clone()), users, run);
        function.hold();
        thread::scope(|scope| {
            // It is renewed as long as it runs, so the second renewal tells that the first one is over.
            let other = scope.spawn(|| here.value(8));
            function.wait_for(1);
            let door = engine.answer_door.lock();
            let ends = scope.spawn(|| here.value(7));
            wait_until(|| engine.publications.load(Ordering::SeqCst) == 1);
            for renewals in 1..=2 {
                clock.advance(20 * MINUTE);
                wait_until(|| engine.renewals.load(Ordering::SeqCst) == renewals);
            }
            drop(door);
            function.let_go();
            assert_eq!((ends.join().unwrap(), other.join().unwrap()), (0, 1));
        });
        assert_eq!(here.cluster.stats().lost_leases, 0);
    });
}

/// C15: those who wait are woken as soon as the way to the engine is closed.
#[test]
fn c15_who_waits_learns_at_once_that_the_engine_is_down() {
    watched(|| {
        // This clock stands still, so no call that waits asks again by itself.
        let memory = Memory::with_clock(ManualClock::new());
        let (engine, function) =
            (Unsteady { engine: memory, ..Unsteady::default() }, Function::default());
        let [here, there] = [(); 2].map(|()| site(engine.clone(), MINUTE, &function));
        let waits = (&there.cluster, || there.call(7).role);
        let (first, second) = led_and_awaited(
            &function,
            || here.value(7),
            waits,
            || {
                engine.fail_with(ErrorKind::Refused);
                there.cluster.ping().unwrap_err();
                function.wait_for(2);
            },
        );
        assert_eq!((first.unwrap(), second), (1, Role::Leader));
    });
}

/// C4: after two results that cannot be decoded a call runs its own function.
#[test]
fn c4_bytes_that_come_again_are_not_removed_for_ever() {
    watched(|| {
        let (engine, function) = (Unsteady::default(), Function::default());
        let here = site(engine.clone(), MINUTE, &function);
        let token = Token::new(Inbox::draw("shop"), 1);
        engine.claim(&Claim::new(key_of(7), &token, MINUTE), MINUTE).unwrap();
        let mut publication = Publication::new(key_of(7), &token, b"garbage");
        publication.keep = Some(MINUTE);
        engine.publish(&publication, MINUTE).unwrap();
        for call in 1..=2 {
            assert_eq!(here.call(7).role, Role::Leader, "of its own, and not kept");
            let stats = here.cluster.stats();
            assert_eq!((stats.undecodable, stats.alone.undecodable), (2 * call, call));
        }
    });
}

/// C28, C11: a claim is under way when its process closes, so it leads afterwards. It is released at once.
#[test]
fn c28_a_process_leads_nothing_after_it_has_closed() {
    watched(|| {
        let (engine, function) = (Unsteady::default(), Function::default());
        let [here, there] = [(); 2].map(|()| lasting(&engine, &function));
        let door = engine.claim_door.lock();
        thread::scope(|scope| {
            let leads = scope.spawn(|| here.value(7));
            wait_until(|| engine.claims.load(Ordering::SeqCst) == 1);
            here.cluster.close();
            function.hold();
            drop(door);
            function.wait_for(1);
            let other = scope.spawn(|| there.call(7).role);
            function.wait_for(2);
            function.let_go();
            assert_eq!((leads.join().unwrap(), other.join().unwrap()), (1, Role::Leader));
        });
    });
}

/// C28, C11: a lead that could not be released when its process closed is released when its function has returned.
#[test]
fn c28_a_lead_that_a_close_could_not_release_goes_with_its_function() {
    watched(|| {
        let (engine, function) = (Unsteady::default(), Function::default());
        let [here, there] = [(); 2].map(|()| lasting(&engine, &function));
        let waits = (&there.cluster, || there.call(7).role);
        let (first, second) = led_and_awaited(
            &function,
            || here.value(7),
            waits,
            || {
                engine.holds.store(true, Ordering::SeqCst);
                here.cluster.close();
                engine.holds.store(false, Ordering::SeqCst);
            },
        );
        assert_eq!((first.unwrap(), second), (1, Role::Leader));
    });
}

/// A process that waits as long as a lead stands: neither the end of its lease nor a look for the leader comes first.
fn lasting(engine: &Unsteady, function: &Function) -> Site {
    let open = open(engine.clone()).probe(60 * MINUTE);
    site_with(open, MINUTE, function, |shared| shared)
}
