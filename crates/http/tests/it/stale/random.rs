//! Random requests one after the other, and who gets which page by the promises H31 to H36, H51 and H52.

use std::time::Duration;

use coalescer::ManualClock;
use coalescer_http::{Body, PassThrough, Settings};
use http::{Request, Response};
use proptest::prelude::*;

use super::SECOND;
use crate::stage::{Page, get, pages, scripted, text, with};

const WINDOW: u64 = 20;

/// For how long a page is remembered that is not shared.
const REMEMBERED: u64 = 10;

#[derive(Clone, Copy, Debug)]
enum Ask {
    Plain,
    /// Accepts nothing stale.
    Careful,
    MaxStale(u64),
    /// Accepts nothing stale, and nothing of this age.
    Within(u64),
    OnlyIfCached,
    Fresh,
    Write,
}

#[derive(Clone, Copy, Debug)]
enum Made {
    /// A page with this lifetime and this stale time.
    Page(u64, u64),
    Busy,
    Error,
    Cookie,
}

/// The seconds before it, the request, the response if its handler runs, and the seconds that this takes.
type Step = (u64, Ask, Made, u64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ask = prop_oneof![
        8 => Just(Ask::Plain),
        2 => Just(Ask::Careful),
        2 => (0..6_u64).prop_map(Ask::MaxStale),
        2 => (1..20_u64).prop_map(Ask::Within),
        2 => Just(Ask::OnlyIfCached),
        1 => Just(Ask::Fresh),
        1 => Just(Ask::Write),
    ];
    let page = (1..12_u64, 0..16_u64).prop_map(|(fresh, stale)| Made::Page(fresh, stale));
    let made = prop_oneof![
        4 => page, 2 => Just(Made::Busy), 1 => Just(Made::Error), 1 => Just(Made::Cookie),
    ];
    prop::collection::vec((0..5_u64, ask, made, prop_oneof![3 => Just(0), 1 => 0..6_u64]), 1..40)
}

/// A page that is there. Times are in seconds.
#[derive(Clone, Debug)]
struct Kept {
    number: usize,
    start: u64,
    fresh: u64,
    end: u64,
    failures: u32,
    not_before: u64,
}

/// The answer: the number of the step whose handler made it, and its `Age`; or an error.
type Answer = Result<(usize, Option<u64>), ()>;

/// Status 504.
const REFUSED: (usize, Option<u64>) = (usize::MAX, None);

#[derive(Default)]
struct Model {
    now: u64,
    kept: Option<Kept>,
    /// When the last response was for its own request alone.
    unshared: Option<u64>,
    passed: u64,
    runs: u64,
    stale: u64,
}

impl Model {
    fn answer(&mut self, number: usize, (wait, ask, made, takes): Step) -> Answer {
        self.now += wait;
        let begun = self.now;
        self.kept = self.kept.take().filter(|kept| begun < kept.end);
        let found = self.kept.clone().map(|kept| (begun - kept.start, kept));
        let past = found.as_ref().and_then(|(age, kept)| age.checked_sub(kept.fresh));
        let accepts = match ask {
            Ask::Plain | Ask::OnlyIfCached => true,
            Ask::Within(seconds) => {
                past.is_none() && found.as_ref().is_some_and(|(age, _)| *age < seconds)
            }
            Ask::MaxStale(seconds) => past.is_none_or(|past| past < seconds),
            Ask::Careful => past.is_none(),
            Ask::Fresh | Ask::Write => false,
        };
        let renews = accepts && past.is_some();
        let is_only = matches!(ask, Ask::OnlyIfCached);
        if let Some((age, kept)) = &found {
            if accepts && (is_only || past.is_none() || *age < kept.not_before) {
                self.stale += u64::from(past.is_some());
                return Ok((kept.number, Some(*age)));
            }
        }
        if is_only {
            return Ok(REFUSED);
        }
        self.now += takes;
        if matches!(ask, Ask::Write) {
            if !matches!(made, Made::Busy | Made::Error) {
                (self.kept, self.unshared) = (None, None);
            }
            return if matches!(made, Made::Error) { Err(()) } else { Ok((number, None)) };
        }
        let unshared = self.unshared.filter(|since| begun - since < REMEMBERED);
        match made {
            Made::Page(..) => self.unshared = None,
            Made::Cookie => self.unshared = Some(self.now),
            Made::Busy | Made::Error => {}
        }
        if unshared.is_some() && self.kept.is_none() {
            self.passed += 1;
            return if matches!(made, Made::Error) { Err(()) } else { Ok((number, None)) };
        }
        self.runs += 1;
        if let (true, Some(kept)) = (renews, &mut self.kept) {
            let pause = (1 << kept.failures).min(60);
            kept.not_before = begun - kept.start + pause;
            kept.failures = if matches!(made, Made::Page(..)) { 0 } else { kept.failures + 1 };
        }
        match (made, found) {
            (Made::Busy | Made::Error, Some((age, kept))) if renews => {
                self.stale += 1;
                return Ok((kept.number, Some(age + takes)));
            }
            (Made::Error, _) => return Err(()),
            (Made::Page(fresh, stale), _) => {
                let end = begun + (fresh + stale).min(WINDOW);
                if self.now < end {
                    let (failures, not_before) = (0, 0);
                    self.kept =
                        Some(Kept { number, start: begun, fresh, end, failures, not_before });
                }
            }
            (Made::Busy | Made::Cookie, _) => {}
        }
        Ok((number, None))
    }
}

fn response(number: usize, made: Made) -> Result<Page, String> {
    let page = Response::builder();
    let page = match made {
        Made::Page(fresh, stale) => {
            page.header("cache-control", format!("max-age={fresh}, stale-while-revalidate={stale}"))
        }
        Made::Busy => page.status(503),
        Made::Cookie => page.header("set-cookie", "a"),
        Made::Error => return Err("down".to_owned()),
    };
    Ok(page.body(Body::from(number.to_string())).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 500, ..ProptestConfig::default()
    })]

    #[test]
    fn each_request_gets_the_page_that_the_promises_name(steps in steps()) {
        let clock = ManualClock::new();
        let settings = Settings::new().window(WINDOW as u32 * SECOND).clock(clock.clone());
        let (pages, mut model) = (pages(with(settings)), Model::default());
        for (number, step) in steps.into_iter().enumerate() {
            let (wait, ask, made, takes) = step;
            clock.advance(Duration::from_secs(wait));
            let request = match ask {
                Ask::Plain => get("/"),
                Ask::Careful => get("/").header("cache-control", "max-age=20"),
                Ask::MaxStale(seconds) => get("/").header("cache-control", format!("max-stale={seconds}")),
                Ask::Within(seconds) => get("/").header("cache-control", format!("max-age={seconds}")),
                Ask::OnlyIfCached => get("/").header("cache-control", "only-if-cached"),
                Ask::Fresh => get("/").header("cache-control", "no-cache"),
                Ask::Write => Request::post("/"),
            };
            let in_handler = clock.clone();
            let answer = pages.call(scripted(request, move || {
                in_handler.advance(Duration::from_secs(takes));
                response(number, made)
            }));
            let answer = answer.map_err(drop).map(|page| {
                if page.status() == 504 {
                    return REFUSED;
                }
                let age = page.headers().get("age").map(|age| age.to_str().unwrap().parse().unwrap());
                (text(page).parse().unwrap(), age)
            });
            prop_assert_eq!(answer, model.answer(number, step), "{}: {:?}", number, step);
        }
        let stats = pages.stats();
        let passed = stats.passed_through_for(PassThrough::Remembered);
        let counts = (stats.flights.executed_requests, stats.stale, passed);
        prop_assert_eq!(counts, (model.runs, model.stale, model.passed));
    }
}
