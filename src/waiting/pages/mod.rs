//! The students' pages: which queues there are, joining one, and the place. Made for a phone; they work without
//! JavaScript, and no page says more of other students than how many they are.

mod rooms;
mod status;

use rocket::http::{Header, Status};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use rocket::{Route, routes};

use crate::web::Html;

pub fn routes() -> Vec<Route> {
    routes![rooms::rooms, rooms::room, rooms::join, status::status, status::step, status::follow, status::qr]
}

/// A page of a student: nothing keeps it, nothing finds it, and no link tells its address.
struct Private(Status, Html);

impl<'r> Responder<'r, 'static> for Private {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Response::build_from((self.0, self.1).respond_to(request)?)
            .header(Header::new("Referrer-Policy", "no-referrer"))
            .header(Header::new("X-Robots-Tag", "noindex"))
            .ok()
    }
}
