//! `/api/v1/queues` and `/api/v1/queuers`: JSON and server-sent events.

mod calls;
mod places;
mod steps;

use rocket::http::uri::Origin;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::{Route, State, get, routes};
use utoipa::OpenApi;

use super::events::{Follower, Stream};
use super::service::Rooms;
use super::{QUEUES, json};
use crate::error::{Error, Result};
use crate::records::Records;
use crate::records::api::{Listed, answer_list, list_answer, read_query, shown};
use crate::staff::{Account, Role, Viewer, Visitor, bearer_of};
use crate::web::{Answer, JsonAnswer, WebHost, item_id};

pub use places::cookie_name;
pub use steps::checked_reason;

/// What these routes say of themselves; the lists and reads of queues are described by their declarations.
#[derive(OpenApi)]
#[openapi(paths(
    places::join,
    places::show,
    steps::step,
    places::leave,
    calls::dequeue,
    calls::call,
    calls::transfer,
    calls::close_out,
    follow_queue,
    follow_place
))]
pub struct Docs;

pub fn public_routes() -> Vec<Route> {
    routes![places::join, places::show, steps::step, places::leave, follow_place]
}

pub fn staff_routes() -> Vec<Route> {
    routes![places::list, calls::dequeue, calls::call, calls::transfer, calls::close_out, follow_queue]
}

pub fn queue_routes() -> Vec<Route> {
    routes![queues, queue]
}

/// Whoever asks for a place: staff who are signed in, or the holder of its link as a bearer token.
pub struct Asker {
    pub staff: Option<Account>,
    token: Option<String>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Asker {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let token = bearer_of(request).map(str::to_owned);
        request.guard::<Visitor>().await.map(|visitor| Asker { staff: visitor.0, token })
    }
}

impl Asker {
    /// Staff who may change something.
    fn acting_staff(&self) -> Option<&Account> {
        self.staff.as_ref().filter(|account| account.role >= Role::Staff)
    }

    /// Whether the token leads to this place. A token that leads elsewhere, or nowhere, is no right to this one.
    async fn holds(&self, rooms: &Rooms, place: i64) -> Result<bool> {
        let Some(token) = &self.token else { return Ok(false) };
        match rooms.by_link(token).await {
            Ok((_, found)) => Ok(found.id == place),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Refuses whoever is neither.
    async fn check(&self, rooms: &Rooms, place: i64, staff: bool) -> Result<()> {
        if staff || self.holds(rooms, place).await? { Ok(()) } else { Err(Error::Unauthenticated) }
    }
}

#[get("/")]
async fn queues(
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
async fn queue(records: &State<Records>, rooms: &State<Rooms>, visitor: Visitor, id: &str) -> Answer<JsonAnswer> {
    let mut item = records.find(&QUEUES, item_id(id)?, visitor.0.is_some()).await?;
    json::add_live(&mut item.body, &rooms.room(item.id).await?.room(), rooms.now());
    Ok(shown(item).live())
}

/// Follow a queue
///
/// Server-sent events, resumed by `Last-Event-ID`.
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream")),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/queues/<id>/events")]
async fn follow_queue(rooms: &State<Rooms>, _viewer: Viewer, follower: Follower, id: &str) -> Answer<Stream> {
    let queue = item_id(id)?;
    let live = rooms.room(queue).await?;
    Ok(follower.events(queue, live))
}

/// Follow a place
///
/// Server-sent events: the place whenever it changes.
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "Events", body = String, content_type = "text/event-stream")),
    extensions(("x-role" = json!("viewer or holder"))),
)]
#[get("/api/v1/queuers/<id>/events")]
async fn follow_place(rooms: &State<Rooms>, asker: Asker, follower: Follower, id: &str) -> Answer<Stream> {
    let id = item_id(id)?;
    let staff = asker.staff.is_some();
    asker.check(rooms, id, staff).await?;
    let (live, _) = rooms.place(id).await?;
    let follower = if staff { follower } else { follower.public() };
    Ok(follower.follow(live, move |room, now| {
        let write = if staff { json::place } else { json::place_for_student };
        room.places.get(&id).map_or_else(String::new, |place| write(place, Some(room), Some(now)).to_string())
    }))
}
