//! Whatever stands at the engine's keys: a claim leads, and nothing is believed.

use coalescer_cluster::engine::*;

use crate::support::watched;
use crate::world::*;

#[test]
fn a_key_of_another_type_is_replaced() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let (key, mark) = (KEY.to_string(), "{shop:users:7}:e");
        for other in [vec!["SET", &key, "x"], vec!["LPUSH", &key, "x"], vec!["SADD", &key, "x"]] {
            fill(&engine, b"ada");
            server.command(&["DEL", &key]);
            server.command(&other);
            let token = token();
            leads(&claim(&engine, &token));
            publish(&engine, &token, b"eve");
            hits(&claim(&engine, &token), b"eve");
            server.command(&["DEL", &key]);
        }
        fill(&engine, b"ada");
        server.command(&["DEL", mark]);
        server.command(&["LPUSH", mark, "x"]);
        let token = token();
        leads(&claim(&engine, &token));
        publish(&engine, &token, b"eve");
        hits(&claim(&engine, &token), b"eve");
        server.command(&["DEL", mark]);
        server.command(&["LPUSH", mark, "x"]);
        forget_all(&engine, token.inbox());
    });
}

/// The steps of somebody who leads nothing, over a key of another type.
#[test]
fn all_steps_survive_a_key_of_another_type() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let (token, key) = (token(), KEY.to_string());
        let spoil = || server.command(&["SET", &key, "x"]);
        spoil();
        assert_eq!(publish(&engine, &token, b"ada"), Published::Refused);
        spoil();
        let release = Release { key: KEY, token: &token, end: End::AskAgain };
        assert_eq!(engine.release(&release, WITHIN), Ok(Released::Refused));
        spoil();
        let lead = Lead { key: KEY, token: &token, lease: LEASE };
        assert_eq!(engine.renew(&[lead], WITHIN), Ok(vec![false]));
        spoil();
        assert_eq!(forget(&engine, token.inbox()), Forgotten::default());
        spoil();
        assert_eq!(engine.discard(KEY, b"ada", WITHIN), Ok(false));
        spoil();
        assert_eq!(engine.fetch(KEY, &FlightId::new("x"), WITHIN), Ok(None));
    });
}

#[test]
fn a_field_that_is_missing_costs_an_execution() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        for field in ["s", "m", "b"] {
            fill(&engine, b"ada");
            server.command(&["HDEL", &KEY.to_string(), field]);
            let token = token();
            leads(&claim(&engine, &token));
            publish(&engine, &token, b"eve");
            hits(&claim(&engine, &token), b"eve");
            forget(&engine, token.inbox());
        }
    });
}

/// C4: bytes in place of a state are no state. Bytes in place of a result go to whoever decodes them, who removes them.
#[test]
fn random_and_cut_off_bytes_are_not_believed() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let key = KEY.to_string();
        fill(&engine, b"ada");
        let write = |field: &[u8], bytes: &[u8]| {
            server.command_of_bytes(&[b"HSET", key.as_bytes(), field, bytes]);
        };
        let mut bits = 0x2545_f491_4f6c_dd1d_u64;
        for number in 0..500_usize {
            let mut bytes = Vec::new();
            for _ in 0..number % 40 {
                bits ^= bits << 13;
                bits ^= bits >> 7;
                bits ^= bits << 17;
                // Half of them are bytes with which a packed list begins.
                let byte = bits.to_le_bytes()[0];
                bytes.push(if bits & (1 << 40) == 0 { byte } else { 0x90 | byte & 0x0f });
            }
            write(b"s", &bytes);
            let token = token();
            leads(&claim(&engine, &token));
            publish(&engine, &token, b"eve");
            write(b"m", &bytes);
            let token = self::token();
            leads(&claim(&engine, &token));
            publish(&engine, &token, b"eve");
        }
        write(b"b", b"\xff\0");
        hits(&claim(&engine, &token()), b"\xff\0");
        assert_eq!(engine.discard(KEY, b"other", WITHIN), Ok(false));
        assert_eq!(engine.discard(KEY, b"\xff\0", WITHIN), Ok(true));
        leads(&claim(&engine, &token()));
    });
}

#[test]
fn a_state_that_is_cut_off_is_not_believed() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let key = KEY.to_string();
        let script = "local s = redis.call('HGET', KEYS[1], 's') \
                      local n = tonumber(ARGV[1]) \
                      if n >= #s then return 0 end \
                      redis.call('HSET', KEYS[1], 's', string.sub(s, 1, n)) return 1";
        for cut in 0.. {
            let leader = token();
            leads(&claim(&engine, &leader));
            let number = cut.to_string();
            if server.command(&["EVAL", script, "1", &key, &number]).starts_with(":0") {
                assert!(cut > 100, "the state has moved");
                break;
            }
            assert_eq!(publish(&engine, &leader, b"ada"), Published::Refused, "cut at {cut}");
        }
    });
}
