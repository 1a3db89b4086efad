//! Clusters over the engine: several in one process are as several processes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Role};

use crate::place::{Place, with_place, with_server};
use crate::suite::sites::{Function, MINUTE, Site};
use crate::support::wait_until;

fn site(place: &Place, window: Duration, run: impl Fn(u64) -> u32 + Send + Sync + 'static) -> Site {
    let open = place
        .open()
        .namespace("shop")
        .op_timeout(Duration::from_secs(2))
        .lease(Duration::from_secs(10));
    let cluster = open.connect().unwrap();
    let shared = cluster.named("users").schema("1").nested_wait(Duration::from_secs(30));
    let users =
        Coalescer::builder().window(window).shared(shared).build(move |key: &u64| Ok(run(*key)));
    Site { cluster, users }
}

fn counter() -> (Arc<AtomicU32>, impl Fn(u64) -> u32 + Clone + Send + Sync + 'static) {
    let runs = Arc::new(AtomicU32::new(0));
    let here = runs.clone();
    (runs, move |_| here.fetch_add(1, Ordering::SeqCst) + 1)
}

/// C1, C2.
#[test]
fn a_burst_in_three_processes_is_one_execution() {
    with_place("burst", |place| {
        let (runs, run) = counter();
        let sites = [(); 3].map(|()| site(place, Duration::from_secs(3600), run.clone()));
        let barrier = Barrier::new(12);
        thread::scope(|scope| {
            for at in 0..12 {
                let (site, barrier) = (&sites[at % 3], &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    assert_eq!(site.value(7), 1);
                });
            }
        });
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert!(sites.iter().all(|site| site.cluster.health().up));
    });
}

/// C20: after a forget in one process, no other one has anything older.
#[test]
fn a_forget_is_everywhere() {
    with_place("everywhere", |place| {
        let (_, run) = counter();
        let sites = [(); 2].map(|()| site(place, Duration::from_secs(3600), run.clone()));
        for round in 1..=5 {
            assert_eq!((sites[0].value(7), sites[1].value(7)), (round, round));
            assert!(
                sites[usize::try_from(round).unwrap() % 2].users.forget_everywhere(&7).unwrap()
            );
        }
    });
}

/// C18: two processes, each leads one key and asks for the other's.
#[test]
fn a_cycle_over_processes_costs_an_execution_and_no_error() {
    type Asks = Box<dyn Fn() -> u32 + Send>;
    with_place("tier_cycle", |place| {
        // A function of key 1 asks its process for key 2, and of key 2 for key 1, when both are led.
        let inner: [Arc<Mutex<Option<Asks>>>; 2] = Default::default();
        let begun = Arc::new(AtomicU32::new(0));
        let sites = [0, 1].map(|at: usize| {
            let (inner, begun) = (inner[at].clone(), begun.clone());
            site(place, Duration::ZERO, move |_| {
                let asks = inner.lock().unwrap().take();
                asks.map_or(100, |asks| {
                    begun.fetch_add(1, Ordering::SeqCst);
                    wait_until(|| begun.load(Ordering::SeqCst) == 2);
                    asks()
                })
            })
        });
        let sites = Arc::new(sites);
        for at in 0..2 {
            let (sites, other) = (Arc::downgrade(&sites), 2 - at as u64);
            let asks: Asks =
                Box::new(move || sites.upgrade().map_or(0, |sites| sites[at].value(other)));
            *inner[at].lock().unwrap() = Some(asks);
        }
        let values = thread::scope(|scope| {
            let calls = [0, 1].map(|at: usize| {
                let sites = &sites;
                scope.spawn(move || sites[at].value(1 + at as u64))
            });
            calls.map(|call| call.join().unwrap())
        });
        assert_eq!(values, [100, 100]);
        let cycles: u64 = sites.iter().map(|site| site.cluster.stats().alone.cycle).sum();
        assert!(cycles > 0, "nobody saw the cycle, and the nested wait has half a minute");
    });
}

/// C15, C29: calls are answered all the time.
#[test]
fn without_its_server_a_process_is_by_itself_until_it_is_back() {
    with_server(|mut server| {
        let place = Place::on("tier_down", &server);
        let (runs, run) = counter();
        let sites = [(); 2].map(|()| site(&place, Duration::ZERO, run.clone()));
        sites[0].value(1);
        server.stop();
        let before = runs.load(Ordering::SeqCst);
        assert_ne!(sites[0].value(2), sites[1].value(2));
        assert_eq!(runs.load(Ordering::SeqCst), before + 2);
        assert!(!sites[0].cluster.health().up);
        server.crash_and_restart().unwrap();
        wait_until(|| {
            let leads = |at: usize| sites[at].cluster.stats().leads;
            let before = leads(0) + leads(1);
            assert!(sites.iter().all(|site| site.value(3) > 0));
            leads(0) + leads(1) == before + 2
        });
    });
}

/// C15: two steps at most.
#[test]
fn with_a_frozen_server_a_call_is_late_by_two_steps_at_most() {
    with_server(|server| {
        let place = Place::on("tier_frozen", &server);
        let (_, run) = counter();
        let cluster = place.open().connect().unwrap();
        let users = Coalescer::builder()
            .shared(cluster.named("users").schema("1"))
            .build(move |key: &u64| Ok::<_, String>(run(*key)));
        users.execute(&1).unwrap();
        server.signal("STOP").unwrap();
        for key in 2..8 {
            let begin = Instant::now();
            users.execute(&key).unwrap();
            // 100 ms each; the rest is for a busy machine.
            assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        }
        assert!(!cluster.health().up);
        server.signal("CONT").unwrap();
    });
}

/// C11, C15: the end of a flight did not reach the server. The session that has its lock lives, so nobody else can let it go.
#[test]
fn a_lead_that_ended_during_a_long_outage_is_let_go() {
    with_server(|server| {
        let place = Place::on("tier_outage", &server);
        let lease = Duration::from_millis(1500);
        let open = place.open().op_timeout(lease / 3).lease(lease);
        let (cluster, function) = (open.connect().unwrap(), Function::default());
        let (shared, run) = (cluster.named("users").schema("1"), function.clone());
        let users = Coalescer::builder()
            .window(MINUTE)
            .shared(shared)
            .build(move |_: &u64| Ok::<_, String>(run.run()));
        wait_until(|| cluster.ping().is_ok());
        function.hold();
        thread::scope(|scope| {
            let call = scope.spawn(|| *users.execute(&7).unwrap());
            function.wait_for(1);
            assert_eq!(place.leaders(), 1);
            server.signal("STOP").unwrap();
            while cluster.health().up {
                cluster.ping().unwrap_err();
            }
            // The server is not told: it is left alone now.
            function.let_go();
            assert_eq!(call.join().unwrap(), 1);
        });
        let ended = Instant::now();
        wait_until(|| ended.elapsed() > 3 * lease);
        server.signal("CONT").unwrap();
        wait_until(|| place.leaders() == 0);
    });
}

/// C30: what somebody without the secret has written is not decoded.
#[test]
fn a_secret_reaches_the_cluster() {
    with_place("tier_secret", |place| {
        let call = |secret: u8| {
            let open =
                place.open().op_timeout(Duration::from_secs(3)).lease(Duration::from_secs(10));
            let cluster = open.secret([secret; 32]).connect().unwrap();
            let users = Coalescer::builder()
                .window(MINUTE)
                .shared(cluster.named("users").schema("1"))
                .build(|id: &u64| Ok::<_, String>(id + 1));
            (users.call(&7).outcome().unwrap().role == Role::Leader, cluster.stats().undecodable)
        };
        assert_eq!([call(1), call(1), call(2)], [(true, 0), (false, 0), (true, 1)]);
    });
}
