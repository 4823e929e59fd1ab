//! The students' pages: which queues there are, joining one, and the place. Made for a phone; they work without
//! JavaScript, and no page says more of other students than how many they are.

mod private;
mod rooms;
mod status;

use rocket::{Route, routes};

pub fn routes() -> Vec<Route> {
    routes![rooms::rooms, rooms::room, rooms::join, status::status, status::step, status::follow, status::qr]
}
