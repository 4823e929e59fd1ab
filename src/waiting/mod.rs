//! The waiting room: students queue, watch their place live, and are called by advisors.
//!
//! What always holds:
//! - A student has at most one active place in a queue.
//! - The order is by arrival: a counter of the queue, taken when joining. A position is counted, never stored.
//! - An advisor, or an account that is no advisor, has at most one student called or being served.
//! - Every step is one transaction that first raises the queue's `seq`, so the steps of a queue come one
//!   after the other, and that writes an event; what is shown live carries the `seq` it shows.
//! - A step of staff names the version of the place it saw; otherwise nothing happens and they are told.

mod actor;
mod api;
mod board;
pub mod estimate;
mod events;
mod join;
mod json;
mod live;
mod moves;
mod numbers;
mod pages;
mod place;
mod queue;
mod reading;
mod resources;
mod rules;
mod running;
mod schedule;
mod service;
mod stats;
mod steps;
mod store;
mod streams;
mod sweep;
mod texts;
mod turn;

use rocket::{Build, Rocket};
use serde_json::{Value, json};

use crate::config::Switch;
use crate::directory;
use crate::domain::{Domain, Ground};
use crate::records::{Described, Mounted, Records};
use crate::staff::{Area, NavGroup, NavLink, Role, Scope};
use crate::web::{Icon, extended_schema};

pub use actor::{Actor, Caller, Desk};
pub use join::{Join, Who};
pub use place::{Place, State, Status};
pub use queue::{Announcement, Intake, OnDuty, Queue};
pub use resources::{FAQS, QUEUERS, QUEUES};
pub use rules::Step;
pub use service::Rooms;

static SCOPE: Scope =
    Scope { name: "waiting", meaning: "Read queues and places; call, step, transfer, close", role: Role::Viewer };

static AREAS: [Area; 3] = [
    Area::of("/api/v1/queues", &SCOPE),
    Area::of("/api/v1/queuers", &SCOPE),
    Area::of("/api/v1/faqs", &directory::SCOPE),
];

static NAVIGATION: [NavLink; 1] = [NavLink {
    name: "Rooms",
    icon: Icon::Bell,
    group: NavGroup::Work,
    href: "/board",
    places: &["board", "places"],
    key: Some('q'),
    role: Role::Viewer,
    rank: 20,
}];

/// Everything that the application needs to know of the waiting room.
pub fn domain() -> Domain {
    let queues = Described::new(&QUEUES, "Queue", "waiting room");
    let places = Described::new(&QUEUERS, "PlaceRow", "waiting room");
    Domain {
        apis: vec![("/", api::api()), ("/", api::declared()), ("/api/v1/queues", api::queues())],
        pages: [pages::routes(), board::routes(), numbers::routes()].concat(),
        records: vec![
            Described::new(&FAQS, "FAQ", "directory"),
            Described { mounted: Mounted::Changes, live: Some(live_schema), ..queues },
            Described { reads: Some(Role::Viewer), mounted: Mounted::Nothing, ..places },
        ],
        references: &resources::REFERENCES,
        areas: &AREAS,
        tags: &[("waiting room", "Queues and the places in them")],
        schemas: Some(schemas),
        navigation: &NAVIGATION,
        manage: Some(manage),
        start: Some(|rocket| {
            if let Some(rooms) = rocket.state::<Rooms>() {
                tokio::spawn(rooms.clone().run(rocket.shutdown()));
            }
        }),
        ..Domain::new("waiting")
    }
}

fn manage(rocket: Rocket<Build>, ground: &Ground<'_>) -> Rocket<Build> {
    let records = rocket.state::<Records>().expect("app.rs makes it first").clone();
    let limited = ground.config.rate_limit == Switch::On;
    rocket.manage(Rooms::new(ground.pool.clone(), ground.clock.clone(), records, limited))
}

/// What is going on in a queue, beside its settings.
fn live_schema() -> Value {
    let object = json!({ "type": "object" });
    json!({
        "open": { "type": "boolean", "description": "Somebody may join now" },
        "waiting": { "type": "integer" },
        "on_duty": { "type": "array", "items": object },
        "estimate": { "$ref": "#/components/schemas/Wait" },
        "seq": { "type": "integer", "description": "Raised by everything that happens" },
    })
}

fn schemas() -> Value {
    let link = json!({
        "token": { "type": ["string", "null"] }, "status_url": { "type": ["string", "null"], "format": "uri" }
    });
    json!({ "PlaceJoined": extended_schema("Place", link) })
}
