//! What the browse page shows, made from a listing: pure, without IO but for the counts at the side.

use std::collections::HashMap;
use std::sync::Arc;

use super::export::{self, TableColumn};
use super::reading::Listing;
use super::service::Entries;
use super::store::EntryRef;
use super::system;
use crate::collections::CachedCollection;
use crate::error::Result;
use crate::filter::{Field, Group, Op, Query};
use crate::json::{self, Path};
use crate::moment::Moment;
use crate::web::encode;

type Params = [(String, String)];

/// A collection at the side.
pub struct Side {
    pub name: String,
    pub title: String,
    pub count: String,
    pub current: bool,
}

/// Collections that are listed at the side; whoever has more finds them on the page of collections.
const AT_THE_SIDE: usize = 100;

/// The collections with the number of their entries: the first ones by name, and the current one.
pub async fn side(entries: &Entries, current: Option<&str>) -> Result<Vec<Side>> {
    let all = entries.collection_totals().await?.into_iter().enumerate();
    let shown = all.filter(|(i, (known, _))| *i < AT_THE_SIDE || current == Some(known.collection.name.as_str()));
    let side = |(_, (known, count)): (usize, (Arc<CachedCollection>, i64))| Side {
        current: current == Some(known.collection.name.as_str()),
        name: known.collection.name.clone(),
        title: known.collection.title.clone(),
        count: crate::words::thousands(count),
    };
    Ok(shown.map(side).collect())
}

/// A condition with a way to drop it.
pub struct Chip {
    pub sentence: String,
    pub without: String,
}

/// The conditions of a query as sentences.
pub fn chips(query: &Query, kept: &Params) -> Vec<Chip> {
    let mut chips = Vec::new();
    for condition in &query.conditions {
        let (name, value) = &query.params[condition.param];
        let field = match &condition.field {
            Field::System(system::RECEIVED) => "received".to_owned(),
            Field::System(system) => system.name.trim_start_matches('_').to_owned(),
            Field::Data(path) => path.to_string(),
        };
        let prefix = match condition.group {
            Group::And => String::new(),
            Group::Not => "not: ".into(),
            Group::Or(1) => "or: ".into(),
            Group::Or(set) => format!("or{set}: "),
        };
        let sentence = match condition.op {
            Op::Null | Op::Exists | Op::Empty if matches!(value.as_str(), "0" | "false") => {
                format!("{prefix}{field} {}", condition.op.words().replacen("is", "is not", 1))
            }
            Op::Null | Op::Exists | Op::Empty => format!("{prefix}{field} {}", condition.op.words()),
            op => {
                format!("{prefix}{field} {} {}", op.words(), if value.is_empty() { "\u{201c}\u{201d}" } else { value })
            }
        };
        chips.push(Chip { sentence, without: without(kept, name, value) });
    }
    for (name, value) in kept.iter().filter(|(name, _)| matches!(name.as_str(), "_q" | "_deleted")) {
        let sentence = if name == "_q" { format!("contains {value}") } else { format!("deleted: {value}") };
        chips.push(Chip { sentence, without: without(kept, name, value) });
    }
    chips
}

fn without(kept: &Params, name: &str, value: &str) -> String {
    let mut dropped = false;
    let rest: Vec<_> = kept
        .iter()
        .filter(|(n, v)| {
            let this = !dropped && n == name && v == value;
            dropped |= this;
            !this
        })
        .collect();
    format!("/list?{}", encode(rest))
}

/// A column of the table.
pub struct ListColumn {
    pub name: String,
    pub sort: String,
    /// `ascending`, `descending` or `none`, for `aria-sort`.
    pub sorted: &'static str,
}

/// How many of the data's columns are shown when nobody chose.
const SHOWN: usize = 7;

/// The columns that a table of a page has: when nobody chose, the received time and the first of the data's.
fn table(query: &Query, paths: &[String], (many, worked): (bool, bool)) -> Vec<TableColumn> {
    let all = export::columns(query, paths, many, worked);
    if query.fields != crate::filter::Fields::All {
        return all;
    }
    let received_or_collection = |field: &Field| {
        let shown = [system::RECEIVED, system::COLLECTION, system::STATE, system::ASSIGNEE];
        shown.iter().any(|system| *field == Field::System(*system))
    };
    let (ours, data): (Vec<_>, Vec<_>) = all.into_iter().partition(|column| matches!(column.field, Field::System(_)));
    let ours = ours.into_iter().filter(|column| received_or_collection(&column.field));
    ours.chain(data.into_iter().take(SHOWN)).collect()
}

/// The paths that most of these entries have, in the order in which they were first seen. So a new form's rows are not blank,
/// and a field that somebody sent once goes again.
pub fn frequent(listing: &Listing, paths: &[String]) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for entry in listing.entries() {
        json::fields(entry.data, &mut |path, _, _| *counts.entry(path.to_owned()).or_default() += 1);
    }
    let count = |path: &String| counts.get(path).copied().unwrap_or(0);
    let mut by_count: Vec<_> = paths.iter().collect();
    by_count.sort_by_key(|path| std::cmp::Reverse(count(path)));
    let chosen: std::collections::HashSet<_> = by_count.into_iter().take(SHOWN).collect();
    paths.iter().filter(|path| chosen.contains(path)).cloned().collect()
}

pub fn columns(listing: &Listing, query: &Query, paths: &[String], kept: &Params) -> Vec<ListColumn> {
    table(query, paths, kind(listing))
        .into_iter()
        .map(|column| {
            let key = query.sort.first().filter(|key| key.field == column.field);
            let field = column.field.to_string();
            let next = match key {
                Some(key) if key.descending => field.clone(),
                _ => format!("-{field}"),
            };
            let mut params: Vec<_> = kept.iter().filter(|(name, _)| name != "_sort").cloned().collect();
            params.push(("_sort".into(), next));
            ListColumn {
                name: column.name.trim_start_matches('_').to_owned(),
                sort: format!("/list?{}", encode(&params)),
                sorted: key.map_or("none", |key| if key.descending { "descending" } else { "ascending" }),
            }
        })
        .collect()
}

/// Whether a listing is of several collections, and whether somebody worked on an entry of it.
fn kind(listing: &Listing) -> (bool, bool) {
    (listing.collections.len() > 1, listing.entries().iter().any(|entry| !entry.work.is_none()))
}

/// A row of the table.
pub struct Row {
    pub id: i64,
    pub url: String,
    pub cells: Vec<CellView>,
    pub deleted: bool,
    pub spam: bool,
}

impl Row {
    /// The name of a column, by its place in the row: phones show it beside the value.
    pub fn label<'a>(&self, place: &usize, columns: &'a [ListColumn]) -> &'a str {
        columns.get(*place).map_or("", |column| column.name.as_str())
    }
}

pub enum CellView {
    Moment(Moment),
    Number(String),
    Text(String),
    Empty,
}

pub fn rows(listing: &Listing, query: &Query, paths: &[String], kept: &str) -> Vec<Row> {
    let columns = table(query, paths, kind(listing));
    let row = |entry: &EntryRef<'_>| Row {
        id: entry.id.0,
        url: format!("/entries/{}?{kept}", entry.id.0),
        cells: columns.iter().map(|column| cell(entry, &column.field, listing)).collect(),
        deleted: entry.deleted.is_some(),
        spam: !entry.flags.is_empty(),
    };
    listing.entries().iter().map(row).collect()
}

fn cell(entry: &EntryRef<'_>, field: &Field, listing: &Listing) -> CellView {
    let text = |text: Option<&str>| {
        text.filter(|t| !t.is_empty()).map_or(CellView::Empty, |t| CellView::Text(t.chars().take(120).collect()))
    };
    match field {
        Field::System(system::RECEIVED) => CellView::Moment(entry.received),
        Field::System(system::AT) => entry.at.map_or(CellView::Empty, CellView::Moment),
        Field::System(system::ID) => CellView::Number(entry.id.0.to_string()),
        Field::System(system::SESSION) => text(Some(entry.session)),
        Field::System(system::ORIGIN) => text(Some(entry.origin)),
        Field::System(system::FLAGS) => text(Some(entry.flags)),
        Field::System(system::STATE) => text(Some(&listing.state_of(entry))),
        Field::System(system::ASSIGNEE) => text(Some(entry.work.assignee)),
        Field::System(system::COLLECTION) => text(
            listing
                .collections
                .iter()
                .find(|k| k.collection.id == entry.collection)
                .map(|k| k.collection.name.as_str()),
        ),
        Field::System(_) => text(Some(entry.work.note)),
        Field::Data(path) => data_cell(entry.data, path),
    }
}

fn data_cell(data: &str, path: &Path) -> CellView {
    match json::find(data, path) {
        None | Some("null") => CellView::Empty,
        Some(raw) if raw.starts_with('"') => {
            let text: String = serde_json::from_str(raw).unwrap_or_default();
            if text.is_empty() { CellView::Empty } else { CellView::Text(text.chars().take(120).collect()) }
        }
        Some(raw) if raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => CellView::Number(raw.to_owned()),
        Some(raw) => CellView::Text(raw.chars().take(120).collect()),
    }
}

/// A facet with a link for each value.
pub struct FacetView {
    pub name: String,
    /// `None`: it took too long.
    pub values: Option<Vec<FacetLink>>,
}

pub struct FacetLink {
    pub value: String,
    pub count: String,
    pub url: String,
    /// Its count against the one of the most frequent value, in percent.
    pub share: i64,
}

pub fn facets(listing: &Listing, query: &Query, kept: &Params) -> Vec<FacetView> {
    let asked = |path: &Path| query.conditions.iter().any(|c| c.field == Field::Data(path.clone()));
    listing
        .facets
        .iter()
        .filter(|(path, values)| {
            !asked(path) && values.as_ref().is_none_or(|values| values.len() > 1 && values[0].times > 1)
        })
        .map(|(path, values)| {
            let most = values.iter().flatten().map(|value| value.times).max().unwrap_or(0).max(1);
            let link = |value: &crate::entries::store::FacetValue| {
                let exact = if value.is_text && crate::filter::number(&value.value).is_some() {
                    format!("\"{}\"", value.value)
                } else {
                    value.value.clone()
                };
                let name = param_name(&path.to_string());
                FacetLink {
                    value: if value.value.is_empty() {
                        "(empty)".into()
                    } else {
                        value.value.chars().take(40).collect()
                    },
                    count: crate::words::thousands(value.times),
                    share: value.times * 100 / most,
                    url: format!("/list?{}", encode(kept.iter().chain([&(name, exact)]))),
                }
            };
            FacetView {
                name: path.to_string(),
                values: values.as_ref().map(|values| values.iter().take(8).map(link).collect()),
            }
        })
        .collect()
}

/// The name of a parameter that means "equal": a name with two underscores needs the operator spelled out.
pub fn param_name(text: &str) -> String {
    if text.contains("__") { format!("{text}__eq") } else { text.to_owned() }
}
