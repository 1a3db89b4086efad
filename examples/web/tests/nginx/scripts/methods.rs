//! Methods, versions, and what looks like another method.

use crate::script::{Script, get};

pub(super) fn scripts() -> Vec<Script> {
    vec![
        get("GET"),
        get("HEAD").methods("HEAD", "HEAD"),
        get("GET, then HEAD").methods("GET", "HEAD"),
        get("HEAD, then GET").methods("HEAD", "GET"),
        get("POST").methods("POST", "POST"),
        get("GET, then POST").methods("GET", "POST"),
        get("POST, then GET").methods("POST", "GET"),
        get("PUT").methods("PUT", "PUT"),
        get("PATCH").methods("PATCH", "PATCH"),
        get("DELETE").methods("DELETE", "DELETE"),
        get("OPTIONS").methods("OPTIONS", "OPTIONS"),
        get("PROPFIND").methods("PROPFIND", "PROPFIND"),
        get("POST with max-age in its answer")
            .methods("POST", "POST")
            .says("cache-control", "max-age=3600"),
        get("GET with a body").body("tea"),
        get("GET with Content-Length: 0").both("Content-Length: 0"),
        get("X-HTTP-Method-Override: DELETE in the second request")
            .second("X-HTTP-Method-Override: DELETE"),
        get("HTTP/1.0").versions("HTTP/1.0", "HTTP/1.0"),
        get("HTTP/1.1, then HTTP/1.0").versions("HTTP/1.1", "HTTP/1.0"),
        get("Expect: 100-continue").both("Expect: 100-continue"),
        get("Upgrade in the second request").second("Upgrade: websocket"),
        get("an event stream is asked for").both("Accept: text/event-stream"),
    ]
}
