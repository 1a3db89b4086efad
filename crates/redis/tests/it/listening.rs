//! The connection for messages.

use std::thread;
use std::time::{Duration, Instant};

use coalescer_cluster::engine::*;

use crate::servers;
use crate::support::watched;
use crate::world::*;

fn confirm(engine: &coalescer_redis::RedisEngine, to: &Inbox, id: ForgetId) {
    engine.confirm(to, &Inbox::draw("shop"), id, WITHIN).unwrap();
}

#[track_caller]
fn drops(message: Message, expected: ForgetId) {
    assert!(matches!(message, Message::Dropped { id, .. } if id == expected), "{message:?}");
}

/// Anybody with the right to publish can send anything.
#[test]
fn what_is_no_message_is_skipped() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let inbox = Inbox::draw("shop");
        let mut listener = engine.listen(&inbox, WITHIN).unwrap();
        let channels = [format!("shop:in:{inbox}"), "shop:all".to_owned()];
        for channel in &channels {
            for bytes in [&b""[..], b"1", b"1E", b"\xff\xfe\0", &[0; 100_000]] {
                let told = server.command_of_bytes(&[b"PUBLISH", channel.as_bytes(), bytes]);
                assert_eq!(told, ":1\r\n");
            }
        }
        confirm(&engine, &inbox, 7);
        drops(next(&mut listener), 7);
        assert_eq!(listener.next(Duration::from_millis(1)), Ok(None));
    });
}

/// C19: a ping sees that the connection is alive. What comes before its answer is not lost.
#[test]
fn a_ping_keeps_the_messages_before_it() {
    watched(|| {
        let Some((_server, engine)) = world() else { return };
        let inbox = Inbox::draw("shop");
        let mut listener = engine.listen(&inbox, WITHIN).unwrap();
        listener.ping(WITHIN).unwrap();
        for id in 0..100 {
            confirm(&engine, &inbox, id);
        }
        listener.ping(WITHIN).unwrap();
        listener.ping(WITHIN).unwrap();
        confirm(&engine, &inbox, 100);
        for id in 0..=100 {
            drops(next(&mut listener), id);
        }
        assert_eq!(listener.next(Duration::ZERO), Ok(None));
    });
}

/// A wait whose time is over leaves the connection as it was.
#[test]
fn messages_come_after_a_wait_in_vain() {
    watched(|| {
        let Some((_server, engine)) = world() else { return };
        let inbox = Inbox::draw("shop");
        let mut listener = engine.listen(&inbox, WITHIN).unwrap();
        for id in 0..20 {
            assert_eq!(listener.next(Duration::from_micros(100)), Ok(None));
            confirm(&engine, &inbox, id);
            drops(next(&mut listener), id);
            listener.ping(WITHIN).unwrap();
        }
    });
}

/// C20: word that a process sends to all comes to all others.
#[test]
fn who_forgets_all_keys_does_not_tell_itself() {
    watched(|| {
        let Some((_server, engine)) = world() else { return };
        let [asker, other] = [Inbox::draw("shop"), Inbox::draw("shop")];
        let stranger = Inbox::draw("other");
        let mut listeners =
            [&asker, &other, &stranger].map(|inbox| engine.listen(inbox, WITHIN).unwrap());
        assert_eq!(forget_all(&engine, &asker), Forgotten { was_there: false, noted: 1, told: 1 });
        assert!(matches!(next(&mut listeners[1]), Message::ForgetAll { id: 1, .. }));
        for listener in [0, 2] {
            listeners[listener].ping(WITHIN).unwrap();
            assert_eq!(listeners[listener].next(Duration::ZERO), Ok(None));
        }
        let deaf = Inbox::draw("shop");
        assert_eq!(forget_all(&engine, &deaf), Forgotten { was_there: false, noted: 2, told: 2 });
    });
}

#[test]
fn a_connection_that_is_killed_fails_at_once_and_for_ever() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let inbox = Inbox::draw("shop");
        let mut listener = engine.listen(&inbox, WITHIN).unwrap();
        assert_eq!(
            engine.listening(&[inbox.clone(), Inbox::draw("shop")], WITHIN),
            Ok(vec![true, false])
        );
        server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        let begin = Instant::now();
        assert_eq!(listener.next(WITHIN).unwrap_err().kind(), ErrorKind::Lost);
        assert!(begin.elapsed() < WITHIN);
        assert_eq!(listener.next(Duration::ZERO).unwrap_err().kind(), ErrorKind::Lost);
        assert_eq!(listener.ping(WITHIN).unwrap_err().kind(), ErrorKind::Lost);
        assert_eq!(engine.listening(std::slice::from_ref(&inbox), WITHIN), Ok(vec![false]));
        let mut listener = engine.listen(&inbox, WITHIN).unwrap();
        confirm(&engine, &inbox, 1);
        drops(next(&mut listener), 1);
    });
}

/// C19: a frozen server does not answer, and the connection counts as dead from then on.
#[test]
fn a_ping_that_is_not_answered_breaks_the_connection() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let mut listener = engine.listen(&Inbox::draw("shop"), WITHIN).unwrap();
        server.freeze();
        let error = listener.ping(Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        server.thaw();
        assert_eq!(listener.ping(WITHIN).unwrap_err().kind(), ErrorKind::Lost);
    });
}

#[test]
fn an_earlier_listener_of_an_inbox_fails() {
    watched(|| {
        let Some((_server, engine)) = world() else { return };
        let inbox = Inbox::draw("shop");
        let mut former = engine.listen(&inbox, WITHIN).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| former.next(WITHIN));
            let mut later = engine.listen(&inbox, WITHIN).unwrap();
            assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Lost);
            confirm(&engine, &inbox, 1);
            drops(next(&mut later), 1);
        });
        assert_eq!(former.ping(WITHIN).unwrap_err().kind(), ErrorKind::Lost);
    });
}

/// A process that hangs up is not told any more, and whoever suspects it takes over (C16).
#[test]
fn a_leader_that_hung_up_is_taken_over() {
    watched(|| {
        let Some((_server, engine)) = world() else { return };
        let [leader, suspecting] = [token(), token()];
        let listener = engine.listen(leader.inbox(), WITHIN).unwrap();
        leads(&claim_with_copies(&engine, &leader));
        let mut claim = Claim::new(KEY, &suspecting, LEASE);
        claim.manner = Manner::Suspect;
        follows(&engine.claim(&claim, WITHIN).unwrap());
        drop(listener);
        let is_gone = || engine.listening(&[leader.inbox().clone()], WITHIN) == Ok(vec![false]);
        servers::wait("the server to notice", is_gone);
        leads(&engine.claim(&claim, WITHIN).unwrap());
        assert_eq!(publish(&engine, &leader, b"old"), Published::Refused);
    });
}

/// A server cuts a listener off that does not read.
#[test]
fn a_listener_that_does_not_read_is_cut_off() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        server.command(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 100kb 100kb 0"]);
        let inbox = Inbox::draw("shop");
        let mut listener = engine.listen(&inbox, WITHIN).unwrap();
        let channel = format!("shop:in:{inbox}");
        let told = || server.command_of_bytes(&[b"PUBLISH", channel.as_bytes(), &[0; 50_000]]);
        servers::wait("the server to cut it off", || told() == ":0\r\n");
        assert_eq!(listener.next(WITHIN).unwrap_err().kind(), ErrorKind::Lost);
    });
}
