//! Places: joining, reading, leaving.

use rocket::http::uri::Origin;
use rocket::http::{CookieJar, Status};
use rocket::{State, delete, get, post};
use serde_json::Value;

use super::asker::Asker;
use crate::error::Error;
use crate::records::Records;
use crate::records::api::{Listed, answer_list};
use crate::staff::Viewer;
use crate::waiting::join::{JoinBody, Joined};
use crate::waiting::json::PlaceShown;
use crate::waiting::rules::Step;
use crate::waiting::service::Rooms;
use crate::waiting::texts::checked_reason;
use crate::waiting::{Actor, Place, QUEUERS, State as PlaceState, json};
use crate::web::{Answer, ClientAddress, IfMatch, JsonAnswer, JsonObject, WebHost, etag, item_id};

/// The cookie in which a browser keeps the link of its place in a queue.
pub fn cookie_name(queue: i64) -> String {
    format!("frontdesk-place-{queue}")
}

fn joined_answer(rooms: &Rooms, joined: &Joined, host: &WebHost, staff: bool) -> JsonAnswer {
    let room = joined.live.room();
    let write = if staff { json::place } else { json::place_for_student };
    let mut body = write(&joined.place, Some(&room), Some(rooms.now()));
    let status_url = joined.token.as_ref().map(|token| format!("{}/q/{token}", host.0));
    body["token"] = joined.token.clone().into();
    body["status_url"] = status_url.into();
    if joined.token.is_none() {
        // Somebody who knows an email learns that its owner waits, and nothing of them.
        for name in ["student", "student_id", "topic", "question", "ticket", "called_by", "location", "video_url"] {
            body[name] = Value::Null;
        }
    }
    if joined.new {
        JsonAnswer::created(format!("/api/v1/queuers/{}", joined.place.id), &body).whole()
    } else {
        JsonAnswer::ok(&body).whole()
    }
}

/// Join a queue
///
/// The `token` is the link of the place: as a bearer token it reads and changes this place. Joining twice gives the
/// same place; a stranger who repeats it is not told the token.
#[utoipa::path(
    tag = "waiting room",
    request_body = JoinBody,
    responses(
        (status = 201, description = "The new place", body = ref("#/components/schemas/PlaceJoined")),
        (status = 200, description = "The place that the student has already", body = ref("#/components/schemas/PlaceJoined")),
    ),
    extensions(("x-role" = json!("anybody")), ("x-errors" = json!([404, 429]))),
)]
#[post("/api/v1/queuers", data = "<body>")]
pub(super) async fn join(
    rooms: &State<Rooms>,
    asker: Asker,
    host: WebHost,
    cookies: &CookieJar<'_>,
    address: ClientAddress,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let staff = asker.acting_staff();
    if staff.is_none() {
        rooms.admit(address.0)?;
    }
    let join = body.parse::<JoinBody>()?.read(staff.is_some())?;
    let kept = cookies.get(&cookie_name(join.queue)).map(|cookie| cookie.value().to_owned());
    let held = asker.token.clone().or(kept);
    let joined = rooms.join(&join, staff.map(Actor::staff).as_ref(), held.as_deref()).await?;
    Ok(joined_answer(rooms, &joined, &host, staff.is_some()))
}

#[get("/api/v1/queuers")]
pub(super) async fn list(_viewer: Viewer, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &QUEUERS, uri, true, &host).await?)
}

pub(super) fn place_answer(rooms: &Rooms, live: &crate::waiting::live::Live, place: &Place, staff: bool) -> JsonAnswer {
    let room = live.room();
    let room = Some(&*room).filter(|room| room.queue.id == place.queue_id);
    let write = if staff { json::place } else { json::place_for_student };
    let body = write(place, room, Some(rooms.now()));
    JsonAnswer::ok(&body).with("ETag", etag(place.version)).live()
}

/// Read a place
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Id of the place")),
    responses((status = 200, description = "The place, with its position and the expected wait", body = PlaceShown)),
    extensions(("x-role" = json!("viewer or holder"))),
)]
#[get("/api/v1/queuers/<id>")]
pub(super) async fn show(rooms: &State<Rooms>, asker: Asker, id: &str) -> Answer<JsonAnswer> {
    let id = item_id(id)?;
    asker.check(rooms, id, asker.staff.is_some()).await?;
    let (live, place) = rooms.place(id).await?;
    Ok(place_answer(rooms, &live, &place, asker.staff.is_some()))
}

/// Leave the queue
///
/// For staff: remove the place.
#[utoipa::path(
    tag = "waiting room",
    params(
        ("id" = i64, Path, description = "Id of the place"),
        ("reason" = Option<String>, Query, description = "In a few words"),
    ),
    responses((status = 204, description = "The place was given up")),
    extensions(("x-role" = json!("staff or holder"))),
)]
#[delete("/api/v1/queuers/<id>?<reason>", rank = 1)]
pub(super) async fn leave(
    rooms: &State<Rooms>,
    asker: Asker,
    id: &str,
    reason: Option<&str>,
    if_match: IfMatch,
) -> Answer<Status> {
    let id = item_id(id)?;
    let holder = asker.holds(rooms, id).await?;
    let staff = asker.acting_staff().filter(|_| !holder);
    if !holder && staff.is_none() {
        return Err(Error::Unauthenticated.into());
    }
    let reason = checked_reason(reason)?;
    let (step, by) = match staff {
        Some(account) => (Step::Remove, Actor::staff(account)),
        None => (Step::Leave, Actor::student()),
    };
    let (_, place) = rooms.place(id).await?;
    let gone = matches!(place.state(), PlaceState::Left | PlaceState::Removed);
    if !gone {
        let taken = rooms.step(id, &step, if_match.version(place.version)?, &by, reason).await;
        // Two who leave at once: both have left.
        if let Err(error) = taken {
            let (_, place) = rooms.place(id).await?;
            if !matches!(place.state(), PlaceState::Left | PlaceState::Removed) {
                return Err(error.into());
            }
        }
    }
    Ok(Status::NoContent)
}
