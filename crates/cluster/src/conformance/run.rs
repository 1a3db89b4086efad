//! One sequence: each step goes to both engines, and what they say is compared.

use std::fmt::Debug;
use std::time::Duration;

use crate::engine::{
    Claim, Claimed, DAY, Digest, End, Engine, EngineError, Forget, ForgetAll, Forgotten, Inbox,
    Key, Lead, Limits, Presence, Publication, Published, Release, Released, Token, Wakes,
};
use crate::random::random;

use super::Conformance;
use super::dice::Dice;
use super::ends::Waiting;
use super::side::{Flights, Side};
use super::step::{Claims, Ending, JOIN_AGE, LEASE, PROCESSES, Seen, Step, TIMEOUT};

/// Longer than what fits into a message of any engine that we know.
const LARGE: usize = 20_000;

pub(super) struct Run<'a> {
    pub(super) kit: &'a Conformance,
    pub(super) engine: Side<'a>,
    pub(super) reference: Side<'a>,
    pub(super) world: World,
    /// For an engine that wakes by blocking calls.
    pub(super) waits: Vec<Waiting>,
    /// Written out only if something fails.
    history: Vec<Box<dyn Debug>>,
    seed: u64,
}

/// The names that both engines are told, and the claims and publications so far.
pub(super) struct World {
    pub(super) namespace: String,
    digest: Digest,
    pub(super) inboxes: Vec<Inbox>,
    pub(super) tokens: Vec<Token>,
    leads: Vec<usize>,
    publications: Vec<Vec<u8>>,
    pub(super) forgets: u64,
}

impl World {
    pub(super) fn key(&self) -> Key<'_> {
        Key { namespace: &self.namespace, name: "steps", digest: self.digest }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        kit: &'a Conformance,
        engine: &'a dyn Engine,
        reference: &'a dyn Engine,
        seed: u64,
    ) -> Self {
        let digest = Digest::new(random());
        let namespace = format!("{}-{}", kit.namespace, &digest.to_string()[..16]);
        let inboxes: Vec<_> = (0..PROCESSES).map(|_| Inbox::draw(&namespace)).collect();
        let (tokens, leads, publications, waits, history) = Default::default();
        let world = World { namespace, digest, inboxes, tokens, leads, publications, forgets: 0 };
        let [engine, reference] = [engine, reference].map(Side::new);
        let mut run = Self { kit, engine, reference, world, waits, history, seed };
        (0..PROCESSES).for_each(|process| run.listen(process));
        run
    }

    pub(super) fn step(&mut self, dice: &mut Dice, pass: &dyn Fn(Duration)) {
        let seen = Seen {
            can: self.engine.engine.can(),
            claims: self.world.tokens.len(),
            leads: &self.world.leads,
            flights: self.reference.flights.len(),
            publications: self.world.publications.len(),
        };
        let step = Step::random(dice, &seen);
        self.history.push(Box::new(step.clone()));
        match step {
            Step::Claim(claims) => self.claim(&claims),
            Step::Publish { claim, keep, is_large, is_error } => {
                self.publish(claim, keep, is_large, is_error);
            }
            Step::Release { claim, end } => self.release(claim, end),
            Step::Renew { claims } => self.renew(&claims),
            Step::Forget { process } => self.forget(process),
            Step::ForgetAll { process } => self.forget_all(process),
            Step::Discard { publication } => self.discard(publication),
            Step::Fetch { flight } => self.fetch(flight),
            Step::Listen { process } => self.listen(process),
            Step::Hang { process } => self.hang(process),
            Step::Confirm { to, by } => self.confirm(to, by),
            Step::Pass { units } => pass(self.kit.unit * units),
        }
        self.compare_ends();
    }

    fn claim(&mut self, claims: &Claims) {
        let number = claims.again.unwrap_or(self.world.tokens.len());
        if claims.again.is_none() {
            let inbox = self.world.inboxes[claims.process].clone();
            self.world.tokens.push(Token::new(inbox, number as u64));
        }
        let token = self.world.tokens[number].clone();
        let process = self.world.inboxes.iter().position(|inbox| inbox == token.inbox());
        let process = process.unwrap_or(0);
        let (unit, lease) = (self.kit.unit, self.lease());
        let [ours, theirs] = self.both("claim", |side, world| {
            let mut claim = Claim::new(world.key(), &token, lease);
            claim.manner = claims.manner;
            claim.excluded = claims.excluded.and_then(|flight| side.flights.id(flight));
            claim.joined = claims.joined.and_then(|flight| side.flights.id(flight));
            claim.presence = match side.listeners[process] {
                None => Presence::Absent,
                Some(_) if claims.keeps_copies => Presence::KeepsCopies,
                Some(_) => Presence::Listens,
            };
            claim.limits = Limits {
                leader_timeout: claims.has_timeout.then_some(unit * TIMEOUT),
                max_leaders: claims.max_leaders,
                max_join_age: claims.has_join_age.then_some(unit * JOIN_AGE),
            };
            if claims.is_doubled {
                side.engine.claim(&claim, Side::WITHIN)?;
            }
            side.engine.claim(&claim, Side::WITHIN)
        });
        self.history.push(Box::new(theirs.clone()));
        let (ours, our_age) = self.engine.flights.canonical(ours);
        let (theirs, their_age) = self.reference.flights.canonical(theirs);
        self.same("the claim's answer", &self.of_kind(ours), &self.of_kind(theirs.clone()));
        if let (Some(ours), Some(theirs)) = (our_age, their_age) {
            let is_near = theirs <= ours && ours <= theirs + self.kit.slack;
            self.demand(is_near, &format!("the age is {ours:?}, and {theirs:?} in the reference"));
        }
        if matches!(theirs, Claimed::Lead { .. }) && !self.world.leads.contains(&number) {
            self.world.leads.push(number);
        }
        if let Claimed::Follow { flight, .. } | Claimed::Wait { flight, .. } = &theirs {
            let follows = matches!(theirs, Claimed::Follow { .. });
            let flight = Flights::number_in(flight);
            self.note_wait(process, number, flight, follows);
        }
    }

    fn publish(&mut self, claim: usize, keep: Option<u32>, is_large: bool, is_error: bool) {
        let Some(token) = self.world.tokens.get(claim).cloned() else { return };
        let mut bytes = format!("outcome {}", self.world.publications.len()).into_bytes();
        if is_large {
            bytes.resize(LARGE, b'.');
        }
        self.world.publications.push(bytes.clone());
        let keep = keep.map(|keep| self.kit.unit * keep);
        let [ours, theirs] = self.both("publish", |side, world| {
            let mut publication = Publication::new(world.key(), &token, &bytes);
            publication.keep = keep;
            publication.is_error = is_error;
            side.engine.publish(&publication, Side::WITHIN)
        });
        self.history.push(Box::new(theirs));
        let silent = |published| match published {
            Published::Ended { kept, forgotten, .. } if !self.sends() => {
                Published::Ended { told: 0, kept, forgotten }
            }
            other => other,
        };
        self.same("the publication's answer", &silent(ours), &silent(theirs));
    }

    fn release(&mut self, claim: usize, end: Ending) {
        let Some(token) = self.world.tokens.get(claim).cloned() else { return };
        let end = match end {
            Ending::AskAgain => End::AskAgain,
            Ending::RunYourOwn => End::RunYourOwn,
            Ending::Panicked => End::panicked("no such table"),
        };
        let [ours, theirs] = self.both("release", |side, world| {
            let release = Release { key: world.key(), token: &token, end: end.clone() };
            side.engine.release(&release, Side::WITHIN)
        });
        self.history.push(Box::new(theirs));
        let silent = |released| match released {
            Released::Ended { forgotten, .. } if !self.sends() => {
                Released::Ended { told: 0, forgotten }
            }
            other => other,
        };
        self.same("the release's answer", &silent(ours), &silent(theirs));
    }

    fn renew(&mut self, claims: &[usize]) {
        let lease = self.lease();
        let [ours, theirs] = self.both("renew", |side, world| {
            let token = |claim: &usize| world.tokens.get(*claim);
            let lead = |token| Lead { key: world.key(), token, lease };
            let leads: Vec<_> = claims.iter().filter_map(token).map(lead).collect();
            side.engine.renew(&leads, Side::WITHIN)
        });
        self.same("the renewal's answer", &ours, &theirs);
    }

    fn forget(&mut self, process: usize) {
        self.world.forgets += 1;
        let both = self.both("forget", |side, world| {
            let (from, id) = (&world.inboxes[process], world.forgets);
            side.engine.forget(&Forget { key: world.key(), from, id }, Side::WITHIN)
        });
        self.same_forgotten(both);
    }

    fn forget_all(&mut self, process: usize) {
        self.world.forgets += 1;
        let both = self.both("forget_all", |side, world| {
            let (namespace, name) = (&*world.namespace, world.key().name);
            let (from, id) = (&world.inboxes[process], world.forgets);
            side.engine.forget_all(&ForgetAll { namespace, name, from, id }, Side::WITHIN)
        });
        self.same_forgotten(both);
    }

    fn same_forgotten(&mut self, [ours, theirs]: [Forgotten; 2]) {
        self.history.push(Box::new(theirs));
        let silent = |forgotten: Forgotten| match self.sends() {
            true => forgotten,
            false => Forgotten { was_there: forgotten.was_there, ..Forgotten::default() },
        };
        self.same("the answer to forget", &silent(ours), &silent(theirs));
    }

    fn discard(&mut self, publication: Option<usize>) {
        let bytes = publication.and_then(|number| self.world.publications.get(number));
        let bytes = bytes.cloned().unwrap_or_else(|| b"other bytes".to_vec());
        let [ours, theirs] = self
            .both("discard", |side, world| side.engine.discard(world.key(), &bytes, Side::WITHIN));
        self.same("the answer to discard", &ours, &theirs);
    }

    fn fetch(&mut self, flight: usize) {
        let [ours, theirs] = self.both("fetch", |side, world| {
            let Some(flight) = side.flights.id(flight) else { return Ok(None) };
            side.engine.fetch(world.key(), flight, Side::WITHIN)
        });
        self.same("what was fetched", &ours, &theirs);
    }

    /// Engines without leases are given none that could end.
    pub(super) fn lease(&self) -> Duration {
        if self.engine.engine.can().leases { self.kit.unit * LEASE } else { DAY }
    }

    pub(super) fn sends(&self) -> bool {
        self.engine.engine.can().wakes == Wakes::Messages
    }

    /// An engine that sends nothing need not know who leads.
    fn of_kind(&self, mut claimed: Claimed) -> Claimed {
        if let Claimed::Follow { holder, .. } | Claimed::Wait { holder, .. } = &mut claimed {
            if !self.sends() {
                *holder = None;
            }
        }
        claimed
    }

    /// Carries a step out on both, which must not fail.
    pub(super) fn both<T>(
        &mut self,
        what: &str,
        step: impl Fn(&mut Side<'a>, &World) -> Result<T, EngineError>,
    ) -> [T; 2] {
        let ours = step(&mut self.engine, &self.world);
        let theirs = step(&mut self.reference, &self.world);
        [ours, theirs].map(|result| match result {
            Ok(answer) => answer,
            Err(error) => self.fails(&format!("{what} failed: {error}")),
        })
    }

    #[track_caller]
    pub(super) fn same<T: PartialEq + Debug>(&self, what: &str, ours: &T, theirs: &T) {
        self.demand(
            ours == theirs,
            &format!("{what} is {ours:?}, and {theirs:?} in the reference"),
        );
    }

    #[track_caller]
    pub(super) fn demand(&self, holds: bool, what: &str) {
        if !holds {
            self.fails(what);
        }
    }

    #[track_caller]
    pub(super) fn fails(&self, what: &str) -> ! {
        let history: Vec<_> = self.history.iter().map(|entry| format!("{entry:?}")).collect();
        panic!("the steps:\n{}\nseed {}: {what}", history.join("\n"), self.seed)
    }
}
