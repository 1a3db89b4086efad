//! The handler: ordinary pages, which do not depend on the layer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use coalescer_http::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, HeaderValue, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};

/// Largest limit for the count of primes, which takes some seconds.
const LARGEST: usize = 100_000_000;

/// Orders that are listed.
const LISTED: usize = 100;

/// The pages, and the orders that have been placed.
#[derive(Debug)]
pub struct Pages {
    start: Instant,
    orders: Mutex<Orders>,
}

/// The last orders, and the number of all.
#[derive(Debug, Default)]
struct Orders {
    last: VecDeque<String>,
    placed: u64,
}

impl Default for Pages {
    fn default() -> Self {
        Self { start: Instant::now(), orders: Mutex::default() }
    }
}

/// A request that failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text of an order is not UTF-8.
    NotText,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("the text of an order must be UTF-8"),
        }
    }
}

impl std::error::Error for Fault {}

impl Pages {
    /// Answers a request.
    ///
    /// # Errors
    ///
    /// If the text of an order is not UTF-8.
    pub fn answer(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, Fault> {
        let path = request.uri().path().to_owned();
        let is_post = request.method() == Method::POST;
        Ok(match path.split('/').skip(1).collect::<Vec<_>>()[..] {
            [""] if !is_post => text(HOME),
            ["primes", limit] if !is_post => primes(limit),
            ["me"] if !is_post => me(&request),
            ["clock"] if !is_post => self.clock(),
            ["login", name] if !is_post => login(name),
            ["reports", month] if !is_post => report(month),
            ["orders"] if is_post => self.place_order(request.into_body())?,
            ["orders"] => self.list_orders(),
            _ => with_status(text("there is no such page\n"), StatusCode::NOT_FOUND),
        })
    }

    fn place_order(&self, order: Vec<u8>) -> Result<Response<Body>, Fault> {
        let order = String::from_utf8(order).map_err(|_| Fault::NotText)?;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.last.len() == LISTED {
            orders.last.pop_front();
        }
        orders.last.push_back(order);
        orders.placed += 1;
        Ok(with_status(text(format!("order {}\n", orders.placed)), StatusCode::CREATED))
    }

    fn list_orders(&self) -> Response<Body> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        text(orders.last.iter().map(|order| format!("{order}\n")).collect::<String>())
    }

    /// A page that the window does not keep, because it says so.
    fn clock(&self) -> Response<Body> {
        let mut response = text(format!("{} s\n", self.start.elapsed().as_secs()));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

const HOME: &str = "\
/primes/20000000   a slow page: ask for it from several terminals at once
/reports/7         a page that waits for another machine; there are 12
/orders            the last orders; POST adds one
/login/ada         sets a cookie
/me                a different page for each user
/clock             says no-cache
The status pages are on another port, which the program prints when it starts.
";

/// A slow page.
fn primes(limit: &str) -> Response<Body> {
    match limit.parse() {
        Ok(limit) if limit <= LARGEST => text(format!("{}\n", count_primes(limit))),
        _ => with_status(text(format!("use a number up to {LARGEST}\n")), StatusCode::BAD_REQUEST),
    }
}

/// A slow page that takes no processor here: another machine would make the report.
fn report(month: &str) -> Response<Body> {
    let Some(month) = month.parse().ok().filter(|month: &u64| (1..=12).contains(month)) else {
        return with_status(text("use a month from 1 to 12\n"), StatusCode::NOT_FOUND);
    };
    thread::sleep(Duration::from_millis(500 + 150 * month));
    text(format!("the report of month {month}\n"))
}

fn count_primes(limit: usize) -> usize {
    let mut is_prime = vec![true; limit];
    for number in 2..limit {
        if is_prime[number] {
            for multiple in (number.saturating_mul(number)..limit).step_by(number) {
                is_prime[multiple] = false;
            }
        }
    }
    is_prime.iter().skip(2).filter(|is_prime| **is_prime).count()
}

/// A page that differs for each user, but has no `Cache-Control` or `Vary` to say so.
fn me(request: &Request<Vec<u8>>) -> Response<Body> {
    let cookie = request.headers().get(COOKIE).and_then(|cookie| cookie.to_str().ok());
    let name = cookie.and_then(|cookie| cookie.strip_prefix("name="));
    text(format!("you are {}\n", name.unwrap_or("not known")))
}

fn login(name: &str) -> Response<Body> {
    let Ok(cookie) = HeaderValue::from_str(&format!("name={name}; HttpOnly")) else {
        return with_status(text("a cookie cannot hold this name\n"), StatusCode::BAD_REQUEST);
    };
    let mut response = text(format!("hello {name}\n"));
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

fn text(text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

fn with_status(mut response: Response<Body>, status: StatusCode) -> Response<Body> {
    *response.status_mut() = status;
    response
}
