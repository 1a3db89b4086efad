//! [`Many`]: one call of many keys, from its keys to its answers.

use crate::engine::answer::Answer;
use crate::engine::berth::{Berth, Left};
use crate::engine::call::{Admission, Call, Hit, Mode, NewKey, Refusal};
use crate::engine::led::Led;
use crate::engine::slot::{Key, ShortHash};
use crate::engine::table::Table;
use crate::error::Error;
use crate::execute::answer_of;
use crate::key::{ToKey, is_plain_number};
use crate::many::batch::{Batch, OfKey, Part};
use crate::many::collector::{Busy, Collector};
use crate::many::keys::{Asked, Taken};
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
}

/// The distinct keys of a call, by their places, and how far each has come.
pub(super) struct Progress<'t, K, V, E> {
    pub(super) answers: Vec<Option<OfKey<V, E>>>,
    /// The owned keys of those that may run.
    pub(super) keys: Vec<Option<K>>,
    /// Keys that are to run next.
    pub(super) parts: Vec<(usize, Part<'t, K, V, E>)>,
    /// Keys that wait for other calls.
    pub(super) berths: Vec<(usize, Berth<'t, K, V, E>)>,
    /// The values of keys whose runs are refreshes, for those that fail (S122).
    pub(super) old: Vec<(usize, Hit<V, E>)>,
    /// A run that has begun, as the collector sees it.
    pub(super) busy: Option<Busy<'t, K, V, E>>,
    /// True if the last key that was admitted begins a flight of its own.
    pub(super) begins: bool,
    /// Keys that were made for the table, which did not take them. Their destructors are a stranger's.
    _unused: Vec<NewKey<K>>,
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
        let Taken { mut asked, places } = Taken::of(keys, hash);
        let mut progress = Progress::new(asked.len());
        let missed = self.look_up(&asked, &mut progress);
        if !missed.is_empty() {
            let refused = self.admit(&mut asked, missed, &mut progress);
            if let Some(answer) = self.gather(&mut progress, load) {
                progress.answers[0] = Some(answer);
                return progress.into_answers(places);
            }
            self.run_all(&mut progress, load);
            for place in refused {
                self.table.report_slow_on_arrival(&self.call(&asked[place]));
            }
            self.wait_all(&mut progress, load);
        }
        progress.into_answers(places)
    }

    fn call<'q, Q: ?Sized>(&self, one: &Asked<'q, Q, K>) -> Call<'q, Q> {
        let Self { entry, max_age, mode, .. } = *self;
        Call { key: one.key, hash: one.hash, entry, max_age, mode }
    }

    /// Answers the keys that the window serves, and returns the places of the others.
    fn look_up<Q>(
        &self,
        asked: &[Asked<'_, Q, K>],
        progress: &mut Progress<'t, K, V, E>,
    ) -> Vec<usize>
    where
        Q: ?Sized + ToKey<K>,
    {
        if is_plain_number::<Q, K>() {
            // Creating such a key runs no user code, so one look under the lock is enough.
            return (0..asked.len()).collect();
        }
        let mut missed = Vec::new();
        for (place, one) in asked.iter().enumerate() {
            match self.table.look_up(&self.call(one)) {
                Ok(hit) => progress.answers[place] = Some(value_of(answer_of(hit))),
                Err(_) => missed.push(place),
            }
        }
        missed
    }

    /// Admits the keys that the window did not serve, without waiting for any. Returns the places of those
    /// that are refused.
    fn admit<Q>(
        &self,
        asked: &mut [Asked<'_, Q, K>],
        missed: Vec<usize>,
        progress: &mut Progress<'t, K, V, E>,
    ) -> Vec<usize>
    where
        Q: ?Sized + ToKey<K>,
    {
        // The last user code before flights begin: each key for the table, and for the function.
        let mut new = Vec::with_capacity(missed.len());
        for place in &missed {
            let key = asked[*place].take_owned();
            new.push(NewKey::new(Key::Own(key.clone()), None));
            progress.keys[*place] = Some(key);
        }
        let start = self.table.start_at(self.table.clock.coarse_now());
        let mut refused = Vec::new();
        for (place, new) in missed.into_iter().zip(&mut new) {
            new.start = Some(start);
            let call = self.call(&asked[place]);
            let entry = match self.table.look_up(&call) {
                Ok(hit) => {
                    progress.answers[place] = Some(value_of(answer_of(hit)));
                    continue;
                }
                Err(entry) => entry,
            };
            match self.table.admit(entry, &call, new) {
                Admission::Lead(execution) => {
                    progress.begins = true;
                    progress.parts.push((place, Part::Led(Led::of(execution))));
                }
                Admission::Claim(execution) => {
                    progress.parts.push((place, Part::Led(Led::of(execution))));
                }
                Admission::Follow(waiter) => {
                    progress.berths.push((place, Berth::of(self.table, waiter)));
                }
                Admission::Hit(hit) => progress.answers[place] = Some(value_of(answer_of(hit))),
                Admission::Refresh(execution, old) => {
                    progress.begins = true;
                    progress.parts.push((place, Part::Led(Led::of(execution))));
                    progress.old.push((place, old));
                }
                Admission::Bypass(alone) => progress.parts.push((place, Part::Alone(alone))),
                Admission::Refused(refusal) => {
                    refused.push(place);
                    progress.answers[place] = Some(Err(match refusal {
                        Refusal::WouldBlock => Error::WouldBlock,
                        Refusal::WouldDeadlock => Error::WouldDeadlock,
                        Refusal::Overloaded => Error::Overloaded,
                    }));
                }
                Admission::Vacant => unreachable!("a call with a key can start a flight"),
            }
        }
        progress._unused = new;
        refused
    }
}

impl<'t, K, V, E> Progress<'t, K, V, E> {
    pub(super) fn new(keys: usize) -> Self {
        Self {
            answers: (0..keys).map(|_| None).collect(),
            keys: (0..keys).map(|_| None).collect(),
            parts: Vec::new(),
            berths: Vec::new(),
            old: Vec::new(),
            busy: None,
            begins: false,
            _unused: Vec::new(),
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
                self.answers[place] = Some(value_of(answer_of(old)));
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

pub(super) fn value_of<V, E>(answer: Answer<V, E>) -> OfKey<V, E> {
    answer.map(|answered| answered.value)
}
