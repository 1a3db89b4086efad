//! Calls of a thread that destroys its thread-locals: a subscriber whose own are gone aborts nothing.

use std::cell::RefCell;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use crate::record::Recorder;
use crate::support::{Numbers, watched};

/// Calls a group when its thread ends.
struct AtTheEnd(Option<(Numbers, Sender<u32>)>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        if let Some((group, results)) = self.0.take() {
            let outer = || Ok(*group.execute("inner", || Ok(1)).unwrap() + 1);
            results.send(*group.execute("outer", outer).unwrap()).unwrap();
        }
    }
}

thread_local! {
    static AT_THE_END: RefCell<AtTheEnd> = const { RefCell::new(AtTheEnd(None)) };
}

#[derive(Clone, Copy, Debug)]
enum First {
    /// The thread-local of the test: it is destroyed after the subscriber's.
    Own,
    /// A span of the test.
    Span,
    /// A call of the library, with its spans.
    Call,
}

#[test]
fn a_call_in_a_destructor_of_a_thread_local_returns() {
    // S24 S65: in every order in which a thread can use them for the first time.
    use First::{Call, Own, Span};
    const ORDERS: [[First; 3]; 6] = [
        [Own, Span, Call],
        [Own, Call, Span],
        [Span, Own, Call],
        [Span, Call, Own],
        [Call, Own, Span],
        [Call, Span, Own],
    ];
    watched(|| {
        Recorder::installed();
        let prefixes = ORDERS.iter().flat_map(|order| (1..=3).map(|first| &order[..first]));
        for order in prefixes {
            let group = Numbers::new();
            let (tell, told) = channel();
            let own = group.clone();
            let ends = thread::spawn(move || {
                for first in order {
                    match first {
                        Own => AT_THE_END
                            .with_borrow_mut(|end| end.0 = Some((own.clone(), tell.clone()))),
                        Span => tracing::debug_span!("a span of the test").in_scope(|| ()),
                        Call => drop(own.execute("before", || Ok(1)).unwrap()),
                    }
                }
            });
            ends.join().unwrap();
            let expected =
                if order.iter().any(|first| matches!(first, Own)) { Ok(2) } else { Err(()) };
            assert_eq!(told.recv().map_err(drop), expected, "{order:?}");
            assert!(group.in_flight().is_empty());
        }
    });
}
