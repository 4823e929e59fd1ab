//! Pages of collections: all of them, one with its key, origins, pins and limits.

use askama::Template;
use rocket::request::FlashMessage;
use rocket::response::Flash;
use rocket::{Route, State, get, post, routes};
use std::sync::Arc;

use super::api::{data_field, find};
use super::store::RefusedOrigin;
use super::{Changes, CollectionName, Collections, Known, NewCollection, RegisteredField, WebOrigin, service, store};
use crate::db::Pool;
use crate::entries::{Entries, Pin};
use crate::error::{Error, FieldError, Result};
use crate::staff::{Layout, Owner, Viewer};
use crate::web::{Fields, Html, SeeOther, WebHost, render, see_other};

pub fn routes() -> Vec<Route> {
    routes![index, make, show, change, new_key, allow, disallow, forget_field, pin, unpin]
}

#[derive(Template)]
#[template(path = "collections/index.html")]
struct IndexPage {
    layout: Layout,
    collections: Vec<Arc<Known>>,
    name: String,
    errors: Vec<FieldError>,
}

#[get("/collections")]
async fn index(_viewer: Viewer, layout: Layout, collections: &State<Collections>) -> Result<Html> {
    render(&IndexPage { layout, collections: collections.list().await?, name: String::new(), errors: Vec::new() })
}

#[derive(rocket::Responder)]
enum Made {
    Lead(SeeOther),
    #[response(status = 422)]
    Again(Html),
}

#[post("/collections", data = "<form>")]
async fn make(
    owner: Owner,
    layout: Layout,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    form: Fields,
) -> Result<Made> {
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
            service::create(db, &owner.author(), new, entries.clock().now()).await
        }
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => {
            collections.changed();
            Ok(Made::Lead(see_other(format!("/collections/{}", made.name))))
        }
        Err(Error::Internal(source)) => Err(Error::Internal(source)),
        Err(error) => {
            let errors = vec![FieldError::at(
                "/name",
                error.errors().first().map_or_else(|| error.detail().into_owned(), |e| e.detail.clone()),
            )];
            let page =
                IndexPage { layout, collections: collections.list().await?, name: form.get("name").to_owned(), errors };
            render(&page).map(Made::Again)
        }
    }
}

#[derive(Template)]
#[template(path = "collections/show.html")]
struct ShowPage {
    layout: Layout,
    host: String,
    integrity: String,
    known: Arc<Known>,
    refused: Vec<RefusedOrigin>,
    fields: Vec<RegisteredField>,
    pins: Vec<(Pin, i64)>,
    is_owner: bool,
    note: String,
}

impl ShowPage {
    fn is_pinned(&self, path: &str) -> bool {
        self.pins.iter().any(|(pin, _)| pin.path == path)
    }
}

#[expect(clippy::too_many_arguments, reason = "the guards of a route are its parameters")]
#[get("/collections/<name>")]
async fn show(
    viewer: Viewer,
    layout: Layout,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    host: WebHost,
    name: &str,
    flash: Option<FlashMessage<'_>>,
) -> Result<Html> {
    let known = find(collections, name).await?;
    collections.flush(entries.clock().now()).await?;
    let id = known.collection.id;
    render(&ShowPage {
        layout,
        host: host.0,
        integrity: crate::web::assets::integrity("snippet/frontdesk.min.js"),
        refused: store::refused_origins(db, id).await?,
        fields: store::fields(db, id).await?,
        pins: entries.pins(id).await?,
        known,
        is_owner: viewer.0.role == crate::staff::Role::Owner,
        note: flash.map_or(String::new(), |flash| flash.message().to_owned()),
    })
}

fn back(name: &str, note: impl Into<String>) -> Flash<SeeOther> {
    Flash::new(see_other(format!("/collections/{name}")), "note", note.into())
}

#[post("/collections/<name>", data = "<form>")]
async fn change(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let known = find(collections, name).await?;
    let number = |field: &str| match form.get(field).trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Error::invalid(format!("/{field}"), "must be a number or empty")),
    };
    let changes = Changes {
        title: Some(form.get("title").to_owned()),
        open: Some(form.get("open") == "1"),
        public_read: Some(form.get("public_read") == "1"),
        retention_days: Some(number("retention_days")?),
        daily_quota: Some(number("daily_quota")?),
        checks: Some(form.get("checks").to_owned()).filter(|checks| !checks.trim().is_empty()),
        new_key: false,
    };
    service::change(db, &owner.author(), &known.collection, changes, entries.clock().now()).await?;
    collections.changed();
    Ok(back(name, "Saved."))
}

#[post("/collections/<name>/key")]
async fn new_key(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
) -> Result<Flash<SeeOther>> {
    let known = find(collections, name).await?;
    let changes = Changes { new_key: true, ..Changes::default() };
    service::change(db, &owner.author(), &known.collection, changes, entries.clock().now()).await?;
    collections.changed();
    Ok(back(name, "There is a new key. Put it into your pages; the old one no longer works."))
}

#[post("/collections/<name>/origins", data = "<form>")]
async fn allow(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let known = find(collections, name).await?;
    let origin = WebOrigin::parse(form.get("origin"))?;
    service::allow_origin(db, &owner.author(), &known.collection, &origin, entries.clock().now()).await?;
    collections.changed();
    Ok(back(name, format!("Pages of {} may send now.", origin.as_str())))
}

#[post("/collections/<name>/origins/removal", data = "<form>")]
async fn disallow(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let known = find(collections, name).await?;
    let (by, now) = (owner.author(), entries.clock().now());
    service::remove_origin(db, &by, &known.collection, form.get("origin"), now).await?;
    collections.changed();
    Ok(back(name, "Removed."))
}

#[post("/collections/<name>/fields/removal", data = "<form>")]
async fn forget_field(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let known = find(collections, name).await?;
    let path = data_field(form.get("field"))?;
    entries.forget_field(&owner.author(), &known, &path).await?;
    Ok(back(
        name,
        format!("\"{path}\" is forgotten. What entries hold stays; one that brings it again lists it again."),
    ))
}

#[post("/collections/<name>/pins", data = "<form>")]
async fn pin(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let known = find(collections, name).await?;
    let path = data_field(form.get("field"))?;
    entries.pin(Some(&owner.author()), &known, &path).await?;
    let entries = entries.inner().clone();
    tokio::spawn(async move { entries.build_pins_or_log().await });
    Ok(back(name, format!("The index of \"{path}\" is being built.")))
}

#[post("/collections/<name>/pins/<id>/removal")]
async fn unpin(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    id: i64,
) -> Result<Flash<SeeOther>> {
    let known = find(collections, name).await?;
    entries.unpin(&owner.author(), &known, id).await?;
    Ok(back(name, "Unpinned."))
}
