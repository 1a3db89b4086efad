use proptest::prelude::*;

use super::*;
use crate::RequestVerdict;

fn parts(lines: &[&[u8]], version: Version) -> Parts {
    let request = http::Request::get("/").version(version).header("content-length", "0");
    let request = lines.iter().fold(request, |request, line| {
        request.header(COOKIE, HeaderValue::from_bytes(line).unwrap())
    });
    request.body(()).unwrap().into_parts().0
}

fn kept_of(gates: &Gates, lines: &[&str], version: Version) -> Result<String, PassThrough> {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    let kept = gates.kept_cookies(&parts(&lines, version))?.expect("cookies are read");
    Ok(kept.map_or("none".to_owned(), |kept| kept.to_str().unwrap().to_owned()))
}

fn gates() -> Gates {
    Gates::new().key_cookie("session").ignore_cookies(["_ga*", "theme"])
}

fn kept(line: &str) -> Result<String, PassThrough> {
    kept_of(&gates(), &[line], Version::HTTP_11)
}

/// H39, H40
#[test]
fn the_cookies_of_the_key_are_kept_as_they_are() {
    for (line, expected) in [
        ("session=ada", "session=ada"),
        ("session=", "session="),
        ("session=\"ada\"", "session=\"ada\""),
        ("session=\"\"", "session=\"\""),
        ("session=a=b==", "session=a=b=="),
        ("_ga=1; session=ada; _ga_X=2; theme=dark", "session=ada"),
        ("_ga=1; _ga=2; session=ada", "session=ada"),
        ("_ga=1; theme=", "none"),
        ("_ga*=1", "none"),
    ] {
        assert_eq!(kept(line).as_deref(), Ok(expected), "{line}");
    }
    let both = gates().key_cookie("cart").key_cookie("_ga");
    let kept = |line| kept_of(&both, &[line], Version::HTTP_11).unwrap();
    assert_eq!(kept("cart=7; theme=x; session=ada"), "cart=7; session=ada", "in their order");
    assert_eq!(kept("session=ada; _ga=1; _gac=1"), "session=ada; _ga=1", "one that both name");
    let all = Gates::new().ignore_cookies(["*"]);
    assert_eq!(kept_of(&all, &["a=1; b=2"], Version::HTTP_11).as_deref(), Ok("none"));
    let others = Gates::new().key_header("cookie").ignore_cookies(["_ga*"]);
    let kept = |line| kept_of(&others, &[line], Version::HTTP_11);
    assert_eq!(kept("a=1; _ga=2; b=3").as_deref(), Ok("a=1; b=3"));
    assert_eq!(kept("a=1; a=2"), Err(PassThrough::Malformed));
}

/// H39: a cookie that nobody names may say who asks.
#[test]
fn a_cookie_that_is_not_named_is_a_credential() {
    for line in [
        "cart=7",
        "session=ada; cart=7",
        "SESSION=ada",
        "sessions=ada",
        "Theme=dark",
        "themes=dark",
        "_g=1",
        "__ga=1",
    ] {
        assert_eq!(kept(line), Err(PassThrough::Credentials), "{line}");
    }
}

/// H39
#[test]
fn a_field_of_another_form_is_passed_through() {
    for line in [
        "",
        " ",
        ";",
        "session",
        "session=ada;",
        "session=ada; ",
        " session=ada",
        "session=ada ",
        "session=ada;theme=x",
        "session=ada;  theme=x",
        "session=ada ;theme=x",
        "session=ada, theme=x",
        "session =ada",
        "session= ada",
        "session=a b",
        "session=a,b",
        "session=a\\b",
        "session=\"a",
        "session=a\"",
        "session=a\"b",
        "session=\"a;b\"",
        "session=\"a\"b\"",
        "session=\"",
        "=ada",
        "theme=x; ; session=ada",
        "session=ada; session=ada",
        "session=ada; theme=x; session=bob",
        "theme=x\ty",
        "theme=ä",
    ] {
        assert_eq!(kept(line), Err(PassThrough::Malformed), "{line:?}");
    }
}

/// H39, H40: the lines of HTTP/2 are one field.
#[test]
fn several_lines_are_one_field_since_http_2() {
    let lines = ["_ga=1; session=ada", "theme=x", "_gac=1"];
    assert_eq!(kept_of(&gates(), &lines, Version::HTTP_11), Err(PassThrough::Malformed));
    for version in [Version::HTTP_2, Version::HTTP_3] {
        assert_eq!(kept_of(&gates(), &lines, version).as_deref(), Ok("session=ada"));
        let twice = ["session=ada", "session=bob"];
        assert_eq!(kept_of(&gates(), &twice, version), Err(PassThrough::Malformed));
        assert_eq!(kept_of(&gates(), &["session=ada", ""], version), Err(PassThrough::Malformed));
    }
}

#[test]
fn a_secret_stays_one() {
    let gates = gates();
    for is_sensitive in [true, false] {
        let mut request = parts(&[b"_ga=1; session=ada"], Version::HTTP_11);
        request.headers.get_mut(COOKIE).unwrap().set_sensitive(is_sensitive);
        gates.rewrite(&mut request);
        assert_eq!(request.headers[COOKIE], "session=ada");
        assert_eq!(request.headers[COOKIE].is_sensitive(), is_sensitive);
    }
}

fn any_cookies() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        &b"session"[..],
        b"_ga",
        b"theme",
        b"cart",
        b"=",
        b"=",
        b"; ",
        b"; ",
        b";",
        b" ",
        b"\"",
        b"ada",
        b",",
        b"\\",
        b"\xff",
        b"*",
    ]);
    prop::collection::vec(words, 0..12).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    /// Bytes of any kind are read, or passed through. What is kept is read again as it is.
    #[test]
    fn any_bytes_are_read_or_passed_through(
        lines in prop::collection::vec(any_cookies(), 1..3), bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        for line in lines.iter().chain([&bytes]) {
            let Ok(_) = HeaderValue::from_bytes(line) else { return Ok(()) };
        }
        let mut lines: Vec<_> = lines.iter().map(Vec::as_slice).collect();
        gates().kept_cookies(&parts(&[&bytes], Version::HTTP_11)).ok();
        lines.truncate(2);
        let mut request = parts(&lines, Version::HTTP_2);
        let verdict = gates().request(&request);
        let before = request.headers.clone();
        gates().rewrite(&mut request);
        match verdict {
            RequestVerdict::Shared(key) => {
                prop_assert_eq!(&RequestVerdict::Shared(key), &gates().request(&request));
                let kept = request.headers.get(COOKIE).map(|kept| kept.to_str().unwrap());
                prop_assert!(kept.is_none_or(|kept| kept.starts_with("session=") && !kept.contains(';')));
            }
            _ => prop_assert_eq!(before, request.headers, "unchanged"),
        }
    }
}
