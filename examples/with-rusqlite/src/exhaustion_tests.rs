//! A connection taken before the call undoes the coalescing: callers that only want to share a result
//! take all connections of the pool, and the other callers come too late to share it.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use coalescer::coalesce;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

use crate::search::{DbError, Pool};
use crate::watchdog::{wait_until, watched};

const THREADS: usize = 16;
const CONNECTIONS: u32 = 4;

/// Holds each execution until the test releases it.
struct Stage {
    entered: Barrier,
    released: Barrier,
}

impl Stage {
    fn hold(&self) {
        self.entered.wait();
        self.released.wait();
    }
}

/// The fault: the caller takes the connection.
#[coalesce(window = Duration::ZERO, skip(connection, stage))]
fn taken_before(connection: &mut Connection, stage: &Stage, id: u32) -> Result<u32, DbError> {
    stage.hold();
    Ok(connection.query_row("SELECT ?1", [id], |row| row.get(0))?)
}

/// The cure: the function takes the connection.
#[coalesce(window = Duration::ZERO, skip(pool, stage))]
fn taken_inside(pool: &Pool, stage: &Stage, id: u32) -> Result<u32, DbError> {
    let connection = pool.get()?;
    stage.hold();
    Ok(connection.query_row("SELECT ?1", [id], |row| row.get(0))?)
}

/// Calls from all threads at once. Each execution is held until so many calls share it and so many
/// connections are idle.
fn call_from_all(
    call: impl Fn(&Pool, &Stage) -> u32 + Sync,
    shared_by: usize,
    followers: impl Fn() -> usize,
    idle: u32,
) {
    let manager = SqliteConnectionManager::memory();
    let pool = Pool::builder().max_size(CONNECTIONS).build(manager).unwrap();
    let stage = Stage { entered: Barrier::new(2), released: Barrier::new(2) };
    thread::scope(|scope| {
        let call = || assert_eq!(call(&pool, &stage), 7);
        (0..THREADS).for_each(|_| drop(scope.spawn(call)));
        for _ in 0..THREADS / shared_by {
            stage.entered.wait();
            wait_until(|| followers() == shared_by - 1 && pool.state().idle_connections == idle);
            stage.released.wait();
        }
    });
}

#[test]
fn a_connection_taken_before_the_call_makes_every_four_calls_an_execution() {
    watched(|| {
        let group = taken_before::coalescer;
        let call = |pool: &Pool, stage: &Stage| {
            let mut connection = pool.get().unwrap();
            *taken_before(&mut connection, stage, 7).unwrap()
        };
        let followers = || group().in_flight().iter().map(|flight| flight.followers).sum();
        // Four calls share an execution, because four calls have a connection.
        call_from_all(call, CONNECTIONS as usize, followers, 0);
        assert_eq!(group().stats().executed_requests, 4);
    });
}

#[test]
fn a_connection_taken_by_the_function_makes_all_calls_one_execution() {
    watched(|| {
        let group = taken_inside::coalescer;
        let call = |pool: &Pool, stage: &Stage| *taken_inside(pool, stage, 7).unwrap();
        let followers = || group().in_flight().iter().map(|flight| flight.followers).sum();
        call_from_all(call, THREADS, followers, CONNECTIONS - 1);
        assert_eq!(group().stats().executed_requests, 1);
    });
}
