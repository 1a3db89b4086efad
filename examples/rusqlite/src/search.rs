//! A search through a SQLite file, behind a pool and a coalescer. This is the file to copy.
//!
//! The coalescer stands before the pool, so a follower neither holds a connection nor waits for one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coalescer::{Coalescer, Error, Stats};
use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;

/// Reads all texts from end to end.
const FIND: &str = "SELECT title FROM texts WHERE instr(body, ?1) ORDER BY title";
const INSERT: &str = "INSERT INTO texts (title, body) VALUES (?1, ?2)";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS texts (title TEXT NOT NULL, body TEXT NOT NULL)";

/// How long a connection waits for somebody who has locked the file.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no answer. It need not be `Clone` to be shared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DbError {
    #[error("no connection to the database: {0}")]
    Pool(#[from] r2d2::Error),
    #[error("SQLite says: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Titles, in order.
pub(crate) type Titles = Vec<String>;

/// A file of texts that can be searched.
pub(crate) struct Search {
    database: Arc<Database>,
    titles: Coalescer<String, Titles, DbError>,
}

impl Search {
    /// Opens the file with so many connections. What is found may be `window` old, counted from the
    /// start of the query.
    pub(crate) fn open(path: &Path, connections: u32, window: Duration) -> Result<Self, DbError> {
        let database = Arc::new(Database::open(path, connections)?);
        let asked = Arc::clone(&database);
        let titles = Coalescer::builder()
            .name("titles")
            .window(window)
            // Strangers choose the words, so what is kept has a bound.
            .max_retained(10_000)
            .build(move |word: &String| asked.find(word));
        Ok(Self { database, titles })
    }

    /// The titles of all texts with this word: from the file, or from whoever looks for it as well.
    ///
    /// If the query fails, everyone who waited for it gets that one error, and the next call asks
    /// anew.
    pub(crate) fn find(&self, word: &str) -> Result<Arc<Titles>, Error<DbError>> {
        self.titles.execute(word)
    }

    /// Adds texts, all or none. A call of [`find`](Self::find) that begins after this has returned
    /// sees them.
    pub(crate) fn add<'a>(
        &self,
        texts: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), DbError> {
        self.database.add(texts)?;
        // After the commit. A text may have any word, so nothing that is known still holds.
        self.titles.forget_all();
        Ok(())
    }

    /// The same search without a coalescer, to compare.
    pub(crate) fn uncoalesced(&self, word: &str) -> Result<Titles, DbError> {
        self.database.find(word)
    }

    /// How many queries there have been.
    pub(crate) fn queries(&self) -> u64 {
        self.database.queries.load(Ordering::Relaxed)
    }

    /// How many calls there were, and what became of them.
    pub(crate) fn stats(&self) -> Stats {
        self.titles.stats()
    }

    /// How many calls wait for a query of somebody else at this moment.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.titles.in_flight().iter().map(|flight| flight.followers).sum()
    }
}

/// The file, as it would be used without a coalescer.
struct Database {
    connections: Pool<SqliteConnectionManager>,
    queries: AtomicU64,
}

impl Database {
    fn open(path: &Path, connections: u32) -> Result<Self, DbError> {
        let manager = SqliteConnectionManager::file(path)
            .with_init(|connection| connection.busy_timeout(PATIENCE));
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
