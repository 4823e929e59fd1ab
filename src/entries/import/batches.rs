//! The rows of a file in pieces, read ahead of their use.

use std::hash::RandomState;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::aside::aside;
use super::row::Row;
use super::rows::rows;
use crate::error::{Error, Result};
use crate::files::Source;

/// Rows read at a time, and their bytes. While others store entries too, one transaction stores no more than that:
/// they wait for it.
const PIECE: usize = 60;
const PIECE_BYTES: usize = 1 << 17;
/// Pieces that one transaction stores while nobody else does.
pub(super) const ALONE: usize = 8;

/// The rows of a file, as they are read.
pub(super) struct Batches {
    waiting: mpsc::Receiver<Vec<Row>>,
    read: JoinHandle<Result<Result<()>>>,
}

impl Batches {
    /// Reads a file in a thread of its own, a few pieces ahead of their use.
    pub(super) fn of(source: Arc<Source>, seed: RandomState) -> Batches {
        let (sender, waiting) = mpsc::channel(ALONE);
        let read = aside(move || {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            let read = rows(&source, &seed, &mut |row| {
                bytes += row.read.as_ref().map_or(0, |prepared| prepared.data.len());
                batch.push(row);
                if batch.len() < PIECE && bytes < PIECE_BYTES {
                    return true;
                }
                bytes = 0;
                sender.blocking_send(std::mem::take(&mut batch)).is_ok()
            });
            sender.blocking_send(batch).ok();
            read
        });
        Batches { waiting, read: tokio::spawn(read) }
    }

    /// Waits for a piece of rows, and adds those that are read already, up to `pieces`. `None`: there are no more.
    pub(super) async fn next(&mut self, pieces: usize) -> Result<Option<Vec<Row>>> {
        let Some(mut rows) = self.waiting.recv().await else {
            // The reading thread knows why there are no more: a file may break in the middle.
            let read = (&mut self.read).await.map_err(|error| Error::Internal(Box::new(error)))?;
            return read?.map(|()| None);
        };
        for more in (1..pieces).map_while(|_| self.waiting.try_recv().ok()) {
            rows.extend(more);
        }
        Ok(Some(rows))
    }
}
