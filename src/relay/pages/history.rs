//! What a relay was, and taking one of that again.

use std::sync::Arc;

use askama::Template;
use rocket::response::Flash;
use rocket::{State, get, post};

use crate::error::Result;
use crate::relay::cached::Relays;
use crate::relay::live::LiveRelay;
use crate::relay::stored::Edition;
use crate::staff::{Framed, Layout, Owner, Role, Viewer};
use crate::web::{Html, SeeOther, item_id, render, told};

#[derive(Template)]
#[template(path = "relay/history.html")]
struct HistoryPage {
    layout: Layout,
    live: Arc<LiveRelay>,
    is_owner: bool,
    tab: &'static str,
    /// The newest first, each with what differs from the one before.
    editions: Vec<(Edition, String)>,
}

#[get("/relays/<name>/history")]
pub(super) async fn history(viewer: Framed<Viewer>, relays: &State<Relays>, name: &str) -> Result<Html> {
    let live = relays.get(name).await?;
    let editions = relays.editions(&live.relay).await?;
    let words =
        editions.iter().enumerate().map(|(i, edition)| differs(edition, editions.get(i + 1))).collect::<Vec<_>>();
    render(&HistoryPage {
        is_owner: viewer.by.0.role == Role::Owner,
        layout: viewer.layout,
        live,
        tab: "history",
        editions: editions.into_iter().zip(words).collect(),
    })
}

/// The fields in which two editions differ.
fn differs(edition: &Edition, before: Option<&Edition>) -> String {
    let Some(before) = before else { return "made".into() };
    let read =
        |text: &str| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).unwrap_or_default();
    let (new, old) = (read(&edition.definition), read(&before.definition));
    let changed: Vec<_> = new
        .iter()
        .filter(|(name, value)| old.get(*name) != Some(value))
        .map(|(name, _)| name.replace('_', " "))
        .collect();
    if changed.is_empty() { "a new key, or a secret".into() } else { changed.join(", ") }
}

#[post("/relays/<name>/editions/<version>/restoration")]
pub(super) async fn undo(owner: Owner, relays: &State<Relays>, name: &str, version: &str) -> Result<Flash<SeeOther>> {
    let live = relays.get(name).await?;
    relays.undo(&owner.author(), &live.relay, item_id(version)?).await?;
    Ok(told(format!("/relays/{name}"), format!("It is as it was in version {version}.")))
}
