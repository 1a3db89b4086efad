//! The words of a program about its server.

use std::fmt;
use std::time::Duration;

use coalescer_cluster::{Cluster, OpenError};

use crate::engine::RedisEngine;
use crate::pool::Pool;
use crate::servers::{Others, Servers, refused};

/// A server, or several, before they are opened.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_redis::Redis;
///
/// let engine = Redis::open("redis://localhost/")
///     .max_connections(4)
///     .connect_timeout(Duration::from_millis(100))
///     .engine()?;
/// # Ok::<(), coalescer_redis::OpenError>(())
/// ```
#[derive(Clone)]
pub struct Redis {
    servers: Servers,
    max_connections: usize,
    connect_timeout: Duration,
    terms: Terms,
}

/// The settings of the cluster, if they are not its defaults.
#[derive(Clone, Default)]
struct Terms {
    namespace: Option<String>,
    op_timeout: Option<Duration>,
    lease: Option<Duration>,
    probe: Option<Duration>,
    secret: Option<[u8; 32]>,
}

impl Redis {
    /// Names a server by its URL. Nothing is connected, and a server that is down is no error.
    ///
    /// The forms are `redis://user:password@host:port/database` (also `valkey://`), `rediss://` with the feature
    /// `tls`, and `unix:///path/of/the.socket?db=1&user=..&pass=..`.
    ///
    /// # Examples
    ///
    /// See [`Redis`].
    pub fn open(url: impl Into<String>) -> Self {
        Self {
            servers: Servers::new(url.into()),
            max_connections: 16,
            connect_timeout: Duration::from_millis(200),
            terms: Terms::default(),
        }
    }

    /// Asks sentinels for the primary. Its name stands in the place of the host in the first URL, which says user,
    /// password and database of the primary. Each new connection asks again.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_redis::Redis;
    ///
    /// let sentinels = ["redis://10.0.0.1:26379/", "redis://10.0.0.2:26379/"];
    /// let engine = Redis::open("redis://mymaster/").sentinels(sentinels).engine()?;
    /// # Ok::<(), coalescer_redis::OpenError>(())
    /// ```
    #[must_use]
    pub fn sentinels<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.servers.others = Others::Sentinels(urls.into_iter().map(Into::into).collect());
        self
    }

    /// The server is a node of a Redis Cluster, and these are others, which are asked if it is down.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_redis::Redis;
    ///
    /// let engine = Redis::open("redis://10.0.0.1/").cluster(["redis://10.0.0.2/"]).engine()?;
    /// # Ok::<(), coalescer_redis::OpenError>(())
    /// ```
    #[cfg(feature = "cluster")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cluster")))]
    #[must_use]
    pub fn cluster<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.servers.others = Others::Nodes(urls.into_iter().map(Into::into).collect());
        self
    }

    /// At most so many connections for steps (16). One more is for messages.
    ///
    /// # Examples
    ///
    /// See [`Redis`].
    #[must_use]
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// A connection must come about within this time (200 ms), and within that of the step that needs it.
    ///
    /// # Examples
    ///
    /// See [`Redis`].
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The certificate, in PEM, that the server's must be signed by. Without it: those that the system trusts.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use coalescer_redis::Redis;
    ///
    /// let own = std::fs::read("/etc/ssl/own.pem")?;
    /// let engine = Redis::open("rediss://cache.example.net/").root_certificate(own).engine()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.servers.certificates().root_cert = Some(pem.into());
        self
    }

    /// The certificate and the key, in PEM, by which the server knows this process.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use coalescer_redis::Redis;
    ///
    /// let [cert, key] = ["/etc/ssl/shop.pem", "/etc/ssl/shop.key"].map(std::fs::read);
    /// let server = Redis::open("rediss://cache.example.net/").client_certificate(cert?, key?);
    /// let engine = server.engine()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn client_certificate(mut self, cert: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let (client_cert, client_key) = (cert.into(), key.into());
        let tls = redis::ClientTlsConfig { client_cert, client_key };
        self.servers.certificates().client_tls = Some(tls);
        self
    }

    /// The namespace, which all processes of a cluster have in common, and with which all keys and channels begin.
    /// Default: `coalescer`.
    ///
    /// # Examples
    ///
    /// See [`connect`](Self::connect).
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.terms.namespace = Some(namespace.to_owned());
        self
    }

    /// The time that the server may take for one step. Default: 100 ms. At most a third of the lease.
    ///
    /// # Examples
    ///
    /// See [`connect`](Self::connect).
    #[must_use]
    pub const fn op_timeout(mut self, limit: Duration) -> Self {
        self.terms.op_timeout = Some(limit);
        self
    }

    /// A lead that is not renewed ends after this time. Default: 3 s. At least 500 ms.
    ///
    /// # Examples
    ///
    /// See [`connect`](Self::connect).
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.terms.lease = Some(lease);
        self
    }

    /// The process looks that often if those that it waits for still listen. Default: 40 ms.
    ///
    /// # Examples
    ///
    /// See [`connect`](Self::connect).
    #[must_use]
    pub const fn probe(mut self, interval: Duration) -> Self {
        self.terms.probe = Some(interval);
        self
    }

    /// A secret that all processes of the cluster have. What anybody else writes is then never decoded. Values still lie
    /// in the server in clear.
    ///
    /// # Examples
    ///
    /// See [`connect`](Self::connect).
    #[must_use]
    pub const fn secret(mut self, secret: [u8; 32]) -> Self {
        self.terms.secret = Some(secret);
        self
    }

    /// Opens a cluster over the server. It comes back at once, and waits for nobody: a server that is down is no error,
    /// and calls run by themselves until it is up.
    ///
    /// # Errors
    ///
    /// As [`engine`](Self::engine), and if a setting of the cluster is out of range, or if a thread cannot be started.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::Coalescer;
    /// use coalescer_redis::Redis;
    ///
    /// let cluster = Redis::open("redis://localhost/")
    ///     .namespace("shop")
    ///     .op_timeout(Duration::from_millis(50))
    ///     .lease(Duration::from_secs(2))
    ///     .probe(Duration::from_millis(20))
    ///     .secret([7; 32])
    ///     .connect()?;
    /// let lengths = Coalescer::builder()
    ///     .shared(cluster.named("lengths"))
    ///     .build(|word: &String| Ok::<_, std::io::Error>(word.len()));
    /// assert_eq!(*lengths.execute(&"four".to_owned())?, 4); // also with a server that is down
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect(mut self) -> Result<Cluster, OpenError> {
        let terms = std::mem::take(&mut self.terms);
        let mut open = Cluster::over(self.engine()?);
        if let Some(namespace) = &terms.namespace {
            open = open.namespace(namespace);
        }
        if let Some(limit) = terms.op_timeout {
            open = open.op_timeout(limit);
        }
        if let Some(lease) = terms.lease {
            open = open.lease(lease);
        }
        if let Some(interval) = terms.probe {
            open = open.probe(interval);
        }
        if let Some(secret) = terms.secret {
            open = open.secret(secret);
        }
        open.open()
    }

    /// Makes the engine alone, for a cluster that is opened [over](Cluster::over) it: the cluster's settings are then set
    /// there. Nothing is connected yet.
    ///
    /// With the feature `tls`, the process gets `ring` as its default cryptography if it has none and the URL asks for
    /// encryption.
    ///
    /// # Errors
    ///
    /// If a URL or a certificate cannot be read, or if a setting makes no sense.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_redis::Redis;
    ///
    /// let error = Redis::open("http://:secret@localhost/").engine().unwrap_err();
    /// assert!(!error.to_string().contains("secret"));
    /// ```
    pub fn engine(self) -> Result<RedisEngine, OpenError> {
        if self.max_connections == 0 {
            return Err(refused("`max_connections` must be at least 1"));
        }
        if self.connect_timeout.is_zero() {
            return Err(refused("`connect_timeout` must not be zero"));
        }
        let (source, address) = self.servers.source(self.connect_timeout)?;
        Ok(RedisEngine::new(Pool::new(source, self.max_connections), address))
    }
}

/// The URL may have a password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("address", &self.servers.address())
            .field("max_connections", &self.max_connections)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}
