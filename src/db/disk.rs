//! The disk under a file.

use std::path::Path;

/// The disk under a folder, if the system tells.
pub(super) fn disk(folder: &Path) -> Option<Disk> {
    let seen = rustix::fs::statvfs(folder).ok()?;
    // Some file systems do not say how large they are.
    let free = if seen.f_blocks == 0 { u64::MAX } else { seen.f_bavail.saturating_mul(seen.f_frsize) };
    Some(Disk { free, read_only: seen.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) })
}

/// A disk as this process may use it.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// Bytes.
    pub free: u64,
    /// Nothing can be written to it.
    pub read_only: bool,
}
