//! The keys of `#[coalesce]`.

use std::sync::Arc;

use coalescer_macros::coalesce;

use crate::attribute::Count;
use crate::support::watched;

#[test]
fn the_key_is_all_arguments_as_they_are() {
    // S52: the key keeps the arguments apart: ("ab", "c") is not ("a", "bc").
    #[coalesce(window = "1h")]
    fn joined(one: &str, other: String, numbers: &[u8]) -> String {
        let mut own = other;
        own.insert_str(0, one);
        format!("{own}{numbers:?}")
    }
    watched(|| {
        let ask = |one, other: &str, numbers| joined(one, other.to_owned(), numbers).unwrap();
        let first = ask("ab", "c", &[1, 2]);
        assert_eq!(*first, "abc[1, 2]");
        assert!(Arc::ptr_eq(&first, &ask("ab", "c", &[1, 2])));
        for (one, other, numbers) in [("a", "bc", &[1, 2][..]), ("ab", "c", &[1]), ("", "", &[])] {
            assert!(!Arc::ptr_eq(&first, &ask(one, other, numbers)));
        }
        let stats = joined::coalescer().stats();
        assert_eq!((stats.executed_requests, stats.late), (4, 1));
    });
}

/// A key that counts its clones.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Counted(u8);

static CLONES: Count = Count::new();

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.next();
        Self(self.0)
    }
}

#[test]
fn arguments_are_owned_only_where_a_flight_starts() {
    // S52: the look-up borrows references and values.
    #[coalesce(window = "1h")]
    fn by_several(lent: &Counted, own: Counted, slice: &[Counted]) -> usize {
        let own: Counted = own;
        usize::from(own.0) + slice.len() + usize::from(lent.0)
    }
    #[coalesce(window = "1h")]
    fn by_one(lent: &Counted) -> u8 {
        lent.0
    }
    watched(|| {
        let slice = [Counted(1), Counted(2)];
        let ask = || *by_several(&Counted(1), Counted(2), &slice).unwrap();
        assert_eq!((ask(), CLONES.get()), (5, 5), "one each for the key, and one for the body");
        assert_eq!((ask(), ask(), CLONES.get()), (5, 5, 5));
        assert!(!by_several::forget(&Counted(9), Counted(2), &slice));
        assert!(by_several::forget(&Counted(1), Counted(2), &slice));
        assert_eq!(CLONES.get(), 5);
        assert_eq!((*by_one(&Counted(1)).unwrap(), CLONES.get()), (1, 6));
        assert_eq!((*by_one(&Counted(1)).unwrap(), CLONES.get()), (1, 6));
        // A tuple of owned arguments finds them too: its hash is the same.
        ask();
        let owned = (Counted(1), Counted(2), vec![Counted(1), Counted(2)]);
        assert!(by_several::coalescer().forget(&owned));
    });
}

/// A connection, which does not affect the result.
struct Connection {
    queries: u64,
}

#[test]
fn what_is_skipped_is_the_leaders_own() {
    // S52 S3
    #[coalesce(window = "1h", skip(connection, label))]
    fn find(connection: &mut Connection, id: u64, label: String) -> String {
        connection.queries += 1;
        let mut label = label;
        label.push_str(&id.to_string());
        label
    }
    watched(|| {
        let mut connections = [Connection { queries: 0 }, Connection { queries: 0 }];
        let [first, second] = &mut connections;
        assert_eq!(*find(first, 7, "first ".into()).unwrap(), "first 7");
        assert_eq!(*find(second, 7, "second ".into()).unwrap(), "first 7");
        assert_eq!(*find(second, 8, "second ".into()).unwrap(), "second 8");
        assert!(find::forget(8));
        assert_eq!(connections.map(|connection| connection.queries), [1, 1]);
    });
}

#[derive(Debug)]
struct User {
    id: u64,
    name: String,
}

#[test]
fn a_key_can_be_said() {
    // S52: an argument, several in any order, or any expression with its type.
    #[coalesce(window = "1h", key = id)]
    fn by_id(_trace: &str, id: u64) -> u64 {
        id
    }
    #[coalesce(window = "1h", key = (second, first))]
    fn by_both(first: u8, second: &str, _third: f64) -> String {
        format!("{first}{second}")
    }
    #[coalesce(window = "1h", key: u64 = user.id)]
    fn by_field(user: &User) -> String {
        user.name.clone()
    }
    #[coalesce(window = "1h", key: String = &user.name[..1])]
    fn by_initial(user: &User) -> u64 {
        user.id
    }
    #[coalesce(window = "1h", key: Vec<u8> = { let mut sorted = numbers.clone(); sorted.sort(); sorted })]
    fn by_set(numbers: Vec<u8>) -> Vec<u8> {
        numbers
    }
    static RUNS: Count = Count::new();
    #[coalesce(window = "1h", key = ())]
    fn by_nothing(_anything: f64) -> u64 {
        RUNS.next()
    }
    watched(|| {
        let user = |id, name: &str| User { id, name: name.to_owned() };
        assert_eq!([*by_id("a", 1).unwrap(), *by_id("b", 1).unwrap()], [1, 1]);
        assert_eq!(by_id::coalescer().stats().executed_requests, 1);
        assert_eq!(*by_both(1, "a", 0.5).unwrap(), "1a");
        assert_eq!(*by_both(1, "a", 1.5).unwrap(), "1a");
        assert!(by_both::forget("a", 1));
        assert_eq!(*by_field(&user(1, "ada")).unwrap(), "ada");
        assert_eq!(*by_field(&user(1, "grace")).unwrap(), "ada");
        assert!(by_field::coalescer().forget(&1));
        assert_eq!(*by_initial(&user(1, "ada")).unwrap(), 1);
        assert_eq!(*by_initial(&user(2, "alan")).unwrap(), 1);
        assert!(by_initial::coalescer().forget("a"));
        assert_eq!(*by_set(vec![2, 1]).unwrap(), [2, 1]);
        assert_eq!(*by_set(vec![1, 2]).unwrap(), [2, 1]);
        assert_eq!([*by_nothing(0.5).unwrap(), *by_nothing(1.5).unwrap()], [1, 1]);
    });
}

#[test]
fn an_option_of_a_reference_and_a_tuple_of_them_are_owned_by_the_key() {
    // S52
    #[coalesce(window = "1h")]
    fn found<'a>(name: Option<&'a str>) -> usize {
        name.map_or(0, str::len)
    }
    #[coalesce(window = "1h")]
    fn joined(pair: (&str, u64, Option<&[u8]>), suffix: &str) -> String {
        format!("{}{}{}{suffix}", pair.0, pair.1, pair.2.map_or(0, <[u8]>::len))
    }
    watched(|| {
        for _ in 0..2 {
            assert_eq!(*joined(("a", 1, Some(&[1, 2])), "x").unwrap(), "a12x");
            assert_eq!(*joined(("a", 1, None), "x").unwrap(), "a10x");
        }
        assert_eq!([*found(None).unwrap(), *found(Some("ada")).unwrap()], [0, 3]);
        assert!(found::forget(Some("ada")) && found::forget(None));
        assert_eq!(joined::coalescer().stats().executed_requests, 2);
        assert!(joined::forget(("a", 1, None), "x"));
        assert!(!joined::forget(("a", 2, None), "x"));
    });
}
