//! Importing a file.

use askama::Template;
use rocket::{State, get, post};

use crate::collections::{Collection, CollectionName, NewCollection, create};
use crate::entries::import::{ImportReport, Source};
use crate::entries::service::Entries;
use crate::error::{Error, Result};
use crate::staff::{Author, Layout, Role, Staff};
use crate::web::{Fields, Html, render};

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
pub(super) async fn import_form(_staff: Staff, layout: Layout, entries: &State<Entries>) -> Result<Html> {
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
pub(super) async fn import(staff: Staff, layout: Layout, entries: &State<Entries>, form: Fields) -> Result<Html> {
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
