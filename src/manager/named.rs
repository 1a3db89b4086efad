//! The methods of [`Manager`] that make, adopt and find coalescers by name.

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::build::MakesCoalescer;
use crate::builder::{Builder, ForCoalescer};
use crate::coalescer::Coalescer;
use crate::manager::names::{Compared, Made, Named, TypeOf};
use crate::manager::{Manager, NameError};
use crate::shared::SharedBy;

impl Manager {
    /// Returns the coalescer of this name, and makes it with the manager's settings if there is none.
    ///
    /// The manager cannot compare the values that a function captures. So the first function of a name
    /// stays in use, even if a later one captures other values.
    ///
    /// # Errors
    ///
    /// If the name belongs to a coalescer of other types, of a function of another type, or with
    /// other settings. All `fn` pointers of a signature have one type.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Manager, NameError};
    /// # struct Pool;
    /// # impl Pool { fn query(&self, id: u64) -> Result<String, ()> { Ok(format!("user {id}")) } }
    /// # let pool = Pool;
    ///
    /// let manager = Manager::new();
    /// let users = manager.named("users", move |id: &u64| pool.query(*id))?;
    /// assert_eq!(*users.execute(&7).unwrap(), "user 7");
    ///
    /// // Anywhere else:
    /// let users: Coalescer<u64, String, ()> = manager.get("users")?;
    /// assert_eq!(users.stats().total_requests, 1);
    /// # Ok::<(), NameError>(())
    /// ```
    pub fn named<K, V, E, F>(&self, name: &str, load: F) -> Result<Coalescer<K, V, E>, NameError>
    where
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        self.named_with(name, |defaults| defaults, load)
    }

    /// Like [`named`](Self::named), with settings for this coalescer.
    ///
    /// `settings` gets a builder with the manager's settings. The manager compares
    /// [`share_if`](Builder::share_if), [`share_error_with`](Builder::share_error_with),
    /// [`on_slow`](Builder::on_slow), [`hasher`](Builder::hasher) and [`executor`](Builder::executor) by
    /// their types only, and [`shared`](Builder::shared) by its type and by what it says of itself
    /// ([`SharedBy::describe`]).
    ///
    /// # Errors
    ///
    /// As [`named`](Self::named).
    ///
    /// # Panics
    ///
    /// If `settings` sets a name.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Manager, NameError};
    ///
    /// let second = Duration::from_secs(1);
    /// let length = |word: &String| Ok::<usize, ()>(word.len());
    ///
    /// let manager = Manager::new();
    /// manager.named_with("lengths", |settings| settings.window(second), length)?;
    /// let other = manager.named_with("lengths", |settings| settings.window(2 * second), length);
    /// assert!(matches!(other, Err(NameError::OtherSettings { setting: "window", .. })));
    /// # Ok::<(), NameError>(())
    /// ```
    ///
    /// A rule over errors:
    ///
    /// ```
    /// use std::io::{Error, ErrorKind};
    /// use coalescer::{Manager, NameError, ShareWith};
    ///
    /// fn rule(error: &Error) -> ShareWith {
    ///     match error.kind() {
    ///         ErrorKind::TimedOut => ShareWith::Nobody,
    ///         _ => ShareWith::Everyone,
    ///     }
    /// }
    ///
    /// let manager = Manager::new();
    /// let read = |path: &String| std::fs::read(path);
    /// manager.named_with("files", |settings| settings.share_error_with(rule), read)?;
    /// # Ok::<(), NameError>(())
    /// ```
    pub fn named_with<K, V, E, S, T, F, R>(
        &self,
        name: &str,
        settings: impl FnOnce(Builder<ForCoalescer, K, V>) -> Builder<T, K, V, S, R>,
        load: F,
    ) -> Result<Coalescer<K, V, E, S>, NameError>
    where
        T: MakesCoalescer<E>,
        R: SharedBy<K, V, E, S> + 'static,
        F: Fn(&K) -> Result<V, E> + Send + Sync + 'static,
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
        S: BuildHasher + Send + Sync + 'static,
    {
        let builder = settings(self.builder()).without_name();
        let made = Made { function: TypeOf::of::<F>(), settings: Compared::of(&builder) };
        let named = self.shared.names.get(name).unwrap_or_else(|| {
            let coalescer = builder.name(name).build_coalescer(load);
            let named = Named::new(name, coalescer, Some(made.clone()));
            self.shared.names.get_or_add(name, Arc::new(named))
        });
        let coalescer = named.typed(name)?;
        named.agrees(name, &made)?;
        Ok(coalescer)
    }

    /// Gives a name to a coalescer that was built elsewhere, so that this manager also finds, counts and
    /// forgets it.
    ///
    /// The manager shows the coalescer under this name. The coalescer itself keeps the name of its
    /// builder. One use is a function that captures a pool: build its coalescer next to the pool. The
    /// manager's sums count a coalescer once for each name, so adopt it under one.
    ///
    /// # Errors
    ///
    /// [`Taken`](NameError::Taken) if the name belongs to another coalescer. A second adoption of the
    /// same one is no error.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use coalescer::{Coalescer, Manager, NameError};
    ///
    /// let manager = Manager::new();
    /// let users = Coalescer::builder()
    ///     .window(Duration::from_secs(1))
    ///     .build(|id: &u64| Ok::<String, ()>(format!("user {id}")));
    /// manager.adopt("users", &users)?;
    ///
    /// users.execute(&7).unwrap();
    /// assert_eq!(manager.stats().coalescers[0].name, "users");
    /// let found: Coalescer<u64, String, ()> = manager.get("users")?;
    /// assert_eq!(found.stats().total_requests, 1);
    /// # Ok::<(), NameError>(())
    /// ```
    #[doc(alias = "add")]
    #[doc(alias = "register")]
    pub fn adopt<K, V, E, S>(
        &self,
        name: &str,
        coalescer: &Coalescer<K, V, E, S>,
    ) -> Result<(), NameError>
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
        S: BuildHasher + Send + Sync + 'static,
    {
        let named = Arc::new(Named::new(name, coalescer.clone(), None));
        let found = self.shared.names.get_or_add(name, named);
        let is_same = found.typed(name).is_ok_and(|found| coalescer.is_handle_of(&found));
        if is_same { Ok(()) } else { Err(NameError::Taken { name: name.to_owned() }) }
    }

    /// The coalescer of this name.
    ///
    /// # Errors
    ///
    /// [`Unknown`](NameError::Unknown) if there is none yet, and
    /// [`OtherTypes`](NameError::OtherTypes) if it has other types.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::{Coalescer, Manager, NameError};
    ///
    /// let manager = Manager::new();
    /// manager.named("squares", |n: &u64| Ok::<u64, ()>(n * n))?;
    ///
    /// let squares: Coalescer<u64, u64, ()> = manager.get("squares")?;
    /// assert_eq!(*squares.execute(&3).unwrap(), 9);
    /// let cubes: Result<Coalescer<u64, u64, ()>, NameError> = manager.get("cubes");
    /// assert!(matches!(cubes, Err(NameError::Unknown { .. })));
    /// # Ok::<(), NameError>(())
    /// ```
    pub fn get<K, V, E, S>(&self, name: &str) -> Result<Coalescer<K, V, E, S>, NameError>
    where
        K: 'static,
        V: 'static,
        E: 'static,
        S: 'static,
    {
        let unknown = || NameError::Unknown { name: name.to_owned() };
        self.shared.names.get(name).ok_or_else(unknown)?.typed(name)
    }
}
