//! Fields of a request that a handler may read, and fields of one connection.

use crate::script::{Script, get};

pub(super) fn scripts() -> Vec<Script> {
    let two = |name, first: &str, second: &str| get(name).first(first).second(second);
    vec![
        two("Referer different", "Referer: http://a.example/", "Referer: http://b.example/"),
        two("X-Flavour different", "X-Flavour: mint", "X-Flavour: lime"),
        two("X-Request-Id different", "X-Request-Id: 1", "X-Request-Id: 2"),
        two("Sec-Fetch-Dest different", "Sec-Fetch-Dest: document", "Sec-Fetch-Dest: empty"),
        two("Save-Data on, then off", "Save-Data: on", "Save-Data: off"),
        get("X-Requested-With in the second request").second("X-Requested-With: XMLHttpRequest"),
        get("HX-Request in the second request").second("HX-Request: true"),
        get("X-Device different").first("X-Device: phone").second("X-Device: desktop"),
        get("a field that is no ASCII in the first request").first(b"X-Name: \xff\xfe".to_vec()),
        get("a field in UTF-8 in the first request").first("X-Name: Zoë"),
        get("a field with a tab").both("X-Name: a\tb"),
        get("a field of 5 KiB in the first request")
            .first(format!("X-Name: {}", "x".repeat(5 << 10))),
        get("a field in two lines, and in one")
            .first("Accept-Language: de")
            .first("Accept-Language: en")
            .second("Accept-Language: de, en"),
        get("a name with an underscore").first("X_Device: phone").second("X_Device: desktop"),
        get("a name in upper case").first("ACCEPT-LANGUAGE: de").second("accept-language: de"),
        get("Connection names a field of the request")
            .both("Connection: close, X-Flavour")
            .first("X-Flavour: mint")
            .second("X-Flavour: lime"),
        get("TE: trailers").both("TE: trailers"),
        get("Connection names a field of the answer")
            .says("connection", "x-hop")
            .says("x-hop", "run-{n}"),
        get("Keep-Alive in the answer").says("keep-alive", "timeout=run-{n}"),
    ]
}
