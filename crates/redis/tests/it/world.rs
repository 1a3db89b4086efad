//! The begin of most tests: a server, an engine, and steps with usual settings.

use std::time::Duration;

use coalescer_cluster::engine::*;
use coalescer_redis::{Redis, RedisEngine};

use crate::servers;

/// No step of these tests is expected to take so long.
pub(crate) const WITHIN: Duration = Duration::from_secs(20);
/// No lease of these tests ends unless the test is about that.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
pub(crate) const KEY: Key<'static> = key(7);

pub(crate) const fn key(number: u8) -> Key<'static> {
    Key { namespace: "shop", name: "users", digest: Digest::new([number; 16]) }
}

/// A server with an engine on it. `None`: there is no server's program.
pub(crate) fn world() -> Option<(servers::Redis, RedisEngine)> {
    let server = servers::Redis::start()?;
    let engine = open(&server);
    Some((server, engine))
}

pub(crate) fn open(server: &servers::Redis) -> RedisEngine {
    Redis::open(server.url()).engine().unwrap()
}

/// A process of its own with one claim.
pub(crate) fn token() -> Token {
    Token::new(Inbox::draw("shop"), 1)
}

pub(crate) fn claim(engine: &RedisEngine, token: &Token) -> Claimed {
    try_claim(engine, token).unwrap()
}

pub(crate) fn try_claim(engine: &RedisEngine, token: &Token) -> Result<Claimed, EngineError> {
    engine.claim(&Claim::new(KEY, token, LEASE), WITHIN)
}

/// A claim of a process that listens and keeps copies.
pub(crate) fn claim_with_copies(engine: &RedisEngine, token: &Token) -> Claimed {
    let mut claim = Claim::new(KEY, token, LEASE);
    claim.presence = Presence::KeepsCopies;
    engine.claim(&claim, WITHIN).unwrap()
}

#[track_caller]
pub(crate) fn leads(claimed: &Claimed) {
    assert!(matches!(claimed, Claimed::Lead { .. }), "{claimed:?}");
}

#[track_caller]
pub(crate) fn follows(claimed: &Claimed) {
    assert!(matches!(claimed, Claimed::Follow { .. }), "{claimed:?}");
}

#[track_caller]
pub(crate) fn hits(claimed: &Claimed, expected: &[u8]) {
    assert!(matches!(claimed, Claimed::Hit { bytes, .. } if **bytes == *expected), "{claimed:?}");
}

pub(crate) fn publish(engine: &RedisEngine, token: &Token, bytes: &[u8]) -> Published {
    try_publish(engine, token, bytes, Some(WINDOW)).unwrap()
}

pub(crate) fn try_publish(
    engine: &RedisEngine,
    token: &Token,
    bytes: &[u8],
    keep: Option<Duration>,
) -> Result<Published, EngineError> {
    let mut publication = Publication::new(KEY, token, bytes);
    publication.keep = keep;
    engine.publish(&publication, WITHIN)
}

/// Leads and publishes, so that a result is there.
pub(crate) fn fill(engine: &RedisEngine, bytes: &[u8]) {
    let token = token();
    leads(&claim(engine, &token));
    assert!(matches!(publish(engine, &token, bytes), Published::Ended { kept: true, .. }));
}

pub(crate) fn forget(engine: &RedisEngine, from: &Inbox) -> Forgotten {
    engine.forget(&Forget { key: KEY, from, id: 1 }, WITHIN).unwrap()
}

pub(crate) fn forget_all(engine: &RedisEngine, from: &Inbox) -> Forgotten {
    let forget = ForgetAll { namespace: "shop", name: "users", from, id: 1 };
    engine.forget_all(&forget, WITHIN).unwrap()
}

/// Waits for a message that is on its way.
pub(crate) fn next(listener: &mut Box<dyn Listener>) -> Message {
    listener.next(WITHIN).unwrap().unwrap()
}
