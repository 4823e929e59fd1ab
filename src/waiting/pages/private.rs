//! Pages that only the holder of their address should see.

use rocket::http::{Header, Status};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};

use crate::web::Html;

/// A student's page: not cached, not indexed by search engines, and its address is not sent as a referrer.
pub struct Private(pub Status, pub Html);

impl<'r> Responder<'r, 'static> for Private {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Response::build_from((self.0, self.1).respond_to(request)?)
            .header(Header::new("Referrer-Policy", "no-referrer"))
            .header(Header::new("X-Robots-Tag", "noindex"))
            .ok()
    }
}
