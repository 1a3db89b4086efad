//! Where the workers meet: a folder of the demo's own, a server of its own, or one that runs already.

mod files;
mod server;

use std::path::PathBuf;

use anyhow::{Context, Result};
use coalescer_cluster::{Cluster, Files};
use serde::{Deserialize, Serialize};

use super::guard::Guard;
use crate::process_options::Choice;
use files::Folder;
use server::{Program, Server};

const NAMESPACE: &str = "stampede";

/// The address at which a worker finds the engine. It may have a password in it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Address {
    Files(PathBuf),
    Redis(String),
    Postgres(String),
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address")
    }
}

impl Address {
    /// Makes what the engine needs, once.
    fn prepare(&self) -> Result<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => of_schema(url)
                .setup()
                .context("PostgreSQL cannot be prepared; may the user create a schema?"),
            _ => Ok(()),
        }
    }

    /// Opens the engine, in a worker.
    pub(super) fn open(&self) -> Result<Cluster> {
        let cluster = match self {
            Self::Files(folder) => Cluster::over(Files::open(folder)?).namespace(NAMESPACE).open(),
            Self::Redis(url) => return redis(url),
            Self::Postgres(url) => return postgres(url),
        };
        cluster.context("the cluster cannot be opened")
    }
}

#[cfg(feature = "redis")]
fn redis(url: &str) -> Result<Cluster> {
    let cluster = coalescer_redis::Redis::open(url).namespace(NAMESPACE).connect();
    cluster.context("the cluster cannot be opened")
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str) -> Result<Cluster> {
    anyhow::bail!("{}", missing("redis"))
}

#[cfg(feature = "postgres")]
fn postgres(url: &str) -> Result<Cluster> {
    let cluster = of_schema(url).namespace(NAMESPACE).connect();
    cluster.context("the cluster cannot be opened")
}

/// The tables and functions of the demo have a schema of their own.
#[cfg(feature = "postgres")]
fn of_schema(url: &str) -> coalescer_postgres::Postgres {
    coalescer_postgres::Postgres::open(url).schema("coalescer_stampede")
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str) -> Result<Cluster> {
    anyhow::bail!("{}", missing("postgres"))
}

#[cfg(not(all(feature = "redis", feature = "postgres")))]
fn missing(feature: &str) -> String {
    format!(
        "this program was built without that engine; add --features {feature}, as in: cargo run \
         --release -p stampede --features {feature} -- --processes 8 .."
    )
}

/// The engine, as the parent has it.
pub(super) enum Engine {
    Folder(Folder),
    Server(Server),
    /// A server that runs already, and is not ours to stop.
    Given {
        name: &'static str,
        address: Address,
    },
}

impl Engine {
    /// Makes the folder, or starts the server.
    pub(super) fn start(choice: &Choice, guard: &Guard) -> Result<Self> {
        let engine = match choice {
            Choice::Files => Self::Folder(Folder::make(guard)?),
            Choice::Redis(Some(url)) => Self::given("Redis", Address::Redis(url.clone())),
            Choice::Valkey(Some(url)) => Self::given("Valkey", Address::Redis(url.clone())),
            Choice::Postgres(Some(url)) => {
                Self::given("PostgreSQL", Address::Postgres(url.clone()))
            }
            Choice::Redis(None) => Self::own(Program::Redis, guard)?,
            Choice::Valkey(None) => Self::own(Program::Valkey, guard)?,
            Choice::Postgres(None) => Self::own(Program::Postgres, guard)?,
        };
        // Here, so that a missing feature or a server that is down is told once and not by each worker.
        engine.address().prepare()?;
        let cluster = engine.address().open()?;
        cluster
            .ping()
            .map_err(|error| anyhow::anyhow!("{} does not answer: {error}", engine.name()))?;
        Ok(engine)
    }

    fn own(program: Program, guard: &Guard) -> Result<Self> {
        #[cfg(not(feature = "redis"))]
        anyhow::ensure!(program == Program::Postgres, "{}", missing("redis"));
        #[cfg(not(feature = "postgres"))]
        anyhow::ensure!(program != Program::Postgres, "{}", missing("postgres"));
        Ok(Self::Server(Server::start(program, guard)?))
    }

    fn given(name: &'static str, address: Address) -> Self {
        Self::Given { name, address }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Folder(_) => "files of this host",
            Self::Server(server) => server.name(),
            Self::Given { name, .. } => name,
        }
    }

    pub(super) fn address(&self) -> Address {
        match self {
            Self::Folder(folder) => folder.address(),
            Self::Server(server) => server.address(),
            Self::Given { address, .. } => address.clone(),
        }
    }

    /// The words for the picture, if it can be taken away.
    pub(super) fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Folder(_) => Some("folder gone"),
            Self::Server(_) => Some("server killed"),
            Self::Given { .. } => None,
        }
    }

    pub(super) fn take_away(&mut self) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.take_away(),
            Self::Server(server) => server.kill(),
            Self::Given { .. } => Ok(()),
        }
    }

    pub(super) fn bring_back(&mut self) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.bring_back(),
            Self::Server(server) => server.run(),
            Self::Given { .. } => Ok(()),
        }
    }
}
