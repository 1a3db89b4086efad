//! The attribute's arguments: settings of the builder, and the key.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Error, Expr, ExprLit, Lit, LitStr, Path, Result, Token, Type, parenthesized, parse_quote,
};

use crate::duration;

/// Every word of the attribute, with an example of its use.
const WORDS: [(&str, &str); 27] = [
    ("window", "window = \"100ms\""),
    ("error_window", "error_window = \"1s\""),
    ("refresh_after", "refresh_after = \"50ms\""),
    ("max_requests", "max_requests = 50"),
    ("max_join_age", "max_join_age = \"2s\""),
    ("max_wait", "max_wait = \"10s\""),
    ("leader_timeout", "leader_timeout = \"2s\""),
    ("max_leaders", "max_leaders = 3"),
    ("max_followers", "max_followers = 100"),
    ("on_slow", "on_slow(\"5s\", warn)"),
    ("max_retained", "max_retained = 100_000"),
    ("shards", "shards = 256"),
    ("share_if", "share_if = |user: &User| user.is_public"),
    ("share_with", "share_with = |user: &User| user.audience()"),
    ("share_error_with", "share_error_with = |error: &DbError| error.audience()"),
    ("on_deadlock", "on_deadlock = OnDeadlock::Bypass"),
    ("hasher", "hasher = std::hash::RandomState"),
    ("shared", "shared = cluster().named(\"users\")"),
    ("name", "name = \"users\""),
    ("clock", "clock = CLOCK.clone()"),
    ("precise_clock", "precise_clock"),
    ("executor", "executor = |job: Job| job.run()"),
    ("key", "key = id"),
    ("skip", "skip(pool)"),
    ("group", "group = self.users"),
    ("associated", "associated"),
    ("crate", "crate = my_crate::coalescer"),
];

/// The parsed attribute.
pub(crate) struct Settings {
    /// Every word of the attribute, in order.
    said: Vec<Ident>,
    /// The calls to the builder, in the same order: `.window(..).max_requests(..)`.
    pub(crate) calls: TokenStream,
    /// `share_if` or `share_with`, and its function.
    pub(crate) sharing: Option<(Ident, Expr)>,
    /// `share_error_with`, and its function.
    pub(crate) error_sharing: Option<(Ident, Expr)>,
    /// `on_slow`, its time and its function.
    pub(crate) on_slow: Option<(Ident, TokenStream, Expr)>,
    pub(crate) hasher: Option<Type>,
    pub(crate) name: Option<Expr>,
    pub(crate) key: Option<SaidKey>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) group: Option<Expr>,
    /// The path of the library.
    pub(crate) library: Path,
}

/// `key = expression` or `key: Type = expression`.
pub(crate) struct SaidKey {
    pub(crate) ty: Option<Type>,
    pub(crate) expr: Expr,
}

impl Settings {
    /// The place of this word, if the attribute has it.
    pub(crate) fn said(&self, word: &str) -> Option<Span> {
        self.said.iter().find(|said| *said == word).map(Ident::span)
    }

    /// The words that are settings of a builder.
    pub(crate) fn of_builder(&self) -> impl Iterator<Item = &Ident> {
        let others = ["key", "skip", "group", "associated", "crate"];
        self.said.iter().filter(move |said| others.iter().all(|other| *said != other))
    }

    pub(crate) fn skips(&self, name: &str) -> bool {
        self.skip.iter().any(|skipped| skipped == name)
    }

    fn read_one(&mut self, input: ParseStream) -> Result<()> {
        let word = input.call(Ident::parse_any)?;
        let text = word.to_string();
        let Some((_, usage)) = WORDS.iter().find(|(known, _)| *known == text) else {
            return Err(Error::new(word.span(), unknown(&text)));
        };
        if self.said(&text).is_some() {
            return Err(Error::new(word.span(), format!("`{text}` is given twice")));
        }
        self.said.push(word.clone());
        match text.as_str() {
            "associated" => return Ok(()),
            "precise_clock" => {
                self.calls.extend(quote!(.#word()));
                return Ok(());
            }
            "skip" => return self.read_skip(input, &word),
            "on_slow" => return self.read_on_slow(input, word, usage),
            "key" if input.peek(Token![:]) => return self.read_typed_key(input),
            _ => {}
        }
        if !input.peek(Token![=]) {
            return Err(Error::new(word.span(), format!("needs a value, as in `{usage}`")));
        }
        input.parse::<Token![=]>()?;
        match text.as_str() {
            "key" => self.key = Some(SaidKey { ty: None, expr: input.parse()? }),
            "group" => self.group = Some(input.parse()?),
            "crate" => self.library = input.parse()?,
            "name" => self.name = Some(input.parse()?),
            "share_if" | "share_with" => self.read_sharing(input, word)?,
            "share_error_with" => self.error_sharing = Some((word, input.parse()?)),
            "hasher" => self.hasher = Some(input.parse()?),
            _ => {
                let value = value(&text, usage, input.parse()?)?;
                self.calls.extend(quote!(.#word(#value)));
            }
        }
        Ok(())
    }

    fn read_sharing(&mut self, input: ParseStream, word: Ident) -> Result<()> {
        if self.sharing.is_some() {
            let what = "`share_with` says all that `share_if` can say: leave one of them out";
            return Err(Error::new(word.span(), what));
        }
        self.sharing = Some((word, input.parse()?));
        Ok(())
    }

    fn read_on_slow(&mut self, input: ParseStream, word: Ident, usage: &str) -> Result<()> {
        let needs = || format!("needs a time and a function, as in `{usage}`");
        if !input.peek(syn::token::Paren) {
            return Err(Error::new(word.span(), needs()));
        }
        let both;
        parenthesized!(both in input);
        let both = Punctuated::<Expr, Token![,]>::parse_terminated(&both)?;
        let mut both = both.into_iter();
        let (Some(after), Some(hook), None) = (both.next(), both.next(), both.next()) else {
            return Err(Error::new(word.span(), needs()));
        };
        self.on_slow = Some((word, value("on_slow", usage, after)?, hook));
        Ok(())
    }

    fn read_skip(&mut self, input: ParseStream, word: &Ident) -> Result<()> {
        if !input.peek(syn::token::Paren) {
            let what = "needs the names of arguments, as in `skip(pool)`";
            return Err(Error::new(word.span(), what));
        }
        let names;
        parenthesized!(names in input);
        let names =
            Punctuated::<Ident, Token![,]>::parse_terminated_with(&names, Ident::parse_any)?;
        self.skip.extend(names);
        Ok(())
    }

    fn read_typed_key(&mut self, input: ParseStream) -> Result<()> {
        input.parse::<Token![:]>()?;
        let ty = Some(input.parse()?);
        input.parse::<Token![=]>()?;
        self.key = Some(SaidKey { ty, expr: input.parse()? });
        Ok(())
    }
}

impl Parse for Settings {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut settings = Self {
            said: Vec::new(),
            calls: TokenStream::new(),
            sharing: None,
            error_sharing: None,
            on_slow: None,
            hasher: None,
            name: None,
            key: None,
            skip: Vec::new(),
            group: None,
            library: parse_quote!(::coalescer),
        };
        while !input.is_empty() {
            settings.read_one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(settings)
    }
}

/// The value of a setting. A literal is checked here.
fn value(word: &str, usage: &str, value: Expr) -> Result<TokenStream> {
    let is_duration = [
        "window",
        "error_window",
        "refresh_after",
        "max_join_age",
        "max_wait",
        "leader_timeout",
        "on_slow",
    ]
    .contains(&word);
    let is_count =
        ["max_requests", "max_leaders", "max_followers", "max_retained", "shards"].contains(&word);
    match literal(&value) {
        Some(Lit::Str(text)) if is_duration => duration(word, text),
        Some(other) if is_duration => {
            Err(Error::new_spanned(other, format!("give the unit, as in `{usage}`")))
        }
        Some(Lit::Int(count)) if is_count => {
            refuse_count(word, count.base10_parse().unwrap_or(u64::MAX))
                .map_err(|what| Error::new_spanned(count, what))?;
            Ok(quote!(#value))
        }
        Some(other) if is_count => {
            Err(Error::new_spanned(other, format!("must be a whole number, as in `{usage}`")))
        }
        _ => Ok(quote!(#value)),
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

fn duration(word: &str, text: &LitStr) -> Result<TokenStream> {
    let duration = duration::parse(&text.value()).map_err(|what| Error::new(text.span(), what))?;
    if word == "leader_timeout" && duration.is_zero() {
        let what = "with zero, every call would take over from the one before; leave \
                    `leader_timeout` out to never take over";
        return Err(Error::new(text.span(), what));
    }
    if word == "on_slow" && duration.is_zero() {
        let what = "with zero, every flight would be slow; leave `on_slow` out for no hook";
        return Err(Error::new(text.span(), what));
    }
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    Ok(quote_spanned!(text.span()=> ::core::time::Duration::new(#seconds, #nanos)))
}

/// Refuses a number at build time that the builder would refuse at run time.
fn refuse_count(word: &str, count: u64) -> std::result::Result<(), &'static str> {
    match (word, count) {
        ("max_requests", 0) => Err("a flight always serves its own leader; \
             write 1 to share nothing, or leave `max_requests` out for no limit"),
        ("max_leaders", 0) => Err("a flight always has its first leader; \
             write 1, or leave `leader_timeout` out, to never take over"),
        ("max_followers", 0) => Err("no call could wait for another; \
             leave `max_followers` out for no limit"),
        ("shards", 0) => Err("a table has at least one part; write 1 for a single lock"),
        ("shards", 65_537..) => Err("more than 65536 locks only cost memory"),
        _ => Ok(()),
    }
}

fn unknown(word: &str) -> String {
    let words: Vec<_> = WORDS.iter().map(|(known, _)| format!("`{known}`")).collect();
    format!("`{word}` is not a word of this attribute; the words are {}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::WORDS;

    #[test]
    fn the_usage_of_a_word_is_read() {
        for (word, usage) in WORDS {
            let read: Result<super::Settings, _> = syn::parse_str(usage);
            assert!(read.is_ok_and(|read| read.said(word).is_some()), "{usage}");
        }
    }
}
