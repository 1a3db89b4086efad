//! Targets and hosts that are alike.

use crate::script::{Script, get};

const SHOP: &str = "http://shop.example";

pub(super) fn scripts() -> Vec<Script> {
    let hosts =
        |name, first: &[&'static str], second: &[&'static str]| get(name).hosts(first, second);
    let shop = &["shop.example"];
    vec![
        get("a query in two orders").targets("?a=1&b=2", "?b=2&a=1"),
        get("a query, and none").targets("?a=1", ""),
        get("an empty query, and none").targets("?", ""),
        get("a path in lower and upper case").targets("/news", "/NEWS"),
        get("a letter, and its escape").targets("/a", "/%61"),
        get("a path with a dot segment").targets("/a", "/./a"),
        get("a path with two slashes").targets("/a", "//a"),
        get("a path with a slash at its end").targets("/a", "/a/"),
        get("an ending as of a file").targets("/a", "/a.css"),
        get("a fragment").targets("/a", "/a#b"),
        get("the absolute form, both").absolute(SHOP, SHOP),
        get("the absolute form, then the other").absolute(SHOP, ""),
        get("the absolute form in upper case").absolute("http://SHOP.example", SHOP),
        get("the absolute form with another host than Host")
            .absolute("http://evil.example", "http://evil.example"),
        hosts("Host in upper case", &["SHOP.example"], shop),
        hosts("Host with port 80", &["shop.example:80"], shop),
        hosts("Host with port 8080", &["shop.example:8080"], shop),
        hosts("Host with a dot at its end", &["shop.example."], shop),
        hosts("two sites", &["blog.example"], shop),
        hosts("no Host, both", &[], &[]),
        hosts("an empty Host, both", &[""], &[""]),
        hosts("two Hosts in the first request", &["shop.example", "evil.example"], shop),
        hosts("Host with user information", &["ada@shop.example"], shop),
    ]
}
