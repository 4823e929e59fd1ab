//! Pages of entries: home, the browse page, one entry, import, the playground.

mod browse;
mod entry;
mod import;
mod marks;

use askama::Template;
use rocket::{Route, State, get, routes};

use super::reading::Reader;
use super::service::Entries;
use super::views::{Side, side};
use crate::error::Result;
use crate::staff::{Layout, Viewer};
use crate::web::{Html, WebHost, render};

pub use browse::{ListView, Toast, list_page};
pub use import::find_or_make;

pub fn routes() -> Vec<Route> {
    routes![
        home,
        entry::entry,
        marks::mark,
        marks::unmark,
        marks::export_marked,
        marks::save_view,
        marks::delete_view,
        marks::choose_columns,
        import::import_form,
        import::import,
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
