//! Checks the words of every cell of the table of `lab peers`.

#![cfg(target_os = "linux")]

use lab::go::Go;
use lab::peers::{COALESCER, MOKA, QUICK_CACHE, SINGLEFLIGHT, Situation, Subject};
use lab::peers::{deadlock, forget, herd, waiting, window};

/// A module of tests, one for each subject that is put into the situation.
macro_rules! row {
    ($row:ident: $situation:expr; $($subject:ident $verb:ident: $cell:literal,)+) => {
        mod $row {
            $(#[test] fn $verb() { super::sees($situation, super::$subject, $cell); })+
        }
    };
}

/// The words of a cell for a race in a peer. On some machines, at some times, no herd shows it.
const RACE: &str = ", in some herds more";

fn sees(situation: Situation, subject: Subject, cell: &str) {
    let seen = (situation.see)(&subject);
    let race_ended_well = cell.contains(RACE) && seen == cell.replace(RACE, "");
    if !race_ended_well {
        assert_eq!(seen, cell, "{}: {}", subject.name, situation.title);
    }
}

row! { of_8_callers: super::herd::SUCCEEDING;
    COALESCER coalescer_lets_one_run: "1 execution; all get the value",
    MOKA moka_lets_one_run: "1 execution; all get the value",
    QUICK_CACHE quick_cache_lets_one_run: "1 execution; all get the value",
    SINGLEFLIGHT singleflight_runs_late_ones_again:
        "1 execution, in some herds more; all get the value",
}

row! { of_8_callers_of_a_failing_function: super::herd::FAILING;
    COALESCER coalescer_lets_one_run: "1 execution; all get the error",
    MOKA moka_lets_one_run: "1 execution; all get the error",
    QUICK_CACHE quick_cache_runs_all_one_by_one:
        "8 executions, one after the other; all get the error",
    SINGLEFLIGHT singleflight_runs_late_ones_again:
        "1 execution, in some herds more; all get the error",
}

row! { of_8_callers_of_a_panicking_function: super::herd::PANICKING;
    COALESCER coalescer_lets_one_run_and_tells_the_others:
        "1 execution; the leader panics, the others get `LeaderPanicked`",
    MOKA moka_runs_all_one_by_one: "8 executions, one after the other; all panic",
    QUICK_CACHE quick_cache_runs_all_one_by_one: "8 executions, one after the other; all panic",
    SINGLEFLIGHT singleflight_leaves_the_others_hanging:
        "1 execution; the leader panics, the others hang",
}

row! { a_function_that_asks_for_its_own_key: super::deadlock::OWN_KEY;
    COALESCER is_refused_by_coalescer: "refused (`WouldDeadlock`)",
    MOKA hangs_in_moka: "hangs",
    QUICK_CACHE hangs_in_quick_cache: "hangs",
    SINGLEFLIGHT hangs_in_singleflight: "hangs",
}

row! { two_functions_that_ask_for_each_others_key: super::deadlock::CROSSED;
    COALESCER both_return_in_coalescer: "one is refused, both return",
    MOKA both_hang_in_moka: "both hang",
    QUICK_CACHE both_hang_in_quick_cache: "both hang",
    SINGLEFLIGHT both_hang_in_singleflight: "both hang",
}

row! { a_slow_function: super::waiting::OTHER_KEY;
    COALESCER holds_up_no_other_key_in_coalescer: "no, not even with equal hashes",
    MOKA holds_up_no_other_key_in_moka: "no, not even with equal hashes",
    QUICK_CACHE holds_up_no_other_key_in_quick_cache: "no, not even with equal hashes",
    SINGLEFLIGHT holds_up_other_keys_in_singleflight: "yes",
}

row! { a_deadline_for_the_wait: super::waiting::DEADLINE;
    COALESCER can_be_had_of_coalescer: "yes",
    MOKA cannot_be_had_of_moka: "no such API",
    QUICK_CACHE can_be_had_of_quick_cache: "yes",
    SINGLEFLIGHT cannot_be_had_of_singleflight: "no such API",
}

row! { calls_that_wait_for_a_stuck_function: super::waiting::STUCK_LEADER;
    COALESCER are_served_by_one_of_them_in_coalescer: "one takes over, all get its value",
    MOKA wait_in_moka: "wait until it ends (no such API)",
    QUICK_CACHE wait_in_quick_cache: "wait until it ends (no such API)",
    SINGLEFLIGHT wait_in_singleflight: "wait until it ends (no such API)",
}

row! { a_call_after_forget_that_meets_the_old_function: super::forget::JOINED;
    COALESCER runs_anew_in_coalescer: "runs anew",
    MOKA gets_the_old_value_in_moka: "gets the old value",
    QUICK_CACHE runs_anew_in_quick_cache: "runs anew",
    SINGLEFLIGHT cannot_be_made_in_singleflight: "no such API",
}

row! { a_call_after_forget_when_the_old_function_has_ended: super::forget::KEPT;
    COALESCER runs_anew_in_coalescer: "runs anew",
    MOKA gets_the_old_value_in_moka: "gets the old value",
    QUICK_CACHE runs_anew_in_quick_cache: "runs anew",
    SINGLEFLIGHT cannot_be_made_in_singleflight: "no such API",
}

row! { a_value_older_than_the_window: super::window::OLD_VALUE;
    COALESCER is_not_served_by_coalescer: "no",
    MOKA is_served_by_moka: "yes",
    QUICK_CACHE has_no_window_to_be_served_in: "no such API (no window)",
    SINGLEFLIGHT is_not_kept_by_singleflight: "no such API (no window)",
}

/// The words of the Go program, by the keys of the situations.
const GO: [(&Situation, &str); 11] = [
    (&herd::SUCCEEDING, "1 execution; all get the value"),
    (&herd::FAILING, "1 execution; all get the error"),
    (&herd::PANICKING, "1 execution; all panic"),
    (&deadlock::OWN_KEY, "hangs"),
    (&deadlock::CROSSED, "both hang"),
    (&waiting::OTHER_KEY, "no"),
    (&waiting::DEADLINE, "yes"),
    (&waiting::STUCK_LEADER, "wait until it ends (no such API)"),
    (&forget::JOINED, "runs anew"),
    (&forget::KEPT, "runs anew"),
    (&window::OLD_VALUE, "no such API (no window)"),
];

#[test]
fn go_does_what_its_column_says() {
    let Some(go) = Go::or_skip("go_does_what_its_column_says") else { return };
    let cells = go.cells().expect("the program can be run");
    for (situation, cell) in GO {
        let seen = cells.get(situation.key).map(String::as_str);
        assert_eq!(seen, Some(cell), "Go: {}", situation.title);
    }
}
