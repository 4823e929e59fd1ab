//! A list of records with its filters.

use askama::Template;
use rocket::http::uri::Origin;
use rocket::{State, get};

use crate::error::Result;
use crate::filter::{Deleted, Query};
use crate::records::api::{Listed, Which, answer_list, read_query};
use crate::records::csv::{cell, names, reference_name};
use crate::records::{Column, Kind, Record, Records, Resource};
use crate::staff::{Framed, Layout, Viewer};
use crate::web::{Html, Note, SeeOther, WebHost, query_pairs, render, see_other};
use crate::words::with_article;

/// A row of the table: number, the name that links to the form, the other cells.
struct RowView {
    id: i64,
    label: String,
    cells: Vec<String>,
    deleted: bool,
}

impl RowView {
    /// What it is called, or its id.
    fn title(&self) -> String {
        if self.label.is_empty() { self.id.to_string() } else { self.label.clone() }
    }
}

#[derive(Template)]
#[template(path = "records/index.html")]
struct IndexPage {
    layout: Layout,
    resource: &'static Resource,
    /// Where it is.
    base: String,
    /// What can be done: address and words.
    tools: Vec<(String, String)>,
    /// Its rows lead to pages of their own.
    opens: bool,
    columns: Vec<Header>,
    rows: Vec<RowView>,
    count: i64,
    search: String,
    /// Conditions of the URL, with the URL without them.
    chips: Vec<(String, String)>,
    hidden: Vec<(String, String)>,
    newer: Option<String>,
    older: Option<String>,
    download: String,
    bin: Option<(String, &'static str)>,
    note: String,
}

impl IndexPage {
    fn in_directory(&self) -> bool {
        self.base.starts_with("/directory")
    }

    /// `1,204 students`.
    fn counted(&self) -> String {
        let count = crate::words::thousands(self.count);
        match (self.in_directory(), self.count) {
            (true, _) => format!("{count} {}", self.resource.name),
            (false, 1) => format!("{count} {}", self.resource.one),
            (false, _) => format!("{count} {}s", self.resource.one),
        }
    }
}

/// A head of the table: title, the URL that sorts by it, and how it is sorted.
struct Header {
    title: &'static str,
    url: String,
    sorted: &'static str,
}

/// The columns of the table on the page: the name first, then what fits.
fn shown_columns(resource: &'static Resource) -> Vec<&'static Column> {
    let fits = |column: &&Column| {
        column.name != resource.label && !matches!(column.kind, Kind::Text(_) | Kind::Nested(_) | Kind::Url)
    };
    resource.columns.iter().filter(fits).take(6).collect()
}

#[get("/")]
pub(super) async fn index(
    which: Which,
    page: Framed<Viewer>,
    records: &State<Records>,
    uri: &Origin<'_>,
    host: WebHost,
    note: Note,
) -> Result<ListPage> {
    let resource = which.0;
    let base = format!("/directory/{}", resource.name);
    let tools = vec![
        (format!("{base}/import"), "Import".to_owned()),
        (format!("{base}/new"), format!("Add {}", with_article(resource.one))),
    ];
    let tools = if page.by.0.role >= crate::staff::Role::Staff { tools } else { Vec::new() };
    Index { resource, base, tools, opens: true, layout: page.layout, note: note.0 }.page(records, uri, &host).await
}

/// A table of records at an address.
pub struct Index {
    /// The resource that is listed.
    pub resource: &'static Resource,
    /// Path of the page.
    pub base: String,
    /// What can be done: address and words; the last is the main thing.
    pub tools: Vec<(String, String)>,
    /// Its rows lead to pages of their own.
    pub opens: bool,
    /// The frame.
    pub layout: Layout,
    /// What just happened, if something did.
    pub note: String,
}

impl Index {
    /// The table that the URL asks for, or the list in the format it asks for.
    pub async fn page(self, records: &Records, uri: &Origin<'_>, host: &WebHost) -> Result<ListPage> {
        let Index { resource, base, tools, opens, layout, note } = self;
        let params: Vec<_> = query_pairs(uri)?;
        if params.iter().any(|(name, _)| name == "_form") {
            let kept = params.into_iter().filter(|(name, value)| name != "_form" && !value.is_empty());
            return Ok(ListPage::Redirect(see_other(url(uri, kept))));
        }
        let query = read_query(records, uri)?;
        if query.format.is_some() {
            return answer_list(records, resource, uri, true, host).await.map(ListPage::Other);
        }
        let listing = records.list(resource, &query, true).await?;
        let names = names(records, resource, &listing.items).await?;
        let shown = shown_columns(resource);
        let row = |item: &Record| RowView {
            id: item.id,
            label: item.text(resource.label).to_owned(),
            cells: shown.iter().map(|column| shown_cell(column, item, &names)).collect(),
            deleted: item.deleted,
        };
        let without =
            |name: &str| params.iter().filter(|(n, _)| n != name && n != "_cursor").cloned().collect::<Vec<_>>();
        let with =
            |name: &str, value: &str| url(uri, without(name).into_iter().chain([(name.to_owned(), value.to_owned())]));
        let in_bin = query.deleted != Deleted::No;
        let bin = if in_bin { url(uri, without("_deleted").into_iter()) } else { with("_deleted", "only") };
        let page = IndexPage {
            resource,
            columns: headers(resource, &shown, &params, &with),
            rows: listing.items.iter().map(row).collect(),
            count: listing.count.unwrap_or(0),
            search: params.iter().find(|(name, _)| name == "_q").map_or(String::new(), |(_, value)| value.clone()),
            chips: chips(&query, &params, uri),
            hidden: without("_q"),
            newer: listing.newer.map(|cursor| with("_cursor", &cursor)),
            older: listing.next.map(|cursor| with("_cursor", &cursor)),
            download: with("_format", "csv"),
            bin: resource.keeps_deleted().then_some((bin, if in_bin { "Not deleted" } else { "Deleted" })),
            base,
            tools,
            opens,
            note,
            layout,
        };
        render(&page).map(ListPage::Page)
    }
}

/// The page, or what `_format` asks for instead.
#[derive(rocket::Responder)]
pub enum ListPage {
    /// The page.
    Page(Html),
    /// Another format.
    Other(Listed),
    /// The same page at its short address: blank parameters dropped.
    Redirect(SeeOther),
}

pub(super) fn url(uri: &Origin<'_>, params: impl Iterator<Item = (String, String)>) -> String {
    let params = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    if params.is_empty() { uri.path().to_string() } else { format!("{}?{params}", uri.path()) }
}

fn headers(
    resource: &'static Resource,
    shown: &[&'static Column],
    params: &[(String, String)],
    with: &dyn Fn(&str, &str) -> String,
) -> Vec<Header> {
    let sort = params.iter().find(|(name, _)| name == "_sort").map_or("", |(_, value)| value.as_str());
    let label = resource.columns.iter().find(|column| column.name == resource.label);
    label
        .into_iter()
        .chain(shown.iter().copied())
        .map(|column| {
            let up = sort == column.name;
            let down = sort.strip_prefix('-') == Some(column.name);
            let next = if up { format!("-{}", column.name) } else { column.name.to_owned() };
            let sorted = if up {
                "ascending"
            } else if down {
                "descending"
            } else {
                ""
            };
            Header { title: column.title, url: with("_sort", &next), sorted }
        })
        .collect()
}

fn shown_cell(column: &Column, item: &Record, names: &crate::records::csv::Names) -> String {
    match &column.kind {
        Kind::Reference(_) => reference_name(column, item, names),
        Kind::Moment => item.text(column.name).get(..16).unwrap_or("").replace('T', " "),
        Kind::Flag => if item.flag(column.name) { "yes" } else { "no" }.into(),
        _ => cell(column, item.body.get(column.name)),
    }
}

fn chips(query: &Query, params: &[(String, String)], uri: &Origin<'_>) -> Vec<(String, String)> {
    query
        .conditions
        .iter()
        .map(|c| {
            let (_, value) = &params[c.param];
            let rest = params.iter().enumerate().filter(|(i, (name, _))| *i != c.param && name != "_cursor");
            (format!("{} {} {value}", c.field, c.op.words()), url(uri, rest.map(|(_, pair)| pair.clone())))
        })
        .collect()
}
