//! Users, passwords, and the least rights with which everything works.

use coalescer_cluster::engine::*;
use coalescer_redis::{Redis, RedisEngine};

use crate::servers;
use crate::support::watched;
use crate::world::*;

const KEYS: &str = "~{shop:*";
const CHANNELS: [&str; 3] = ["resetchannels", "&shop:in:*", "&shop:all"];
pub(crate) const COMMANDS: [&str; 14] = [
    "+eval",
    "+evalsha",
    "+hmget",
    "+hset",
    "+hdel",
    "+get",
    "+set",
    "+del",
    "+pexpire",
    "+time",
    "+publish",
    "+subscribe",
    "+ping",
    "+pubsub|numsub",
];

/// The command that gives a user these rights.
pub(crate) fn of_user(name: &str, commands: &[&str]) -> Vec<String> {
    let mut rule = vec!["ACL", "SETUSER", name, "reset", "on", ">pa55word", KEYS];
    rule.extend(CHANNELS);
    rule.push("-@all");
    rule.extend(commands);
    rule.into_iter().map(str::to_owned).collect()
}

/// A user of the server with these rights.
fn user(server: &servers::Redis, commands: &[&str]) -> RedisEngine {
    let rule = of_user("shop", commands);
    let rule: Vec<_> = rule.iter().map(String::as_str).collect();
    assert_eq!(server.command(&rule), "+OK\r\n");
    Redis::open(server.url_of("shop", "pa55word")).engine().unwrap()
}

/// All steps and all messages, or the first error.
pub(crate) fn everything(engine: &RedisEngine) -> Result<(), EngineError> {
    let [leader, follower] = [token(), token()];
    engine.ping(WITHIN)?;
    let mut listener = engine.listen(follower.inbox(), WITHIN)?;
    listener.ping(WITHIN)?;
    let mut claim = Claim::new(KEY, &leader, LEASE);
    claim.presence = Presence::KeepsCopies;
    leads(&engine.claim(&claim, WITHIN)?);
    claim.token = &follower;
    follows(&engine.claim(&claim, WITHIN)?);
    engine.renew(&[Lead { key: KEY, token: &leader, lease: LEASE }], WITHIN)?;
    let bytes = vec![7; 20_000];
    try_publish(engine, &leader, &bytes, None)?;
    let flight = FlightId::new(leader.to_string());
    let end = engine.fetch(KEY, &flight, WITHIN)?;
    assert_eq!(end, Some(End::Outcome { bytes: bytes.into(), kept: false }));
    let later = token();
    claim.token = &later;
    leads(&engine.claim(&claim, WITHIN)?);
    assert!(matches!(
        try_publish(engine, &later, b"ada", Some(WINDOW))?,
        Published::Ended { kept: true, .. }
    ));
    assert!(engine.discard(KEY, b"ada", WITHIN)?);
    let last = token();
    claim.token = &last;
    leads(&engine.claim(&claim, WITHIN)?);
    engine.release(&Release { key: KEY, token: &last, end: End::RunYourOwn }, WITHIN)?;
    let idle = key(8);
    leads(&engine.claim(&Claim::new(idle, &last, LEASE), WITHIN)?);
    engine.release(&Release { key: idle, token: &last, end: End::AskAgain }, WITHIN)?;
    engine.forget(&Forget { key: KEY, from: leader.inbox(), id: 1 }, WITHIN)?;
    let all = ForgetAll { namespace: "shop", name: "users", from: leader.inbox(), id: 2 };
    engine.forget_all(&all, WITHIN)?;
    assert_eq!(engine.listening(&[follower.inbox().clone()], WITHIN)?, [true]);
    engine.confirm(follower.inbox(), leader.inbox(), 3, WITHIN)?;
    // Those that come by other nodes of a cluster have no order.
    let mut came = [0; 4];
    for _ in 0..4 {
        match next(&mut listener) {
            Message::Ended { .. } => came[0] += 1,
            Message::Forget { .. } => came[1] += 1,
            Message::ForgetAll { .. } => came[2] += 1,
            _ => came[3] += 1,
        }
    }
    assert_eq!(came, [1; 4], "an end, a word, a word to all, and the confirmation");
    Ok(())
}

#[test]
fn the_readme_has_these_rights() {
    let (_, rule) = include_str!("../../README.md").split_once("ACL SETUSER").unwrap();
    let (rule, _) = rule.split_once("```").unwrap();
    let rule: Vec<_> = ["ACL", "SETUSER"].into_iter().chain(rule.split_whitespace()).collect();
    assert_eq!(
        rule.join(" ").replace(">password", ">pa55word"),
        of_user("shop", &COMMANDS).join(" ")
    );
}

#[test]
fn the_least_rights_suffice() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        everything(&user(&server, &COMMANDS)).unwrap();
        // Nothing was tried that is not allowed.
        assert_eq!(server.command(&["ACL", "LOG"]), "*0\r\n");
    });
}

#[test]
fn each_right_is_needed_and_its_absence_is_told() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        for missing in COMMANDS {
            let rest: Vec<_> = COMMANDS.into_iter().filter(|right| *right != missing).collect();
            server.command(&["SCRIPT", "FLUSH"]);
            server.command(&["FLUSHALL"]);
            let engine = user(&server, &rest);
            let error = everything(&engine).expect_err(missing);
            assert_eq!(error.kind(), ErrorKind::Denied, "without {missing}: {error}");
        }
    });
}

/// C30: a user has no key and no channel of another namespace.
#[test]
fn other_keys_and_channels_are_refused() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        let engine = user(&server, &COMMANDS);
        let token = Token::new(Inbox::draw("other"), 1);
        let key = Key { namespace: "other", ..KEY };
        let denied = |error: EngineError| assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        denied(engine.claim(&Claim::new(key, &token, LEASE), WITHIN).unwrap_err());
        denied(engine.listen(token.inbox(), WITHIN).map(drop).unwrap_err());
        denied(engine.confirm(token.inbox(), token.inbox(), 1, WITHIN).unwrap_err());
        let forget = ForgetAll { namespace: "other", name: "users", from: token.inbox(), id: 1 };
        denied(engine.forget_all(&forget, WITHIN).unwrap_err());
    });
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    watched(|| {
        let Some(server) = servers::Redis::start() else { return };
        user(&server, &COMMANDS);
        let engine = Redis::open(server.url_of("shop", "letmein")).engine().unwrap();
        let error = engine.ping(WITHIN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(!error.to_string().contains("letmein"), "{error}");
        let error = engine.listen(&Inbox::draw("shop"), WITHIN).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    });
}

/// A password that is set later, and taken away again: the next step asks over a new connection.
#[test]
fn a_server_that_asks_for_a_password_is_told_apart() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        engine.ping(WITHIN).unwrap();
        server.command(&["CONFIG", "SET", "requirepass", "pa55word"]);
        let stranger = open(&server);
        assert_eq!(stranger.ping(WITHIN).unwrap_err().kind(), ErrorKind::Denied);
        let known = Redis::open(format!("{}?pass=pa55word", server.url())).engine().unwrap();
        everything(&known).unwrap();
    });
}
