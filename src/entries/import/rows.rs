//! The rows of a file, one after the other: records of a table, lines, elements of a list.

use std::hash::RandomState;
use std::io::{self, BufRead, Read};

use super::row::{Exported, MAX_LINE, Prepared, Read1, Row};
use super::table::{Columns, entry_id, moment};
use crate::entries::entry::Kept;
use crate::entries::submission::too_long;
use crate::error::Result;
use crate::files::{Dialect, Notice, Skipped, Source, Structure, elements, records, unreadable};
use crate::json::{self, Path, Refusal};
use crate::limits::{MAX_ENTRY, MAX_FIELDS};

/// Hands on every row until `take` wants no more. An error is about the file as a whole; it may come after rows.
pub fn rows(source: &Source, seed: &RandomState, take: &mut dyn FnMut(Row) -> bool) -> Result<()> {
    let text = source.text();
    let prepare = |read: Read1| read.and_then(|(object, exported)| prepared(&object, exported, seed));
    match &source.shape {
        Structure::Table { dialect, header, skipped } => {
            table_rows(text, *dialect, *header, *skipped, &mut |n, line, read| {
                take(Row { number: n, line: Some(line), read: prepare(read) })
            })
            .map(drop)
        }
        Structure::Lines => {
            lines(text, &mut |n, line, read| take(Row { number: n, line: Some(line), read: prepare(read) }))
        }
        Structure::Document { list: Some(path), .. } => {
            let mut number = 0;
            elements(text, path, &mut |raw| {
                number += 1;
                take(Row { number, line: None, read: prepare(json_row(raw)) })
            })
            .map_err(|error| unreadable(error.to_string()))
        }
        Structure::Document { list: None, .. } => {
            let mut whole = String::new();
            text.take(MAX_LINE).read_to_string(&mut whole).map_err(|error| unreadable(error.to_string()))?;
            take(Row { number: 1, line: None, read: prepare(json_row(whole.trim())) });
            Ok(())
        }
    }
}

/// The columns of a table, and what is to be said of them. Other files have none.
pub fn columns(source: &Source) -> Result<(Vec<String>, Vec<Notice>)> {
    let Structure::Table { dialect, header, skipped } = &source.shape else { return Ok(Default::default()) };
    let mut first = true;
    // An unclosed quote is reported when all rows are read.
    let columns =
        table_rows(source.text(), *dialect, *header, *skipped, &mut |_, _, _| std::mem::replace(&mut first, false))?;
    Ok(columns.map_or_else(Default::default, |columns| (columns.names(), columns.notices)))
}

fn table_rows(
    text: impl Read,
    dialect: Dialect,
    header: bool,
    skipped: Skipped,
    take: &mut dyn FnMut(u64, u64, Read1) -> bool,
) -> Result<Option<Columns>> {
    let mut columns: Option<Columns> = None;
    let mut number = 0;
    let mut too_wide = false;
    records(text, dialect, skipped, &mut |line, record| {
        let read = match (record, &columns) {
            (Some(record), None) if header && record.len() > MAX_FIELDS => {
                too_wide = true;
                return false;
            }
            (Some(record), None) if header => {
                columns = Some(Columns::named(record));
                return true;
            }
            (Some(record), _) if !header => columns.get_or_insert_with(Columns::numbered).numbered_row(record),
            (Some(record), Some(columns)) => columns.row(record),
            _ => Err("is no UTF-8: choose another encoding".to_owned()),
        };
        number += 1;
        take(number, line, read)
    })?;
    if too_wide {
        return Err(unreadable(format!("there are more than {MAX_FIELDS} columns")));
    }
    Ok(columns)
}

/// Lines that are not blank, one object each.
fn lines(mut text: impl BufRead, take: &mut dyn FnMut(u64, u64, Read1) -> bool) -> Result<()> {
    let broken = |error: io::Error| unreadable(error.to_string());
    let (mut number, mut line) = (0, 0);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if text.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes).map_err(broken)? == 0 {
            return Ok(());
        }
        line += 1;
        let is_cut = bytes.len() as u64 == MAX_LINE && !bytes.ends_with(b"\n");
        if is_cut {
            skip_line(&mut text).map_err(broken)?;
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        number += 1;
        let read = match std::str::from_utf8(&bytes) {
            _ if is_cut => Err(too_long()),
            Ok(text) => json_row(text.trim()),
            Err(_) => Err("is no UTF-8: choose another encoding".to_owned()),
        };
        if !take(number, line, read) {
            return Ok(());
        }
    }
}

fn skip_line(text: &mut impl BufRead) -> io::Result<()> {
    loop {
        let piece = text.fill_buf()?;
        let (length, ends) = match piece.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (piece.len(), piece.is_empty()),
        };
        text.consume(length);
        if ends {
            return Ok(());
        }
    }
}

/// An object of somebody, or an entry as our exports write it: then `data` is the object.
fn json_row(text: &str) -> Read1 {
    let at = |name: &str| json::find(text, &Path(vec![name.into()]));
    let plain = |name: &str| at(name).and_then(|raw| serde_json::from_str::<String>(raw).ok());
    match (at("_id"), at("_received"), at("data")) {
        (Some(id), Some(_), Some(data)) if data.starts_with('{') => {
            let moment = |name: &str| plain(name).map(|text| moment(name, &text)).transpose();
            // Another program's names may be the same.
            let (Ok(id), Ok(Some(received))) = (entry_id(id), moment("_received")) else {
                return Ok((text.to_owned(), None));
            };
            let kept = Kept { id: Some(id), received: Some(received), deleted: moment("_deleted")? };
            let spam = at("_flags").is_some_and(|flags| flags.contains("\"spam\""));
            let exported = Exported {
                kept,
                session: plain("_session"),
                at: moment("_at")?,
                origin: plain("_origin"),
                spam,
                state: plain("_state"),
                assignee: plain("_assignee"),
                note: plain("_note"),
            };
            Ok((data.to_owned(), Some(exported)))
        }
        _ => Ok((text.to_owned(), None)),
    }
}

fn prepared(object: &str, exported: Option<Exported>, seed: &RandomState) -> std::result::Result<Prepared, String> {
    if object.len() > MAX_ENTRY {
        return Err(too_long());
    }
    let told = |refusal: Refusal| format!("{} {}", refusal.pointer, refusal.detail).trim().to_owned();
    let canonical = json::object(object.as_bytes(), seed, &mut |_, _| false).map_err(told)?;
    Ok(Prepared { data: canonical.text, shape: canonical.shape, exported })
}
