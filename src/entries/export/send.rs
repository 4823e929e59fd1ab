//! Exports are made batch by batch from one moment of the store, and sent piece by piece.

use futures::TryStreamExt as _;

use super::checked::Export;
use super::writer::Writer;
use crate::db::DbError;
use crate::entries::order;
use crate::entries::reader::Reader;
use crate::entries::service::Entries;
use crate::entries::sql::Filter;
use crate::entries::store::{self, Batch, Stretch};
use crate::entries::system;
use crate::error::{Error, Result};
use crate::filter::{Format, OrderColumn, Query};
use crate::web::Sender;

/// Entries read at once. More make it hardly faster and cost memory.
const BATCH: u32 = 400;
impl Entries {
    /// Checks an export before its first byte leaves.
    pub async fn export(&self, reader: &Reader, query: Query, format: Format) -> Result<Export> {
        let collections = self.readable(reader, &query).await?;
        let filter = self.filter(reader, &query, &collections).await?;
        let paths = self.field_paths(&collections).await?;
        if query.cursor.is_some() {
            return Err(Error::parameter("_cursor", "an export starts at the beginning: leave the cursor out"));
        }
        let ids: Vec<_> = collections.iter().map(|known| known.collection.id.0).collect();
        let worked = reader.sees_work() && store::any_worked(&self.db, &ids).await?;
        Ok(Export { query, filter, collections, paths, format, reader: reader.clone(), worked })
    }

    /// Makes an export and sends it piece by piece. A failure is sent as an error, which breaks the connection.
    pub async fn send(&self, export: Export, to: Sender) {
        if let Err(error) = write_export(self, &export, &to).await
            && !to.is_closed()
        {
            tracing::error!(%error, "an export failed in the middle");
            to.send(Err(std::io::Error::other("the export failed"))).await.ok();
        }
    }
}

/// Writes an export to wherever `to` leads.
pub async fn write_export(entries: &Entries, export: &Export, to: &Sender) -> Result<()> {
    let mut writer = Writer::new(export);
    writer.begin(export);
    let mut snapshot = entries.db.snapshot().await?;
    // The header leaves before the first entry is read.
    writer.send(to, true).await?;
    let in_index_order = export.query.sort == system::newest_first();
    if in_index_order {
        batches(entries, export, &mut snapshot, &mut writer, to).await?;
    } else {
        rows(export, &mut snapshot, &mut writer, to, entries.db.is_postgres()).await?;
    }
    writer.end();
    writer.send(to, true).await
}

/// Walks an index in batches, each a text that the database puts together. While one is written the next is read.
async fn batches(
    entries: &Entries,
    export: &Export,
    snapshot: &mut crate::db::Snapshot,
    writer: &mut Writer,
    to: &Sender,
) -> Result<()> {
    let order = order::order(&export.query.sort, entries.db.is_postgres());
    let mut left = export.query.limit.unwrap_or(u32::MAX);
    let mut next = read_batch(snapshot, &export.filter, &order, None, left).await?;
    while let Some(batch) = next {
        let count = batch.iter().count() as u32;
        left = if count < BATCH { 0 } else { left.saturating_sub(count) };
        let after = batch.last().map(|entry| order::values(&export.query.sort, &entry, ""));
        let read = read_batch(snapshot, &export.filter, &order, after.as_deref(), left);
        // The first is polled first: the database is at work before the writing begins.
        let (read, ()) = tokio::join!(read, async { batch.iter().for_each(|entry| writer.entry(&entry)) });
        writer.send(to, false).await?;
        next = read?;
    }
    Ok(())
}

async fn read_batch(
    snapshot: &mut crate::db::Snapshot,
    filter: &Filter,
    order: &[OrderColumn],
    after: Option<&[String]>,
    left: u32,
) -> Result<Option<Batch>> {
    if left == 0 {
        return Ok(None);
    }
    let stretch = Stretch { order, after, reversed: false, limit: BATCH.min(left) };
    Ok(Some(store::batch(snapshot, filter, &stretch).await?))
}

/// Walks any other order row by row: sorting once costs less than seeking again for every batch.
async fn rows(
    export: &Export,
    snapshot: &mut crate::db::Snapshot,
    writer: &mut Writer,
    to: &Sender,
    postgres: bool,
) -> Result<()> {
    let order = order::order(&export.query.sort, postgres);
    let statement = store::all_rows(&export.filter, &order);
    let mut rows = statement.query(|sql| snapshot.read(sql)).stream::<(String,)>();
    let mut left = export.query.limit.unwrap_or(u32::MAX);
    while left > 0 {
        let Some((row,)) = rows.try_next().await.map_err(|error: DbError| Error::from(error))? else { break };
        for entry in Batch::of_rows(&[row]).iter() {
            writer.entry(&entry);
        }
        writer.send(to, false).await?;
        left -= 1;
    }
    Ok(())
}
