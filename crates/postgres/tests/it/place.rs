//! A schema of its own for each test, on a server that tests share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use coalescer_cluster::engine::{
    Claim, Claimed, Digest, Engine, FlightId, Forget, Inbox, Key, Publication, Published, Token,
    Wait, Waited,
};
use coalescer_postgres::{Postgres, PostgresEngine};
use postgres::{Client, NoTls};

use crate::server::Server;
use crate::support::watched;

/// Longer than any step takes, and shorter than the watchdog.
pub(crate) const WITHIN: Duration = Duration::from_secs(20);

/// A test with the schema of that name. Without a server it says so and passes; where `CI` is set, it fails.
pub(crate) fn with_place(schema: &'static str, test: impl FnOnce(&Place) + Send + 'static) {
    watched(move || {
        if let Some(server) = shared() {
            test(&Place::new(schema, &server));
        }
    });
}

/// The server that tests share, which runs as long as one of them has it.
pub(crate) fn shared() -> Option<Arc<Server>> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = lock(&SHARED);
    let server = shared.upgrade().or_else(|| Server::start_for_a_test().map(Arc::new))?;
    *shared = Arc::downgrade(&server);
    Some(server)
}

/// A test that breaks its server.
pub(crate) fn with_server(test: impl FnOnce(Server) + Send + 'static) {
    watched(move || {
        if let Some(server) = Server::start_for_a_test() {
            test(server);
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) schema: &'static str,
    admin: Mutex<Client>,
    _server: Option<Arc<Server>>,
}

impl Place {
    fn new(schema: &'static str, server: &Arc<Server>) -> Self {
        let mut place = Self::on(schema, server);
        place._server = Some(server.clone());
        place
    }

    /// A schema on a server that the test keeps.
    pub(crate) fn on(schema: &'static str, server: &Server) -> Self {
        let url = url(server, "postgres");
        Postgres::open(&url).schema(schema).connect_timeout(WITHIN).setup().unwrap();
        let admin = Mutex::new(Client::connect(&url, NoTls).unwrap());
        Self { url, schema, admin, _server: None }
    }

    pub(crate) fn open(&self) -> Postgres {
        self.open_at(&self.url)
    }

    /// The same by another way.
    pub(crate) fn open_at(&self, url: &str) -> Postgres {
        let url = format!("{url} application_name=coalescer_{}", self.schema);
        Postgres::open(&url).schema(self.schema).connect_timeout(WITHIN)
    }

    pub(crate) fn engine(&self) -> PostgresEngine {
        self.open().max_connections(24).engine().unwrap()
    }

    /// Runs SQL as the owner, with `{s}` for the schema.
    pub(crate) fn run(&self, sql: &str) {
        lock(&self.admin).batch_execute(&sql.replace("{s}", self.schema)).unwrap();
    }

    /// The one number that a query returns.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        lock(&self.admin).query_one(&sql.replace("{s}", self.schema), &[]).unwrap().get(0)
    }

    /// The sessions of the server that hold the locks of flights of this schema.
    pub(crate) fn leaders(&self) -> i64 {
        self.number(&format!(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock' \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND classid::bigint >> 16 = {}",
            locks_of(self.schema)
        ))
    }

    /// The sessions that wait for a flight of this schema.
    pub(crate) fn waiters(&self) -> i64 {
        self.number(&format!(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid::bigint >> 16 = {}",
            locks_of(self.schema)
        ))
    }

    /// The sessions of the engines of this test.
    pub(crate) fn sessions(&self) -> i64 {
        self.number(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coalescer_{s}'",
        )
    }

    /// Ends the sessions that hold the locks of flights, as an administrator does.
    pub(crate) fn end_leaders(&self) {
        self.run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
             AND mode = 'ExclusiveLock' AND classid::bigint >> 16 = {}",
            locks_of(self.schema)
        ));
    }
}

/// The high 16 bits of a schema's locks, as its SQL has them.
fn locks_of(schema: &str) -> i64 {
    let sql = Postgres::open("").schema(schema).setup_sql().unwrap();
    let (_, rest) = sql.split_once("pg_advisory_xact_lock(").unwrap();
    rest.split(')').next().unwrap().parse::<i64>().unwrap() >> 48
}

pub(crate) fn url(server: &Server, user: &str) -> String {
    format!("host={} user={user} dbname=postgres", server.directory().display())
}

/// A process, as an engine sees it.
pub(crate) struct Process<'a> {
    pub(crate) engine: &'a dyn Engine,
    pub(crate) inbox: Inbox,
    next: std::cell::Cell<u64>,
}

pub(crate) fn key(number: u8) -> Key<'static> {
    Key { namespace: "shop", name: "users", digest: Digest::new([number; 16]) }
}

impl<'a> Process<'a> {
    pub(crate) fn new(engine: &'a dyn Engine) -> Self {
        Self { engine, inbox: Inbox::draw("shop"), next: Default::default() }
    }

    pub(crate) fn token(&self) -> Token {
        self.next.set(self.next.get() + 1);
        Token::new(self.inbox.clone(), self.next.get())
    }

    pub(crate) fn claim(&self, key: Key<'_>) -> (Token, Claimed) {
        self.claim_with(key, |_| ())
    }

    pub(crate) fn claim_with(
        &self,
        key: Key<'_>,
        set: impl FnOnce(&mut Claim<'_>),
    ) -> (Token, Claimed) {
        self.ask(key, None, set)
    }

    /// A call that waits for that flight asks again.
    pub(crate) fn claim_again(
        &self,
        key: Key<'_>,
        flight: &FlightId,
        set: impl FnOnce(&mut Claim<'_>),
    ) -> (Token, Claimed) {
        self.ask(key, Some(flight), set)
    }

    fn ask(
        &self,
        key: Key<'_>,
        joined: Option<&FlightId>,
        set: impl FnOnce(&mut Claim<'_>),
    ) -> (Token, Claimed) {
        let token = self.token();
        let mut claim = Claim::new(key, &token, WITHIN);
        claim.joined = joined;
        set(&mut claim);
        let claimed = self.engine.claim(&claim, WITHIN).unwrap();
        (token, claimed)
    }

    /// Claims and must lead.
    pub(crate) fn lead(&self, key: Key<'_>) -> (Token, FlightId) {
        match self.claim(key) {
            (token, Claimed::Lead { flight, .. }) => (token, flight),
            (_, other) => panic!("{other:?}"),
        }
    }

    pub(crate) fn publish(
        &self,
        key: Key<'_>,
        token: &Token,
        bytes: &[u8],
        keep: Duration,
    ) -> Published {
        let mut publication = Publication::new(key, token, bytes);
        publication.keep = (!keep.is_zero()).then_some(keep);
        self.engine.publish(&publication, WITHIN).unwrap()
    }

    pub(crate) fn wait(
        &self,
        key: Key<'_>,
        flight: &FlightId,
        leads: Option<&Token>,
        within: Duration,
    ) -> Waited {
        let token = self.token();
        self.engine.wait(&Wait { key, token: &token, flight, leads }, within).unwrap()
    }

    pub(crate) fn forget(&self, key: Key<'_>) -> bool {
        let forget = Forget { key, from: &self.inbox, id: 1 };
        self.engine.forget(&forget, WITHIN).unwrap().was_there
    }
}
