//! What is imported: JSON, NDJSON or a table, row by row.

use super::tree::Tree;
use super::{Exported, Import, Row};
use crate::entries::json::{self, Refusal};
use crate::entries::path::Path;
use crate::entries::{EntryId, Kept, export, operand};
use crate::error::{Error, Result};
use crate::moment::Moment;

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
pub(super) fn value(cell: &str) -> String {
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
