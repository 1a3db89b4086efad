//! The plain server behind nginx: a thread for each connection, and each connection has one request.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use crate::script::{Answer, Content};
use crate::stage::{Event, Stage, lock};

/// The client whose request is held or not.
const SECOND: &str = "2";

/// The connections whose requests have not been read, by the order in which they were opened.
#[derive(Debug, Default)]
struct Unread {
    numbers: Mutex<BTreeSet<u64>>,
    changed: Condvar,
}

impl Unread {
    fn read(&self, number: u64) {
        lock(&self.numbers).remove(&number);
        self.changed.notify_all();
    }

    /// Waits until everything is read that came on a connection before this one.
    fn wait_before(&self, number: u64) {
        let has_older = |unread: &mut BTreeSet<u64>| unread.first().is_some_and(|it| *it < number);
        let waits = self.changed.wait_while(lock(&self.numbers), has_older);
        drop(waits.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Listens at this socket until the process ends.
pub(crate) fn start(socket: &Path, stage: Stage) -> io::Result<()> {
    let (listener, unread) = (UnixListener::bind(socket)?, Arc::new(Unread::default()));
    thread::spawn(move || {
        for (stream, number) in listener.incoming().zip(0..) {
            // Before the next one is accepted: the order is that of the connections.
            lock(&unread.numbers).insert(number);
            let (unread, stage) = (Arc::clone(&unread), stage.clone());
            thread::spawn(move || {
                let served = stream.and_then(|stream| serve(stream, number, &unread, &stage));
                unread.read(number);
                // A client that has gone away is no fault.
                served.ok();
            });
        }
    });
    Ok(())
}

fn serve(mut stream: UnixStream, number: u64, unread: &Unread, stage: &Stage) -> io::Result<()> {
    let request = Request::read(&stream)?;
    if let Some(target) = request.field("x-decided") {
        unread.read(number);
        unread.wait_before(number);
        if let (Some(scene), Some(SECOND)) = (stage.scene(target), request.field("user-agent")) {
            scene.tell(Event::Decided);
        }
        return stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }
    let scene = stage.scene(&request.target);
    let scene = scene.unwrap_or_else(|| panic!("no script has {}", request.target));
    let client = request.field("user-agent").and_then(|client| client.parse().ok());
    let client = client.expect("each client has a number");
    let run = scene.begin();
    unread.read(number);
    scene.wait(run);
    let answer = scene.answer.to(|name| request.field(name).is_some());
    stream.write_all(&written(answer, client, request.is_head))
}

struct Request {
    target: String,
    is_head: bool,
    fields: Vec<(String, String)>,
}

impl Request {
    fn read(stream: &UnixStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let first = read_line(&mut reader)?;
        let mut parts = first.split(' ');
        let is_head = parts.next() == Some("HEAD");
        let target = parts.next().unwrap_or_default().to_owned();
        let mut request = Self { target, is_head, fields: Vec::new() };
        loop {
            let line = read_line(&mut reader)?;
            let Some((name, value)) = line.split_once(':') else { break };
            request.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = request.field("content-length").and_then(|length| length.parse().ok());
        io::copy(&mut reader.take(length.unwrap_or(0)), &mut io::sink())?;
        Ok(request)
    }

    fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    match reader.read_until(b'\n', &mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()),
    }
}

/// The answer of the run for a client, as it goes over the wire.
fn written(answer: &Answer, client: usize, is_head: bool) -> Vec<u8> {
    let Answer { status, content, .. } = answer;
    if *content == Content::NoAnswer {
        return Vec::new();
    }
    let mut bytes = format!("HTTP/1.1 {status} Scripted\r\n").into_bytes();
    for (name, value) in answer.fields(client) {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat();
        bytes.extend(line);
    }
    if !answer.states("connection") {
        bytes.extend(b"Connection: close\r\n");
    }
    let sent = content.sent(client);
    let body = match content {
        Content::Chunked | Content::BrokenChunks => {
            bytes.extend(b"Transfer-Encoding: chunked\r\n");
            let last = if *content == Content::Chunked { "0\r\n\r\n" } else { "" };
            format!("{:x}\r\n{sent}\r\n{last}", sent.len())
        }
        Content::ToTheEnd => sent,
        _ if [204, 304].contains(status) => String::new(),
        _ => {
            let length = content.text(client).len();
            bytes.extend(format!("Content-Length: {length}\r\n").bytes());
            sent
        }
    };
    bytes.extend(b"\r\n");
    if !is_head {
        bytes.extend(body.bytes());
    }
    bytes
}
