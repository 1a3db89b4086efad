//! Statuses, alone and with a lifetime.

use crate::script::{Script, get};

pub(super) fn scripts() -> Vec<Script> {
    let of = |name, status| get(name).status(status);
    let moved = |name, status| of(name, status).says("location", "/elsewhere");
    let lasting = |name, status| of(name, status).says("cache-control", "max-age=60");
    vec![
        of("status 201", 201),
        of("status 203", 203),
        of("status 204", 204),
        of("status 205", 205),
        of("status 300", 300),
        moved("status 301", 301),
        moved("status 302", 302),
        moved("status 303", 303),
        of("status 304 without a condition", 304),
        moved("status 307", 307),
        moved("status 308", 308),
        of("status 400", 400),
        of("status 401", 401).says("www-authenticate", "Basic"),
        of("status 403", 403),
        of("status 404", 404),
        of("status 405", 405).says("allow", "POST"),
        of("status 408", 408),
        of("status 410", 410),
        of("status 421", 421),
        of("status 429", 429).says("retry-after", "60"),
        of("status 451", 451),
        of("status 500", 500),
        of("status 501", 501),
        of("status 502", 502),
        of("status 503", 503).says("retry-after", "60"),
        of("status 504", 504),
        of("status 511", 511),
        of("status 299, which is not known", 299),
        lasting("status 400 with max-age=60", 400),
        lasting("status 401 with max-age=60", 401),
        lasting("status 403 with max-age=60", 403),
        lasting("status 404 with max-age=60", 404),
        lasting("status 429 with max-age=60", 429),
        lasting("status 500 with max-age=60", 500),
        lasting("status 503 with max-age=60", 503),
    ]
}
