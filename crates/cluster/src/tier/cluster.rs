//! The handle to a cluster, and how it is opened.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::health::{ClusterStats, Health, Unasked};
use crate::wire::{BadName, check_name};

use super::process::{Process, Terms};
use super::shared::Shared;

const SHORTEST_LEASE: Duration = Duration::from_millis(500);

/// A handle to a cluster: this process among those that share an engine.
///
/// It has two threads of its own: one hears messages, unless the engine sends none, and one renews leases. A
/// clone is a handle to the same cluster, and a table that [shares](Self::named) has one. With the last one the
/// cluster is [closed](Self::close).
///
/// No call fails because of the engine. While it is down, each process coalesces by itself.
///
/// # Examples
///
/// ```
/// use coalescer_cluster::{Cluster, Memory};
///
/// let cluster = Cluster::over(Memory::new()).namespace("shop").open()?;
/// assert!(cluster.health().up);
/// # Ok::<(), coalescer_cluster::OpenError>(())
/// ```
#[derive(Clone)]
pub struct Cluster {
    handle: Arc<Handle>,
}

struct Handle {
    process: Arc<Process>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.process.close();
    }
}

impl Cluster {
    /// Begins to open a cluster over an engine.
    ///
    /// # Examples
    ///
    /// See [`Cluster`].
    pub fn over(engine: impl Engine) -> Open {
        Open::new(Arc::new(engine))
    }

    pub(super) fn process(&self) -> &Process {
        &self.handle.process
    }

    /// The sharing of the table that has this name in the cluster. The name has no default: neither the name
    /// of a type nor that of a function is stable.
    ///
    /// 1 to 64 letters, digits, `.`, `_` or `-`. With any other name the builder's `build` panics.
    ///
    /// # Examples
    ///
    /// See [`Shared`].
    pub fn named(&self, name: &str) -> Shared {
        Shared::new(self.clone(), name)
    }

    /// The state of the connection to the engine. It asks nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::{Cluster, Memory};
    ///
    /// let cluster = Cluster::over(Memory::new()).open()?;
    /// let health = cluster.health();
    /// println!("up: {}, listening: {}, {:?}", health.up, health.listening, health.last_error);
    /// # Ok::<(), coalescer_cluster::OpenError>(())
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        self.process().health()
    }

    /// The numbers of this process.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::{Cluster, Memory};
    ///
    /// let cluster = Cluster::over(Memory::new()).open()?;
    /// assert_eq!(cluster.stats().leads, 0);
    /// # Ok::<(), coalescer_cluster::OpenError>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> ClusterStats {
        self.process().guarded.stats()
    }

    /// Asks the engine for a sign of life, for a program that wants to know at its start. Blocks for at most
    /// `op_timeout`.
    ///
    /// # Errors
    ///
    /// If the engine does not answer, or is not asked because it has failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::{Cluster, Memory};
    ///
    /// let cluster = Cluster::over(Memory::new()).open()?;
    /// assert!(cluster.ping().is_ok());
    /// # Ok::<(), coalescer_cluster::OpenError>(())
    /// ```
    pub fn ping(&self) -> Result<(), Unasked> {
        self.process().ping()
    }

    /// Adds what was counted since the last time to the counters of the [`metrics`](crate::metrics) recorder. Call
    /// it in the handler of `/metrics`.
    ///
    /// # Examples
    ///
    /// See [`metrics`](crate::metrics).
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn publish_metrics(&self) {
        self.process().publish_metrics();
    }

    /// Leaves the cluster. Leads are released, calls that wait for other processes run their own functions,
    /// copies are dropped, and the threads end. Tables that share by this cluster coalesce by themselves from
    /// now on. Blocks for at most `op_timeout`, and for a destructor of a copy.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer_cluster::{Cluster, Memory};
    ///
    /// let cluster = Cluster::over(Memory::new()).open()?;
    /// cluster.close();
    /// assert!(cluster.ping().is_err());
    /// # Ok::<(), coalescer_cluster::OpenError>(())
    /// ```
    pub fn close(&self) {
        self.process().close();
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let process = self.process();
        f.debug_struct("Cluster")
            .field("namespace", &process.terms.namespace)
            .field("inbox", &process.inbox)
            .finish_non_exhaustive()
    }
}

/// The settings of a cluster that is being opened. [`Cluster::over`] makes them.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::{Cluster, Memory};
///
/// let cluster = Cluster::over(Memory::new())
///     .namespace("shop")
///     .op_timeout(Duration::from_millis(50))
///     .lease(Duration::from_secs(2))
///     .open()?;
/// # Ok::<(), coalescer_cluster::OpenError>(())
/// ```
#[must_use]
#[derive(Clone)]
pub struct Open {
    engine: Arc<dyn Engine>,
    terms: Terms,
}

impl Open {
    fn new(engine: Arc<dyn Engine>) -> Self {
        let terms = Terms {
            namespace: "coalescer".into(),
            op_timeout: Duration::from_millis(100),
            lease: Duration::from_secs(3),
            probe: Duration::from_millis(40),
            secret: None,
        };
        Self { engine, terms }
    }

    /// Sets the namespace, which all processes of a cluster have in common. Default: `coalescer`.
    ///
    /// # Examples
    ///
    /// See [`Open`].
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.terms.namespace = namespace.into();
        self
    }

    /// Sets how long the engine may take for one step. A call is late by two steps at most because of an engine
    /// that does not answer. Default: 100 ms. At most a third of the lease.
    ///
    /// # Examples
    ///
    /// See [`Open`].
    pub fn op_timeout(mut self, limit: Duration) -> Self {
        self.terms.op_timeout = limit;
        self
    }

    /// Sets after how long a lead ends that is not renewed. A process that stands still for so long is taken
    /// over. Default: 3 s. At least 500 ms.
    ///
    /// # Examples
    ///
    /// See [`Open`].
    pub fn lease(mut self, lease: Duration) -> Self {
        self.terms.lease = lease;
        self
    }

    /// Sets how often this process looks if the processes that it waits for still listen. One that is missing twice
    /// in a row is taken over. Default: 40 ms.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory};
    /// let open = Cluster::over(Memory::new()).probe(std::time::Duration::from_millis(20));
    /// ```
    pub fn probe(mut self, interval: Duration) -> Self {
        self.terms.probe = interval;
        self
    }

    /// Sets a secret that all processes of the cluster have: what anybody else writes is never decoded.
    /// Values still lie in the engine in clear.
    ///
    /// # Examples
    ///
    /// ```
    /// # use coalescer_cluster::{Cluster, Memory};
    /// # let secret = [7; 32];
    /// let open = Cluster::over(Memory::new()).secret(secret);
    /// ```
    pub fn secret(mut self, secret: [u8; 32]) -> Self {
        self.terms.secret = Some(secret);
        self
    }

    /// Opens the cluster. It waits for nobody: an engine that is down is no error, and calls run by themselves
    /// until it is up.
    ///
    /// # Errors
    ///
    /// If a setting is out of range, or if a thread cannot be started.
    ///
    /// # Examples
    ///
    /// See [`Open`].
    pub fn open(self) -> Result<Cluster, OpenError> {
        let terms = self.terms;
        check_name(&terms.namespace).map_err(OpenError::Namespace)?;
        if terms.lease < SHORTEST_LEASE {
            return Err(OpenError::Lease(terms.lease));
        }
        if terms.op_timeout.is_zero() || terms.op_timeout > terms.lease / 3 {
            return Err(OpenError::OpTimeout(terms.op_timeout, terms.lease));
        }
        if terms.probe.is_zero() {
            return Err(OpenError::Probe);
        }
        let process = Process::start(self.engine, terms).map_err(OpenError::Thread)?;
        Ok(Cluster { handle: Arc::new(Handle { process }) })
    }
}

/// The secret is not shown.
impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("namespace", &self.terms.namespace).finish_non_exhaustive()
    }
}

/// A cluster cannot be opened with these settings.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use coalescer_cluster::{Cluster, Memory};
///
/// let error = Cluster::over(Memory::new()).lease(Duration::from_millis(100)).open().unwrap_err();
/// assert!(error.to_string().contains("at least 500 ms"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The namespace is no name.
    Namespace(BadName),
    /// The lease is too short.
    Lease(Duration),
    /// The `op_timeout` is zero, or more than a third of the lease.
    OpTimeout(Duration, Duration),
    /// The interval of the looks is zero.
    Probe,
    /// A thread cannot be started.
    Thread(io::Error),
    /// The engine cannot be used as it is told: its address, for example. The text says what to do, and has
    /// no password in it.
    Engine(Box<str>),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(error) => write!(f, "namespace: {error}"),
            Self::Lease(lease) => write!(
                f,
                "a lease of {lease:?} is too short: a process that stands still for so long is taken over; \
                 use at least 500 ms"
            ),
            Self::OpTimeout(limit, lease) => write!(
                f,
                "an op_timeout of {limit:?} does not fit a lease of {lease:?}: use more than zero, and at \
                 most a third of the lease"
            ),
            Self::Probe => f.write_str("a probe of zero would never rest: use some milliseconds"),
            Self::Thread(error) => write!(f, "a thread of the cluster cannot be started: {error}"),
            Self::Engine(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Namespace(error) => Some(error),
            Self::Thread(error) => Some(error),
            _ => None,
        }
    }
}
