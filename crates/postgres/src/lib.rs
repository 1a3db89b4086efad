//! Request coalescing across processes that share a PostgreSQL server.
//!
//! [`Postgres`] opens the engine: the tables, functions and advisory locks by which the processes of a
//! [cluster](coalescer_cluster) agree on who runs a key. It is one [`Engine`](coalescer_cluster::engine::Engine) of several.
//!
//! ```no_run
//! use coalescer_postgres::Postgres;
//!
//! let url = "postgresql://service@localhost/shop";
//! Postgres::open(url).setup()?; // once, by a role that may make a schema
//! let engine = Postgres::open(url).engine()?;
//! # Ok::<(), coalescer_postgres::OpenError>(())
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod engine;
mod error;
mod lead;
mod pool;
mod postgres;
mod schema;
mod session;
mod steps;
mod sync;
mod tls;

pub use engine::PostgresEngine;
pub use postgres::{OpenError, Postgres};

/// The client, whose traits a connector for TLS implements.
pub use tokio_postgres;
