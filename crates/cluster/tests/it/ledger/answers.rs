//! The steps: each reads the facts, and adds to them.

use std::time::Duration;

use coalescer_cluster::engine::*;

use super::Sent;
use super::facts::{Fact, Facts, Stamp};

impl Facts {
    pub(super) fn claim(
        &mut self,
        claim: &Claim<'_>,
        now: Stamp,
        is_alive: &dyn Fn(&Inbox) -> bool,
    ) -> Claimed {
        if let Some(flight) = self.led_by(claim.token) {
            return self.lead(&flight, now);
        }
        let excluded = claim.excluded.map(FlightId::as_str);
        let result = self.result(now).filter(|result| excluded != Some(&result.flight));
        if let Some(result) = result.filter(|_| claim.manner != Manner::Fresh) {
            self.may_hold(claim.token.inbox(), claim.presence, result.until);
            let (flight, age) = (FlightId::new(result.flight), now - result.began);
            return Claimed::Hit { flight, age, bytes: result.bytes.into() };
        }
        let Some(flight) = self.current() else { return self.begin(claim, now) };

        let are_gone = self.leaders(&flight).iter().all(|leader| !is_alive(leader.token.inbox()));
        if self.live(&flight, now) == 0 || (claim.manner == Manner::Suspect && are_gone) {
            for leader in self.leaders(&flight) {
                self.all.push(Fact::Out { token: leader.token });
            }
            return self.run(&flight, claim, now);
        }
        let age = now - self.began(&flight);
        if claim.manner == Manner::Fresh || excluded == Some(&flight) {
            self.enrol(&flight, claim, false);
            return Claimed::Wait {
                holder: self.holder(&flight),
                flight: FlightId::new(flight),
                age,
            };
        }
        let counted = self.flights().into_iter().filter(|flight| !self.is_forgotten(flight));
        let running: usize = counted.map(|flight| self.live(&flight, now)).sum();
        let has_room = running < claim.limits.max_leaders as usize;
        let has_joined = claim.joined.is_some_and(|joined| joined.as_str() == flight);
        if claim.limits.max_join_age.is_some_and(|limit| limit <= age) && !has_joined {
            if has_room {
                self.all.push(Fact::Superseded { flight });
                return self.begin(claim, now);
            }
            return Claimed::Full;
        }
        let since = now - self.youngest(&flight);
        if claim.limits.leader_timeout.is_some_and(|limit| limit <= since) && has_room {
            return self.run(&flight, claim, now);
        }
        if claim.manner == Manner::Try {
            return Claimed::Busy;
        }
        self.enrol(&flight, claim, true);
        Claimed::Follow { holder: self.holder(&flight), flight: FlightId::new(flight), age }
    }

    pub(super) fn publish(&mut self, it: &Publication<'_>, now: Stamp) -> (Published, Sent) {
        let Some(flight) = self.led_by(it.token) else { return (Published::Refused, Sent::new()) };
        if it.is_error && self.others_run(&flight, it.token, now) {
            self.all.push(Fact::Out { token: it.token.clone() });
            return (Published::OthersRun, Sent::new());
        }
        let (began, is_current) = (self.began(&flight), self.is_current(&flight));
        let until = it.keep.map(|keep| began + keep.min(DAY));
        let until = until.filter(|until| is_current && now < *until);
        let leaders = self.leaders(&flight);
        let leader = leaders.iter().find(|leader| leader.token == *it.token).unwrap();
        let held_until = until.unwrap_or_default().max(now + leader.lease);
        let told = self.enrolled(&flight);
        for (inbox, presence, _) in told.iter().filter(|(.., wants_outcome)| *wants_outcome) {
            self.may_hold(inbox, *presence, held_until);
        }
        self.may_hold(it.token.inbox(), leader.presence, held_until);

        let is_large = it.bytes.len() > 16 * 1024;
        let bytes = it.bytes.to_vec();
        let kept = until.is_some();
        if is_large && (!kept || told.iter().any(|(.., wants_outcome)| *wants_outcome)) {
            let (flight, bytes, until) = (flight.clone(), bytes.clone(), now + 2 * leader.lease);
            self.all.push(Fact::HandedOn { flight, bytes, until, kept });
        }
        if let Some(until) = until {
            self.all.push(Fact::Kept { flight: flight.clone(), bytes, began, until });
        }
        let end = if is_large { End::Fetch } else { End::Outcome { bytes: it.bytes.into(), kept } };
        let sent = self.end(&flight, it.key.digest, &end);
        (Published::Ended { told: told.len() as u32, kept, forgotten: !is_current }, sent)
    }

    pub(super) fn release(&mut self, it: &Release<'_>, now: Stamp) -> (Released, Sent) {
        let Some(flight) = self.led_by(it.token) else { return (Released::Refused, Sent::new()) };
        if self.others_run(&flight, it.token, now) {
            self.all.push(Fact::Out { token: it.token.clone() });
            return (Released::OthersRun, Sent::new());
        }
        let forgotten = !self.is_current(&flight);
        let sent = self.end(&flight, it.key.digest, &it.end);
        (Released::Ended { told: sent.len() as u32, forgotten }, sent)
    }

    pub(super) fn renew(&mut self, token: &Token, lease: Duration, now: Stamp) -> bool {
        let Some(flight) = self.led_by(token) else { return false };
        let leaders = self.leaders(&flight);
        let leader = leaders.iter().find(|leader| leader.token == *token).unwrap();
        self.all.push(Fact::Lease { token: token.clone(), lease, at: now });
        self.may_hold(token.inbox(), leader.presence, now + lease);
        true
    }

    pub(super) fn forget(&mut self, from: &Inbox, now: Stamp) -> (Forgotten, Vec<Inbox>) {
        let was_there = self.result(now).is_some() || self.current().is_some();
        let holders = self.holders().into_iter().filter(|(_, until)| now < *until);
        let mut noted: Vec<_> = holders.map(|(inbox, _)| inbox).collect();
        for flight in self.flights() {
            noted.extend(self.leaders(&flight).iter().map(|leader| leader.token.inbox().clone()));
            noted.extend(self.enrolled(&flight).into_iter().map(|(inbox, ..)| inbox));
        }
        noted.retain(|inbox| inbox != from);
        noted.sort();
        noted.dedup();
        self.all.push(Fact::Forgotten);
        (Forgotten { was_there, noted: noted.len() as u32, told: 0 }, noted)
    }

    pub(super) fn discard(&mut self, bytes: &[u8], now: Stamp) -> bool {
        let is_it = self.result(now).is_some_and(|result| result.bytes == bytes);
        if is_it {
            self.all.push(Fact::Removed);
        }
        is_it
    }

    pub(super) fn fetch(&self, id: &FlightId, now: Stamp) -> Option<End> {
        let result = self.result(now).filter(|result| result.flight == id.as_str());
        if let Some(result) = result {
            return Some(End::Outcome { bytes: result.bytes.into(), kept: true });
        }
        self.all.iter().find_map(|fact| match fact {
            Fact::HandedOn { flight, bytes, until, kept }
                if flight == id.as_str() && now < *until =>
            {
                Some(End::Outcome { bytes: bytes.as_slice().into(), kept: *kept })
            }
            _ => None,
        })
    }

    fn begin(&mut self, claim: &Claim<'_>, now: Stamp) -> Claimed {
        let flight = claim.token.to_string();
        self.all.push(Fact::Began { flight: flight.clone(), at: now });
        self.run(&flight, claim, now)
    }

    fn run(&mut self, flight: &str, claim: &Claim<'_>, now: Stamp) -> Claimed {
        let (token, presence, lease) = (claim.token.clone(), claim.presence, claim.lease);
        self.may_hold(token.inbox(), presence, now + lease);
        self.all.push(Fact::Lease { token: token.clone(), lease, at: now });
        self.all.push(Fact::Ran { flight: flight.to_owned(), token, presence, at: now });
        self.lead(flight, now)
    }

    fn lead(&self, flight: &str, now: Stamp) -> Claimed {
        Claimed::Lead { flight: FlightId::new(flight), age: now - self.began(flight) }
    }

    fn holder(&self, flight: &str) -> Option<Inbox> {
        self.leaders(flight).last().map(|leader| leader.token.inbox().clone())
    }

    fn others_run(&self, flight: &str, token: &Token, now: Stamp) -> bool {
        let leaders = self.leaders(flight);
        leaders.iter().any(|leader| leader.token != *token && now < leader.lease_end)
    }

    fn enrol(&mut self, flight: &str, claim: &Claim<'_>, wants_outcome: bool) {
        let (inbox, presence) = (claim.token.inbox().clone(), claim.presence);
        if presence > Presence::Absent {
            self.all.push(Fact::Enrolled {
                flight: flight.to_owned(),
                inbox,
                presence,
                wants_outcome,
            });
        }
    }

    fn may_hold(&mut self, inbox: &Inbox, presence: Presence, until: Stamp) {
        if presence == Presence::KeepsCopies {
            self.all.push(Fact::MayHold { inbox: inbox.clone(), until });
        }
    }

    fn end(&mut self, flight: &str, digest: Digest, end: &End) -> Sent {
        let enrolled = self.enrolled(flight);
        for leader in self.leaders(flight) {
            self.all.push(Fact::Out { token: leader.token });
        }
        self.all.push(Fact::Ended { flight: flight.to_owned() });
        let message = |(inbox, _, wants_outcome)| {
            let end = if wants_outcome { end.clone() } else { End::AskAgain };
            (inbox, Message::Ended { digest, flight: FlightId::new(flight), end })
        };
        enrolled.into_iter().map(message).collect()
    }
}
