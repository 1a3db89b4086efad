//! The scripts, by the part of a message that they are about.

mod answers;
mod bodies;
mod credentials;
mod fields;
mod freshness;
mod methods;
mod statuses;
mod targets;
mod vary;

use crate::script::Script;

pub(crate) fn all() -> Vec<Script> {
    let parts = [
        methods::scripts(),
        credentials::scripts(),
        freshness::scripts(),
        answers::scripts(),
        vary::scripts(),
        statuses::scripts(),
        targets::scripts(),
        fields::scripts(),
        bodies::scripts(),
    ];
    parts.into_iter().flatten().collect()
}
