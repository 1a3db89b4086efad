//! A layer whose handler is not inside it.

use std::time::Duration;

use crate::coalesced::{Hooks, Pages};
use crate::flights::Flights;
use crate::layer::CoalesceLayer;
use crate::of_group::OfGroup;

impl CoalesceLayer {
    /// Makes [`Pages`] for a server that calls one hook before its handler and one after it.
    ///
    /// The handler is outside, so its errors and panics are too: who waits for it learns of them by the drop of its
    /// [`Lead`](crate::Lead). Pages of other processes need a thread that asks for them, so a layer that shares
    /// with other processes has no such method: use [`layer`](Self::layer). The setting `leader_timeout` has no effect:
    /// a request waits for a slow leader until `max_wait` is over, and
    /// [`on_timeout`](Self::on_timeout) says if it runs its handler then. `on_panic` and `on_error` have no effect.
    ///
    /// # Examples
    ///
    /// See [`Pages::begin`](crate::Coalesced::begin).
    pub fn hooks(self) -> Pages {
        let of_group = self.of_group();
        // A run that takes over begins when its request does, and only a job that runs can say so.
        let settings = of_group.settings.leader_timeout(Duration::MAX);
        let flights = Flights::for_hooks(OfGroup { settings, ..of_group });
        self.around(Hooks(()), flights, None)
    }
}

impl<P: Clone> Clone for CoalesceLayer<P> {
    fn clone(&self) -> Self {
        Self {
            gates: self.gates.clone(),
            settings: self.settings.clone(),
            name: self.name.clone(),
            error_response: self.error_response.clone(),
            upkeep: self.upkeep.clone(),
            on_slow: self.on_slow.clone(),
            telling: self.telling.clone(),
            route_by: self.route_by.clone(),
            sharing: self.sharing.clone(),
            ..*self
        }
    }
}
