//! Entries as JSON, NDJSON or CSV, in pieces.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::checked::Export;
use super::columns::columns;
use super::table::{Table, chosen};
use crate::collections::CollectionId;
use crate::entries::reader::Reader;
use crate::entries::store::EntryRef;
use crate::filter::{Fields, Format};
use crate::json::{self};
use crate::web::{Gone, Sender};

/// Bytes gathered before they are sent.
const PIECE: usize = 64 * 1024;
/// A byte order mark, by which spreadsheet programs recognise UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Turns entries into bytes of one format.
pub(super) struct Writer {
    out: Vec<u8>,
    format: Format,
    fields: Fields,
    names: HashMap<CollectionId, String>,
    table: Table,
    first: bool,
    reader: Reader,
}

impl Writer {
    pub(super) fn new(export: &Export) -> Writer {
        let names: HashMap<_, _> =
            export.collections.iter().map(|known| (known.collection.id, known.collection.name.clone())).collect();
        let columns = columns(&export.query, &export.paths, names.len() > 1, export.worked);
        Writer {
            out: Vec::with_capacity(2 * PIECE),
            format: export.format,
            fields: export.query.fields.clone(),
            names,
            table: Table::new(columns, export.query.csv),
            first: true,
            reader: export.reader.clone(),
        }
    }

    pub(super) fn begin(&mut self, export: &Export) {
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

    pub(super) fn entry(&mut self, entry: &EntryRef<'_>) {
        let entry = &entry.for_reader(&self.reader);
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

    pub(super) fn end(&mut self) {
        if self.format == Format::Json {
            self.out.extend(b"\n]\n");
        }
    }

    pub(super) async fn send(&mut self, to: &Sender, now: bool) -> Result<(), Gone> {
        if self.out.is_empty() || !now && self.out.len() < PIECE {
            return Ok(());
        }
        to.send(std::mem::replace(&mut self.out, Vec::with_capacity(2 * PIECE))).await
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
    let work = [("_state", entry.work.state), ("_assignee", entry.work.assignee), ("_note", entry.work.note)];
    for (name, value) in work.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(text, ",\"{name}\":{}", json::string(value));
    }
    text.push_str(",\"data\":");
    chosen(&mut text, entry.data, fields);
    text.push('}');
    out.extend(text.as_bytes());
}
