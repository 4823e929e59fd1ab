//! Pages of entries: home, the browse page, one entry, import, the playground.

mod browse;
mod collection;
mod entry;
mod import;
mod marks;
mod visitor;
mod work;

use askama::Template;
use rocket::{Route, State, get, routes};

use super::service::Entries;
use super::views::{Side, side};
use crate::collections::DEFAULT_COLLECTION;
use crate::error::{Error, Result};
use crate::staff::{Layout, Viewer};
use crate::web::{Html, WebHost, render};

pub use browse::{ListView, Toast, list_page};
pub use visitor::{refused, thanks};

pub fn routes() -> Vec<Route> {
    routes![
        home,
        entry::entry,
        collection::show,
        collection::change,
        collection::forget_field,
        collection::pin,
        collection::unpin,
        work::work,
        work::data,
        work::take_back,
        marks::mark,
        marks::unmark,
        marks::export_marked,
        marks::save_view,
        marks::remove_view,
        marks::choose_columns,
        import::import_form,
        import::upload,
        import::show,
        import::start,
        import::cancel,
        playground
    ]
}

#[derive(Template)]
#[template(path = "entries/home.html")]
struct HomePage {
    layout: Layout,
    host: String,
    collections: Vec<Side>,
    /// The collection whose snippet is shown, and its key.
    collection: String,
    key: String,
}

/// `collection` chooses whose snippet is shown: `default` unless it names another.
#[get("/?<collection>", rank = 1)]
async fn home(
    _viewer: Viewer,
    layout: Layout,
    entries: &State<Entries>,
    host: WebHost,
    collection: Option<&str>,
) -> Result<Html> {
    let all = entries.collections.list().await?;
    let named = |name: &str| all.iter().find(|known| known.collection.name == name);
    let chosen = collection.and_then(named).or_else(|| named(DEFAULT_COLLECTION)).or_else(|| all.first());
    let chosen = chosen.ok_or_else(|| Error::NotFound("There is no collection yet.".into()))?;
    let (collection, key) = (chosen.collection.name.clone(), chosen.collection.publishable_key.clone());
    let collections = side(entries, Some(&collection)).await?;
    render(&HomePage { layout, host: host.0, collections, collection, key })
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
