//! The fields of browsers, and the pages of a site (H41).

use std::collections::BTreeSet;

use coalescer_http::{CoalesceLayer, Gates, RequestVerdict, ResponseVerdict};
use http::Response;
use http::request::Builder;

use super::{echo, echoes};
use crate::stage::get;

/// Of Chrome, Firefox and Safari.
const ACCEPT: [&str; 3] = [
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
     application/signed-exchange;v=b3;q=0.7",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
];

/// Of Chrome and Firefox, of Safari, and of each without TLS.
const CODINGS: [&str; 3] = ["gzip, deflate, br, zstd", "gzip, deflate, br", "gzip, deflate"];

/// Of browsers set to English, German and French.
const LANGUAGES: [&str; 6] = [
    "en-US,en;q=0.9",
    "en-US,en;q=0.5",
    "en-GB,en;q=0.9,en-US;q=0.8",
    "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7",
    "de,en-US;q=0.7,en;q=0.3",
    "fr-FR,fr;q=0.9",
];

fn browsers() -> impl Iterator<Item = Builder> {
    ACCEPT.into_iter().flat_map(|accept| {
        CODINGS.into_iter().flat_map(move |coding| {
            LANGUAGES.into_iter().map(move |language| {
                get("/")
                    .header("accept", accept)
                    .header("accept-encoding", coding)
                    .header("accept-language", language)
            })
        })
    })
}

/// H41: 54 browsers of one page run the handler once for each variant that the site has.
#[test]
fn the_pages_of_browsers_are_as_many_as_the_site_has_variants() {
    let of_browsers = |layer: CoalesceLayer, name| {
        let pages = echoes(layer, name);
        let seen: BTreeSet<_> = browsers().map(|request| echo(&pages, request)).collect();
        (pages.stats().flights.executed_requests, seen.into_iter().collect::<Vec<_>>())
    };
    let layer = CoalesceLayer::new;
    let site = || layer().accept_encodings(["br", "gzip"]).accept_languages(["en", "de"]);
    assert_eq!(of_browsers(layer(), "x").0, 54);
    assert_eq!(of_browsers(layer().ignore_header("accept"), "x").0, 18);
    // Three `Accept`, two codings, two languages and none.
    assert_eq!(of_browsers(site(), "x").0, 18);
    let site = || site().ignore_header("accept");
    let [none, de, en] = ["", "de", "en"].map(str::to_owned);
    assert_eq!(of_browsers(site(), "accept-language"), (6, vec![none, de, en]));
    let [br, gzip] = ["br", "gzip"].map(str::to_owned);
    assert_eq!(of_browsers(site(), "accept-encoding"), (6, vec![br, gzip]));
    let plain = layer().ignore_header("accept").ignore_header("accept-encoding");
    assert_eq!(of_browsers(plain.accept_languages(["en"]), "accept-language").0, 2);
}

/// H41: each browser gets a page in a coding that it has named, and in a language of its own if the site has one.
#[test]
fn each_browser_gets_what_it_understands() {
    let layer = || {
        CoalesceLayer::new()
            .ignore_header("accept")
            .accept_encodings(["zstd", "br"])
            .accept_languages(["fr", "en"])
    };
    let (codings, languages) =
        (echoes(layer(), "accept-encoding"), echoes(layer(), "accept-language"));
    for (coding, expected) in CODINGS.into_iter().zip(["zstd", "br", "identity"]) {
        assert_eq!(echo(&codings, get("/").header("accept-encoding", coding)), expected);
    }
    for (language, expected) in LANGUAGES.into_iter().zip(["en", "en", "en", "en", "en", "fr"]) {
        assert_eq!(echo(&languages, get("/").header("accept-language", language)), expected);
    }
}

/// H40: a request that does not share keeps its fields.
#[test]
fn a_request_that_is_passed_through_keeps_its_fields() {
    let pages = echoes(CoalesceLayer::new().accept_encodings(["br"]), "accept-encoding");
    let request =
        get("/").header("accept-encoding", CODINGS[0]).header("authorization", "Bearer 1");
    assert_eq!(echo(&pages, request), CODINGS[0]);
}

/// H41: a response with `Vary` of such a field is for those who have its value.
#[test]
fn a_field_that_is_negotiated_is_fixed_by_the_key() {
    for gates in [
        Gates::new().accept_encodings(["br"]).accept_languages(["en"]),
        Gates::new()
            .ignore_header("accept-encoding")
            .ignore_header("accept-language")
            .accept_encodings(["br"])
            .accept_languages(["en"]),
    ] {
        let (request, ()) = get("/").header("accept-encoding", "br").body(()).unwrap().into_parts();
        let RequestVerdict::Shared(key) = gates.request(&request) else { panic!("it shares") };
        let page = Response::builder().header("vary", "Accept-Encoding, Accept-Language");
        let page = page.body(()).unwrap().into_parts().0;
        assert_eq!(gates.response(&key, &page, Some(0)), ResponseVerdict::Kept);
    }
}
