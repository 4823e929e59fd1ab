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
mod sweep;
mod texts;

pub use actor::{Actor, Caller, Desk};
pub use api::Docs;
pub use join::{Join, Who};
pub use place::{Place, State, Status};
pub use queue::{Announcement, OnDuty, Queue};
pub use resources::{FAQS, QUEUERS, QUEUES};
pub use rules::Step;
pub use service::Rooms;

/// URLs for anybody.
pub fn public_routes() -> Vec<rocket::Route> {
    [api::public_routes(), pages::routes()].concat()
}

/// URLs for staff.
pub fn staff_routes() -> Vec<rocket::Route> {
    [api::staff_routes(), board::routes(), numbers::routes()].concat()
}

/// Reading queues: settings with what is going on.
pub fn queue_routes() -> Vec<rocket::Route> {
    api::queue_routes()
}
