//! A connection for steps: to one server, or to the nodes of a cluster.

use std::time::Duration;

use redis::{Cmd, Connection, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use crate::steps::Call;
use crate::sync::Deadline;

pub(crate) enum Link {
    Server(Box<Connection>),
    #[cfg(feature = "cluster")]
    Cluster(Box<redis::cluster::ClusterConnection>),
}

impl Link {
    /// Sends a command, and reads its answer.
    pub(crate) fn ask(&mut self, command: &Cmd, deadline: Deadline) -> RedisResult<Value> {
        match self {
            Self::Server(server) => {
                send(server, &command.get_packed_command(), deadline)?;
                receive(server, deadline)
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(nodes) => {
                bound(nodes, deadline)?;
                command.query(&mut **nodes)
            }
        }
    }

    /// Runs a script by its hash, or by its text where the server does not have it.
    pub(crate) fn run(&mut self, call: &Call<'_>, deadline: Deadline) -> RedisResult<Value> {
        match self.ask(&call.by_hash(), deadline) {
            Err(error) if is_unknown(&error) => self.ask(&call.by_text(), deadline),
            asked => asked,
        }
    }

    /// Runs scripts, and then commands. To one server all go at once. To a cluster they go one after the other: an
    /// answer that does not come would hold up each of those behind it for its whole time.
    pub(crate) fn run_all(
        &mut self,
        calls: &[Call<'_>],
        commands: &[Cmd],
        deadline: Deadline,
    ) -> RedisResult<Vec<Value>> {
        match self {
            Self::Server(server) => {
                match pipeline(server, calls, commands, First::ByText, deadline) {
                    Err(error) if is_unknown(&error) => {
                        pipeline(server, calls, commands, First::AllByText, deadline)
                    }
                    asked => asked,
                }
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => {
                let mut answers = Vec::with_capacity(calls.len() + commands.len());
                for call in calls {
                    answers.push(self.run(call, deadline)?);
                }
                for command in commands {
                    answers.push(self.ask(command, deadline)?);
                }
                Ok(answers)
            }
        }
    }

    /// Asks the server, or all nodes of a cluster. Returns the answer of each.
    pub(crate) fn ask_everywhere(
        &mut self,
        command: &Cmd,
        deadline: Deadline,
    ) -> RedisResult<Vec<Value>> {
        match self {
            Self::Server(_) => Ok(vec![self.ask(command, deadline)?]),
            #[cfg(feature = "cluster")]
            Self::Cluster(nodes) => {
                use redis::cluster_routing::{MultipleNodeRoutingInfo::AllNodes, RoutingInfo};
                bound(nodes, deadline)?;
                let all = RoutingInfo::MultiNode((AllNodes, None));
                match nodes.route_command(command, all)?.extract_error()? {
                    Value::Map(answers) if !answers.is_empty() => {
                        answers.into_iter().map(|(_, answer)| answer.extract_error()).collect()
                    }
                    // Not as if nobody listened.
                    _ => Err((ErrorKind::ClusterConnectionNotFound, "no node has answered").into()),
                }
            }
        }
    }
}

/// The client asks a second time by itself, over the whole of the cluster's nodes.
#[cfg(feature = "cluster")]
pub(crate) const ATTEMPTS: u32 = 2;

#[cfg(feature = "cluster")]
fn bound(nodes: &redis::cluster::ClusterConnection, deadline: Deadline) -> RedisResult<()> {
    let each = (left(deadline)? / ATTEMPTS).max(Duration::from_millis(1));
    nodes.set_read_timeout(Some(each))?;
    nodes.set_write_timeout(Some(each))
}

/// Which calls of a pipeline bring their text along. The first one does always: then the server has the script
/// before the others come, and no command behind them is carried out without them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    ByText,
    AllByText,
}

fn pipeline(
    server: &mut Connection,
    calls: &[Call<'_>],
    commands: &[Cmd],
    first: First,
    deadline: Deadline,
) -> RedisResult<Vec<Value>> {
    let mut bytes = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        let is_by_text = number == 0 || first == First::AllByText;
        let command = if is_by_text { call.by_text() } else { call.by_hash() };
        command.write_packed_command(&mut bytes);
    }
    commands.iter().for_each(|command| command.write_packed_command(&mut bytes));
    send(server, &bytes, deadline)?;
    // All answers are read, or the connection would be out of step.
    let mut answers = Vec::with_capacity(calls.len() + commands.len());
    let mut failed = None;
    for _ in 0..calls.len() + commands.len() {
        match receive(server, deadline) {
            Ok(answer) => answers.push(answer),
            Err(error) if is_of_transport(&error) => return Err(error),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(answers), Err)
}

fn send(server: &mut Connection, bytes: &[u8], deadline: Deadline) -> RedisResult<()> {
    server.set_write_timeout(Some(left(deadline)?))?;
    server.send_packed_command(bytes)
}

fn receive(server: &mut Connection, deadline: Deadline) -> RedisResult<Value> {
    server.set_read_timeout(Some(left(deadline)?))?;
    server.recv_response()?.extract_error()
}

/// The time that is left, or the error that it is over.
fn left(deadline: Deadline) -> RedisResult<Duration> {
    let left = deadline.left();
    if left.is_zero() {
        return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
    }
    // No system takes longer ones.
    Ok(left.min(Duration::from_secs(3600)))
}

/// After such an error nobody knows what comes next over the connection.
pub(crate) fn is_of_transport(error: &RedisError) -> bool {
    error.is_io_error() || error.kind() == ErrorKind::Parse
}

fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
