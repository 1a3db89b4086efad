//! A script: two requests, and the origin's answer.

use http::{HeaderName, HeaderValue};

/// Two requests for one page, and the answer of each run of its handler.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) name: &'static str,
    pub(crate) requests: [Ask; 2],
    pub(crate) answer: Answer,
}

/// A request, as its client writes it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    version: &'static str,
    /// The scheme and authority of a target in absolute form; empty otherwise.
    before: &'static str,
    /// The rest of the target, behind the path that names the pair.
    behind: &'static str,
    hosts: Vec<&'static str>,
    fields: Vec<Vec<u8>>,
    body: &'static str,
}

/// An answer. `run-{n}` in the value of a field names the client for whose request the run was.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(&'static str, &'static str)>,
    pub(crate) content: Content,
    /// The answer to a request that has this field.
    other: Option<(&'static str, Box<Answer>)>,
}

/// The body of an answer, and how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// With `Content-Length`.
    Sized,
    /// Without a byte.
    Empty,
    /// Longer than the layer shares by default.
    Long,
    /// In chunks.
    Chunked,
    /// To the end of the connection.
    ToTheEnd,
    /// The connection ends before the stated length.
    Short,
    /// The connection ends before the last chunk.
    BrokenChunks,
    /// The connection ends without an answer. A handler in the layer fails.
    NoAnswer,
}

impl Content {
    /// The body of the run for a client. A body that breaks off is the begin of this one.
    pub(crate) fn text(self, client: usize) -> String {
        match self {
            Self::Empty | Self::NoAnswer => String::new(),
            Self::Long => format!("{client}").repeat((1 << 20) + 1),
            _ => format!("this is run {client}\n"),
        }
    }

    /// The part of the body that is sent.
    pub(crate) fn sent(self, client: usize) -> String {
        let mut text = self.text(client);
        if matches!(self, Self::Short | Self::BrokenChunks) {
            text.truncate(text.len() / 2);
        }
        text
    }
}

/// Two plain requests for a page that says nothing about sharing.
pub(crate) fn get(name: &'static str) -> Script {
    let request = Ask {
        method: "GET",
        version: "HTTP/1.1",
        before: "",
        behind: "",
        hosts: vec!["shop.example"],
        fields: Vec::new(),
        body: "",
    };
    Script { name, requests: [request.clone(), request], answer: status(200) }
}

pub(crate) fn status(status: u16) -> Answer {
    // These statuses have no body.
    let content = if [204, 304].contains(&status) { Content::Empty } else { Content::Sized };
    Answer { status, fields: Vec::new(), content, other: None }
}

impl Script {
    pub(crate) fn methods(mut self, first: &'static str, second: &'static str) -> Self {
        for (request, method) in self.requests.iter_mut().zip([first, second]) {
            request.method = method;
            request.body = if ["POST", "PUT", "PATCH"].contains(&method) { "tea" } else { "" };
        }
        self
    }

    pub(crate) fn versions(mut self, first: &'static str, second: &'static str) -> Self {
        [self.requests[0].version, self.requests[1].version] = [first, second];
        self
    }

    /// The rest of the targets.
    pub(crate) fn targets(mut self, first: &'static str, second: &'static str) -> Self {
        [self.requests[0].behind, self.requests[1].behind] = [first, second];
        self
    }

    /// Schemes and authorities of targets in absolute form.
    pub(crate) fn absolute(mut self, first: &'static str, second: &'static str) -> Self {
        [self.requests[0].before, self.requests[1].before] = [first, second];
        self
    }

    pub(crate) fn hosts(mut self, first: &[&'static str], second: &[&'static str]) -> Self {
        [self.requests[0].hosts, self.requests[1].hosts] = [first.to_vec(), second.to_vec()];
        self
    }

    /// A body of both requests, without a field that announces it.
    pub(crate) fn body(mut self, body: &'static str) -> Self {
        self.requests.iter_mut().for_each(|request| request.body = body);
        self
    }

    /// A field of both requests.
    pub(crate) fn both(self, line: impl AsRef<[u8]>) -> Self {
        let line = line.as_ref().to_vec();
        self.first(line.clone()).second(line)
    }

    pub(crate) fn first(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.requests[0].fields.push(line.into());
        self
    }

    pub(crate) fn second(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.requests[1].fields.push(line.into());
        self
    }

    /// The answer, with what was said before.
    pub(crate) fn status(mut self, code: u16) -> Self {
        let fields = std::mem::take(&mut self.answer.fields);
        self.answer = Answer { fields, ..status(code) };
        self
    }

    /// A field of the answer.
    pub(crate) fn says(mut self, name: &'static str, value: &'static str) -> Self {
        self.answer = self.answer.says(name, value);
        self
    }

    pub(crate) fn content(mut self, content: Content) -> Self {
        self.answer.content = content;
        self
    }

    /// Another answer for a request that has this field when it comes to the origin.
    pub(crate) fn asked_with(mut self, field: &'static str, answer: Answer) -> Self {
        self.answer.other = Some((field, Box::new(answer)));
        self
    }
}

impl Answer {
    pub(crate) fn says(mut self, name: &'static str, value: &'static str) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(crate) fn states(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field.eq_ignore_ascii_case(name))
    }

    /// The answer to a request with these fields.
    pub(crate) fn to(&self, has_field: impl Fn(&str) -> bool) -> &Self {
        match &self.other {
            Some((field, answer)) if has_field(field) => answer,
            _ => self,
        }
    }

    /// The fields of the answer of a client's run. `x-run` tells whose it was, also without a body.
    pub(crate) fn fields(&self, client: usize) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let own = [("x-run".to_owned(), client.to_string())];
        let said = self.fields.iter();
        let said = said.map(move |(name, value)| {
            ((*name).to_owned(), value.replace("run-{n}", &format!("run-{client}")))
        });
        own.into_iter().chain(said).map(|(name, value)| {
            let name = HeaderName::try_from(name).expect("a name of a script can be sent");
            (name, HeaderValue::try_from(value).expect("a value of a script can be sent"))
        })
    }
}

impl Ask {
    /// The request of the client with this number, as it goes over the wire.
    pub(crate) fn bytes(&self, page: &str, client: usize) -> Vec<u8> {
        let Self { method, version, before, behind, .. } = self;
        let mut lines = vec![format!("{method} {before}/{page}{behind} {version}").into_bytes()];
        lines.extend(self.hosts.iter().map(|host| format!("Host: {host}").into_bytes()));
        // It is no part of a key, here and there.
        lines.push(format!("User-Agent: {client}").into_bytes());
        if !self.states("connection") {
            lines.push(b"Connection: close".to_vec());
        }
        if !self.body.is_empty() && !self.states("content-length") {
            lines.push(format!("Content-Length: {}", self.body.len()).into_bytes());
        }
        lines.extend(self.fields.iter().cloned());
        let mut bytes = lines.join(&b"\r\n"[..]);
        bytes.extend(b"\r\n\r\n");
        bytes.extend(self.body.as_bytes());
        bytes
    }

    fn states(&self, name: &str) -> bool {
        let is_name = |line: &Vec<u8>| {
            line.split(|byte| *byte == b':')
                .next()
                .is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes()))
        };
        self.fields.iter().any(is_name)
    }
}
