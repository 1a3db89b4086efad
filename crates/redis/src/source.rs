//! The places at which connections are made: one server, the primary that sentinels know, or a cluster.

use std::time::Duration;

use coalescer_cluster::engine::{EngineError, ErrorKind};
use redis::{Client, Connection, ConnectionAddr, ConnectionInfo};

use crate::error::{During, of_client, unexpected};
use crate::link::Link;
use crate::sync::Deadline;

/// A connection to a cluster with one node that does not answer waits for it about so many times.
#[cfg(feature = "cluster")]
const ASKED_FOR_NODES: u32 = 4;

/// Makes connections.
pub(crate) struct Source {
    pub(crate) place: Place,
    /// At most so long for each attempt.
    pub(crate) connect_timeout: Duration,
    /// The secrets, which must be in no text of an error.
    pub(crate) passwords: Vec<String>,
}

/// Nodes come with what a connection to them needs: user, password, database, certificates.
pub(crate) enum Place {
    Server(Box<ConnectionInfo>),
    /// The first one that answers says where the primary of that name is.
    Sentinels {
        sentinels: Vec<ConnectionInfo>,
        primary: String,
        /// Its address is replaced.
        node: Box<ConnectionInfo>,
    },
    #[cfg(feature = "cluster")]
    Cluster {
        client: Box<redis::cluster::ClusterClient>,
        seeds: Vec<ConnectionInfo>,
    },
}

impl Source {
    /// Makes a connection for steps.
    pub(crate) fn connect(&self, deadline: Deadline) -> Result<Link, EngineError> {
        match &self.place {
            #[cfg(feature = "cluster")]
            Place::Cluster { client, .. } => {
                // Nodes are asked one after the other for what they know of the others.
                let timeout = self.timeout(deadline)?.min(deadline.left() / ASKED_FOR_NODES);
                let timeout = timeout.max(Duration::from_millis(1));
                let config = redis::cluster::ClusterConfig::new();
                let config = config.set_connection_timeout(timeout).set_response_timeout(timeout);
                let connected = client.get_connection_with_config(config);
                let connected = connected.map_err(|error| of_client(&error, During::Connecting));
                connected.map(|link| Link::Cluster(Box::new(link))).map_err(|e| self.scrubbed(e))
            }
            _ => self.connect_one(deadline).map(|link| Link::Server(Box::new(link))),
        }
    }

    /// Makes a connection for messages. In a cluster any node will do: messages reach all of them.
    pub(crate) fn connect_one(&self, deadline: Deadline) -> Result<Connection, EngineError> {
        let connected = match &self.place {
            Place::Server(server) => self.open(server, deadline),
            Place::Sentinels { sentinels, primary, node } => {
                let address = self.primary(sentinels, primary, node, deadline)?;
                self.open(&(**node).clone().set_addr(address), deadline)
            }
            #[cfg(feature = "cluster")]
            Place::Cluster { seeds, .. } => first(seeds, |seed| self.open(seed, deadline)),
        };
        connected.map_err(|error| self.scrubbed(error))
    }

    /// The primary's address, with encryption if the node has it.
    fn primary(
        &self,
        sentinels: &[ConnectionInfo],
        name: &str,
        node: &ConnectionInfo,
        deadline: Deadline,
    ) -> Result<ConnectionAddr, EngineError> {
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        let known: Option<(String, u16)> = first(sentinels, |sentinel| {
            let mut connection = self.open(sentinel, deadline)?;
            let left = Some(self.timeout(deadline)?);
            let asked =
                connection.set_read_timeout(left).and_then(|()| command.query(&mut connection));
            asked.map_err(|error| of_client(&error, During::Connecting))
        })?;
        let Some((host, port)) = known else {
            return Err(EngineError::new(
                ErrorKind::Refused,
                "no sentinel knows a primary of that name",
            ));
        };
        Ok(match node.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(host, port),
        })
    }

    fn open(&self, info: &ConnectionInfo, deadline: Deadline) -> Result<Connection, EngineError> {
        let timeout = self.timeout(deadline)?;
        let connected = Client::open(info.clone())
            .and_then(|client| client.get_connection_with_timeout(timeout));
        connected.map_err(|error| of_client(&error, During::Connecting))
    }

    fn timeout(&self, deadline: Deadline) -> Result<Duration, EngineError> {
        let timeout = self.connect_timeout.min(deadline.left());
        if timeout.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(timeout) }
    }

    /// Some servers repeat the arguments of a command that they refuse.
    fn scrubbed(&self, error: EngineError) -> EngineError {
        let is_in = |password: &String| error.text().contains(password.as_str());
        if self.passwords.iter().any(is_in) { error.kind().into() } else { error }
    }
}

/// The first result that one of them gives. If none does: the last error.
fn first<T>(
    nodes: &[ConnectionInfo],
    mut ask: impl FnMut(&ConnectionInfo) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let mut last = unexpected("there is no node");
    for node in nodes {
        match ask(node) {
            Ok(found) => return Ok(found),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use redis::IntoConnectionInfo;

    use super::*;

    #[test]
    fn a_text_with_a_password_in_it_goes() {
        let server = "redis://:pa55word@localhost/".into_connection_info();
        let place = Place::Server(Box::new(server.expect("a URL")));
        let passwords = vec!["pa55word".to_owned()];
        let source = Source { place, connect_timeout: Duration::MAX, passwords };
        let scrubbed = |text: &str| source.scrubbed(EngineError::new(ErrorKind::Denied, text));
        assert_eq!(scrubbed("unknown command: AUTH 'pa55word'"), ErrorKind::Denied.into());
        assert_eq!(scrubbed("unknown command: AUTH").text(), "unknown command: AUTH");
    }
}
