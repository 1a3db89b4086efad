//! The client's errors, as the errors of an engine.
//!
//! The texts are the server's and the system's. An address is not in them, and a password is taken out.

use coalescer_cluster::engine::{EngineError, ErrorKind};
use redis::RedisError;

/// The act that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum During {
    Connecting,
    AStep,
}

/// Codes of the server, or words of its texts, and what they mean. The first one that is found counts. Errors of
/// commands in a script stand within another text in some versions.
const MEANINGS: [(&str, ErrorKind); 21] = [
    ("OOM", ErrorKind::Full),
    ("MISCONF", ErrorKind::Full),
    ("WRONGPASS", ErrorKind::Denied),
    ("NOPERM", ErrorKind::Denied),
    ("DENIED", ErrorKind::Denied),
    ("invalid password", ErrorKind::Denied),
    ("AUTH", ErrorKind::Denied),
    ("can't run this command", ErrorKind::Denied),
    ("No permissions", ErrorKind::Denied),
    ("ACL failure", ErrorKind::Denied),
    ("can't access at least one of the keys", ErrorKind::Denied),
    ("can't publish to the channel", ErrorKind::Denied),
    ("READONLY", ErrorKind::ReadOnly),
    ("NOREPLICAS", ErrorKind::ReadOnly),
    ("MASTERDOWN", ErrorKind::ReadOnly),
    ("LOADING", ErrorKind::Refused),
    ("CLUSTERDOWN", ErrorKind::Refused),
    ("max number of clients", ErrorKind::Refused),
    ("maxclients", ErrorKind::Refused),
    ("BUSY", ErrorKind::TimedOut),
    ("TRYAGAIN", ErrorKind::TimedOut),
];

pub(crate) fn of_client(error: &RedisError, during: During) -> EngineError {
    let kind = if error.is_io_error() { of_io(error, during) } else { of_server(error) };
    EngineError::new(kind, text(error))
}

fn of_io(error: &RedisError, during: During) -> ErrorKind {
    if error.is_timeout() {
        return ErrorKind::TimedOut;
    }
    let text = error.to_string();
    let is_tls = ["certificate", "handshake", "TLS", "received fatal alert"];
    match during {
        _ if is_tls.into_iter().any(|word| text.contains(word)) => ErrorKind::Denied,
        During::Connecting if text.contains("ermission denied") => ErrorKind::Denied,
        During::Connecting if text.contains("closed") || text.contains("reset") => ErrorKind::Lost,
        During::Connecting => ErrorKind::Refused,
        During::AStep if error.is_connection_refusal() => ErrorKind::Refused,
        During::AStep => ErrorKind::Lost,
    }
}

fn of_server(error: &RedisError) -> ErrorKind {
    let text = text(error);
    let known = MEANINGS.into_iter().find(|(word, _)| text.contains(word));
    match error.kind() {
        redis::ErrorKind::AuthenticationFailed => ErrorKind::Denied,
        redis::ErrorKind::MasterNameNotFoundBySentinel
        | redis::ErrorKind::NoValidReplicasFoundBySentinel
        | redis::ErrorKind::ClusterConnectionNotFound => ErrorKind::Refused,
        _ => known.map_or(ErrorKind::Unexpected, |(_, kind)| kind),
    }
}

fn text(error: &RedisError) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.code() {
        Some(code) => format!("{code} {detail}").trim_end().to_owned(),
        None => error.to_string(),
    }
}

/// The server said something that this crate does not know.
pub(crate) fn unexpected(what: &str) -> EngineError {
    EngineError::new(ErrorKind::Unexpected, what)
}
