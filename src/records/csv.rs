//! Records as CSV and NDJSON.
//!
//! A column that refers to another record is written twice: its number (`college_id`) and its name (`college`).
//! [`super::roster`] reads either.

use std::collections::HashMap;

use rocket::http::ContentType;
use serde_json::Value;

use super::list::{chosen, column_name};
use super::{Column, Kind, Listing, Record, Records, Resource};
use crate::error::Result;
use crate::filter::{Count, CsvOptions, Fields, Format, Query};
use crate::formula::is_formula;
use crate::limits::MAX_LIMIT;
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
        match send(&records, sending, query, page, &sender).await {
            Ok(()) => sender.finish(),
            Err(error) => tracing::error!(%error, "an export broke off"),
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
        if to.send(out).await.is_err() || query.cursor.is_none() || sent >= at_most {
            return Ok(());
        }
        page = records.list(resource, &query, staff).await?;
    }
}

/// Names of the records that items refer to, by table and number.
pub(super) type Names = HashMap<(&'static str, i64), String>;

pub(super) async fn names(records: &Records, resource: &'static Resource, items: &[Record]) -> Result<Names> {
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
pub(super) fn name_column(column: &Column) -> Option<&'static str> {
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

fn row(out: &mut Vec<u8>, resource: &'static Resource, staff: bool, query: &Query, item: &Record, names: &Names) {
    let cells = columns(resource, staff, query).map(|(_, column, is_name)| match is_name {
        true => reference_name(column, item, names),
        false => cell(column, item.body.get(column.name)),
    });
    write_row(out, cells, query.csv);
}

/// The name of the record that a column refers to; empty if it refers to none.
pub(super) fn reference_name(column: &Column, item: &Record, names: &Names) -> String {
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
