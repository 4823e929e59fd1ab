//! Entries: what web pages send, kept safely, listed, filtered and exported.
//!
//! What always holds: an entry is a JSON object, stored as it was sent; a client id (`_uid`) is stored once
//! per collection for good; deleting is a mark that can be taken back until the retention sweep; the same
//! query gives the same entries in every format.

mod add;
mod added;
mod api;
mod body;
mod changing;
mod chart;
mod counting;
mod downloads;
mod entry;
mod export;
mod fields;
mod form;
mod import;
mod intake;
mod limits;
mod look;
mod multipart;
mod order;
mod pages;
mod path_sql;
mod pin;
mod pins;
mod reader;
mod reading;
mod recording;
mod refusal;
mod saved;
mod scope;
mod seen;
mod service;
mod slow;
mod snippet;
mod sql;
mod store;
mod submission;
mod system;
mod upkeep;
mod views;
mod work;

use rocket::{Build, Orbit, Rocket};

use crate::collections::{self, Collections};
use crate::domain::{Domain, Ground, Job};
use crate::staff::{Area, NavGroup, NavLink, Role};
use crate::web::Icon;

pub use entry::{Entry, EntryId, Kept, NewEntry, Outcome};
pub use import::{How, ImportReport, Survey};
pub use intake::Tally;
pub use limits::RateSettings;
pub use reader::Reader;
pub use service::{Entries, Settings};
pub use store::{Pin, SavedView};
pub use system::{GRAMMAR, parse_query};

static AREAS: [Area; 3] = [
    Area { address: "/list", reads: &collections::READ, writes: &collections::WRITE },
    Area { address: "/csv", reads: &collections::READ, writes: &collections::WRITE },
    Area { address: "/api/v1/entries", reads: &collections::READ, writes: &collections::WRITE },
];

static NAVIGATION: [NavLink; 4] = [
    link("Overview", Icon::Home, "/", &[""], 0),
    NavLink { key: Some('e'), ..link("Entries", Icon::Entries, "/list", &["list", "entries"], 10) },
    NavLink { group: NavGroup::Manage, ..link("Import", Icon::Download, "/import", &["import"], 50) },
    NavLink { group: NavGroup::Manage, ..link("Playground", Icon::Code, "/playground", &["playground"], 60) },
];

const fn link(
    name: &'static str,
    icon: Icon,
    href: &'static str,
    places: &'static [&'static str],
    rank: u8,
) -> NavLink {
    NavLink { name, icon, group: NavGroup::Work, href, places, key: None, role: Role::Viewer, rank }
}

/// Everything that the application needs to know of entries.
pub fn domain() -> Domain {
    Domain {
        apis: vec![("/", add::api()), ("/", api::api())],
        pages: [snippet::routes(), pages::routes()].concat(),
        areas: &AREAS,
        tags: &[("entries", "What pages send, to be listed and exported")],
        schemas: Some(api::schemas),
        navigation: &NAVIGATION,
        manage: Some(manage),
        jobs: Some(jobs),
        stop: Some(|rocket| Box::pin(async { stop(rocket).await })),
        ..Domain::new("entries")
    }
}

fn manage(rocket: Rocket<Build>, ground: &Ground<'_>) -> Rocket<Build> {
    let collections = rocket.state::<Collections>().expect("collections stand before entries in app.rs").clone();
    let settings = Settings::of(ground.config, ground.secret);
    rocket.manage(Entries::new(ground.pool.clone(), ground.clock.clone(), collections, settings))
}

fn jobs(rocket: &Rocket<Orbit>) -> Vec<Job> {
    let Some(entries) = rocket.state::<Entries>() else { return Vec::new() };
    vec![
        Job::new("counts of fields and refused origins", entries, async |entries| entries.write_down().await),
        Job::new("pins of slow filters", entries, async |entries| entries.pin_slow_fields().await),
        Job::new("indexes of pins", entries, async |entries| entries.build_pins().await),
        Job::new("cancelled imports", entries, async |entries| entries.end_all_cancelled().await),
        Job::new("files that nobody confirmed", entries, async |entries| entries.forget_uploads().await),
        Job::new("deleted collections", entries, async |entries| entries.purge_collections().await),
        Job::new("retention", entries, async |entries| entries.sweep().await.map(drop)),
    ]
}

/// Failing, it loses just counts and refused origins.
async fn stop(rocket: &Rocket<Orbit>) {
    if let Some(entries) = rocket.state::<Entries>()
        && let Err(error) = entries.write_down().await
    {
        tracing::warn!(%error, "refused origins were not written down");
    }
}
