//! The messages on their way, as bytes.
//!
//! ```text
//!   1E <digest> <code> <flight> \n <payload>      a flight has ended
//!   1F <digest> <number> ' ' <inbox> \n <name>    forget a key
//!   1A <number> ' ' <inbox> \n <name>             forget all keys of a name
//!   1D <number> ' ' <inbox>                       it is dropped
//! ```
//!
//! The first byte is the number of the format. Spaces are there for the eye, but for those in quotes. The scripts
//! write the first two.

use std::str::from_utf8;

use coalescer_cluster::engine::{Digest, End, FlightId, ForgetId, Inbox, Message, Token};

/// The channel of a process.
pub(crate) fn inbox_channel(inbox: &Inbox) -> String {
    format!("{}{inbox}", prefix(inbox.namespace()))
}

/// The name of a channel of a process is this and its inbox.
pub(crate) fn prefix(namespace: &str) -> String {
    format!("{namespace}:in:")
}

/// The channel of all processes of a namespace.
pub(crate) fn common_channel(namespace: &str) -> String {
    format!("{namespace}:all")
}

/// The code of an end, and what follows it.
pub(crate) fn encode_end(end: &End) -> Option<(char, &[u8])> {
    Some(match end {
        End::Outcome { bytes, kept: true } => ('k', bytes),
        End::Outcome { bytes, kept: false } => ('h', bytes),
        End::Fetch => ('f', b""),
        End::AskAgain => ('a', b""),
        End::RunYourOwn => ('o', b""),
        End::Panicked(text) => ('p', text.as_bytes()),
        _ => return None,
    })
}

pub(crate) fn encode_forget_all(name: &str, from: &Inbox, id: ForgetId) -> String {
    format!("1A{id} {from}\n{name}")
}

pub(crate) fn encode_dropped(by: &Inbox, id: ForgetId) -> String {
    format!("1D{id} {by}")
}

/// Reads a message; `None` for anything that is not one.
pub(crate) fn decode(bytes: &[u8]) -> Option<Message> {
    let (kind, rest) = bytes.strip_prefix(b"1")?.split_first()?;
    match kind {
        b'E' => decode_ended(rest),
        b'F' => {
            let (digest, rest) = decode_digest(rest)?;
            let (id, from, name) = decode_word(rest)?;
            Some(Message::Forget { name, digest, from, id })
        }
        b'A' => {
            let (id, from, name) = decode_word(rest)?;
            Some(Message::ForgetAll { name, from, id })
        }
        b'D' => {
            let (id, by) = decode_asker(rest)?;
            Some(Message::Dropped { id, by })
        }
        _ => None,
    }
}

fn decode_ended(bytes: &[u8]) -> Option<Message> {
    let (digest, rest) = decode_digest(bytes)?;
    let (code, rest) = rest.split_first()?;
    let (flight, payload) = split(rest, b'\n')?;
    let flight = from_utf8(flight).ok()?;
    Token::parse(flight)?;
    let end = match (code, payload) {
        (b'k', bytes) => End::Outcome { bytes: bytes.into(), kept: true },
        (b'h', bytes) => End::Outcome { bytes: bytes.into(), kept: false },
        (b'f', b"") => End::Fetch,
        (b'a', b"") => End::AskAgain,
        (b'o', b"") => End::RunYourOwn,
        (b'p', text) => End::panicked(from_utf8(text).ok()?),
        _ => return None,
    };
    Some(Message::Ended { digest, flight: FlightId::new(flight), end })
}

fn decode_digest(bytes: &[u8]) -> Option<(Digest, &[u8])> {
    let (text, rest) = bytes.split_at_checked(32)?;
    let mut digest = [0; 16];
    for (byte, pair) in digest.iter_mut().zip(text.chunks(2)) {
        *byte = u8::from_str_radix(from_utf8(pair).ok()?, 16).ok()?;
    }
    let digest = Digest::new(digest);
    // Neither signs nor capitals: a digest has one text.
    (digest.to_string().as_bytes() == text).then_some((digest, rest))
}

fn decode_word(bytes: &[u8]) -> Option<(ForgetId, Inbox, Box<str>)> {
    let (asker, name) = split(bytes, b'\n')?;
    let (id, from) = decode_asker(asker)?;
    Some((id, from, from_utf8(name).ok()?.into()))
}

fn decode_asker(bytes: &[u8]) -> Option<(ForgetId, Inbox)> {
    let (id, inbox) = from_utf8(bytes).ok()?.split_once(' ')?;
    let number: ForgetId = id.parse().ok()?;
    (number.to_string() == id).then_some((number, Inbox::parse(inbox)?))
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = bytes.iter().position(|byte| *byte == at)?;
    Some((&bytes[..position], &bytes[position + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "07070707070707070707070707070707";

    fn inbox() -> Inbox {
        Inbox::parse(&format!("shop:{}", "0a".repeat(16))).expect("an inbox")
    }

    /// The bytes of this format stay as they are: processes of two builds read each other.
    #[test]
    fn messages_have_these_bytes() {
        let (flight, digest) = (format!("{}#3", inbox()), Digest::new([7; 16]));
        let ended = |code: &str, payload: &str| format!("1E{DIGEST}{code}{flight}\n{payload}");
        let read = |end| Some(Message::Ended { digest, flight: FlightId::new(&*flight), end });
        let outcome = |kept| End::Outcome { bytes: b"a\nb"[..].into(), kept };
        assert_eq!(decode(ended("k", "a\nb").as_bytes()), read(outcome(true)));
        assert_eq!(decode(ended("h", "a\nb").as_bytes()), read(outcome(false)));
        assert_eq!(decode(ended("f", "").as_bytes()), read(End::Fetch));
        assert_eq!(decode(ended("a", "").as_bytes()), read(End::AskAgain));
        assert_eq!(decode(ended("o", "").as_bytes()), read(End::RunYourOwn));
        assert_eq!(decode(ended("p", "gone").as_bytes()), read(End::panicked("gone")));
        let (name, from, id) = (Box::from("users"), inbox(), 9);
        let word = format!("1F{DIGEST}9 {from}\nusers");
        let forget = Message::Forget { name, digest, from: from.clone(), id };
        assert_eq!(decode(word.as_bytes()), Some(forget));
        let all = encode_forget_all("users", &from, id);
        let name = Box::from("users");
        assert_eq!(all, format!("1A9 {from}\nusers"));
        let forget_all = Message::ForgetAll { name, from: from.clone(), id };
        assert_eq!(decode(all.as_bytes()), Some(forget_all));
        let dropped = encode_dropped(&from, id);
        assert_eq!(dropped, format!("1D9 {from}"));
        assert_eq!(decode(dropped.as_bytes()), Some(Message::Dropped { id, by: from }));
    }

    /// Anybody who may publish can send anything.
    #[test]
    fn what_is_no_message_is_skipped() {
        let inbox = inbox();
        let flight = format!("{inbox}#3");
        let capital = DIGEST.replace("07", "0A");
        let bad = [
            String::new(),
            "1".into(),
            "2D9 ".to_owned() + inbox.as_str(),
            "1X".into(),
            "1E".into(),
            format!("1E{DIGEST}"),
            format!("1E{DIGEST}k{flight}"),
            format!("1E{DIGEST}z{flight}\n"),
            format!("1E{DIGEST}a{flight}\nmore"),
            format!("1E{DIGEST}kno token\nvalue"),
            format!("1E{capital}a{flight}\n"),
            format!("1E+7{}a{flight}\n", &DIGEST[2..]),
            format!("1F{DIGEST}09 {inbox}\nusers"),
            format!("1F{DIGEST}9 shop\nusers"),
            format!("1A9 {inbox}"),
            format!("1D-1 {inbox}"),
            format!("1D9 {inbox} "),
            format!("1D99999999999999999999 {inbox}"),
        ];
        for text in bad {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
        let no_text = [format!("1E{DIGEST}p{flight}\n").as_bytes(), &[0xff]].concat();
        assert_eq!(decode(&no_text), None);
    }

    /// Every cut of every message, and every byte changed: an answer, and no panic.
    #[test]
    fn damaged_messages_are_read_without_a_panic() {
        let inbox = inbox();
        let whole = [
            format!("1E{DIGEST}p{inbox}#3\nw\u{f6}rter"),
            format!("1F{DIGEST}9 {inbox}\nusers"),
            encode_forget_all("users", &inbox, 9),
            encode_dropped(&inbox, 9),
        ];
        for text in &whole {
            for at in 0..text.len() {
                decode(&text.as_bytes()[..at]);
                for byte in 0..=u8::MAX {
                    let mut bytes = text.clone().into_bytes();
                    bytes[at] = byte;
                    decode(&bytes);
                }
            }
        }
    }
}
