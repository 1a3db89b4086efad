//! A private PostgreSQL server in a temporary directory, which runs as long as the [`Server`] lives.
//!
//! It listens on a socket in that directory, and on no network. PostgreSQL refuses to run as root, so if
//! this process is root, the server runs as the user `postgres` or `nobody`.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use postgres::Config;
use tempfile::TempDir;

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

/// The server prints this when it is ready.
const READY: &str = "database system is ready to accept connections";

/// The path of a socket may have about 100 bytes, which include the name of the socket.
const LONGEST_PATH: usize = 80;

/// A running server.
pub(crate) struct Server {
    keeper: Child,
    directory: TempDir,
}

impl Server {
    /// Creates a database cluster and starts a server for it.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs()?;
        let directory = tempfile::Builder::new().prefix("with-postgres-").tempdir().context(
            "cannot create a temporary directory; set TMPDIR to one that can be written",
        )?;
        let place = Place::new(directory.path())?;
        place.init(&programs.join("initdb"))?;
        let keeper = place.keeper(&programs.join("postgres"))?;
        // Dropping this value stops the server, also if the next line fails.
        let mut server = Self { keeper, directory };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// The configuration of a client.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        config.host_path(self.directory.path()).user("postgres").dbname("postgres");
        config
    }

    /// Reads the output of the server until it is ready. If the server ends, the output is the error.
    fn wait_until_ready(&mut self) -> Result<()> {
        let said = self.keeper.stderr.take().context("the stderr of the server is not a pipe")?;
        let mut said = BufReader::new(said);
        let mut all = String::new();
        while !all.contains(READY) {
            let length =
                said.read_line(&mut all).context("cannot read the output of the server")?;
            ensure!(length > 0, "the server did not start:\n{all}");
        }
        // Discards further output, because a full pipe would block the server.
        thread::spawn(move || io::copy(&mut said, &mut io::sink()));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // The directory is removed next, so the server must have ended.
        self.keeper.wait().ok();
    }
}

/// The folder of the programs `initdb` and `postgres`: in `PATH`, or where Debian installs them.
fn programs() -> Result<PathBuf> {
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
        .context("initdb and postgres were not found; on Debian, apt-get install postgresql")
}

/// The directory of the server, and the user to run it as if this process is root.
struct Place<'a> {
    directory: &'a Path,
    user: Option<(u32, u32)>,
}

impl<'a> Place<'a> {
    fn new(directory: &'a Path) -> Result<Self> {
        ensure!(
            directory.as_os_str().len() <= LONGEST_PATH,
            "the path {} is too long for a socket; set TMPDIR to a shorter one",
            directory.display()
        );
        // This process has created the directory, so its owner is the user of this process.
        if fs::metadata(directory)?.uid() != 0 {
            return Ok(Self { directory, user: None });
        }
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let (user, group) = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| account(&accounts, name))
            .context("this process is root, and there is no user postgres or nobody to run the server as")?;
        chown(directory, Some(user), Some(group))
            .context("cannot give the server its directory")?;
        Ok(Self { directory, user: Some((user, group)) })
    }

    fn init(&self, initdb: &Path) -> Result<()> {
        let output = self
            .command(initdb)
            .args(["--pgdata=data", "--username=postgres", "--auth=trust"])
            .args(["--encoding=UTF8", "--no-locale", "--no-sync"])
            .output()
            .with_context(|| format!("cannot run {}", initdb.display()))?;
        if !output.status.success() {
            bail!("initdb failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn keeper(&self, postgres: &Path) -> Result<Child> {
        self.command(Path::new("/bin/sh"))
            .args(["-c", KEEPER, "keeper"])
            .arg(postgres)
            .args(["-D", "data", "-c", "listen_addresses=", "-k"])
            .arg(self.directory)
            // The data need not survive a crash.
            .args(["-c", "fsync=off", "-c", "shared_buffers=16MB"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run /bin/sh")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.directory).env("LC_ALL", "C");
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
