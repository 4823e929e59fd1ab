//! The definition of a relay as a form.

use askama::Template;
use rocket::response::Flash;
use rocket::{State, get, post};

use super::typed::{definition_of, fields_of};
use crate::error::{Error, FieldError, Result, both, message};
use crate::relay::cached::Relays;
use crate::relay::stored::RelayName;
use crate::staff::{Framed, Layout, Owner};
use crate::web::{Fields, Html, SeeOther, render, told};

#[derive(Template)]
#[template(path = "relay/edit.html")]
struct EditPage {
    layout: Layout,
    /// Empty: it is to be made.
    name: String,
    key: String,
    version: i64,
    typed: Fields,
    errors: Vec<FieldError>,
}

impl EditPage {
    fn get(&self, field: &str) -> &str {
        self.typed.get(field)
    }

    /// A field of one of several.
    fn of(&self, list: &str, i: &usize, field: &str) -> &str {
        self.typed.get(&format!("{list}.{i}.{field}"))
    }

    fn has(&self, list: &str, i: &usize, field: &str, value: &str) -> bool {
        self.of(list, i, field) == value
    }

    fn wrong(&self, field: &str) -> String {
        message(&self.errors, field)
    }

    /// The first mistake in a field of one of several.
    fn wrong_at(&self, list: &str, i: &usize, field: &str) -> String {
        self.wrong_in(&format!("/{list}/{i}/{field}"))
    }

    /// The first mistake at a place or below it.
    fn wrong_in(&self, place: &str) -> String {
        let is_there = |error: &&FieldError| {
            let rest = error.pointer.as_deref().and_then(|pointer| pointer.strip_prefix(place));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.errors.iter().find(is_there).map_or(String::new(), |error| error.detail.clone())
    }

    /// As many as are there, and an empty one.
    fn indices(&self, list: &str) -> Vec<usize> {
        let marks: &[&str] = if list == "secret_headers" { &["name"] } else { &["name", "pool", "upstreams"] };
        let is_there = |i: &usize| marks.iter().any(|mark| !self.of(list, i, mark).is_empty());
        let count = (0..1000).rev().find(is_there).map_or(0, |last| last + 1);
        (0..=count).collect()
    }

    fn pools(&self) -> Vec<String> {
        let names = self.indices("pools").into_iter().map(|i| self.of("pools", &i, "name").to_owned());
        names.filter(|name| !name.is_empty()).collect()
    }

    /// Mistakes for which there is no field on the page.
    fn others(&self) -> String {
        let has_field = |error: &FieldError| {
            let pointer = error.pointer.as_deref().unwrap_or_default();
            let place = pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
            !matches!(place, "pools" | "rules") || pointer.matches('/').count() > 1
        };
        self.errors.iter().find(|error| !has_field(error)).map_or(String::new(), |error| {
            format!("{} {}", error.pointer.as_deref().unwrap_or_default().trim_start_matches('/'), error.detail)
        })
    }
}

/// The page again with what was typed, or where to go.
#[derive(rocket::Responder)]
pub(super) enum Saved {
    Lead(Flash<SeeOther>),
    #[response(status = 422)]
    Again(Html),
}

#[get("/relays/new")]
pub(super) async fn blank(owner: Framed<Owner>) -> Result<Html> {
    let defaults = [("mode", "forward"), ("access", "public"), ("rate", "50"), ("pools.0.name", "main")];
    let typed = Fields(defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let (name, key) = (String::new(), String::new());
    render(&EditPage { layout: owner.layout, name, key, version: 0, typed, errors: Vec::new() })
}

#[post("/relays", data = "<form>")]
pub(super) async fn create(owner: Framed<Owner>, relays: &State<Relays>, form: Fields) -> Result<Saved> {
    let made = match both(RelayName::parse(form.get("name")), definition_of(&form)) {
        Ok((name, definition)) => relays.create(&owner.by.author(), &name, definition).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(relay) => Ok(Saved::Lead(told(format!("/relays/{}", relay.name), "The relay passes requests on."))),
        Err(Error::Conflict(detail)) => again(owner.layout, "", form, vec![FieldError::at("/name", detail)]),
        Err(Error::Invalid(errors)) => again(owner.layout, "", form, errors),
        Err(error) => Err(error),
    }
}

fn again(layout: Layout, name: &str, typed: Fields, errors: Vec<FieldError>) -> Result<Saved> {
    let version = typed.get("version").parse().unwrap_or(0);
    render(&EditPage { layout, name: name.to_owned(), key: String::new(), version, typed, errors }).map(Saved::Again)
}

#[get("/relays/<name>/edit")]
pub(super) async fn edit(owner: Framed<Owner>, relays: &State<Relays>, name: &str) -> Result<Html> {
    let live = relays.get(name).await?;
    let relay = &live.relay;
    render(&EditPage {
        layout: owner.layout,
        name: relay.name.clone(),
        key: relay.relay_key.clone(),
        version: relay.version,
        typed: fields_of(&live.definition),
        errors: Vec::new(),
    })
}

#[post("/relays/<name>", data = "<form>")]
pub(super) async fn save(owner: Framed<Owner>, relays: &State<Relays>, name: &str, form: Fields) -> Result<Saved> {
    let live = relays.get(name).await?;
    if form.get("version") != live.relay.version.to_string() {
        return Err(Error::PreconditionFailed);
    }
    let saved = match definition_of(&form) {
        Ok(definition) => relays.change(&owner.by.author(), &live.relay, definition).await,
        Err(error) => Err(error),
    };
    match saved {
        Ok(_) => Ok(Saved::Lead(told(format!("/relays/{name}"), "Saved. It counts at once."))),
        Err(Error::Invalid(errors)) => again(owner.layout, name, form, errors),
        Err(error) => Err(error),
    }
}

#[post("/relays/<name>/key")]
pub(super) async fn renew_key(owner: Owner, relays: &State<Relays>, name: &str) -> Result<Flash<SeeOther>> {
    let live = relays.get(name).await?;
    relays.renew_key(&owner.author(), &live.relay).await?;
    Ok(told(format!("/relays/{name}/edit"), "It has a new key; the old one works no longer."))
}

#[post("/relays/<name>/deletion")]
pub(super) async fn remove(owner: Owner, relays: &State<Relays>, name: &str) -> Result<Flash<SeeOther>> {
    let live = relays.get(name).await?;
    relays.remove(&owner.author(), &live.relay).await?;
    Ok(told("/relays", format!("\"{name}\" is deleted. It can be restored.")))
}
