//! The steps against the reference: random sequences, each answer and each wait compared.

use std::thread;
use std::time::Duration;

use coalescer_cluster::conformance::Conformance;
use coalescer_cluster::engine::{
    Can, Claim, Claimed, Engine, EngineError, Forget, ForgetAll, Forgotten, Inbox, Key, Lead,
    Publication, Published, Release, Released, Wait, Waited,
};
use coalescer_postgres::PostgresEngine;

use crate::place::{Place, shared, with_place};

/// As many as somebody's patience asks for, in `COALESCER_SEQUENCES`; in CI those that take seconds.
fn sequences() -> u64 {
    let set = std::env::var("COALESCER_SEQUENCES").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// Three engines in one: each process of the kit has sessions of its own.
struct Apart([PostgresEngine; 3]);

impl Apart {
    fn of(&self, inbox: &Inbox) -> &PostgresEngine {
        let sum: usize = inbox.as_str().bytes().map(usize::from).sum();
        &self.0[sum % self.0.len()]
    }
}

impl Engine for Apart {
    fn can(&self) -> Can {
        self.0[0].can()
    }

    fn ping(&self, within: Duration) -> Result<(), EngineError> {
        self.0[0].ping(within)
    }

    fn claim(&self, claim: &Claim<'_>, within: Duration) -> Result<Claimed, EngineError> {
        self.of(claim.token.inbox()).claim(claim, within)
    }

    fn publish(
        &self,
        publication: &Publication<'_>,
        within: Duration,
    ) -> Result<Published, EngineError> {
        self.of(publication.token.inbox()).publish(publication, within)
    }

    fn release(&self, release: &Release<'_>, within: Duration) -> Result<Released, EngineError> {
        self.of(release.token.inbox()).release(release, within)
    }

    fn renew(&self, leads: &[Lead<'_>], within: Duration) -> Result<Vec<bool>, EngineError> {
        let renew = |lead: &Lead<'_>| self.of(lead.token.inbox()).renew(&[*lead], within);
        Ok(leads.iter().map(renew).collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn forget(&self, forget: &Forget<'_>, within: Duration) -> Result<Forgotten, EngineError> {
        self.of(forget.from).forget(forget, within)
    }

    fn forget_all(
        &self,
        forget: &ForgetAll<'_>,
        within: Duration,
    ) -> Result<Forgotten, EngineError> {
        self.of(forget.from).forget_all(forget, within)
    }

    fn discard(&self, key: Key<'_>, bytes: &[u8], within: Duration) -> Result<bool, EngineError> {
        self.0[0].discard(key, bytes, within)
    }

    fn wait(&self, wait: &Wait<'_>, within: Duration) -> Result<Waited, EngineError> {
        self.of(wait.token.inbox()).wait(wait, within)
    }
}

/// The functions take the time from a table, and the test moves it.
fn with_manual_clock(place: &Place) -> impl Fn(Duration) + '_ {
    place.run(
        "DROP TABLE IF EXISTS {s}.hand; CREATE TABLE {s}.hand (at bigint); INSERT INTO {s}.hand VALUES (1800000000000000);
         CREATE OR REPLACE FUNCTION {s}.clock() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT at FROM {s}.hand'",
    );
    |time| place.run(&format!("UPDATE {{s}}.hand SET at = at + {}", time.as_micros()))
}

#[test]
fn the_steps_are_those_of_the_reference() {
    let all = sequences();
    let _server = shared();
    for begin in (0..all).step_by(5) {
        // The watchdog's time is for this part.
        with_place("steps", move |place| {
            let pass = with_manual_clock(place);
            for seed in begin + 1..=(begin + 5).min(all) {
                let engine = Apart([place.engine(), place.engine(), place.engine()]);
                Conformance::new().sequences(1).seed(seed).check(&engine, &pass);
            }
        });
    }
}

/// The waiting is that of the kit.
#[test]
fn the_steps_are_those_of_the_reference_by_the_servers_own_clock() {
    with_place("steps_in_time", |place| {
        let engine = Apart([place.engine(), place.engine(), place.engine()]);
        let pass = |time| {
            let until = std::time::Instant::now() + time;
            while let Some(left) = until.checked_duration_since(std::time::Instant::now()) {
                thread::park_timeout(left);
            }
        };
        let kit = Conformance::new().sequences(2).steps(30).real_time(Duration::from_millis(150));
        kit.check(&engine, &pass);
    });
}
