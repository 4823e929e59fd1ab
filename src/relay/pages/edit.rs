//! The definition of a relay as a form.

use askama::Template;
use rocket::response::Flash;
use rocket::{State, get, post};

use super::typed::{definition_of, fields_of, renamed};
use crate::error::{Error, FieldError, Result, both, message};
use crate::relay::cached::Relays;
use crate::relay::live::LiveRelay;
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
    /// Secret headers that have a value.
    stored: Vec<String>,
    errors: Vec<FieldError>,
}

/// What stands in the fold of a pool.
const FOLDED: [&str; 7] =
    ["health_path", "hash_on", "health_ms", "first_byte_ms", "idle_ms", "whole_ms", "last_resort"];

impl EditPage {
    /// There is a mistake in the fold of a pool.
    fn is_wrong_inside(&self, i: &usize) -> bool {
        FOLDED.iter().any(|field| !self.wrong_at("pools", i, field).is_empty())
    }

    /// A secret header has a value that may stay.
    fn is_stored(&self, i: &usize) -> bool {
        self.stored.iter().any(|name| name == self.of("secret_headers", i, "name"))
    }

    /// How many mistakes there are, for the top of the page.
    fn summary(&self) -> String {
        match (self.errors.len(), self.others()) {
            (0, _) => String::new(),
            (1, only) if only.is_empty() => "Not saved: there is a mistake, told at its field.".into(),
            (count, only) if only.is_empty() => format!("Not saved: there are {count} mistakes, told at their fields."),
            (_, other) => format!("Not saved: {}", other.trim()),
        }
    }

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
            match place {
                "" => false,
                "pools" | "rules" => pointer.matches('/').count() > 1,
                _ => true,
            }
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
    /// Room for more was asked for.
    More(Html),
    #[response(status = 422)]
    Again(Html),
}

#[get("/relays/new")]
pub(super) async fn blank(owner: Framed<Owner>) -> Result<Html> {
    let defaults =
        [("mode", "forward"), ("access", "public"), ("rate", "50"), ("pools.0.name", "main"), ("default_pool", "main")];
    let typed = Fields(defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let (name, key) = (String::new(), String::new());
    render(&EditPage { layout: owner.layout, name, key, version: 0, typed, stored: Vec::new(), errors: Vec::new() })
}

#[post("/relays", data = "<form>")]
pub(super) async fn create(owner: Framed<Owner>, relays: &State<Relays>, form: Fields) -> Result<Saved> {
    let form = renamed(form);
    let page = EditPage {
        layout: owner.layout,
        name: String::new(),
        key: String::new(),
        version: 0,
        typed: form,
        stored: Vec::new(),
        errors: Vec::new(),
    };
    if !page.get("more").is_empty() {
        return render(&page).map(Saved::More);
    }
    let made = match both(RelayName::parse(page.get("name")), definition_of(&page.typed)) {
        Ok((name, definition)) => relays.create(&owner.by.author(), &name, definition).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(relay) => Ok(Saved::Lead(told(format!("/relays/{}", relay.name), "The relay passes requests on."))),
        Err(Error::Conflict(detail)) => again(page, vec![FieldError::at("/name", detail)]),
        Err(Error::Invalid(errors)) => again(page, errors),
        Err(error) => Err(error),
    }
}

fn again(page: EditPage, errors: Vec<FieldError>) -> Result<Saved> {
    render(&EditPage { errors, ..page }).map(Saved::Again)
}

#[get("/relays/<name>/edit")]
pub(super) async fn edit(owner: Framed<Owner>, relays: &State<Relays>, name: &str) -> Result<Html> {
    let live = relays.get(name).await?;
    render(&page_of(owner.layout, &live, fields_of(&live.definition)))
}

fn page_of(layout: Layout, live: &LiveRelay, typed: Fields) -> EditPage {
    let relay = &live.relay;
    EditPage {
        layout,
        name: relay.name.clone(),
        key: relay.relay_key.clone(),
        version: relay.version,
        typed,
        stored: relay.secrets().into_keys().collect(),
        errors: Vec::new(),
    }
}

#[post("/relays/<name>", data = "<form>")]
pub(super) async fn save(owner: Framed<Owner>, relays: &State<Relays>, name: &str, form: Fields) -> Result<Saved> {
    let live = relays.get(name).await?;
    let page = page_of(owner.layout, &live, renamed(form));
    if !page.get("more").is_empty() {
        return render(&page).map(Saved::More);
    }
    if page.get("version") != live.relay.version.to_string() {
        let detail = "somebody changed it meanwhile. What you typed is below; saving it again replaces their change.";
        return again(page, vec![FieldError::at("", detail)]);
    }
    let saved = match definition_of(&page.typed) {
        Ok(definition) => relays.change(&owner.by.author(), &live.relay, definition).await,
        Err(error) => Err(error),
    };
    match saved {
        Ok(_) => Ok(Saved::Lead(told(format!("/relays/{name}"), "Saved. It counts at once."))),
        Err(Error::Invalid(errors)) => again(page, errors),
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
