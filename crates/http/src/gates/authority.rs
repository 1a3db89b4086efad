//! The authority of a request in its usual form: the only form that shares.
//!
//! A handler sees the text of `Host`. If the gate made `Shop.example:080` and `shop.example` equal, the
//! page of one client would have the links of another one. So the gate changes no text. It passes through
//! what is not in the form that browsers send.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Version};

use crate::gates::Gates;
use crate::key::Target;
use crate::verdict::PassThrough;

impl Gates {
    /// The scheme, authority and path of a request, if they are clear and in their usual form.
    pub(crate) fn target(&self, request: &Parts) -> Result<Target, PassThrough> {
        let uri = &request.uri;
        let scheme = uri.scheme().unwrap_or(&self.scheme);
        let in_host = host(&request.headers)?;
        let in_uri = uri.authority().map(Authority::as_str);
        let authority = match (in_uri, in_host) {
            // The handler may use either, so a response could be for the wrong host.
            (Some(in_uri), Some(in_host)) if in_uri != in_host => {
                return Err(PassThrough::Authority);
            }
            // With HTTP/1 the absolute form goes to proxies, and has a `Host` field beside it.
            (Some(_), None) if request.version < Version::HTTP_2 => {
                return Err(PassThrough::Authority);
            }
            (Some(authority), _) | (None, Some(authority)) => authority,
            (None, None) => "",
        };
        let is_authority_form = in_uri.is_some() && uri.scheme().is_none();
        if is_authority_form || !(authority.is_empty() || is_usual(authority, scheme)) {
            return Err(PassThrough::Authority);
        }
        Ok(Target {
            is_absolute: in_uri.is_some(),
            has_host: request.headers.contains_key(HOST),
            scheme: scheme.as_str().into(),
            authority: authority.into(),
            path_and_query: uri.path_and_query().map_or("/", |path| path.as_str()).into(),
        })
    }
}

/// Returns the `Host` field, or `None` if it is absent or empty.
fn host(headers: &HeaderMap) -> Result<Option<&str>, PassThrough> {
    let mut lines = headers.get_all(HOST).iter();
    let (first, second) = (lines.next(), lines.next());
    if second.is_some() {
        return Err(PassThrough::Authority);
    }
    let Some(host) = first.filter(|host| !host.is_empty()) else { return Ok(None) };
    if Authority::try_from(host.as_bytes()).is_err() {
        return Err(PassThrough::Malformed);
    }
    host.to_str().map(Some).map_err(|_| PassThrough::Malformed)
}

/// Returns `true` for a host in lower case, with no port or one that is not the scheme's own.
fn is_usual(authority: &str, scheme: &Scheme) -> bool {
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => {
            (&authority[..colon], Some(&authority[colon + 1..]))
        }
        _ => (authority, None),
    };
    is_usual_host(host) && port.is_none_or(|port| is_usual_port(port, scheme))
}

fn is_usual_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let is_lower = !address.bytes().any(|byte| byte.is_ascii_uppercase());
        return is_lower && address.parse::<Ipv6Addr>().is_ok();
    }
    // A name of digits and dots that is no address, such as `127.1`, is an address to some.
    let is_number = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_number {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    let is_usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    host.bytes().all(|byte| is_usual(byte) || b"-._".contains(&byte))
}

fn is_usual_port(port: &str, scheme: &Scheme) -> bool {
    let own_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => 0,
    };
    // The digits of the number are the text: no sign and no zero before them.
    let number = port.parse::<u16>().unwrap_or(0);
    number != 0 && number != own_port && number.to_string() == port
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H7: the usual form is what browsers send.
    #[test]
    fn only_the_usual_form_is_usual() {
        for authority in [
            "shop.example",
            "a",
            "a-b_c.d",
            "xn--bcher-kva.example",
            "shop.example.",
            "shop.example:8080",
            "127.0.0.1",
            "127.0.0.1:1",
            "[::1]",
            "[2001:db8::1]:65535",
            "shop.example:443",
        ] {
            assert!(is_usual(authority, &Scheme::HTTP), "{authority}");
        }
        for authority in [
            "Shop.example",
            "shop.example:80",
            "shop.example:",
            "shop.example:080",
            "shop.example:+81",
            "shop.example:0",
            "shop.example:65536",
            "shop.example:8080:1",
            "shop.example:0008080",
            ":8080",
            "[::1].evil.example",
            "[::1]evil",
            "[::1]x:8443",
            "[::1]!",
            "[::1]:80",
            "[::1]:",
            "[::A]",
            "[]",
            "[v1.a]",
            "[::1",
            "::1",
            "127.1",
            "1.2.3.4.",
            "%73hop.example",
            "a,b",
            "a*b",
            "ada@a",
            "a!",
            "a~b",
        ] {
            assert!(!is_usual(authority, &Scheme::HTTP), "{authority}");
        }
        assert!(is_usual("shop.example:80", &Scheme::HTTPS));
        assert!(!is_usual("shop.example:443", &Scheme::HTTPS));
    }
}
