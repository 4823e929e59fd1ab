//! The browse page.

use std::sync::Arc;

use askama::Template;
use rocket::request::FlashMessage;

use crate::collections::{CachedCollection, Collection};
use crate::entries::chart::ChartView;
use crate::entries::reader::Reader;
use crate::entries::reading::Listing;
use crate::entries::service::Entries;
use crate::entries::sql::FACETED;
use crate::entries::system;
use crate::entries::views::{
    CellView, Chip, FacetView, ListColumn, Row, Side, chips, columns, facets, frequent, param_name, rows, side,
};
use crate::error::Result;
use crate::filter::{self, Deleted, Field, Fields, Query};
use crate::json;
use crate::staff::Layout;
use crate::web::{Html, WebHost, encode, render};

/// What the browse page is made of.
pub struct ListView<'a> {
    pub entries: &'a Entries,
    pub layout: Layout,
    pub host: WebHost,
    pub reader: Reader,
    pub query: Query,
    pub toast: Option<Toast>,
}

#[derive(Template)]
#[template(path = "entries/list.html")]
struct ListPage {
    layout: Layout,
    title: String,
    host: String,
    /// The one collection that is shown, if it is one.
    collection: Option<Collection>,
    side: Vec<Side>,
    views: Vec<(i64, String, String)>,
    /// The query string of this view, without the cursor.
    query: String,
    hidden: Vec<(String, String)>,
    search: String,
    chips: Vec<Chip>,
    columns: Vec<ListColumn>,
    all_columns: Vec<(String, bool)>,
    rows: Vec<Row>,
    facets: Vec<FacetView>,
    /// Among how many of the newest entries their values were counted, if there are more.
    facets_of: Option<String>,
    chart: Option<ChartView>,
    newer: Option<String>,
    older: Option<String>,
    count: String,
    warnings: Vec<String>,
    newest: i64,
    /// States of the one collection: name, link, and whether it is shown.
    states: Vec<(String, String, bool)>,
    spam_url: String,
    deleted_url: String,
    /// Nothing was ever sent here: the page explains how.
    untouched: bool,
    may_change: bool,
    in_bin: bool,
    in_spam: bool,
    /// Fields with an input of their own: the parameter, and the name.
    filters: Vec<(String, String)>,
    /// Every field, and every operator with its words, to put a filter together.
    fields: Vec<String>,
    operators: Vec<(&'static str, &'static str)>,
    toast: Option<Toast>,
}

impl ListPage {
    /// Whether every collection is shown, and not only what is spam or deleted.
    fn is_all(&self) -> bool {
        self.collection.is_none() && !self.is_part()
    }

    /// Whether a link of its own at the side leads to what is shown: one state, spam, or what is deleted.
    fn is_part(&self) -> bool {
        self.in_spam || self.in_bin || self.states.iter().any(|(_, _, is_shown)| *is_shown)
    }
}

/// What was just done, and how to take it back.
pub struct Toast {
    pub text: String,
    /// Action and moment of the mark to take back.
    pub undo: Option<(String, i64)>,
}

/// Days that the chart shows.
const CHART_DAYS: i64 = 30;

/// The browse page.
pub async fn list_page(view: ListView<'_>) -> Result<Html> {
    let ListView { entries, layout, host, reader, mut query, toast } = view;
    let readable = entries.readable(&reader, &query).await?;
    let one = match readable.as_slice() {
        [known] => Some(known.collection.clone()),
        _ => None,
    };
    let paths = entries.field_paths(&readable).await?;
    let user = layout.person.as_ref().map_or(0, |person| person.id);
    fill_in(&mut query, entries, &readable, user).await?;
    let listing = entries.list(&reader, &query).await?;
    let chart = entries.per_day(&reader, &query, CHART_DAYS).await?.map(|days| ChartView::new(&days));
    let links = Links::of(&query);
    let kept = &links.kept;
    let usual = if query.fields == Fields::All { frequent(&listing, &paths) } else { paths.clone() };
    let page = ListPage {
        title: one.as_ref().map_or("All entries".to_owned(), |collection| collection.title.clone()),
        host: host.0,
        side: side(entries, one.as_ref().map(|c| c.name.as_str())).await?,
        views: views(entries).await?,
        query: encode(kept),
        hidden: kept.iter().filter(|(name, _)| name != "_q").cloned().collect(),
        search: kept.iter().find(|(name, _)| name == "_q").map_or(String::new(), |(_, value)| value.clone()),
        chips: chips(&query, kept),
        columns: columns(&listing, &query, &usual, kept),
        all_columns: columns_to_choose(&query, &paths),
        rows: rows(&listing, &query, &usual, &encode(kept)),
        facets: facets(&listing, &query, kept),
        facets_of: facets_of(&listing),
        chart,
        newer: listing.newer.as_ref().map(|cursor| links.page(cursor)),
        older: listing.next.as_ref().map(|cursor| links.page(cursor)),
        count: count_text(listing.count, listing.truncated),
        warnings: listing.warnings.clone(),
        newest: listing.entries().iter().map(|entry| entry.id.0).max().unwrap_or(0),
        states: one.as_ref().map_or(Vec::new(), |collection| links.states(collection)),
        spam_url: links.only("_flags", "spam"),
        deleted_url: links.only("_deleted", "only"),
        untouched: is_untouched(&query, &listing),
        may_change: layout.person.as_ref().is_some_and(|person| person.role >= crate::staff::Role::Staff),
        in_bin: query.deleted == Deleted::Only,
        in_spam: query.mentions(system::FLAGS),
        filters: usual.into_iter().map(|path| (param_name(&path), path)).collect(),
        operators: filter::Op::ALL.iter().map(|(name, _, words)| (*name, *words)).collect(),
        fields: paths,
        toast,
        collection: one,
        layout: Layout { in_part: true, ..layout },
    };
    render(&page)
}

/// Nothing was ever sent to what is shown: no entry, and no condition that could hide one.
fn is_untouched(query: &Query, listing: &Listing) -> bool {
    let conditions_only =
        query.conditions.iter().all(|c| c.field == Field::System(system::COLLECTION)) && query.words.is_empty();
    listing.entries().is_empty() && conditions_only && query.deleted == Deleted::No && query.cursor.is_none()
}

/// Links from a list to its neighbours: the parameters that make up the list.
struct Links {
    kept: Vec<(String, String)>,
}

impl Links {
    fn of(query: &Query) -> Links {
        let passing = |name: &str| matches!(name, "_cursor" | "_format");
        Links { kept: query.params.iter().filter(|(name, _)| !passing(name)).cloned().collect() }
    }

    /// Another page of the same list.
    fn page(&self, cursor: &str) -> String {
        format!("/list?{}", encode(self.kept.iter().chain([&("_cursor".to_owned(), cursor.to_owned())])))
    }

    /// The same collection with this one condition.
    fn only(&self, name: &str, value: &str) -> String {
        let collection = self.kept.iter().filter(|(known, _)| known == "_collection");
        format!("/list?{}", encode(collection.chain([&(name.to_owned(), value.to_owned())])))
    }

    /// The states of a collection: name, link, and whether the list shows it.
    fn states(&self, collection: &Collection) -> Vec<(String, String, bool)> {
        let shown = |name: &String| self.kept.iter().any(|(param, value)| param == "_state" && value == name);
        let link = |name: String| (name.clone(), self.only("_state", &name), shown(&name));
        collection.states().into_iter().map(link).collect()
    }
}

/// What the URL leaves open: the columns that this person chose, and the facets that the fields suggest.
async fn fill_in(query: &mut Query, entries: &Entries, readable: &[Arc<CachedCollection>], user: i64) -> Result<()> {
    if let ([known], Fields::All) = (readable, &query.fields)
        && let Some(choice) = entries.column_choice(user, known.collection.id).await?
    {
        query.fields = entries.read_query(&[("_fields".into(), choice)])?.fields;
    }
    if query.facets.is_empty() {
        query.facets = suggested_facets(entries, readable).await?;
    }
    Ok(())
}

fn facets_of(listing: &Listing) -> Option<String> {
    let is_more = listing.truncated || listing.count.is_none_or(|count| count > i64::from(FACETED));
    is_more.then(|| crate::words::thousands(FACETED.into()))
}

fn count_text(count: Option<i64>, truncated: bool) -> String {
    match count {
        Some(1) => "1 entry".into(),
        Some(count) if truncated => format!("more than {} entries", crate::words::thousands(count)),
        Some(count) => format!("{} entries", crate::words::thousands(count)),
        None => "many entries".into(),
    }
}

pub(super) async fn views(entries: &Entries) -> Result<Vec<(i64, String, String)>> {
    let saved = entries.saved_views().await?;
    Ok(saved.into_iter().map(|view| (view.id, view.name, format!("/list?{}", view.query))).collect())
}

/// Up to three fields that probably hold few distinct values: strings or booleans, but no numbers, and no names such as
/// `email` or `comment`.
async fn suggested_facets(entries: &Entries, readable: &[Arc<CachedCollection>]) -> Result<Vec<crate::json::Path>> {
    let [known] = readable else { return Ok(Vec::new()) };
    let fields = entries.collections.fields(known.collection.id).await?;
    let likely = |name: &str| {
        !["mail", "name", "message", "text", "note", "phone", "url", "comment"]
            .iter()
            .any(|w| name.to_lowercase().contains(w))
    };
    let choices = fields.iter().filter(|f| f.strings + f.bools > 0 && f.numbers == 0 && likely(&f.path));
    Ok(choices.filter_map(|f| crate::json::Path::parse(&f.path).ok()).take(3).collect())
}

fn columns_to_choose(query: &Query, paths: &[String]) -> Vec<(String, bool)> {
    let shown = crate::entries::export::columns(query, paths, false, true);
    let system = ["_at", "_session", "_origin", "_state", "_assignee", "_note"].map(str::to_owned);
    paths.iter().cloned().chain(system).map(|name| (name.clone(), is_shown(query, &shown, &name))).collect()
}

fn is_shown(query: &Query, shown: &[crate::entries::export::TableColumn], name: &str) -> bool {
    let by_default = query.fields == Fields::All && name.starts_with('_');
    !by_default && shown.iter().any(|column| column.field.to_string() == name)
}

/// The beginning of an entry, for lists.
pub(super) fn summary(data: &str) -> String {
    let mut parts = Vec::new();
    json::fields(data, &mut |_, _, value| {
        if parts.len() < 3 && !value.is_empty() {
            parts.push(value.chars().take(40).collect::<String>());
        }
    });
    parts.join(" · ")
}

impl Toast {
    /// Reads a toast out of the message that [`mark`] leaves: `action|moment|text`.
    pub fn read(flash: &FlashMessage<'_>) -> Toast {
        let mut parts = flash.message().splitn(3, '|');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(action), Some(at), Some(text)) => {
                let undo = at.parse().ok().map(|at| (action.to_owned(), at));
                Toast { text: text.to_owned(), undo }
            }
            _ => Toast { text: flash.message().to_owned(), undo: None },
        }
    }
}
