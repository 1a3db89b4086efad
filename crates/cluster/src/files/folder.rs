//! The folder: its checks, and its files.
//!
//! ```text
//! DIR/<boot>/lock              one byte for each key's steps, and one for each execution
//! DIR/<boot>/<key>             the state of a key, while there is something to know
//! DIR/<boot>/<key>.<flight>    an outcome
//! DIR/<boot>/<name>.mark       how often a name was forgotten
//! ```
//!
//! `<boot>` is the host's own number of its last start, since times are counted from there. A file is put in its
//! place by rename, so nobody reads half of one.

use std::fs::{self, DirBuilder, DirEntry, File, OpenOptions, ReadDir};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::codec::{CodecError, postcard_read, postcard_write};
use crate::engine::{EngineError, ErrorKind, Key};
use crate::hash::{add, first};
use crate::sync::Mutex;
use crate::sync::host::remote_file_system;

use super::state::State;

const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The length of the checksum at the begin of a state.
const CHECKSUM: usize = blake3::OUT_LEN;

/// The bits that stand for a key or for a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name([u8; 16]);

impl Name {
    pub(super) fn of(key: Key<'_>) -> Self {
        Self::digest(&[key.namespace.as_bytes(), key.name.as_bytes(), key.digest.bytes()])
    }

    pub(super) fn of_all(namespace: &str, name: &str) -> Self {
        Self::digest(&[namespace.as_bytes(), name.as_bytes()])
    }

    fn digest(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            add(&mut hasher, part);
        }
        Self(first(&hasher))
    }

    /// Reads a file's name; `None` if it is not a key's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        (text.len() == 32)
            .then(|| u128::from_str_radix(text, 16).ok())?
            .map(u128::to_be_bytes)
            .map(Self)
    }

    pub(super) fn text(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    /// 62 bits, with a number mixed in.
    pub(super) fn place(self, number: u64) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(&number.to_le_bytes());
        u64::from_le_bytes(first(&hasher)) >> 2
    }
}

pub(super) struct Folder {
    path: PathBuf,
    /// To see whether it is still the one at the path.
    lock: File,
    /// The sweeps of this process go through the folder, from file to file.
    listing: Mutex<Option<ReadDir>>,
}

impl Folder {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let boot = fs::read_to_string(BOOT)?;
        let boot: String = boot.chars().filter(char::is_ascii_hexdigit).collect();
        let path = dir.join(&boot);
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        let lock = open_lock(&path)?;
        check(dir, &lock)?;
        remove_former_boots(dir, &boot);
        Ok(Self { path, lock, listing: Mutex::default() })
    }

    /// Another opening of the lock file, whose locks are its own.
    pub(super) fn open_lock(&self) -> Result<File, EngineError> {
        open_lock(&self.path).map_err(told)
    }

    /// Fails if somebody has removed or replaced the folder: others would lock another file.
    pub(super) fn check_place(&self) -> Result<(), EngineError> {
        let there = fs::metadata(self.path.join("lock")).map_err(told)?;
        let here = self.lock.metadata().map_err(told)?;
        if (there.dev(), there.ino()) == (here.dev(), here.ino()) {
            Ok(())
        } else {
            let text = "somebody has replaced the folder: open it anew";
            Err(EngineError::new(ErrorKind::Refused, text))
        }
    }

    /// Reads the state of a key. One that nobody can read counts as none: that forgets, and never revives.
    pub(super) fn state(&self, key: Name) -> Result<State, EngineError> {
        let bytes = self.read(&key.text())?;
        Ok(bytes.as_deref().and_then(decode).unwrap_or_default())
    }

    pub(super) fn write_state(&self, key: Name, state: &State) -> Result<(), EngineError> {
        let mut bytes = vec![0; CHECKSUM];
        let text = |error: CodecError| EngineError::new(ErrorKind::Unexpected, error.to_string());
        postcard_write(state, &mut bytes).map_err(text)?;
        let sum = blake3::hash(&bytes[CHECKSUM..]);
        bytes[..CHECKSUM].copy_from_slice(sum.as_bytes());
        self.write(&key.text(), &bytes)
    }

    pub(super) fn remove_state(&self, key: Name) -> Result<(), EngineError> {
        self.remove(&key.text())
    }

    pub(super) fn outcome(&self, key: Name, flight: u64) -> Result<Option<Vec<u8>>, EngineError> {
        self.read(&outcome(key, flight))
    }

    pub(super) fn write_outcome(
        &self,
        key: Name,
        flight: u64,
        bytes: &[u8],
    ) -> Result<(), EngineError> {
        self.write(&outcome(key, flight), bytes)
    }

    pub(super) fn remove_outcome(&self, key: Name, flight: u64) -> Result<(), EngineError> {
        self.remove(&outcome(key, flight))
    }

    pub(super) fn mark(&self, name: Name) -> Result<u64, EngineError> {
        let bytes = self.read(&mark(name))?;
        let mark = bytes.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        Ok(mark.unwrap_or(0))
    }

    pub(super) fn write_mark(&self, name: Name, value: u64) -> Result<(), EngineError> {
        self.write(&mark(name), &value.to_le_bytes())
    }

    /// The names of the next files, for a sweep. After the last file it begins anew.
    pub(super) fn next(&self, count: usize) -> Result<Vec<String>, EngineError> {
        let mut listing = self.listing.lock();
        if listing.is_none() {
            *listing = Some(fs::read_dir(&self.path).map_err(told)?);
        }
        let entries: Vec<_> = listing.iter_mut().flatten().take(count).collect();
        if entries.len() < count {
            *listing = None;
        }
        let name = |entry: io::Result<DirEntry>| entry.ok()?.file_name().into_string().ok();
        Ok(entries.into_iter().filter_map(name).collect())
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), EngineError> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(told(error)),
            _ => Ok(()),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    /// The caller has the lock under which the name is written, so the other name is its own too.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), EngineError> {
        let [new, path] = [format!("{name}.new"), name.to_owned()].map(|name| self.path.join(name));
        let written =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
        let written = written.and_then(|mut file| io::Write::write_all(&mut file, bytes));
        written.and_then(|()| fs::rename(&new, path)).map_err(told)
    }
}

fn decode(bytes: &[u8]) -> Option<State> {
    let (sum, body) = bytes.split_at_checked(CHECKSUM)?;
    (blake3::hash(body).as_bytes() == sum).then(|| postcard_read(body).ok())?
}

fn outcome(key: Name, flight: u64) -> String {
    format!("{}.{flight}", key.text())
}

fn mark(name: Name) -> String {
    format!("{}.mark", name.text())
}

fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path.join("lock"))
}

/// The folder must be the user's own, and on this host.
fn check(dir: &Path, lock: &File) -> io::Result<()> {
    let folder = fs::metadata(dir)?;
    let shown = dir.display();
    // The lock file was made by this user, or could be opened by it alone.
    if folder.uid() != lock.metadata()?.uid() || folder.mode() & 0o077 != 0 {
        let text = format!(
            "the folder {shown} must belong to the user of this process, with mode 0700: chmod 700 {shown}"
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    if let Some(name) = remote_file_system(lock)? {
        let text = format!(
            "the folder {shown} is on {name}, whose locks may not reach all processes: use one of this host, \
             as /dev/shm or $XDG_RUNTIME_DIR"
        );
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    Ok(())
}

/// Times of an earlier boot say nothing. A folder that somebody else removes at the same time is no failure.
fn remove_former_boots(dir: &Path, boot: &str) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_former = |name: &str| {
        name.len() == boot.len()
            && name != boot
            && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_former)) {
        fs::remove_dir_all(entry.path()).ok();
    }
}

/// The kind of an error of the system's.
pub(super) fn told(error: io::Error) -> EngineError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
        io::ErrorKind::NotFound => ErrorKind::Refused,
        // EMFILE: this process has too many files open.
        _ if error.raw_os_error() == Some(24) => ErrorKind::Exhausted,
        _ => ErrorKind::Unexpected,
    };
    EngineError::new(kind, error.to_string())
}
