//! The servers that a program names, as places at which connections are made.

use std::time::Duration;

use coalescer_cluster::OpenError;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::source::{Place, Source};

/// URLs, and certificates if they ask for encryption.
#[derive(Clone)]
pub(crate) struct Servers {
    url: String,
    pub(crate) others: Others,
    #[cfg(feature = "tls")]
    certificates: Option<redis::TlsCertificates>,
}

#[derive(Clone)]
pub(crate) enum Others {
    None,
    Sentinels(Vec<String>),
    #[cfg(feature = "cluster")]
    Nodes(Vec<String>),
}

impl Servers {
    pub(crate) const fn new(url: String) -> Self {
        Self {
            url,
            others: Others::None,
            #[cfg(feature = "tls")]
            certificates: None,
        }
    }

    /// Returns the first server's address, without user and password.
    pub(crate) fn address(&self) -> String {
        let info = self.url.as_str().into_connection_info();
        info.map_or("a URL that cannot be read".to_owned(), |info| info.addr().to_string())
    }

    /// Returns where connections are made, and the first server's address.
    pub(crate) fn source(&self, connect_timeout: Duration) -> Result<(Source, String), OpenError> {
        let server = self.info(&self.url)?;
        let address = server.addr().to_string();
        let mut passwords: Vec<_> = password(&server).into_iter().collect();
        let place = match &self.others {
            Others::None => Place::Server(Box::new(server)),
            Others::Sentinels(urls) => {
                let sentinels = self.infos(urls)?;
                passwords.extend(sentinels.iter().filter_map(password));
                let primary = match server.addr() {
                    ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => {
                        host.clone()
                    }
                    _ => return Err(refused("with sentinels the URL names the primary")),
                };
                Place::Sentinels { sentinels, primary, node: Box::new(server) }
            }
            #[cfg(feature = "cluster")]
            Others::Nodes(urls) => self.cluster(server, urls)?,
        };
        Ok((Source { place, connect_timeout, passwords }, address))
    }

    fn infos(&self, urls: &[String]) -> Result<Vec<ConnectionInfo>, OpenError> {
        if urls.is_empty() {
            return Err(refused("the list of URLs is empty"));
        }
        urls.iter().map(|url| self.info(url)).collect()
    }

    fn info(&self, url: &str) -> Result<ConnectionInfo, OpenError> {
        let info = url.into_connection_info().map_err(|error| unreadable(&error))?;
        if let ConnectionAddr::TcpTls { insecure: true, .. } = info.addr() {
            return Err(refused(
                "a connection that checks no certificate is not made: `#insecure`",
            ));
        }
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

    #[cfg(feature = "cluster")]
    fn cluster(&self, server: ConnectionInfo, urls: &[String]) -> Result<Place, OpenError> {
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
        let client = builder.build().map_err(|error| unreadable(&error))?;
        Ok(Place::Cluster { client: Box::new(client), seeds })
    }
}

#[cfg(feature = "tls")]
impl Servers {
    pub(crate) fn certificates(&mut self) -> &mut redis::TlsCertificates {
        let none = redis::TlsCertificates { client_tls: None, root_cert: None };
        self.certificates.get_or_insert(none)
    }

    fn certified(&self, info: ConnectionInfo) -> Result<ConnectionInfo, OpenError> {
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Ok(info);
        }
        // Without a default, the client panics where a program has two kinds of cryptography.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            rustls::crypto::ring::default_provider().install_default().ok();
        }
        let Some(certificates) = &self.certificates else { return Ok(info) };
        let client = redis::Client::build_with_tls(info, certificates.clone());
        let client = client.map_err(|error| unreadable(&error))?;
        Ok(client.get_connection_info().clone())
    }
}

fn password(info: &ConnectionInfo) -> Option<String> {
    let password = info.redis_settings().password();
    password.filter(|password| !password.is_empty()).map(str::to_owned)
}

/// The client's texts about URLs name what is wrong, and not the URL.
fn unreadable(error: &redis::RedisError) -> OpenError {
    let detail = error.detail().unwrap_or_else(|| error.category());
    refused(format!("the URL or a certificate cannot be read: {detail}"))
}

pub(crate) fn refused(text: impl Into<Box<str>>) -> OpenError {
    OpenError::Engine(text.into())
}
