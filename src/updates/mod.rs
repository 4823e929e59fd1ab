//! Updates: posts in Markdown for visitors, with feeds. Pinned ones are shown to students who wait.
//!
//! What always holds: visitors see an update if a comparison with the clock says so when they ask, never because something
//! ran in time; no page, feed or list of theirs knows of another; the name in feeds is made once; an address that people
//! may know leads to the update as long as no other has it; what is shown is sanitised.

mod api;
mod feed;
mod pages;
mod pinned;
mod reading;
mod resource;
mod service;
mod slug;
mod store;
mod update;
mod writer;
mod writing;

use rocket::{Orbit, Rocket};

use crate::domain::{Domain, Job};
use crate::records::{Described, Mounted};
use crate::staff::{Area, NavGroup, NavLink, Role, Scope};
use crate::web::Icon;

pub use pinned::Pinned;
pub use service::Updates;
pub use update::{State, Update};
pub use writer::Writer;
pub use writing::Writing;

static SCOPE: Scope = Scope { name: "updates", meaning: "Read and write updates", role: Role::Viewer };

static AREAS: [Area; 1] = [Area::of("/api/v1/updates", &SCOPE)];

static NAVIGATION: [NavLink; 1] = [NavLink {
    name: "Updates",
    icon: Icon::News,
    group: NavGroup::Work,
    href: "/updates/edit",
    places: &["updates"],
    key: Some('u'),
    role: Role::Viewer,
    rank: 33,
}];

/// Everything that the application needs to know of updates.
pub fn domain() -> Domain {
    let described = Described::new(&resource::UPDATES, "Update", "updates");
    Domain {
        apis: vec![("/", api::api()), ("/api/v1/updates", api::reads())],
        pages: pages::routes(),
        records: vec![Described {
            reads: Some(Role::Viewer),
            mounted: Mounted::Nothing,
            live: Some(api::live_schema),
            ..described
        }],
        areas: &AREAS,
        tags: &[("updates", "Posts for visitors")],
        navigation: &NAVIGATION,
        manage: Some(|rocket, ground| rocket.manage(Updates::new(ground.pool.clone(), ground.clock.clone()))),
        jobs: Some(jobs),
        ..Domain::new("updates")
    }
}

/// What other processes pinned is read now and then.
fn jobs(rocket: &Rocket<Orbit>) -> Vec<Job> {
    let updates = rocket.state::<Updates>().into_iter();
    updates
        .map(|updates| Job::new("pinned updates", updates, async |updates: Updates| updates.refresh().await))
        .collect()
}
