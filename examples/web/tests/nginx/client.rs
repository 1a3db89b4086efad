//! A client that writes bytes and reads an answer, whatever the server makes of them.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::time::Duration;

use crate::outcome::{Got, Whole};
use crate::script::Content;

/// Far longer than an answer takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// Sends a request, and reads its answer.
pub(crate) fn ask(mut stream: Box<dyn Stream>, request: &[u8], content: Content) -> Got {
    // A server that refuses what it has read may close before all is written.
    stream.write_all(request).and_then(|()| stream.flush()).ok();
    let is_head = request.starts_with(b"HEAD ");
    let mut reader = BufReader::new(stream);
    loop {
        match read_head(&mut reader) {
            Ok(Some(head)) if head.status / 100 == 1 => {}
            Ok(Some(head)) => return read_body(&mut reader, &head, is_head, content),
            Ok(None) => return Got::default(),
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

struct Head {
    status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads a status line with its fields; nothing if the connection ends before.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let Some(first) = read_line(reader)? else { return Ok(None) };
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status: {first:?}")))?;
    let mut head = Head { status, fields: Vec::new() };
    while let Some(line) = read_line(reader)? {
        match line.split_once(':') {
            Some((name, value)) => {
                head.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None if line.is_empty() => return Ok(Some(head)),
            None => return Err(io::Error::other(format!("no field: {line:?}"))),
        }
    }
    Ok(None)
}

/// Reads a line, without its end; nothing if the connection ends before.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    match reader.read_until(b'\n', &mut line) {
        Ok(_) if line.ends_with(b"\n") => {
            Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_body(reader: &mut impl BufRead, head: &Head, is_head: bool, content: Content) -> Got {
    let run = head.field("x-run").and_then(|run| run.parse().ok());
    let has_body = !is_head && ![204, 304].contains(&head.status);
    let read = if has_body { read_framed(reader, head) } else { Ok(Vec::new()) };
    let whole = match (read, run) {
        (Err(error), _) if error.kind() == ErrorKind::UnexpectedEof => Whole::BrokenOff,
        (Err(error), _) => panic!("an answer cannot be read: {error}"),
        (Ok(body), Some(run)) if has_body && body != content.text(run).as_bytes() => Whole::Part,
        _ => Whole::Yes,
    };
    let marked = head.fields.iter().filter(|(_, value)| value.contains("run-"));
    Got {
        status: Some(head.status),
        run,
        marked: marked.map(|(name, _)| name.clone()).collect(),
        has_age: head.field("age").is_some(),
        whole,
    }
}

fn read_framed(reader: &mut impl BufRead, head: &Head) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.field("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
        loop {
            let line = read_line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
            let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            if length == 0 {
                return Ok(body);
            }
            read_exactly(reader, length, &mut body)?;
            read_line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
        }
    }
    match head.field("content-length").map(str::parse) {
        Some(Ok(length)) => read_exactly(reader, length, &mut body)?,
        Some(Err(error)) => return Err(io::Error::other(error)),
        None => read_to_the_end(reader, &mut body)?,
    }
    Ok(body)
}

fn read_exactly(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let before = body.len() as u64;
    read_to_the_end(&mut reader.take(length), body)?;
    let read = body.len() as u64 - before;
    if read < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

fn read_to_the_end(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    match reader.read_to_end(body) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
        _ => Ok(()),
    }
}
