//! All relays.

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use rocket::response::Flash;
use rocket::{State, get, post};

use crate::error::Result;
use crate::relay::cached::Relays;
use crate::relay::definition::Access;
use crate::relay::live::LiveRelay;
use crate::relay::stored::Relay;
use crate::relay::watch::{Back, Sum};
use crate::staff::{Framed, Layout, Owner, Role, Viewer};
use crate::web::{Html, Note, SeeOther, render, told};

#[derive(Template)]
#[template(path = "relay/index.html")]
struct IndexPage {
    layout: Layout,
    relays: Vec<Line>,
    deleted: Vec<Relay>,
    is_owner: bool,
    note: String,
}

/// A relay in the list.
struct Line {
    live: Arc<LiveRelay>,
    upstreams: usize,
    /// Of those, how many get no requests.
    missing: usize,
    hour: Sum,
}

impl Line {
    fn access(&self) -> &'static str {
        match self.live.access() {
            Access::Public => "anyone",
            Access::Key => "with its key",
            Access::SignedIn => "people signed in",
        }
    }
}

#[get("/relays")]
pub(super) async fn index(viewer: Framed<Viewer>, relays: &State<Relays>, note: Note) -> Result<Html> {
    let now = Instant::now();
    let line = |live: Arc<LiveRelay>| {
        let all = || live.pools.iter().flat_map(|pool| &pool.upstreams);
        let missing = all().filter(|upstream| !upstream.is_well(now)).count();
        Line { upstreams: all().count(), missing, hour: live.sum(relays.now(), Back::Hour), live }
    };
    let is_owner = viewer.by.0.role == Role::Owner;
    render(&IndexPage {
        layout: viewer.layout,
        relays: relays.list().await?.into_iter().map(line).collect(),
        deleted: if is_owner { relays.deleted().await? } else { Vec::new() },
        is_owner,
        note: note.0,
    })
}

/// Brings a deleted relay back.
#[post("/relays/<name>/restoration")]
pub(super) async fn restore(owner: Owner, relays: &State<Relays>, name: &str) -> Result<Flash<SeeOther>> {
    relays.restore(&owner.author(), name).await?;
    Ok(told(format!("/relays/{name}"), "It is back."))
}
