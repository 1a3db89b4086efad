//! The leads of a thread: an engine that finds cycles of waits must know what the thread that waits leads.

use std::cell::RefCell;

use crate::engine::Token;

thread_local! {
    static LEADS: RefCell<Vec<Token>> = const { RefCell::new(Vec::new()) };
}

/// This thread leads from now on, by this token.
pub(crate) fn now_leads(token: &Token) {
    with(|leads| leads.push(token.clone()));
}

/// The lead of this token has ended. If another thread had it, that thread's list is cleaned by its next lead.
pub(crate) fn leads_no_more(token: &Token) {
    with(|leads| leads.retain(|lead| lead != token));
}

/// The youngest lead of this thread that `is_alive`.
pub(crate) fn leads_here(is_alive: impl Fn(&Token) -> bool) -> Option<Token> {
    with(|leads| {
        leads.retain(&is_alive);
        leads.last().cloned()
    })
    .flatten()
}

/// False while the locals of this thread are being destroyed.
#[cfg(feature = "tracing")]
pub(crate) fn has_locals() -> bool {
    LEADS.try_with(|_| ()).is_ok()
}

/// `None` while the thread ends.
fn with<T>(look: impl FnOnce(&mut Vec<Token>) -> T) -> Option<T> {
    LEADS.try_with(|leads| look(&mut leads.borrow_mut())).ok()
}
