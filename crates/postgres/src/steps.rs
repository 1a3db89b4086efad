//! The statements of the steps, one round trip each. They run on the driver's thread.

use std::sync::Arc;
use std::time::Duration;

use coalescer_cluster::engine::{Claim, DAY, End, EngineError, ErrorKind, FlightId, Key, Manner};
use futures_util::future::try_join;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use crate::error::told;
use crate::schema::Schema;
use crate::session::SharedSession;

/// The names of a key and of all keys of its name, as they are in the tables.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) key: Box<[u8]>,
    pub(crate) name: Box<[u8]>,
}

impl Names {
    /// The digest is in front, so keys are spread over the table.
    pub(crate) fn of(key: Key<'_>) -> Self {
        let name = name(key.namespace, key.name);
        Self { key: [&key.digest.bytes()[..], &name].concat().into(), name }
    }
}

pub(crate) fn name(namespace: &str, name: &str) -> Box<[u8]> {
    format!("{namespace}:{name}").into_bytes().into()
}

pub(crate) fn id(number: i64) -> FlightId {
    FlightId::new(number.to_string())
}

pub(crate) fn number(flight: &FlightId) -> Option<i64> {
    flight.as_str().parse().ok()
}

/// The time for which the server may wait for a lock, in its milliseconds. It is shorter than the step, so that the server
/// says that it is over. Zero would be without an end.
pub(crate) fn patience(within: Duration) -> i64 {
    let way_back = (within / 4).min(Duration::from_millis(20));
    i64::try_from((within - way_back).as_millis()).unwrap_or(i64::MAX).clamp(1, i64::from(i32::MAX))
}

/// The same for a wait, which the server ends by itself: if it does not, it has enough time left to be called frozen.
pub(crate) fn patience_of_wait(within: Duration) -> i64 {
    patience(within - (within / 2).min(Duration::from_millis(100)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn age(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// The terms of a claim itself.
pub(crate) struct Asked {
    names: Names,
    is_fresh: bool,
    is_try: bool,
    excluded: Option<i64>,
    joined: Option<i64>,
    leader_timeout: Option<i64>,
    max_leaders: i64,
    max_join_age: Option<i64>,
    patience: i64,
}

impl Asked {
    pub(crate) fn new(claim: &Claim<'_>, names: Names, within: Duration) -> Self {
        Self {
            names,
            is_fresh: claim.manner == Manner::Fresh,
            is_try: claim.manner == Manner::Try,
            excluded: claim.excluded.and_then(number),
            joined: claim.joined.and_then(number),
            leader_timeout: claim.limits.leader_timeout.map(micros),
            max_leaders: claim.limits.max_leaders.into(),
            max_join_age: claim.limits.max_join_age.map(micros),
            patience: patience(within),
        }
    }
}

pub(crate) struct Answer {
    pub(crate) sort: Sort,
    pub(crate) number: i64,
    pub(crate) began: i64,
    pub(crate) age: Duration,
    pub(crate) bytes: Arc<[u8]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Hit,
    Lead,
    Follow,
    Wait,
    Full,
    Busy,
}

pub(crate) async fn claim(session: SharedSession, asked: Asked) -> Result<Answer, EngineError> {
    let Asked { names, is_fresh, is_try, excluded, joined, .. } = &asked;
    let Asked { leader_timeout, max_leaders, max_join_age, patience, .. } = &asked;
    let (key, name) = (&*names.key, &*names.name);
    let values: [&(dyn ToSql + Sync); 10] = [
        &key,
        &name,
        is_fresh,
        is_try,
        excluded,
        joined,
        leader_timeout,
        max_leaders,
        max_join_age,
        patience,
    ];
    let row = session
        .client()
        .query_one(&session.statements.claim, &values)
        .await
        .map_err(|error| told(&error))?;
    let sort = match read::<i16>(&row, 0)? {
        0 => Sort::Hit,
        1 => Sort::Lead,
        2 => Sort::Follow,
        3 => Sort::Wait,
        4 => Sort::Full,
        5 => Sort::Busy,
        _ => return Err(ErrorKind::Unexpected.into()),
    };
    let bytes = read::<Option<&[u8]>>(&row, 4)?.unwrap_or_default().into();
    Ok(Answer {
        sort,
        number: read(&row, 1)?,
        began: read(&row, 2)?,
        age: age(read(&row, 3)?),
        bytes,
    })
}

/// The age of a flight that began at that time of the server's clock.
pub(crate) async fn age_of(
    session: SharedSession,
    schema: Schema,
    began: i64,
) -> Result<Duration, EngineError> {
    let query = format!("SELECT {}.clock() - $1", schema.quoted());
    one(&session, &query, &[(&began, Type::INT8)]).await.map(age)
}

/// An end of a flight, of its own.
pub(crate) struct Ending {
    kind: i16,
    body: Vec<u8>,
    keep: Option<i64>,
}

impl Ending {
    pub(crate) fn outcome(bytes: &[u8], keep: Option<Duration>) -> Self {
        Self { kind: 0, body: bytes.to_owned(), keep: keep.map(|keep| micros(keep.min(DAY))) }
    }

    pub(crate) fn without_outcome(end: &End) -> Self {
        let (kind, body) = match end {
            End::RunYourOwn => (2, Vec::new()),
            End::Panicked(text) => (3, text.as_bytes().to_owned()),
            _ => (1, Vec::new()),
        };
        Self { kind, body, keep: None }
    }
}

pub(crate) struct Ended {
    pub(crate) kept: bool,
    pub(crate) forgotten: bool,
}

/// Writes the end, and then frees the lock. `None`: the flight had ended before.
pub(crate) async fn publish(
    session: SharedSession,
    schema: Schema,
    names: Names,
    number: i64,
    ending: Ending,
    patience: i64,
) -> Result<Option<Ended>, EngineError> {
    let (key, name, body) = (&*names.key, &*names.name, &*ending.body);
    let values: [&(dyn ToSql + Sync); 7] =
        [&key, &name, &number, &ending.keep, &ending.kind, &body, &patience];
    let publish = async {
        session
            .client()
            .query_one(&session.statements.publish, &values)
            .await
            .map_err(|error| told(&error))
    };
    // A statement of its own: when the lock is free, the end is there for those whom that wakes.
    let lock = schema.locks() + number;
    let lock: [(&(dyn ToSql + Sync), Type); 1] = [(&lock, Type::INT8)];
    let unlock = one::<bool>(&session, "SELECT pg_advisory_unlock($1)", &lock);
    let (row, was_locked) = try_join(publish, unlock).await?;
    if !was_locked {
        return Err(EngineError::new(ErrorKind::Unexpected, "the session has lost its lock"));
    }
    let forgotten = read(&row, 1)?;
    Ok(read::<Option<bool>>(&row, 0)?.map(|kept| Ended { kept, forgotten }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiter {
    Leads,
    LeadsNothing,
}

pub(crate) enum Look {
    Ended { end: End, forgotten: bool },
    StillRuns,
    WouldDeadlock,
}

/// Waits for the end of a flight, in a session that leads another one, or in any.
pub(crate) async fn wait(
    session: SharedSession,
    names: Names,
    number: i64,
    waiter: Waiter,
    patience: i64,
) -> Result<Look, EngineError> {
    let (key, name) = (&*names.key, &*names.name);
    let leads = waiter == Waiter::Leads;
    let values: [&(dyn ToSql + Sync); 5] = [&key, &name, &number, &leads, &patience];
    let row = match session
        .client()
        .query_one(&session.statements.wait, &values)
        .await
        .map_err(|error| told(&error))
    {
        // A leader whose function has returned cancels the wait in its session.
        Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(Look::StillRuns),
        row => row?,
    };
    let forgotten = read::<Option<bool>>(&row, 2)?.unwrap_or(false);
    let bytes = read::<Option<&[u8]>>(&row, 3)?.unwrap_or_default();
    let end = match read::<Option<i16>>(&row, 0)? {
        Some(0) => End::Outcome { bytes: bytes.into(), kept: read(&row, 1)? },
        Some(2) => End::RunYourOwn,
        Some(3) => End::panicked(&String::from_utf8_lossy(bytes)),
        Some(4) => return Ok(Look::StillRuns),
        Some(5) => return Ok(Look::WouldDeadlock),
        // It has died, or it was released.
        Some(1) | None => End::AskAgain,
        Some(_) => return Err(ErrorKind::Unexpected.into()),
    };
    Ok(Look::Ended { end, forgotten })
}

pub(crate) async fn forget(
    session: SharedSession,
    schema: Schema,
    names: Names,
    patience: i64,
) -> Result<bool, EngineError> {
    let (key, name) = (&*names.key, &*names.name);
    let query = format!("SELECT {}.forget($1, $2, $3)", schema.quoted());
    one(&session, &query, &[(&key, Type::BYTEA), (&name, Type::BYTEA), (&patience, Type::INT8)])
        .await
}

pub(crate) async fn forget_all(
    session: SharedSession,
    schema: Schema,
    name: Box<[u8]>,
    patience: i64,
) -> Result<(), EngineError> {
    let name = &*name;
    let query = format!("SELECT {}.forget_all($1, $2) IS NULL", schema.quoted());
    one::<bool>(&session, &query, &[(&name, Type::BYTEA), (&patience, Type::INT8)]).await.map(drop)
}

pub(crate) async fn discard(
    session: SharedSession,
    schema: Schema,
    names: Names,
    bytes: Vec<u8>,
    patience: i64,
) -> Result<bool, EngineError> {
    let (key, name, bytes) = (&*names.key, &*names.name, &*bytes);
    let query = format!("SELECT {}.discard($1, $2, $3, $4)", schema.quoted());
    let values: [(&(dyn ToSql + Sync), Type); 4] =
        [(&key, Type::BYTEA), (&name, Type::BYTEA), (&bytes, Type::BYTEA), (&patience, Type::INT8)];
    one(&session, &query, &values).await
}

pub(crate) async fn sweep(
    session: &SharedSession,
    schema: &Schema,
    patience: i64,
) -> Result<(), EngineError> {
    let query = format!("SELECT {}.sweep($1) IS NULL", schema.quoted());
    one::<bool>(session, &query, &[(&patience, Type::INT8)]).await.map(drop)
}

/// Cancels what another session of this role waits for.
pub(crate) async fn cancel(session: SharedSession, pid: i32) -> Result<(), EngineError> {
    one::<bool>(&session, "SELECT pg_cancel_backend($1)", &[(&pid, Type::INT4)]).await.map(drop)
}

pub(crate) async fn ping(session: SharedSession) -> Result<(), EngineError> {
    session.client().check_connection().await.map_err(|error| told(&error))
}

/// A statement that is not prepared, with one value as its answer.
async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(
    session: &SharedSession,
    query: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<T, EngineError> {
    let rows = session.client().query_typed(query, values).await.map_err(|error| told(&error))?;
    let row = rows.first().ok_or_else(|| EngineError::from(ErrorKind::Unexpected))?;
    read(row, 0)
}

fn read<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    at: usize,
) -> Result<T, EngineError> {
    row.try_get(at).map_err(|error: Error| told(&error))
}
