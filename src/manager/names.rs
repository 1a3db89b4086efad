//! The names of a manager: a map from names to coalescers, and the comparison with the function and
//! settings of a second caller.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::builder::Builder;
use crate::manager::error::NameError;
use crate::manager::report::Managed;
use crate::settings::Settings;
use crate::shared::SharedBy;
use crate::sync::Mutex;

/// A type, identified by its id and shown by its name.
#[derive(Clone, Copy)]
pub(crate) struct TypeOf {
    id: TypeId,
    name: &'static str,
}

impl TypeOf {
    pub(crate) fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: type_name::<T>() }
    }
}

/// The options of a builder, except the name and the hasher. The type of a hasher is part of the
/// coalescer's type. Functions are compared by their types.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    settings: Settings,
    sharing: Option<TypeId>,
    error_sharing: Option<TypeId>,
    on_slow: Option<(Duration, TypeId)>,
    shared: (TypeId, String),
}

impl Compared {
    pub(crate) fn of<T, K, V, E, S, R>(builder: &Builder<T, K, V, S, R>) -> Self
    where
        R: SharedBy<K, V, E, S> + 'static,
    {
        Self {
            settings: builder.settings.clone(),
            sharing: builder.sharing.as_ref().map(|sharing| sharing.function),
            error_sharing: builder.error_sharing.as_ref().map(|sharing| sharing.function),
            on_slow: builder.on_slow.as_ref().map(|slow| (slow.after, slow.function)),
            shared: (TypeId::of::<R>(), builder.shared.describe()),
        }
    }

    /// The first setting in which the two differ, as the name of its method.
    pub(crate) fn differs_in(&self, other: &Self) -> Option<&'static str> {
        let functions = [
            ("share_if", self.sharing == other.sharing),
            ("share_error_with", self.error_sharing == other.error_sharing),
            ("on_slow", self.on_slow == other.on_slow),
            ("shared", self.shared == other.shared),
        ];
        let differing = functions.into_iter().find(|(_, is_same)| !is_same);
        self.settings.differs_in(&other.settings).or(differing.map(|(name, _)| name))
    }
}

/// A coalescer with a name.
pub(crate) struct Named {
    pub(crate) name: Arc<str>,
    pub(crate) coalescer: Box<dyn Managed>,
    types: TypeOf,
    /// `None` for one that was built elsewhere: the manager does not know its function.
    made: Option<Made>,
}

/// The function and the settings of a coalescer that a manager made. The next caller of its name
/// must bring the same.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) function: TypeOf,
    pub(crate) settings: Compared,
}

impl Named {
    pub(crate) fn new<C: Managed + 'static>(name: &str, coalescer: C, made: Option<Made>) -> Self {
        let types = TypeOf::of::<C>();
        Self { name: name.into(), coalescer: Box::new(coalescer), types, made }
    }

    /// The coalescer, if it has these types.
    pub(crate) fn typed<C: Clone + 'static>(&self, name: &str) -> Result<C, NameError> {
        let coalescer = self.coalescer.as_any().downcast_ref::<C>();
        coalescer.cloned().ok_or_else(|| NameError::OtherTypes {
            name: name.to_owned(),
            has: self.types.name,
            asked: type_name::<C>(),
        })
    }

    /// An error unless a caller with this function and these settings would make the same coalescer.
    pub(crate) fn agrees(&self, name: &str, asked: &Made) -> Result<(), NameError> {
        let name = || name.to_owned();
        let Some(made) = &self.made else { return Err(NameError::Taken { name: name() }) };
        if made.function.id != asked.function.id {
            let (has, asked) = (made.function.name, asked.function.name);
            return Err(NameError::OtherFunction { name: name(), has, asked });
        }
        match made.settings.differs_in(&asked.settings) {
            Some(setting) => Err(NameError::OtherSettings { name: name(), setting }),
            None => Ok(()),
        }
    }
}

/// The named coalescers. The lock is a leaf: only comparisons of names run under it.
pub(crate) struct Names(Mutex<HashMap<Arc<str>, Arc<Named>>>);

impl Names {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Named>> {
        self.0.lock().get(name).cloned()
    }

    /// Adds `named` unless the name is taken, and returns the one of this name. An unused argument is
    /// dropped after the lock is released, because arguments drop after local variables.
    pub(crate) fn get_or_add(&self, name: &str, new: Arc<Named>) -> Arc<Named> {
        let mut names = self.0.lock();
        Arc::clone(names.entry(name.into()).or_insert_with(|| Arc::clone(&new)))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Named>> {
        self.0.lock().values().cloned().collect()
    }
}
