//! A PostgreSQL server of one's own, in a temporary directory and for as long as the [`Server`] lives.
//!
//! It listens to a socket in that directory and to no network. PostgreSQL refuses to run as root; there
//! it runs as `postgres` or `nobody`.

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

/// Starts the server and ends it when its own input ends: that is when the [`Server`] is dropped, and
/// also when the program is killed. Only the server writes to its error output then, so where that
/// ends, the server has ended.
const KEEPER: &str = r#"
"$@" &
exec 2>&-
cat
kill -QUIT $!
wait
"#;

/// What the server says when it is there.
const READY: &str = "database system is ready to accept connections";

/// A socket's path may have some hundred bytes; its name in the directory is part of it.
const LONGEST_PATH: usize = 80;

/// A running server.
pub(crate) struct Server {
    keeper: Child,
    directory: TempDir,
}

impl Server {
    /// Makes a database cluster and starts a server for it.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs()?;
        let directory = tempfile::Builder::new()
            .prefix("with-postgres-")
            .tempdir()
            .context("cannot make a temporary directory; set TMPDIR to one that can be written")?;
        let place = Place::new(directory.path())?;
        place.init(&programs.join("initdb"))?;
        let keeper = place.keeper(&programs.join("postgres"))?;
        // From here on the server ends with this value, whatever happens.
        let mut server = Self { keeper, directory };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// How to connect to it.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        config.host_path(self.directory.path()).user("postgres").dbname("postgres");
        config
    }

    /// Reads what the server says until it is there. If it ends instead, that is the reason.
    fn wait_until_ready(&mut self) -> Result<()> {
        let said = self.keeper.stderr.take().context("its error output is a pipe")?;
        let mut said = BufReader::new(said);
        let mut all = String::new();
        while !all.contains(READY) {
            let length = said.read_line(&mut all).context("cannot read what the server says")?;
            ensure!(length > 0, "the server did not start:\n{all}");
        }
        // What it says from now on nobody reads; but the pipe must not fill up.
        thread::spawn(move || io::copy(&mut said, &mut io::sink()));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // The directory is removed next, so the server must be gone.
        self.keeper.wait().ok();
    }
}

/// Where the programs `initdb` and `postgres` are: in `PATH`, or where Debian puts them.
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
        .context("there is no initdb and postgres here; on Debian, apt-get install postgresql")
}

/// The server's directory, and the user that it runs as if this process is root.
struct Place<'a> {
    directory: &'a Path,
    user: Option<(u32, u32)>,
}

impl<'a> Place<'a> {
    fn new(directory: &'a Path) -> Result<Self> {
        ensure!(
            directory.as_os_str().len() <= LONGEST_PATH,
            "{} is too long a path for a socket; set TMPDIR to a shorter one",
            directory.display()
        );
        // Whoever made the directory owns it: so this is who runs the process.
        if fs::metadata(directory)?.uid() != 0 {
            return Ok(Self { directory, user: None });
        }
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let (user, group) = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| account(&accounts, name))
            .context("this is root, and there is no user postgres or nobody to run the server")?;
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
            // Its data need not outlive it.
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

/// The numbers of a user and of its group, by the lines of `/etc/passwd`.
fn account(accounts: &str, name: &str) -> Option<(u32, u32)> {
    let account = accounts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let mut numbers = account.split(':').skip(1).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
