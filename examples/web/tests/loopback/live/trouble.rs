//! A server that goes away, a page that is paused, and names that are markup.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use web::{Flight, Monitor};

use super::stage::{Made, status, with_browser};
use crate::program::Running;

fn flight(page: &str) -> Flight {
    Flight { page: page.to_owned(), followers: 0, age: Duration::from_millis(5) }
}

#[test]
fn the_page_says_that_the_server_has_gone_and_recovers_when_it_is_back() {
    with_browser(|browser| {
        let running = Running::anywhere(&[]);
        let (site, status) = (running.site, running.status);
        let url = format!("http://{status}/");
        browser.open(&url);
        let alarm = "(({ hidden, textContent }) => hidden ? '' : textContent.slice(0, 34))
            (document.getElementById('gone'))";
        browser.shows(alarm, json!(""));

        drop(running);
        browser.shows(alarm, json!("The server has not answered since "));
        browser.shows("document.getElementById('state').textContent", json!("gone"));
        browser.shows("document.title", json!("No answer: the layer, live"));
        browser.shows("document.getElementById('gone').checkVisibility()", json!(true));

        let _running = Running::start(site, status, &[]).unwrap();
        browser.shows(alarm, json!(""));
        browser.shows("document.getElementById('state').textContent", json!("live"));
        browser.shows("document.title", json!("The layer, live"));
        // Its windows end by themselves.
        browser.shows("seen.ended > 1", json!(true));
        browser.check(&url);
    });
}

#[test]
fn a_key_pauses_the_page_and_the_same_key_lets_it_go_on() {
    with_browser(|browser| {
        let monitor = Arc::new(Monitor::new(Made(Vec::new())));
        let url = status(&monitor);
        monitor.end_window();
        browser.open(&url);
        browser.shows("seen.ended", json!(1));
        browser.press("p");
        let state = "[document.getElementById('state').textContent,
            document.getElementById('pause').getAttribute('aria-pressed')]";
        browser.shows(state, json!(["paused", "true"]));
        monitor.end_window();
        // The timer of the page calls this.
        assert_eq!(browser.evaluate("look().then(() => seen.ended)"), 1);
        browser.press("p");
        browser.shows(state, json!(["live", "false"]));
        browser.shows("seen.ended", json!(2));
        browser.check(&url);
    });
}

#[test]
fn a_name_that_is_markup_is_shown_as_text() {
    with_browser(|browser| {
        let name =
            "GET http://shop.example/<img src=x onerror=\"document.title='taken'\"><b>&amp;</b>";
        let url = status(&Arc::new(Monitor::new(Made(vec![flight(name)]))));
        browser.open(&url);
        browser.shows("document.querySelector('#flights .page').textContent", json!(name));
        browser.shows("document.querySelectorAll('#flights img, #flights b').length", json!(0));
        browser.shows("document.title", json!("The layer, live"));
        browser.check(&url);
    });
}
