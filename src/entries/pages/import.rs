//! Importing a file: upload, preview, progress, report.

use std::sync::Arc;

use askama::Template;
use rocket::http::uri::Origin;
use rocket::{State, get, post};

use crate::collections::CollectionName;
use crate::entries::import::{How, ImportReport, Seen};
use crate::entries::service::Entries;
use crate::entries::store::{ImportRow, NewImport};
use crate::error::{Error, Result};
use crate::files::{DELIMITERS, Dialect, FORMATS, List, Options, QUOTES, Source, Structure};
use crate::staff::{Layout, Role, Staff};
use crate::web::{Fields, Html, SeeOther, Upload, encode, pairs, query_pairs, render, see_other};

#[derive(Template)]
#[template(path = "entries/import.html")]
struct ImportPage {
    layout: Layout,
    collections: Vec<String>,
    collection: String,
    recent: Vec<ImportRow>,
}

#[get("/import?<collection>")]
pub(super) async fn import_form(
    _staff: Staff,
    layout: Layout,
    entries: &State<Entries>,
    collection: Option<&str>,
) -> Result<Html> {
    render(&ImportPage {
        layout,
        collections: entries.collections.list().await?.iter().map(|known| known.collection.name.clone()).collect(),
        collection: collection.unwrap_or("default").to_owned(),
        recent: entries.recent_imports().await?,
    })
}

/// Keeps a file until it is confirmed. Nothing is stored yet.
#[post("/import", data = "<upload>")]
pub(super) async fn upload(staff: Staff, entries: &State<Entries>, upload: Upload) -> Result<SeeOther> {
    let collection = CollectionName::parse(upload.fields.get("collection"))?;
    let new = NewImport {
        collection: collection.as_str(),
        file_name: &upload.name,
        upload: Some(&upload.stored),
        options: "",
        user: Some(staff.0.id),
    };
    Ok(see_other(format!("/import/{}", entries.note_import(&new).await?)))
}

#[derive(Template)]
#[template(path = "entries/import_show.html")]
struct ShowPage {
    layout: Layout,
    import: ImportRow,
    /// Of a file that waits to be confirmed.
    preview: Option<Preview>,
    /// Why it cannot be read as it is.
    problem: String,
    /// Rows of it that were read so far, while that takes long.
    reading: Option<u64>,
    report: ImportReport,
    /// It is running, and somebody runs it.
    alive: bool,
    /// Entries that the collection shows now.
    shown: String,
    params: Vec<(String, String)>,
}

struct Preview {
    recognised: String,
    rows: u64,
    /// Rows that look known, and by what rule.
    known: u64,
    /// Of those, rows that name an entry: of one that is deleted, and of one with other values.
    restored: u64,
    changed: u64,
    /// Rows that look known by what they hold alone.
    alike: u64,
    stored: u64,
    rule: String,
    refused: ImportReport,
    notices: Vec<String>,
    columns: Vec<String>,
    first: Vec<Vec<String>>,
    choices: Vec<Choice>,
    ours: bool,
}

impl ShowPage {
    fn percent(&self) -> i64 {
        self.import.handled * 100 / self.import.total.max(1)
    }

    /// Rows are being read or stored while somebody looks at the page.
    fn goes_on(&self) -> bool {
        let runs = matches!(self.import.state.as_str(), "running" | "updating");
        self.reading.is_some() || self.import.state == "cancelling" || self.alive && runs
    }

    /// The steps of an import: words, and whether each is done, is the present one, or comes.
    fn steps(&self) -> [(&'static str, &'static str); 3] {
        match self.import.state.as_str() {
            "uploaded" => [("The file", "done"), ("How it is read", "now"), ("Stored", "later")],
            "done" => [("The file", "done"), ("How it is read", "done"), ("Stored", "done")],
            _ => [("The file", "done"), ("How it is read", "done"), ("Stored", "now")],
        }
    }
}

#[get("/import/<id>")]
pub(super) async fn show(
    _staff: Staff,
    layout: Layout,
    entries: &State<Entries>,
    id: i64,
    uri: &Origin<'_>,
) -> Result<Html> {
    let import = find(entries, id).await?;
    let params = query_pairs(uri)?;
    let (mut preview, mut problem, mut reading) = (None, String::new(), None);
    if import.state == "uploaded" {
        match look(entries, &import, &params).await {
            Ok(Glance::Seen(seen)) => preview = Some(Preview::of(&seen)),
            Ok(Glance::Reading(rows)) => reading = Some(rows),
            Err(Error::Internal(source)) => return Err(Error::Internal(source)),
            Err(error) => problem = error.detail().into_owned(),
        }
    }
    let report: ImportReport = serde_json::from_str(&import.report).unwrap_or_default();
    let alive = entries.is_alive(&import);
    let shown = if import.state == "done" { shown(entries, &import.collection).await? } else { String::new() };
    render(&ShowPage { layout, import, preview, problem, reading, report, alive, shown, params })
}

enum Glance {
    Seen(Arc<Seen>),
    /// It takes a while; so many rows were read.
    Reading(u64),
}

async fn look(entries: &Entries, import: &ImportRow, params: &[(String, String)]) -> Result<Glance> {
    let look = entries.look(import, Options::of(params)?).await?;
    match look.within(entries.settings.list_budget).await {
        Some(seen) => Ok(Glance::Seen(seen.inspect_err(|_| entries.forget_look(import.id))?)),
        None => Ok(Glance::Reading(look.rows())),
    }
}

async fn find(entries: &Entries, id: i64) -> Result<ImportRow> {
    entries.find_import(id).await
}

/// How many entries somebody sees who opens the collection.
async fn shown(entries: &Entries, collection: &str) -> Result<String> {
    let params = [("_collection".to_owned(), collection.to_owned())];
    let query = entries.read_query(&params)?;
    let (count, more) = entries.count_of(&crate::entries::reader::Reader::System, &query).await?;
    Ok(count.map_or("many".into(), |count| crate::words::thousands(count) + if more { "+" } else { "" }))
}

impl Preview {
    fn of(seen: &Seen) -> Preview {
        let (survey, would) = (&seen.survey, &seen.would);
        let (columns, first) = survey.preview();
        Preview {
            recognised: seen.source.to_string(),
            rows: survey.rows,
            known: would.known + would.restored + would.changed,
            restored: would.restored,
            changed: would.changed,
            alike: would.known - would.by_number,
            stored: would.stored,
            rule: would.rule_words(),
            notices: would.notices.clone(),
            columns,
            first,
            choices: choices(&seen.source),
            ours: survey.ours,
            refused: survey.refused.clone(),
        }
    }
}

/// An option of reading: name and label; value, label and whether it is chosen of each of its choices.
type Choice = (&'static str, &'static str, Vec<(String, String, bool)>);

/// What was recognised, and what it could be instead.
fn choices(source: &Source) -> Vec<Choice> {
    let mut labels =
        vec!["UTF-8", "windows-1252", "UTF-16LE", "UTF-16BE", "windows-1251", "Shift_JIS", "GBK", "macintosh"];
    if !labels.contains(&source.encoding.name()) {
        labels.insert(0, source.encoding.name());
    }
    let encodings = labels.into_iter().map(|label| option(label, label, label == source.encoding.name())).collect();
    let (present, more) = match &source.shape {
        Structure::Table { dialect, header, .. } => ("table", of_a_table(*dialect, *header)),
        Structure::Lines => ("ndjson", Vec::new()),
        Structure::Document { list, lists } => ("json", of_a_document(list.as_deref(), lists)),
    };
    let label = |name: &str| match name {
        "table" => "a table",
        "json" => "a JSON document",
        _ => "JSON, an object on every line",
    };
    let formats = FORMATS.iter().map(|(name, _)| option(name, label(name), *name == present)).collect();
    [vec![("format", "Format", formats), ("encoding", "Encoding", encodings)], more].concat()
}

fn option(value: &str, label: &str, chosen: bool) -> (String, String, bool) {
    (value.to_owned(), label.to_owned(), chosen)
}

fn of_a_table(dialect: Dialect, header: bool) -> Vec<Choice> {
    let delimiters = DELIMITERS.iter().map(|(name, byte)| option(name, name, *byte == dialect.delimiter)).collect();
    let quotes = QUOTES.iter().map(|(name, quote)| option(name, name, *quote == dialect.quote)).collect();
    let headers = vec![option("yes", "names of columns", header), option("no", "data", !header)];
    vec![
        ("delimiter", "Between columns", delimiters),
        ("quote", "Quotes", quotes),
        ("header", "The first row holds", headers),
    ]
}

/// Which list of a document, if it has several.
fn of_a_document(list: Option<&[String]>, lists: &[List]) -> Vec<Choice> {
    let Some(path) = list.filter(|_| lists.len() > 1) else { return Vec::new() };
    let named = |path: &[String]| if path.is_empty() { "the document".into() } else { path.join(".") };
    let lists = lists.iter().map(|list| {
        let label = format!("{} ({})", named(&list.path), list.objects);
        (list.path.join("."), label, list.path == path)
    });
    vec![("list", "The entries are in", lists.collect())]
}

/// Starts a confirmed import, or goes on with one that broke off. The collection is made if it is not there.
#[post("/import/<id>", data = "<form>")]
pub(super) async fn start(staff: Staff, entries: &State<Entries>, id: i64, form: Fields) -> Result<SeeOther> {
    let import = find(entries, id).await?;
    if entries.is_importing(id) || matches!(import.state.as_str(), "done" | "cancelling" | "cancelled") {
        return Ok(see_other(format!("/import/{id}")));
    }
    let is_new = entries.collections.by_name(&import.collection).await?.is_none();
    if is_new && staff.0.role < Role::Owner {
        return Err(Error::Forbidden("Only an owner can create a collection: choose an existing one.".into()));
    }
    let options = if import.options.is_empty() { encode(&form.0) } else { import.options.clone() };
    let params = pairs(&options)?;
    let get = |name: &str| params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let how = How::parse(get("rows") == "all", get("ids"))?;
    let look = entries.look(&import, Options::of(&params)?).await?;
    entries.keep_import_options(id, &options).await?;
    entries.inner().clone().start_import(staff.author(), import, look, how).await?;
    Ok(see_other(format!("/import/{id}")))
}

/// Ends an import and takes back what it stored.
#[post("/import/<id>/cancellation")]
pub(super) async fn cancel(staff: Staff, entries: &State<Entries>, id: i64) -> Result<SeeOther> {
    let import = find(entries, id).await?;
    entries.cancel_import(&staff.author(), &import).await?;
    Ok(see_other(format!("/import/{id}")))
}
