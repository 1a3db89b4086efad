//! Request coalescing across processes that share a PostgreSQL server.
//!
//! [`Postgres`] opens a [`Cluster`](coalescer_cluster::Cluster) whose engine is the tables, functions and advisory locks of
//! a server. The rest is that of [coalescer-cluster](coalescer_cluster).
//!
//! ```no_run
//! use std::time::Duration;
//! use coalescer::Coalescer;
//! use coalescer_postgres::Postgres;
//!
//! let url = "postgresql://service@localhost/shop";
//! Postgres::open(url).setup()?; // once, by a role that may make a schema
//!
//! let cluster = Postgres::open(url).namespace("shop").connect()?;
//! let reports = Coalescer::builder()
//!     .window(Duration::from_millis(250))
//!     .shared(cluster.named("reports"))
//!     .build(|day: &u32| Ok::<_, std::io::Error>(format!("the report of day {day}")));
//! println!("{}", reports.execute(&7)?); // once in all processes, and for all of them
//! # Ok::<(), Box<dyn std::error::Error>>(())
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

pub use coalescer_cluster::OpenError;
pub use engine::PostgresEngine;
pub use postgres::Postgres;

/// The client, whose traits a connector for TLS implements.
pub use tokio_postgres;

/// The README's example, which is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
