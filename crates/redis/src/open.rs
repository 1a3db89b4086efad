//! What a program says about its server.

use std::fmt;
use std::time::Duration;

use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::engine::RedisEngine;
use crate::pool::Pool;
use crate::source::{Place, Source};

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
    url: String,
    others: Others,
    max_connections: usize,
    connect_timeout: Duration,
    #[cfg(feature = "tls")]
    certificates: Option<redis::TlsCertificates>,
}

#[derive(Clone)]
enum Others {
    None,
    Sentinels(Vec<String>),
    #[cfg(feature = "cluster")]
    Nodes(Vec<String>),
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
            url: url.into(),
            others: Others::None,
            max_connections: 16,
            connect_timeout: Duration::from_millis(200),
            #[cfg(feature = "tls")]
            certificates: None,
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
        self.others = Others::Sentinels(urls.into_iter().map(Into::into).collect());
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
        self.others = Others::Nodes(urls.into_iter().map(Into::into).collect());
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
        self.certificates.get_or_insert(NO_CERTIFICATES).root_cert = Some(pem.into());
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
        self.certificates.get_or_insert(NO_CERTIFICATES).client_tls = Some(tls);
        self
    }

    /// Makes the engine. Nothing is connected yet.
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
            return Err(OpenError::new("`max_connections` must be at least 1"));
        }
        if self.connect_timeout.is_zero() {
            return Err(OpenError::new("`connect_timeout` must not be zero"));
        }
        let server = self.info(&self.url)?;
        let address = server.addr().to_string();
        let mut passwords: Vec<_> = password(&server).into_iter().collect();
        let place = match &self.others {
            Others::None => Place::Server(Box::new(server)),
            Others::Sentinels(urls) => {
                let sentinels = self.infos(urls)?;
                passwords.extend(sentinels.iter().filter_map(password));
                let primary = match server.addr() {
                    redis::ConnectionAddr::Tcp(host, _)
                    | redis::ConnectionAddr::TcpTls { host, .. } => host.clone(),
                    _ => return Err(OpenError::new("with sentinels the URL names the primary")),
                };
                Place::Sentinels { sentinels, primary, node: Box::new(server) }
            }
            #[cfg(feature = "cluster")]
            Others::Nodes(urls) => self.cluster_of(server, urls)?,
        };
        let source = Source { place, connect_timeout: self.connect_timeout, passwords };
        Ok(RedisEngine::new(Pool::new(source, self.max_connections), address))
    }

    fn infos(&self, urls: &[String]) -> Result<Vec<ConnectionInfo>, OpenError> {
        if urls.is_empty() {
            return Err(OpenError::new("the list of URLs is empty"));
        }
        urls.iter().map(|url| self.info(url)).collect()
    }

    fn info(&self, url: &str) -> Result<ConnectionInfo, OpenError> {
        let info = url.into_connection_info().map_err(|error| OpenError::of(&error))?;
        // Two more commands on each connection, and rights that nothing else needs.
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        let settings = settings.set_protocol(redis::ProtocolVersion::RESP2);
        self.certified(info.set_redis_settings(settings))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "there are certificates with the feature"
    )]
    fn certified(&self, info: ConnectionInfo) -> Result<ConnectionInfo, OpenError> {
        Ok(info)
    }

    #[cfg(feature = "tls")]
    fn certified(&self, info: ConnectionInfo) -> Result<ConnectionInfo, OpenError> {
        if !matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. }) {
            return Ok(info);
        }
        // Without a default, the client panics where a program has two kinds of cryptography.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            rustls::crypto::ring::default_provider().install_default().ok();
        }
        let Some(certificates) = &self.certificates else { return Ok(info) };
        let client = redis::Client::build_with_tls(info, certificates.clone());
        let client = client.map_err(|error| OpenError::of(&error))?;
        Ok(client.get_connection_info().clone())
    }

    #[cfg(feature = "cluster")]
    fn cluster_of(&self, server: ConnectionInfo, urls: &[String]) -> Result<Place, OpenError> {
        let mut seeds = vec![server];
        for url in urls {
            seeds.push(self.info(url)?);
        }
        let builder = redis::cluster::ClusterClientBuilder::new(seeds.clone());
        // For a redirection. The breaker decides about the rest.
        let builder = builder.retries(crate::link::ATTEMPTS - 1);
        let builder = builder.min_retry_wait(1).max_retry_wait(5);
        #[cfg(feature = "tls")]
        let builder = match &self.certificates {
            Some(certificates) => builder.certs(certificates.clone()),
            None => builder,
        };
        let client = builder.build().map_err(|error| OpenError::of(&error))?;
        Ok(Place::Cluster { client: Box::new(client), seeds })
    }
}

#[cfg(feature = "tls")]
const NO_CERTIFICATES: redis::TlsCertificates =
    redis::TlsCertificates { client_tls: None, root_cert: None };

fn password(info: &ConnectionInfo) -> Option<String> {
    let password = info.redis_settings().password();
    password.filter(|password| !password.is_empty()).map(str::to_owned)
}

/// The URL may have a password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.url.as_str().into_connection_info().map(|info| info.addr().to_string());
        f.debug_struct("Redis")
            .field("address", &address.as_deref().unwrap_or("a URL that cannot be read"))
            .field("max_connections", &self.max_connections)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// The settings cannot be used. The text says which ones, and has no password in it.
///
/// # Examples
///
/// ```
/// use coalescer_redis::Redis;
///
/// let error = Redis::open("redis://localhost/").max_connections(0).engine().unwrap_err();
/// assert_eq!(error.to_string(), "`max_connections` must be at least 1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError(Box<str>);

impl OpenError {
    fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The client's texts about URLs name what is wrong, and not the URL.
    fn of(error: &redis::RedisError) -> Self {
        Self::new(format!(
            "the URL or a certificate cannot be read: {}",
            error.detail().unwrap_or_default()
        ))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}
