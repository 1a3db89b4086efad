//! [`SharedPages`]: the pages of a layer that other processes share.
//!
//! ```text
//! Flights ─▶ Group ─▶ the tier of coalescer-cluster ─┬─ PageKeys   what a key is, or that it stays here
//!                                                    ├─ PageCodec  what a page is
//!                                                    └─ OwnFaults  errors and panics stay here
//! ```
//!
//! The gates have decided before any of these is asked: a page that is for its own request alone is never written.

mod codec;
mod keys;

use coalescer_cluster::Shared;
use coalescer_cluster::codec::CodecError;
use coalescer_cluster::sharing::CarriesErrors;

use crate::gates::Gates;
use crate::sharing::sealed::Attaches;
use crate::sharing::{Others, SharesPages};

use codec::PageCodec;
use keys::PageKeys;

/// The bytes of a page beside its body that have room by default. Servers and proxies accept 8 to 64 KiB of fields.
const ROOM_FOR_FIELDS: u64 = 64 << 10;

/// The sharing of a layer with other processes; from [`CoalesceLayer::shared`](crate::CoalesceLayer::shared).
///
/// # Examples
///
/// ```
/// use coalescer_cluster::Cluster;
/// use coalescer_http::{CoalesceLayer, SharedPages};
///
/// fn layer(cluster: &Cluster) -> CoalesceLayer<SharedPages> {
///     CoalesceLayer::new().key_header("x-tenant").shared(cluster.named("pages"))
/// }
/// ```
#[derive(Debug)]
pub struct SharedPages {
    shared: Option<Shared>,
    pub(crate) shares_credentials: bool,
    /// The pages that other processes forget when this one chooses pages.
    pub(crate) others: Others,
}

/// The argument of [`CoalesceLayer::shared`](crate::CoalesceLayer::shared): a [`Shared`] with its default types, or an
/// `Option` of one, so that a configuration can decide.
///
/// The layer has a codec and keys of its own, so a `Shared` with others is refused by the compiler:
///
/// ```compile_fail,E0277
/// # use coalescer_cluster::{Cluster, Memory, codec::Bytes};
/// # let cluster = Cluster::over(Memory::new()).open().unwrap();
/// coalescer_http::CoalesceLayer::new().shared(cluster.named("pages").codec(Bytes));
/// ```
///
/// ```compile_fail,E0277
/// # use coalescer_cluster::{Cluster, Memory};
/// # let cluster = Cluster::over(Memory::new()).open().unwrap();
/// coalescer_http::CoalesceLayer::new().shared(cluster.named("pages").share_errors());
/// ```
///
/// # Examples
///
/// ```
/// use coalescer_cluster::{Cluster, Memory};
/// use coalescer_http::CoalesceLayer;
///
/// let cluster = Cluster::over(Memory::new()).open().unwrap();
/// let is_one_of_many = true; // a line of the configuration
/// let layer = CoalesceLayer::new().shared(is_one_of_many.then(|| cluster.named("pages")));
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "the pages of a layer cannot be shared by a `{Self}`",
    note = "pages have a codec and keys of their own, and errors stay in their process: leave out `codec`, \
            `key_with`, `key_writer`, `check_with`, `share_errors` and `errors_by`"
)]
pub trait SharesByDefault: private::Sealed {
    #[doc(hidden)]
    fn by_default(self) -> Option<Shared>;
}

impl SharesByDefault for Shared {
    fn by_default(self) -> Option<Shared> {
        Some(self)
    }
}

impl SharesByDefault for Option<Shared> {
    fn by_default(self) -> Option<Shared> {
        self
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for coalescer_cluster::Shared {}
    impl Sealed for Option<coalescer_cluster::Shared> {}
}

impl SharedPages {
    pub(crate) fn new(shared: impl SharesByDefault) -> Self {
        Self { shared: shared.by_default(), shares_credentials: false, others: Others::All }
    }
}

impl<E: Send + Sync + 'static> SharesPages<E> for SharedPages {}

impl<E: Send + Sync + 'static> Attaches<E> for SharedPages {
    type By = Option<Shared<PageCodec, OwnFaults, PageKeys>>;

    fn others(&self) -> Others {
        if self.shared.is_some() { self.others } else { Others::None }
    }

    fn by(self, gates: &Gates) -> Self::By {
        let keys = PageKeys::new(gates, self.shares_credentials);
        // Each page that the layer shares in its process has room in the engine.
        let longest = usize::try_from(gates.max_body.saturating_add(ROOM_FOR_FIELDS));
        let shared = self.shared?.max_value_unless_set(longest.unwrap_or(usize::MAX));
        Some(shared.codec(PageCodec).key_writer(keys).errors_by(OwnFaults))
    }
}

/// Errors and panics of a handler are for its own request (H14), so nothing of them leaves the process.
#[derive(Clone, Copy, Debug)]
pub struct OwnFaults;

impl<E, C> CarriesErrors<E, C> for OwnFaults {
    const SHARES: bool = false;
    const TELLS_PANICS: bool = false;

    fn encode(&self, _: &C, _: &E, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(CodecError::new("errors of a handler stay in their process"))
    }

    fn decode(&self, _: &C, _: &[u8]) -> Result<E, CodecError> {
        Err(CodecError::new("errors of a handler stay in their process"))
    }
}
