//! The values and errors that must be `Clone`: shown by the compiler, in pairs of examples.
//!
//! In each pair the example that must not compile differs from the other only by a `derive`.
//!
//! coalescer shares values and errors as `Arc`s of its own:
//!
//! ```
//! struct Value;
//! struct Failure;
//! let group: coalescer::Group<u32, Value, Failure> = coalescer::Group::new();
//! assert!(group.execute(&1, || Ok(Value)).is_ok());
//! assert!(group.execute(&2, || Err(Failure)).is_err());
//! ```
//!
//! moka clones values, and shares errors as `Arc`s:
//!
//! ```
//! #[derive(Clone)]
//! struct Value;
//! struct Failure;
//! let cache: moka::sync::Cache<u32, Value> = moka::sync::Cache::new(10);
//! assert!(cache.try_get_with(1, || Ok::<_, Failure>(Value)).is_ok());
//! ```
//! ```compile_fail
//! struct Value;
//! struct Failure;
//! let cache: moka::sync::Cache<u32, Value> = moka::sync::Cache::new(10);
//! assert!(cache.try_get_with(1, || Ok::<_, Failure>(Value)).is_ok());
//! ```
//!
//! quick_cache clones values, and does not share errors:
//!
//! ```
//! #[derive(Clone)]
//! struct Value;
//! struct Failure;
//! let cache: quick_cache::sync::Cache<u32, Value> = quick_cache::sync::Cache::new(10);
//! assert!(cache.get_or_insert_with(&1, || Ok::<_, Failure>(Value)).is_ok());
//! ```
//! ```compile_fail
//! struct Value;
//! struct Failure;
//! let cache: quick_cache::sync::Cache<u32, Value> = quick_cache::sync::Cache::new(10);
//! assert!(cache.get_or_insert_with(&1, || Ok::<_, Failure>(Value)).is_ok());
//! ```
//!
//! singleflight clones what the function returns, value or error:
//!
//! ```
//! #[derive(Clone, Debug)]
//! struct Value;
//! #[derive(Clone, Debug)]
//! struct Failure;
//! let group = singleflight::Group::new();
//! assert!(group.work("1", || Ok::<_, Failure>(Value)).is_ok());
//! ```
//! ```compile_fail
//! #[derive(Debug)]
//! struct Value;
//! #[derive(Clone, Debug)]
//! struct Failure;
//! let group = singleflight::Group::new();
//! assert!(group.work("1", || Ok::<_, Failure>(Value)).is_ok());
//! ```
//! ```compile_fail
//! #[derive(Clone, Debug)]
//! struct Value;
//! #[derive(Debug)]
//! struct Failure;
//! let group = singleflight::Group::new();
//! assert!(group.work("1", || Ok::<_, Failure>(Value)).is_ok());
//! ```

/// The result of the examples above for one crate.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Must values be `Clone`?
    pub values: &'static str,
    /// Must errors be `Clone`?
    pub errors: &'static str,
}

/// The result of the examples above for the crate of this name.
pub fn of(name: &str) -> Bounds {
    match name {
        "coalescer" => Bounds { values: "no", errors: "no" },
        "moka" => Bounds { values: "yes", errors: "no" },
        "quick_cache" => Bounds { values: "yes", errors: "no, each call gets its own" },
        "singleflight" => Bounds { values: "yes", errors: "yes" },
        _ => Bounds { values: "does not apply", errors: "does not apply" },
    }
}
