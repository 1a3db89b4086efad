//! [`Sharing`]: who may get a response of a status. The table decides for each status from 100 to 599.
//!
//! A response is for others if its status is about the page. A status that is about one request, such as
//! 400, would go to all who share its key, and one bad request would fail everybody's.

use http::StatusCode;

/// Who may get a response of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// The status is about the page.
    Page,
    /// The status is about the page of a request with this field. Without it, it is about one request.
    With(Condition),
    /// The server is in trouble: those who wait get it.
    ServerError,
    /// The status is about one person, or how often one person asks.
    Refusal,
    /// Another response follows.
    Informational,
    /// The status is about one request or one connection.
    OneRequest,
}

/// The request field without which a status makes no sense. Each of them is in every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// A field that begins with `If-`.
    Conditional,
    /// `Range`.
    Range,
    /// `A-IM` (RFC 3229).
    Delta,
}

impl Sharing {
    /// Returns the row of the table. A status that no row names is about one request, except 5xx.
    pub(crate) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            100..=199 => Self::Informational,
            200 | 203 | 204 | 300..=303 | 307 | 308 | 404 | 405 | 410 => Self::Page,
            206 => Self::With(Condition::Range),
            226 => Self::With(Condition::Delta),
            304 => Self::With(Condition::Conditional),
            401 | 403 | 407 | 429 => Self::Refusal,
            // Versions, variants, extensions of the request, and a network that wants a login.
            505 | 506 | 510 | 511 => Self::OneRequest,
            500..=599 => Self::ServerError,
            _ => Self::OneRequest,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;

    /// H10: no status is about the page unless it is listed here.
    #[test]
    fn each_status_has_its_row() {
        let pages = [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410];
        for number in 100..=999 {
            let sharing = Sharing::of(StatusCode::from_u16(number).unwrap());
            let expected = match number {
                100..=199 => Sharing::Informational,
                206 => Sharing::With(Condition::Range),
                226 => Sharing::With(Condition::Delta),
                304 => Sharing::With(Condition::Conditional),
                401 | 403 | 407 | 429 => Sharing::Refusal,
                505 | 506 | 510 | 511 => Sharing::OneRequest,
                500..=599 => Sharing::ServerError,
                _ if pages.contains(&number) => Sharing::Page,
                _ => Sharing::OneRequest,
            };
            assert_eq!(sharing, expected, "{number}");
        }
    }
}
