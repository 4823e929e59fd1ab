//! `/api/v1/queues` and `/api/v1/queuers`: JSON and server-sent events.

use rocket::http::uri::Origin;
use rocket::http::{CookieJar, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::{Route, State, delete, get, patch, post, routes};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

use super::events::{Follower, Stream};
use super::join::{JoinBody, Joined};
use super::json::PlaceShown;
use super::rules::Step;
use super::service::Rooms;
use super::{Actor, Place, QUEUERS, QUEUES, State as PlaceState, json};
use crate::error::{Error, Result};
use crate::records::Records;
use crate::records::api::{Listed, answer_list, list_answer, read_query, shown};
use crate::staff::{Account, Role, Staff, Viewer, Visitor, bearer_of};
use crate::web::{ApiError, ClientAddress, IfMatch, JsonAnswer, JsonObject, WebHost, etag, item_id, query_pairs};

/// What these routes say of themselves; the lists and reads of queues are described by their declarations.
#[derive(OpenApi)]
#[openapi(paths(join, show, step, leave, dequeue, call, transfer, close_out, follow_queue, follow_place))]
pub struct Docs;

pub fn public_routes() -> Vec<Route> {
    routes![join, show, step, leave, follow_place]
}

pub fn staff_routes() -> Vec<Route> {
    routes![list, dequeue, call, transfer, close_out, follow_queue]
}

pub fn queue_routes() -> Vec<Route> {
    routes![queues, queue]
}

type Answer<T> = std::result::Result<T, ApiError>;

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
    extensions(("x-role" = json!("anybody"))),
)]
#[post("/api/v1/queuers", data = "<body>")]
async fn join(
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
async fn list(_viewer: Viewer, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &QUEUERS, uri, true, &host).await?)
}

fn place_answer(rooms: &Rooms, live: &super::live::Live, place: &Place, staff: bool) -> JsonAnswer {
    let room = live.room();
    let room = Some(&*room).filter(|room| room.queue.id == place.queue_id);
    let write = if staff { json::place } else { json::place_for_student };
    let body = write(place, room, Some(rooms.now()));
    JsonAnswer::ok(&body).with("ETag", etag(place.version)).live()
}

/// Read a place
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "The place, with its position and the expected wait", body = PlaceShown)),
    extensions(("x-role" = json!("viewer or holder"))),
)]
#[get("/api/v1/queuers/<id>")]
async fn show(rooms: &State<Rooms>, asker: Asker, id: &str) -> Answer<JsonAnswer> {
    let id = item_id(id)?;
    asker.check(rooms, id, asker.staff.is_some()).await?;
    let (live, place) = rooms.place(id).await?;
    Ok(place_answer(rooms, &live, &place, asker.staff.is_some()))
}

/// A reason in a few words; blank is none.
pub fn checked_reason(text: Option<&str>) -> Result<Option<&str>> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > 300 => Err(Error::invalid("/reason", "has more than 300 characters")),
        Some(text) if text.contains('\0') => Err(Error::invalid("/reason", "holds a NUL character")),
        text => Ok(text),
    }
}

/// A step, as PATCH asks for it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceStep)]
struct StepBody {
    /// `waiting`, `away`, `called`, `serving`, `done`, `no_show`, `left` or `removed`.
    #[schema(example = "serving")]
    state: Option<String>,
    version: Option<i64>,
    reason: Option<String>,
    /// How long to be away.
    minutes: Option<i64>,
    /// Where a visit goes back to: `same` (the default) or `back`, the end of the line.
    place: Option<String>,
    note: Option<String>,
}

impl StepBody {
    fn reason(&self) -> Result<Option<&str>> {
        checked_reason(self.reason.as_deref())
    }

    fn minutes(&self, otherwise: i64) -> Result<i64> {
        match self.minutes {
            Some(..=0) => Err(Error::invalid("/minutes", "must be 1 or more")),
            minutes => Ok(minutes.unwrap_or(otherwise)),
        }
    }

    fn target(&self) -> Result<PlaceState> {
        let known = PlaceState::ALL.map(|(name, _)| name);
        let text = self.state.as_deref().ok_or_else(|| Error::invalid("/state", "is required"))?;
        PlaceState::parse(text).ok_or_else(|| {
            let hint = crate::words::did_you_mean(text, known);
            Error::invalid("/state", format!("\"{text}\" is none of {}{hint}", known.join(", ")))
        })
    }

    fn step(&self, from: PlaceState, desk: super::rules::Desk) -> Result<Step> {
        let to = self.target()?;
        let back = match self.place.as_deref() {
            None | Some("same") => false,
            Some("back") => true,
            Some(_) => return Err(Error::invalid("/place", "must be same or back")),
        };
        match Step::between(from, to, desk) {
            Some(Step::Away(_)) => Ok(Step::Away(self.minutes(i64::MAX)?)),
            Some(Step::Requeue(_) | Step::Return) if back => Ok(Step::Requeue(Some(0))),
            Some(_) if back => Err(Error::invalid("/place", "is for those who come back from a desk")),
            Some(step) => Ok(step),
            None => {
                Err(Error::invalid("/state", format!("a place that is {} cannot become {}", from.words(), to.words())))
            }
        }
    }
}

/// Take a step with a place
///
/// Staff name the `version` they saw; whoever holds the link may be away, come back, leave.
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Its number")),
    request_body = StepBody,
    responses((status = 200, description = "The place as it is now", body = PlaceShown)),
    extensions(("x-role" = json!("staff or holder"))),
)]
#[patch("/api/v1/queuers/<id>", data = "<body>")]
async fn step(rooms: &State<Rooms>, asker: Asker, id: &str, if_match: IfMatch, body: JsonObject) -> Answer<JsonAnswer> {
    let id = item_id(id)?;
    let body: StepBody = body.parse()?;
    let staff = asker.acting_staff();
    asker.check(rooms, id, staff.is_some()).await?;
    if_match.version(rooms.place(id).await?.1.version)?;
    let place = match staff {
        Some(account) => staff_step(rooms, account, id, &body).await?,
        None => student_step(rooms, id, &body).await?,
    };
    let (live, _) = rooms.place(place.id).await?;
    Ok(place_answer(rooms, &live, &place, staff.is_some()))
}

async fn staff_step(rooms: &Rooms, account: &Account, id: i64, body: &StepBody) -> Result<std::sync::Arc<Place>> {
    let version = body.version.ok_or_else(|| Error::invalid("/version", "is required: the version you saw"))?;
    let by = Actor::staff(account);
    if let Some(note) = &body.note {
        if body.state.is_some() {
            return Err(Error::invalid("/note", "is sent by itself, without a state"));
        }
        if note.chars().count() > 2000 {
            return Err(Error::invalid("/note", "has more than 2000 characters"));
        }
        return rooms.step(id, &Step::Note(note.clone()), Some(version), &by, None).await;
    }
    // Which step is meant depends on where it starts, so the version is looked at first.
    let place = rooms.place_at(id, version).await?;
    let caller = rooms.caller(account, None).await?;
    let step = body.step(place.state(), caller.desk)?;
    match step {
        Step::Call(_) => rooms.call_this(place.queue_id, &caller, id, Some(version), body.reason()?).await,
        step => rooms.step(id, &step, Some(version), &by, body.reason()?).await,
    }
}

/// What a student may do with their own place.
async fn student_step(rooms: &Rooms, id: i64, body: &StepBody) -> Result<std::sync::Arc<Place>> {
    let (_, place) = rooms.place(id).await?;
    let given = [("note", body.note.is_some()), ("place", body.place.is_some()), ("reason", body.reason.is_some())];
    if let Some((name, _)) = given.iter().find(|(_, given)| *given) {
        return Err(Error::invalid(format!("/{name}"), "is for staff"));
    }
    let by = Actor::student();
    let step = match (body.target()?, place.state()) {
        (PlaceState::Away, _) => Step::Away(body.minutes(5)?),
        // Twice is as good as once.
        (PlaceState::Left, PlaceState::Left) => return Ok(place),
        (PlaceState::Waiting, PlaceState::Away) => Step::Back,
        (PlaceState::Waiting, PlaceState::Left | PlaceState::NoShow) => Step::Restore,
        (PlaceState::Called, PlaceState::Called) => Step::Coming,
        (PlaceState::Left, _) => Step::Leave,
        (to, from) => {
            return Err(Error::invalid(
                "/state",
                format!("a place that is {} cannot become {}", from.words(), to.words()),
            ));
        }
    };
    rooms.step(id, &step, body.version, &by, None).await
}

/// Leave the queue
///
/// For staff: remove the place.
#[utoipa::path(
    tag = "waiting room",
    params(
        ("id" = i64, Path, description = "Its number"),
        ("reason" = Option<String>, Query, description = "In a few words"),
    ),
    responses((status = 204, description = "Left")),
    extensions(("x-role" = json!("staff or holder"))),
)]
#[delete("/api/v1/queuers/<id>?<reason>", rank = 1)]
async fn leave(
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

/// Nobody waits: 204. Somebody was called: 200 with the place.
#[derive(rocket::Responder)]
enum Called {
    Place(JsonAnswer),
    Nobody(Status),
}

async fn call_next(rooms: &Rooms, queue: i64, caller: &super::Caller) -> Result<Called> {
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
    extensions(("x-role" = json!("staff"))),
)]
#[delete("/api/v1/queuers", rank = 2)]
async fn dequeue(rooms: &State<Rooms>, staff: Staff, uri: &Origin<'_>) -> Answer<Called> {
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
    params(("id" = i64, Path, description = "Its number")),
    request_body = CallBody,
    responses(
        (status = 200, description = "The place that is called", body = PlaceShown),
        (status = 204, description = "Nobody waits"),
    ),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/queues/<id>/calls", data = "<body>")]
async fn call(rooms: &State<Rooms>, staff: Staff, id: &str, body: JsonObject) -> Answer<Called> {
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
    params(("id" = i64, Path, description = "Its number")),
    request_body = TransferBody,
    responses((status = 201, description = "The place in the other queue", body = PlaceShown)),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/queuers/<id>/transfers", data = "<body>")]
async fn transfer(rooms: &State<Rooms>, staff: Staff, id: &str, body: JsonObject) -> Answer<JsonAnswer> {
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
    params(("id" = i64, Path, description = "Its number")),
    request_body = CloseBody,
    responses((status = 200, description = "How many places ended", body = Closed)),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/queues/<id>/closures", data = "<body>")]
async fn close_out(rooms: &State<Rooms>, staff: Staff, id: &str, body: JsonObject) -> Answer<JsonAnswer> {
    let body: CloseBody = body.parse()?;
    let message = super::running::closing_message(&body.message)?;
    let ended = rooms.close_out(item_id(id)?, message, &Actor::staff(&staff.0)).await?;
    Ok(JsonAnswer::ok(&serde_json::to_value(Closed { expired: ended }).unwrap_or_default()))
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
