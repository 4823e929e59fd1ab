//! Records as CSV and NDJSON, and back.
//!
//! A column that refers to another record is written twice: its number (`college_id`) and its name (`college`).
//! Reading takes either. A row whose number, or else whose unique value, is known changes that record.

use std::collections::HashMap;

use rocket::http::ContentType;
use serde_json::{Map, Value};

use super::list::{chosen, column_name};
use super::{Bound, Column, Item, Kind, Listing, Records, Resource, input, store};
use crate::db::Tx;
use crate::entries::query::{Count, CsvOptions, Fields, Format, Query};
use crate::entries::{is_formula, unguarded};
use crate::error::{Error, Result};
use crate::limits::MAX_LIMIT;
use crate::staff::{Author, Deed, audit};
use crate::web::{Download, Sender};

/// All records that match a query, as a download. What is wrong with the query is told before anything is sent.
pub async fn download(
    records: &Records,
    resource: &'static Resource,
    mut query: Query,
    staff: bool,
) -> Result<Download> {
    let today = records.clock().now().to_string();
    let ndjson = query.format == Some(Format::Ndjson);
    let (kind, extension) = if ndjson {
        (ContentType::new("application", "x-ndjson"), "ndjson")
    } else {
        (ContentType::new("text", "csv").with_params([("charset", "utf-8"), ("header", "present")]), "csv")
    };
    let (download, sender) = Download::new(kind, Some(format!("{}-{}.{extension}", resource.name, &today[..10])));
    query.count = Count::None;
    let at_most = query.limit.map_or(usize::MAX, |limit| limit as usize);
    query.limit = query.limit.or(Some(MAX_LIMIT));
    let page = records.list(resource, &query, staff).await?;
    let records = records.clone();
    tokio::spawn(async move {
        let sending = Sending { resource, staff, ndjson, at_most };
        if let Err(error) = send(&records, sending, query, page, &sender).await {
            tracing::error!(%error, "an export broke off");
            sender.send(Err(std::io::Error::other("the export failed"))).await.ok();
        }
    });
    Ok(download)
}

/// What is sent, to whom, and in which form.
struct Sending {
    resource: &'static Resource,
    staff: bool,
    ndjson: bool,
    at_most: usize,
}

async fn send(records: &Records, what: Sending, mut query: Query, mut page: Listing, to: &Sender) -> Result<()> {
    let Sending { resource, staff, ndjson, at_most } = what;
    let mut sent = 0;
    let mut first = !ndjson;
    loop {
        let mut out = Vec::new();
        if first {
            header(&mut out, resource, staff, &query);
        }
        first = false;
        let names = names(records, resource, &page.items).await?;
        for item in &page.items {
            if ndjson {
                out.extend(Value::Object(chosen(item.clone(), &query)).to_string().into_bytes());
                out.push(b'\n');
            } else {
                row(&mut out, resource, staff, &query, item, &names);
            }
        }
        sent += page.items.len();
        query.cursor = page.next;
        if to.send(Ok(out)).await.is_err() || query.cursor.is_none() || sent >= at_most {
            return Ok(());
        }
        page = records.list(resource, &query, staff).await?;
    }
}

/// Names of the records that items refer to, by table and number.
pub(super) type Names = HashMap<(&'static str, i64), String>;

pub(super) async fn names(records: &Records, resource: &'static Resource, items: &[Item]) -> Result<Names> {
    let mut names = Names::new();
    for column in resource.columns {
        if let Kind::Reference(other) = &column.kind {
            let mut ids: Vec<_> = items.iter().filter_map(|item| item.number(column.name)).collect();
            ids.sort_unstable();
            ids.dedup();
            let found = records.labels(other, &ids).await?;
            names.extend(found.into_iter().map(|(id, name)| ((other.name, id), name)));
        }
    }
    Ok(names)
}

/// `college` for `college_id`.
fn name_column(column: &Column) -> Option<&'static str> {
    matches!(column.kind, Kind::Reference(_)).then(|| column.name.strip_suffix("_id")).flatten()
}

/// The columns that `_fields` asks for, with the names it gives them; a reference's name goes with its number.
fn columns<'q>(
    resource: &'static Resource,
    staff: bool,
    query: &'q Query,
) -> impl Iterator<Item = (String, &'static Column, bool)> + 'q {
    let all = move || resource.readable(staff).map(|column| (column.name.to_owned(), column));
    let chosen: Vec<_> = match &query.fields {
        Fields::All => all().collect(),
        Fields::Without(left) => {
            all().filter(|(name, _)| !left.iter().any(|field| column_name(field) == *name)).collect()
        }
        Fields::Only(named) => named
            .iter()
            .filter_map(|(name, field)| Some((name.clone(), resource.column(&column_name(field), staff)?)))
            .collect(),
    };
    let with_names = matches!(query.fields, Fields::All | Fields::Without(_));
    chosen.into_iter().flat_map(move |(name, column)| {
        let second = name_column(column).filter(|_| with_names).map(|name| (name.to_owned(), column, true));
        std::iter::once((name, column, false)).chain(second)
    })
}

fn header(out: &mut Vec<u8>, resource: &'static Resource, staff: bool, query: &Query) {
    if query.csv.bom == Some(true) {
        out.extend("\u{feff}".as_bytes());
    }
    write_row(out, columns(resource, staff, query).map(|(name, ..)| name), query.csv);
}

fn row(out: &mut Vec<u8>, resource: &'static Resource, staff: bool, query: &Query, item: &Item, names: &Names) {
    let cells = columns(resource, staff, query).map(|(_, column, is_name)| match is_name {
        true => reference_name(column, item, names),
        false => cell(column, item.body.get(column.name)),
    });
    write_row(out, cells, query.csv);
}

/// The name of the record that a column refers to; empty if it refers to none.
pub(super) fn reference_name(column: &Column, item: &Item, names: &Names) -> String {
    match (&column.kind, item.number(column.name)) {
        (Kind::Reference(other), Some(id)) => names.get(&(other.name, id)).cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// A value as text.
pub(super) fn cell(column: &Column, value: Option<&Value>) -> String {
    match (&column.kind, value) {
        (_, None | Some(Value::Null)) => String::new(),
        (Kind::Nested(nested), Some(value)) => (nested.to_text)(value),
        (_, Some(Value::String(text))) => text.clone(),
        (_, Some(other)) => other.to_string(),
    }
}

fn write_row(out: &mut Vec<u8>, cells: impl Iterator<Item = String>, options: CsvOptions) {
    let mut writer =
        ::csv::WriterBuilder::new().delimiter(options.delimiter).terminator(::csv::Terminator::CRLF).from_writer(out);
    let guarded = cells.map(|text| if options.safe && is_formula(&text) { format!("'{text}") } else { text });
    // Writing into memory cannot fail.
    writer.write_record(guarded).ok();
    writer.flush().ok();
}

/// What an import did.
#[derive(Debug, Default, serde::Serialize)]
pub struct ImportReport {
    pub made: u64,
    pub changed: u64,
    /// Line and reason.
    pub refused: Vec<(u64, String)>,
}

impl Records {
    /// Reads a CSV file with a header. Rows that break a rule are reported by line; the others are kept,
    /// all in one transaction.
    pub async fn import(&self, by: &Author, resource: &'static Resource, text: &str) -> Result<ImportReport> {
        let text = text.trim_start_matches('\u{feff}');
        let mut reader =
            ::csv::ReaderBuilder::new().flexible(true).delimiter(delimiter(text)).from_reader(text.as_bytes());
        let wrong = |error: ::csv::Error| Error::invalid("/file", error.to_string());
        let header: Vec<_> = reader.headers().map_err(wrong)?.iter().map(heading).collect();
        check_header(resource, &header)?;
        let mut report = ImportReport::default();
        let mut tx = self.db.begin().await?;
        for record in reader.records() {
            let record = record.map_err(wrong)?;
            let line = record.position().map_or(0, ::csv::Position::line);
            match self.import_row(&mut tx, resource, &header, &record).await {
                Ok(true) => report.made += 1,
                Ok(false) => report.changed += 1,
                Err(Error::Invalid(errors)) => {
                    let reasons: Vec<_> = errors
                        .iter()
                        .map(|e| format!("{} {}", e.pointer.as_deref().unwrap_or("").trim_start_matches('/'), e.detail))
                        .collect();
                    report.refused.push((line, reasons.join("; ")));
                }
                Err(other) => return Err(other),
            }
        }
        let told = format!("{} made, {} changed, {} refused", report.made, report.changed, report.refused.len());
        audit::note(&mut tx, by, Deed::new("imported", resource.name, "").with(told), self.clock.now()).await?;
        self.commit(tx).await?;
        Ok(report)
    }

    /// Whether a record was made (or else changed).
    async fn import_row(
        &self,
        tx: &mut Tx,
        resource: &'static Resource,
        header: &[String],
        record: &::csv::StringRecord,
    ) -> Result<bool> {
        if record.len() > header.len() {
            return Err(Error::invalid("", format!("has {} cells; the header has {}", record.len(), header.len())));
        }
        let mut body = Map::new();
        let mut id = None;
        for (name, text) in header.iter().zip(record.iter()) {
            let text = unguarded(text.trim());
            if name == "id" {
                id = match text {
                    "" => None,
                    text => Some(
                        text.parse().map_err(|_| Error::invalid("/id", format!("\"{text}\" is no whole number")))?,
                    ),
                };
            } else if let Some(column) = resource.writable().find(|column| column.name == name) {
                let value =
                    input::from_text(column, text).map_err(|detail| Error::invalid(format!("/{name}"), detail))?;
                if !(value.is_null() && body.contains_key(column.name)) {
                    body.insert(column.name.to_owned(), value);
                }
            } else if let Some(column) = resource.writable().find(|column| name_column(column) == Some(name)) {
                self.import_name(tx, column, text, &mut body).await?;
            }
        }
        self.import_body(tx, resource, id, &body).await
    }

    /// A reference by name; the number in the same row goes first.
    async fn import_name(
        &self,
        tx: &mut Tx,
        column: &'static Column,
        text: &str,
        body: &mut Map<String, Value>,
    ) -> Result<()> {
        let Kind::Reference(other) = &column.kind else { return Ok(()) };
        if text.is_empty() || body.get(column.name).is_some_and(|value| !value.is_null()) {
            return Ok(());
        }
        let id = match store::by_label(tx, other, text).await? {
            Some(id) => id,
            None if column.required && other.columns.iter().all(|c| !c.required || c.name == other.label) => {
                let new = Map::from_iter([(other.label.to_owned(), Value::String(text.to_owned()))]);
                self.make_in(tx, other, &new).await?
            }
            None => {
                return Err(Error::invalid(
                    format!("/{}", column.name),
                    format!("there is no {} \"{text}\"", other.one),
                ));
            }
        };
        body.insert(column.name.to_owned(), id.into());
        Ok(())
    }

    async fn import_body(
        &self,
        tx: &mut Tx,
        resource: &'static Resource,
        id: Option<i64>,
        body: &Map<String, Value>,
    ) -> Result<bool> {
        let present = match id {
            Some(id) => {
                let found = store::find_for_update(tx, resource, id).await?.filter(|item| !item.deleted);
                Some(found.ok_or_else(|| Error::invalid("/id", format!("there is no {} {id}", resource.one)))?.id)
            }
            None => None,
        };
        let known = match present {
            Some(id) => Some(id),
            None => known(tx, resource, body).await?,
        };
        match known {
            Some(id) => self.merge_in(tx, resource, id, body).await.map(|()| false),
            None => self.make_in(tx, resource, body).await.map(|_| true),
        }
    }
}

/// The record that has one of the body's unique values.
async fn known(tx: &mut Tx, resource: &'static Resource, body: &Map<String, Value>) -> Result<Option<i64>> {
    for column in resource.columns.iter().filter(|column| column.unique) {
        let value = match body.get(column.name) {
            Some(Value::String(text)) if matches!(column.kind, Kind::Email) => Bound::Text(Some(text.to_lowercase())),
            Some(Value::String(text)) => Bound::Text(Some(text.clone())),
            Some(Value::Number(number)) => Bound::Int(number.as_i64()),
            _ => continue,
        };
        if let Some(id) = store::holder(tx, resource, column.name, &value, None).await? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// `Student number` is `student_number`.
fn heading(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or("");
    let count = |delimiter: u8| first.bytes().filter(|b| *b == delimiter).count();
    [b',', b';', b'\t'].into_iter().max_by_key(|d| (count(*d), *d == b',')).unwrap_or(b',')
}

fn check_header(resource: &'static Resource, header: &[String]) -> Result<()> {
    let known: Vec<_> =
        resource.readable(true).flat_map(|column| [Some(column.name), name_column(column)]).flatten().collect();
    if header.iter().all(String::is_empty) {
        return Err(Error::invalid("/file", "is empty: its first line names the columns"));
    }
    if let Some((_, twice)) = header.iter().enumerate().find(|(i, name)| header[..*i].contains(name)) {
        return Err(Error::invalid("/file", format!("line 1: the column \"{twice}\" is there twice")));
    }
    let strange = header.iter().find(|name| !known.contains(&name.as_str()));
    if let Some(name) = strange {
        let hint = crate::words::did_you_mean(name, known.iter().copied());
        return Err(Error::invalid("/file", format!("line 1: there is no column \"{name}\"{hint}")));
    }
    Ok(())
}
