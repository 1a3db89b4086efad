//! The client's errors, as the engine's.

use std::error::Error as _;
use std::io;

use coalescer_cluster::engine::{EngineError, ErrorKind};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// An error of a statement.
pub(crate) fn told(error: &Error) -> EngineError {
    if let Some(error) = error.as_db_error() {
        return told_by_server(error);
    }
    let kind = match cause(error) {
        Some(error) if error.kind() == io::ErrorKind::TimedOut => ErrorKind::TimedOut,
        Some(_) => ErrorKind::Lost,
        None if error.is_closed() => ErrorKind::Lost,
        None => ErrorKind::Unexpected,
    };
    EngineError::new(kind, text(error))
}

/// An error while a session begins.
pub(crate) fn told_at_connect(error: &Error) -> EngineError {
    if let Some(error) = error.as_db_error() {
        return told_by_server(error);
    }
    let kind = match cause(error).map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => ErrorKind::TimedOut,
        Some(io::ErrorKind::PermissionDenied) if is_replica(error) => ErrorKind::ReadOnly,
        Some(io::ErrorKind::PermissionDenied) => ErrorKind::Denied,
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => ErrorKind::Lost,
        Some(_) => ErrorKind::Refused,
        None if error.is_closed() => ErrorKind::Lost,
        // The password is missing or wrong, or TLS cannot be agreed on.
        None => ErrorKind::Denied,
    };
    EngineError::new(kind, text(error))
}

fn told_by_server(error: &DbError) -> EngineError {
    let code = error.code();
    let hint = match *code {
        SqlState::INVALID_SCHEMA_NAME
        | SqlState::UNDEFINED_TABLE
        | SqlState::UNDEFINED_FUNCTION => "; Postgres::setup() makes what is missing",
        _ => "",
    };
    let text = format!("{}: {}{hint}", code.code(), error.message());
    EngineError::new(kind(code.code()), text)
}

/// The kind of a SQLSTATE.
pub(crate) fn kind(code: &str) -> ErrorKind {
    match code {
        // Insufficient privilege; no such database.
        "42501" | "3D000" => ErrorKind::Denied,
        "25006" => ErrorKind::ReadOnly,
        // Too many connections, in all or of this role; it starts or stops.
        "53300" | "57P03" => ErrorKind::Refused,
        // A lock, or a statement, took longer than the step had.
        "55P03" | "57014" => ErrorKind::TimedOut,
        // Ended by an administrator, by a crash, or for idleness.
        "57P01" | "57P02" | "57P05" => ErrorKind::Lost,
        _ => match code.get(..2) {
            Some("08") => ErrorKind::Lost,
            Some("28") => ErrorKind::Denied,
            Some("53") => ErrorKind::Full,
            _ => ErrorKind::Unexpected,
        },
    }
}

/// The client says so itself, when it looks for the primary among several hosts. The system's errors have a number.
fn is_replica(error: &Error) -> bool {
    cause(error).is_some_and(|cause| cause.raw_os_error().is_none())
}

fn cause(error: &Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

/// The text of an error, with its cause. No text of the client names a password.
fn text(error: &Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_their_kinds() {
        for (code, expected) in [
            ("28P01", ErrorKind::Denied),
            ("42501", ErrorKind::Denied),
            ("25006", ErrorKind::ReadOnly),
            ("53100", ErrorKind::Full),
            ("53200", ErrorKind::Full),
            ("53300", ErrorKind::Refused),
            ("55P03", ErrorKind::TimedOut),
            ("57P01", ErrorKind::Lost),
            ("57P03", ErrorKind::Refused),
            ("08006", ErrorKind::Lost),
            ("42P01", ErrorKind::Unexpected),
            ("", ErrorKind::Unexpected),
        ] {
            assert_eq!(kind(code), expected, "{code}");
        }
    }
}
