//! Where the processes of a lane meet: a server of the lane's own, or a folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use coalescer_cluster::{Cluster, Files};
use coalescer_postgres::Postgres;
use coalescer_redis::Redis;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{postgres_server, servers};

/// In memory, where it is there.
const BEST_PLACE: &str = "/dev/shm";

/// A step that takes longer counts as failed: on a quiet machine none does.
const CONNECT: Duration = Duration::from_secs(10);

/// The engine that the processes meet by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Redis,
    Postgres,
    Files,
}

/// The address at which a worker finds the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Address {
    Nowhere,
    Redis(String),
    Postgres(String),
    Files(PathBuf),
}

impl Address {
    /// Opens the engine as a process does. All lanes have its defaults.
    pub(super) fn open(&self) -> Result<Cluster> {
        let cluster = match self {
            Self::Nowhere => anyhow::bail!("a lane without an engine has no cluster"),
            Self::Redis(url) => Redis::open(url).namespace("lab").connect(),
            Self::Postgres(url) => {
                Postgres::open(url).connect_timeout(CONNECT).namespace("lab").connect()
            }
            Self::Files(folder) => Cluster::over(Files::open(folder)?).namespace("lab").open(),
        };
        cluster.context("the cluster cannot be opened")
    }

    pub(super) fn url(&self) -> Result<&str> {
        match self {
            Self::Redis(url) | Self::Postgres(url) => Ok(url),
            _ => anyhow::bail!("this engine has no URL"),
        }
    }
}

/// An engine that a lane has started, and that ends with it.
pub(super) enum Engine {
    Nothing,
    Redis { server: servers::Redis, url: String },
    Postgres { server: Box<postgres_server::Server>, url: String },
    Files { folder: TempDir },
}

impl Engine {
    /// Starts it on the loopback interface. `None`: its program is not installed, which is said.
    pub(super) fn start(kind: Kind) -> Result<Option<Self>> {
        Ok(Some(match kind {
            Kind::Nothing => Self::Nothing,
            Kind::Redis => {
                let port = servers::free_port();
                let options = ["--port", &port.to_string(), "--bind", "127.0.0.1"];
                let Some(server) = servers::Redis::start_with(&options) else { return Ok(None) };
                Self::Redis { server, url: format!("redis://127.0.0.1:{port}/") }
            }
            Kind::Postgres => match postgres()? {
                Some(engine) => engine,
                None => return Ok(None),
            },
            Kind::Files => {
                let mut builder = tempfile::Builder::new();
                let prefix = builder.prefix("lab-");
                let made = prefix.tempdir_in(BEST_PLACE).or_else(|_| prefix.tempdir());
                Self::Files { folder: made.context("a folder to meet in")? }
            }
        }))
    }

    pub(super) fn address(&self) -> Address {
        match self {
            Self::Nothing => Address::Nowhere,
            Self::Redis { url, .. } => Address::Redis(url.clone()),
            Self::Postgres { url, .. } => Address::Postgres(url.clone()),
            Self::Files { folder } => Address::Files(meeting(folder.path())),
        }
    }

    /// Ends it as a power cut does.
    pub(super) fn kill(&mut self) -> Result<()> {
        match self {
            Self::Nothing => {}
            Self::Redis { server, .. } => server.kill(),
            Self::Postgres { server, .. } => server.signal("KILL")?,
            // The kernel cannot be killed. This is as near as files come to it.
            Self::Files { folder } => {
                fs::rename(meeting(folder.path()), folder.path().join("away"))?;
            }
        }
        Ok(())
    }

    /// Stops it: connections stand, and nothing is answered.
    pub(super) fn freeze(&mut self) -> Result<()> {
        match self {
            Self::Nothing => {}
            Self::Redis { server, .. } => server.freeze(),
            Self::Postgres { server, .. } => server.signal("STOP")?,
            Self::Files { .. } => anyhow::bail!("files cannot be frozen"),
        }
        Ok(())
    }
}

/// The folder that the engine makes, in one that is removed with it.
fn meeting(folder: &Path) -> PathBuf {
    folder.join("meet")
}

fn postgres() -> Result<Option<Engine>> {
    let port = servers::free_port();
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "max_connections=200".to_owned(),
    ];
    let server = match postgres_server::Server::start_with(&settings) {
        Ok(server) => Box::new(server),
        Err(error) if error.to_string().contains("not found") => {
            writeln!(std::io::stderr(), "lab: {error}")?;
            return Ok(None);
        }
        Err(error) => return Err(error).context("PostgreSQL"),
    };
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    Postgres::open(&url).connect_timeout(CONNECT).setup().context("the tables of the engine")?;
    let engine = Engine::Postgres { server, url };
    ensure!(engine.address().open()?.ping().is_ok(), "PostgreSQL does not answer");
    Ok(Some(engine))
}
