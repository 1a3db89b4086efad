//! A private PostgreSQL server in a temporary directory, which runs as long as the [`Server`] lives.
//!
//! It listens on a socket in that directory, and on no network. PostgreSQL refuses to run as root, so if
//! this process is root, the server runs as the user `postgres` or `nobody`.

#[path = "missing.rs"]
mod missing;

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Error};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

pub(crate) use missing::missing;

/// A shell script that starts the server, and stops it when the script's input ends. That happens when
/// the [`Server`] is dropped, and also when this program is killed. The script closes its own stderr, so
/// the end of stderr is the end of the server.
const KEEPER: &str = r#"
"$@" &
exec 2>&-
cat
kill -QUIT $!
wait
"#;

/// The server prints this when it is ready, for reading at least.
const READY: &str = "database system is ready to accept";

/// The path of a socket may have about 100 bytes, which include the name of the socket.
const LONGEST_PATH: usize = 80;

/// A running server.
pub(crate) struct Server {
    keeper: Child,
    place: Place,
    postgres: PathBuf,
}

impl Server {
    /// Creates a database cluster and starts a server for it.
    pub(crate) fn start() -> io::Result<Self> {
        Self::start_with(&[])
    }

    /// The same with more settings, each as `name=value`.
    pub(crate) fn start_with(settings: &[String]) -> io::Result<Self> {
        let programs = programs()?;
        let directory = tempfile::Builder::new().prefix("postgres-").tempdir()?;
        let place = Place::new(directory, settings)?;
        place.init(&programs.join("initdb"))?;
        let postgres = programs.join("postgres");
        let keeper = place.keeper(&postgres)?;
        // Dropping this value stops the server, also if the next line fails.
        let mut server = Self { keeper, place, postgres };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Starts one for a test. `None`: none can be started, and the test has nothing to do.
    pub(crate) fn start_for_a_test() -> Option<Self> {
        Self::start().map_err(missing).ok()
    }

    /// The directory of the socket.
    pub(crate) fn directory(&self) -> &Path {
        self.place.directory.path()
    }

    /// The user and the group that the server runs as, if this process is root.
    pub(crate) fn user(&self) -> Option<(u32, u32)> {
        self.place.user
    }

    /// Ends the server without a shutdown, and starts it again: it recovers as after a crash.
    pub(crate) fn crash_and_restart(&mut self) -> io::Result<()> {
        self.stop();
        self.keeper = self.place.keeper(&self.postgres)?;
        self.wait_until_ready()
    }

    /// Ends the server. Nobody accepts connections then.
    pub(crate) fn stop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().ok();
    }

    /// Sends a signal to the server and to all its sessions, by its name: `STOP`, `CONT`.
    pub(crate) fn signal(&self, signal: &str) -> io::Result<()> {
        let text = fs::read_to_string(self.directory().join("data/postmaster.pid"))?;
        let main = text.lines().next().unwrap_or_default();
        let kill = |processes: &[OsString]| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", r#"kill -"$@""#, "sh", signal]).args(processes);
            // A session that has just ended cannot be signalled, and need not be.
            command.stderr(Stdio::null()).status().map(drop)
        };
        // First, so that it makes no session that is not seen below.
        kill(&[main.into()])?;
        let mut sessions = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            // The name of the program, in brackets, may have spaces. The parent is the second word after it.
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
            if after.split_whitespace().nth(1) == Some(main) {
                sessions.push(entry.file_name());
            }
        }
        kill(&sessions)
    }

    /// Reads the output of the server until it is ready. If the server ends, the output is the error.
    fn wait_until_ready(&mut self) -> io::Result<()> {
        let said =
            self.keeper.stderr.take().ok_or_else(|| Error::other("its stderr is not a pipe"))?;
        let mut said = BufReader::new(said);
        let mut all = String::new();
        while !all.contains(READY) {
            if said.read_line(&mut all)? == 0 {
                return Err(Error::other(format!("the server did not start:\n{all}")));
            }
        }
        // Discards further output, because a full pipe would block the server.
        thread::spawn(move || io::copy(&mut said, &mut io::sink()));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A stopped process does not end.
        self.signal("CONT").ok();
        // The directory is removed next, so the server must have ended.
        self.stop();
    }
}

/// The folder of the programs `initdb` and `postgres`: in `PATH`, or where Debian installs them.
fn programs() -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .ok_or_else(|| {
            Error::other(
                "initdb and postgres were not found; on Debian, apt-get install postgresql",
            )
        })
}

/// The directory of the server, and the user to run it as if this process is root.
struct Place {
    directory: TempDir,
    user: Option<(u32, u32)>,
    settings: Vec<String>,
}

impl Place {
    fn new(directory: TempDir, settings: &[String]) -> io::Result<Self> {
        let settings = settings.to_vec();
        let path = directory.path();
        if path.as_os_str().len() > LONGEST_PATH {
            let text = "is too long for a socket; set TMPDIR to a shorter one";
            return Err(Error::other(format!("the path {} {text}", path.display())));
        }
        // This process has created the directory, so its owner is the user of this process.
        if fs::metadata(path)?.uid() != 0 {
            return Ok(Self { directory, user: None, settings });
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let found = ["postgres", "nobody"].into_iter().find_map(|name| account(&accounts, name));
        let none =
            "this process is root, and there is no user postgres or nobody to run the server as";
        let (user, group) = found.ok_or_else(|| Error::other(none))?;
        chown(path, Some(user), Some(group))?;
        Ok(Self { directory, user: Some((user, group)), settings })
    }

    fn init(&self, initdb: &Path) -> io::Result<()> {
        let output = self
            .command(initdb)
            .args(["--pgdata=data", "--username=postgres", "--auth=trust"])
            .args(["--encoding=UTF8", "--no-locale", "--no-sync"])
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::other(format!("initdb failed:\n{said}")));
        }
        Ok(())
    }

    fn keeper(&self, postgres: &Path) -> io::Result<Child> {
        self.command(Path::new("/bin/sh"))
            .args(["-c", KEEPER, "keeper"])
            .arg(postgres)
            .args(["-D", "data", "-c", "listen_addresses=", "-k"])
            .arg(self.directory.path())
            // The data need not survive a crash.
            .args(["-c", "fsync=off", "-c", "shared_buffers=16MB"])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting.as_str()]))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.directory.path()).env("LC_ALL", "C");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

/// The ids of a user and its group, from the lines of `/etc/passwd`.
fn account(accounts: &str, name: &str) -> Option<(u32, u32)> {
    let account = accounts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let mut numbers = account.split(':').skip(1).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
