//! A search in a SQLite file, with a pool and a coalescer. Copy this file.
//!
//! The function takes the connection from the pool, so a follower neither holds a connection nor waits
//! for one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coalescer::{Coalescer, Error, Stats};
use r2d2_sqlite::SqliteConnectionManager;

/// Reads all texts.
const FIND: &str = "SELECT title FROM texts WHERE instr(body, ?1) ORDER BY title";
const INSERT: &str = "INSERT INTO texts (title, body) VALUES (?1, ?2)";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS texts (title TEXT NOT NULL, body TEXT NOT NULL)";

/// Longest wait for the lock of the file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// A search or a write that failed. Callers share it without `Clone`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DbError {
    #[error("no connection to the database: {0}")]
    Pool(#[from] r2d2::Error),
    #[error("SQLite says: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

pub(crate) type Pool = r2d2::Pool<SqliteConnectionManager>;

/// Titles, in order.
pub(crate) type Titles = Vec<String>;

/// A file of texts that can be searched.
pub(crate) struct Search {
    database: Arc<Database>,
    titles: Coalescer<String, Titles, DbError>,
}

impl Search {
    /// Opens the file with this many connections. A result may be `window` old, counted from the start
    /// of its query.
    pub(crate) fn open(path: &Path, connections: u32, window: Duration) -> Result<Self, DbError> {
        let database = Arc::new(Database::open(path, connections)?);
        let searched = Arc::clone(&database);
        let titles = Coalescer::builder()
            .name("titles")
            .window(window)
            // Users choose the words, so the number of kept results needs a bound.
            .max_retained(10_000)
            .build(move |word: &String| searched.find(word));
        Ok(Self { database, titles })
    }

    /// The titles of all texts with this word. Calls for the same word share one query.
    ///
    /// If the query fails, all callers that waited for it get the same error, and the next call runs a
    /// new query.
    pub(crate) fn find(&self, word: &str) -> Result<Arc<Titles>, Error<DbError>> {
        self.titles.execute(word)
    }

    /// Adds texts, all or none. A call of [`find`](Self::find) that starts after this has returned
    /// finds them.
    pub(crate) fn add<'a>(
        &self,
        texts: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), DbError> {
        self.database.add(texts)?;
        // After the commit. A text can contain any word, so all kept results may be outdated.
        self.titles.forget_all();
        Ok(())
    }

    /// The same search without a coalescer, for comparison.
    pub(crate) fn uncoalesced(&self, word: &str) -> Result<Titles, DbError> {
        self.database.find(word)
    }

    /// Number of queries so far.
    pub(crate) fn queries(&self) -> u64 {
        self.database.queries.load(Ordering::Relaxed)
    }

    /// The pool, for functions with a coalescer of their own.
    pub(crate) fn pool(&self) -> &Pool {
        &self.database.connections
    }

    /// Counts of calls by their results.
    pub(crate) fn stats(&self) -> Stats {
        self.titles.stats()
    }

    /// Number of calls that wait for the query of another call.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.titles.in_flight().iter().map(|flight| flight.followers).sum()
    }
}

/// The file, used without a coalescer.
struct Database {
    connections: Pool,
    queries: AtomicU64,
}

impl Database {
    fn open(path: &Path, connections: u32) -> Result<Self, DbError> {
        let manager = SqliteConnectionManager::file(path)
            .with_init(|connection| connection.busy_timeout(LOCK_TIMEOUT));
        let connections = Pool::builder().max_size(connections).build(manager)?;
        connections.get()?.execute_batch(CREATE)?;
        Ok(Self { connections, queries: AtomicU64::new(0) })
    }

    fn find(&self, word: &str) -> Result<Titles, DbError> {
        let connection = self.connections.get()?;
        self.queries.fetch_add(1, Ordering::Relaxed);
        let mut query = connection.prepare_cached(FIND)?;
        let titles = query.query_map([word], |row| row.get(0))?;
        Ok(titles.collect::<Result<_, _>>()?)
    }

    fn add<'a>(&self, texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), DbError> {
        let mut connection = self.connections.get()?;
        let change = connection.transaction()?;
        for text in texts {
            change.prepare_cached(INSERT)?.execute(text)?;
        }
        Ok(change.commit()?)
    }
}
