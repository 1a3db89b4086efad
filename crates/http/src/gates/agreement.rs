//! The settings that processes must agree on before they share pages.
//!
//! A key says only what these settings put into it. With `key_header("x-tenant")` in one process and not in another,
//! a request without a tenant here and one with a tenant there would have equal keys.

use coalescer_cluster::wire::KeyWriter;
use http::HeaderName;

use crate::gates::Gates;

/// The tables of the gates may differ between versions.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Gates {
    /// Writes the settings that decide what is in a key, and which pages may reach others. Of functions it writes the
    /// number.
    pub(crate) fn write_agreement(&self, out: &mut KeyWriter) {
        out.text(VERSION);
        for names in [&self.key_headers, &self.ignored_headers] {
            let mut names: Vec<_> = names.iter().map(HeaderName::as_str).collect();
            names.sort_unstable();
            out.number(names.len() as u64);
            for name in names {
                out.text(name);
            }
        }
        for names in self.cookies.lists() {
            let mut names: Vec<_> = names.iter().collect();
            names.sort_unstable();
            out.number(names.len() as u64);
            for name in names {
                out.text(name);
            }
        }
        // Of equal values the first holds, so their order counts.
        for values in [&self.encodings, &self.languages] {
            out.number(values.len() as u64);
            for value in values {
                out.blob(value.as_bytes());
            }
        }
        let functions = [
            self.key_parts.len(),
            self.principals.len(),
            self.should_share.len(),
            usize::from(self.window_for.is_some()),
        ];
        for count in functions {
            out.number(count as u64);
        }
        out.flag(self.is_strict).flag(self.has_own_server_errors);
    }
}
