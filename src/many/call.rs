//! [`Many`]: one call of many keys, from its keys to its answers.

use std::mem;

use crate::engine::answer::Answer;
use crate::engine::berth::{Berth, Left};
use crate::engine::call::{Admission, Call, Hit, Mode, NewKey, Refusal};
use crate::engine::led::Led;
use crate::engine::slot::{Key, ShortHash};
use crate::engine::table::Table;
use crate::error::Error;
use crate::key::ToKey;
use crate::many::batch::Batch;
use crate::many::collector::{Busy, Collector};
use crate::many::keys::{Asked, Taken};
use crate::many::part::{OfKey, Part, set};
use crate::refresh::RefreshTogether;
use crate::share::ShareRules;
use crate::wait::clock::Nanos;

/// The function of a call of many keys.
pub(crate) type LoadMany<'f, K, V, E> = dyn FnMut(&mut Batch<'_, K, V, E>) -> Result<(), E> + 'f;

/// One call of many keys on its way through a table.
pub(crate) struct Many<'t, K, V, E> {
    pub(crate) table: &'t Table<K, V, E>,
    pub(crate) rules: &'t ShareRules<V, E>,
    pub(crate) entry: Nanos,
    pub(crate) max_age: Nanos,
    pub(crate) mode: Mode,
    /// The end of its wait for other calls.
    pub(crate) deadline: Nanos,
    /// How many keys one run has at most.
    pub(crate) max_batch: usize,
    /// Where the calls of one key meet.
    pub(crate) collector: Option<&'t Collector<K, V, E>>,
    /// The part that refreshes keys that are due, if the call does not.
    pub(crate) background: Option<&'t dyn RefreshTogether<K, V, E>>,
}

/// The distinct keys of a call, by their places, and how far each has come.
pub(super) struct Progress<'t, K, V, E> {
    pub(super) answers: Vec<Option<OfKey<V, E>>>,
    /// The owned keys of those that may run. Empty if none may.
    pub(super) keys: Vec<Option<K>>,
    /// Keys that are to run next.
    pub(super) parts: Vec<(usize, Part<'t, K, V, E>)>,
    /// Keys that wait for other calls.
    pub(super) berths: Vec<(usize, Berth<'t, K, V, E>)>,
    /// Keys that are served, and whose refreshes the executor is to run.
    pub(super) due: Vec<(usize, Led<'t, K, V, E>)>,
    /// The values of keys whose runs are refreshes, for those that fail (S122).
    pub(super) old: Vec<(usize, Hit<V, E>)>,
    /// A run that has begun, as the collector sees it.
    pub(super) busy: Option<Busy<'t, K, V, E>>,
    /// True if the last key that was admitted begins a flight of its own.
    pub(super) begins: bool,
    /// Keys whose calls the table refused.
    refused: Vec<usize>,
    /// Keys that were made for the table, which did not take them. Their destructors are a stranger's.
    pub(super) unused: Vec<NewKey<K>>,
}

impl<'t, K: Clone, V, E> Many<'t, K, V, E> {
    /// Answers the call: one answer for each key that was given, in the order given.
    pub(crate) fn answer<'q, Q, I>(
        &self,
        keys: I,
        hash: impl Fn(&Q) -> ShortHash,
        load: &mut LoadMany<'_, K, V, E>,
    ) -> Vec<OfKey<V, E>>
    where
        Q: ?Sized + ToKey<K> + 'q,
        I: IntoIterator<Item = &'q Q>,
    {
        let hurries = self.background.map_or(0, RefreshTogether::hurries);
        let Taken { mut asked, places } = Taken::of(keys, hash);
        let mut progress = Progress::new(asked.len());
        self.admit_all(&mut asked, &mut progress);
        if let Some(answer) = self.gather(&mut progress, load) {
            progress.answers[0] = Some(answer);
            return progress.into_answers(places);
        }
        self.run_all(&mut progress, load);
        self.refresh_due(&mut progress, hurries);
        for place in mem::take(&mut progress.refused) {
            self.table.report_slow_on_arrival(&self.call(&asked[place]));
        }
        self.wait_all(&mut progress, load);
        progress.into_answers(places)
    }

    /// Has the executor refresh the keys that are due. The call leads no other key: the executor may block.
    fn refresh_due(&self, progress: &mut Progress<'t, K, V, E>, hurries: u64) {
        let Some(background) = self.background.filter(|_| !progress.due.is_empty()) else { return };
        let mut due = Vec::with_capacity(progress.due.len());
        for (place, led) in mem::take(&mut progress.due) {
            let key = progress.keys[place].take().expect("a key runs once");
            due.push((key, led.queue()));
        }
        background.run(due, hurries);
    }

    /// Begins a refresh of this key now (S125), and runs the function unless the executor does. Returns false if it does
    /// nothing, since the key has an execution that calls can join.
    pub(crate) fn refresh<Q>(
        &self,
        (key, hash): (&Q, ShortHash),
        load: &mut LoadMany<'_, K, V, E>,
    ) -> Result<bool, Error<E>>
    where
        Q: ?Sized + ToKey<K>,
    {
        let hurries = self.background.map_or(0, RefreshTogether::hurries);
        let owned = key.to_key();
        let mut new = NewKey::new(Key::Own(owned.clone()), Some(self.start()));
        let call = Call { key, hash, entry: self.entry, max_age: 0, mode: self.mode };
        let Some(execution) = self.table.refresh(&call, &mut new) else { return Ok(false) };
        let led = Led::of(execution);
        let mut progress = Progress::new(1);
        progress.keep_key(0, owned);
        if self.background.is_some() {
            progress.due.push((0, led));
            self.refresh_due(&mut progress, hurries);
            return Ok(true);
        }
        progress.parts.push((0, Part::Led(led)));
        self.run_all(&mut progress, load);
        progress.into_answers(Vec::new()).remove(0).map(|_| true)
    }

    pub(super) fn call<'q, Q: ?Sized>(&self, one: &Asked<'q, Q, K>) -> Call<'q, Q> {
        let Self { entry, max_age, mode, .. } = *self;
        Call { key: one.key, hash: one.hash, entry, max_age, mode }
    }
}

impl<'t, K, V, E> Progress<'t, K, V, E> {
    pub(super) fn new(keys: usize) -> Self {
        Self {
            answers: (0..keys).map(|_| None).collect(),
            keys: Vec::new(),
            parts: Vec::new(),
            berths: Vec::new(),
            due: Vec::new(),
            old: Vec::new(),
            busy: None,
            begins: false,
            refused: Vec::new(),
            unused: Vec::new(),
        }
    }

    /// Answers a key that has no answer.
    // In two arms, so that `set` gets the parts of the answer.
    #[inline(always)]
    pub(super) fn serve(&mut self, place: usize, hit: Hit<V, E>) {
        let answer = &mut self.answers[place];
        match hit.result {
            Ok(value) => set(answer, Ok(value)),
            Err(error) => set(answer, Err(Error::Failed(error))),
        }
    }

    /// Keeps the owned key of one that may run.
    pub(super) fn keep_key(&mut self, place: usize, key: K) {
        if self.keys.is_empty() {
            let count = self.answers.len();
            self.keys.resize_with(count, || None);
            self.parts.reserve(count - place);
        }
        self.keys[place] = Some(key);
    }

    /// The owned keys of these parts, in their order.
    pub(super) fn take_keys(&mut self, parts: &[(usize, Part<'t, K, V, E>)]) -> Vec<K> {
        let once = "a key runs once";
        if parts.len() == self.keys.len() {
            // All keys of the call: their list goes on as the list of the run.
            return mem::take(&mut self.keys).into_iter().map(|key| key.expect(once)).collect();
        }
        parts.iter().map(|(place, _)| self.keys[*place].take().expect(once)).collect()
    }

    /// Notes the table's decision about a key.
    pub(super) fn note(
        &mut self,
        place: usize,
        admission: Admission<'t, K, V, E>,
        table: &'t Table<K, V, E>,
    ) {
        match admission {
            Admission::Lead(execution) => {
                self.begins = true;
                self.parts.push((place, Part::Led(Led::of(execution))));
            }
            Admission::Claim(execution) => {
                self.parts.push((place, Part::Led(Led::of(execution))));
            }
            Admission::Follow(waiter) => self.berths.push((place, Berth::of(table, waiter))),
            Admission::Hit(hit) => self.serve(place, hit),
            Admission::Refresh(execution, old) if table.rules.refreshes_in_background => {
                self.due.push((place, Led::of(execution)));
                self.serve(place, old);
            }
            Admission::Refresh(execution, old) => {
                self.begins = true;
                self.parts.push((place, Part::Led(Led::of(execution))));
                self.old.push((place, old));
            }
            Admission::Bypass(alone) => self.parts.push((place, Part::Alone(alone))),
            Admission::Refused(refusal) => {
                self.refused.push(place);
                self.answers[place] = Some(Err(match refusal {
                    Refusal::WouldBlock => Error::WouldBlock,
                    Refusal::WouldDeadlock => Error::WouldDeadlock,
                    Refusal::Overloaded => Error::Overloaded,
                }));
            }
            Admission::Vacant => unreachable!("a call with a key can start a flight"),
        }
    }

    /// Notes how a key has left the flight that it waited for.
    pub(super) fn leave(&mut self, place: usize, left: Left<'t, K, V, E>) {
        self.answers[place] = Some(match left {
            Left::Answered(answer) => value_of(answer),
            Left::Alone(alone) => return self.parts.push((place, Part::Alone(alone))),
            Left::TimedOut => Err(Error::TimedOut),
            Left::WouldDeadlock => Err(Error::WouldDeadlock),
        });
    }

    /// The answers in the order in which the keys were given: `places` has the place of each.
    fn into_answers(mut self, places: Vec<usize>) -> Vec<OfKey<V, E>> {
        for (place, old) in self.old {
            if let Some(Err(Error::Failed(_) | Error::Missing)) = self.answers[place] {
                self.answers[place] = Some(value_of_hit(old));
            }
        }
        let answers = self.answers.into_iter().map(|one| one.expect("each key has its answer"));
        if places.is_empty() {
            return answers.collect();
        }
        let answers: Vec<_> = answers.collect();
        places.into_iter().map(|place| answers[place].clone()).collect()
    }
}

pub(super) fn value_of_hit<V, E>(hit: Hit<V, E>) -> OfKey<V, E> {
    hit.result.map_err(Error::Failed)
}

pub(super) fn value_of<V, E>(answer: Answer<V, E>) -> OfKey<V, E> {
    answer.map(|answered| answered.value)
}
