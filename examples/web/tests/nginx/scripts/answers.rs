//! Answers that say how they may be shared.

use crate::script::{Script, get};

pub(super) fn scripts() -> Vec<Script> {
    [words(), numbers(), unreadable(), others()].concat()
}

fn says(name: &'static str, value: &'static str) -> Script {
    get(name).says("cache-control", value)
}

fn words() -> Vec<Script> {
    vec![
        says("no-store", "no-store"),
        says("NO-STORE in upper case", "NO-STORE"),
        says("no-store=1", "no-store=1"),
        says("no-store, max-age=3600", "no-store, max-age=3600"),
        says("no-cache", "no-cache"),
        says("no-cache=\"set-cookie\"", "no-cache=\"set-cookie\""),
        says("private", "private"),
        says("private=\"x-user\"", "private=\"x-user\""),
        says("public", "public"),
        says("must-revalidate", "must-revalidate"),
        says("must-understand, no-store", "must-understand, no-store"),
        says("immutable", "immutable"),
        says("a word that is not known", "fast"),
        says("public in one line, no-store in the next", "public")
            .says("cache-control", "no-store"),
    ]
}

fn numbers() -> Vec<Script> {
    vec![
        says("max-age=0", "max-age=0"),
        says("max-age=60, below the window", "max-age=60"),
        says("max-age=3600", "max-age=3600"),
        says("max-age=60, max-age=0", "max-age=60, max-age=0"),
        says("s-maxage=0, max-age=60", "s-maxage=0, max-age=60"),
        says("s-maxage=60, max-age=0", "s-maxage=60, max-age=0"),
        says("max-age=60, stale-while-revalidate=30", "max-age=60, stale-while-revalidate=30"),
        says("max-age=\"60\" in quotes", "max-age=\"60\""),
        says("max-age of 20 digits", "max-age=99999999999999999999"),
        says("max-age=60 and Age: 60", "max-age=60").says("age", "60"),
        get("Age: soon").says("age", "soon"),
    ]
}

fn unreadable() -> Vec<Script> {
    vec![
        says("max-age=soon", "max-age=soon"),
        says("max-age=-1", "max-age=-1"),
        says("max-age=1.5", "max-age=1.5"),
        says("max-age without a number", "max-age"),
        says("a semicolon: max-age=60; private", "max-age=60; private"),
        says("a blank: no store", "no store"),
        says("an open quote: private=\"x", "private=\"x"),
        says("a comma alone", ","),
    ]
}

fn others() -> Vec<Script> {
    vec![
        get("Pragma: no-cache").says("pragma", "no-cache"),
        get("Expires in the past").says("expires", "Thu, 01 Jan 1998 00:00:00 GMT"),
        get("Expires in the future").says("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
        get("Expires: 0").says("expires", "0"),
        says("max-age=60, then Expires in the past", "max-age=60")
            .says("expires", "Thu, 01 Jan 1998 00:00:00 GMT"),
        get("Expires in the past, then max-age=60")
            .says("expires", "Thu, 01 Jan 1998 00:00:00 GMT")
            .says("cache-control", "max-age=60"),
        get("X-Accel-Expires: 0").says("x-accel-expires", "0"),
        get("X-Accel-Expires: 60").says("x-accel-expires", "60"),
        get("X-Accel-Expires: @1, a date in the past").says("x-accel-expires", "@1"),
        get("X-Accel-Expires: 0, then max-age=60")
            .says("x-accel-expires", "0")
            .says("cache-control", "max-age=60"),
        says("max-age=60, then X-Accel-Expires: 0", "max-age=60").says("x-accel-expires", "0"),
        get("X-Accel-Expires: 60, then no-store")
            .says("x-accel-expires", "60")
            .says("cache-control", "no-store"),
        says("no-store, then X-Accel-Expires: 60", "no-store").says("x-accel-expires", "60"),
        get("X-Accel-Expires: 60, then private")
            .says("x-accel-expires", "60")
            .says("cache-control", "private"),
        get("CDN-Cache-Control: no-store").says("cdn-cache-control", "no-store"),
        get("Surrogate-Control: no-store").says("surrogate-control", "no-store"),
    ]
}
