//! Pages of collections: all of them, one with its key, origins, pins and limits.

use askama::Template;
use rocket::request::FlashMessage;
use rocket::response::Flash;
use rocket::{Route, State, get, post, routes};
use std::sync::Arc;

use super::api::{data_field, find};
use super::settings::Settings;
use super::store::RefusedOrigin;
use super::{
    Changes, Collection, CollectionName, Collections, KEPT_DAYS, Known, NewCollection, RegisteredField, WebOrigin,
    service, store,
};
use crate::db::Pool;
use crate::entries::{Entries, Pin};
use crate::error::{Error, FieldError, Result, message};
use crate::moment::{DAY, Moment};
use crate::staff::{Layout, Owner, Role, Viewer};
use crate::web::{Fields, Html, SeeOther, WebHost, render, see_other};

pub fn routes() -> Vec<Route> {
    routes![index, make, show, change, new_key, delete, restore, allow, disallow, forget_field, pin, unpin]
}

#[derive(Template)]
#[template(path = "collections/index.html")]
struct IndexPage {
    layout: Layout,
    collections: Vec<Arc<Known>>,
    /// Those that can be restored, and the day on which they are removed for good.
    deleted: Vec<(Collection, Moment)>,
    is_owner: bool,
    note: String,
    name: String,
    errors: Vec<FieldError>,
}

async fn index_page(layout: Layout, db: &Pool, collections: &Collections) -> Result<IndexPage> {
    let gone = |collection: Collection| {
        let at = collection.deleted_at.unwrap_or(collection.created_at).plus(KEPT_DAYS * DAY);
        (collection, at)
    };
    Ok(IndexPage {
        is_owner: layout.person.as_ref().is_some_and(|person| person.role == Role::Owner),
        layout,
        collections: collections.list().await?,
        deleted: store::deleted(db).await?.into_iter().map(gone).collect(),
        note: String::new(),
        name: String::new(),
        errors: Vec::new(),
    })
}

#[get("/collections")]
async fn index(
    _viewer: Viewer,
    layout: Layout,
    db: &State<Pool>,
    collections: &State<Collections>,
    flash: Option<FlashMessage<'_>>,
) -> Result<Html> {
    let note = flash.map_or(String::new(), |flash| flash.message().to_owned());
    render(&IndexPage { note, ..index_page(layout, db, collections).await? })
}

/// Deletes a collection; it is listed among those that can be restored.
#[post("/collections/<name>/deletion", data = "<form>")]
async fn delete(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let known = find(collections, name).await?;
    let version = form.get("version").parse().ok();
    service::delete(db, &owner.author(), &known.collection, version, entries.clock().now()).await?;
    collections.changed();
    Ok(Flash::new(
        see_other("/collections"),
        "note",
        format!("\"{name}\" is deleted. It can be restored for {KEPT_DAYS} days."),
    ))
}

#[post("/collections/<name>/restoration")]
async fn restore(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
) -> Result<Flash<SeeOther>> {
    service::restore(db, &owner.author(), name, entries.clock().now()).await?;
    collections.changed();
    Ok(back(name, "It is back, with all its entries."))
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
            let page = index_page(layout, db, collections).await?;
            render(&IndexPage { name: form.get("name").to_owned(), errors, ..page }).map(Made::Again)
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
    settings: Settings,
    errors: Vec<FieldError>,
}

impl ShowPage {
    fn is_pinned(&self, path: &str) -> bool {
        self.pins.iter().any(|(pin, _)| pin.path == path)
    }

    fn wrong(&self, field: &str) -> String {
        message(&self.errors, field)
    }
}

async fn show_page(
    layout: Layout,
    host: WebHost,
    db: &Pool,
    entries: &Entries,
    collections: &Collections,
    name: &str,
) -> Result<ShowPage> {
    let known = find(collections, name).await?;
    collections.flush(entries.clock().now()).await?;
    let id = known.collection.id;
    Ok(ShowPage {
        is_owner: layout.person.as_ref().is_some_and(|person| person.role == Role::Owner),
        layout,
        host: host.0,
        integrity: crate::web::assets::integrity("snippet/frontdesk.min.js"),
        refused: store::refused_origins(db, id).await?,
        fields: store::fields(db, id).await?,
        pins: entries.pins(id).await?,
        settings: Settings::stored(&known.collection),
        known,
        note: String::new(),
        errors: Vec::new(),
    })
}

#[expect(clippy::too_many_arguments, reason = "the guards of a route are its parameters")]
#[get("/collections/<name>")]
async fn show(
    _viewer: Viewer,
    layout: Layout,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    host: WebHost,
    name: &str,
    flash: Option<FlashMessage<'_>>,
) -> Result<Html> {
    let note = flash.map_or(String::new(), |flash| flash.message().to_owned());
    render(&ShowPage { note, ..show_page(layout, host, db, entries, collections, name).await? })
}

fn back(name: &str, note: impl Into<String>) -> Flash<SeeOther> {
    Flash::new(see_other(format!("/collections/{name}")), "note", note.into())
}

#[derive(rocket::Responder)]
enum Changed {
    Lead(Flash<SeeOther>),
    #[response(status = 422)]
    Wrong(Html),
    /// Somebody else changed them meanwhile.
    #[response(status = 412)]
    Outdated(Html),
}

/// Changes the settings, if nobody else did since the form was shown. A form that is refused comes back as it was filled.
#[expect(clippy::too_many_arguments, reason = "the guards of a route are its parameters")]
#[post("/collections/<name>", data = "<form>")]
async fn change(
    owner: Owner,
    layout: Layout,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    host: WebHost,
    name: &str,
    form: Fields,
) -> Result<Changed> {
    let known = find(collections, name).await?;
    let settings = Settings::typed(&form);
    let now = entries.clock().now();
    let changed = match settings.changes() {
        Ok(_) if form.get("version") != known.collection.version.to_string() => Err(Error::PreconditionFailed),
        Ok(changes) => service::change(db, &owner.author(), &known.collection, changes, now).await,
        Err(error) => Err(error),
    };
    collections.changed();
    let refused = match changed {
        Ok(_) => return Ok(Changed::Lead(back(name, "Saved."))),
        Err(error @ (Error::Invalid(_) | Error::PreconditionFailed)) => error,
        Err(error) => return Err(error),
    };
    let page = show_page(layout, host, db, entries, collections, name).await?;
    if let Error::Invalid(errors) = refused {
        return render(&ShowPage { settings, errors, ..page }).map(Changed::Wrong);
    }
    let note = "Somebody changed these settings meanwhile, and nothing was saved. What you typed is in the form: compare it with what holds \
                now, then save it again."
        .to_owned();
    render(&ShowPage { settings, note, ..page }).map(Changed::Outdated)
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
