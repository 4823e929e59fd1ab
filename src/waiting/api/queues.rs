//! Queues with what is going on in them, and following one or a place by server-sent events.

use rocket::http::uri::Origin;
use rocket::{State, get};

use super::asker::Asker;
use crate::records::Records;
use crate::records::api::{Listed, answer_list, list_answer, read_query, shown};
use crate::staff::{Viewer, Visitor};
use crate::waiting::events::{Follower, Stream};
use crate::waiting::service::Rooms;
use crate::waiting::{QUEUES, json};
use crate::web::{Answer, JsonAnswer, WebHost, item_id};

#[get("/")]
pub(super) async fn queues(
    records: &State<Records>,
    rooms: &State<Rooms>,
    visitor: Visitor,
    uri: &Origin<'_>,
    host: WebHost,
) -> Answer<Listed> {
    let staff = visitor.0.is_some();
    let query = read_query(records, uri)?;
    if query.format.is_some() {
        return Ok(answer_list(records, &QUEUES, uri, staff, &host).await?);
    }
    let mut listing = records.list(&QUEUES, &query, staff).await?;
    for item in listing.items.iter_mut().filter(|item| !item.deleted) {
        json::add_live(&mut item.body, &rooms.room(item.id).await?.room(), rooms.now());
    }
    Ok(Listed::Json(list_answer(&QUEUES, &query, listing, uri, &host).live()))
}

#[get("/<id>")]
pub(super) async fn queue(
    records: &State<Records>,
    rooms: &State<Rooms>,
    visitor: Visitor,
    id: &str,
) -> Answer<JsonAnswer> {
    let mut item = records.find(&QUEUES, item_id(id)?, visitor.0.is_some()).await?;
    json::add_live(&mut item.body, &rooms.room(item.id).await?.room(), rooms.now());
    Ok(shown(item).live())
}

/// Follow a queue
///
/// Server-sent events, resumed by `Last-Event-ID`.
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Id of the queue")),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream")),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/queues/<id>/events")]
pub(super) async fn follow_queue(
    rooms: &State<Rooms>,
    _viewer: Viewer,
    follower: Follower,
    id: &str,
) -> Answer<Stream> {
    let queue = item_id(id)?;
    let live = rooms.room(queue).await?;
    Ok(follower.events(queue, live)?)
}

/// Follow a place
///
/// Server-sent events: the place whenever it changes.
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Id of the queue")),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream")),
    extensions(("x-role" = json!("viewer or holder"))),
)]
#[get("/api/v1/queuers/<id>/events")]
pub(super) async fn follow_place(rooms: &State<Rooms>, asker: Asker, follower: Follower, id: &str) -> Answer<Stream> {
    let id = item_id(id)?;
    let staff = asker.staff.is_some();
    asker.check(rooms, id, staff).await?;
    let (live, _) = rooms.place(id).await?;
    let follower = if staff { follower } else { follower.of_place(id) };
    let stream = follower.follow(live, move |room, now| {
        let write = if staff { json::place } else { json::place_for_student };
        room.places.get(&id).map_or_else(String::new, |place| write(place, Some(room), Some(now)).to_string())
    })?;
    Ok(stream)
}
