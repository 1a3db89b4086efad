//! Results: their time to live, and values that are too large for a message.

use std::time::Duration;

use coalescer_cluster::engine::*;

use crate::servers;
use crate::support::watched;
use crate::world::*;

fn time_to_live(server: &servers::Redis, key: &str) -> i64 {
    let answer = server.command(&["PTTL", key]);
    answer.trim_start_matches(':').trim_end().parse().unwrap()
}

/// C25: everything in the server has a time to live.
#[test]
fn nothing_stays_for_ever() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let all = |most: Duration| {
            let keys = server.command(&["KEYS", "*"]);
            let names: Vec<_> = keys.lines().filter(|line| line.starts_with('{')).collect();
            assert!(names.len() >= 2, "{keys}");
            for name in names {
                let left = time_to_live(&server, name);
                let most = if name.ends_with(":e") { DAY } else { most };
                let most = i64::try_from(most.as_millis()).unwrap() + 1;
                assert!(left > 0 && left <= most, "{name}: {left}");
            }
        };
        let [leader, follower] = [token(), token()];
        leads(&claim(&engine, &leader));
        all(2 * LEASE);
        follows(&claim_with_copies(&engine, &follower));
        all(2 * LEASE);
        try_publish(&engine, &leader, &vec![7; 20_000], None).unwrap();
        all(2 * LEASE);
        fill(&engine, b"ada");
        all(WINDOW);
        forget(&engine, leader.inbox());
        all(2 * LEASE);
        let endless = token();
        leads(&claim(&engine, &endless));
        try_publish(&engine, &endless, b"ada", Some(Duration::MAX)).unwrap();
        all(DAY);
        forget_all(&engine, leader.inbox());
        all(DAY);
    });
}

/// A key of which nothing is worth knowing goes at once.
#[test]
fn a_released_key_goes() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let token = token();
        leads(&claim(&engine, &token));
        let release = Release { key: KEY, token: &token, end: End::AskAgain };
        engine.release(&release, WITHIN).unwrap();
        assert_eq!(server.command(&["EXISTS", &KEY.to_string()]), ":0\r\n");
    });
}

/// C6: a large result travels once for each process that fetches it.
#[test]
fn large_results_are_fetched() {
    watched(|| {
        let Some((_server, engine)) = world() else { return };
        let [leader, follower] = [token(), token()];
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
        let mut listener = engine.listen(follower.inbox(), WITHIN).unwrap();
        leads(&claim(&engine, &leader));
        follows(&claim_with_copies(&engine, &follower));
        publish(&engine, &leader, &bytes);
        let Message::Ended { flight, end, .. } = next(&mut listener) else { panic!("an end") };
        assert_eq!(end, End::Fetch);
        let fetched = engine.fetch(KEY, &flight, WITHIN).unwrap();
        assert_eq!(fetched, Some(End::Outcome { bytes: bytes.clone().into(), kept: true }));
        hits(&claim(&engine, &token()), &bytes);
    });
}

/// C6: who waited gets a large result also if it is forgotten before it is fetched.
#[test]
fn a_large_result_that_has_gone_is_fetched() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let [leader, follower] = [token(), token()];
        let bytes = vec![b'x'; 16 * 1024 + 1];
        let mut listener = engine.listen(follower.inbox(), WITHIN).unwrap();
        leads(&claim(&engine, &leader));
        follows(&claim_with_copies(&engine, &follower));
        publish(&engine, &leader, &bytes);
        let Message::Ended { flight, .. } = next(&mut listener) else { panic!("an end") };
        assert!(forget(&engine, leader.inbox()).was_there);
        let fetched = engine.fetch(KEY, &flight, WITHIN).unwrap();
        assert!(fetched == Some(End::Outcome { bytes: bytes.into(), kept: true }));
        let left = time_to_live(&server, &format!("{KEY}:{leader}"));
        assert!(left > 0 && left <= 60_000, "two leases, and not {left}");
    });
}

/// C6: what is no result can be fetched for two leases.
#[test]
fn large_outcomes_that_are_no_result_are_handed_on() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let leader = token();
        let bytes = vec![b'x'; 16 * 1024 + 1];
        leads(&claim(&engine, &leader));
        try_publish(&engine, &leader, &bytes, None).unwrap();
        let flight = FlightId::new(leader.to_string());
        let fetched = engine.fetch(KEY, &flight, WITHIN).unwrap();
        assert_eq!(fetched, Some(End::Outcome { bytes: bytes.into(), kept: false }));
        let key = format!("{KEY}:{leader}");
        let left = time_to_live(&server, &key);
        assert!(left > 0 && left <= 60_000, "two leases, and not {left}");
        server.command(&["DEL", &key]);
        assert_eq!(engine.fetch(KEY, &flight, WITHIN), Ok(None), "it was evicted");
        server.command(&["LPUSH", &key, "x"]);
        assert_eq!(engine.fetch(KEY, &flight, WITHIN), Ok(None), "it is something else");
    });
}

/// The same after a take-over, where the flight has not the name of the claim that published.
#[test]
fn the_outcome_of_a_take_over_is_fetched_by_its_flight() {
    watched(|| {
        let Some((_server, engine)) = world() else { return };
        let [former, later] = [token(), token()];
        leads(&engine.claim(&Claim::new(KEY, &former, Duration::ZERO), WITHIN).unwrap());
        let mut claim = Claim::new(KEY, &later, LEASE);
        claim.manner = Manner::Suspect;
        let Claimed::Lead { flight, .. } = engine.claim(&claim, WITHIN).unwrap() else {
            panic!("nobody listens")
        };
        let bytes = vec![b'x'; 20_000];
        try_publish(&engine, &later, &bytes, None).unwrap();
        let fetched = engine.fetch(KEY, &flight, WITHIN).unwrap();
        assert_eq!(fetched, Some(End::Outcome { bytes: bytes.into(), kept: false }));
    });
}

/// The longest outcome that travels in a message, and the shortest that does not.
#[test]
fn messages_have_up_to_sixteen_kibibytes() {
    watched(|| {
        let Some((_server, engine)) = world() else { return };
        let follower = token();
        let mut listener = engine.listen(follower.inbox(), WITHIN).unwrap();
        for (length, is_fetched) in [(0, false), (16 * 1024, false), (16 * 1024 + 1, true)] {
            let leader = token();
            leads(&claim(&engine, &leader));
            follows(&claim_with_copies(&engine, &follower));
            try_publish(&engine, &leader, &vec![0; length], None).unwrap();
            let Message::Ended { end, .. } = next(&mut listener) else { panic!("an end") };
            assert_eq!(end == End::Fetch, is_fetched, "{length} bytes");
        }
    });
}

/// As the README says: about 500 bytes for a key, and 50 for each process.
#[test]
fn a_key_takes_little_memory() {
    watched(|| {
        let Some((server, engine)) = world() else { return };
        let memory = || {
            let answer = server.command(&["MEMORY", "USAGE", &KEY.to_string()]);
            answer.trim_start_matches(':').trim_end().parse::<u32>().unwrap()
        };
        let leader = token();
        leads(&claim_with_copies(&engine, &leader));
        let flight = memory();
        for _ in 0..100 {
            follows(&claim_with_copies(&engine, &token()));
        }
        let followed = memory();
        publish(&engine, &leader, b"ada");
        let held = memory();
        assert!(flight < 600 && followed < flight + 100 * 70 && held < flight + 100 * 70);
    });
}
