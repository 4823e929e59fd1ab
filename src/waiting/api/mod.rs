//! `/api/v1/queues` and `/api/v1/queuers`: JSON and server-sent events.

mod asker;
mod calls;
mod places;
mod queues;
mod steps;

use rocket::{Route, routes};
use utoipa::OpenApi;

pub use places::cookie_name;

/// What these routes say of themselves; the lists and reads of queues are described by their declarations.
#[derive(OpenApi)]
#[openapi(paths(
    places::join,
    places::show,
    steps::step,
    places::leave,
    calls::dequeue,
    calls::call,
    calls::transfer,
    calls::close_out,
    queues::follow_queue,
    queues::follow_place
))]
pub struct Docs;

pub fn public_routes() -> Vec<Route> {
    routes![places::join, places::show, steps::step, places::leave, queues::follow_place]
}

pub fn staff_routes() -> Vec<Route> {
    routes![places::list, calls::dequeue, calls::call, calls::transfer, calls::close_out, queues::follow_queue]
}

pub fn queue_routes() -> Vec<Route> {
    routes![queues::queues, queues::queue]
}
