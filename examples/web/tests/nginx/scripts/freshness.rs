//! Requests that ask for a fresh answer, for a part of one, or for one under a condition.

use crate::script::{Script, get, status};

pub(super) fn scripts() -> Vec<Script> {
    [directives(), conditions(), ranges()].concat()
}

fn directives() -> Vec<Script> {
    let second = |name, line: &str| get(name).second(line);
    vec![
        second("asks with no-cache", "Cache-Control: no-cache"),
        second("asks with no-store", "Cache-Control: no-store"),
        get("asks with no-store first").first("Cache-Control: no-store"),
        get("asks with no-cache, both").both("Cache-Control: no-cache"),
        second("asks with max-age=0", "Cache-Control: max-age=0"),
        second("asks with max-age=60, below the window", "Cache-Control: max-age=60"),
        second("asks with max-age=3600", "Cache-Control: max-age=3600"),
        second("asks with max-stale", "Cache-Control: max-stale"),
        second("asks with min-fresh=5", "Cache-Control: min-fresh=5"),
        second("asks with only-if-cached", "Cache-Control: only-if-cached"),
        second("asks with Pragma: no-cache", "Pragma: no-cache"),
        second("asks with max-age=\"0\" in quotes", "Cache-Control: max-age=\"0\""),
        second("asks with an open quote", "Cache-Control: max-age=\"0"),
        second("asks with max-age=soon", "Cache-Control: max-age=soon"),
        second("asks with a word that is not known", "Cache-Control: fast"),
    ]
}

fn conditions() -> Vec<Script> {
    let tagged = |name| {
        let not_modified = status(304).says("etag", "\"v1\"");
        get(name).says("etag", "\"v1\"").asked_with("if-none-match", not_modified)
    };
    let dated = |name| {
        let date = "Sat, 28 Nov 2026 00:00:00 GMT";
        let not_modified = status(304).says("last-modified", date);
        get(name).says("last-modified", date).asked_with("if-modified-since", not_modified)
    };
    vec![
        tagged("If-None-Match that matches, both").both("If-None-Match: \"v1\""),
        tagged("If-None-Match that matches, second").second("If-None-Match: \"v1\""),
        get("If-None-Match that does not match, second")
            .says("etag", "\"v2\"")
            .second("If-None-Match: \"v1\""),
        dated("If-Modified-Since that holds, both")
            .both("If-Modified-Since: Sat, 28 Nov 2026 00:00:00 GMT"),
        dated("If-Modified-Since that holds, second")
            .second("If-Modified-Since: Sat, 28 Nov 2026 00:00:00 GMT"),
        get("If-Match that fails, second")
            .says("etag", "\"v2\"")
            .second("If-Match: \"v1\"")
            .asked_with("if-match", status(412)),
    ]
}

fn ranges() -> Vec<Script> {
    let ranged = |name| {
        let part = status(206).says("content-range", "bytes 0-13/14");
        get(name).says("accept-ranges", "bytes").asked_with("range", part)
    };
    vec![
        ranged("Range, both").both("Range: bytes=0-3"),
        ranged("Range, second").second("Range: bytes=0-3"),
        ranged("Range, first").first("Range: bytes=0-3"),
        ranged("two Ranges").first("Range: bytes=0-3").second("Range: bytes=4-7"),
        get("Range that the handler does not know").both("Range: bytes=0-3"),
        get("206 without Range").status(206).says("content-range", "bytes 0-13/14"),
    ]
}
