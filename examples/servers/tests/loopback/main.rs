//! The same requests to each server through its adapter, by real clients over the loopback.
//!
//! No test sleeps: a handler waits until the layer shows the expected number of followers. Each test has a watchdog,
//! because a failure could be a hang.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod bodies;
mod clients;
mod guide;
mod relay;
mod sharing;
mod support;
#[path = "../../../../tests/support/watchdog.rs"]
mod watchdog;

/// Makes a module for each server, with each of the tests.
macro_rules! tests {
    ([$($server:ident)+] $tests:tt) => {
        $(mod $server { tests!(@ $server $tests); })+
    };
    (@ $server:ident { $($part:ident::$test:ident)+ }) => {
        $(#[test]
        fn $test() {
            crate::watchdog::watched(|| crate::$part::$test(crate::support::$server));
        })+
    };
}

tests! {
    [oxhttp astra tiny_http rouille hooks] {
        sharing::clients_at_once_are_one_run
        sharing::a_cookie_reaches_its_own_client_alone
        sharing::a_later_client_gets_the_page_with_its_age
        sharing::head_has_no_body_and_its_own_run
        bodies::a_body_that_comes_with_the_head_reaches_the_handler
        bodies::a_stream_is_sent_while_it_is_made
        bodies::a_long_page_reaches_all_clients_whole
        bodies::lines_of_a_field_stay_apart
        bodies::a_status_is_passed_on
        bodies::panics_of_the_handler_do_not_end_the_server
        bodies::a_request_that_asks_for_an_upgrade_is_answered
    }
}

/// Without astra, which does not read the rest of a body while a handler runs.
mod with_long_bodies {
    tests! {
        [oxhttp tiny_http rouille hooks] {
            sharing::a_write_reaches_the_handler_and_forgets_the_page
            bodies::a_body_reaches_the_handler_whole
            bodies::a_body_in_chunks_reaches_the_handler_whole
        }
    }
}
