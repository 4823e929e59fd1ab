//! Import: CSV, TSV, JSON and NDJSON; files of other programs, and Frontdesk's own exports.
//!
//! An export that is imported and exported again is the same to the byte. A file that is imported twice is
//! stored once: every row has a client id made of its place and its content, so a run that broke off is
//! simply repeated.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};

use super::json::{self, Refusal};
use super::path::Path;
use super::service::Entries;
use super::{EntryId, Kept, NewEntry, Outcome, export, operand, submission};
use crate::collections::{Collection, register_field};
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::staff::{Author, Deed, audit};

/// Rows stored by one transaction.
const BATCH: usize = 500;
/// Refused rows that are described one by one.
const DESCRIBED: usize = 20;

/// What is imported, and how it is written.
pub struct Source<'a> {
    pub text: &'a str,
    pub kind: SourceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Comma, semicolon, bar or tab between cells.
    Table(u8),
    /// An array of objects, or what `/list` answers.
    Json,
    Ndjson,
}

/// One row as the text of a JSON object, with what an export says of it.
pub struct Row {
    pub object: String,
    /// What an export says of the entry; then every name of the object is the client's.
    exported: Option<Exported>,
}

#[derive(Default)]
struct Exported {
    kept: Kept,
    session: Option<String>,
    at: Option<Moment>,
    origin: Option<String>,
    spam: bool,
}

/// A file that was read.
pub struct Import {
    pub rows: Vec<std::result::Result<Row, String>>,
    /// Columns of a table in their order, empty ones too: an export shows them again.
    pub columns: Vec<String>,
}

/// What became of an import.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    pub stored: usize,
    /// Rows that were there already.
    pub known: usize,
    pub refused: usize,
    /// The first refused rows: number, counted from 1, and reason.
    pub reasons: Vec<(usize, String)>,
}

impl<'a> Source<'a> {
    /// Recognises the kind by the name's ending, or else by the text itself.
    pub fn recognise(text: &'a str, name: &str) -> Source<'a> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = text.trim_start();
        let lower = name.to_ascii_lowercase();
        let kind = if lower.ends_with(".tsv") {
            SourceKind::Table(b'\t')
        } else if lower.ends_with(".ndjson") || lower.ends_with(".jsonl") {
            SourceKind::Ndjson
        } else if start.starts_with('[') {
            SourceKind::Json
        } else if start.starts_with('{') && !lower.ends_with(".csv") {
            let lines = start.lines().filter(|line| !line.trim().is_empty());
            let every_line_is_an_object =
                lines.take(2).all(|line| line.trim_start().starts_with('{') && line.trim_end().ends_with('}'));
            if every_line_is_an_object && !start.contains("\"entries\":[") {
                SourceKind::Ndjson
            } else {
                SourceKind::Json
            }
        } else {
            SourceKind::Table(delimiter(text))
        };
        Source { text, kind }
    }

    /// Reads every row. Only a file that cannot be read at all is an error.
    pub fn read(&self) -> Result<Import> {
        match self.kind {
            SourceKind::Table(delimiter) => read_table(self.text, delimiter),
            SourceKind::Json => read_json(self.text),
            SourceKind::Ndjson => {
                let lines = self.text.lines().filter(|line| !line.trim().is_empty());
                Ok(Import { rows: lines.map(|line| json_row(line.as_bytes())).collect(), columns: Vec::new() })
            }
        }
    }
}

/// The separator that the first line has most of.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().next().unwrap_or("");
    let count = |b: u8| line.bytes().filter(|c| *c == b).count();
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|b| count(*b)).unwrap_or(b',')
}

fn read_json(text: &str) -> Result<Import> {
    let unreadable = |refusal: Refusal| Error::BadRequest(vec![crate::error::FieldError::at("/file", refusal.detail)]);
    let trimmed = text.trim_start();
    let array = if trimmed.starts_with('{') {
        let path = Path(vec!["entries".into()]);
        json::find(trimmed, &path).ok_or_else(|| unreadable(Refusal::rule("a JSON file holds an array of objects")))?
    } else {
        trimmed
    };
    let elements = json::elements(array.as_bytes()).map_err(unreadable)?;
    Ok(Import { rows: elements.into_iter().map(json_row).collect(), columns: Vec::new() })
}

/// An object of the client, or an entry as our exports write it: then `data` is the object.
fn json_row(text: &[u8]) -> std::result::Result<Row, String> {
    let text = std::str::from_utf8(text).map_err(|_| "invalid UTF-8")?;
    let at = |name: &str| json::find(text, &Path(vec![name.into()]));
    let plain = |name: &str| at(name).and_then(|raw| serde_json::from_str::<String>(raw).ok());
    match (at("_id"), at("_received"), at("data")) {
        (Some(id), Some(_), Some(data)) if data.starts_with('{') => {
            let moment = |name: &str| plain(name).map(|text| moment(name, &text)).transpose();
            let kept = Kept { id: Some(entry_id(id)?), received: moment("_received")?, deleted: moment("_deleted")? };
            let spam = at("_flags").is_some_and(|flags| flags.contains("\"spam\""));
            let exported =
                Exported { kept, session: plain("_session"), at: moment("_at")?, origin: plain("_origin"), spam };
            Ok(Row { object: data.to_owned(), exported: Some(exported) })
        }
        _ => Ok(Row { object: text.to_owned(), exported: None }),
    }
}

fn entry_id(text: &str) -> std::result::Result<EntryId, String> {
    text.parse().map(EntryId).map_err(|_| format!("_id \"{text}\" is no number"))
}

fn moment(name: &str, text: &str) -> std::result::Result<Moment, String> {
    Moment::parse(text).ok_or_else(|| format!("{name} \"{text}\" is no moment such as 2026-01-31T14:00:00.000Z"))
}

fn read_table(text: &str, delimiter: u8) -> Result<Import> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let unreadable =
        |error: csv::Error| Error::BadRequest(vec![crate::error::FieldError::at("/file", error.to_string())]);
    let header = reader.headers().map_err(unreadable)?.clone();
    let columns: Vec<Column> = header.iter().map(|name| Column::parse(export::unguarded(name))).collect();
    let names = columns.iter().filter_map(|column| match column {
        Column::Data(path) => Some(path.to_string()),
        _ => None,
    });
    let names = names.collect();
    let rows = reader
        .records()
        .map(|record| {
            let record = record.map_err(|error| error.to_string())?;
            if record.len() > columns.len() {
                return Err(format!("has {} cells, but the header has {}", record.len(), columns.len()));
            }
            table_row(&columns, &record)
        })
        .collect();
    Ok(Import { rows, columns: names })
}

enum Column {
    /// `_id`, `_received`, `_session`, `_at`, `_origin`, `_flags`.
    Ours(String),
    /// `_collection`: where it goes is decided by the import.
    Ignored,
    Data(Path),
}

impl Column {
    fn parse(name: &str) -> Column {
        match name {
            "_id" | "_received" | "_session" | "_at" | "_origin" | "_flags" => Column::Ours(name.to_owned()),
            "_collection" => Column::Ignored,
            name => Column::Data(Path::parse(name).unwrap_or_else(|_| Path(vec![name.to_owned()]))),
        }
    }
}

fn table_row(columns: &[Column], record: &csv::StringRecord) -> std::result::Result<Row, String> {
    let mut ours = Exported::default();
    let mut tree = Tree::default();
    for (column, cell) in columns.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty()) {
        let text = export::unguarded(cell);
        match column {
            Column::Ignored => {}
            Column::Data(path) => tree.put(&path.0, value(cell)),
            Column::Ours(name) => match name.as_str() {
                "_id" => ours.kept.id = Some(entry_id(text)?),
                "_received" => ours.kept.received = Some(moment(name, text)?),
                "_at" => ours.at = Some(moment(name, text)?),
                "_session" => ours.session = Some(text.to_owned()),
                "_origin" => ours.origin = Some(text.to_owned()),
                _ => ours.spam = text == "spam",
            },
        }
    }
    let is_export = columns.iter().any(|column| matches!(column, Column::Ours(name) if name == "_id"));
    Ok(Row { object: tree.write(), exported: is_export.then_some(ours) })
}

/// A cell as JSON: numbers, truth values, arrays and empty objects are recognised by their spelling.
fn value(cell: &str) -> String {
    let is_json = matches!(cell, "true" | "false" | "{}")
        || operand::number(cell).is_some() && cell.trim() == cell
        || cell.starts_with('[') && is_canonical(cell);
    if is_json { cell.to_owned() } else { json::string(export::unguarded(cell)) }
}

/// Whether an export would write this value just so. A text that only looks like a list stays a text.
fn is_canonical(value: &str) -> bool {
    let object = format!("{{\"v\":{value}}}");
    json::object(object.as_bytes(), &std::hash::RandomState::new(), &mut |_, _| false).is_ok_and(|c| c.text == object)
}

/// Columns with dots become objects again.
#[derive(Default)]
struct Tree(Vec<(String, Node)>);

enum Node {
    Leaf(String),
    Branch(Tree),
}

impl Tree {
    fn put(&mut self, steps: &[String], value: String) {
        let [first, rest @ ..] = steps else { return };
        let place = self.0.iter().position(|(name, _)| name == first);
        match (rest.is_empty(), place.map(|i| &mut self.0[i].1)) {
            (true, None) => self.0.push((first.clone(), Node::Leaf(value))),
            (false, Some(Node::Branch(branch))) => branch.put(rest, value),
            (false, None) => {
                let mut branch = Tree::default();
                branch.put(rest, value);
                self.0.push((first.clone(), Node::Branch(branch)));
            }
            // A value and an object under one name: the fields of the object keep their dots as plain names.
            (false, Some(Node::Leaf(_))) => self.0.push((steps.join("."), Node::Leaf(value))),
            (true, Some(node)) => {
                let before = std::mem::replace(node, Node::Leaf(value));
                if let Node::Branch(branch) = before {
                    branch.flatten(first, &mut self.0);
                }
            }
        }
    }

    fn flatten(self, prefix: &str, into: &mut Vec<(String, Node)>) {
        for (name, node) in self.0 {
            let name = format!("{prefix}.{name}");
            match node {
                Node::Branch(branch) => branch.flatten(&name, into),
                leaf => into.push((name, leaf)),
            }
        }
    }

    fn write(&self) -> String {
        let members: Vec<_> = self
            .0
            .iter()
            .map(|(name, node)| match node {
                Node::Leaf(value) => format!("{}:{value}", json::string(name)),
                Node::Branch(branch) => format!("{}:{}", json::string(name), branch.write()),
            })
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

impl Import {
    fn numbered(self) -> impl Iterator<Item = (usize, std::result::Result<Row, String>)> {
        self.rows.into_iter().enumerate().map(|(index, row)| (index + 1, row))
    }
}

impl Entries {
    /// Stores the rows of a file. `progress` is called with the number of rows done.
    pub async fn import(
        &self,
        by: &Author,
        collection: &Collection,
        import: Import,
        progress: &mut (dyn FnMut(usize) + Send),
    ) -> Result<ImportReport> {
        self.register_columns(collection, &import.columns).await?;
        let mut report = ImportReport::default();
        let mut batch: Vec<(usize, NewEntry)> = Vec::new();
        for (number, row) in import.numbered() {
            match row.and_then(|row| self.new_entry(collection, number, &row)) {
                Ok(entry) => batch.push((number, entry)),
                Err(reason) => report.refuse(number, reason),
            }
            if batch.len() == BATCH {
                self.store_rows(std::mem::take(&mut batch), &mut report).await?;
                progress(number);
            }
        }
        self.store_rows(batch, &mut report).await?;
        self.intake.flush().await;
        let told = format!("{} stored, {} known, {} refused", report.stored, report.known, report.refused);
        let mut tx = self.db.begin().await?;
        let deed = Deed::new("imported", "entries", "").with(format!("into {}: {told}", collection.name));
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        tx.commit().await?;
        Ok(report)
    }

    async fn register_columns(&self, collection: &Collection, columns: &[String]) -> Result<()> {
        if columns.len() > crate::limits::MAX_FIELDS {
            return Err(Error::invalid("/file", "has too many columns"));
        }
        let mut tx = self.db.begin().await?;
        for path in columns {
            register_field(&mut tx, collection.id, path, self.clock.now()).await?;
        }
        Ok(tx.commit().await?)
    }

    fn new_entry(&self, collection: &Collection, number: usize, row: &Row) -> std::result::Result<NewEntry, String> {
        let now = self.clock.now();
        let told = |refusal: Refusal| format!("{} {}", refusal.pointer, refusal.detail).trim().to_owned();
        let mut entry = match &row.exported {
            None => submission::parse(row.object.as_bytes(), self.intake.seed()).map_err(told)?.into_entry(
                collection.id,
                None,
                now,
            ),
            Some(ours) => {
                let canonical =
                    json::object(row.object.as_bytes(), self.intake.seed(), &mut |_, _| false).map_err(told)?;
                ours.entry(collection, canonical)
            }
        };
        entry.uid.get_or_insert_with(|| row_uid(number, &row.object));
        Ok(entry)
    }

    async fn store_rows(&self, batch: Vec<(usize, NewEntry)>, report: &mut ImportReport) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (numbers, entries): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        for (number, outcome) in numbers.into_iter().zip(self.intake.submit(entries).await?) {
            match outcome {
                Outcome::Stored(_) | Outcome::Flagged(_) => report.stored += 1,
                Outcome::Duplicate(_) => report.known += 1,
                Outcome::Conflict(_) => report.refuse(number, "another entry has the same _uid".into()),
                Outcome::Rejected(refusal) => report.refuse(number, refusal.detail),
            }
        }
        Ok(())
    }
}

impl ImportReport {
    fn refuse(&mut self, number: usize, reason: String) {
        self.refused += 1;
        if self.reasons.len() < DESCRIBED {
            self.reasons.push((number, reason));
        }
    }
}

impl Exported {
    fn entry(&self, collection: &Collection, canonical: json::Canonical) -> NewEntry {
        // An id out of reach of a double would end the sequence.
        let id = self.kept.id.filter(|id| (1..1 << 53).contains(&id.0));
        NewEntry {
            collection: collection.id,
            uid: None,
            session: self.session.clone(),
            at: self.at,
            origin: self.origin.clone(),
            spam: self.spam,
            data: canonical.text,
            shape: canonical.shape,
            kept: Some(Kept { id, ..self.kept }),
        }
    }
}

fn row_uid(number: usize, object: &str) -> String {
    let digest = Sha256::new().chain_update(number.to_be_bytes()).chain_update(object).finalize();
    format!("import-{}", BASE64.encode(&digest[..18]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_objects() {
        let text = "_id,_received,a.b,a.c,zip,n,t,list,note\r\n7,2026-01-31T10:00:00.000Z,1,x,00123,1.50,true,\"[1,2]\",'=1+1\r\n,,,,,,,,\r\n";
        let import = Source::recognise(text, "x.csv").read().unwrap();
        let rows: Vec<_> = import.rows.iter().map(|row| row.as_ref().unwrap().object.as_str()).collect();
        assert_eq!(rows, [r#"{"a":{"b":1,"c":"x"},"zip":"00123","n":1.50,"t":true,"list":[1,2],"note":"=1+1"}"#, "{}"]);
        assert_eq!(import.columns, ["a.b", "a.c", "zip", "n", "t", "list", "note"]);
    }

    #[test]
    fn kinds_are_recognised() {
        for (text, name, kind) in [
            ("a;b\n1;2", "", SourceKind::Table(b';')),
            ("a,b;c\n", "", SourceKind::Table(b',')),
            ("a\tb", "x.tsv", SourceKind::Table(b'\t')),
            ("[{}]", "", SourceKind::Json),
            ("{\"a\":1}\n{\"a\":2}\n", "", SourceKind::Ndjson),
            ("{\"entries\":[]}", "", SourceKind::Json),
        ] {
            assert_eq!(Source::recognise(text, name).kind, kind, "{text}");
        }
    }
}
