//! Exports: CSV (RFC 4180), NDJSON and JSON, made batch by batch from one moment of the store.
//!
//! The header comes from the field registry before the first row. Nested objects become columns with dots,
//! arrays stay JSON. Memory does not grow with the number of entries.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use futures::TryStreamExt as _;

use super::json::{self, Kind};
use super::order;
use super::path::Path;
use super::query::{CsvOptions, Field, Fields, Format, Query, System};
use super::reading::Reader;
use super::service::Entries;
use super::sql::Filter;
use super::store::{self, Batch, EntryRef, Stretch};
use super::{cursor, operand};
use crate::collections::{CollectionId, Known};
use crate::db::DbError;
use crate::error::{Error, Result};
use crate::web::Sender;

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
        Ok(Export { query, filter, collections, paths, format })
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
        let conditions: Vec<_> = self
            .query
            .conditions
            .iter()
            .filter(|c| c.field != Field::System(System::Collection))
            .map(|c| self.query.params[c.param].0.clone() + "-" + &self.query.params[c.param].1)
            .collect();
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
    let in_index_order = export.query.sort == Query::default().sort;
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
        let after = batch.last().map(|entry| cursor::values(&export.query.sort, &entry, ""));
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
    order: &[order::OrderColumn],
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
pub fn columns(query: &Query, paths: &[String], many_collections: bool) -> Vec<TableColumn> {
    let data = || {
        paths
            .iter()
            .filter_map(|text| Some(TableColumn { name: text.clone(), field: Field::Data(Path::parse(text).ok()?) }))
    };
    let system = |field: System| TableColumn { name: field.name().to_owned(), field: Field::System(field) };
    let mut all = vec![
        system(System::Id),
        system(System::Received),
        system(System::At),
        system(System::Session),
        system(System::Origin),
    ];
    if many_collections {
        all.insert(1, system(System::Collection));
    }
    all.extend(data());
    match &query.fields {
        Fields::All => all,
        Fields::Without(without) => {
            all.retain(|column| !without.iter().any(|field| covers(field, &column.field)));
            all
        }
        Fields::Only(only) => only.iter().flat_map(|(name, field)| expand(name, field, data())).collect(),
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
    let inside: Vec<_> = data.filter(|column| column.field != *field && covers(field, &column.field)).collect();
    if inside.is_empty() || *name != field.to_string() {
        return vec![TableColumn { name: name.to_owned(), field: field.clone() }];
    }
    inside
}

/// Turns entries into bytes of one format.
struct Writer {
    out: Vec<u8>,
    format: Format,
    fields: Fields,
    names: HashMap<CollectionId, String>,
    table: Table,
    first: bool,
}

impl Writer {
    fn new(export: &Export) -> Writer {
        let names: HashMap<_, _> =
            export.collections.iter().map(|known| (known.collection.id, known.collection.name.clone())).collect();
        let columns = columns(&export.query, &export.paths, names.len() > 1);
        Writer {
            out: Vec::with_capacity(2 * PIECE),
            format: export.format,
            fields: export.query.fields.clone(),
            names,
            table: Table::new(columns, export.query.csv),
            first: true,
        }
    }

    fn begin(&mut self, export: &Export) {
        match self.format {
            Format::Json => self.out.push(b'['),
            Format::Ndjson => {}
            _ => {
                if export.query.csv.bom == Some(true) {
                    self.out.extend(BOM);
                }
                self.table.header(&mut self.out);
            }
        }
    }

    fn entry(&mut self, entry: &EntryRef<'_>) {
        let name = self.names.get(&entry.collection).map_or("", String::as_str);
        match self.format {
            Format::Json => {
                self.out.extend(if self.first { b"\n".as_slice() } else { b",\n" });
                write_json(&mut self.out, entry, name, &self.fields);
            }
            Format::Ndjson => {
                write_json(&mut self.out, entry, name, &self.fields);
                self.out.push(b'\n');
            }
            _ => self.table.row(&mut self.out, entry, name),
        }
        self.first = false;
    }

    fn end(&mut self) {
        if self.format == Format::Json {
            self.out.extend(b"\n]\n");
        }
    }

    async fn send(&mut self, to: &Sender, now: bool) -> Result<()> {
        if self.out.is_empty() || !now && self.out.len() < PIECE {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.out, Vec::with_capacity(2 * PIECE));
        to.send(Ok(piece))
            .await
            .map_err(|_| Error::Unavailable { detail: "The reader went away.".into(), retry_after: 1 })
    }
}

/// An entry as one JSON object: our fields, then `data` as it was sent.
pub fn write_json(out: &mut Vec<u8>, entry: &EntryRef<'_>, collection: &str, fields: &Fields) {
    let mut text = String::with_capacity(entry.data.len() + 200);
    let optional = |value: &str| if value.is_empty() { "null".to_owned() } else { json::string(value) };
    let at = entry.at.map_or("null".to_owned(), |at| format!("\"{at}\""));
    let _ = write!(
        text,
        "{{\"_id\":{},\"_collection\":{},\"_session\":{},\"_received\":\"{}\",\"_at\":{at},\"_origin\":{},\"_flags\":{}",
        entry.id.0,
        json::string(collection),
        optional(entry.session),
        entry.received,
        optional(entry.origin),
        if entry.flags.is_empty() { "[]".to_owned() } else { format!("[{}]", json::string(entry.flags)) },
    );
    if let Some(deleted) = entry.deleted {
        let _ = write!(text, ",\"_deleted\":\"{deleted}\"");
    }
    text.push_str(",\"data\":");
    chosen(&mut text, entry.data, fields);
    text.push('}');
    out.extend(text.as_bytes());
}

/// The chosen part of the data.
fn chosen(text: &mut String, data: &str, fields: &Fields) {
    match fields {
        Fields::All => text.push_str(data),
        Fields::Without(without) => {
            let mut kept = data.to_owned();
            for path in without.iter().filter_map(|field| match field {
                Field::Data(path) => Some(path),
                Field::System(_) => None,
            }) {
                let patch = path
                    .0
                    .iter()
                    .rev()
                    .fold("null".to_owned(), |inner, step| format!("{{{}:{inner}}}", json::string(step)));
                // An element of an array is no field of its own.
                let parent = Path(path.0[..path.0.len() - 1].to_vec());
                let in_object = parent.0.is_empty() || json::find(&kept, &parent).is_some_and(|p| p.starts_with('{'));
                if in_object && json::find(&kept, path).is_some() {
                    kept = super::submission::merge(&kept, &patch);
                }
            }
            text.push_str(&kept);
        }
        Fields::Only(only) => {
            text.push('{');
            let mut first = true;
            for (name, field) in only {
                let Field::Data(path) = field else { continue };
                if let Some(value) = json::find(data, path) {
                    let _ = write!(text, "{}{}:{value}", if first { "" } else { "," }, json::string(name));
                    first = false;
                }
            }
            text.push('}');
        }
    }
}

/// Entries as rows of CSV.
struct Table {
    columns: Vec<TableColumn>,
    /// Where a path of the data goes. Paths inside arrays are looked up one by one.
    places: HashMap<String, usize>,
    lookups: Vec<(usize, Path)>,
    /// The column that the previous row's fields went to, in their order: most rows look alike.
    usual: Vec<usize>,
    cells: Vec<Cell>,
    values: String,
    options: CsvOptions,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    start: usize,
    end: usize,
    text: bool,
}

impl Table {
    fn new(columns: Vec<TableColumn>, options: CsvOptions) -> Table {
        let data = |column: &TableColumn| match &column.field {
            Field::Data(path) => Some(path.clone()),
            Field::System(_) => None,
        };
        let indexed: Vec<_> = columns.iter().enumerate().filter_map(|(i, column)| Some((i, data(column)?))).collect();
        let is_inside = |path: &Path| path.0.iter().any(|step| step.bytes().all(|b| b.is_ascii_digit()));
        let renamed = |i: &usize| columns[*i].name != columns[*i].field.to_string();
        let (lookups, walked): (Vec<_>, Vec<_>) =
            indexed.into_iter().partition(|(i, path)| is_inside(path) || renamed(i));
        let places = walked.into_iter().map(|(i, path)| (path.to_string(), i)).collect();
        Table {
            cells: vec![Cell::default(); columns.len()],
            columns,
            places,
            lookups,
            usual: Vec::new(),
            values: String::new(),
            options,
        }
    }

    fn header(&mut self, out: &mut Vec<u8>) {
        for i in 0..self.columns.len() {
            let name = self.columns[i].name.clone();
            self.write_cell(out, i, &name, true);
        }
        out.extend(b"\r\n");
    }

    fn row(&mut self, out: &mut Vec<u8>, entry: &EntryRef<'_>, collection: &str) {
        self.read(entry);
        for i in 0..self.columns.len() {
            if let Field::System(system) = self.columns[i].field {
                let value = system_text(system, entry, collection);
                self.write_cell(out, i, &value, true);
            } else {
                let Cell { start, end, text } = self.cells[i];
                let values = std::mem::take(&mut self.values);
                self.write_cell(out, i, &values[start..end], text);
                self.values = values;
            }
        }
        out.extend(b"\r\n");
    }

    /// Walks the data once and notes which text belongs to which column.
    fn read(&mut self, entry: &EntryRef<'_>) {
        self.cells.fill(Cell::default());
        self.values.clear();
        let Table { columns, places, usual, cells, values, .. } = self;
        let mut index = 0;
        json::fields(entry.data, &mut |path, kind, value| {
            let expected = usual.get(index).copied().filter(|&i| columns[i].name == path);
            let place = expected.or_else(|| places.get(path).copied());
            let Some(place) = place else { return };
            if usual.len() <= index {
                usual.resize(index + 1, place);
            }
            usual[index] = place;
            index += 1;
            if kind != Kind::Null {
                let start = values.len();
                values.push_str(value);
                cells[place] = Cell { start, end: values.len(), text: kind == Kind::String };
            }
        });
        for (place, path) in &self.lookups {
            if let Some(raw) = json::find(entry.data, path).filter(|raw| *raw != "null") {
                let start = self.values.len();
                let unescaped: Option<String> = serde_json::from_str(raw).ok();
                self.values.push_str(unescaped.as_deref().unwrap_or(raw));
                self.cells[*place] = Cell { start, end: self.values.len(), text: unescaped.is_some() };
            }
        }
    }

    fn write_cell(&self, out: &mut Vec<u8>, index: usize, value: &str, text: bool) {
        if index > 0 {
            out.push(self.options.delimiter);
        }
        let guard = text && self.options.safe && is_formula(value);
        let special = |b: u8| b == b'"' || b == b'\r' || b == b'\n' || b == self.options.delimiter;
        if !value.bytes().any(special) {
            if guard {
                out.push(b'\'');
            }
            return out.extend(value.as_bytes());
        }
        out.push(b'"');
        if guard {
            out.push(b'\'');
        }
        for (i, part) in value.split('"').enumerate() {
            if i > 0 {
                out.extend(b"\"\"");
            }
            out.extend(part.as_bytes());
        }
        out.push(b'"');
    }
}

fn system_text(system: System, entry: &EntryRef<'_>, collection: &str) -> String {
    match system {
        System::Id => entry.id.0.to_string(),
        System::Received => entry.received.to_string(),
        System::At => entry.at.map_or(String::new(), |at| at.to_string()),
        System::Session => entry.session.to_owned(),
        System::Collection => collection.to_owned(),
        System::Origin => entry.origin.to_owned(),
        System::Flags => entry.flags.to_owned(),
    }
}

/// Whether a spreadsheet program would run a text as a formula: `^'*[=+\-@\t\r]`, and no plain number.
/// The apostrophes count, so that taking one off again is exact.
pub fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r']) && operand::number(text).is_none()
}

/// Takes off the apostrophe that [`is_formula`] texts are given.
pub fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_and_the_guard_comes_off_again() {
        for (text, formula) in [
            ("=1+1", true),
            ("+49 123", true),
            ("-5", false),
            ("-5e3", false),
            ("-5 apples", true),
            ("@user", true),
            ("\tx", true),
            ("'=x", true),
            ("''=x", true),
            ("'x", false),
            ("x=1", false),
            ("", false),
            ("'", false),
        ] {
            assert_eq!(is_formula(text), formula, "{text:?}");
            let written = if formula { format!("'{text}") } else { text.to_owned() };
            assert_eq!(unguarded(&written), text, "{text:?}");
        }
    }
}
