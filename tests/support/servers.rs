//! Servers that tests start for themselves, each in a folder of its own, and end again.
//!
//! A program that is not installed is no failure: the test says so and passes. With the variable `CI` set, it fails.

#[path = "missing.rs"]
mod missing;

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use missing::missing;

/// Far longer than a server takes to start, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A private Redis or Valkey, which keeps nothing on disk.
pub(crate) struct Redis {
    folder: Folder,
    program: OsString,
    arguments: Vec<String>,
    child: Child,
}

impl Redis {
    /// Starts one that listens at a socket of its folder. `None`: none is installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with more options of its command line.
    pub(crate) fn start_with(options: &[&str]) -> Option<Self> {
        let program = program(&["redis-server", "valkey-server"])?;
        Some(Self::start_program(program, Folder::new(), options))
    }

    fn start_program(program: OsString, folder: Folder, options: &[&str]) -> Self {
        let own = ["--port", "0", "--unixsocket", "s", "--save", "", "--appendonly", "no"];
        let arguments = own.iter().chain(options).map(|option| (*option).to_owned()).collect();
        let child = spawn(&program, &folder, &arguments);
        let mut server = Self { folder, program, arguments, child };
        server.wait_until_ready();
        server
    }

    /// The path of its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.0.join("s")
    }

    /// The folder in which it runs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder.0
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The URL of a user.
    pub(crate) fn url_of(&self, user: &str, password: &str) -> String {
        format!("{}?user={user}&pass={password}", self.url())
    }

    /// Sends a command, and returns the answer as it comes over the wire.
    pub(crate) fn command(&self, parts: &[&str]) -> String {
        let bytes: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
        self.command_of_bytes(&bytes)
    }

    pub(crate) fn command_of_bytes(&self, parts: &[&[u8]]) -> String {
        ask(&self.socket(), parts).expect("the server answers")
    }

    /// Ends it as a power cut does. What it had is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_file(self.socket()).ok();
    }

    /// Starts it again after a kill.
    pub(crate) fn revive(&mut self) {
        self.child = spawn(&self.program, &self.folder, &self.arguments);
        self.wait_until_ready();
    }

    /// Stops it: connections stand, and nothing is answered.
    pub(crate) fn freeze(&self) {
        stop(self.child.id());
    }

    pub(crate) fn thaw(&self) {
        signal(self.child.id(), "-CONT");
    }

    fn wait_until_ready(&mut self) {
        let socket = self.socket();
        let mut has_ended = || {
            let ended = self.child.try_wait().expect("its end can be asked for");
            assert!(ended.is_none(), "the server has ended: it does not know these options");
        };
        // A server that asks for a password is ready, too.
        let is_ready =
            |answer: String| answer.starts_with("+PONG") || answer.starts_with("-NOAUTH");
        let mut is_up = || {
            has_ended();
            ask(&socket, &[b"PING"]).is_some_and(is_ready)
        };
        wait("the server to start", &mut is_up);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Stops a process, and returns when it stands.
pub(crate) fn stop(process: u32) {
    signal(process, "-STOP");
    let stands = || {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"));
        stat.map_or(true, |stat| stat.contains(") T "))
    };
    wait("the process to stop", stands);
}

pub(crate) fn signal(process: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status().expect("kill");
    assert!(sent.success(), "the signal {signal} was not sent");
}

/// A folder with a short name, since the path of a socket has at most 107 bytes. It goes with its value.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("co-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the server");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Returns the first of these programs that is installed. If none is: says so, and fails where `CI` is set.
pub(crate) fn program(names: &[&str]) -> Option<OsString> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&folders).collect();
    let at =
        |name: &&str| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    let found = names.iter().find_map(at);
    if found.is_none() {
        missing(format!("{} is not installed", names.join(" or ")));
    }
    found.map(Into::into)
}

/// A port at which nobody listens now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("a port").port()
}

/// A port at which nobody listens now, nor at that of a cluster's node beside it.
pub(crate) fn free_port_of_a_node() -> u16 {
    loop {
        let port = free_port();
        let beside =
            port.checked_add(10_000).map(|beside| TcpListener::bind(("127.0.0.1", beside)));
        if matches!(beside, Some(Ok(_))) {
            return port;
        }
    }
}

/// Waits for something that a server does.
#[track_caller]
pub(crate) fn wait(what: &str, mut happened: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::yield_now();
    }
}

fn spawn(program: &OsString, folder: &Folder, arguments: &Vec<String>) -> Child {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&folder.0).stdin(Stdio::null());
    // Its reports are for nobody; they would fill the report of the test.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the server starts")
}

/// One command over a connection of its own. `None`: nobody answers.
fn ask(socket: &Path, parts: &[&[u8]]) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        bytes.extend(format!("${}\r\n", part.len()).bytes());
        bytes.extend(*part);
        bytes.extend(b"\r\n");
    }
    stream.write_all(&bytes).ok()?;
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer[..read]).into_owned())
}
