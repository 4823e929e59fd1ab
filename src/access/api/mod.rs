//! `/api/v1/users`, `/tokens`, `/sessions`, `/audit`.

mod audit;
mod sessions;
mod tokens;
mod users;

use rocket::routes;
use serde_json::{Value, json};

use crate::web::{Api, api, extended_schema};

pub use users::link_url;

/// Changes of accounts, tokens and sessions.
pub fn api() -> Api {
    api![
        users::invite,
        users::replace,
        users::merge,
        users::remove,
        users::restore,
        users::new_link,
        users::end_sessions,
        tokens::create_token,
        tokens::revoke_token,
        sessions::sessions,
        sessions::end_session,
    ]
}

/// Lists and single items, declared as records.
pub fn declared() -> Api {
    Api::declared(routes![users::users, users::user, tokens::tokens, tokens::token, audit::audit, audit::audit_line])
}

/// Answers that are written without a struct.
pub fn schemas() -> Value {
    json!({
        "Invited": extended_schema("User", json!({ "invitation": { "$ref": "#/components/schemas/Invitation" } })),
        "NewToken": extended_schema("Token", json!({ "token": { "type": "string", "pattern": "^fd_" } })),
    })
}
