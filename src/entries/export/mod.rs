//! Exports: CSV (RFC 4180), NDJSON and JSON, made batch by batch from one moment of the store.
//!
//! The header comes from the field registry before the first row. Nested objects become columns with dots,
//! arrays stay JSON. Memory does not grow with the number of entries.

mod table;
mod writer;

use std::sync::Arc;

use futures::TryStreamExt as _;

use writer::Writer;

use super::order;
use super::reading::Reader;
use super::service::Entries;
use super::sql::Filter;
use super::store::{self, Batch, Stretch};
use super::system;
use crate::collections::Known;
use crate::db::DbError;
use crate::error::{Error, Result};
use crate::filter::{Condition, Field, Fields, Format, Group, Operand, OrderColumn, Query, SystemField};
use crate::json::Path;
use crate::web::Sender;

pub use table::{is_formula, unguarded};
pub use writer::write_json;

/// Entries read at once. More make it hardly faster and cost memory.
const BATCH: u32 = 400;
/// Bytes gathered before they are sent.
const PIECE: usize = 64 * 1024;
/// A byte order mark, by which spreadsheet programs recognise UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// An export that is about to start: everything that can be refused was.
pub struct Export {
    query: Query,
    filter: Filter,
    collections: Vec<Arc<Known>>,
    paths: Vec<String>,
    format: Format,
    reader: Reader,
    /// Somebody worked on an entry of these collections.
    worked: bool,
}

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

impl Export {
    /// Says collection, filter and date: `contact_plan-pro_2026-01-31.csv`.
    pub fn file_name(&self, today: &str) -> String {
        let collection = match self.collections.as_slice() {
            [known] => known.collection.name.as_str(),
            _ => "entries",
        };
        let is_said = |c: &&Condition| {
            let anywhere = matches!(c.group, Group::Or(_)) && c.field == Field::System(system::FLAGS);
            c.field != Field::System(system::COLLECTION) && !anywhere
        };
        let said = |c: &Condition| match (&c.field, &c.operand) {
            (Field::System(system::ID), Operand::Many(ids)) => format!("{}-selected", ids.len()),
            _ => self.query.params[c.param].0.clone() + "-" + &self.query.params[c.param].1,
        };
        let conditions: Vec<_> = self.query.conditions.iter().filter(is_said).map(said).collect();
        let mut name = collection.to_owned();
        for part in conditions.iter().map(String::as_str).chain([today]) {
            name.push('_');
            name.extend(part.chars().take(30).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }));
        }
        let extension = match self.format {
            Format::Ndjson => "ndjson",
            Format::Json => "json",
            _ => "csv",
        };
        format!("{}.{extension}", name.chars().take(150).collect::<String>())
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

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    pub field: Field,
}

/// The columns that a query shows: ours, then the data's in the order in which they were first seen.
pub fn columns(query: &Query, paths: &[String], many_collections: bool, worked: bool) -> Vec<TableColumn> {
    let data = || {
        paths
            .iter()
            .filter_map(|text| Some(TableColumn { name: text.clone(), field: Field::Data(Path::parse(text).ok()?) }))
    };
    let system = |field: SystemField| TableColumn { name: field.name.to_owned(), field: Field::System(field) };
    let mut all = vec![
        system(system::ID),
        system(system::RECEIVED),
        system(system::AT),
        system(system::SESSION),
        system(system::ORIGIN),
    ];
    if many_collections {
        all.insert(1, system(system::COLLECTION));
    }
    // Who asks for marked entries sees how they are marked, also when they come back.
    if query.mentions(system::FLAGS) {
        all.push(system(system::FLAGS));
    }
    if worked {
        all.extend([system::STATE, system::ASSIGNEE, system::NOTE].map(system));
    }
    all.extend(data());
    match &query.fields {
        Fields::All => all,
        Fields::Without(without) => {
            all.retain(|column| !without.iter().any(|field| covers(field, &column.field)));
            all
        }
        Fields::Only(only) => {
            let mut seen = std::collections::HashSet::new();
            let chosen = only.iter().flat_map(|(name, field)| expand(name, field, data()));
            chosen.filter(|column| seen.insert(column.name.clone())).collect()
        }
    }
}

/// Whether a field is another one, or an object around it.
fn covers(outer: &Field, inner: &Field) -> bool {
    match (outer, inner) {
        (Field::Data(outer), Field::Data(inner)) => inner.0.starts_with(&outer.0),
        _ => outer == inner,
    }
}

/// An object that is asked for by name is shown as its fields.
fn expand(name: &str, field: &Field, data: impl Iterator<Item = TableColumn>) -> Vec<TableColumn> {
    let inside: Vec<_> = data.filter(|column| covers(field, &column.field)).collect();
    // Some entries have a value where others have an object: then the value has a column too.
    let only_itself = inside.iter().all(|column| column.field == *field);
    if only_itself || *name != field.to_string() {
        return vec![TableColumn { name: name.to_owned(), field: field.clone() }];
    }
    inside
}
