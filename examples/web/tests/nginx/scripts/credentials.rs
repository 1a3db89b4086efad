//! Who asks, and answers for one client.

use crate::script::{Script, get};

pub(super) fn scripts() -> Vec<Script> {
    [users(), answers(), addresses()].concat()
}

const ADA: &str = "Authorization: Basic YWRhOmE=";
const BOB: &str = "Authorization: Basic Ym9iOmI=";

fn users() -> Vec<Script> {
    vec![
        get("Authorization of two users").first(ADA).second(BOB),
        get("Authorization of one user").both(ADA),
        get("Authorization, then none").first(ADA),
        get("no Authorization, then one").second(ADA),
        get("Authorization of two users, answer public")
            .first(ADA)
            .second(BOB)
            .says("cache-control", "public, max-age=3600"),
        get("Authorization of two users, answer private")
            .first(ADA)
            .second(BOB)
            .says("cache-control", "private"),
        get("Proxy-Authorization of two users")
            .first("Proxy-Authorization: Basic YWRhOmE=")
            .second("Proxy-Authorization: Basic Ym9iOmI="),
        get("Cookie of two users").first("Cookie: session=ada").second("Cookie: session=bob"),
        get("Cookie of one user").both("Cookie: session=ada"),
        get("Cookie, then none").first("Cookie: session=ada"),
        get("no Cookie, then one").second("Cookie: session=ada"),
        get("Cookie of two users, answer with Vary: Cookie")
            .first("Cookie: session=ada")
            .second("Cookie: session=bob")
            .says("vary", "Cookie"),
        get("X-Api-Key of two users").first("X-Api-Key: ada").second("X-Api-Key: bob"),
        get("X-Acme-Token of two users").first("X-Acme-Token: ada").second("X-Acme-Token: bob"),
        get("X-Forwarded-User of two users")
            .first("X-Forwarded-User: ada")
            .second("X-Forwarded-User: bob"),
        get("X-Tenant of two tenants").first("X-Tenant: acme").second("X-Tenant: globex"),
    ]
}

fn answers() -> Vec<Script> {
    vec![
        get("Set-Cookie").says("set-cookie", "session=run-{n}"),
        get("Set-Cookie, public")
            .says("set-cookie", "session=run-{n}")
            .says("cache-control", "public, max-age=3600"),
        get("Set-Cookie to a user with a Cookie")
            .both("Cookie: theme=dark")
            .says("set-cookie", "session=run-{n}"),
        get("Set-Cookie and X-Accel-Expires: 60")
            .says("set-cookie", "session=run-{n}")
            .says("x-accel-expires", "60"),
        get("WWW-Authenticate with status 200").says("www-authenticate", "Negotiate run-{n}"),
        get("Authentication-Info").says("authentication-info", "nextnonce=run-{n}"),
        get("X-CSRF-Token").says("x-csrf-token", "run-{n}"),
        get("Authorization in an answer").says("authorization", "Bearer run-{n}"),
        get("a nonce of Content-Security-Policy")
            .says("content-security-policy", "script-src 'nonce-run-{n}'"),
        get("Clear-Site-Data").says("clear-site-data", "\"cookies\""),
        get("X-Request-Id in an answer").says("x-request-id", "run-{n}"),
        get("RateLimit-Remaining").says("ratelimit-remaining", "run-{n}"),
    ]
}

fn addresses() -> Vec<Script> {
    vec![
        get("X-Forwarded-For of two clients")
            .first("X-Forwarded-For: 192.0.2.1")
            .second("X-Forwarded-For: 192.0.2.2"),
        get("X-Forwarded-Host of two hosts")
            .first("X-Forwarded-Host: evil.example")
            .second("X-Forwarded-Host: shop.example"),
        get("X-Forwarded-Proto https, then http")
            .first("X-Forwarded-Proto: https")
            .second("X-Forwarded-Proto: http"),
        get("Forwarded with two hosts")
            .first("Forwarded: host=evil.example")
            .second("Forwarded: host=shop.example"),
        get("Forwarded with two addresses")
            .first("Forwarded: for=192.0.2.1")
            .second("Forwarded: for=192.0.2.2"),
        get("X-Original-URL in the first request").first("X-Original-URL: /admin"),
    ]
}
