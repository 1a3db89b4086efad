//! An nginx that a test or a measurement starts for itself, in a folder of its own, and ends again.
//!
//! It runs as an ordinary process with its own configuration, and writes nothing outside of its folder. If it is not
//! installed, the test says so and passes. With the variable `CI` set, it fails.

#[path = "missing.rs"]
mod missing;

use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Far longer than it takes to start, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The folder of Debian's program, which is not in the path of every user.
const DEBIAN: &str = "/usr/sbin";

/// The program, and its version.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    version: String,
}

impl Program {
    /// Finds it. If it is not installed: says so, and fails where `CI` is set.
    pub(crate) fn find() -> Option<Self> {
        let found = Self::installed();
        if found.is_none() {
            missing::missing("nginx is not installed (Debian: nginx-light)");
        }
        found
    }

    /// Finds it, and says nothing.
    pub(crate) fn installed() -> Option<Self> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&folders).chain([PathBuf::from(DEBIAN)]);
        let path = folders.map(|folder| folder.join("nginx")).find(|path| path.is_file())?;
        let said = Command::new(&path).arg("-v").output().ok()?.stderr;
        let said = String::from_utf8_lossy(&said);
        let version = said.split_whitespace().find(|word| word.starts_with("nginx/"))?.to_owned();
        Some(Self { path, version })
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Starts it in the folder, with one thread and these lines of the block `http`, and returns when it answers at its
    /// socket `nginx` there.
    pub(crate) fn start(self, folder: Folder, http: impl FnOnce(&Path) -> String) -> Nginx {
        let http = http(folder.path());
        let socket = folder.path().join("nginx");
        let one = "daemon off; master_process off;";
        self.spawn(folder, one, &http, || UnixStream::connect(&socket).is_ok())
    }

    /// Starts it in the folder, with a process for each processor and these lines of the block `http`, and returns when it
    /// answers at this port of the loopback.
    pub(crate) fn start_at(self, folder: Folder, port: u16, http: &str) -> Nginx {
        let all = "daemon off; worker_processes auto;";
        self.spawn(folder, all, http, || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }

    fn spawn(
        self,
        folder: Folder,
        processes: &str,
        http: &str,
        answers: impl Fn() -> bool,
    ) -> Nginx {
        let path = folder.path().join("nginx.conf");
        fs::write(&path, configuration(processes, folder.path(), http)).expect("a configuration");
        let mut command = Command::new(&self.path);
        command.arg("-p").arg(folder.path()).arg("-c").arg(&path);
        command.arg("-e").arg(folder.path().join("errors"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("nginx starts");
        let mut server = Nginx { folder, child, version: self.version };
        let begin = Instant::now();
        while !answers() {
            let ended = server.child.try_wait().expect("its end can be asked for");
            assert!(ended.is_none(), "nginx has ended: {}", server.errors());
            assert!(begin.elapsed() < PATIENCE, "nginx does not answer: {}", server.errors());
            thread::yield_now();
        }
        server
    }
}

fn configuration(processes: &str, folder: &Path, http: &str) -> String {
    let folder = folder.display();
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = kinds.map(|kind| format!("{kind}_temp_path {folder}/{kind};\n")).concat();
    format!(
        "{processes}
        pid {folder}/pid;
        error_log {folder}/errors warn;
        events {{ worker_connections 4096; }}
        http {{
            access_log off;
            {temporary}
            {http}
        }}
        "
    )
}

/// One that runs. It ends with its value.
#[derive(Debug)]
pub(crate) struct Nginx {
    folder: Folder,
    child: Child,
    version: String,
}

impl Nginx {
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// As `nginx/1.22.1`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    fn errors(&self) -> String {
        let path = self.folder.path().join("errors");
        fs::read_to_string(path).unwrap_or_else(|_| "it has written no errors".to_owned())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // To the first process, which ends the others.
        let process = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &process]).status().ok();
        let begin = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begin.elapsed() < PATIENCE {
            thread::yield_now();
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A folder with a short name, since the path of a socket has at most 107 bytes. It goes with its value.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ng-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the server");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
