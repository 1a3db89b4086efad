//! SQLite: a file in a temporary directory that is removed with the [`File`].

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags, params, params_from_iter};
use tempfile::TempDir;

use super::table::{Order, QUERY, ROW, Table, Total};
use super::{Connections, open_pool};

/// The file, and the only writer of it.
pub(crate) struct File {
    path: PathBuf,
    directory: TempDir,
}

/// Creates the file, and connections that read it.
pub(crate) fn open(connections: u32) -> Result<(Connections, File)> {
    let directory = tempfile::Builder::new()
        .prefix("stampede-")
        .tempdir()
        .context("cannot create a temporary directory; set TMPDIR to one that can be written")?;
    let file = File { path: directory.path().join("orders.sqlite"), directory };
    file.create()?;

    Ok((readers(&file.path, connections)?, file))
}

/// Connections that read an existing file.
pub(crate) fn readers(path: &Path, connections: u32) -> Result<Connections> {
    let reader = SqliteConnectionManager::file(path)
        .with_flags(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .with_init(|connection| connection.execute_batch("PRAGMA mmap_size = 1073741824"));
    let pool = open_pool(connections, reader).context(
        "cannot open so many connections; use fewer --connections, or raise the limit of open files \
         (ulimit -n)",
    )?;
    Ok(Connections::Sqlite(pool))
}

/// Runs the query.
pub(super) fn total(connection: &Connection, customer: u64) -> rusqlite::Result<Total> {
    connection.prepare_cached(QUERY)?.query_row([customer as i64], |row| {
        Ok(Total { orders: row.get(0)?, cents: row.get(1)?, largest: row.get(2)? })
    })
}

/// Reads these orders, each with its number.
pub(super) fn orders(connection: &Connection, ids: &[u64]) -> rusqlite::Result<Vec<(u64, Order)>> {
    let places = vec!["?"; ids.len()].join(", ");
    let query =
        format!("SELECT id, customer, cents FROM coalescer_stampede WHERE id IN ({places})");
    let mut statement = connection.prepare_cached(&query)?;
    let ids = ids.iter().map(|id| *id as i64);
    let rows = statement.query_map(params_from_iter(ids), |row| {
        let order = Order { customer: row.get(1)?, cents: row.get(2)? };
        Ok((row.get::<_, i64>(0)? as u64, order))
    })?;
    rows.collect()
}

impl File {
    #[cfg(target_os = "linux")]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The temporary directory that it is in.
    #[cfg(target_os = "linux")]
    pub(crate) fn folder(&self) -> &Path {
        self.directory.path()
    }

    fn create(&self) -> Result<()> {
        self.writer()?.execute_batch(
            "CREATE TABLE coalescer_stampede (id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER)",
        )?;
        Ok(())
    }

    /// Opened for each change only, so that it does not block the readers.
    fn writer(&self) -> Result<Connection> {
        let writer = Connection::open(&self.path).context("cannot write the database file")?;
        writer.execute_batch("PRAGMA synchronous = OFF")?;
        Ok(writer)
    }
}

impl Table for File {
    fn fill(&mut self, rows: u64, customers: u64) -> Result<()> {
        let mut writer = self.writer()?;
        let change = writer.transaction()?;
        change.execute("DELETE FROM coalescer_stampede", [])?;
        let numbers =
            "WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id + 1 < $1)";
        change.execute(
            &format!("{numbers} INSERT INTO coalescer_stampede SELECT {ROW} FROM n"),
            params![rows as i64, customers as i64],
        )?;
        change.commit().context("cannot fill the table; is the temporary directory full?")
    }

    fn spoil(&mut self) -> Result<()> {
        self.writer()?
            .execute("UPDATE coalescer_stampede SET cents = cents + 1 WHERE id = 0", [])?;
        Ok(())
    }
}
