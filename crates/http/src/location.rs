//! Paths and authorities in a form in which two texts for one resource are equal.
//!
//! These forms find pages that are to be forgotten, never pages that are to be served. So they may make
//! equal what a handler tells apart: a page too many is made anew.

use std::borrow::Cow;

/// The resource that a `Location` or `Content-Location` names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// In its normal form, or `None` for that of the request.
    pub(crate) authority: Option<String>,
    /// In its normal form, without a query.
    pub(crate) path: String,
}

impl Location {
    /// Resolves a reference against the path of the request (RFC 3986, 5.2). Returns `None` if it names no
    /// page of HTTP.
    pub(crate) fn of(reference: &str, base: &str) -> Option<Self> {
        let end = reference.find(['?', '#']).unwrap_or(reference.len());
        let reference = reference[..end].trim();
        let rest = match reference.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => {
                let is_http =
                    ["http", "https"].iter().any(|http| scheme.eq_ignore_ascii_case(http));
                Some(rest).filter(|rest| is_http && rest.starts_with("//"))?
            }
            _ => reference,
        };
        if let Some(rest) = rest.strip_prefix("//") {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let authority = Some(normal_authority(authority));
            return Some(Self { authority, path: normal_path(path).into_owned() });
        }
        let path = match rest {
            "" => normal_path(base),
            rest if rest.starts_with('/') => normal_path(rest),
            rest => {
                let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
                Cow::Owned(normal_path(&format!("{folder}/{rest}")).into_owned())
            }
        };
        Some(Self { authority: None, path: path.into_owned() })
    }
}

fn is_scheme(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_part)
}

/// The authority in lower case, without a port that is the default of some scheme.
pub(crate) fn normal_authority(authority: &str) -> String {
    let authority = authority.trim().to_ascii_lowercase();
    let Some((host, port)) = authority.rsplit_once(':') else { return authority };
    let is_default = port.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(port.trim_start_matches('0'), "" | "80" | "443");
    if is_default { host.to_owned() } else { authority }
}

/// The path without dot segments, and without escapes of what needs none (RFC 3986, 6.2.2).
pub(crate) fn normal_path(path: &str) -> Cow<'_, str> {
    if path.starts_with('/') && !path.contains('%') && !path.contains("/.") {
        return Cow::Borrowed(path);
    }
    let path = unescaped(path);
    let mut segments = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let is_folder = path.ends_with("/.") || path.ends_with("/..");
    let end =
        if is_folder && segments.last().is_some_and(|last| !last.is_empty()) { "/" } else { "" };
    Cow::Owned(format!("/{}{end}", segments.join("/")))
}

/// Returns `true` if a path is below a prefix or equal to it, segment by segment. Both are in their normal form.
pub(crate) fn is_below(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
}

fn unescaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(percent) = rest.find('%') {
        text.push_str(&rest[..percent]);
        let escape = rest.get(percent + 1..percent + 3).filter(|digits| !digits.starts_with('+'));
        let byte = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                text.push(char::from(byte));
            }
            Some(byte) => text.push_str(&format!("%{byte:02X}")),
            None => {
                text.push('%');
                rest = &rest[percent + 1..];
                continue;
            }
        }
        rest = &rest[percent + 3..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H18: two texts for one page are equal.
    #[test]
    fn paths_have_a_normal_form() {
        for (path, expected) in [
            ("/cart", "/cart"),
            ("/c%61rt", "/cart"),
            ("/a/../cart", "/cart"),
            ("/./cart", "/cart"),
            ("/cart/", "/cart/"),
            ("/a/..", "/"),
            ("/a/b/.", "/a/b/"),
            ("/../..", "/"),
            ("", "/"),
            ("/%2f", "/%2F"),
            ("/%", "/%"),
            ("/%4", "/%4"),
            ("/%zz", "/%zz"),
            ("/%+1", "/%+1"),
            ("/%é", "/%é"),
            ("/a//b", "/a//b"),
        ] {
            assert_eq!(normal_path(path), expected, "{path}");
        }
    }

    /// H46
    #[test]
    fn a_path_is_below_a_prefix_of_whole_segments() {
        let below = |prefix, path| is_below(&normal_path(prefix), &normal_path(path));
        for (prefix, path) in [
            ("/shop", "/shop"),
            ("/shop", "/shop/"),
            ("/shop", "/shop/cart"),
            ("/sh%6Fp", "/x/../shop/c%61rt"),
            ("/shop/", "/shop/"),
            ("/shop/", "/shop/cart/1"),
            ("/shop/.", "/shop/cart"),
            ("/", "/"),
            ("/", "/shop"),
            ("", "/shop"),
        ] {
            assert!(below(prefix, path), "{prefix}: {path}");
        }
        for (prefix, path) in [
            ("/shop", "/shopping"),
            ("/shop", "/shop%2Fcart"),
            ("/shop", "/Shop/cart"),
            ("/shop", "/"),
            ("/shop", "/news/shop"),
            ("/shop/", "/shop"),
            ("/shop//", "/shop/cart"),
            ("/shop/cart", "/shop"),
        ] {
            assert!(!below(prefix, path), "{prefix}: {path}");
        }
    }

    /// H18: a default port and letter case make no other site.
    #[test]
    fn authorities_have_a_normal_form() {
        for authority in ["Shop.example", "shop.example:80", "shop.example:", "shop.example:0443"] {
            assert_eq!(normal_authority(authority), "shop.example");
        }
        assert_eq!(normal_authority("shop.example:8080"), "shop.example:8080");
        assert_eq!(normal_authority("[::1]:80"), "[::1]");
        assert_eq!(normal_authority("[::1]"), "[::1]");
        assert_eq!(normal_authority("[2001:db8::80]"), "[2001:db8::80]");
    }

    /// H18: references are resolved as browsers do.
    #[test]
    fn references_are_resolved() {
        let at = |reference| Location::of(reference, "/shop/orders");
        let here = |path: &str| Some(Location { authority: None, path: path.into() });
        assert_eq!(at("/cart?x#y"), here("/cart"));
        assert_eq!(at("cart"), here("/shop/cart"));
        assert_eq!(at("../cart"), here("/cart"));
        assert_eq!(at(""), here("/shop/orders"));
        assert_eq!(at("?page=2"), here("/shop/orders"));
        assert_eq!(at("a/b:c"), here("/shop/a/b:c"));
        let there = |path: &str| Some(Location { authority: Some("a".into()), path: path.into() });
        assert_eq!(at("https://A:443/cart"), there("/cart"));
        assert_eq!(at("//a"), there("/"));
        assert_eq!(at("mailto:ada@a"), None);
        assert_eq!(at("http:cart"), None);
    }
}
