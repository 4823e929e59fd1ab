//! `/account`, `/users` and `/audit`: one's own account, other people, and who did what.

mod account;
mod people;

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::response::{Flash, Responder};
use rocket::{Request, Route, State, get, routes};

use super::AUDIT;
use crate::error::{Error, FieldError, Result};
use crate::records::Records;
use crate::records::pages::{Index, ListPage};
use crate::staff::{Layout, Owner};
use crate::web::{Html, SeeOther, WebHost};

pub fn routes() -> Vec<Route> {
    routes![
        account::account,
        account::rename,
        account::change_password,
        account::end_own_session,
        account::make_token,
        account::revoke_own_token,
        people::people,
        people::invitation_form,
        people::invite,
        people::person,
        people::change,
        people::set_status,
        people::new_link,
        people::end_sessions,
        people::revoke_token,
        people::remove,
        people::restore,
        audit,
    ]
}

/// A page after a form: as it was asked for, or the form again with what is wrong.
enum After {
    Page(Status, Html),
    On(Flash<SeeOther>),
}

impl<'r> Responder<'r, 'r> for After {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'r> {
        match self {
            After::Page(status, page) => (status, page).respond_to(request),
            After::On(redirect) => redirect.respond_to(request),
        }
    }
}

/// What was refused, for the form or for a message above it.
fn refused(error: Error) -> Result<(Vec<FieldError>, String)> {
    match error {
        Error::Invalid(errors) => Ok((errors, String::new())),
        Error::Conflict(text) => Ok((Vec::new(), text.into_owned())),
        Error::PreconditionFailed => {
            Ok((Vec::new(), "Somebody changed this account meanwhile. Load the page again.".into()))
        }
        other => Err(other),
    }
}

#[get("/audit")]
async fn audit(
    _owner: Owner,
    layout: Layout,
    records: &State<Records>,
    uri: &Origin<'_>,
    host: WebHost,
) -> Result<ListPage> {
    let index =
        Index { resource: &AUDIT, base: "/audit".into(), tools: Vec::new(), opens: false, layout, note: String::new() };
    index.page(records, uri, &host).await
}
