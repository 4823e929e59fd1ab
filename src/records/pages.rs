//! Staff pages of records: list, form, import. The same for every resource, mounted at its address.

use askama::Template;
use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::request::FlashMessage;
use rocket::response::{Flash, Responder};
use rocket::{Request, Route, State, get, post, routes};

use super::api::{Catalogue, Listed, Which, answer_list, read_query};
use super::csv::{ImportReport, cell, names, reference_name};
use super::{Column, Item, Kind, Records, Resource, from_form};
use crate::entries::query::Deleted;
use crate::error::{Error, FieldError, Result};
use crate::staff::{Accounts, Layout, Staff, Viewer};
use crate::web::{Fields, Html, SeeOther, WebHost, item_id, query_pairs, render, see_other};

pub fn routes() -> Vec<Route> {
    routes![index, new_form, make, import_form, import, form, change, remove, restore]
}

/// `/directory`.
pub fn contents_routes() -> Vec<Route> {
    routes![contents]
}

#[derive(Template)]
#[template(path = "records/contents.html")]
struct ContentsPage {
    layout: Layout,
    resources: Vec<(&'static Resource, i64)>,
}

#[get("/directory")]
async fn contents(
    _viewer: Viewer,
    layout: Layout,
    records: &State<Records>,
    catalogue: &State<Catalogue>,
    uri: &Origin<'_>,
) -> Result<Html> {
    let query = read_query(records, uri)?;
    let mut resources = Vec::new();
    for resource in catalogue.0.iter().filter(|resource| resource.keeps_deleted()) {
        let listing = records.list(resource, &query, true).await?;
        resources.push((*resource, listing.count.unwrap_or(0)));
    }
    render(&ContentsPage { layout, resources })
}

/// A row of the table: number, the name that links to the form, the other cells.
struct RowView {
    id: i64,
    label: String,
    cells: Vec<String>,
    deleted: bool,
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
async fn index(
    which: Which,
    viewer: Viewer,
    layout: Layout,
    records: &State<Records>,
    uri: &Origin<'_>,
    host: WebHost,
    flash: Option<FlashMessage<'_>>,
) -> Result<ListPage> {
    let resource = which.0;
    let base = format!("/directory/{}", resource.name);
    let tools = vec![
        (format!("{base}/import"), "Import".to_owned()),
        (format!("{base}/new"), format!("Add a {}", resource.one)),
    ];
    let tools = if viewer.0.role >= crate::staff::Role::Staff { tools } else { Vec::new() };
    let note = flash.map_or(String::new(), |flash| flash.message().to_owned());
    Index { resource, base, tools, opens: true, layout, note }.page(records, uri, &host).await
}

/// A table of records at an address.
pub struct Index {
    pub resource: &'static Resource,
    pub base: String,
    /// What can be done: address and words; the last is the main thing.
    pub tools: Vec<(String, String)>,
    /// Its rows lead to pages of their own.
    pub opens: bool,
    pub layout: Layout,
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
        let row = |item: &Item| RowView {
            id: item.id,
            label: item.text(resource.label).to_owned(),
            cells: shown.iter().map(|column| shown_cell(column, item, &names)).collect(),
            deleted: item.deleted,
        };
        let without =
            |name: &str| params.iter().filter(|(n, _)| n != name && n != "_cursor").cloned().collect::<Vec<_>>();
        let with =
            |name: &str, value: &str| url(uri, without(name).into_iter().chain([(name.to_owned(), value.to_owned())]));
        let bin = resource.keeps_deleted().then(|| match query.deleted {
            Deleted::No => (with("_deleted", "only"), "Deleted"),
            _ => (url(uri, without("_deleted").into_iter()), "Not deleted"),
        });
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
            bin,
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
    Page(Html),
    Other(Listed),
    Redirect(SeeOther),
}

fn url(uri: &Origin<'_>, params: impl Iterator<Item = (String, String)>) -> String {
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

fn shown_cell(column: &Column, item: &Item, names: &super::csv::Names) -> String {
    match &column.kind {
        Kind::Reference(_) => reference_name(column, item, names),
        Kind::Moment => item.text(column.name).get(..16).unwrap_or("").replace('T', " "),
        Kind::Flag => if item.flag(column.name) { "yes" } else { "no" }.into(),
        _ => cell(column, item.body.get(column.name)),
    }
}

fn chips(query: &crate::entries::query::Query, params: &[(String, String)], uri: &Origin<'_>) -> Vec<(String, String)> {
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

/// A field of the form.
struct FieldView {
    column: &'static Column,
    value: String,
    /// Value and words of each choice; empty when it is written.
    choices: Vec<(String, String)>,
    wrong: String,
}

impl FieldView {
    fn is_long(&self) -> bool {
        matches!(self.column.kind, Kind::Text(_) | Kind::Nested(_))
    }

    fn is_flag(&self) -> bool {
        matches!(self.column.kind, Kind::Flag)
    }

    fn input(&self) -> &'static str {
        match self.column.kind {
            Kind::Email => "email",
            Kind::Url => "url",
            _ => "text",
        }
    }

    fn is_number(&self) -> bool {
        matches!(self.column.kind, Kind::Number(..) | Kind::Account)
    }
}

#[derive(Template)]
#[template(path = "records/form.html")]
struct FormPage {
    layout: Layout,
    resource: &'static Resource,
    /// The record; `None` makes a new one.
    item: Option<Item>,
    fields: Vec<FieldView>,
    may_change: bool,
    note: String,
    problem: String,
}

#[derive(Default)]
struct Filled<'a> {
    form: Option<&'a Fields>,
    errors: Vec<FieldError>,
    problem: String,
}

async fn form_page(
    records: &Records,
    accounts: &Accounts,
    layout: Layout,
    resource: &'static Resource,
    item: Option<Item>,
    filled: Filled<'_>,
    note: String,
) -> Result<Html> {
    let mut fields = Vec::new();
    for column in resource.writable() {
        let choices = match &column.kind {
            Kind::Reference(other) => {
                records.choices(other).await?.into_iter().map(|(id, name)| (id.to_string(), name)).collect()
            }
            Kind::Account => accounts.list().await?.into_iter().map(|a| (a.id.to_string(), a.email)).collect(),
            Kind::Choice(choices) => {
                choices.iter().map(|choice| ((*choice).to_owned(), (*choice).to_owned())).collect()
            }
            _ => Vec::new(),
        };
        let stored = item
            .as_ref()
            .map_or_else(|| column.default.unwrap_or("").to_owned(), |item| cell(column, item.body.get(column.name)));
        let value = filled.form.map_or(stored, |form| form.get(column.name).to_owned());
        let wrong = crate::error::message(&filled.errors, column.name);
        fields.push(FieldView { column, value, choices, wrong });
    }
    let may_change = layout.person.as_ref().is_some_and(|person| person.role >= crate::staff::Role::Staff);
    render(&FormPage { layout, resource, item, fields, may_change, note, problem: filled.problem })
}

#[get("/new")]
async fn new_form(
    which: Which,
    _staff: Staff,
    layout: Layout,
    records: &State<Records>,
    accounts: &State<Accounts>,
) -> Result<Html> {
    form_page(records, accounts, layout, which.0, None, Filled::default(), String::new()).await
}

/// The form again with what is wrong, or on to the next page.
enum Saved {
    Again(Html),
    Done(Flash<SeeOther>),
}

impl<'r> Responder<'r, 'r> for Saved {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'r> {
        match self {
            Saved::Again(page) => (Status::UnprocessableEntity, page).respond_to(request),
            Saved::Done(redirect) => redirect.respond_to(request),
        }
    }
}

fn to(resource: &Resource, rest: &str, note: impl Into<String>) -> Flash<SeeOther> {
    Flash::new(see_other(format!("/directory/{}{rest}", resource.name)), "note", note.into())
}

#[post("/", data = "<form>")]
async fn make(
    which: Which,
    staff: Staff,
    layout: Layout,
    records: &State<Records>,
    accounts: &State<Accounts>,
    form: Fields,
) -> Result<Saved> {
    let resource = which.0;
    let made = match body(resource, &form) {
        Ok(body) => records.make(&staff.author(), resource, &body).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(item) => Ok(Saved::Done(to(resource, "", format!("{} was added.", item.text(resource.label))))),
        Err(error) => again(records, accounts, layout, resource, None, &form, error).await,
    }
}

fn body(resource: &'static Resource, form: &Fields) -> Result<serde_json::Map<String, serde_json::Value>> {
    from_form(resource, |name| form.has(name).then(|| form.get(name)))
}

async fn again(
    records: &Records,
    accounts: &Accounts,
    layout: Layout,
    resource: &'static Resource,
    item: Option<Item>,
    form: &Fields,
    error: Error,
) -> Result<Saved> {
    let (errors, problem) = match error {
        Error::Invalid(errors) => (errors, String::new()),
        Error::PreconditionFailed => (
            Vec::new(),
            "Somebody changed this meanwhile. Below is what you wrote; load the page again to see theirs.".into(),
        ),
        Error::Conflict(text) => (Vec::new(), text.into_owned()),
        other => return Err(other),
    };
    let filled = Filled { form: Some(form), errors, problem };
    form_page(records, accounts, layout, resource, item, filled, String::new()).await.map(Saved::Again)
}

#[get("/<id>", rank = 2)]
async fn form(
    which: Which,
    _viewer: Viewer,
    layout: Layout,
    records: &State<Records>,
    accounts: &State<Accounts>,
    id: &str,
    flash: Option<FlashMessage<'_>>,
) -> Result<Html> {
    let resource = which.0;
    let item = records.find_any(resource, item_id(id)?, true).await?.ok_or_else(|| resource.missing())?;
    let note = flash.map_or(String::new(), |flash| flash.message().to_owned());
    form_page(records, accounts, layout, resource, Some(item), Filled::default(), note).await
}

#[post("/<id>", data = "<form>", rank = 2)]
async fn change(
    which: Which,
    staff: Staff,
    layout: Layout,
    records: &State<Records>,
    accounts: &State<Accounts>,
    id: &str,
    form: Fields,
) -> Result<Saved> {
    let (resource, id) = (which.0, item_id(id)?);
    let present = records.find(resource, id, true).await?;
    let changed = match body(resource, &form) {
        Ok(body) => {
            // Without it, a form that lacks fields would empty them unseen.
            let version = form.get("version").parse().map_err(|_| Error::invalid("/version", "is required"))?;
            records.replace(&staff.author(), resource, id, Some(version), body).await
        }
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => Ok(Saved::Done(to(resource, &format!("/{id}"), "Saved."))),
        Err(error) => again(records, accounts, layout, resource, Some(present), &form, error).await,
    }
}

#[post("/<id>/removal")]
async fn remove(which: Which, staff: Staff, records: &State<Records>, id: &str) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    let note = match records.delete(&staff.author(), which.0, id, None).await {
        Ok(()) => "It was deleted. It can be restored here.".to_owned(),
        Err(Error::Conflict(reason)) => reason.into_owned(),
        Err(other) => return Err(other),
    };
    Ok(to(which.0, &format!("/{id}"), note))
}

#[post("/<id>/restoration")]
async fn restore(which: Which, staff: Staff, records: &State<Records>, id: &str) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    records.restore(&staff.author(), which.0, id).await?;
    Ok(to(which.0, &format!("/{id}"), "It is back."))
}

#[derive(Template)]
#[template(path = "records/import.html")]
struct ImportPage {
    layout: Layout,
    resource: &'static Resource,
    report: Option<ImportReport>,
    problem: String,
}

impl ImportPage {
    fn example(&self) -> String {
        let names = self.resource.writable().filter(|c| !matches!(c.kind, Kind::Account | Kind::Nested(_)));
        let names: Vec<_> = names.map(|column| column.name.strip_suffix("_id").unwrap_or(column.name)).collect();
        names.join(",")
    }
}

#[get("/import")]
fn import_form(which: Which, _staff: Staff, layout: Layout) -> Result<Html> {
    render(&ImportPage { layout, resource: which.0, report: None, problem: String::new() })
}

#[post("/import", data = "<form>")]
async fn import(
    which: Which,
    staff: Staff,
    layout: Layout,
    records: &State<Records>,
    form: Fields,
) -> Result<(Status, Html)> {
    let (status, report, problem) = match records.import(&staff.author(), which.0, form.get("file")).await {
        Ok(report) if report.refused.is_empty() => (Status::Ok, Some(report), String::new()),
        Ok(report) => (Status::UnprocessableEntity, Some(report), String::new()),
        Err(Error::Invalid(errors)) => {
            (Status::UnprocessableEntity, None, errors.first().map_or(String::new(), |error| error.detail.clone()))
        }
        Err(other) => return Err(other),
    };
    Ok((status, render(&ImportPage { layout, resource: which.0, report, problem })?))
}
