//! A server of the demo's own, in a temporary folder, ended with the demo.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal;

use super::Address;
use super::files::temporary;
use crate::processes::guard::Guard;

/// A server answers within this time of its start.
const START: Duration = Duration::from_secs(30);

/// A server ends within this time, or is killed.
const STOP: Duration = Duration::from_secs(5);

/// Where Debian has the programs of PostgreSQL, which are not in the path.
const POSTGRES_FOLDERS: &str = "/usr/lib/postgresql";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Redis,
    Valkey,
    Postgres,
}

/// A server that is ended on every way out.
pub(crate) struct Server {
    program: Program,
    folder: PathBuf,
    port: u16,
    child: Arc<Mutex<Option<Child>>>,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Valkey => "Valkey",
            Self::Postgres => "PostgreSQL",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Valkey => "valkey-server",
            Self::Postgres => "postgres",
        }
    }

    fn advice(self) -> String {
        let (file, option) = match self {
            Self::Redis => ("redis-server", "--redis redis://127.0.0.1/"),
            Self::Valkey => ("valkey-server", "--valkey redis://127.0.0.1/"),
            Self::Postgres => {
                ("initdb and postgres", "--postgres postgres://user@127.0.0.1/database")
            }
        };
        format!(
            "{} is not installed: there is no {file} in PATH. Install it (Debian: apt install {}), or name a \
             server that runs: {option}",
            self.name(),
            if self == Self::Postgres { "postgresql" } else { self.file() },
        )
    }

    /// The path of one of its programs.
    fn find(self, file: &str) -> Result<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        if self == Self::Postgres {
            let versions = fs::read_dir(POSTGRES_FOLDERS).into_iter().flatten().flatten();
            folders.extend(versions.map(|version| version.path().join("bin")));
        }
        let found = folders.into_iter().map(|folder| folder.join(file)).find(|file| file.is_file());
        found.with_context(|| self.advice())
    }
}

impl Server {
    pub(super) fn start(program: Program, guard: &Guard) -> Result<Self> {
        program.find(program.file())?;
        let folder = temporary(guard)?;
        let child = Arc::<Mutex<Option<Child>>>::default();
        let ended = Arc::clone(&child);
        guard.at_end(move || {
            if let Some(child) = lock(&ended).take() {
                stop(child);
            }
        });
        let server = Self { program, folder, port: free_port()?, child };
        if program == Program::Postgres {
            server.prepare_postgres()?;
        }
        server.run()?;
        Ok(server)
    }

    pub(super) fn name(&self) -> &'static str {
        self.program.name()
    }

    pub(super) fn address(&self) -> Address {
        match self.program {
            Program::Postgres => {
                Address::Postgres(format!("postgres://stampede@127.0.0.1:{}/postgres", self.port))
            }
            _ => Address::Redis(format!("redis://127.0.0.1:{}/", self.port)),
        }
    }

    /// Ends it by SIGKILL.
    pub(super) fn kill(&self) -> Result<()> {
        let Some(child) = lock(&self.child).take() else { return Ok(()) };
        // The processes of PostgreSQL's sessions end when they notice that; until then no new server starts.
        kill(child);
        Ok(())
    }

    /// Starts it, and waits until it accepts connections.
    pub(super) fn run(&self) -> Result<()> {
        let end = Instant::now() + START;
        loop {
            *lock(&self.child) =
                Some(self.command()?.spawn().context("the server cannot be started")?);
            while Instant::now() < end {
                if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.accepts()
                {
                    return Ok(());
                }
                if let Some(child) = lock(&self.child).as_mut() {
                    if child.try_wait()?.is_some() {
                        break;
                    }
                }
                thread::sleep(Duration::from_millis(10));
            }
            ensure!(
                Instant::now() < end,
                "{} did not start within {} s",
                self.name(),
                START.as_secs()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn command(&self) -> Result<Command> {
        let mut command = self.of_owner(&self.program.find(self.program.file())?)?;
        let (folder, port) = (&self.folder, self.port.to_string());
        match self.program {
            Program::Postgres => {
                command.arg("-D").arg(folder.join("data")).args(["-p", &port, "-k", ""]);
                command.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
                command.args(["-c", "max_connections=300"]);
                // In its folder, which is removed, also after a kill.
                command.args(["-c", "dynamic_shared_memory_type=mmap"]);
            }
            _ => {
                command.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]);
                command.args(["--appendonly", "no", "--dir"]).arg(folder);
            }
        }
        // Ctrl-C is for the demo, which ends the server.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }

    fn prepare_postgres(&self) -> Result<()> {
        let initdb = self.program.find("initdb")?;
        if is_root() {
            let chown = Command::new("chown").arg("postgres").arg(&self.folder).status();
            ensure!(chown.is_ok_and(|status| status.success()), "{}", NO_ACCOUNT);
        }
        let mut command = self.of_owner(&initdb)?;
        command.arg("-D").arg(self.folder.join("data")).args([
            "-U",
            "stampede",
            "-A",
            "trust",
            "--no-sync",
        ]);
        let out = command.output().context("initdb cannot be started")?;
        if !out.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&out.stderr).trim());
        }
        Ok(())
    }

    /// PostgreSQL refuses to run as root, so there it runs by the account of its package.
    fn of_owner(&self, program: &Path) -> Result<Command> {
        if self.program != Program::Postgres || !is_root() {
            return Ok(Command::new(program));
        }
        let line = fs::read_to_string("/etc/passwd")?;
        let ids = line.lines().find_map(|line| {
            let mut parts = line.strip_prefix("postgres:")?.split(':').skip(1);
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        });
        let (user, group) = ids.context(NO_ACCOUNT)?;
        let mut command = Command::new(program);
        command.uid(user).gid(group).current_dir(&self.folder);
        Ok(command)
    }

    /// A server that still starts accepts connections and answers with an error.
    fn accepts(&self) -> bool {
        match self.program {
            Program::Postgres => {
                let Address::Postgres(url) = self.address() else { return false };
                postgres::Client::connect(&url, postgres::NoTls).is_ok()
            }
            _ => true,
        }
    }
}

const NO_ACCOUNT: &str = "PostgreSQL does not run as root, and there is no account \"postgres\" to run it by: \
                          start the demo as another user";

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A port that nobody listens at now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("there is no free port")?;
    Ok(listener.local_addr()?.port())
}

/// Lets it end by itself: PostgreSQL would leave its shared memory.
fn stop(mut child: Child) {
    let id = i32::try_from(child.id()).map(nix::unistd::Pid::from_raw);
    // An immediate shutdown of PostgreSQL, and the end of the others.
    let asked = id.is_ok_and(|id| signal::kill(id, signal::Signal::SIGQUIT).is_ok());
    let end = Instant::now() + STOP;
    while asked && Instant::now() < end {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    kill(child);
}

fn kill(mut child: Child) {
    // It has ended already, or it ends now.
    let _ = child.kill();
    let _ = child.wait();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
