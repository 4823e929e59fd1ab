//! The page of a collection: its key, origins, settings, fields and pins.

use std::sync::Arc;

use askama::Template;
use rocket::response::Flash;
use rocket::{State, get, post};

use crate::collections::{CachedCollection, Collections, RefusedOrigin, RegisteredField, Settings};
use crate::entries::service::Entries;
use crate::entries::store::Pin;
use crate::entries::system::data_field;
use crate::error::{Error, FieldError, Result, message};
use crate::staff::{Framed, Layout, Owner, Role, Viewer};
use crate::web::{Fields, Html, Note, SeeOther, WebHost, render, told};

#[derive(Template)]
#[template(path = "collections/show.html")]
struct ShowPage {
    layout: Layout,
    host: String,
    integrity: String,
    known: Arc<CachedCollection>,
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
    entries: &Entries,
    collections: &Collections,
    name: &str,
) -> Result<ShowPage> {
    let known = collections.get(name).await?;
    let id = known.collection.id;
    Ok(ShowPage {
        is_owner: layout.person.as_ref().is_some_and(|person| person.role == Role::Owner),
        layout,
        host: host.0,
        integrity: crate::web::assets::integrity("snippet/frontdesk.min.js"),
        refused: collections.refused_origins(id).await?,
        fields: collections.fields(id).await?,
        pins: entries.pins(id).await?,
        settings: Settings::stored(&known.collection),
        known,
        note: String::new(),
        errors: Vec::new(),
    })
}

#[get("/collections/<name>")]
pub(super) async fn show(
    page: Framed<Viewer>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    host: WebHost,
    name: &str,
    note: Note,
) -> Result<Html> {
    render(&ShowPage { note: note.0, ..show_page(page.layout, host, entries, collections, name).await? })
}

fn back(name: &str, note: impl Into<String>) -> Flash<SeeOther> {
    told(format!("/collections/{name}"), note)
}

#[derive(rocket::Responder)]
pub(super) enum Changed {
    Lead(Flash<SeeOther>),
    #[response(status = 422)]
    Wrong(Html),
    /// Somebody else changed them meanwhile.
    #[response(status = 412)]
    Outdated(Html),
}

/// Changes the settings, if nobody else did since the form was shown. A form that is refused comes back as it was filled.
#[post("/collections/<name>", data = "<form>")]
pub(super) async fn change(
    page: Framed<Owner>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    host: WebHost,
    name: &str,
    form: Fields,
) -> Result<Changed> {
    let known = collections.get(name).await?;
    let settings = Settings::typed(&form);
    let changed = match settings.changes() {
        Ok(_) if form.get("version") != known.collection.version.to_string() => Err(Error::PreconditionFailed),
        Ok(changes) => collections.change(&page.by.author(), &known.collection, changes).await,
        Err(error) => Err(error),
    };
    let refused = match changed {
        Ok(_) => return Ok(Changed::Lead(back(name, "Saved."))),
        Err(error @ (Error::Invalid(_) | Error::PreconditionFailed)) => error,
        Err(error) => return Err(error),
    };
    let page = show_page(page.layout, host, entries, collections, name).await?;
    if let Error::Invalid(errors) = refused {
        return render(&ShowPage { settings, errors, ..page }).map(Changed::Wrong);
    }
    let note = "Somebody changed these settings meanwhile, and nothing was saved. What you typed is in the form: compare it with what holds \
                now, then save it again."
        .to_owned();
    render(&ShowPage { settings, note, ..page }).map(Changed::Outdated)
}

#[post("/collections/<name>/fields/removal", data = "<form>")]
pub(super) async fn forget_field(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let known = collections.get(name).await?;
    let path = data_field(form.get("field"))?;
    entries.forget_field(&owner.author(), &known, &path).await?;
    Ok(back(
        name,
        format!("\"{path}\" is forgotten. What entries hold stays; one that brings it again lists it again."),
    ))
}

#[post("/collections/<name>/pins", data = "<form>")]
pub(super) async fn pin(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let known = collections.get(name).await?;
    let path = data_field(form.get("field"))?;
    entries.pin(Some(&owner.author()), &known, &path).await?;
    let entries = entries.inner().clone();
    tokio::spawn(async move { entries.build_pins_or_log().await });
    Ok(back(name, format!("The index of \"{path}\" is being built.")))
}

#[post("/collections/<name>/pins/<id>/removal")]
pub(super) async fn unpin(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    id: i64,
) -> Result<Flash<SeeOther>> {
    let known = collections.get(name).await?;
    entries.unpin(&owner.author(), &known, id).await?;
    Ok(back(name, "Unpinned."))
}
