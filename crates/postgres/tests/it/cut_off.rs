//! A process whose way to the server is cut, and a server whose clock is set.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use coalescer::{Coalescer, Role};
use coalescer_cluster::Cluster;
use coalescer_cluster::engine::{Claimed, Published};

use crate::place::{Place, Process, key, with_place, with_server};
use crate::proxy::Proxy;
use crate::suite::sites::MINUTE;
use crate::support::wait_until;

const STEP: Duration = Duration::from_secs(1);

/// The time of two steps, and of a busy machine.
const BOUND: Duration = Duration::from_secs(10);

/// Between two pings. Shorter than what a wait of the server leaves for its answer.
const PAUSE: Duration = Duration::from_millis(20);

const SLOW: u64 = 2;

/// A process whose function returns at once, but for one key: there the test says what it returns.
struct Site {
    cluster: Cluster,
    users: Coalescer<u64, u64, String>,
    begun: Mutex<Receiver<()>>,
    values: Sender<u64>,
}

impl Site {
    fn new(place: &Place, url: &str, value: u64, op_timeout: Duration) -> Self {
        let open =
            place.open_at(url).namespace("shop").op_timeout(op_timeout).lease(3 * op_timeout);
        let cluster = open.connect().unwrap();
        let (begins, begun) = channel();
        let (values, returns) = channel();
        let returns = Mutex::new(returns);
        let builder = Coalescer::builder().window(MINUTE).leader_timeout(4 * STEP);
        let shared = cluster.named("numbers").schema("1");
        let users = builder.shared(shared).build(move |key: &u64| {
            if *key != SLOW {
                return Ok(value);
            }
            begins.send(()).unwrap();
            Ok(returns.lock().unwrap().recv().unwrap())
        });
        Self { cluster, users, begun: Mutex::new(begun), values }
    }

    fn call(&self, key: u64) -> (u64, Role) {
        let outcome = self.users.call(&key).outcome().unwrap();
        (*outcome.value, outcome.role)
    }

    fn begins(&self) {
        self.begun.lock().unwrap().recv().unwrap();
    }
}

/// Ends the functions of both processes when an assertion fails, or its scope would wait for them without an end.
struct LetGo<'s>([&'s Site; 2]);

impl Drop for LetGo<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            for site in self.0 {
                let _ = site.values.send(0);
            }
        }
    }
}

/// C12, C15, C17. The server knows of no lease: while the leader's session stands, the others wait for `leader_timeout`.
fn a_cut(schema: &'static str, cut: fn(&Proxy)) {
    with_server(move |server| {
        let place = Place::on(schema, &server);
        let way = Proxy::to(server.directory().join(".s.PGSQL.5432"));
        let url = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", way.port());
        let here = Site::new(&place, &url, 100, STEP);
        // Nobody cuts it off, so it waits longer for a server that is busy.
        let there = Site::new(&place, &place.url, 200, 3 * STEP);
        wait_until(|| here.cluster.ping().is_ok() && there.cluster.ping().is_ok());
        thread::scope(|scope| {
            let _let_go = LetGo([&here, &there]);
            let cut_off = scope.spawn(|| here.call(SLOW));
            here.begins();
            assert_eq!(place.leaders(), 1);
            cut(&way);
            let goes_on = scope.spawn(|| there.call(SLOW));
            // On a busy machine the answer to a wait is late. While the server answers others, that is no failure.
            let (asks, is_over) = channel::<()>();
            let there = &there;
            scope.spawn(move || {
                while is_over.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    there.cluster.ping().ok();
                }
            });
            for key in [1, 3, 4] {
                let began = Instant::now();
                assert_eq!(here.call(key), (100, Role::Leader), "by itself");
                assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
            }
            assert!(!here.cluster.health().up);
            assert_eq!(there.call(1), (200, Role::Leader));
            there.begins();
            there.values.send(22).unwrap();
            assert_eq!(goes_on.join().unwrap(), (22, Role::Leader));
            here.values.send(11).unwrap();
            assert_eq!(cut_off.join().unwrap(), (11, Role::Leader), "its own");
            drop(asks);
        });
        way.heal();
        wait_until(|| here.cluster.ping().is_ok());
        // For a function that must not run: it would wait for a value without an end.
        here.values.send(12).unwrap();
        assert_eq!(here.call(SLOW), (22, Role::Shared));
        assert_eq!(here.call(1), (200, Role::Shared), "what it made by itself is dropped");
        // The sessions that were cut end, with their locks.
        wait_until(|| place.leaders() == 0);
    });
}

/// Nothing comes any more, and nobody says so.
#[test]
fn a_process_that_is_cut_off_is_by_itself_and_the_others_go_on() {
    a_cut("cut", Proxy::cut);
}

/// Its messages come when others have gone on without it.
#[test]
fn what_comes_late_from_a_process_that_was_cut_off_changes_nothing() {
    a_cut("held", Proxy::hold);
}

/// C5: a result ends when the clock jumps ahead, and one of the future is none. Who leads has a lock, and keeps it.
#[test]
fn a_servers_clock_that_jumps_costs_executions_and_no_leader() {
    with_place("jumps", |place| {
        let set = |hours: i64| {
            place.run(&format!(
                "CREATE OR REPLACE FUNCTION {{s}}.clock() RETURNS bigint LANGUAGE sql VOLATILE AS \
                 'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + {hours} * 3600000000'"
            ));
        };
        let engine = place.engine();
        let [here, there] = [(); 2].map(|()| Process::new(&engine));
        let fill = || {
            let (token, _) = here.lead(key(1));
            let published = here.publish(key(1), &token, b"ada", 30 * MINUTE);
            assert!(matches!(published, Published::Ended { kept: true, .. }), "{published:?}");
            assert!(matches!(there.claim(key(1)).1, Claimed::Hit { .. }));
        };
        let (leader, flight) = here.lead(key(2));
        fill();
        for hours in [1, -1, 0] {
            set(hours);
            fill();
            let (_, claimed) = there.claim(key(2));
            assert!(matches!(claimed, Claimed::Follow { .. }), "{claimed:?}");
            assert_eq!(claimed.flight(), Some(&flight));
        }
        let published = here.publish(key(2), &leader, b"eve", 30 * MINUTE);
        assert!(matches!(published, Published::Ended { .. }), "{published:?}");
    });
}
