//! Functions with `#[coalesce]`: sharing and return types.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt::{Debug, Display};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use coalescer::Error;
use coalescer_macros::coalesce;

use crate::support::{text, wait_until, watched};

/// A counter: each execution returns the next number.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
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
    // S52: two functions never share, even with equal names, signatures or places.
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
        assert_eq!(**first.failed().unwrap(), "7 is odd");
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
    // S52: the names in the expansion do not clash with those of arguments.
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
