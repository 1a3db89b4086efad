//! `#[coalesce]` on methods.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use coalescer::{Error, Group};
use coalescer_macros::coalesce;

use crate::support::watched;

/// A type with the three kinds of coalesced methods.
struct Users {
    table: &'static str,
    flights: Group<(String, u64), String, String>,
}

impl Users {
    fn of(table: &'static str) -> Self {
        Self { table, flights: Group::builder().window(Duration::MAX).build() }
    }

    #[coalesce(group = self.flights)]
    fn in_itself(&self, tenant: &str, id: u64) -> Result<String, String> {
        self.query(tenant, id)
    }

    /// All tables share this method's flights. That is wrong for tables, and right for several
    /// connections to one table.
    #[coalesce(window = "1h", skip(self))]
    fn whoever_it_is(&self, tenant: &str, id: u64) -> Result<String, String> {
        self.query(tenant, id)
    }

    #[coalesce(window = "1h", key: (&'static str, u64) = (self.table, id))]
    fn by_table(&self, id: u64) -> Result<String, String> {
        self.query("any", id)
    }

    #[coalesce(window = "1h", skip(self))]
    fn of_an_arc(self: Arc<Self>, id: u64) -> Result<Self, String> {
        Ok(Self::of(if id == 0 { self.table } else { "other" }))
    }

    #[coalesce(window = "1h", associated)]
    fn any(table: &'static str) -> Option<Self> {
        Some(Self::of(table)).filter(|users| users.table != "none")
    }

    fn query(&self, tenant: &str, id: u64) -> Result<String, String> {
        Ok(format!("{tenant}: {id} of {}", self.table))
    }
}

#[test]
fn methods_say_what_self_is_to_the_key() {
    // S52
    watched(|| {
        let [one, other] = [Users::of("one"), Users::of("other")];
        assert_eq!(*one.in_itself("acme", 7).unwrap(), "acme: 7 of one");
        assert_eq!(*other.in_itself("acme", 7).unwrap(), "acme: 7 of other");
        assert_eq!(*one.in_itself("acme", 7).unwrap(), "acme: 7 of one");
        assert_eq!(one.flights.stats().executed_requests, 1);

        assert_eq!(*one.whoever_it_is("acme", 7).unwrap(), "acme: 7 of one");
        assert_eq!(*other.whoever_it_is("acme", 7).unwrap(), "acme: 7 of one");
        assert_eq!(Users::whoever_it_is_coalescer().stats().late, 1);
        assert!(Users::whoever_it_is_forget("acme", 7));

        assert_eq!(*one.by_table(7).unwrap(), "any: 7 of one");
        assert_eq!(*other.by_table(7).unwrap(), "any: 7 of other");
        assert!(Users::by_table_coalescer().forget(&("one", 7)));

        assert_eq!(Arc::new(one).of_an_arc(0).unwrap().table, "one");
        assert_eq!(Arc::new(other).of_an_arc(0).unwrap().table, "one");

        assert_eq!(Users::any("a").unwrap().as_ref().as_ref().unwrap().table, "a");
        assert!(Users::any("none").unwrap().is_none());
        assert_eq!(Users::any_coalescer().stats().executed_requests, 2);
        assert!(Users::any_forget("none"));
        let name = Users::any_coalescer().name().unwrap();
        assert_eq!(name, "it::attribute_methods::Users::any");
    });
}

#[test]
fn a_function_may_be_given_its_group() {
    // S52: a group in any place, and a type that derefs to a group.
    static LENGTHS: LazyLock<Group<String, usize, String>> =
        LazyLock::new(|| Group::builder().window(Duration::MAX).build());
    #[coalesce(group = LENGTHS)]
    fn length(word: &str) -> Result<usize, String> {
        Ok(word.len())
    }
    #[coalesce(group = group, key = word)]
    fn by_argument(group: &Group<String, usize, String>, word: &str) -> Result<usize, String> {
        Ok(word.len())
    }
    watched(|| {
        assert_eq!((*length("four").unwrap(), *length("four").unwrap()), (4, 4));
        assert_eq!(LENGTHS.stats().executed_requests, 1);
        let own = Group::new();
        assert_eq!(*by_argument(&own, "four").unwrap(), 4);
        assert_eq!((own.stats().total_requests, LENGTHS.stats().total_requests), (1, 2));
    });
}

trait Find {
    fn find(&self, id: u64) -> Result<Arc<u64>, Error<String>>;

    #[coalesce(window = "1h", skip(self))]
    fn name(&self, id: u64) -> String {
        format!("{} {id}", std::any::type_name::<Self>())
    }
}

struct Database(Group<u64, u64, String>);

impl Find for Database {
    #[coalesce(group = self.0)]
    fn find(&self, id: u64) -> Result<u64, String> {
        Ok(id)
    }
}

impl Find for u8 {
    fn find(&self, id: u64) -> Result<Arc<u64>, Error<String>> {
        Ok(Arc::new(u64::from(*self) + id))
    }
}

#[test]
fn methods_of_traits_are_coalesced_too() {
    // S52: with an own group in an `impl`; a default method has a group for each implementor.
    watched(|| {
        let database = Database(Group::new());
        assert_eq!((*database.find(7).unwrap(), *1u8.find(7).unwrap()), (7, 8));
        assert_eq!(database.0.stats().total_requests, 1);
        assert!(database.name(7).unwrap().ends_with("Database 7"));
        assert_eq!(*1u8.name(7).unwrap(), "u8 7");
        assert_eq!(u8::name_coalescer().stats().total_requests, 1);
    });
}
