//! Exports are made batch by batch, and sent piece by piece.

use std::net::IpAddr;
use std::time::Duration;

use super::checked::Export;
use super::walk::Walk;
use super::writer::Writer;
use crate::entries::reader::Reader;
use crate::entries::service::Entries;
use crate::entries::store;
use crate::error::{Error, Result};
use crate::filter::{Format, Query};
use crate::web::{Gone, Sender};

/// For so long a reader may be waited for while something of the database is held.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why an export ended early.
enum Ended {
    Gone,
    Failed(Error),
}

impl From<Gone> for Ended {
    fn from(_: Gone) -> Ended {
        Ended::Gone
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended::Failed(error)
    }
}

impl Entries {
    /// Checks an export before its first byte leaves, and takes its first turn at reading. `address` is the client's.
    pub async fn export(
        &self,
        reader: &Reader,
        address: Option<IpAddr>,
        query: Query,
        format: Format,
    ) -> Result<Export> {
        let collections = self.readable(reader, &query).await?;
        let filter = self.filter(reader, &query, &collections).await?;
        let paths = self.field_paths(&collections).await?;
        if query.cursor.is_some() {
            return Err(Error::parameter("_cursor", "an export starts at the beginning: leave the cursor out"));
        }
        let ids: Vec<_> = collections.iter().map(|known| known.collection.id.0).collect();
        let worked = reader.sees_work() && store::any_worked(&self.db, &ids).await?;
        let share = self.downloads.join(reader, address)?;
        let view = Some(share.first_view(&self.db).await?);
        Ok(Export { query, filter, collections, paths, format, reader: reader.clone(), worked, share, view })
    }

    /// Makes an export and sends it piece by piece. A failure breaks the connection.
    pub async fn send(&self, export: Export, to: Sender) {
        match write_export(self, export, &to).await {
            Ok(()) => to.finish(),
            Err(Ended::Gone) => {}
            Err(Ended::Failed(error)) => tracing::error!(%error, "an export failed in the middle"),
        }
    }
}

async fn write_export(entries: &Entries, mut export: Export, to: &Sender) -> std::result::Result<(), Ended> {
    let mut writer = Writer::new(&export);
    writer.begin(&export);
    // The header leaves before the first entry is read.
    writer.send(to, true).await?;
    let Some(view) = export.view.take() else { return Ok(()) };
    let folder = entries.settings.data_dir.as_path();
    while_wanted(to, write_entries(Walk::begin(&entries.db, &export, view, folder), &mut writer, to)).await?;
    writer.end();
    Ok(writer.send(to, true).await?)
}

/// Ends what is done for a reader when the reader goes, in the middle of a statement too.
async fn while_wanted(
    to: &Sender,
    done: impl Future<Output = std::result::Result<(), Ended>>,
) -> std::result::Result<(), Ended> {
    tokio::select! {
        biased;
        () = to.gone() => Err(Ended::Gone),
        done = done => done,
    }
}

/// While one batch is written the next is read.
async fn write_entries<'a>(
    walk: impl Future<Output = Result<Walk<'a>>>,
    writer: &mut Writer,
    to: &Sender,
) -> std::result::Result<(), Ended> {
    let mut walk = walk.await?;
    let mut next = walk.next().await?;
    while let Some(batch) = next {
        // The first is polled first: the database is at work before the writing begins.
        let (read, ()) = tokio::join!(walk.next(), async { batch.iter().for_each(|entry| writer.entry(&entry)) });
        drop(batch);
        send_or_pause(&mut walk, writer, to).await?;
        next = read?;
    }
    Ok(())
}

async fn send_or_pause(walk: &mut Walk<'_>, writer: &mut Writer, to: &Sender) -> std::result::Result<(), Ended> {
    if to.has_room() {
        return Ok(writer.send(to, false).await?);
    }
    let mut sent = std::pin::pin!(writer.send(to, false));
    tokio::select! {
        biased;
        sent = &mut sent => return Ok(sent?),
        () = tokio::time::sleep(PATIENCE) => walk.pause(),
    }
    Ok(sent.await?)
}
