//! Room on SQLite's disk for what must go on when it is full: signing in, and deleting. A file holds it, and is given up when
//! little is left; from then on nothing more is taken in until there is plenty again.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FallocateFlags, fallocate};

use super::disk::{Disk, disk};
use crate::limits::DISK_RESERVE;

/// The file, beside the database.
const NAME: &str = "reserve";
/// Less than this is little.
const LITTLE: u64 = 4 * 1024 * 1024;
/// So much is enough to take something in again.
const ENOUGH: u64 = 2 * DISK_RESERVE;
/// So much is plenty: the file is made.
const PLENTY: u64 = 4 * DISK_RESERVE;

/// The file and whether it was given up.
pub struct Reserve {
    folder: PathBuf,
    is_scarce: AtomicBool,
}

impl Reserve {
    pub(super) fn in_folder(folder: &Path) -> Reserve {
        Reserve { folder: folder.to_owned(), is_scarce: AtomicBool::new(false) }
    }

    fn file(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Nothing more may be taken in.
    pub(super) fn is_scarce(&self) -> bool {
        self.is_scarce.load(Ordering::Relaxed)
    }

    /// Looks at the disk: gives the file up if little is left, takes something in again when there is enough, and makes the file
    /// again when there is plenty.
    pub(super) fn look(&self) {
        let Some(Disk { free, read_only: false }) = disk(&self.folder) else { return };
        if free < LITTLE {
            if !self.is_scarce.swap(true, Ordering::Relaxed) {
                tracing::error!(free, "the disk of the database is full: nothing is taken in until there is room");
            }
            // It may be gone already, or never have been made.
            let _ = std::fs::remove_file(self.file());
        }
        if free >= ENOUGH && self.is_scarce.swap(false, Ordering::Relaxed) {
            tracing::info!(free, "the disk of the database has room again");
        }
        if free >= PLENTY
            && let Err(error) = self.make()
        {
            tracing::warn!(%error, "no room was reserved on the disk of the database");
            let _ = std::fs::remove_file(self.file());
        }
    }

    /// Makes the file, with real blocks, if it is not there.
    fn make(&self) -> std::io::Result<()> {
        if std::fs::metadata(self.file()).is_ok_and(|there| there.len() == DISK_RESERVE) {
            return Ok(());
        }
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.file())?;
        if fallocate(&file, FallocateFlags::empty(), 0, DISK_RESERVE).is_ok() {
            return Ok(());
        }
        // Some file systems cannot.
        let zeros = vec![0; 1024 * 1024];
        for _ in 0..DISK_RESERVE / zeros.len() as u64 {
            file.write_all(&zeros)?;
        }
        Ok(())
    }
}
