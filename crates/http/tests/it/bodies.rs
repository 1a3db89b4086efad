//! Bodies behind a reader: which the layer reads, and which clients get them.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coalescer_http::{Body, Unshared};
use http::Response;

use crate::stage::{Page, call, follow, get, lead, page, pages, text, with_window};
use crate::support::watched;

/// A reader of a few bytes at a time that counts how many have been read.
struct Counting {
    left: &'static [u8],
    read: Arc<AtomicUsize>,
}

impl Read for Counting {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.left.len().min(into.len()).min(2);
        into[..length].copy_from_slice(&self.left[..length]);
        self.left = &self.left[length..];
        self.read.fetch_add(length, Ordering::SeqCst);
        Ok(length)
    }
}

fn counting(left: &'static [u8]) -> (Counting, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    (Counting { left, read: Arc::clone(&read) }, read)
}

fn of(body: Body) -> Page {
    Response::new(body)
}

#[test]
fn a_reader_of_known_length_is_read_once_and_shared() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let (reader, read) = counting(b"hello, and more");
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        let led = leader.returns(Ok(of(Body::sized(reader, 5)))).unwrap();
        assert_eq!((led.body().len(), text(led)), (Some(5), "hello".into()));
        assert_eq!(text(follower.join_unrun().unwrap()), "hello");
        assert_eq!(text(call(&pages, get("/"), page("not run"))), "hello");
        assert!((5..=6).contains(&read.load(Ordering::SeqCst)));
    });
}

#[test]
fn bodies_that_are_not_shared_are_not_read_by_the_layer() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX).max_body(4));
        type Make = fn(Counting) -> Body;
        let makers: [(&str, Make, Unshared); 2] = [
            ("/long", |reader| Body::sized(reader, 5), Unshared::TooLong),
            ("/endless", Body::stream, Unshared::UnknownEnd),
        ];
        for (path, make, reason) in makers {
            let (reader, read) = counting(b"hello");
            let response = call(&pages, get(path), of(make(reader)));
            assert_eq!(read.load(Ordering::SeqCst), 0);
            assert_eq!(text(response), "hello");
            assert_eq!(pages.stats().unshared_for(reason), 1);
        }
    });
}

#[test]
fn a_body_that_breaks_off_is_the_leaders_own_and_breaks_off_there_as_well() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let leader = lead(&pages, get("/"));
        let follower = follow(&pages, || get("/"), 1).remove(0);
        let (reader, _) = counting(b"hel");
        let mut led = leader.returns(Ok(of(Body::sized(reader, 5)))).unwrap();
        let mut read = Vec::new();
        let error = led.body_mut().read_to_end(&mut read).unwrap_err();
        assert_eq!((read.as_slice(), error.kind()), (&b"hel"[..], io::ErrorKind::UnexpectedEof));
        assert_eq!(text(follower.returns(Ok(page("whole"))).unwrap()), "whole");
        assert_eq!(pages.stats().unshared_for(Unshared::BrokenBody), 1);
        assert_eq!(pages.forget_all(), 0);
    });
}

#[test]
fn a_large_body_in_memory_is_not_copied() {
    watched(|| {
        let pages = pages(with_window(Duration::MAX));
        let bytes = bytes::Bytes::from(vec![7; 100_000]);
        let address = bytes.as_ptr();
        let led = call(&pages, get("/"), of(bytes.into()));
        let late = call(&pages, get("/"), page("not run"));
        for response in [led, late] {
            assert_eq!(response.into_body().into_bytes().unwrap().as_ptr(), address);
        }
    });
}
