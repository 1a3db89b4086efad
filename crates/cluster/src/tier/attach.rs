//! How a [`Shared`] becomes the tier of a table.

use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use coalescer::ToKey;
use coalescer::shared::{Attachment, SharedBy, Tier};

use crate::codec::Codec;
use crate::engine::{DAY, Limits};
use crate::wire::{Digests, Schema, Scope, Seal, WriteKey};

use super::carry::{CarriesErrors, ChecksValues};
use super::held::{Held, Member};
use super::shared::Shared;
use super::table::Table;

/// A larger value stays in its process.
const MAX_VALUE: usize = 1 << 20;

impl<K, V, E, S, C, X, D, Q> SharedBy<K, V, E, S> for Shared<C, X, D, Q>
where
    K: ToKey<K> + Send + Sync + 'static,
    V: Send + Sync + 'static,
    E: Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
    C: Codec<V>,
    X: CarriesErrors<E, C>,
    D: WriteKey<K>,
    Q: ChecksValues<V>,
{
    /// # Panics
    ///
    /// If the name is none, if `max_requests` is 1, or if the table has a [`ManualClock`](coalescer::ManualClock)
    /// and the engine has not.
    fn attach(self, table: Attachment<'_, K, V, E, S>) -> Option<Arc<dyn Tier<K, V, E>>> {
        let Self { cluster, name, schema, form, max_value, copies, max_remote_wait, nested_wait } =
            self;
        let process = cluster.process();
        assert!(
            table.max_requests() != Some(1),
            "shared with max_requests(1): each call runs its function, so there is nothing to share; \
             leave one of them out"
        );
        assert!(
            !table.has_manual_clock() || process.is_manual(),
            "shared with a ManualClock: the engine has a clock of its own; \
             use Memory::with_clock with the same clock"
        );
        let of_build = || {
            Schema::of_this_build().inspect_err(|error| process.shares_nothing(&name, error)).ok()
        };
        let schema = schema.or_else(of_build)?;
        let (window, error_window) = (table.window(), table.error_window());
        let codec = form.codec.name();
        let namespace = &*process.terms.namespace;
        let scope = Scope { namespace, name: &name, schema, codec, window, error_window };
        let digests = Digests::new(&scope).unwrap_or_else(|error| panic!("shared: {error}"));
        let seal = Seal::new(schema, codec);
        let seal = match &process.terms.secret {
            Some(secret) => seal.secret(secret),
            None => seal,
        };
        let limits = Limits {
            leader_timeout: table.leader_timeout(),
            max_leaders: u32::try_from(table.max_leaders()).unwrap_or(u32::MAX),
            max_join_age: table.max_join_age(),
        };
        let held = Arc::new(Held::new(table.local()));
        let name: Arc<str> = name.into();
        process.members.join(&name, Arc::downgrade(&held) as Weak<dyn Member>);
        let copies = copies.unwrap_or(process.can.invalidates);
        Some(Arc::new(Table {
            name,
            digests,
            seal,
            form,
            max_value: max_value.unwrap_or(MAX_VALUE),
            window: window.min(DAY),
            error_window: error_window.min(DAY),
            longest: window.max(error_window),
            limits,
            uses_up: table.max_requests().is_some(),
            copies,
            max_remote_wait,
            nested_wait,
            held,
            cluster,
        }))
    }

    fn describe(&self) -> String {
        let Self { cluster, name, schema, form, max_value, copies, max_remote_wait, nested_wait } =
            self;
        let terms = &cluster.process().terms;
        let (namespace, codec) = (&terms.namespace, form.codec.name());
        let max_value = max_value.unwrap_or(MAX_VALUE);
        format!(
            "{namespace}/{name}, schema {schema:?}, codec {codec}, max_value {max_value}, \
             local_copies {copies:?}, max_remote_wait {max_remote_wait:?}, nested_wait {nested_wait:?}"
        )
    }
}
