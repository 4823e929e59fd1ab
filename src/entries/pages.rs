//! Pages of entries: home, the browse page, one entry, import, the playground.

use askama::Template;
use rocket::http::uri::Origin;
use rocket::request::FlashMessage;
use rocket::response::Flash;
use rocket::{Route, State, get, post, routes};

use super::api::encode;
use super::import::{ImportReport, Source};
use super::query::{self, Deleted, Field, Query, System};
use super::reading::Reader;
use super::service::Entries;
use super::store::{self, Mark};
use super::views::{ChartView, Chip, Column, FacetView, Row, Side, chips, columns, facets, rows, side};
use super::{Entry, EntryId, json};
use crate::collections::{Collection, CollectionName, NewCollection, create};
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::staff::{Author, Deed, Layout, Role, Staff, Viewer, audit};
use crate::web::{Fields, Html, SeeOther, WebHost, pairs, query_pairs, render, see_other};

pub fn routes() -> Vec<Route> {
    routes![
        home,
        entry,
        mark,
        unmark,
        export_marked,
        save_view,
        delete_view,
        choose_columns,
        import_form,
        import,
        playground
    ]
}

#[derive(Template)]
#[template(path = "entries/thanks.html")]
struct ThanksPage {}

/// What a form without JavaScript leads to when it names no page of its own.
pub fn thanks() -> Result<Html> {
    render(&ThanksPage {})
}

#[derive(Template)]
#[template(path = "entries/home.html")]
struct HomePage {
    layout: Layout,
    host: String,
    collections: Vec<Side>,
    key: String,
}

#[get("/", rank = 1)]
async fn home(viewer: Viewer, layout: Layout, entries: &State<Entries>, host: WebHost) -> Result<Html> {
    let reader = Reader::Staff(viewer.0.id);
    let collections = side(entries, &reader, None).await?;
    let key = entries
        .collections
        .list()
        .await?
        .first()
        .map_or(String::new(), |known| known.collection.publishable_key.clone());
    render(&HomePage { layout, host: host.0, collections, key })
}

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
    columns: Vec<Column>,
    all_columns: Vec<(String, bool)>,
    rows: Vec<Row>,
    facets: Vec<FacetView>,
    chart: Option<ChartView>,
    newer: Option<String>,
    older: Option<String>,
    count: String,
    warnings: Vec<String>,
    newest: i64,
    spam_url: String,
    deleted_url: String,
    /// Nothing was ever sent here: the page explains how.
    untouched: bool,
    may_change: bool,
    in_bin: bool,
    in_spam: bool,
    fields: Vec<String>,
    toast: Option<Toast>,
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
    if let (Some(collection), query::Fields::All) = (&one, &query.fields)
        && let Some(choice) = store::column_choice(&entries.db, user, collection.id).await?
    {
        let chosen = query::parse(&[("_fields".into(), choice)], entries.clock.now(), false)?;
        query.fields = chosen.fields;
    }
    if query.facets.is_empty() {
        query.facets = suggested_facets(entries, &readable).await?;
    }
    let listing = entries.list(&reader, &query).await?;
    let chart = entries.per_day(&reader, &query, CHART_DAYS).await?.map(|days| ChartView::new(&days));
    let kept: Vec<_> =
        query.params.iter().filter(|(name, _)| !matches!(name.as_str(), "_cursor" | "_format")).cloned().collect();
    let conditions_only =
        query.conditions.iter().all(|c| c.field == Field::System(System::Collection)) && query.words.is_empty();
    let untouched =
        listing.entries().is_empty() && conditions_only && query.deleted == Deleted::No && query.cursor.is_none();
    let page_url =
        |cursor: &String| format!("/list?{}", encode(kept.iter().chain([&("_cursor".to_owned(), cursor.clone())])));
    let with = |name: &str, value: &str| {
        let collection = kept.iter().filter(|(known, _)| known == "_collection");
        format!("/list?{}", encode(collection.chain([&(name.to_owned(), value.to_owned())])))
    };
    let page = ListPage {
        title: one.as_ref().map_or("All entries".to_owned(), |collection| collection.title.clone()),
        host: host.0,
        side: side(entries, &reader, one.as_ref().map(|c| c.name.as_str())).await?,
        views: views(entries).await?,
        query: encode(&kept),
        hidden: kept.iter().filter(|(name, _)| name != "_q").cloned().collect(),
        search: kept.iter().find(|(name, _)| name == "_q").map_or(String::new(), |(_, value)| value.clone()),
        chips: chips(&query, &kept),
        columns: columns(&query, &paths, listing.collections.len() > 1, &kept),
        all_columns: columns_to_choose(&query, &paths),
        rows: rows(&listing, &query, &paths, &encode(&kept)),
        facets: facets(&listing, &query, &kept),
        chart,
        newer: listing.newer.as_ref().map(page_url),
        older: listing.next.as_ref().map(page_url),
        count: count_text(listing.count, listing.truncated),
        warnings: listing.warnings.clone(),
        newest: listing.entries().iter().map(|entry| entry.id.0).max().unwrap_or(0),
        spam_url: with("_flags", "spam"),
        deleted_url: with("_deleted", "only"),
        untouched,
        may_change: layout.person.as_ref().is_some_and(|person| person.role >= crate::staff::Role::Staff),
        in_bin: query.deleted == Deleted::Only,
        in_spam: query.mentions(System::Flags),
        fields: paths,
        toast,
        collection: one,
        layout,
    };
    render(&page)
}

fn count_text(count: Option<i64>, truncated: bool) -> String {
    match count {
        Some(1) => "1 entry".into(),
        Some(count) if truncated => format!("more than {} entries", crate::words::thousands(count)),
        Some(count) => format!("{} entries", crate::words::thousands(count)),
        None => "many entries".into(),
    }
}

async fn views(entries: &Entries) -> Result<Vec<(i64, String, String)>> {
    let saved = store::saved_views(&entries.db).await?;
    Ok(saved.into_iter().map(|view| (view.id, view.name, format!("/list?{}", view.query))).collect())
}

/// Fields that look like choices: texts and truth values, few of them long.
async fn suggested_facets(
    entries: &Entries,
    readable: &[std::sync::Arc<crate::collections::Known>],
) -> Result<Vec<super::path::Path>> {
    let [known] = readable else { return Ok(Vec::new()) };
    let fields = crate::collections::fields(&entries.db, known.collection.id).await?;
    let likely = |name: &str| {
        !["mail", "name", "message", "text", "note", "phone", "url", "comment"]
            .iter()
            .any(|w| name.to_lowercase().contains(w))
    };
    let choices = fields.iter().filter(|f| f.strings + f.bools > 0 && f.numbers == 0 && likely(&f.path));
    Ok(choices.filter_map(|f| super::path::Path::parse(&f.path).ok()).take(3).collect())
}

fn columns_to_choose(query: &Query, paths: &[String]) -> Vec<(String, bool)> {
    let shown = super::export::columns(query, paths, false);
    let system = ["_at", "_session", "_origin"].map(str::to_owned);
    paths.iter().cloned().chain(system).map(|name| (name.clone(), is_shown(query, &shown, &name))).collect()
}

fn is_shown(query: &Query, shown: &[super::export::TableColumn], name: &str) -> bool {
    let by_default = query.fields == query::Fields::All && name.starts_with('_');
    !by_default && shown.iter().any(|column| column.field.to_string() == name)
}

#[derive(Template)]
#[template(path = "entries/show.html")]
struct EntryPage {
    layout: Layout,
    entry: Entry,
    collection: Collection,
    fields: Vec<(String, String, &'static str)>,
    raw: String,
    back: String,
    newer: Option<String>,
    older: Option<String>,
    others: Vec<(i64, Moment, String)>,
    may_change: bool,
}

#[get("/entries/<id>")]
async fn entry(viewer: Viewer, layout: Layout, entries: &State<Entries>, id: &str, uri: &Origin<'_>) -> Result<Html> {
    let reader = Reader::Staff(viewer.0.id);
    let id = id.parse().map(EntryId).map_err(|_| Error::NotFound("An entry's number is a number.".into()))?;
    let (entry, known) = entries.find(&reader, id).await?;
    let params = query_pairs(uri)?;
    let query = query::parse(&params, entries.clock.now(), false)?;
    let (newer, older) = entries.neighbours(&reader, &query, &entry).await?;
    let link = |id: EntryId| format!("/entries/{}?{}", id.0, encode(&params));
    let others = entries.of_session(&entry).await?;
    let page = EntryPage {
        fields: readable_fields(&entry.data),
        raw: pretty(&entry.data),
        back: format!("/list?{}", encode(&params)),
        newer: newer.map(link),
        older: older.map(link),
        others: others.iter().map(|other| (other.id.0, other.received, summary(other.data))).collect(),
        may_change: viewer.0.role >= crate::staff::Role::Staff,
        collection: known.collection.clone(),
        entry,
        layout,
    };
    render(&page)
}

/// Name, value and kind of every field.
fn readable_fields(data: &str) -> Vec<(String, String, &'static str)> {
    let mut fields = Vec::new();
    json::fields(data, &mut |path, kind, value| {
        let kind = match kind {
            json::Kind::String if value.starts_with("https://") || value.starts_with("http://") => "link",
            json::Kind::String if value.contains('@') && !value.contains(char::is_whitespace) => "mail",
            json::Kind::String => "text",
            json::Kind::Number => "number",
            json::Kind::Bool => "truth",
            _ => "json",
        };
        fields.push((path.to_owned(), value.to_owned(), kind));
    });
    fields
}

fn pretty(data: &str) -> String {
    serde_json::from_str::<serde_json::Value>(data)
        .ok()
        .and_then(|v| serde_json::to_string_pretty(&v).ok())
        .unwrap_or_else(|| data.to_owned())
}

/// The beginning of an entry, for lists.
fn summary(data: &str) -> String {
    let mut parts = Vec::new();
    json::fields(data, &mut |_, _, value| {
        if parts.len() < 3 && !value.is_empty() {
            parts.push(value.chars().take(40).collect::<String>());
        }
    });
    parts.join(" · ")
}

fn mark_named(name: &str) -> Result<(Mark, &'static str)> {
    match name {
        "delete" => Ok((Mark::Delete, "deleted")),
        "restore" => Ok((Mark::Restore, "restored")),
        "spam" => Ok((Mark::Spam, "marked as spam")),
        "not-spam" => Ok((Mark::NotSpam, "no longer spam")),
        _ => Err(Error::invalid("/action", "must be delete, restore, spam or not-spam")),
    }
}

/// Marks the selected entries, or all that match the view.
#[post("/list/marks", data = "<form>")]
async fn mark(staff: Staff, entries: &State<Entries>, form: Fields) -> Result<Flash<SeeOther>> {
    let reader = Reader::Staff(staff.0.id);
    let (mark, done) = mark_named(form.get("action"))?;
    let back = format!("/list?{}", form.get("query"));
    let (count, at) = if form.get("all") == "1" {
        let query = query::parse(&pairs(form.get("query"))?, entries.clock.now(), false)?;
        entries.mark(&staff.author(), &reader, &query, mark).await?
    } else {
        let ids: Vec<_> = form.all("id").filter_map(|id| id.parse().ok().map(EntryId)).collect();
        if ids.is_empty() {
            return Ok(Flash::new(see_other(back), "note", "Nothing was selected.".to_owned()));
        }
        entries.mark_ids(&staff.author(), &reader, &ids, mark).await?
    };
    let text = format!(
        "{} {done}.",
        if count == 1 { "1 entry".into() } else { format!("{} entries", crate::words::thousands(count as i64)) }
    );
    let undo = if matches!(mark, Mark::Delete | Mark::Spam) {
        format!("{}|{}|{text}", form.get("action"), at.0)
    } else {
        format!("||{text}")
    };
    Ok(Flash::new(see_other(back), "done", undo))
}

/// Exports the selected entries, or all that match the view.
#[post("/list/export", data = "<form>")]
async fn export_marked(_viewer: Viewer, form: Fields) -> SeeOther {
    if form.get("all") == "1" {
        return see_other(format!("/csv?{}", form.get("query")));
    }
    let ids: Vec<_> = form.all("id").collect();
    let selected = [("_id__in".to_owned(), ids.join(",")), ("_deleted".to_owned(), "with".to_owned())];
    see_other(format!("/csv?{}&_or._flags__exists=0&_or._flags__exists=1", encode(&selected)))
}

/// Takes a mark back: Undo.
#[post("/list/marks/undo", data = "<form>")]
async fn unmark(staff: Staff, entries: &State<Entries>, form: Fields) -> Result<Flash<SeeOther>> {
    let (mark, _) = mark_named(form.get("action"))?;
    let at = form.get("at").parse().map_err(|_| Error::invalid("/at", "must be a number"))?;
    let count = entries.unmark(&staff.author(), mark, Moment(at)).await?;
    let text = format!("||Taken back: {count}.");
    Ok(Flash::new(see_other(format!("/list?{}", form.get("query"))), "done", text))
}

#[post("/list/views", data = "<form>")]
async fn save_view(staff: Staff, entries: &State<Entries>, form: Fields) -> Result<SeeOther> {
    let name: String = form.get("name").trim().chars().take(80).collect();
    if name.is_empty() {
        return Err(Error::invalid("/name", "a view needs a name"));
    }
    query::parse(&pairs(form.get("query"))?, entries.clock.now(), false)?;
    let mut tx = entries.db.begin().await?;
    let now = entries.clock.now();
    store::save_view(&mut tx, &name, form.get("query"), staff.0.id, now).await?;
    audit::note(&mut tx, &staff.author(), Deed::new("saved", "views", &name), now).await?;
    tx.commit().await?;
    Ok(see_other(format!("/list?{}", form.get("query"))))
}

#[post("/list/views/<id>/deletion")]
async fn delete_view(staff: Staff, entries: &State<Entries>, id: i64) -> Result<SeeOther> {
    let mut tx = entries.db.begin().await?;
    store::delete_view(&mut tx, id).await?;
    audit::note(&mut tx, &staff.author(), Deed::new("deleted", "views", id), entries.clock.now()).await?;
    tx.commit().await?;
    Ok(see_other("/list"))
}

#[post("/list/columns", data = "<form>")]
async fn choose_columns(viewer: Viewer, entries: &State<Entries>, form: Fields) -> Result<SeeOther> {
    let known = entries.collections.by_name(form.get("collection")).await?;
    let known = known.ok_or_else(|| Error::NotFound("There is no such collection.".into()))?;
    let names: Vec<_> = form.all("column").map(|name| name.replace('\\', "\\\\").replace(',', "\\,")).collect();
    let mut tx = entries.db.begin().await?;
    store::choose_columns(&mut tx, viewer.0.id, known.collection.id, &names.join(",")).await?;
    tx.commit().await?;
    Ok(see_other(format!("/list?{}", form.get("query"))))
}

#[derive(Template)]
#[template(path = "entries/import.html")]
struct ImportPage {
    layout: Layout,
    collections: Vec<String>,
    collection: String,
    text: String,
    file_name: String,
    preview: Vec<String>,
    columns: Vec<String>,
    total: usize,
    report: Option<ImportReport>,
}

#[get("/import")]
async fn import_form(_staff: Staff, layout: Layout, entries: &State<Entries>) -> Result<Html> {
    render(&import_page(layout, entries, &Fields::default()).await?)
}

async fn import_page(layout: Layout, entries: &Entries, form: &Fields) -> Result<ImportPage> {
    let names = entries.collections.list().await?.iter().map(|known| known.collection.name.clone()).collect();
    let collection = if form.get("collection").is_empty() { "default" } else { form.get("collection") }.to_owned();
    Ok(ImportPage {
        layout,
        collections: names,
        collection,
        text: String::new(),
        file_name: form.get("file.name").to_owned() + form.get("file_name"),
        preview: Vec::new(),
        columns: Vec::new(),
        total: 0,
        report: None,
    })
}

/// First a preview, then, with `confirmed`, the import itself. The collection is made if it is not there.
#[post("/import", data = "<form>")]
async fn import(staff: Staff, layout: Layout, entries: &State<Entries>, form: Fields) -> Result<Html> {
    let mut page = import_page(layout, entries, &form).await?;
    let text = if form.get("file").is_empty() { form.get("text") } else { form.get("file") };
    let import = Source::recognise(text, &page.file_name).read()?;
    if form.get("confirmed") == "1" {
        let by = staff.author();
        let is_new = entries.collections.by_name(&page.collection).await?.is_none();
        if is_new && staff.0.role < Role::Owner {
            return Err(Error::Forbidden("Only an owner can make a collection: choose one that is there.".into()));
        }
        let collection = find_or_make(entries, &by, &page.collection).await?;
        page.report = Some(entries.import(&by, &collection, import, &mut |_| {}).await?);
        return render(&page);
    }
    page.total = import.rows.len();
    page.preview = import
        .rows
        .iter()
        .take(5)
        .map(|row| row.as_ref().map_or_else(|e| format!("refused: {e}"), |row| row.object.clone()))
        .collect();
    page.columns = import.columns;
    page.text = text.to_owned();
    render(&page)
}

/// The collection of this name; an import makes it.
pub async fn find_or_make(entries: &Entries, by: &Author, name: &str) -> Result<Collection> {
    if let Some(known) = entries.collections.by_name(name).await? {
        return Ok(known.collection.clone());
    }
    let new = NewCollection {
        name: CollectionName::parse(name)?,
        title: String::new(),
        open: false,
        public_read: false,
        kind: "entries".into(),
        origins: Vec::new(),
    };
    let made = create(&entries.db, by, new, entries.clock.now()).await?;
    entries.collections.changed();
    Ok(made)
}

#[derive(Template)]
#[template(path = "entries/playground.html")]
struct PlaygroundPage {
    layout: Layout,
    host: String,
    key: String,
}

#[get("/playground")]
async fn playground(_viewer: Viewer, layout: Layout, entries: &State<Entries>, host: WebHost) -> Result<Html> {
    let known = entries.collections.by_name("default").await?;
    let key = known.map_or(String::new(), |known| known.collection.publishable_key.clone());
    render(&PlaygroundPage { layout, host: host.0, key })
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
