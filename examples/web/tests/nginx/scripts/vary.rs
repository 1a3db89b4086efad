//! `Vary`, and fields of a request that pages usually depend on.

use crate::script::{Script, get};

pub(super) fn scripts() -> Vec<Script> {
    let varies = |name, value| get(name).says("vary", value);
    let two = |script: Script| script.first("Accept-Encoding: gzip").second("Accept-Encoding: br");
    vec![
        varies("Vary: *", "*"),
        varies("Vary: Accept-Encoding, *", "Accept-Encoding, *"),
        varies("Vary: Accept-Encoding, equal", "Accept-Encoding").both("Accept-Encoding: gzip"),
        two(varies("Vary: Accept-Encoding, different", "Accept-Encoding")),
        two(get("Accept-Encoding different, no Vary")),
        varies("Vary: ACCEPT-ENCODING in upper case, equal", "ACCEPT-ENCODING")
            .both("Accept-Encoding: gzip"),
        varies("Vary: Accept-Encoding, different only in blanks", "Accept-Encoding")
            .first("Accept-Encoding: gzip, br")
            .second("Accept-Encoding: gzip,br"),
        get("Accept-Language different, no Vary")
            .first("Accept-Language: de")
            .second("Accept-Language: en"),
        get("Accept different, no Vary")
            .first("Accept: text/html")
            .second("Accept: application/json"),
        varies("Vary: Accept, different", "Accept")
            .first("Accept: text/html")
            .second("Accept: application/json"),
        varies("Vary: Origin, different", "Origin")
            .first("Origin: https://a.example")
            .second("Origin: https://b.example"),
        get("Origin different, no Vary")
            .first("Origin: https://a.example")
            .second("Origin: https://b.example"),
        varies("Vary: User-Agent, different", "User-Agent"),
        varies("Vary: X-Flavour, equal", "X-Flavour").both("X-Flavour: mint"),
        varies("Vary: X-Flavour, different", "X-Flavour")
            .first("X-Flavour: mint")
            .second("X-Flavour: lime"),
        varies("Vary: X-Flavour that nobody sends", "X-Flavour"),
        varies("Vary: Cookie that nobody sends", "Cookie"),
        varies("Vary: Accept in one line, X-Flavour in the next", "Accept")
            .says("vary", "X-Flavour")
            .first("X-Flavour: mint")
            .second("X-Flavour: lime"),
        varies("Vary that cannot be read", "Accept Encoding"),
    ]
}
