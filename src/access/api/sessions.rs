//! One's own sessions: `/api/v1/sessions`.

use rocket::http::Status;
use rocket::{State, delete, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::staff::{Accounts, Credential, Viewer};
use crate::web::{Answer, JsonAnswer, item_id};

/// List one's own sessions
#[utoipa::path(
    tag = "people",
    responses((status = 200, description = "The sessions, the last used first", body = Sessions)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/sessions")]
pub(super) async fn sessions(viewer: Viewer, accounts: &State<Accounts>, credential: Own) -> Answer<JsonAnswer> {
    let sessions = accounts.sessions(viewer.0.id, credential.0.as_deref()).await?;
    let shown = |session: crate::staff::Session| SessionShown {
        id: session.id,
        created_at: session.began.to_string(),
        last_seen_at: session.seen.to_string(),
        browser: session.browser,
        current: session.own,
    };
    let list = Sessions { count: sessions.len(), next: None, sessions: sessions.into_iter().map(shown).collect() };
    Ok(JsonAnswer::ok(&serde_json::to_value(list).unwrap_or_default()))
}

/// A session of one's own.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionShown {
    id: i64,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// What the browser called itself.
    browser: String,
    /// The one that asks.
    current: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SessionList)]
struct Sessions {
    sessions: Vec<SessionShown>,
    next: Option<String>,
    count: usize,
}

/// The session that asks, if it is one.
pub(super) struct Own(Option<String>);

#[rocket::async_trait]
impl<'r> rocket::request::FromRequest<'r> for Own {
    type Error = std::convert::Infallible;
    async fn from_request(request: &'r rocket::Request<'_>) -> rocket::request::Outcome<Self, Self::Error> {
        rocket::request::Outcome::Success(Own(match Credential::of(request) {
            Some(Credential::Session(token)) => Some(token),
            _ => None,
        }))
    }
}

/// End a session
///
/// One of one's own; an owner ends anybody's.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Id of the session")),
    responses((status = 204, description = "The session ended")),
    extensions(("x-role" = json!("viewer")), ("x-version" = json!(false))),
)]
#[delete("/api/v1/sessions/<id>")]
pub(super) async fn end_session(viewer: Viewer, accounts: &State<Accounts>, id: &str) -> Answer<Status> {
    accounts.end_session(&viewer.0, item_id(id)?).await?;
    Ok(Status::NoContent)
}
