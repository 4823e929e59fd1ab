//! `/api/v1/queues` and `/api/v1/queuers`: JSON and server-sent events.

mod asker;
mod calls;
mod places;
mod queues;
mod steps;

use rocket::routes;

use crate::web::{Api, api};

pub use places::cookie_name;

/// Places, calls and what is followed.
pub fn api() -> Api {
    api![
        places::join,
        places::show,
        steps::step,
        places::leave,
        calls::dequeue,
        calls::call,
        calls::transfer,
        calls::close_out,
        queues::follow_queue,
        queues::follow_place,
    ]
}

/// The list of places, declared as records.
pub fn declared() -> Api {
    Api::declared(routes![places::list])
}

/// Reading queues: settings with what is going on. Mounted at their address, in place of what all records share.
pub fn queues() -> Api {
    Api::declared(routes![queues::queues, queues::queue])
}
