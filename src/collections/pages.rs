//! Pages of collections: all of them, and what is done with one. The page of one is among those of entries, whose fields it
//! shows.

use askama::Template;
use rocket::response::Flash;
use rocket::{Route, State, get, post, routes};
use std::sync::Arc;

use super::{CachedCollection, Changes, Collection, CollectionName, Collections, KEPT_DAYS, NewCollection, WebOrigin};
use crate::error::{Error, FieldError, Result};
use crate::moment::{DAY, Moment};
use crate::staff::{Layout, Owner, Role, Viewer};
use crate::web::{Fields, Html, Note, SeeOther, render, see_other, told};

pub fn routes() -> Vec<Route> {
    routes![index, create, new_key, remove, restore, allow, disallow]
}

#[derive(Template)]
#[template(path = "collections/index.html")]
struct IndexPage {
    layout: Layout,
    collections: Vec<Arc<CachedCollection>>,
    /// Those that can be restored, and the day on which they are removed for good.
    deleted: Vec<(Collection, Moment)>,
    is_owner: bool,
    note: String,
    name: String,
    errors: Vec<FieldError>,
}

async fn index_page(layout: Layout, collections: &Collections) -> Result<IndexPage> {
    let gone = |collection: Collection| {
        let at = collection.deleted_at.unwrap_or(collection.created_at).plus(KEPT_DAYS * DAY);
        (collection, at)
    };
    Ok(IndexPage {
        is_owner: layout.person.as_ref().is_some_and(|person| person.role == Role::Owner),
        layout,
        collections: collections.list().await?,
        deleted: collections.deleted().await?.into_iter().map(gone).collect(),
        note: String::new(),
        name: String::new(),
        errors: Vec::new(),
    })
}

#[get("/collections")]
async fn index(_viewer: Viewer, layout: Layout, collections: &State<Collections>, note: Note) -> Result<Html> {
    render(&IndexPage { note: note.0, ..index_page(layout, collections).await? })
}

/// Deletes a collection; it is listed among those that can be restored.
#[post("/collections/<name>/deletion", data = "<form>")]
async fn remove(owner: Owner, collections: &State<Collections>, name: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let known = collections.get(name).await?;
    let version = form.get("version").parse().ok();
    collections.remove(&owner.author(), &known.collection, version).await?;
    Ok(told("/collections", format!("\"{name}\" is deleted. It can be restored for {KEPT_DAYS} days.")))
}

#[post("/collections/<name>/restoration")]
async fn restore(owner: Owner, collections: &State<Collections>, name: &str) -> Result<Flash<SeeOther>> {
    collections.restore(&owner.author(), name).await?;
    Ok(back(name, "It is back, with all its entries."))
}

#[derive(rocket::Responder)]
enum Made {
    Lead(SeeOther),
    #[response(status = 422)]
    Again(Html),
}

#[post("/collections", data = "<form>")]
async fn create(owner: Owner, layout: Layout, collections: &State<Collections>, form: Fields) -> Result<Made> {
    let made = match CollectionName::parse(form.get("name")) {
        Ok(name) => {
            let new = NewCollection {
                name,
                title: form.get("title").to_owned(),
                open: form.get("open") == "1",
                public_read: false,
                kind: "entries".into(),
                origins: Vec::new(),
            };
            collections.create(&owner.author(), new).await
        }
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => Ok(Made::Lead(see_other(format!("/collections/{}", made.name)))),
        Err(Error::Internal(source)) => Err(Error::Internal(source)),
        Err(error) => {
            let errors = vec![FieldError::at(
                "/name",
                error.errors().first().map_or_else(|| error.detail().into_owned(), |e| e.detail.clone()),
            )];
            let page = index_page(layout, collections).await?;
            render(&IndexPage { name: form.get("name").to_owned(), errors, ..page }).map(Made::Again)
        }
    }
}

fn back(name: &str, note: impl Into<String>) -> Flash<SeeOther> {
    told(format!("/collections/{name}"), note)
}

#[post("/collections/<name>/key")]
async fn new_key(owner: Owner, collections: &State<Collections>, name: &str) -> Result<Flash<SeeOther>> {
    let known = collections.get(name).await?;
    let changes = Changes { new_key: true, ..Changes::default() };
    collections.change(&owner.author(), &known.collection, changes).await?;
    Ok(back(name, "There is a new key. Put it into your pages; the old one no longer works."))
}

#[post("/collections/<name>/origins", data = "<form>")]
async fn allow(owner: Owner, collections: &State<Collections>, name: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let known = collections.get(name).await?;
    let origin = WebOrigin::parse(form.get("origin"))?;
    collections.allow_origin(&owner.author(), &known.collection, &origin).await?;
    Ok(back(name, format!("Pages of {} may send now.", origin.as_str())))
}

#[post("/collections/<name>/origins/removal", data = "<form>")]
async fn disallow(owner: Owner, collections: &State<Collections>, name: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let known = collections.get(name).await?;
    collections.remove_origin(&owner.author(), &known.collection, form.get("origin")).await?;
    Ok(back(name, "Removed."))
}
