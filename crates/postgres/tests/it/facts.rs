//! Facts that the comparison with the reference does not show, by the numbers of the promises.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use coalescer_cluster::engine::{
    Claim, Claimed, End, Engine, ErrorKind, Inbox, Lead, Publication, Published, Release, Released,
    Token, Wait, Waited,
};
use postgres::{Client, NoTls};

use crate::place::{Process, WITHIN, key, with_place};
use crate::support::wait_until;

const LONG: Duration = Duration::from_secs(3600);

fn is_outcome(waited: &Waited, expected: &[u8]) -> bool {
    matches!(waited, Waited::Ended { end: End::Outcome { bytes, .. }, .. } if **bytes == *expected)
}

/// C1.
#[test]
fn of_all_who_claim_at_once_one_leads() {
    with_place("at_once", |place| {
        let engines = [place.engine(), place.engine(), place.engine()];
        for round in 0..20 {
            let barrier = Barrier::new(12);
            let leads = thread::scope(|scope| {
                let claims: Vec<_> = (0..12)
                    .map(|at: usize| {
                        let (engine, barrier) = (&engines[at % 3], &barrier);
                        scope.spawn(move || {
                            let process = Process::new(engine);
                            barrier.wait();
                            matches!(process.claim(key(round)).1, Claimed::Lead { .. })
                        })
                    })
                    .collect();
                claims.into_iter().map(|claim| usize::from(claim.join().unwrap())).sum::<usize>()
            });
            assert_eq!(leads, 1);
        }
    });
}

/// C2: a younger flight beside the old one, which serves those who wait for it.
#[test]
fn a_leader_that_takes_too_long_gets_a_second_one_beside_it() {
    with_place("beside", |place| {
        let engine = place.engine();
        let [slow, second, third] = [(); 3].map(|()| Process::new(&engine));
        let (slow_token, first) = slow.lead(key(1));
        let at_once = |claim: &mut Claim<'_>| {
            claim.limits.leader_timeout = Some(Duration::ZERO);
        };
        let (token, Claimed::Lead { flight, .. }) = second.claim_with(key(1), at_once) else {
            panic!("it leads beside the slow one");
        };
        assert_ne!(flight, first);
        // Two run, which is the limit.
        assert!(
            matches!(third.claim_with(key(1), at_once).1, Claimed::Follow { flight: of, .. } if of == flight)
        );

        assert_eq!(
            format!("{:?}", slow.publish(key(1), &slow_token, b"slow", LONG)),
            "Ended { told: 0, kept: false, forgotten: true }"
        );
        assert!(is_outcome(&third.wait(key(1), &first, None, WITHIN), b"slow"));
        second.publish(key(1), &token, b"second", LONG);
        assert!(
            matches!(third.claim(key(1)).1, Claimed::Hit { bytes, .. } if *bytes == *b"second")
        );
    });
}

/// C2.
#[test]
fn a_flight_that_is_too_old_is_not_joined() {
    with_place("too_old", |place| {
        let engine = place.engine();
        let [one, other] = [(); 2].map(|()| Process::new(&engine));
        let (_, first) = one.lead(key(1));
        let full = other.claim_with(key(1), |claim| {
            claim.limits.max_join_age = Some(Duration::ZERO);
            claim.limits.max_leaders = 1;
        });
        assert_eq!(full.1, Claimed::Full);
        let (_, joined) = other.claim_again(key(1), &first, |claim| {
            claim.limits.max_join_age = Some(Duration::ZERO);
        });
        assert!(matches!(joined, Claimed::Follow { .. }));
        let (_, apart) =
            other.claim_with(key(1), |claim| claim.limits.max_join_age = Some(Duration::ZERO));
        assert!(matches!(apart, Claimed::Lead { flight, .. } if flight != first));
    });
}

/// C5, C11: the same flight, with its begin.
#[test]
fn when_a_leader_loses_its_session_one_of_those_who_wait_goes_on() {
    with_place("goes_on", |place| {
        let engines = [place.engine(), place.engine(), place.engine()];
        let leader = Process::new(&engines[0]);
        let (_, flight) = leader.lead(key(1));
        let begin = place.number("SELECT began FROM {s}.coalescer_key");
        let barrier = Barrier::new(9);
        let leads = thread::scope(|scope| {
            let waits: Vec<_> = (0..8)
                .map(|at: usize| {
                    let (engine, barrier, flight) = (&engines[1 + at % 2], &barrier, &flight);
                    scope.spawn(move || {
                        let process = Process::new(engine);
                        barrier.wait();
                        let waited = process.wait(key(1), flight, None, WITHIN);
                        let ask_again = Waited::Ended { end: End::AskAgain, forgotten: false };
                        assert_eq!(waited, ask_again);
                        let (token, claimed) = process.claim_again(key(1), flight, |_| ());
                        assert_eq!(claimed.flight(), Some(flight));
                        matches!(claimed, Claimed::Lead { .. }).then_some(token)
                    })
                })
                .collect();
            barrier.wait();
            wait_until(|| place.waiters() == 8);
            place.end_leaders();
            waits.into_iter().filter_map(|wait| wait.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!((leads.len(), place.leaders()), (1, 1));
        assert_eq!(place.number("SELECT began FROM {s}.coalescer_key"), begin);
    });
}

/// C17: the fence.
#[test]
fn a_leader_that_has_lost_its_session_publishes_nothing() {
    with_place("fence", |place| {
        let [engine, other] = [place.engine(), place.engine()];
        let (late, next) = (Process::new(&engine), Process::new(&other));
        let (token, _) = late.lead(key(1));
        place.end_leaders();
        wait_until(|| place.leaders() == 0);
        let (next_token, _) = next.lead(key(1));

        let mut publication = Publication::new(key(1), &token, b"late");
        publication.keep = Some(LONG);
        let published = engine.publish(&publication, WITHIN);
        // The connection's end may be on its way.
        let is_fenced = match &published {
            Ok(published) => *published == Published::Refused,
            Err(error) => error.kind() == ErrorKind::Lost,
        };
        assert!(is_fenced, "{published:?}");
        assert_eq!(place.number("SELECT count(*) FROM {s}.coalescer_result"), 0);
        assert!(!engine.renew(&[lead(&token)], WITHIN).unwrap()[0]);
        assert!(other.renew(&[lead(&next_token)], WITHIN).unwrap()[0]);
        next.publish(key(1), &next_token, b"next", LONG);
        assert!(matches!(late.claim(key(1)).1, Claimed::Hit { bytes, .. } if *bytes == *b"next"));
    });
}

fn lead(token: &Token) -> Lead<'_> {
    Lead { key: key(1), token, lease: WITHIN }
}

/// A thread that the free lock wakes must find the end.
#[test]
fn a_lock_is_free_only_when_the_end_is_written() {
    with_place("ordered", |place| {
        let [engine, other] = [place.engine(), place.engine()];
        let (leader, waiter) = (Process::new(&engine), Process::new(&other));
        let (token, flight) = leader.lead(key(1));
        let mut holder = Client::connect(&place.url, NoTls).unwrap();
        let mut hold = holder.transaction().unwrap();
        hold.batch_execute("LOCK TABLE ordered.coalescer_result IN EXCLUSIVE MODE").unwrap();
        thread::scope(|scope| {
            let publishing =
                scope.spawn(|| Process::new(&engine).publish(key(1), &token, b"ada", LONG));
            wait_until(|| {
                place.number(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND NOT granted",
                ) == 1
            });
            assert_eq!(place.leaders(), 1);
            hold.commit().unwrap();
            publishing.join().unwrap();
        });
        assert!(is_outcome(&waiter.wait(key(1), &flight, None, WITHIN), b"ada"));
    });
}

/// Also a call that has waited before the end was there.
#[test]
fn who_waits_gets_the_outcome() {
    with_place("outcome", |place| {
        let [engine, other] = [place.engine(), place.engine()];
        let leader = Process::new(&engine);
        let (token, flight) = leader.lead(key(1));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| Process::new(&other).wait(key(1), &flight, None, WITHIN));
            wait_until(|| place.waiters() == 1);
            leader.publish(key(1), &token, b"ada", Duration::ZERO);
            let waited = waiting.join().unwrap();
            assert!(is_outcome(&waited, b"ada"), "{waited:?}");
        });
    });
}

/// C20: nobody joins it, and its outcome goes to those who waited.
#[test]
fn a_forgotten_flight_is_not_joined() {
    with_place("forgotten", |place| {
        let [engine, other] = [place.engine(), place.engine()];
        let (one, two) = (Process::new(&engine), Process::new(&other));
        let (token, first) = one.lead(key(1));
        assert!(two.forget(key(1)));
        let (next, second) = two.lead(key(1));
        assert_ne!(first, second);
        one.publish(key(1), &token, b"old", LONG);
        let waited = two.wait(key(1), &first, None, WITHIN);
        assert!(is_outcome(&waited, b"old"));
        assert!(matches!(waited, Waited::Ended { forgotten: true, .. }));
        two.publish(key(1), &next, b"new", LONG);
        assert!(matches!(one.claim(key(1)).1, Claimed::Hit { bytes, .. } if *bytes == *b"new"));

        // A result that is forgotten before somebody looks who waited for it.
        assert!(two.forget(key(1)));
        assert!(!two.forget(key(1)));
        assert!(matches!(
            one.wait(key(1), &second, None, WITHIN),
            Waited::Ended { forgotten: true, .. }
        ));
    });
}

/// C18: a cycle over two engines, each with a thread that leads.
#[test]
fn a_cycle_of_leaders_is_seen_by_the_server() {
    with_place("cycle", |place| {
        let engines = [place.engine(), place.engine()];
        let [one, other] = [0, 1].map(|at| Process::new(&engines[at]));
        let (token_1, flight_1) = one.lead(key(1));
        let (token_2, flight_2) = other.lead(key(2));
        // Without a thread's lead it is a wait like any other.
        let short = Duration::from_millis(20);
        assert_eq!(one.wait(key(2), &flight_2, None, short), Waited::StillRuns);
        let wait = |engine: usize, asks: u8, flight, leads: Token| {
            let token = Token::new(Inbox::draw("shop"), 1);
            let wait = Wait { key: key(asks), token: &token, flight, leads: Some(&leads) };
            let waited = engines[engine].wait(&wait, WITHIN).unwrap();
            let release = Release { key: key(3 - asks), token: &leads, end: End::RunYourOwn };
            let released = engines[engine].release(&release, WITHIN).unwrap();
            let ended = Released::Ended { told: 0, forgotten: false };
            assert_eq!(released, ended, "its lead has gone with the cycle");
            waited
        };
        let (token_1, token_2) = (token_1.clone(), token_2.clone());
        let mut waited = thread::scope(|scope| {
            let first = scope.spawn(|| wait(0, 2, &flight_2, token_1));
            let second = scope.spawn(|| wait(1, 1, &flight_1, token_2));
            [first.join().unwrap(), second.join().unwrap()]
        });
        waited.sort_by_key(|waited| *waited != Waited::WouldDeadlock);
        let own = Waited::Ended { end: End::RunYourOwn, forgotten: false };
        assert_eq!(waited, [Waited::WouldDeadlock, own]);
    });
}

/// C18: calls wait for a quarter of a second and ask again, and the server looks for cycles after a whole one.
#[test]
fn a_cycle_of_short_waits_is_seen_too() {
    with_place("short_waits", |place| {
        let engines = [place.engine(), place.engine(), place.engine()];
        let sites = [0, 1, 2].map(|at| Process::new(&engines[at]));
        let leads = [0, 1, 2].map(|at| sites[usize::from(at)].lead(key(at)));
        let asks = &|at: usize| {
            let (next, process) = ((at + 1) % 3, Process::new(&engines[at]));
            let asks = key(u8::try_from(next).unwrap());
            loop {
                match process.wait(
                    asks,
                    &leads[next].1,
                    Some(&leads[at].0),
                    Duration::from_millis(250),
                ) {
                    Waited::StillRuns => {}
                    waited => {
                        process.publish(key(u8::try_from(at).unwrap()), &leads[at].0, b"ada", LONG);
                        return waited;
                    }
                }
            }
        };
        let waited = thread::scope(|scope| {
            let waits = [0, 1, 2].map(|at| scope.spawn(move || asks(at)));
            waits.map(|wait| wait.join().unwrap())
        });
        assert!(waited.contains(&Waited::WouldDeadlock), "{waited:?}");
        assert!(waited.iter().any(|waited| is_outcome(waited, b"ada")), "{waited:?}");
    });
}

/// C18: the shortest cycle, which the server cannot see, as a session does not wait for itself.
#[test]
fn a_leader_does_not_wait_for_itself() {
    with_place("itself", |place| {
        let engine = place.engine();
        let process = Process::new(&engine);
        let (token, flight) = process.lead(key(1));
        assert_eq!(process.wait(key(1), &flight, Some(&token), WITHIN), Waited::WouldDeadlock);
    });
}

#[test]
fn a_leader_publishes_although_a_thread_of_it_still_waits_in_its_session() {
    with_place("helper", |place| {
        let [engine, other] = [place.engine(), place.engine()];
        let (leader, stuck) = (Process::new(&engine), Process::new(&other));
        let (_, flight) = stuck.lead(key(2));
        let (token, _) = leader.lead(key(1));
        thread::scope(|scope| {
            let helper =
                scope.spawn(|| Process::new(&engine).wait(key(2), &flight, Some(&token), WITHIN));
            wait_until(|| place.waiters() == 1);
            leader.publish(key(1), &token, b"ada", LONG);
            assert_eq!(helper.join().unwrap(), Waited::StillRuns);
        });
        assert!(matches!(stuck.claim(key(1)).1, Claimed::Hit { .. }));
    });
}
