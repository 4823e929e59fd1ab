//! Flash messages: a note that the next page shows once.

use std::convert::Infallible;

use rocket::Request;
use rocket::request::{FlashMessage, FromRequest, Outcome};
use rocket::response::Flash;

use super::form::{SeeOther, see_other};

/// Leads on to a page, which shows the note once.
pub fn told(to: impl Into<String>, note: impl Into<String>) -> Flash<SeeOther> {
    Flash::new(see_other(to), "note", note.into())
}

/// What the page before had to say, by [`told`]; empty if it said nothing.
pub struct Note(pub String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Note {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        let flash = request.guard::<FlashMessage<'_>>().await.succeeded();
        Outcome::Success(Note(flash.map_or(String::new(), |flash| flash.message().to_owned())))
    }
}
