//! The attribute `#[coalesce]` of the crate `coalescer`. Use it from there, as `coalescer::coalesce`,
//! with the feature `macros`.
//!
//! ```text
//! settings ─┐
//!           ├─▶ refuse ─▶ key ─▶ expand
//! function ─┘
//! ```

use proc_macro::TokenStream;

mod access;
mod duration;
mod expand;
mod function;
mod key;
mod output;
mod refuse;
mod settings;

/// Coalesces the calls of a function: those with equal arguments share one execution.
///
/// ```
/// use coalescer::coalesce;
/// # #[derive(Debug)] struct User { id: u64 }
/// # #[derive(Debug)] struct DbError;
///
/// #[coalesce(window = "250ms")]
/// fn find_user(tenant: &str, id: u64) -> Result<User, DbError> {
///     Ok(User { id }) // a query, in real life
/// }
///
/// // From any number of threads: an Arc<User> that all of them share.
/// let user = find_user("acme", 7)?;
/// assert_eq!(user.id, 7);
///
/// find_user("acme", 7)?; // served by the window
/// assert_eq!(find_user::coalescer().stats().executed_requests, 1);
/// # Ok::<(), coalescer::Error<DbError>>(())
/// ```
///
/// The attribute also generates access to the function's flights: `find_user::coalescer()` returns
/// its `Group`, and `find_user::forget("acme", 7)` forgets a key. For a method it generates
/// `Users::find_coalescer()` and `Users::find_forget(..)` in the same `impl`; see
/// [below](#access-to-the-flights).
///
/// Each function has its own group, which lives as long as the program. Two functions never share an
/// execution, even with equal names and arguments. `Group::execute` documents leaders, followers and
/// late calls, how long a call blocks, panics and deadlocks.
///
/// # The returned type
///
/// | the function is written with | callers get |
/// |---|---|
/// | `Result<T, E>` | `Result<Arc<T>, coalescer::Error<E>>` |
/// | `io::Result<T>`, or another alias of `Result` with the name `Result` | the same, with its error |
/// | any other `T`, or nothing | `Result<Arc<T>, coalescer::Error<Infallible>>` |
///
/// All callers share one value, hence the `Arc`. Neither `T` nor `E` has to be `Clone`. A call of a
/// function that cannot fail still returns a `Result`: its leader may panic, or its wait would never
/// end. A value must be owned, because it may outlive the call that made it.
///
/// # Settings
///
/// The settings are those of the builder, with the same defaults. The default window is 100 ms.
///
/// | setting | example |
/// |---|---|
/// | `window`, `error_window` | `window = "250ms"` |
/// | `max_requests`, `max_retained` | `max_requests = 10_000` |
/// | `max_wait`, `max_join_age` | `max_wait = "20s"` |
/// | `leader_timeout`, `max_leaders` | `leader_timeout = "5s"` |
/// | `max_followers` | `max_followers = 100` |
/// | `on_slow`, a time and a function of a `&SlowFlight<'_, Key>` | `on_slow("5s", warn)` |
/// | `share_if` | `share_if = \|user: &User\| user.is_public` |
/// | `share_with`, instead of `share_if` | `share_with = \|user: &User\| user.audience()` |
/// | `share_error_with`, for a function that returns a `Result` | `share_error_with = \|error: &DbError\| error.audience()` |
/// | `on_deadlock` | `on_deadlock = OnDeadlock::Bypass` |
/// | `name`, else the function's path | `name = "users"` |
/// | `shards`; `hasher`, a type that is `Default` | `hasher = std::hash::RandomState` |
/// | `precise_clock`; `clock`, for tests | `precise_clock` |
/// | `executor`, for `submit` by way of the `Group` | `executor = \|job: Job\| pool.run(job)` |
/// | `crate`, where the library is not `::coalescer` | `crate = my_crate::coalescer` |
///
/// A duration is text that the macro reads when the program is built: whole numbers with the units
/// `ns`, `us` (or `µs`), `ms`, `s`, `m` and `h`, as in `"100ms"` and `"1m 30s"`. A duration may also
/// be an expression: `window = WINDOW`, `window = Duration::MAX`. All other values are expressions.
///
/// # The key
///
/// The key is the tuple of all arguments, so each argument type must be `Hash`, `Eq` and `Clone`. A
/// reference is looked up as it is: `find_user("acme", 7)` makes a `String` only if the call starts a
/// flight. The leader's function gets a clone of each argument that it takes by value.
///
/// An `Option<&T>`, and a tuple that contains references, are looked up in the same way.
///
/// **`skip(..)`** leaves arguments out of the key that do not affect the result, such as a pool. The
/// function runs with the skipped arguments of the leading call. A skipped argument may be `&mut`.
///
/// **`key = ..`** sets the key and leaves all other arguments out: one argument, a tuple of several, or
/// `key = ()` for none. Any other expression needs its type. If the expression begins with `&`, the
/// call only borrows it, and clones it into an owned key when it starts a flight.
///
/// ```
/// use coalescer::coalesce;
/// # #[derive(Debug)] struct DbError;
/// # struct Pool; struct Connection;
/// # impl Pool { fn get(&self) -> Result<Connection, DbError> { Ok(Connection) } }
/// # impl Connection { fn count(&mut self, _: &str) -> Result<u64, DbError> { Ok(3) } }
/// # struct Query { table: String, comment: String }
///
/// #[coalesce(skip(pool))]
/// fn count(pool: &Pool, table: &str) -> Result<u64, DbError> {
///     pool.get()?.count(table)
/// }
///
/// #[coalesce(key: String = &query.table)]
/// fn rows(query: &Query) -> Vec<u64> {
///     vec![1, 2, 3]
/// }
///
/// assert_eq!(*count(&Pool, "users").unwrap(), 3);
/// let query = Query { table: "users".into(), comment: "for the start page".into() };
/// assert_eq!(rows(&query).unwrap().len(), 3);
/// ```
///
/// <div class="warning">
///
/// **Take the connection inside the function**, as above, and never as an argument. A caller that
/// takes a pooled connection (or a permit, a lock, a transaction) before the call holds it while it
/// follows, so the pool is as busy as without coalescing. With 16 threads, a pool of 4 and a query
/// of 200 ms: 4 executions and 802 ms if it is taken before, 1 execution and 201 ms inside.
///
/// </div>
///
/// Calls that differ only in arguments outside the key share one value. So the key must contain
/// everything that the value depends on, above all the user who may see it.
///
/// # Methods
///
/// A method must state how `self` relates to its key:
///
/// | | flights | use it if |
/// |---|---|---|
/// | `group = self.field` | in each value, in a `Group` that is a field | values differ, or are created and dropped |
/// | `skip(self)` | one group for the type: calls on *different values* share | every value gives the same answer |
/// | `key: Type = (self.id, ..)` | one group for the type, with `self.id` in the key | a field of `self` identifies the value |
///
/// ```
/// use coalescer::{Group, coalesce};
///
/// struct Database {
///     url: String,
///     names: Group<u64, String, std::io::Error>,
/// }
///
/// impl Database {
///     #[coalesce(group = self.names)]
///     fn name(&self, id: u64) -> Result<String, std::io::Error> {
///         Ok(format!("{id} at {}", self.url))
///     }
///
///     #[coalesce(key: (String, u64) = (self.url.clone(), id))]
///     fn rank(&self, id: u64) -> u64 {
///         id + 1
///     }
/// }
///
/// let [one, two] = ["one", "two"].map(|url| Database { url: url.into(), names: Group::new() });
/// assert_eq!(*one.name(7)?, "7 at one");
/// assert_eq!(*two.name(7)?, "7 at two");
/// assert_eq!(*one.rank(7).unwrap(), 8);
/// assert_eq!(Database::rank_coalescer().stats().total_requests, 1);
/// # Ok::<(), coalescer::Error<std::io::Error>>(())
/// ```
///
/// With `group = ..` the settings are those of that group, and the group gives access to its flights.
/// Give each method its own group: two methods with one group share their results. Use `group = ..`
/// also for methods of `impl Trait for ..`, because the attribute cannot add functions to such an
/// `impl`. A function without `self` in an `impl` needs the word `associated`, because an attribute
/// cannot see that it stands in an `impl`.
///
/// # Generic functions
///
/// A generic function must state its key. Each choice of types and constants has its own group, also
/// in a generic `impl`. Lifetimes make no difference.
///
/// # Access to the flights
///
/// | function | method, or `associated` | |
/// |---|---|---|
/// | `find_user::coalescer()` | `Users::find_coalescer()` | returns the `Group`: counters, running flights, all its methods |
/// | `find_user::forget("acme", 7)` | `Users::find_forget("acme", 7)` | forgets the key with these arguments |
///
/// If the key is an expression, forget by the group: `rows::coalescer().forget("users")`. These
/// functions are as public as the coalesced function. They belong to a type with the function's name,
/// so the same scope can have no other type or module of that name.
///
/// # Refused at compile time
///
/// - `async` and `const` functions
/// - `&mut self`, and `&mut` arguments that are not in `skip(..)`
/// - arguments that a key cannot contain, and arguments that borrow inside (`&[&str]`, a `Cow`)
/// - patterns in place of argument names
/// - generic functions that do not state their key
/// - methods that do not state how `self` relates to the key
/// - a `Result` under another name (`type Found = Result<..>`), because the attribute would take its
///   errors for values
///
/// Each compiler message names the alternative.
///
/// # The expansion
///
#[doc = concat!(
    "```\n",
    "# use coalescer::coalesce;\n",
    "# #[derive(Debug)] pub struct User;\n",
    "# #[derive(Debug)] pub struct DbError;\n",
    "# fn query(_: &str, _: u64) -> Result<User, DbError> { Ok(User) }\n",
    include_str!("shown/before.rs"),
    "# assert!(find_user(\"acme\", 7).is_ok() && find_user::forget(\"acme\", 7));\n",
    "```"
)]
///
/// expands to the following code, here without the attributes that silence lints:
///
#[doc = concat!(
    "```\n",
    "# #[derive(Debug)] pub struct User;\n",
    "# #[derive(Debug)] pub struct DbError;\n",
    "# fn query(_: &str, _: u64) -> Result<User, DbError> { Ok(User) }\n",
    include_str!("shown/after.rs"),
    "# assert!(find_user(\"acme\", 7).is_ok() && find_user::forget(\"acme\", 7));\n",
    "```"
)]
///
/// The items of `coalescer::macro_support` are for this expansion only, and may change with any
/// version.
#[proc_macro_attribute]
pub fn coalesce(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(attribute.into(), item.into()).into()
}

/// The README's example, which is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
