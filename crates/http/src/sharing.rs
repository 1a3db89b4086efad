//! [`SharesPages`]: with whom a layer shares its pages: with its own threads alone, or also with other processes.

use coalescer::shared::Alone;

/// The sharing of a layer whose handler has errors of type `E`.
///
/// Implemented for [`Alone`], which is the default of each layer, and for `SharedPages`, which
/// `CoalesceLayer::shared` puts in its place (feature `cluster`). It is implemented for these two only.
///
/// # Examples
///
/// ```
/// use coalescer_http::{Body, CoalesceLayer, Coalesced, SharesPages};
/// use http::{Request, Response};
///
/// type Handler<E> = fn(Request<()>) -> Result<Response<Body>, E>;
///
/// fn around<E, P: SharesPages<E>>(layer: CoalesceLayer<P>, handler: Handler<E>) -> Coalesced<Handler<E>, E> {
///     layer.key_header("x-tenant").layer(handler)
/// }
/// # let pages = around::<String, _>(CoalesceLayer::new(), |_| Ok(Response::new("hello".into())));
/// # assert!(pages.call(Request::get("/").body(()).unwrap()).is_ok());
/// ```
#[diagnostic::on_unimplemented(
    message = "this layer cannot share the pages of a handler with errors of type `{E}`",
    note = "errors of a handler whose pages other processes share are `Send + Sync + 'static`"
)]
pub trait SharesPages<E>: sealed::Attaches<E> {}

impl<E> SharesPages<E> for Alone {}

/// The pages that other processes forget when this one chooses pages by their keys. They may have pages of keys that
/// this one does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// There are none.
    None,
    /// All pages of the layer.
    All,
    /// The pages that this process knows.
    Known,
}

pub(crate) mod sealed {
    use std::hash::RandomState;

    use coalescer::shared::{Alone, SharedBy};

    use super::Others;
    use crate::gates::Gates;
    use crate::key::Key;
    use crate::page::Page;

    pub trait Attaches<E> {
        /// The maker of the tier of the layer's group.
        type By: SharedBy<Key, Page, E, RandomState>;

        fn others(&self) -> Others;

        fn by(self, gates: &Gates) -> Self::By;
    }

    impl<E> Attaches<E> for Alone {
        type By = Self;

        fn others(&self) -> Others {
            Others::None
        }

        fn by(self, _: &Gates) -> Self {
            self
        }
    }
}
