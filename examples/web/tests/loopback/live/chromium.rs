//! [`Chromium`]: a browser without a window, which the tests drive by the protocol of its developer tools.
//!
//! The messages are JSON with a zero byte after each. The browser reads them from its descriptor 3 and writes its own
//! to descriptor 4, which a shell connects with the pipes of its standard input and output. When the test's process
//! ends in any way, the pipe is closed, and the browser ends too.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::missing::missing;

/// Longest wait for the page to show what it should.
const PATIENCE: Duration = Duration::from_secs(25);

const SHELL: &str = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null";

/// The page is the test's own, and needs no sandbox, which a container may not allow. Nothing is asked of the network.
const OPTIONS: [&str; 12] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
];

pub(super) struct Chromium {
    child: Child,
    /// Closed to end the browser.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    messages: u64,
    session: Option<String>,
    /// Exceptions of the page, and violations of its policy.
    troubles: Vec<String>,
    /// Scheme, host and port of all that was asked for.
    asked: BTreeSet<String>,
    profile: TempDir,
}

impl Chromium {
    /// Starts a browser and opens an empty page. `None`: there is none, which has been said.
    pub(super) fn start() -> Option<Self> {
        let Some(program) = program() else {
            missing("chromium was not found; on Debian, apt-get install chromium");
            return None;
        };
        // After an abort of the test, it lies among what the build made.
        let profile = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", SHELL, "sh"]).arg(program).args(OPTIONS);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        // Some of its parts write below the home directory, whatever the profile.
        command.env("HOME", profile.path()).env("XDG_CONFIG_HOME", profile.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (to, from) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let (troubles, asked) = (Vec::new(), BTreeSet::new());
        let mut browser =
            Self { child, to, from, messages: 0, session: None, troubles, asked, profile };
        browser.attach();
        Some(browser)
    }

    fn attach(&mut self) {
        let page = self.send("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": page["targetId"], "flatten": true });
        let session = self.send("Target.attachToTarget", target);
        self.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.send(&format!("{domain}.enable"), json!({}));
        }
    }

    /// Sends a command, and returns its result.
    pub(super) fn send(&mut self, method: &str, params: Value) -> Value {
        self.messages += 1;
        let id = self.messages;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let to = self.to.as_mut().unwrap();
        to.write_all(format!("{message}\0").as_bytes()).unwrap();
        to.flush().unwrap();
        loop {
            let mut answer = self.receive();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.note(&answer);
        }
    }

    fn receive(&mut self) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser has ended");
        serde_json::from_slice(&message).unwrap()
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                self.troubles.push(params["exceptionDetails"].to_string());
            }
            // A server that does not answer is no fault of the page.
            Some("Log.entryAdded") if params["entry"]["source"] != "network" => {
                self.troubles.push(params["entry"].to_string());
            }
            Some("Network.requestWillBeSent") => {
                let url = params["request"]["url"].as_str().unwrap();
                self.asked.insert(url.split('/').take(3).collect::<Vec<_>>().join("/"));
            }
            _ => {}
        }
    }

    /// Opens a page, and waits until it has its first answer.
    pub(super) fn open(&mut self, url: &str) {
        self.send("Page.navigate", json!({ "url": url }));
        self.shows("document.getElementById('state')?.textContent", json!("live"));
    }

    /// Evaluates an expression in the page, and returns its value, which is awaited.
    pub(super) fn evaluate(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.send("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].take()
    }

    /// Waits until an expression has this value.
    #[track_caller]
    pub(super) fn shows(&mut self, expression: &str, expected: Value) {
        let start = Instant::now();
        loop {
            let shown = self.evaluate(expression);
            if shown == expected {
                return;
            }
            let is_late = start.elapsed() > PATIENCE;
            assert!(!is_late, "{expression}\n    is {shown}\nand not {expected}");
            // The page draws meanwhile.
            self.evaluate("new Promise((done) => setTimeout(done, 20))");
        }
    }

    /// Presses a key, by the name that the page sees.
    pub(super) fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.send("Input.dispatchKeyEvent", json!({ "type": kind, "key": key, "code": key }));
        }
    }

    /// Sets the width of the window in pixels of the page, and the colours that the user likes.
    pub(super) fn look(&mut self, width: u32, height: u32, scheme: &str) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.send("Emulation.setDeviceMetricsOverride", size);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.send("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Takes a picture of the window, as PNG in base64.
    pub(super) fn picture(&mut self) -> String {
        let picture = self.send("Page.captureScreenshot", json!({ "format": "png" }));
        picture["data"].as_str().unwrap().to_owned()
    }

    /// Fails if the page threw an exception, violated its policy, or asked another server than this.
    pub(super) fn check(&mut self, url: &str) {
        self.evaluate("0");
        assert!(self.troubles.is_empty(), "{:#?}", self.troubles);
        let others = self
            .asked
            .iter()
            .filter(|asked| asked.starts_with("http") && **asked != url.trim_end_matches('/'));
        assert_eq!(others.count(), 0, "{:?}", self.asked);
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It ends by itself within moments, and its profile is at rest then.
        drop(self.to.take());
        let start = Instant::now();
        while start.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::yield_now();
        }
        self.child.kill().ok();
        self.child.wait().ok();
        // The last writes of its helpers must not keep the folder.
        while std::fs::remove_dir_all(self.profile.path()).is_err()
            && self.profile.path().exists()
            && start.elapsed() < PATIENCE
        {
            std::thread::yield_now();
        }
    }
}

fn program() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let programs = names.iter().flat_map(|name| folders.iter().map(move |in_| in_.join(name)));
    programs.into_iter().find(|program| program.is_file())
}
