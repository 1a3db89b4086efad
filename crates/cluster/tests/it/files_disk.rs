//! The engine of one host on a disk that is full, and in a folder of somebody else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coalescer::{Coalescer, Role};
use coalescer_cluster::{Cluster, Files};
use parking_lot::Mutex;

use crate::support::{wait_until, watched};

/// A folder of the test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("coalescer-disk-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// C15: without room for the state of a key each process runs by itself, and `health` says why.
#[test]
fn on_a_full_disk_each_process_is_by_itself() {
    watched(|| {
        let folder = Folder::new("full");
        let cluster = Cluster::over(Files::open(&folder.0).unwrap()).open().unwrap();
        let inner = fs::read_dir(&folder.0).unwrap().next().unwrap().unwrap().path();
        // The function runs while its key has a state.
        let state = Arc::new(Mutex::new(String::new()));
        let found = Arc::clone(&state);
        let builder = Coalescer::builder().window(Duration::ZERO);
        let builder = builder.shared(cluster.named("users").schema("1"));
        let users = builder.build(move |id: &u64| {
            let mut files = fs::read_dir(&inner).unwrap().map(|file| file.unwrap().path());
            if let Some(path) = files.find(|path| path.file_name().unwrap().len() == 32) {
                *found.lock() = path.to_str().unwrap().to_owned();
            }
            Ok::<_, String>(id + 1)
        });
        let role = || users.call(&7).outcome().unwrap().role;
        assert_eq!((role(), cluster.stats().leads), (Role::Leader, 1));
        // A new state is written under another name, which leads to where there is no room.
        let new = format!("{}.new", state.lock());
        symlink("/dev/full", &new).unwrap();
        assert_eq!((role(), cluster.stats().leads), (Role::Leader, 1));
        let health = cluster.health();
        assert!(health.last_error.as_ref().unwrap().contains("No space left"), "{health:?}");
        fs::remove_file(new).unwrap();
        wait_until(|| role() == Role::Leader && cluster.stats().leads == 2);
        assert!(cluster.health().up);
    });
}

/// Its owner could answer for all functions.
#[test]
fn a_folder_of_somebody_else_is_refused() {
    let folder = Folder::new("foreign");
    fs::create_dir(&folder.0).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).unwrap();
    // Root alone can give a folder away. To anybody else, the root of the file system is a foreign folder.
    let foreign = match chown(&folder.0, Some(65_534), None) {
        Ok(()) => folder.0.clone(),
        Err(_) => PathBuf::from("/"),
    };
    let error = Files::open(foreign).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied, "{error}");
}
