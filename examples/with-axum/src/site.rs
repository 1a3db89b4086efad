//! The pages of a site, which are read from a blocking database by one query for all who ask together.

use std::future::IntoFuture;
use std::path::Path as FilePath;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use coalescer::{Coalescer, Error, Job, NeverBlocks};
use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use r2d2_sqlite::rusqlite::{self, OptionalExtension, params};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a request waits for its page.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    #[error("there is no such page")]
    NotFound,
    #[error("no connection: {0}")]
    Pool(#[from] r2d2::Error),
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// A handle to the site. Clones share the pool, the flights and the counters.
#[derive(Clone)]
pub(crate) struct Site {
    pool: Pool<SqliteConnectionManager>,
    pages: Coalescer<String, Bytes, QueryError>,
}

impl Site {
    pub(crate) fn open(
        file: &FilePath,
        connections: u32,
        runtime: Handle,
    ) -> Result<Self, QueryError> {
        let pool =
            Pool::builder().max_size(connections).build(SqliteConnectionManager::file(file))?;
        pool.get()?
            .execute("CREATE TABLE pages (name TEXT PRIMARY KEY, text TEXT NOT NULL)", [])?;
        // Tokio starts a thread, or queues the job without a bound: it never waits.
        let executor = NeverBlocks(move |job: Job| drop(runtime.spawn_blocking(|| job.run())));
        let inside = pool.clone();
        let pages = Coalescer::builder()
            .name("pages")
            .executor(executor)
            .build(move |name: &String| load(&inside, name));
        Ok(Self { pool, pages })
    }

    /// Writes a page, for a program that is not async. What was computed before is served no more.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), QueryError> {
        let write = "INSERT OR REPLACE INTO pages VALUES (?1, ?2)";
        self.pool.get()?.execute(write, params![name, text])?;
        self.pages.forget(name);
        Ok(())
    }

    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/pages/{name}", get(page))
            .route("/stats", get(stats))
            .with_state(self.clone())
    }

    #[cfg(test)]
    pub(crate) fn pool(&self) -> &Pool<SqliteConnectionManager> {
        &self.pool
    }

    #[cfg(test)]
    pub(crate) fn pages(&self) -> &Coalescer<String, Bytes, QueryError> {
        &self.pages
    }
}

/// The query. It takes the connection inside, so a request that only waits needs none.
fn load(pool: &Pool<SqliteConnectionManager>, name: &str) -> Result<Bytes, QueryError> {
    let connection = pool.get()?;
    let mut query = connection.prepare_cached("SELECT text FROM pages WHERE name = ?1")?;
    let text: Option<String> = query.query_row([name], |row| row.get(0)).optional()?;
    text.map(Bytes::from).ok_or(QueryError::NotFound)
}

async fn page(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<Html<Bytes>, StatusCode> {
    let ticket = site.pages.submit(&name).map_err(|error| status(&error))?;
    // A future that is dropped at the time limit leaves its flight.
    let answer = timeout(PATIENCE, ticket.into_future()).await;
    let answer = answer.map_err(|_| StatusCode::GATEWAY_TIMEOUT)?;
    let text = answer.map_err(|error| status(&error))?;
    Ok(Html(Bytes::clone(&text)))
}

fn status(error: &Error<QueryError>) -> StatusCode {
    match error.failed().map(|error| &**error) {
        Some(QueryError::NotFound) => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn stats(State(site): State<Site>) -> String {
    site.pages.stats().to_string()
}
