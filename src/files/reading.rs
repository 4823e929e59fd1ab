//! A file that several read at once.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// A file that is read from its beginning. Every clone has its own position in it.
#[derive(Clone)]
pub struct Reading {
    file: Arc<File>,
    place: u64,
}

impl Reading {
    pub fn of(file: File) -> Reading {
        Reading { file: Arc::new(file), place: 0 }
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.place)?;
        self.place += length as u64;
        Ok(length)
    }
}
