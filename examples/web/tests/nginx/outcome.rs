//! How a pair ended, as the table shows it.

use std::fmt;

/// The answer that a client got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Got {
    /// None: the connection ended without an answer.
    pub(crate) status: Option<u16>,
    /// The client for whose request the run was that made it; none if no run made it.
    pub(crate) run: Option<usize>,
    /// The fields that name a run.
    pub(crate) marked: Vec<String>,
    pub(crate) has_age: bool,
    pub(crate) whole: Whole,
}

/// The body of an answer, compared with the one that its run made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Whole {
    #[default]
    Yes,
    /// It ended before its end.
    BrokenOff,
    /// It is less, and says so.
    Part,
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(status) = self.status else { return f.write_str("closed") };
        write!(f, "{status}")?;
        if let Some(run) = self.run {
            write!(f, " #{run}")?;
        }
        if !self.marked.is_empty() {
            write!(f, " with {}", self.marked.join(", "))?;
        }
        f.write_str(match self.whole {
            Whole::Yes => "",
            Whole::BrokenOff => " broken off",
            Whole::Part => " in part",
        })
    }
}

/// How often the origin ran, and the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) runs: usize,
    /// The second run began before the first one ended; none if nothing tells.
    pub(crate) at_once: Option<bool>,
    pub(crate) got: [Got; 2],
}

impl Outcome {
    pub(crate) fn first(&self) -> &Got {
        &self.got[0]
    }

    pub(crate) fn second(&self) -> &Got {
        &self.got[1]
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.runs {
            1 => f.write_str("1 run")?,
            runs => write!(f, "{runs} runs")?,
        }
        f.write_str(match self.at_once {
            Some(true) if self.runs > 1 => " at once",
            Some(false) if self.runs > 1 => " in turn",
            _ => "",
        })?;
        write!(f, "; {}; {}", self.first(), self.second())
    }
}
