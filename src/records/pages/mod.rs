//! Staff pages of records: list, form, import. The same for every resource, mounted at its address.

mod form;
mod import;
mod list;

use askama::Template;
use rocket::http::uri::Origin;
use rocket::{Route, State, get, routes};

use super::api::{Catalogue, read_query};
use super::{Records, Resource};
use crate::error::Result;
use crate::staff::{Layout, Viewer};
use crate::web::{Html, render};

pub use list::{Index, ListPage};

/// The pages of one resource, to be mounted at its path.
pub fn routes() -> Vec<Route> {
    routes![
        list::index,
        form::new_form,
        form::create,
        import::import_form,
        import::import,
        import::confirm,
        form::form,
        form::change,
        form::remove,
        form::restore
    ]
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
