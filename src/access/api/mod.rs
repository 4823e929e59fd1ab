//! `/api/v1/users`, `/tokens`, `/sessions`, `/audit`.

mod sessions;
mod tokens;
mod users;

use rocket::http::uri::Origin;
use rocket::{Route, State, get, routes};
use utoipa::OpenApi;

use super::AUDIT;
use crate::records::Records;
use crate::records::api::{Listed, answer_list, shown};
use crate::staff::Owner;
use crate::web::{Answer, JsonAnswer, WebHost, item_id};

pub use users::link_url;

/// What these routes say of themselves; the lists and reads of records are described by their declarations.
#[derive(OpenApi)]
#[openapi(paths(
    users::invite,
    users::replace,
    users::merge,
    users::remove,
    users::restore,
    users::new_link,
    users::end_sessions,
    tokens::make_token,
    tokens::revoke_token,
    sessions::sessions,
    sessions::end_session
))]
pub struct Docs;

pub fn routes() -> Vec<Route> {
    [
        routes![
            users::users,
            users::invite,
            users::user,
            users::replace,
            users::merge,
            users::remove,
            users::restore,
            users::new_link,
            users::end_sessions
        ],
        routes![tokens::tokens, tokens::make_token, tokens::token, tokens::revoke_token],
        routes![sessions::sessions, sessions::end_session, audit, audit_line],
    ]
    .concat()
}

#[get("/api/v1/audit")]
async fn audit(_owner: Owner, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &AUDIT, uri, true, &host).await?)
}

#[get("/api/v1/audit/<id>")]
async fn audit_line(_owner: Owner, records: &State<Records>, id: &str) -> Answer<JsonAnswer> {
    Ok(shown(records.find(&AUDIT, item_id(id)?, true).await?))
}
