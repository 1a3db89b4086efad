//! How long a Redis server is busy with each step, as it counts itself (`INFO commandstats`).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use coalescer_cluster::engine::{
    Claim, Claimed, Digest, Engine as _, Forget, Inbox, Key, Lead, Presence, Publication, Token,
};
use coalescer_redis::{Redis, RedisEngine};

use super::servers;
use crate::options::Size;
use crate::raw::Line;

const WITHIN: Duration = Duration::from_secs(20);
const LEASE: Duration = Duration::from_secs(30);
const WINDOW: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "lab";
const BODY: [u8; 200] = [7; 200];

/// Processes that hold the key that is forgotten.
const HOLDERS: u64 = 100;

/// The times of the steps, and those of GET and SET.
pub(super) fn measure(server: &servers::Redis, url: &str, size: Size) -> Result<Vec<Line>> {
    let engine = Redis::open(url).namespace(NAMESPACE).engine()?;
    let steps = Steps { engine: &engine, inbox: Inbox::draw(NAMESPACE) };
    let rounds = size.pick(3000, 1000, 20);
    let mut lines = Vec::new();
    let mut measure = |name: &str, step: &dyn Fn(u64) -> Result<()>| -> Result<()> {
        server.command(&["CONFIG", "RESETSTAT"]);
        (0..rounds).try_for_each(step)?;
        let stats = server.command(&["INFO", "commandstats"]);
        // Several steps in one round trip are sent with their texts.
        let time = busy(&stats, "evalsha").or_else(|| busy(&stats, "eval"));
        let time = time.with_context(|| format!("no time of {name} in {stats}"))?;
        lines.push(Line::figure(name, time));
        Ok(())
    };
    measure("lead", &|number| steps.lead(number))?;
    measure("follow", &|number| steps.follow(number))?;
    measure("renew", &|number| steps.renew(number))?;
    measure("publish", &|number| steps.publish(number))?;
    measure("hit", &|number| steps.hit(number))?;
    measure("forget", &|number| steps.forget(number, 0))?;
    (0..HOLDERS).try_for_each(|_| steps.claim(0, &steps.stranger()).map(drop))?;
    measure("forget_100", &|_| steps.forget(0, HOLDERS as usize - 1))?;

    server.command(&["CONFIG", "RESETSTAT"]);
    let body = "7".repeat(BODY.len());
    for number in 0..rounds {
        let key = number.to_string();
        server.command(&["SET", &key, &body, "PX", "60000"]);
        server.command(&["GET", &key]);
    }
    let stats = server.command(&["INFO", "commandstats"]);
    let both = busy(&stats, "get").zip(busy(&stats, "set")).context("no time of GET or SET")?;
    lines.push(Line::figure("get_set", both.0 + both.1));
    Ok(lines)
}

/// The time of a command in microseconds, from the report of the server.
fn busy(stats: &str, command: &str) -> Option<f64> {
    let begin = format!("cmdstat_{command}:");
    let mut parts = stats.lines().find_map(|line| line.strip_prefix(&begin))?.split(',');
    parts.find_map(|part| part.strip_prefix("usec_per_call="))?.trim().parse().ok()
}

struct Steps<'a> {
    engine: &'a RedisEngine,
    inbox: Inbox,
}

impl Steps<'_> {
    /// The claim of this process with this number.
    fn own(&self, number: u64) -> Token {
        Token::new(self.inbox.clone(), number)
    }

    /// A claim of a process that did nothing so far.
    fn stranger(&self) -> Token {
        Token::new(Inbox::draw(NAMESPACE), 1)
    }

    fn claim(&self, number: u64, token: &Token) -> Result<Claimed> {
        let mut claim = Claim::new(key(number), token, LEASE);
        claim.presence = Presence::KeepsCopies;
        Ok(self.engine.claim(&claim, WITHIN)?)
    }

    fn lead(&self, number: u64) -> Result<()> {
        let claimed = self.claim(number, &self.own(number))?;
        ensure!(matches!(claimed, Claimed::Lead { .. }), "{claimed:?}");
        Ok(())
    }

    fn follow(&self, number: u64) -> Result<()> {
        let claimed = self.claim(number, &self.stranger())?;
        ensure!(matches!(claimed, Claimed::Follow { .. }), "{claimed:?}");
        Ok(())
    }

    fn renew(&self, number: u64) -> Result<()> {
        let lead = Lead { key: key(number), token: &self.own(number), lease: LEASE };
        ensure!(self.engine.renew(&[lead], WITHIN)? == [true], "the lead is lost");
        Ok(())
    }

    fn publish(&self, number: u64) -> Result<()> {
        let token = self.own(number);
        let mut publication = Publication::new(key(number), &token, &BODY);
        publication.keep = Some(WINDOW);
        Ok(self.engine.publish(&publication, WITHIN).map(drop)?)
    }

    fn hit(&self, number: u64) -> Result<()> {
        let claimed = self.claim(number, &self.stranger())?;
        ensure!(matches!(claimed, Claimed::Hit { .. }), "{claimed:?}");
        Ok(())
    }

    fn forget(&self, number: u64, holders: usize) -> Result<()> {
        let forget = Forget { key: key(number), from: &self.inbox, id: 1 };
        let forgotten = self.engine.forget(&forget, WITHIN)?;
        ensure!(forgotten.noted as usize >= holders, "{forgotten:?}");
        Ok(())
    }
}

fn key(number: u64) -> Key<'static> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Key { namespace: NAMESPACE, name: "steps", digest: Digest::new(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_command_is_read_from_the_report_of_the_server() {
        let stats = "$9\r\n# Commandstats\r\n\
                     cmdstat_getex:calls=1,usec=9,usec_per_call=9.00,rejected_calls=0\r\n\
                     cmdstat_get:calls=4,usec=10,usec_per_call=2.50,rejected_calls=0\r\n";
        assert_eq!(busy(stats, "get"), Some(2.5));
        assert_eq!(busy(stats, "getex"), Some(9.0));
        assert_eq!(busy(stats, "set"), None);
    }
}
