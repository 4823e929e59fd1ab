//! The entries of an export, batch by batch.
//!
//! An export is of one moment for as long as its reader keeps up, and at most for [`crate::limits::SNAPSHOT_SECONDS`]: a view of a
//! moment keeps SQLite from shortening its log. After that it goes on behind the last entry in a new view. What was received since the
//! export began is never part of it; what is changed or deleted meanwhile is what it is when its turn comes.

use std::io::SeekFrom;
use std::path::Path;

use futures::TryStreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, BufWriter};

use super::checked::Export;
use crate::db::{Pool, Snapshot};
use crate::entries::downloads::View;
use crate::entries::order;
use crate::entries::sql::Filter;
use crate::entries::store::{self, Batch, Stretch};
use crate::entries::system;
use crate::error::{Error, Result};
use crate::filter::{OrderColumn, Sql};

/// Entries read at once. More make it hardly faster and cost memory.
const BATCH: u32 = 400;
/// Of large entries it is fewer: so many bytes.
const BATCH_BYTES: usize = 256 * 1024;
/// Entries of the first batch.
const FIRST: u32 = 16;

/// Walks the entries of an export.
pub(super) struct Walk<'a> {
    db: &'a Pool,
    export: &'a Export,
    filter: Filter,
    order: Vec<OrderColumn>,
    view: Option<View>,
    position: Position,
    size: u32,
    left: u32,
}

enum Position {
    /// Along an index, behind the entry with these values.
    After(Option<Vec<String>>),
    /// In an order that no index gives.
    Listed(Listed),
}

impl<'a> Walk<'a> {
    pub(super) async fn begin(db: &'a Pool, export: &'a Export, mut view: View, folder: &Path) -> Result<Walk<'a>> {
        let mut filter = export.filter.clone();
        let newest = store::newest(&mut view.snapshot).await?;
        // The sign keeps the planner from walking along the ids.
        filter.and(&format!("+e.id <= {}", newest.0));
        let order = order::order(&export.query.sort, db.is_postgres());
        let position = if export.query.sort == system::newest_first() {
            Position::After(None)
        } else {
            Position::Listed(
                Listed::of(&mut view.snapshot, &store::ids_in_order(&filter, &order, export.query.limit), folder)
                    .await?,
            )
        };
        let left = export.query.limit.unwrap_or(u32::MAX);
        Ok(Walk { db, export, filter, order, view: Some(view), position, size: FIRST, left })
    }

    /// The next entries, which may be none; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Batch>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut view = match self.view.take().filter(|view| !view.is_old()) {
            Some(view) => view,
            None => self.export.share.view(self.db).await?,
        };
        let limit = self.size.min(self.left);
        let (mut batch, is_last) = match &mut self.position {
            Position::After(after) => {
                let stretch = Stretch { order: &self.order, after: after.as_deref(), reversed: false, limit };
                let batch = store::batch(&mut view.snapshot, &self.filter, &stretch).await?;
                let is_last = batch.len() < limit as usize;
                (batch, is_last)
            }
            Position::Listed(ids) => {
                let wanted = ids.take(limit as usize).await.map_err(broken_file)?;
                let batch = store::of_ids(&mut view.snapshot, &self.filter, &wanted).await?;
                let is_last = wanted.len() < limit as usize;
                ids.taken = wanted;
                (batch, is_last)
            }
        };
        self.view = Some(view);
        let is_cut = batch.cut(BATCH_BYTES);
        self.step(&batch, is_last && !is_cut);
        Ok(Some(batch))
    }

    /// Remembers where the next batch begins, and how many entries it may have.
    fn step(&mut self, batch: &Batch, is_last: bool) {
        let count = batch.len();
        self.left = if is_last { 0 } else { self.left.saturating_sub(count as u32) };
        if let Some(last) = batch.last() {
            match &mut self.position {
                Position::After(after) => *after = Some(order::values(&self.export.query.sort, &last, "")),
                Position::Listed(ids) => ids.give_back_behind(last.id.0),
            }
            let fitting = BATCH_BYTES / batch.bytes().div_ceil(count).max(1);
            self.size = u32::try_from(fitting).unwrap_or(BATCH).clamp(1, BATCH).min(2 * self.size);
        }
    }

    /// Holds nothing of the database while a reader is waited for.
    pub(super) fn pause(&mut self) {
        self.view = None;
    }
}

/// Ids in an order that takes a sort, in a file without a name: it is sorted once, and not while a reader is waited for.
struct Listed {
    file: tokio::fs::File,
    /// What was taken out last, or given back of it.
    taken: Vec<i64>,
    back: Vec<i64>,
}

impl Listed {
    async fn of(snapshot: &mut Snapshot, ids: &Sql, folder: &Path) -> Result<Listed> {
        let file = tempfile::tempfile_in(folder).map_err(broken_file)?;
        let mut file = BufWriter::new(tokio::fs::File::from_std(file));
        {
            let mut ids = ids.clone().query(|sql| snapshot.read(sql)).stream::<(i64,)>();
            while let Some((id,)) = ids.try_next().await? {
                file.write_i64_le(id).await.map_err(broken_file)?;
            }
        }
        file.flush().await.map_err(broken_file)?;
        let mut file = file.into_inner();
        file.seek(SeekFrom::Start(0)).await.map_err(broken_file)?;
        Ok(Listed { file, taken: Vec::new(), back: Vec::new() })
    }

    /// The next ids, fewer than asked for at the end.
    async fn take(&mut self, most: usize) -> std::io::Result<Vec<i64>> {
        let mut ids = std::mem::take(&mut self.back);
        if ids.len() >= most {
            self.back = ids.split_off(most);
            return Ok(ids);
        }
        let mut bytes = Vec::with_capacity((most - ids.len()) * size_of::<i64>());
        let rest = bytes.capacity() as u64;
        (&mut self.file).take(rest).read_to_end(&mut bytes).await?;
        ids.extend(
            bytes.chunks_exact(size_of::<i64>()).map(|id| i64::from_le_bytes(id.try_into().unwrap_or_default())),
        );
        Ok(ids)
    }

    /// What was taken behind this id was not used.
    fn give_back_behind(&mut self, id: i64) {
        if let Some(at) = self.taken.iter().position(|taken| *taken == id) {
            let mut unused = self.taken.split_off(at + 1);
            unused.append(&mut self.back);
            self.back = unused;
        }
    }
}

fn broken_file(error: std::io::Error) -> Error {
    Error::Internal(Box::new(error))
}
