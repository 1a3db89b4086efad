//! The pages in flight, the ratios, the reasons and the latencies.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use coalescer_http::{CoalesceLayer, Settings};
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::chromium::Chromium;
use super::stage::{Stage, with_browser};
use crate::support::{all_at_once, get, page, post, wait_until};

/// The texts of the table of pages in flight, without their ages.
const FLIGHTS: &str = "[...document.querySelectorAll('#flights tr')]
    .map((row) => [...row.cells].map((cell) => cell.textContent).filter((_, n) => n !== 1))";

const AGE: &str = "(([number, unit]) => number * { ms: 1, s: 1000 }[unit])
    (document.querySelector('#flights tr').cells[1].textContent.split(' '))";

fn kept() -> CoalesceLayer {
    CoalesceLayer::new().settings(Settings::new().window(Duration::MAX))
}

fn text(id: &str) -> String {
    format!("document.getElementById('{id}').textContent")
}

/// Reads the second that is `back` windows before the last one in a chart, with the keyboard.
fn read(browser: &mut Chromium, chart: &str, back: usize) -> Value {
    browser.evaluate(&format!("document.getElementById('{chart}').focus()"));
    browser.press("End");
    for _ in 0..back {
        browser.press("ArrowLeft");
    }
    let said = browser.evaluate(&text("said"));
    browser.press("Escape");
    said
}

#[test]
fn a_page_in_flight_appears_with_its_followers_and_goes() {
    with_browser(|browser| {
        let (go_on, may_go_on) = channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let stage = Stage::new(kept(), move |_, _| {
            may_go_on.lock().unwrap().recv().unwrap();
            page("made once")
        });
        browser.open(&stage.url);
        browser.shows(FLIGHTS, json!([["No page is being made."]]));
        browser.shows(&text("in-flight"), json!("0 pages"));

        let site = stage.site;
        let ask = move || get(site, "/slow?reset=s3cr3t", &[]).text;
        let leader = thread::spawn(ask);
        let name = format!("GET http://{site}/slow");
        browser.shows(FLIGHTS, json!([[name, "0"]]));
        let followers = [(); 2].map(|()| thread::spawn(ask));
        browser.shows(FLIGHTS, json!([[name, "2"]]));
        browser.shows(&text("in-flight"), json!("1 page"));
        browser.shows(&text("waiting"), json!("2 followers wait"));

        let age = browser.evaluate(AGE);
        browser.shows(&format!("{AGE} > {age}"), json!(true));
        let all = browser.evaluate("document.documentElement.outerHTML");
        let all = all.as_str().unwrap().replace(&site.to_string(), "the site");
        let shown = all.split("<script>").next().unwrap();
        assert!(!shown.contains("s3cr3t") && !shown.contains("127.0.0.1"), "{shown}");

        go_on.send(()).unwrap();
        browser.shows(FLIGHTS, json!([["No page is being made."]]));
        browser.shows(&text("waiting"), json!("0 followers wait"));
        for client in [leader].into_iter().chain(followers) {
            assert_eq!(client.join().unwrap(), "made once");
        }
        browser.check(&stage.url);
    });
}

/// A site with a page for each row of the tables that the test wants to see.
fn site() -> Stage {
    Stage::new(kept(), |followers, request| {
        let mut response = page("hello");
        match request.uri().path() {
            "/hot" if request.method() == Method::GET => wait_until(|| followers() == 3),
            "/cookie" => {
                response.headers_mut().insert("set-cookie", HeaderValue::from_static("id=1"));
            }
            "/news" => {
                response
                    .headers_mut()
                    .insert("cache-control", HeaderValue::from_static("no-cache"));
            }
            _ => {}
        }
        response
    })
}

#[test]
fn the_ratios_and_the_reasons_are_those_of_the_requests() {
    with_browser(|browser| {
        let stage = site();
        let site = stage.site;
        // In the first second, one run with three followers, and nine hits: 13 requests.
        all_at_once(4, move |_| get(site, "/hot", &[]));
        for _ in 0..9 {
            get(site, "/hot", &[]);
        }
        stage.monitor.end_window();
        // In the second, two runs, and five requests that are passed through.
        get(site, "/cookie", &[]);
        get(site, "/news", &[]);
        for _ in 0..2 {
            post(site, "/orders", "tea");
        }
        for user in ["ada", "bob", "eve"] {
            get(site, "/me", &[("cookie", user)]);
        }
        stage.monitor.end_window();
        assert_eq!(stage.stats().total_requests(), 20);

        browser.open(&stage.url);
        browser.shows(&text("hit-ratio"), json!("45%"));
        browser.shows(&text("hit-note"), json!("9 from the window"));
        browser.shows(&text("collapse-ratio"), json!("15%"));
        browser.shows(&text("collapse-note"), json!("3 by another's run"));
        // Those that were passed through ran the handler too.
        browser.shows(&text("runs"), json!("8"));
        browser.shows(&text("runs-note"), json!("for 20 requests"));
        let seconds = [
            ("ratios", 0, "1 second ago: Hit ratio 0%, Collapse ratio 0%"),
            ("ratios", 1, "2 seconds ago: Hit ratio 69.2%, Collapse ratio 23.1%"),
            ("answers", 0, "1 second ago: Run 2, Collapsed 0, Hit 0, Passed through 5, In vain 0"),
            ("answers", 1, "2 seconds ago: Run 1, Collapsed 3, Hit 9, Passed through 0, In vain 0"),
        ];
        for (chart, back, said) in seconds {
            assert_eq!(read(browser, chart, back), said);
        }
        let reasons = |kind: &str| {
            format!(
                "[...document.querySelectorAll('[data-kind=\"{kind}\"] tbody tr')]
                    .map((row) => [...row.cells].map((cell) => cell.textContent))"
            )
        };
        let passed = json!([["credentials", "", "3", "3"], ["method", "", "2", "2"]]);
        browser.shows(&reasons("passed through"), passed);
        browser.shows(&reasons("unshared"), json!([["set-cookie", "", "1", "1"]]));
        browser.shows(&reasons("unkept"), json!([["no-cache", "", "1", "1"]]));

        // After two minutes, all of it has left the charts, and the totals stay.
        for _ in 0..118 {
            stage.monitor.end_window();
        }
        browser.shows("seen.ended", json!(120));
        browser.shows(&text("hit-ratio"), json!("45%"));
        stage.monitor.end_window();
        browser.shows(&text("hit-ratio"), json!("0%"));
        browser.shows(&text("runs-note"), json!("for 7 requests"));
        stage.monitor.end_window();
        browser.shows(&text("hit-ratio"), json!("–"));
        let passed = json!([["credentials", "", "0", "3"], ["method", "", "0", "2"]]);
        browser.shows(&reasons("passed through"), passed);
        browser.check(&stage.url);
    });
}

#[test]
fn the_charts_move_by_a_second_when_a_window_ends() {
    with_browser(|browser| {
        let stage = site();
        post(stage.site, "/orders", "tea");
        stage.monitor.end_window();
        browser.open(&stage.url);
        // The left edge of each bar.
        let edges = "document.querySelector('#answers [data-series=\"Passed through\"]')
            .getAttribute('d').match(/M[0-9.]+/g).map((edge) => Number(edge.slice(1)))";
        browser.shows(&format!("{edges}.length"), json!(1));
        let before = browser.evaluate(&format!("{edges}[0]")).as_f64().unwrap();
        let step = browser.evaluate("CHARTS.find((chart) => chart.id === 'answers').step");
        post(stage.site, "/orders", "tea");
        stage.monitor.end_window();
        browser.shows(&format!("{edges}.length"), json!(2));
        let after = browser.evaluate(edges);
        let step = step.as_f64().unwrap();
        assert!(step > 1.0, "{step}");
        // Positions are written with one decimal place.
        assert!((after[0].as_f64().unwrap() - (before - step)).abs() < 0.11, "{before} {after}");
        assert!((after[1].as_f64().unwrap() - before).abs() < 0.11, "{before} {after}");
        browser.check(&stage.url);
    });
}

#[test]
fn the_latencies_are_those_that_were_recorded() {
    with_browser(|browser| {
        let stage = site();
        browser.open(&stage.url);
        browser.shows(&text("p99"), json!("–"));
        for number in 0..100 {
            let micros = if number < 98 { 900 } else { 250_000 };
            stage.monitor.record(Duration::from_micros(micros));
        }
        stage.monitor.end_window();
        stage.monitor.end_window();
        // The ends of the buckets.
        browser.shows(&text("p99"), json!("254 ms"));
        browser.shows(&text("p99-note"), json!("half within 928 µs"));
        assert_eq!(read(browser, "latency", 1), "2 seconds ago: p99 254 ms, p50 928 µs");
        assert_eq!(read(browser, "latency", 0), "1 second ago: p99 –, p50 –");

        get(stage.site, "/me", &[("cookie", "ada")]);
        stage.monitor.end_window();
        let measured = "seen.columns.p99_us.at(-1) > 0 && seen.columns.p99_us.at(-1) < 60e6";
        browser.shows(measured, json!(true));
        browser.check(&stage.url);
    });
}
