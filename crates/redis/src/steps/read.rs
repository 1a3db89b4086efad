//! The answers of the scripts, read strictly.

use std::time::Duration;

use coalescer_cluster::engine::{
    Claimed, End, EngineError, FlightId, Forgotten, Inbox, Published, Released,
};
use redis::Value;

use crate::error::unexpected;

/// Reads an answer, or says which one was not understood.
pub(crate) fn answer<T>(
    what: &str,
    value: &Value,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<T, EngineError> {
    read(value).ok_or_else(|| unexpected(&format!("the answer to {what} is not understood")))
}

pub(crate) fn claimed(value: &Value) -> Option<Claimed> {
    let parts = array(value)?;
    let flight = || parts.get(1).and_then(text).map(FlightId::new);
    let age = || parts.get(2).and_then(micros);
    let holder = || parts.get(3).and_then(text).map(Inbox::parse);
    Some(match text(parts.first()?)? {
        "hit" => {
            let bytes = bytes(parts.get(3)?)?.into();
            Claimed::Hit { flight: flight()?, age: age()?, bytes }
        }
        "lead" => Claimed::Lead { flight: flight()?, age: age()? },
        "follow" => Claimed::Follow { flight: flight()?, age: age()?, holder: holder()? },
        "wait" => Claimed::Wait { flight: flight()?, age: age()?, holder: holder()? },
        "full" => Claimed::Full,
        "busy" => Claimed::Busy,
        _ => return None,
    })
}

pub(crate) fn published(value: &Value) -> Option<Published> {
    let parts = array(value)?;
    Some(match text(parts.first()?)? {
        "refused" => Published::Refused,
        "others" => Published::OthersRun,
        "ended" => Published::Ended {
            told: count(parts.get(1)?)?,
            kept: flag(parts.get(2)?)?,
            forgotten: flag(parts.get(3)?)?,
        },
        _ => return None,
    })
}

pub(crate) fn released(value: &Value) -> Option<Released> {
    let parts = array(value)?;
    Some(match text(parts.first()?)? {
        "refused" => Released::Refused,
        "others" => Released::OthersRun,
        "ended" => Released::Ended { told: count(parts.get(1)?)?, forgotten: flag(parts.get(2)?)? },
        _ => return None,
    })
}

pub(crate) fn forgotten(value: &Value) -> Option<Forgotten> {
    let [was_there, noted, told] = array(value)? else { return None };
    Some(Forgotten { was_there: flag(was_there)?, noted: count(noted)?, told: count(told)? })
}

/// An outcome, or the token under which it lies.
#[derive(Debug)]
pub(crate) enum Fetched {
    Is(Option<End>),
    LiesAt(String),
}

pub(crate) fn fetched(value: &Value) -> Option<Fetched> {
    let parts = array(value)?;
    let outcome = |kept| {
        let bytes = bytes(parts.get(1)?)?.into();
        Some(Fetched::Is(Some(End::Outcome { bytes, kept })))
    };
    match text(parts.first()?)? {
        "kept" => outcome(true),
        "bytes" => outcome(false),
        "handed" => text(parts.get(1)?).map(|token| Fetched::LiesAt(token.to_owned())),
        "gone" => Some(Fetched::Is(None)),
        _ => None,
    }
}

pub(crate) fn count(value: &Value) -> Option<u32> {
    let Value::Int(number) = value else { return None };
    u32::try_from(*number).ok()
}

pub(crate) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        _ => None,
    }
}

/// The counts of channels: each name with its number of listeners.
pub(crate) fn counts(value: &Value, channels: usize) -> Option<Vec<u32>> {
    let parts = array(value)?;
    let counts: Option<Vec<_>> = parts.iter().skip(1).step_by(2).map(count).collect();
    counts.filter(|counts| counts.len() == channels && parts.len() == 2 * channels)
}

fn array(value: &Value) -> Option<&[Value]> {
    let Value::Array(parts) = value else { return None };
    Some(parts)
}

fn bytes(value: &Value) -> Option<&[u8]> {
    let Value::BulkString(bytes) = value else { return None };
    Some(bytes)
}

fn text(value: &Value) -> Option<&str> {
    std::str::from_utf8(bytes(value)?).ok()
}

fn micros(value: &Value) -> Option<Duration> {
    let Value::Int(number) = value else { return None };
    u64::try_from(*number).ok().map(Duration::from_micros)
}
