//! What staff do with a queue: call, transfer, close out.

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{State, delete, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::places::place_answer;
use crate::error::{Error, Result};
use crate::staff::Staff;
use crate::waiting::json::PlaceShown;
use crate::waiting::service::Rooms;
use crate::waiting::texts::{checked_reason, closing_message};
use crate::waiting::{Actor, json};
use crate::web::{Answer, JsonAnswer, JsonObject, item_id, query_pairs};

/// Nobody waits: 204. Somebody was called: 200 with the place.
#[derive(rocket::Responder)]
pub(super) enum Called {
    Place(JsonAnswer),
    Nobody(Status),
}

async fn call_next(rooms: &Rooms, queue: i64, caller: &crate::waiting::Caller) -> Result<Called> {
    match rooms.call_next(queue, caller).await? {
        Some(place) => Ok(Called::Place(place_answer(rooms, &*rooms.room(place.queue_id).await?, &place, true))),
        None => Ok(Called::Nobody(Status::NoContent)),
    }
}

/// Call the next (the name of the original API)
#[utoipa::path(
    tag = "waiting room",
    params(("queue_id" = i64, Query, description = "The queue")),
    responses(
        (status = 200, description = "The place that is called", body = PlaceShown),
        (status = 204, description = "Nobody waits"),
    ),
    extensions(("x-role" = json!("staff")), ("x-errors" = json!([404]))),
)]
#[delete("/api/v1/queuers", rank = 2)]
pub(super) async fn dequeue(rooms: &State<Rooms>, staff: Staff, uri: &Origin<'_>) -> Answer<Called> {
    let params = query_pairs(uri)?;
    let queue = params.iter().find(|(name, _)| name == "queue_id").map(|(_, value)| value.as_str());
    let queue = queue.ok_or_else(|| Error::parameter("queue_id", "is required"))?;
    let queue = queue.parse().map_err(|_| Error::parameter("queue_id", format!("\"{queue}\" is no whole number")))?;
    let caller = rooms.caller(&staff.0, None).await?;
    Ok(call_next(rooms, queue, &caller).await?)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CallNew)]
struct CallBody {
    advisor_id: Option<i64>,
    queuer_id: Option<i64>,
    version: Option<i64>,
    reason: Option<String>,
}

/// Call the next, or somebody out of turn
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Id of the queue")),
    request_body = CallBody,
    responses(
        (status = 200, description = "The place that is called", body = PlaceShown),
        (status = 204, description = "Nobody waits"),
    ),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/queues/<id>/calls", data = "<body>")]
pub(super) async fn call(rooms: &State<Rooms>, staff: Staff, id: &str, body: JsonObject) -> Answer<Called> {
    let queue = item_id(id)?;
    let body: CallBody = body.parse()?;
    let caller = rooms.caller(&staff.0, body.advisor_id).await?;
    match body.queuer_id {
        None => Ok(call_next(rooms, queue, &caller).await?),
        Some(id) => {
            let place =
                rooms.call_this(queue, &caller, id, body.version, checked_reason(body.reason.as_deref())?).await?;
            Ok(Called::Place(place_answer(rooms, &*rooms.room(queue).await?, &place, true)))
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TransferNew)]
struct TransferBody {
    queue_id: i64,
    version: Option<i64>,
    reason: Option<String>,
}

/// Move a place into another queue
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Id of the queue")),
    request_body = TransferBody,
    responses((status = 201, description = "The place in the other queue", body = PlaceShown)),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/queuers/<id>/transfers", data = "<body>")]
pub(super) async fn transfer(rooms: &State<Rooms>, staff: Staff, id: &str, body: JsonObject) -> Answer<JsonAnswer> {
    let body: TransferBody = body.parse()?;
    let version = body.version.ok_or_else(|| Error::invalid("/version", "is required: the version you saw"))?;
    let by = Actor::staff(&staff.0);
    let reason = checked_reason(body.reason.as_deref())?;
    let place = rooms.transfer(item_id(id)?, body.queue_id, Some(version), &by, reason).await?;
    let live = rooms.room(place.queue_id).await?;
    let shown = json::place(&place, Some(&live.room()), Some(rooms.now()));
    Ok(JsonAnswer::created(format!("/api/v1/queuers/{}", place.id), &shown))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClosureNew)]
struct CloseBody {
    /// What those who wait are told.
    #[schema(example = "Closed for today.")]
    message: String,
}

/// What closing out did.
#[derive(Serialize, ToSchema)]
#[schema(as = Closure)]
struct Closed {
    /// Places that ended.
    expired: u64,
}

/// Send everybody home and close the queue
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Id of the queue")),
    request_body = CloseBody,
    responses((status = 200, description = "How many places ended", body = Closed)),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/queues/<id>/closures", data = "<body>")]
pub(super) async fn close_out(rooms: &State<Rooms>, staff: Staff, id: &str, body: JsonObject) -> Answer<JsonAnswer> {
    let body: CloseBody = body.parse()?;
    let message = closing_message(&body.message)?;
    let ended = rooms.close_out(item_id(id)?, message, &Actor::staff(&staff.0)).await?;
    Ok(JsonAnswer::ok(&serde_json::to_value(Closed { expired: ended }).unwrap_or_default()))
}
