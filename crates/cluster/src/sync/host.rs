//! The means that processes of one host share: locks of bytes of a file, and a clock.
//!
//! The locks are those of an *open file description*. Two openings of a file exclude each other, in one process
//! as in two, and the kernel lets go of a lock when the last handle to its opening is gone.

use std::fs::File;
use std::io;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::statfs::{FsType, fstatfs};
use nix::time::{ClockId, clock_gettime};

use super::{Nanos, nanos};

fn byte(at: u64, sort: i32) -> libc::flock {
    libc::flock {
        l_type: i16::try_from(sort).unwrap_or(0),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or(0),
        l_start: i64::try_from(at).unwrap_or(i64::MAX - 1),
        l_len: 1,
        l_pid: 0,
    }
}

/// Locks a byte for this opening alone, if no other opening has a lock of it. It never waits.
pub(crate) fn try_lock(file: &File, at: u64) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&byte(at, libc::F_WRLCK))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Lets a byte go, for all handles of this opening.
pub(crate) fn unlock(file: &File, at: u64) -> io::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&byte(at, libc::F_UNLCK)))?;
    Ok(())
}

/// Returns true if another opening has locked the byte for itself.
pub(crate) fn is_locked(file: &File, at: u64) -> io::Result<bool> {
    let mut found = byte(at, libc::F_RDLCK);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut found))?;
    Ok(i32::from(found.l_type) != libc::F_UNLCK)
}

/// Blocks until no other opening has locked the byte. Nothing but that ends it.
pub(crate) fn wait_for(file: &File, at: u64) -> io::Result<()> {
    loop {
        match fcntl(file, FcntlArg::F_OFD_SETLKW(&byte(at, libc::F_RDLCK))) {
            Ok(_) => return unlock(file, at),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The time since the host was started, by a clock that all its processes share.
pub(crate) fn boot_time() -> io::Result<Nanos> {
    Ok(nanos(clock_gettime(ClockId::CLOCK_BOOTTIME)?.into()))
}

/// Names the file system if its files may be on another host.
pub(crate) fn remote_file_system(file: &File) -> io::Result<Option<&'static str>> {
    // nix has names for some of them only, which differ between libraries of C.
    const REMOTE: [(u32, &str); 9] = [
        (0x0000_6969, "NFS"),
        (0x0000_517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
        (0x7375_7245, "Coda"),
        (0x0102_1997, "9P"),
        (0x6573_5546, "FUSE"),
    ];
    let FsType(found) = fstatfs(file)?.filesystem_type();
    // The types of some libraries have a sign. Only the lower half has the number.
    let found = found as u32;
    Ok(REMOTE.into_iter().find(|(number, _)| *number == found).map(|(_, name)| name))
}

/// Starts a thread that nobody joins.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

/// Gives the processor away for a moment. The kernel has no lock of a byte whose wait has an end.
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}
