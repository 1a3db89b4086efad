//! The record of a worker, as lines of text.

use std::fmt::Write;

use super::Nanos;

/// A key of a table: the table's place, and the key in it.
pub(crate) type Key = (usize, u64);

/// One run of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) key: Key,
    pub(crate) number: u64,
    pub(crate) began: Nanos,
    pub(crate) ended: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Execute,
    Fresh,
    Try,
    Timeout(Nanos),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Value(Execution),
    TimedOut,
    WouldBlock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) key: Key,
    pub(crate) kind: Kind,
    pub(crate) entered: Nanos,
    pub(crate) returned: Nanos,
    /// The execution that it ran itself.
    pub(crate) ran: Option<u64>,
    /// The age of its value when it returned, by its process. Zero without one.
    pub(crate) age: Nanos,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forget {
    pub(crate) key: Key,
    pub(crate) entered: Nanos,
    /// The largest number if it did not reach everybody.
    pub(crate) returned: Nanos,
}

/// All that a worker saw, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) executions: Vec<Execution>,
    pub(crate) calls: Vec<Call>,
    pub(crate) forgets: Vec<Forget>,
    /// Calls that ran their function for their own process alone, by reason: the engine was down, the process did not
    /// hear, there was no room; told to, waited enough, a cycle, undecodable.
    pub(crate) alone: [u64; 7],
}

impl Record {
    pub(crate) fn add(&mut self, mut other: Self) {
        self.executions.append(&mut other.executions);
        self.calls.append(&mut other.calls);
        self.forgets.append(&mut other.forgets);
        self.alone.iter_mut().zip(other.alone).for_each(|(all, its)| *all += its);
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for execution in &self.executions {
            line(&mut text, "execution", &of_execution(execution));
        }
        for call in &self.calls {
            let kind = match call.kind {
                Kind::Execute => [0, 0],
                Kind::Fresh => [1, 0],
                Kind::Try => [2, 0],
                Kind::Timeout(limit) => [3, limit],
            };
            let ran = call.ran.map_or(0, |number| number + 1);
            let mut numbers = vec![call.key.0 as u64, call.key.1, call.entered, call.returned, ran];
            numbers.extend(kind);
            numbers.push(call.age);
            match &call.end {
                End::Value(execution) => numbers.extend(of_execution(execution)),
                End::TimedOut => numbers.push(0),
                End::WouldBlock => numbers.push(1),
            }
            line(&mut text, "call", &numbers);
        }
        for forget in &self.forgets {
            let numbers = [forget.key.0 as u64, forget.key.1, forget.entered, forget.returned];
            line(&mut text, "forget", &numbers);
        }
        line(&mut text, "alone", &self.alone);
        text
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut record = Self::default();
        // A process that was killed may have left a part of a line.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let (word, rest) = line.split_once(' ').unwrap();
            let n: Vec<u64> = rest.split(' ').map(|number| number.parse().unwrap()).collect();
            if word == "alone" {
                record.alone = n.try_into().unwrap();
                continue;
            }
            let key = (n[0] as usize, n[1]);
            match word {
                "execution" => record.executions.push(execution(&n)),
                "call" => {
                    let kind = match n[5] {
                        0 => Kind::Execute,
                        1 => Kind::Fresh,
                        2 => Kind::Try,
                        _ => Kind::Timeout(n[6]),
                    };
                    let end = match n[8..] {
                        [0] => End::TimedOut,
                        [1] => End::WouldBlock,
                        _ => End::Value(execution(&n[8..])),
                    };
                    let ran = n[4].checked_sub(1);
                    let (entered, returned, age) = (n[2], n[3], n[7]);
                    record.calls.push(Call { key, kind, entered, returned, ran, age, end });
                }
                "forget" => record.forgets.push(Forget { key, entered: n[2], returned: n[3] }),
                _ => panic!("no such line: {line}"),
            }
        }
        record
    }
}

fn of_execution(execution: &Execution) -> [u64; 5] {
    let Execution { key, number, began, ended } = *execution;
    [key.0 as u64, key.1, number, began, ended]
}

fn execution(n: &[u64]) -> Execution {
    Execution { key: (n[0] as usize, n[1]), number: n[2], began: n[3], ended: n[4] }
}

fn line(text: &mut String, word: &str, numbers: &[u64]) {
    text.push_str(word);
    for number in numbers {
        write!(text, " {number}").unwrap();
    }
    text.push('\n');
}
