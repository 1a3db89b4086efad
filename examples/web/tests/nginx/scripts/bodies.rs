//! Bodies, and origins in trouble.

use crate::script::{Content, Script, get};

pub(super) fn scripts() -> Vec<Script> {
    let of = |name, content| get(name).content(content);
    vec![
        of("an empty body", Content::Empty),
        of("a body of more than a mebibyte", Content::Long),
        of("a body in chunks", Content::Chunked),
        of("a body in chunks, max-age=60", Content::Chunked).says("cache-control", "max-age=60"),
        of("a body to the end of the connection", Content::ToTheEnd),
        of("a body that is shorter than its length", Content::Short),
        of("chunks that break off", Content::BrokenChunks),
        of("a connection that ends without an answer", Content::NoAnswer),
        of("HEAD of a body in chunks", Content::Chunked).methods("HEAD", "HEAD"),
        get("Content-Encoding").says("content-encoding", "identity"),
    ]
}
