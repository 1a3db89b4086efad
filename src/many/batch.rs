//! [`Batch`]: one run of a function for many keys, as the function sees it.

use std::any::Any;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::engine::completion::{Completion, Made, Panic, RunResult};
use crate::engine::reach::Reach;
use crate::engine::slot::SlotRef;
use crate::engine::table::Table;
use crate::error::Error;
use crate::execute::attempt;
use crate::hasher::DefaultHashBuilder;
use crate::key::ToKey;
use crate::many::keys::FEW;
use crate::many::part::{OfKey, Open, Part, Run, set};
use crate::observe::SlowReport;
use crate::share::ShareRules;
use crate::sync::Handle;
use crate::wait::contain::drop_contained;
use crate::wait::gate::Gate;

/// The keys of one run, and the place for their answers.
///
/// The functions of [`Group::execute_many_with`](crate::Group::execute_many_with) and of a
/// [`Batcher`](crate::Batcher) get a batch. An answer is published at once: the calls that
/// follow its key have it before the function returns.
///
/// | a key that the function | gets |
/// |---|---|
/// | answers | that answer; the first one counts |
/// | leaves open, and returns an error | the error, with all other open keys |
/// | leaves open, and returns `Ok` | [`Error::Missing`] |
/// | leaves open, and panics | [`Error::LeaderPanicked`], but for the call itself, where the panic goes on |
///
/// # Examples
///
/// Rows that are absent are an answer too, and are kept:
///
/// ```
/// use coalescer::{Batch, Group};
///
/// # struct Db;
/// # impl Db {
/// #     fn select(&self, ids: &[u64]) -> Result<Vec<(u64, String)>, String> {
/// #         Ok(ids.iter().filter(|id| **id != 0).map(|id| (*id, format!("user {id}"))).collect())
/// #     }
/// # }
/// # let db = Db;
/// let group: Group<u64, Option<String>, String> = Group::new();
/// let users = group.execute_many_with(&[7, 0], |batch: &mut Batch<'_, u64, _, _>| {
///     for (id, name) in db.select(batch.keys())? {
///         batch.answer(&id, Ok(Some(name)));
///     }
///     batch.answer_rest(|_| Ok(None));
///     Ok(())
/// });
/// assert_eq!(users[0].as_deref().unwrap().as_deref(), Some("user 7"));
/// assert_eq!(users[1].as_deref().unwrap().as_deref(), None);
/// ```
pub struct Batch<'b, K, V, E> {
    table: &'b Table<K, V, E>,
    rules: &'b ShareRules<V, E>,
    keys: Vec<K>,
    /// The parts of the keys.
    open: Vec<Open<'b, K, V, E>>,
    /// The place where the next answer is looked for first.
    next: usize,
    /// Made when an answer is not where it is looked for first.
    index: Option<Index>,
    ended: EndedBatch<K, V, E>,
}

/// The outcome of a run.
pub(super) struct EndedBatch<K, V, E> {
    /// The answers for the call itself, by their places there.
    pub(super) answers: Vec<Option<OfKey<V, E>>>,
    /// How many calls the run answered.
    pub(super) callers: usize,
    pub(super) reports: Vec<SlowReport<K>>,
    pub(super) panic: Option<Arc<Panic>>,
}

/// The places of keys by their hashes.
struct Index {
    hasher: DefaultHashBuilder,
    places: HashTable<usize>,
}

impl<K, V, E> Batch<'_, K, V, E> {
    /// The keys to ask for: each once, in the order in which the call gave them.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, u64, ()> = Group::new();
    /// group.execute_many_with(&[3, 1, 3], |batch| {
    ///     assert_eq!(batch.keys(), [3, 1]);
    ///     batch.answer_rest(|n| Ok(n * n));
    ///     Ok(())
    /// });
    /// ```
    #[must_use]
    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    /// Answers one key, and publishes that at once. Returns false, and drops the result, if the key has an
    /// answer or is none of [`keys`](Self::keys).
    ///
    /// Answers in the order of `keys` are found without a look at the other keys.
    ///
    /// # Panics
    ///
    /// A panic of [`share_if`](crate::Builder::share_if) and its kin is the panic of this key, and passes
    /// through. So does one of the key's `Hash` and [`ToKey::is_key`].
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Group;
    ///
    /// let group: Group<String, usize, ()> = Group::new();
    /// let lengths = group.execute_many_with(["a", "abc"], |batch| {
    ///     assert!(batch.answer("abc", Ok(3)));
    ///     assert!(!batch.answer("abc", Ok(4)), "it has an answer");
    ///     assert!(!batch.answer("b", Ok(1)), "nobody asked");
    ///     Ok(())
    /// });
    /// assert!(lengths[0].as_ref().unwrap_err().is_missing());
    /// assert_eq!(**lengths[1].as_ref().unwrap(), 3);
    /// ```
    pub fn answer<Q>(&mut self, key: &Q, result: Result<V, E>) -> bool
    where
        Q: ?Sized + ToKey<K>,
        K: Hash,
    {
        match self.place_of(key) {
            Some(place) => self.answer_at(place, result),
            None => false,
        }
    }

    /// Answers the key at this place of [`keys`](Self::keys), as [`answer`](Self::answer) does. Returns false
    /// if the key has an answer or there is no such place.
    ///
    /// # Panics
    ///
    /// As [`answer`](Self::answer).
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, u64, ()> = Group::new();
    /// let squares = group.execute_many_with(&[3, 4], |batch| {
    ///     assert!(batch.answer_at(1, Ok(16)) && batch.answer_at(0, Ok(9)));
    ///     assert!(!batch.answer_at(2, Ok(25)));
    ///     Ok(())
    /// });
    /// assert_eq!(squares.into_iter().map(|n| *n.unwrap()).collect::<Vec<_>>(), [9, 16]);
    /// ```
    pub fn answer_at(&mut self, place: usize, result: Result<V, E>) -> bool {
        let Some(Open { at, part }) = self.open.get_mut(place) else { return false };
        let (at, Some(part)) = (*at, part.take()) else { return false };
        let completion = attempt(self.rules, part.start(self.table), || result.map(Handle::new));
        let panic = match &completion.result {
            RunResult::Panicked(panic) => Some(Arc::clone(panic)),
            _ => None,
        };
        self.end(at, part, completion);
        if let Some(payload) = panic.and_then(|panic| panic.take_payload()) {
            resume_unwind(payload);
        }
        true
    }

    /// Answers all keys that are open, each with what `f` returns for it. Returns how many there were.
    ///
    /// # Panics
    ///
    /// As [`answer`](Self::answer). A panic of `f` passes through.
    ///
    /// # Examples
    ///
    /// ```
    /// use coalescer::Group;
    ///
    /// let group: Group<u64, u64, String> = Group::new();
    /// let squares = group.execute_many_with(&[3, 4], |batch| {
    ///     batch.answer(&3, Ok(9));
    ///     assert_eq!(batch.answer_rest(|n| Err(format!("{n} is too large"))), 1);
    ///     Ok(())
    /// });
    /// assert!(squares[0].is_ok() && squares[1].is_err());
    /// ```
    pub fn answer_rest(&mut self, mut f: impl FnMut(&K) -> Result<V, E>) -> usize {
        let mut answered = 0;
        for place in 0..self.keys.len() {
            if self.open[place].part.is_some() {
                let result = f(&self.keys[place]);
                answered += usize::from(self.answer_at(place, result));
            }
        }
        answered
    }

    /// The place of a key that was asked for.
    fn place_of<Q>(&mut self, key: &Q) -> Option<usize>
    where
        Q: ?Sized + ToKey<K>,
        K: Hash,
    {
        let place = self.find(key)?;
        self.next = place + 1;
        Some(place)
    }

    fn find<Q>(&mut self, key: &Q) -> Option<usize>
    where
        Q: ?Sized + ToKey<K>,
        K: Hash,
    {
        if self.keys.get(self.next).is_some_and(|next| key.is_key(next)) {
            return Some(self.next);
        }
        if self.keys.len() <= FEW {
            return self.keys.iter().position(|one| key.is_key(one));
        }
        let Index { hasher, places } = self.index.get_or_insert_with(|| Index::of(&self.keys));
        let is_it = |place: &usize| key.is_key(&self.keys[*place]);
        places.find(hasher.hash_one(key), is_it).copied()
    }
}

impl<'b, K, V, E> Batch<'b, K, V, E> {
    pub(super) fn new(
        table: &'b Table<K, V, E>,
        rules: &'b ShareRules<V, E>,
        run: Run<'b, K, V, E>,
    ) -> Self {
        let Run { keys, parts, answers } = run;
        let ended = EndedBatch { answers, callers: 0, reports: Vec::new(), panic: None };
        let open = parts.into_iter().map(|(at, part)| Open { at, part: Some(part) }).collect();
        Self { table, rules, keys, open, next: 0, index: None, ended }
    }

    /// The parts that have no end.
    fn parts(&self) -> impl Iterator<Item = &Part<'b, K, V, E>> {
        self.open.iter().filter_map(|one| one.part.as_ref())
    }

    /// The slots of the flights that it leads.
    pub(super) fn slots(&self) -> impl Iterator<Item = SlotRef> {
        self.parts().filter_map(|part| match part {
            Part::Led(led) => Some(led.slot()),
            Part::Alone(_) => None,
            Part::Gathered(gathered) => gathered.slot(),
        })
    }

    /// The gates at which the calls of gathered keys wait.
    pub(super) fn jobs(&self) -> impl Iterator<Item = &Arc<Gate>> {
        self.parts().filter_map(|part| match part {
            Part::Gathered(gathered) => Some(gathered.gate()),
            Part::Led(_) | Part::Alone(_) => None,
        })
    }

    /// Publishes the end of one key, whose answer goes to that place of the call.
    fn end(&mut self, at: usize, part: Part<'b, K, V, E>, completion: Completion<V, E>) {
        self.ended.callers += match part {
            Part::Alone(alone) => alone.end(&completion),
            Part::Gathered(gathered) => {
                self.ended.reports.extend(gathered.notice());
                gathered.end(&completion)
            }
            Part::Led(led) => {
                if self.table.reports_slow() {
                    let report = self.table.notice_at_end(led.slot(), led.leader());
                    self.ended.reports.extend(report);
                }
                led.end(&completion)
            }
        };
        let answer = &mut self.ended.answers[at];
        let error = match completion.result {
            RunResult::Value(value) => return set(answer, Ok(value)),
            RunResult::Failed(error) => Error::Failed(error),
            RunResult::Missing => Error::Missing,
            // The call unwinds, unless the function has caught the panic of a rule.
            RunResult::Panicked(panic) => {
                Error::LeaderPanicked { message: panic.message().map(Arc::from) }
            }
            RunResult::Abandoned => unreachable!("the function has run"),
        };
        set(answer, Err(error));
    }

    /// Ends every key that is open, as the end of the function says.
    pub(super) fn end_with(
        mut self,
        result: Result<Result<(), E>, Box<dyn Any + Send>>,
    ) -> EndedBatch<K, V, E> {
        let (result, reach) = match result {
            Ok(Ok(())) => (RunResult::Missing, Reach::EVERYONE),
            Ok(Err(error)) if self.parts().next().is_none() => {
                drop_contained(error);
                (RunResult::Missing, Reach::EVERYONE)
            }
            Ok(Err(error)) => {
                let rule = || Reach::from(self.rules.of_error(&error));
                match catch_unwind(AssertUnwindSafe(rule)) {
                    Ok(reach) => (RunResult::Failed(Handle::new(error)), reach),
                    Err(payload) => {
                        drop_contained(error);
                        (RunResult::Panicked(Panic::new(payload)), Reach::EVERYONE)
                    }
                }
            }
            Err(payload) => (RunResult::Panicked(Panic::new(payload)), Reach::EVERYONE),
        };
        if let RunResult::Panicked(panic) = &result {
            self.ended.panic = Some(Arc::clone(panic));
        }
        let result = Completion { result, reach, start: 0, made: Made::Here };
        for place in 0..self.open.len() {
            let Open { at, part } = &mut self.open[place];
            if let (at, Some(part)) = (*at, part.take()) {
                let completion = Completion { start: part.start(self.table), ..result.clone() };
                self.end(at, part, completion);
            }
        }
        // Destructors of a stranger's.
        drop_contained((result, self.keys));
        self.ended
    }
}

impl Index {
    fn of<K: Hash>(keys: &[K]) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut places = HashTable::with_capacity(keys.len());
        let hash = |place: &usize| hasher.hash_one(&keys[*place]);
        for place in 0..keys.len() {
            places.insert_unique(hash(&place), place, hash);
        }
        Self { hasher, places }
    }
}

impl<K: fmt::Debug, V, E> fmt::Debug for Batch<'_, K, V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.open.iter().filter(|one| one.part.is_some()).count();
        f.debug_struct("Batch")
            .field("keys", &self.keys)
            .field("open", &open)
            .finish_non_exhaustive()
    }
}
