//! The same with the attribute `#[coalesce]`.
//!
//! The pool is an argument, but not a part of the key: all calls for a word share one query, whichever
//! pool they name. The function takes the connection, so only the call that runs the query needs one.
//! Never make the connection the argument: each caller would take one before it can share anything.

use coalescer::coalesce;

use crate::search::{DbError, Pool};

const COUNT: &str = "SELECT count(*) FROM texts WHERE instr(body, ?1)";

/// Number of texts that contain a word.
#[coalesce(window = "100ms", skip(pool))]
pub(crate) fn count(pool: &Pool, word: &str) -> Result<u32, DbError> {
    let connection = pool.get()?;
    Ok(connection.prepare_cached(COUNT)?.query_row([word], |row| row.get(0))?)
}
