//! Each test starts a real server. If none can be started, the tests fail where `CI` is set; elsewhere
//! they print that they were skipped, and the reason.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../../../tests/support/watchdog.rs"]
mod watchdog;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use coalescer::Error;
use postgres::error::SqlState;
use postgres::{Client, NoTls};

use crate::schema::Schema;
use crate::server::Server;
use crate::totals::{DbError, Total, Totals};
use watchdog::{wait_until, watched};

/// Runs a test with the tables on a server of its own. Totals are kept until forgotten.
fn with_tables(test: impl FnOnce(&mut Schema, &Arc<Totals>) + Send + 'static) {
    watched(|| {
        let Some(server) = Server::start_for_a_test() else { return };
        let mut schema = Schema::create(crate::config(&server)).unwrap();
        schema.fill(1000).unwrap();
        let totals = Arc::new(Totals::open(schema.config(), 8, Duration::MAX).unwrap());
        test(&mut schema, &totals);
    });
}

/// Makes a call on a new thread.
fn call<R: Send + 'static>(
    totals: &Arc<Totals>,
    verb: impl FnOnce(&Totals) -> R + Send + 'static,
) -> thread::JoinHandle<R> {
    let totals = Arc::clone(totals);
    thread::spawn(move || verb(&totals))
}

fn connect(schema: &Schema) -> Client {
    schema.config().connect(NoTls).unwrap()
}

#[test]
fn a_hundred_calls_for_a_hot_row_are_one_query_on_one_connection() {
    with_tables(|schema, totals| {
        let mut holder = connect(schema);
        let mut hold = holder.transaction().unwrap();
        hold.batch_execute("LOCK TABLE orders").unwrap();
        let calls: Vec<_> = (0..100).map(|_| call(totals, |totals| totals.of(7))).collect();
        wait_until(|| totals.waiting() == 99 && totals.idle_connections() == 7);
        hold.commit().unwrap();

        let got: Vec<_> = calls.into_iter().map(|call| call.join().unwrap().unwrap()).collect();
        // The orders 7, 107, 207, .., 907 of the thousand.
        assert_eq!(*got[0], Total { orders: 10, cents: 4570 });
        assert!(got.iter().all(|total| Arc::ptr_eq(total, &got[0])));
        assert_eq!(schema.queries().unwrap(), 1);
        assert_eq!((totals.stats().executed_requests, totals.stats().followers), (1, 99));
    });
}

#[test]
fn without_a_coalescer_each_call_is_a_query() {
    // Shows that the count of the test above would notice more queries.
    with_tables(|schema, totals| {
        let calls: Vec<_> = (0..20).map(|_| call(totals, |all| all.uncoalesced(7))).collect();
        for call in calls {
            assert_eq!(call.join().unwrap().unwrap().orders, 10);
        }
        assert_eq!(schema.queries().unwrap(), 20);
    });
}

#[test]
fn all_waiting_calls_share_an_error_of_the_database() {
    // S16, S17.
    with_tables(|schema, totals| {
        let mut holder = connect(schema);
        let mut hold = holder.transaction().unwrap();
        hold.batch_execute("LOCK TABLE totals").unwrap();
        let calls: Vec<_> = (0..8).map(|_| call(totals, |totals| totals.of(7))).collect();
        wait_until(|| totals.waiting() == 7);
        hold.batch_execute("DROP VIEW totals").unwrap();
        hold.commit().unwrap();

        let errors: Vec<_> = calls
            .into_iter()
            .map(|call| match call.join().unwrap() {
                Err(Error::Failed(error)) => error,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(errors.iter().all(|error| Arc::ptr_eq(error, &errors[0])));
        let DbError::Postgres(error) = &*errors[0] else { panic!("{:?}", errors[0]) };
        assert_eq!(error.code(), Some(&SqlState::UNDEFINED_TABLE));
        let stats = totals.stats();
        assert_eq!((stats.executed_requests, stats.failed, stats.followers), (1, 1, 7));
    });
}

#[test]
fn a_call_after_a_write_never_gets_the_total_from_before_it() {
    // S28. The first query is held in the database after it has taken its snapshot.
    with_tables(|schema, totals| {
        let mut client = connect(schema);
        let held = "
            CREATE OR REPLACE VIEW totals AS
                SELECT customer, count(*) AS orders, sum(cents)::bigint AS cents
                FROM orders GROUP BY customer
                HAVING (SELECT pg_advisory_xact_lock_shared(1)) IS NOT NULL";
        client.batch_execute(held).unwrap();
        let mut holder = connect(schema);
        let mut hold = holder.transaction().unwrap();
        hold.execute("SELECT pg_advisory_xact_lock(1)", &[]).unwrap();
        let mut wait_for_held = |count: i64| {
            let query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
            while client.query_one(query, &[]).unwrap().get::<_, i64>(0) != count {}
        };

        let before = call(totals, |totals| totals.of(7));
        wait_for_held(1);
        totals.add(7, 1_000_000).unwrap();
        let after = call(totals, |totals| totals.of(7));
        wait_for_held(2); // the second call runs a query of its own
        hold.commit().unwrap();

        assert_eq!(before.join().unwrap().unwrap().orders, 10);
        let after = after.join().unwrap().unwrap();
        assert_eq!(*after, Total { orders: 11, cents: 1_004_570 });
        // The window has the new total.
        assert!(Arc::ptr_eq(&totals.of(7).unwrap(), &after));
    });
}

#[test]
fn a_customer_without_orders_is_an_error_of_its_own() {
    with_tables(|_, totals| {
        let error = totals.of(4711).unwrap_err();
        assert!(matches!(&error, Error::Failed(of) if matches!(**of, DbError::NoOrders(4711))));
        assert_eq!(error.failed().expect("its own").to_string(), "customer 4711 has no orders");
    });
}
