//! The attribute `#[coalesce]` of the crate `coalescer`. Use it from there, as `coalescer::coalesce`,
//! with the feature `macros`.
//!
//! ```text
//! settings ─┐
//!           ├─▶ refuse ─▶ key ─▶ expand
//! function ─┘
//! ```

use proc_macro::TokenStream;

mod duration;
mod expand;
mod function;
mod key;
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
/// The attribute also generates a way to the function's flights: `find_user::coalescer()` is its
/// `Group`, and `find_user::forget("acme", 7)` forgets. For a method they are functions beside it,
/// `Users::find_coalescer()` and `Users::find_forget(..)`; see [below](#the-way-to-the-flights).
///
/// Each function has a group of its own, which lives as long as the program. Two functions never
/// share, whatever their names and arguments are. What leaders, followers and late calls do, how long
/// a call may block, its panics and its deadlocks: all of it is as `Group::execute` says.
///
/// # What is returned
///
/// | the function is written with | callers get |
/// |---|---|
/// | `Result<T, E>` | `Result<Arc<T>, coalescer::Error<E>>` |
/// | `io::Result<T>`, or any type that is called `Result` and is one | the same, with its error |
/// | any other `T`, or nothing | `Result<Arc<T>, coalescer::Error<Infallible>>` |
///
/// All callers share one value, hence the `Arc`, and neither `T` nor `E` has to be `Clone`. A function
/// that cannot fail can still be told that its leader panicked, or that waiting would never end;
/// hence the `Result`. A value has to be owned, since it may outlive the call that made it.
///
/// # Settings
///
/// As those of the builder, and with the same defaults, but the window is 100 ms.
///
/// | setting | example |
/// |---|---|
/// | `window`, `error_window` | `window = "250ms"` |
/// | `max_requests`, `max_retained` | `max_requests = 10_000` |
/// | `max_wait`, `max_join_age` | `max_wait = "20s"` |
/// | `leader_timeout`, `max_leaders` | `leader_timeout = "5s"` |
/// | `on_slow`, a time and a function of a `&SlowFlight<'_, Key>` | `on_slow("5s", warn)` |
/// | `share_if` | `share_if = \|user: &User\| user.is_public` |
/// | `share_with`, instead of that | `share_with = \|user: &User\| user.audience()` |
/// | `on_deadlock` | `on_deadlock = OnDeadlock::Bypass` |
/// | `name`, else the function's path | `name = "users"` |
/// | `shards`; `hasher`, a type that is `Default` | `hasher = std::hash::RandomState` |
/// | `precise_clock`; `clock`, for tests | `precise_clock` |
/// | `executor`, for `submit` by way of the `Group` | `executor = \|job: Job\| pool.run(job)` |
/// | `crate`, where the library is not `::coalescer` | `crate = my_crate::coalescer` |
///
/// A duration is text, read when the program is built: whole numbers with the units `ns`, `us` (or
/// `µs`), `ms`, `s`, `m` and `h`, as in `"100ms"` and `"1m 30s"`. Everything else is an expression,
/// and so may a duration be: `window = WINDOW`, `window = Duration::MAX`.
///
/// # The key
///
/// The key is all arguments, each as the type that it is, so each has to be `Hash`, `Eq` and `Clone`.
/// References are looked up as they are: `find_user("acme", 7)` makes a `String` only if it starts a
/// flight. The leader's function gets a clone of what it takes by value.
///
/// An `Option<&T>`, and a tuple with references in it, are looked up in the same way.
///
/// **`skip(..)`** leaves arguments out that are a means and no question, such as a pool. The function
/// runs with those of the call that leads. This is also how an argument can be `&mut`.
///
/// **`key = ..`** says what the key is, and all else is left out: an argument, several, or none with
/// `key = ()`. Any other expression comes with its type; if it begins with `&`, it is only borrowed,
/// and owned where a flight starts.
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
/// Whatever is left out, calls that differ in nothing else share one value. So what the function's
/// value depends on must be in the key, above all who may see it.
///
/// # Methods
///
/// A method has to say what `self` is to its key:
///
/// | | flights | right where |
/// |---|---|---|
/// | `group = self.field` | in each value, in a `Group` that is a field | values differ, or come and go |
/// | `skip(self)` | one group for the type: calls on *different values* share | every value would answer the same |
/// | `key: Type = (self.id, ..)` | one group for the type, apart by what is said | a part of `self` tells values apart |
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
/// With `group = ..` the settings are those of that group, and whoever has the group has the way to
/// its flights. Give each method a group of its own: two that share one share their results. It is
/// also the way for the methods of `impl Trait for ..`, where nothing can be written beside them. A
/// function in an `impl` that has no `self` says `associated`, as an attribute cannot see where it
/// stands.
///
/// # Generic functions
///
/// They have to say their key. Each choice of types and constants has a group of its own, also in a
/// generic `impl`; lifetimes make no difference.
///
/// # The way to the flights
///
/// | function | method, or `associated` | |
/// |---|---|---|
/// | `find_user::coalescer()` | `Users::find_coalescer()` | the `Group`: counters, what is under way, all its verbs |
/// | `find_user::forget("acme", 7)` | `Users::find_forget("acme", 7)` | forgets by the arguments that are the key |
///
/// Where the key is an expression, forget by the group: `rows::coalescer().forget("users")`. The way
/// is as public as the function. It is a type of the function's name, so no other type or module can
/// have that name beside it.
///
/// # What does not compile
///
/// `async` and `const` functions; `&mut` arguments that are not in `skip(..)`, and `&mut self`;
/// arguments of which no key can be made, and those that borrow inside (`&[&str]`, a `Cow`); patterns in
/// place of names; generic functions that do not say their key; methods that do not say what `self`
/// is; a `Result` under another name (`type Found = Result<..>`), whose errors would be taken for
/// values. Each says what to do instead.
///
/// # What it becomes
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
/// becomes, but for attributes that keep lints quiet:
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
/// What stands in `coalescer::macro_support` is for this alone, and may change with any version.
#[proc_macro_attribute]
pub fn coalesce(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(attribute.into(), item.into()).into()
}

/// The README's example, which is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
