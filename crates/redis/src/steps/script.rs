//! The texts of the scripts. Each is loaded when a server first says that it does not have it.

use redis::Cmd;

/// The time of the server.
const CLOCK: &str = include_str!("clock.lua");

/// The time that a test gives.
#[cfg(test)]
const CLOCK_OF_A_TEST: &str = include_str!("clock_of_a_test.lua");

/// One step.
#[derive(Debug)]
pub(crate) struct Script {
    text: String,
    hash: String,
}

/// A call of a script.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    script: &'a Script,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Script {
    fn new(parts: &[&str]) -> Self {
        let text = parts.concat();
        let hash = redis::Script::new(&text).get_hash().to_owned();
        Self { text, hash }
    }

    pub(crate) const fn call(&self, keys: Vec<String>) -> Call<'_> {
        Call { script: self, keys, args: Vec::new() }
    }
}

impl Call<'_> {
    pub(crate) fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn number(self, number: impl ToString) -> Self {
        self.arg(number.to_string())
    }

    /// The command for a server that has the script.
    pub(crate) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// The command for one that does not. It has the script from then on.
    pub(crate) fn by_text(&self) -> Cmd {
        self.command("EVAL", &self.script.text)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.args);
        command
    }
}

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) claim: Script,
    pub(super) publish: Script,
    pub(super) release: Script,
    pub(super) renew: Script,
    pub(super) forget: Script,
    pub(super) mark: Script,
    pub(super) discard: Script,
    pub(super) fetch: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self::with_clock(CLOCK)
    }

    #[cfg(test)]
    pub(super) fn with_the_tests_clock() -> Self {
        Self::with_clock(CLOCK_OF_A_TEST)
    }

    fn with_clock(clock: &str) -> Self {
        let step = |step| Script::new(&[clock, include_str!("prelude.lua"), step]);
        Self {
            claim: step(include_str!("claim.lua")),
            publish: step(include_str!("publish.lua")),
            release: step(include_str!("release.lua")),
            renew: step(include_str!("renew.lua")),
            forget: step(include_str!("forget.lua")),
            mark: Script::new(&[clock, include_str!("mark.lua")]),
            discard: step(include_str!("discard.lua")),
            fetch: step(include_str!("fetch.lua")),
        }
    }
}
