//! The page is readable: in light and dark colours, on a narrow screen.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use web::{Flight, Monitor};

use super::chromium::Chromium;
use super::stage::{Made, status, with_browser};
use crate::program::Running;

/// All elements with text of their own whose contrast with their ground is below 4.5 to 1, as WCAG 2 defines it.
const PALE: &str = "(() => {
    const parse = (colour) => colour.match(/[0-9.]+/g).map(Number);
    const light = (colour) => {
        const [r, g, b] = parse(colour).map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const ground = (node) => {
        for (; node; node = node.parentElement) {
            const colour = getComputedStyle(node).backgroundColor;
            if (parse(colour)[3] !== 0) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const seen = [];
    for (const node of document.querySelectorAll('body *')) {
        const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        if (!own || /^(SCRIPT|NOSCRIPT)$/.test(node.tagName)) continue;
        const style = getComputedStyle(node), ink = light(node.tagName === 'text' ? style.fill : style.color);
        const [dark, bright] = [ink, light(ground(node))].sort((a, b) => a - b);
        seen.push([(bright + .05) / (dark + .05), node.textContent]);
    }
    if (seen.length < 40) throw new Error('only ' + seen.length + ' texts');
    return seen.filter(([contrast]) => contrast < 4.5);
})()";

/// A page with a long name in flight.
fn long() -> Arc<Monitor> {
    let page = format!("GET http://shop.example/{}", "anamewithoutanend".repeat(20));
    let flight = Flight { page, followers: 12345, age: Duration::from_secs(100) };
    let monitor = Arc::new(Monitor::new(Made(vec![flight; 60])));
    for micros in [100, 2_000_000] {
        monitor.record(Duration::from_micros(micros));
        monitor.end_window();
    }
    monitor
}

#[test]
fn all_texts_are_readable_in_light_and_in_dark_also_when_the_server_is_gone() {
    with_browser(|browser| {
        let url = status(&long());
        browser.open(&url);
        for scheme in ["light", "dark"] {
            browser.look(1200, 900, scheme);
            let is_dark = "matchMedia('(prefers-color-scheme: dark)').matches";
            browser.shows(is_dark, json!(scheme == "dark"));
            assert_eq!(browser.evaluate(PALE), json!([]), "{scheme}");
            // Nothing asks for an answer in between: the page is stopped.
            browser.press("p");
            browser.evaluate("gone(new Error('a test'))");
            assert_eq!(browser.evaluate(PALE), json!([]), "{scheme}, gone");
            browser.press("p");
            browser.shows("document.getElementById('state').textContent", json!("live"));
        }
        browser.check(&url);
    });
}

#[test]
fn a_narrow_screen_shows_all_without_scrolling_to_the_side() {
    with_browser(|browser| {
        let url = status(&long());
        browser.look(360, 800, "light");
        browser.open(&url);
        browser.shows("document.querySelectorAll('#flights tr').length", json!(51));
        browser.shows(
            "document.querySelector('#flights tr:last-child').textContent",
            json!("and 10 more"),
        );
        // No part is wider than the window, and none of the boxes cuts what is in it.
        let wide = "[document.documentElement.scrollWidth, ...[...document.querySelectorAll('main *, header *')]
            .filter((node) => node.getBoundingClientRect().right > 360 || node.matches('.card, .tile, .scroll')
                && node.scrollWidth > node.clientWidth).map((node) => node.outerHTML.slice(0, 80))]";
        browser.shows(wide, json!([360]));
        let drawn = "CHARTS.every(({ svg }) => svg.viewBox.baseVal.width === svg.clientWidth && svg.clientWidth > 250)";
        browser.shows(drawn, json!(true));
        browser.check(&url);
    });
}

#[test]
fn every_part_that_can_be_used_is_reached_by_the_tab_key() {
    with_browser(|browser| {
        let url = status(&long());
        browser.open(&url);
        let mut reached = Vec::new();
        for _ in 0..5 {
            browser.press("Tab");
            reached.push(
                browser.evaluate("document.activeElement.id || document.activeElement.className"),
            );
        }
        assert_eq!(
            reached,
            ["pause", "ratios", "latency", "answers", "scroll"].map(|id| json!(id))
        );
        browser.check(&url);
    });
}

/// Writes the picture of the documentation, as CONTRIBUTING.md says: the watchdog must be told that it takes two
/// minutes. With `WEB_PICTURES`, writes more to that folder, to look at.
#[test]
#[ignore = "writes docs/live.png, in two minutes"]
fn the_picture_of_the_documentation() {
    with_browser(|browser| {
        let running = Running::anywhere(&["--demo"]);
        browser.open(&format!("http://{}/", running.status));
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
        while browser.evaluate("seen.ended").as_u64().unwrap() < 118 {
            browser.evaluate("new Promise((done) => setTimeout(done, 500))");
        }
        take(browser, 1180, 1095, "light", &format!("{docs}/live.png"));
        let Ok(folder) = std::env::var("WEB_PICTURES") else { return };
        for (name, width, height) in [("wide", 1180, 1095), ("narrow", 360, 2300)] {
            for scheme in ["light", "dark"] {
                take(browser, width, height, scheme, &format!("{folder}/{name}-{scheme}.png"));
            }
        }
    });
}

fn take(browser: &mut Chromium, width: u32, height: u32, scheme: &str, path: &str) {
    browser.look(width, height, scheme);
    // Until the charts have the new size, and a page is in flight.
    browser.shows(
        "CHARTS.every(({ svg }) => svg.viewBox.baseVal.width === svg.clientWidth)",
        json!(true),
    );
    browser.shows("seen.in_flight.pages.length > 2 && seen.in_flight.waiting > 3", json!(true));
    fs::write(path, decoded(&browser.picture())).unwrap();
}

/// Decodes base64.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|letter| *letter != b'=');
    let digits = digits.map(|letter| LETTERS.iter().position(|one| *one == letter).unwrap());
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_usize, 0);
    for digit in digits {
        bits = bits << 6 | digit;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}
