//! The tables of this process that share by this cluster, by name.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::panics::caught;
use crate::sync::Mutex;

use super::held::Member;

#[derive(Default)]
pub(super) struct Members {
    of_name: Mutex<HashMap<Arc<str>, OfName>>,
}

type OfName = Vec<Weak<dyn Member>>;

impl Members {
    pub(super) fn join(&self, name: &Arc<str>, member: Weak<dyn Member>) {
        let mut of_name = self.of_name.lock();
        let members = of_name.entry(Arc::clone(name)).or_default();
        members.retain(|member| member.strong_count() > 0);
        members.push(member);
    }

    /// Does something with all tables of a name, one after the other. A panic comes from a destructor of the
    /// user's: it is dropped, since the others must be reached.
    pub(super) fn each(&self, name: &str, act: impl Fn(&dyn Member)) {
        let members = self.of_name.lock().get(name).cloned().unwrap_or_default();
        members.iter().for_each(|member| contained(member, &act));
    }

    pub(super) fn all(&self, act: impl Fn(&dyn Member)) {
        let members: Vec<_> = self.of_name.lock().values().flatten().cloned().collect();
        members.iter().for_each(|member| contained(member, &act));
    }
}

fn contained(member: &Weak<dyn Member>, act: impl Fn(&dyn Member)) {
    caught(|| {
        if let Some(member) = member.upgrade() {
            act(&*member);
        }
    })
    .ok();
}
