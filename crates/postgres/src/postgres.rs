//! The settings, and how a cluster is opened over the engine.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use coalescer_cluster::engine::ErrorKind;
use coalescer_cluster::{Cluster, OpenError};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};

use crate::engine::PostgresEngine;
use crate::schema::Schema;
use crate::session::Connector;
use crate::sync::{Deadline, Driver};
use crate::tls::{Dial, With};

const MAX_CONNECTIONS: usize = 8;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// One process that sets up may wait for others that do.
const SETUP_TIMEOUT: Duration = Duration::from_secs(30);

/// The client's own words may repeat a part of the URL.
const URL: &str =
    "the URL of the server cannot be read: it is postgresql://user@host:port/database";

const TLS: &str = "the URL says sslmode=require: give a connector to `Postgres::tls`";

/// A server whose tables the processes share.
///
/// # Examples
///
/// Once, by a role that may make a schema:
///
/// ```no_run
/// use coalescer_postgres::Postgres;
///
/// Postgres::open("postgresql://owner@localhost/shop").setup()?;
/// # Ok::<(), coalescer_postgres::OpenError>(())
/// ```
///
/// In each process:
///
/// ```
/// use coalescer_postgres::Postgres;
///
/// // Nothing is connected yet, so a server that is down is no error.
/// let cluster = Postgres::open("postgresql://service@localhost/shop")
///     .namespace("shop")
///     .max_connections(4)
///     .connect()?;
/// let users = coalescer::Coalescer::builder()
///     .shared(cluster.named("users"))
///     .build(|id: &u64| Ok::<_, std::io::Error>(format!("user {id}")));
/// assert_eq!(*users.execute(&7)?, "user 7"); // by itself, if there is no server
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing happens before `connect`, `engine` or `setup`"]
pub struct Postgres {
    config: Option<Config>,
    schema: String,
    max_connections: usize,
    connect_timeout: Duration,
    dial: Box<dyn Dial>,
    has_tls: bool,
    of_cluster: OfCluster,
}

/// The settings of the cluster over the engine; its defaults are its own.
#[derive(Default)]
struct OfCluster {
    namespace: Option<String>,
    op_timeout: Option<Duration>,
    lease: Option<Duration>,
    probe: Option<Duration>,
    secret: Option<[u8; 32]>,
}

impl Postgres {
    /// Takes the address of a server: `postgresql://user:password@host:port/database`, or `host=.. user=.. dbname=..`.
    /// It is read by [`connect`](Self::connect), [`engine`](Self::engine) and [`setup`](Self::setup).
    ///
    /// # Examples
    ///
    /// See [`Postgres`].
    pub fn open(url: &str) -> Self {
        Self {
            config: Config::from_str(url).ok().filter(names_a_host).map(with_defaults),
            schema: "coalescer".to_owned(),
            max_connections: MAX_CONNECTIONS,
            connect_timeout: CONNECT_TIMEOUT,
            dial: Box::new(With(NoTls)),
            has_tls: false,
            of_cluster: OfCluster::default(),
        }
    }

    /// At most so many flights are led or waited for by this process at the same time, each in a session of its own: 8. More
    /// claims fail with `Exhausted`, and their callers run the function for their own process. One session more serves
    /// short steps. Zero counts as one.
    ///
    /// # Examples
    ///
    /// See [`Postgres`].
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// A session must begin within that time: 200 ms. A step waits for it no longer than its own time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer_postgres::Postgres;
    ///
    /// let far_away = Postgres::open("postgresql://db.example.com/shop").connect_timeout(Duration::from_secs(1));
    /// ```
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The schema of the tables and functions in the database: `coalescer`. Letters, digits and `_`, at most 63.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_postgres::Postgres;
    ///
    /// let sql = Postgres::open("postgresql://localhost/shop").schema("flights").setup_sql()?;
    /// assert!(sql.contains(r#"CREATE SCHEMA "flights""#));
    /// # Ok::<(), coalescer_postgres::OpenError>(())
    /// ```
    pub fn schema(mut self, name: &str) -> Self {
        name.clone_into(&mut self.schema);
        self
    }

    /// Connections use this TLS, for a URL whose `sslmode` is `prefer` (the default) or `require`. Without it they use none, and
    /// `require` is refused. Connectors are in the crates `postgres-native-tls`, `postgres-openssl` and
    /// `tokio-postgres-rustls`.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_postgres::Postgres;
    /// use coalescer_postgres::tokio_postgres::NoTls; // here: your connector
    ///
    /// let postgres = Postgres::open("postgresql://db.example.com/shop?sslmode=require").tls(NoTls);
    /// ```
    pub fn tls<T>(mut self, connector: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.dial = Box::new(With(connector));
        self.has_tls = true;
        self
    }

    /// The namespace that all processes of the cluster have in common: `coalescer`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use coalescer_postgres::Postgres;
    /// let postgres = Postgres::open("postgresql://localhost/shop").namespace("shop");
    /// ```
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.of_cluster.namespace = Some(namespace.to_owned());
        self
    }

    /// The server may take so long for one step: 100 ms. At most a third of the lease.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use coalescer_postgres::Postgres;
    /// let postgres = Postgres::open("postgresql://localhost/shop").op_timeout(Duration::from_millis(50));
    /// ```
    pub fn op_timeout(mut self, limit: Duration) -> Self {
        self.of_cluster.op_timeout = Some(limit);
        self
    }

    /// A process that stood still for so long takes no answer of before: 3 s. Leads have no lease here: they end with
    /// their sessions.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use coalescer_postgres::Postgres;
    /// let postgres = Postgres::open("postgresql://localhost/shop").lease(Duration::from_secs(2));
    /// ```
    pub fn lease(mut self, lease: Duration) -> Self {
        self.of_cluster.lease = Some(lease);
        self
    }

    /// The interval of the looks for dead leaders: 40 ms. With this engine nobody looks, since the server tells.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use coalescer_postgres::Postgres;
    /// let postgres = Postgres::open("postgresql://localhost/shop").probe(Duration::from_millis(20));
    /// ```
    pub fn probe(mut self, interval: Duration) -> Self {
        self.of_cluster.probe = Some(interval);
        self
    }

    /// A secret that all processes of the cluster have: what anybody else writes is never decoded. Values still lie in
    /// the tables in clear.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use coalescer_postgres::Postgres;
    /// let postgres = Postgres::open("postgresql://localhost/shop").secret([7; 32]);
    /// ```
    pub fn secret(mut self, secret: [u8; 32]) -> Self {
        self.of_cluster.secret = Some(secret);
        self
    }

    /// Opens a cluster over the engine. It connects to nothing: sessions begin when they are needed, and calls run by
    /// themselves while there is no server.
    ///
    /// # Errors
    ///
    /// As [`engine`](Self::engine), and if a setting of the cluster is out of range.
    ///
    /// # Examples
    ///
    /// See [`Postgres`].
    pub fn connect(mut self) -> Result<Cluster, OpenError> {
        let OfCluster { namespace, op_timeout, lease, probe, secret } =
            std::mem::take(&mut self.of_cluster);
        let mut open = Cluster::over(self.engine()?);
        if let Some(namespace) = namespace {
            open = open.namespace(&namespace);
        }
        if let Some(limit) = op_timeout {
            open = open.op_timeout(limit);
        }
        if let Some(lease) = lease {
            open = open.lease(lease);
        }
        if let Some(interval) = probe {
            open = open.probe(interval);
        }
        if let Some(secret) = secret {
            open = open.secret(secret);
        }
        open.open()
    }

    /// Opens the engine alone, for a program that takes the steps itself. It connects to nothing: sessions begin when they are needed.
    ///
    /// # Errors
    ///
    /// If the URL or the schema's name cannot be read, if the URL demands TLS and there is none, or if no thread can be
    /// started.
    ///
    /// # Examples
    ///
    /// See [`Postgres`].
    pub fn engine(self) -> Result<PostgresEngine, OpenError> {
        let max_connections = self.max_connections;
        let connector = self.connector()?;
        let driver = Driver::start().map_err(OpenError::Thread)?;
        Ok(PostgresEngine::new(connector, max_connections, driver))
    }

    /// Makes the schema, the tables and the functions, or the functions again. It needs the right `CREATE` in the database.
    /// It blocks until it is done, for at most 30 seconds.
    ///
    /// # Errors
    ///
    /// As [`engine`](Self::engine), and if the server cannot be reached or refuses.
    ///
    /// # Examples
    ///
    /// See [`Postgres`].
    pub fn setup(self) -> Result<(), OpenError> {
        let connector = self.connector()?;
        let driver = Driver::start().map_err(OpenError::Thread)?;
        let made =
            driver.run(async move { connector.set_up().await }, Deadline::after(SETUP_TIMEOUT));
        let made = made.unwrap_or_else(|| Err(ErrorKind::TimedOut.into()));
        made.map_err(|error| OpenError::Engine(error.to_string().into()))
    }

    /// Returns the SQL that [`setup`](Self::setup) runs, for a migration. Its head has the rights that a service needs.
    ///
    /// # Errors
    ///
    /// If the schema's name cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_postgres::Postgres;
    ///
    /// std::fs::write(std::env::temp_dir().join("coalescer.sql"), Postgres::open("").setup_sql()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn setup_sql(&self) -> Result<String, OpenError> {
        Ok(self.read_schema()?.setup())
    }

    fn read_schema(&self) -> Result<Schema, OpenError> {
        let text = "the name of a schema has letters, digits and `_`: 1 to 63 of them";
        Schema::new(&self.schema).ok_or_else(|| OpenError::Engine(text.into()))
    }

    fn connector(self) -> Result<Connector, OpenError> {
        let schema = self.read_schema()?;
        let config = self.config.ok_or_else(|| OpenError::Engine(URL.into()))?;
        if config.get_ssl_mode() == SslMode::Require && !self.has_tls {
            return Err(OpenError::Engine(TLS.into()));
        }
        Ok(Connector { config, dial: self.dial, schema, timeout: self.connect_timeout })
    }
}

/// The client has no default for it.
fn names_a_host(config: &Config) -> bool {
    !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty()
}

/// The settings that the URL leaves open.
fn with_defaults(mut config: Config) -> Config {
    if config.get_application_name().is_none() {
        config.application_name("coalescer");
    }
    // The host of a leader may vanish: its session must end, on either side.
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(Duration::from_secs(5));
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(Duration::from_secs(5));
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(2);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(10));
    }
    if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any
    {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    config
}

/// It names hosts and the database, no password and no secret.
impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Postgres");
        if let Some(config) = &self.config {
            let named = config.get_hosts().iter().map(|host| match host {
                Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            });
            out.field("hosts", &named.collect::<Vec<_>>()).field("database", &config.get_dbname());
        }
        out.field("schema", &self.schema).field("max_connections", &self.max_connections);
        out.finish_non_exhaustive()
    }
}
