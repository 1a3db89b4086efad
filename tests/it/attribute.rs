//! Functions with `#[coalesce]`.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt::{Debug, Display};
use std::hash::RandomState;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, LazyLock};
use std::thread;
use std::time::Duration;

use coalescer::{Error, Group, ManualClock, OnDeadlock, ShareWith};
use coalescer_macros::coalesce;

use crate::support::{MS, NS, text, wait_until, watched};

/// Counts, each time another number.
#[derive(Default)]
struct Count(AtomicU64);

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn the_key_is_all_arguments_as_they_are() {
    // S52: no string is made of them, in which "ab", "c" would be "a", "bc".
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

#[test]
fn calls_at_the_same_time_share_one_execution() {
    // S1 S4 S52
    static STARTED: Barrier = Barrier::new(2);
    static TOLD: Barrier = Barrier::new(2);
    #[coalesce(window = "0s")]
    fn slow(key: &str) -> Result<usize, String> {
        STARTED.wait();
        TOLD.wait();
        Ok(key.len())
    }
    watched(|| {
        let leader = thread::spawn(|| slow("four"));
        STARTED.wait();
        let followers = [(); 7].map(|()| thread::spawn(|| slow("four")));
        wait_until(|| slow::coalescer().in_flight()[0].followers == 7);
        TOLD.wait();
        let value = leader.join().unwrap().unwrap();
        for follower in followers {
            assert!(Arc::ptr_eq(&follower.join().unwrap().unwrap(), &value));
        }
        assert_eq!(slow::coalescer().stats().executed_requests, 1);
    });
}

mod apart {
    use coalescer_macros::coalesce;

    #[coalesce(window = "1h")]
    pub(super) fn number(_key: &str) -> u8 {
        1
    }

    pub(super) mod inner {
        use coalescer_macros::coalesce;

        #[coalesce(window = "1h")]
        pub(in crate::attribute) fn number(_key: &str) -> u8 {
            2
        }
    }
}

#[test]
fn two_functions_never_share() {
    // S52: neither by name nor by signature, nor where they stand.
    watched(|| {
        let first = {
            #[coalesce(window = "1h")]
            fn number(_key: &str) -> u8 {
                3
            }
            number("k").unwrap()
        };
        let second = {
            #[coalesce(window = "1h")]
            fn number(_key: &str) -> u8 {
                4
            }
            number("k").unwrap()
        };
        let others = [apart::number("k").unwrap(), apart::inner::number("k").unwrap()];
        assert_eq!([first, second, others[0].clone(), others[1].clone()].map(|n| *n), [3, 4, 1, 2]);
        assert_eq!(apart::number::coalescer().stats().total_requests, 1);
        assert!(apart::inner::number::forget("k"));
        assert!(apart::number::forget("k"));
    });
}

#[test]
fn each_choice_of_types_is_a_function_of_its_own() {
    // S52
    #[coalesce(window = "1h", key = key)]
    fn name<T: ?Sized, const N: usize>(key: u8, shown: &dyn Debug) -> String {
        let _ = key;
        format!("{} {N} {shown:?}", std::any::type_name::<T>())
    }
    watched(|| {
        assert_eq!(*name::<u8, 1>(7, &"first").unwrap(), "u8 1 \"first\"");
        assert_eq!(*name::<u8, 1>(7, &"second").unwrap(), "u8 1 \"first\"");
        assert_eq!(*name::<str, 1>(7, &()).unwrap(), "str 1 ()");
        assert_eq!(*name::<u8, 2>(7, &()).unwrap(), "u8 2 ()");
        assert_eq!(name::coalescer::<u8, 1>().stats().total_requests, 2);
        assert_eq!(name::coalescer::<[u8], 1>().stats().total_requests, 0);
        assert!(name::forget::<u8, 2>(7) && !name::forget::<u8, 2>(7));
        assert_eq!(*name::<u8, 1>(7, &()).unwrap(), "u8 1 \"first\"");
    });
}

#[test]
fn types_that_are_borrowed_are_told_apart_as_well() {
    // S52: the types need not be 'static.
    struct Lent<'a, T>(&'a T);
    impl<T: Display> Lent<'_, T> {
        #[coalesce(window = "1h", skip(self))]
        fn show(&self, key: u8) -> String {
            format!("{key} {}", self.0)
        }
    }
    watched(|| {
        let (number, word) = (1, String::from("one"));
        assert_eq!(*Lent(&number).show(7).unwrap(), "7 1");
        assert_eq!(*Lent(&word).show(7).unwrap(), "7 one");
        assert_eq!(*Lent(&2).show(7).unwrap(), "7 1");
        assert_eq!(*Lent(&&number).show(7).unwrap(), "7 1");
        assert_eq!(Lent::<String>::show_coalescer().stats().executed_requests, 1);
    });
}

#[test]
fn a_result_is_shared_by_its_value_and_its_error() {
    // S16 S52
    #[coalesce(window = "1h", error_window = "1h")]
    fn half(number: u64) -> Result<u64, String> {
        let half = number.checked_div(2).ok_or("no number")?;
        if half * 2 != number {
            return Err(format!("{number} is odd"));
        }
        Ok(half)
    }
    watched(|| {
        assert_eq!(*half(6).unwrap(), 3);
        let [first, second] = [(); 2].map(|()| half(7).unwrap_err());
        assert_eq!(first.to_string(), "7 is odd");
        assert!(Arc::ptr_eq(first.failed().unwrap(), second.failed().unwrap()));
    });
}

#[test]
fn the_error_of_a_result_need_not_be_written_out() {
    // S52
    #[coalesce]
    fn read(path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
    #[coalesce]
    fn shown(number: u8) -> std::fmt::Result {
        if number > 9 { Err(std::fmt::Error) } else { Ok(()) }
    }
    #[coalesce]
    fn in_full(number: u8) -> std::result::Result<u8, u8> {
        Err(number)
    }
    watched(|| {
        let error: Error<io::Error> = read(Path::new("no/such/file")).unwrap_err();
        assert_eq!(error.failed().unwrap().kind(), io::ErrorKind::NotFound);
        assert!(shown(10).unwrap_err().is_failed() && shown(1).is_ok());
        assert_eq!(**in_full(3).unwrap_err().failed().unwrap(), 3);
    });
}

#[test]
fn a_plain_value_cannot_fail_but_the_call_can() {
    // S52 S22 S41
    #[coalesce]
    fn length(word: &str) -> Option<usize> {
        if word.is_empty() {
            return None;
        }
        Some(word.len())
    }
    #[coalesce]
    fn own_key(key: u8) -> bool {
        own_key(key).unwrap_err().would_deadlock()
    }
    static RUNS: Count = Count::new();
    #[coalesce(window = "1h")]
    fn nothing() {
        RUNS.next();
    }
    watched(|| {
        let value: Result<Arc<Option<usize>>, Error<Infallible>> = length("four");
        assert_eq!((*value.unwrap(), *length("").unwrap()), (Some(4), None));
        assert!(*own_key(1).unwrap());
        for _ in 0..3 {
            *nothing().unwrap();
        }
        assert_eq!(RUNS.get(), 1);
        assert!(nothing::forget());
    });
}

#[test]
fn a_panic_goes_through_the_leaders_call() {
    // S21 S23
    static FAILS: Count = Count::new();
    #[coalesce]
    fn fails_once(key: u8) -> u8 {
        assert!(FAILS.next() > 1, "the first");
        key
    }
    watched(|| {
        let panic = std::panic::catch_unwind(|| fails_once(1)).unwrap_err();
        assert_eq!(text(&*panic), "the first");
        assert_eq!(*fails_once(1).unwrap(), 1);
    });
}

/// Counts how often it is cloned.
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
    // S52: looked up borrowed, the references as well as the values.
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
        // A tuple of the owned finds them too: the same hash, whoever makes it.
        ask();
        let owned = (Counted(1), Counted(2), vec![Counted(1), Counted(2)]);
        assert!(by_several::coalescer().forget(&owned));
    });
}

/// A connection, which is a means and no question.
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
    // S52: an argument, several in any order, or any expression of a type that is said too.
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

/// Three ways of a method to its flights.
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

    /// All tables are one to this, which is wrong for tables and right for connections to one.
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
    });
}

#[test]
fn a_function_may_be_given_its_group() {
    // S52: where it is, and what refers to one.
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
    // S52: by a group of one's own in an `impl`, and each implementor apart in a default.
    watched(|| {
        let database = Database(Group::new());
        assert_eq!((*database.find(7).unwrap(), *1u8.find(7).unwrap()), (7, 8));
        assert_eq!(database.0.stats().total_requests, 1);
        assert!(database.name(7).unwrap().ends_with("Database 7"));
        assert_eq!(*1u8.name(7).unwrap(), "u8 7");
        assert_eq!(u8::name_coalescer().stats().total_requests, 1);
    });
}

static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);

#[test]
fn the_window_is_the_default_unless_it_is_said() {
    // S10 S8
    const SHORT: Duration = MS;
    static RUNS: Count = Count::new();
    #[coalesce(clock = CLOCK.clone())]
    fn by_default() -> u64 {
        RUNS.next()
    }
    #[coalesce(precise_clock, clock = CLOCK.clone(), window = SHORT)]
    fn short() -> u64 {
        RUNS.next()
    }
    #[coalesce(clock = CLOCK.clone(), window = "1m 1ms")]
    fn long() -> u64 {
        RUNS.next()
    }
    watched(|| {
        let ask = || [*by_default().unwrap(), *short().unwrap(), *long().unwrap()];
        assert_eq!(ask(), [1, 2, 3]);
        CLOCK.advance(MS - NS);
        assert_eq!(ask(), [1, 2, 3]);
        CLOCK.advance(99 * MS);
        assert_eq!(ask(), [1, 4, 3]);
        CLOCK.advance(NS);
        assert_eq!(ask(), [5, 4, 3]);
        CLOCK.advance(59_901 * MS);
        assert_eq!(ask()[2], 8);
    });
}

#[test]
fn every_setting_reaches_the_builder() {
    // S13 S18 S40 S41 S47
    static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    static RUNS: Count = Count::new();
    static ASKED: Count = Count::new();
    #[coalesce(
        name = "all of them",
        window = "1h",
        error_window = "1h",
        max_requests = 3,
        max_join_age = "1h",
        max_wait = "1h",
        leader_timeout = "1h",
        max_leaders = 3,
        max_retained = 2,
        shards = 1,
        share_if = |value| *value != 0,
        on_deadlock = OnDeadlock::Bypass,
        hasher = RandomState,
        clock = CLOCK.clone(),
    )]
    fn all_of_them(key: u64) -> Result<u64, u64> {
        RUNS.next();
        match key {
            7 => Err(key),
            // Asks for its own key, once.
            9 if ASKED.next() == 1 => Ok(*all_of_them(9).unwrap()),
            _ => Ok(key),
        }
    }
    watched(|| {
        let group: &Group<u64, u64, u64, RandomState> = all_of_them::coalescer();
        assert_eq!(group.name(), Some("all of them"));
        let runs = |key| {
            CLOCK.advance(NS);
            let before = RUNS.get();
            let _ = all_of_them(key);
            RUNS.get() - before
        };
        assert_eq!([runs(1), runs(1), runs(1), runs(1)], [1, 0, 0, 1], "max_requests");
        assert_eq!([runs(7), runs(7)], [1, 0], "error_window");
        assert_eq!([runs(0), runs(0)], [1, 1], "share_if");
        assert_eq!(runs(9), 2, "on_deadlock");
        assert_eq!([runs(2), runs(3), runs(2), runs(1)], [1, 1, 0, 1], "max_retained");
    });
}

#[test]
fn waiting_and_taking_over_are_settings_too() {
    // S33 S36 S44
    static CLOCK: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    static STARTED: Barrier = Barrier::new(2);
    static TOLD: Barrier = Barrier::new(2);
    static RUNS: Count = Count::new();
    fn first_is_slow() -> u64 {
        let run = RUNS.next();
        if run % 2 == 1 {
            STARTED.wait();
            TOLD.wait();
        }
        run
    }
    #[coalesce(clock = CLOCK.clone(), leader_timeout = "1s")]
    fn taken_over() -> u64 {
        first_is_slow()
    }
    static TOLD_OF: Count = Count::new();
    #[coalesce(clock = CLOCK.clone(), max_wait = "0s", on_slow("1s", |slow| {
        assert_eq!((slow.key, slow.age), (&(), Duration::from_secs(1)));
        TOLD_OF.next();
    }))]
    fn told_of() -> u64 {
        first_is_slow()
    }
    #[coalesce(clock = CLOCK.clone(), max_join_age = "1s")]
    fn not_joined() -> u64 {
        first_is_slow()
    }
    #[coalesce(clock = CLOCK.clone(), max_wait = "0s")]
    fn not_waited_for() -> u64 {
        first_is_slow()
    }
    watched(|| {
        let meet = |call: fn() -> Result<Arc<u64>, Error<Infallible>>| {
            let stuck = thread::spawn(call);
            STARTED.wait();
            CLOCK.advance(Duration::from_secs(1));
            let other = call();
            TOLD.wait();
            stuck.join().unwrap().unwrap();
            other
        };
        assert_eq!(*meet(taken_over).unwrap(), 2);
        assert_eq!(*meet(not_joined).unwrap(), 4);
        assert!(meet(not_waited_for).unwrap_err().is_timeout());
        assert_eq!(taken_over::coalescer().stats().takeovers, 1);
        // The call before left an odd number of runs.
        RUNS.next();
        assert!(meet(told_of).unwrap_err().is_timeout());
        assert_eq!(TOLD_OF.get(), 1);
    });
}

#[test]
fn a_group_has_the_path_of_its_function_for_a_name() {
    // S52: for whoever reads logs.
    #[coalesce]
    fn r#type(r#in: u8) -> u8 {
        r#in
    }
    watched(|| {
        assert_eq!(*r#type(7).unwrap(), 7);
        assert_eq!(r#type::coalescer().name(), Some("it::attribute::type"));
        let name = Users::any_coalescer().name().unwrap();
        assert_eq!(name, "it::attribute::Users::any");
    });
}

/// Another place for the library, as a crate that passes it on has.
mod passed_on {
    pub(super) use coalescer as library;
}

#[test]
fn the_library_may_be_found_elsewhere() {
    // S52
    #[coalesce(crate = crate::attribute::passed_on::library)]
    fn length(word: &str) -> io::Result<usize> {
        Ok(word.len())
    }
    watched(|| assert_eq!(*length("four").unwrap(), 4));
}

macro_rules! sums {
    ($($name:ident: $number:ident: $ty:ty),*) => {$(
        #[coalesce]
        fn $name(flights: $ty, $number: $ty) -> $ty {
            flights + $number
        }
    )*};
}

sums!(bytes: flight: u8, words: group: u16);

#[test]
fn functions_that_a_macro_writes_are_like_others() {
    // S52: and names of the expansion do not get in the way of those of arguments.
    #[coalesce]
    fn sum(flights: u64, group: u64, key: u64, verb: u64, mut f: u64) -> u64 {
        f += flights + group;
        f + key + verb
    }
    watched(|| {
        assert_eq!((*bytes(1, 2).unwrap(), *words(3, 4).unwrap()), (3, 7));
        assert_eq!(*sum(1, 2, 3, 4, 5).unwrap(), 15);
    });
}

#[test]
fn lifetimes_of_arguments_do_not_matter() {
    // S52
    #[coalesce(window = "1h", skip(cow))]
    fn longest<'a, 'b: 'a>(one: &'a str, mut other: &'b str, cow: Cow<'a, str>) -> String
    where
        'a: 'a,
    {
        if one.len() > other.len() {
            other = one;
        }
        format!("{other}{cow}")
    }
    watched(|| {
        let one = String::from("three");
        assert_eq!(*longest(&one, "four", "!".into()).unwrap(), "three!");
        assert!(longest::forget(&one, "four"));
    });
}

#[test]
fn twelve_arguments_are_a_key() {
    // S52
    #[expect(clippy::too_many_arguments, reason = "as many as there may be")]
    #[coalesce(window = "1h")]
    fn all(
        a: u8,
        b: u16,
        c: u32,
        d: u64,
        e: i8,
        f: i16,
        g: &str,
        h: bool,
        i: char,
        j: (u8, u8),
        k: Option<u8>,
        l: [u8; 2],
    ) -> String {
        format!("{a}{b}{c}{d}{e}{f}{g}{h}{i}{j:?}{k:?}{l:?}")
    }
    watched(|| {
        let ask = |last| all(1, 2, 3, 4, 5, 6, "7", true, '9', (1, 0), None, [1, last]).unwrap();
        assert!(ask(2).starts_with("1234567true9"));
        assert!(Arc::ptr_eq(&ask(2), &ask(2)));
        assert!(!Arc::ptr_eq(&ask(2), &ask(3)));
    });
}

#[test]
fn attributes_of_a_function_stay_with_it() {
    // S52
    #[cfg(any())]
    #[coalesce]
    fn not_built(id: NoSuchType) -> u8 {
        id
    }
    #[coalesce]
    #[cfg(any())]
    fn not_built(id: NoSuchType) -> u8 {
        id
    }
    #[coalesce]
    #[deprecated = "is what it is"]
    fn old(#[expect(unused_variables, reason = "it is an attribute of an argument")] id: u8) -> u8 {
        7
    }
    fn not_built() {}
    watched(|| {
        not_built();
        #[expect(deprecated, reason = "that is what the test is about")]
        let value = old(1);
        assert_eq!(*value.unwrap(), 7);
    });
}

#[test]
fn a_value_can_be_for_those_who_wait_only() {
    // S40 S52
    #[coalesce(window = "1h", share_with = |id| match id {
        0 => ShareWith::Followers,
        _ => ShareWith::Everyone,
    })]
    fn runs(id: u64) -> u64 {
        id
    }
    watched(|| {
        for id in [0, 0, 1, 1] {
            runs(id).unwrap();
        }
        assert_eq!(runs::coalescer().stats().executed_requests, 3, "0 twice, and 1 once");
    });
}
