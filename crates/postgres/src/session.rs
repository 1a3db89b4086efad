//! A session of the server: how it begins, and what it must be.
//!
//! Locks belong to a session, so a pooler that gives each transaction another one is of no use. It is found before the first
//! lock is taken: two connections ask in turn which session of the server they are in. Each must always be in its own.

use std::sync::Arc;
use std::time::Duration;

use coalescer_cluster::engine::{EngineError, ErrorKind};
use futures_util::future::try_join3;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, SimpleQueryMessage, Statement};

use crate::error::{told, told_at_connect};
use crate::schema::Schema;
use crate::sync::{AtomicBool, Ordering, Task, bounded};
use crate::tls::Dial;

/// A setting of the role, or of the database, must not change how the functions see each other's work, and must not end a
/// session whose leader is at work. The server must notice a host that has vanished, too. Numbers of flights need not outlive
/// a crash, which empties the tables.
const SETTINGS: &str = "
    SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET synchronous_commit = off;
    SET statement_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 2;
    SET tcp_user_timeout = 10000";

/// A further setting, of servers from 14 on.
const SINCE_14: &str = ";
    SET idle_session_timeout = 0";

/// While a session waits for a lock, the server would not see that its client has died. Some systems cannot tell it.
const SEES_THE_END: &str = "SET client_connection_check_interval = 100";

const WHO: &str =
    "SELECT pg_backend_pid(), pg_is_in_recovery(), current_setting('server_version_num')";

/// The way to new sessions.
pub(crate) struct Connector {
    pub(crate) config: Config,
    pub(crate) dial: Box<dyn Dial>,
    pub(crate) schema: Schema,
    pub(crate) timeout: Duration,
}

/// A session whose statements are prepared.
pub(crate) struct Session {
    link: Link,
    pub(crate) pid: i32,
    pub(crate) statements: Statements,
    is_ended: AtomicBool,
}

pub(crate) struct Statements {
    pub(crate) claim: Statement,
    pub(crate) wait: Statement,
    pub(crate) publish: Statement,
}

impl Session {
    pub(crate) const fn client(&self) -> &Client {
        &self.link.client
    }

    pub(crate) fn is_usable(&self) -> bool {
        !self.is_ended.load(Ordering::Acquire) && !self.link.client.is_closed()
    }

    /// Closes the connection. The server frees the session's locks.
    pub(crate) fn end(&self) {
        self.is_ended.store(true, Ordering::Release);
        self.link.task.end();
    }
}

impl Connector {
    /// Begins a session. The first one of an engine finds out whether the server, or what stands before it, will do.
    pub(crate) async fn connect(&self, is_first: bool) -> Result<Session, EngineError> {
        let connected = bounded(self.timeout, self.begin(is_first)).await;
        connected.unwrap_or_else(|| Err(EngineError::new(ErrorKind::TimedOut, "no session began")))
    }

    /// Makes the schema.
    pub(crate) async fn set_up(&self) -> Result<(), EngineError> {
        let link = self.link().await?;
        link.client.batch_execute(&self.schema.setup()).await.map_err(|error| told(&error))
    }

    async fn begin(&self, is_first: bool) -> Result<Session, EngineError> {
        let link = self.link().await?;
        let who = link.who().await?;
        if who.is_replica {
            return Err(EngineError::new(
                ErrorKind::ReadOnly,
                "a replica: the URL must name the primary",
            ));
        }
        let mut is_pooled = false;
        if is_first {
            let other = self.link().await?;
            let [first, second] = [other.who().await?.pid, other.who().await?.pid];
            is_pooled = first != second || first == who.pid;
        }
        if is_pooled || link.who().await?.pid != who.pid {
            return Err(pooled());
        }
        let statements = link.prepare(&self.schema, &who).await.map_err(|error| told(&error))?;
        Ok(Session { link, pid: who.pid, statements, is_ended: AtomicBool::new(false) })
    }

    async fn link(&self) -> Result<Link, EngineError> {
        let dialled = self.dial.dial(&self.config).await;
        let (client, carries) = dialled.map_err(|error| told_at_connect(&error))?;
        Ok(Link { client, task: Task::start(carries) })
    }
}

/// Locks would be taken in a session that another client has next.
pub(crate) fn pooled() -> EngineError {
    let text = "a pooler in transaction mode stands before the server (pgbouncer?): sessions must be the client's own, so \
                use session pooling, or the server itself";
    EngineError::new(ErrorKind::Unexpected, text)
}

/// A connection.
struct Link {
    client: Client,
    task: Task,
}

struct Who {
    pid: i32,
    is_replica: bool,
    version: u32,
}

impl Link {
    /// Asks which session of the server this is. No parameter and no setting: it may not be ours.
    async fn who(&self) -> Result<Who, EngineError> {
        let rows = self.client.simple_query(WHO).await.map_err(|error| told(&error))?;
        let row = rows.into_iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let read = |row: tokio_postgres::SimpleQueryRow| {
            let version = row.get(2)?.parse().ok()?;
            Some(Who { pid: row.get(0)?.parse().ok()?, is_replica: row.get(1)? == "t", version })
        };
        row.and_then(read)
            .ok_or_else(|| EngineError::new(ErrorKind::Unexpected, "this is no PostgreSQL"))
    }

    async fn prepare(
        &self,
        schema: &Schema,
        who: &Who,
    ) -> Result<Statements, tokio_postgres::Error> {
        let settings = if who.version >= 140_000 {
            [SETTINGS, SINCE_14].concat()
        } else {
            SETTINGS.to_owned()
        };
        let client = &self.client;
        client.batch_execute(&settings).await?;
        if who.version >= 140_000 {
            client.batch_execute(SEES_THE_END).await.ok();
        }
        let (schema, bytes, number, truth) = (schema.quoted(), Type::BYTEA, Type::INT8, Type::BOOL);
        let claim = format!(
            "SELECT answer, number, began, age, body FROM {schema}.claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        );
        let wait =
            format!("SELECT kind, kept, forgotten, body FROM {schema}.wait($1, $2, $3, $4, $5)");
        let publish =
            format!("SELECT kept, forgotten FROM {schema}.publish($1, $2, $3, $4, $5, $6, $7)");
        let of_claim = [
            bytes.clone(),
            bytes.clone(),
            truth.clone(),
            truth.clone(),
            number.clone(),
            number.clone(),
            number.clone(),
            number.clone(),
            number.clone(),
            number.clone(),
        ];
        let of_wait = [bytes.clone(), bytes.clone(), number.clone(), truth.clone(), number.clone()];
        let of_publish = [
            bytes.clone(),
            bytes.clone(),
            number.clone(),
            number.clone(),
            Type::INT2,
            bytes,
            number,
        ];
        let prepared = try_join3(
            client.prepare_typed(&claim, &of_claim),
            client.prepare_typed(&wait, &of_wait),
            client.prepare_typed(&publish, &of_publish),
        );
        let (claim, wait, publish) = prepared.await?;
        Ok(Statements { claim, wait, publish })
    }
}

/// A session that several parts know.
pub(crate) type SharedSession = Arc<Session>;
