//! Groups by their types: one manager as the only field of code that is generic over what it fetches.

use std::any::{TypeId, type_name};

use crate::group::Group;
use crate::manager::Manager;
use crate::manager::report::Managed;

impl Manager {
    /// The manager's own group for keys, values and errors of these types. The first call makes it, with the
    /// manager's settings; later calls find it by its types.
    ///
    /// It is for generic functions, such as a `fetch<T>`, whose types are known where they are called. The
    /// look-up takes no lock. Its name in reports is the name of its type, such as
    /// `Group<u64, app::User, app::DbError>`. The window is that of the manager's settings, 100 ms by default.
    ///
    /// All callers with the same three types share one group, and so one set of keys. Where two kinds of
    /// things have the same types, give one of them a key type of its own. This method takes no function, so
    /// [`execute`](Group::execute) takes it, and it may capture.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use coalescer::{Error, Manager};
    ///
    /// # #[derive(Debug)] struct DbError;
    /// trait Row: Sized + Send + Sync + 'static {
    ///     fn load(database: &str, id: u64) -> Result<Self, DbError>; // a query, in real life
    /// }
    ///
    /// struct Repository {
    ///     database: String,
    ///     flights: Manager, // for every type of row
    /// }
    ///
    /// impl Repository {
    ///     fn fetch<T: Row>(&self, id: u64) -> Result<Arc<T>, Error<DbError>> {
    ///         self.flights.group().execute(&id, || T::load(&self.database, id))
    ///     }
    /// }
    ///
    /// struct User(u64);
    /// impl Row for User {
    ///     fn load(_: &str, id: u64) -> Result<Self, DbError> {
    ///         Ok(User(id))
    ///     }
    /// }
    ///
    /// let rows = Repository { database: "shop".into(), flights: Manager::new() };
    /// assert_eq!(rows.fetch::<User>(7)?.0, 7);
    /// assert!(Arc::ptr_eq(&rows.fetch::<User>(7)?, &rows.fetch::<User>(7)?));
    /// # Ok::<(), Error<DbError>>(())
    /// ```
    #[must_use]
    pub fn group<K, V, E>(&self) -> Group<K, V, E>
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        let make = || {
            let [key, value, error] = [type_name::<K>(), type_name::<V>(), type_name::<E>()];
            let settings = self.shared.defaults.clone();
            let builder = Group::builder::<K, V>().settings(settings);
            let made: Group<K, V, E> =
                builder.name(format!("Group<{key}, {value}, {error}>")).build();
            Box::new(made) as Box<dyn Managed>
        };
        // No function has the type of a group, so both have one map.
        let found = self.shared.by_type.get_or_add(TypeId::of::<Group<K, V, E>>(), make);
        let found: &Group<K, V, E> = found.as_any().downcast_ref().expect("it is of its own type");
        found.clone()
    }
}
