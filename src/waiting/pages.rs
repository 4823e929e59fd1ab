//! The students' pages: which queues there are, joining one, and the place. Made for a phone; they work without
//! JavaScript, and no page says more of other students than how many they are.

use askama::Template;
use rocket::http::{ContentType, Cookie, CookieJar, Header, SameSite, Status};
use rocket::request::Request;
use rocket::response::{self, Flash, Responder, Response};
use rocket::{Route, State, get, post, routes};
use serde_json::{Map, Value};

use super::api::cookie_name;
use super::events::{Follower, Stream};
use super::join::{Join, JoinBody, shut};
use super::live::Room;
use super::rules::{Step, UNDO};
use super::schedule::{self, Hours, clock_time};
use super::service::Rooms;
use super::{Actor, Place, Queue, State as PlaceState, store};
use crate::directory::{COLLEGES, MAJORS};
use crate::error::{Error, FieldError, Result};
use crate::moment::{MINUTE, Moment};
use crate::records::Records;
use crate::web::{ClientAddress, Fields, Html, SafeHtml, SameOrigin, SeeOther, WebHost, item_id, render, see_other};

pub fn routes() -> Vec<Route> {
    routes![rooms, room, join, status, step, follow, qr]
}

/// A page of a student: nothing keeps it, nothing finds it, and no link tells its address.
struct Private(Status, Html);

impl<'r> Responder<'r, 'static> for Private {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Response::build_from((self.0, self.1).respond_to(request)?)
            .header(Header::new("Referrer-Policy", "no-referrer"))
            .header(Header::new("X-Robots-Tag", "noindex"))
            .ok()
    }
}

/// A queue as a student sees it.
struct QueueView {
    id: i64,
    college: String,
    title: String,
    location: String,
    greeting: String,
    /// Why nobody can join; empty if one can.
    shut: String,
    waiting: usize,
    wait: String,
    on_duty: Vec<String>,
    /// When the hours of today end.
    until: String,
    announcement: String,
}

impl QueueView {
    fn new(room: &Room, now: Moment) -> QueueView {
        let queue = &room.queue;
        let until = match schedule::hours(queue, now) {
            Hours::Open { until } => clock_time(until, &queue.zone(), now),
            _ => String::new(),
        };
        QueueView {
            id: queue.id,
            college: queue.college.clone(),
            title: queue.title.clone(),
            location: queue.location.clone().unwrap_or_default(),
            greeting: queue.greeting.clone().unwrap_or_default(),
            shut: shut(queue, now).unwrap_or_default(),
            waiting: room.waiting_count(),
            wait: room.wait_to_join(now).words(),
            on_duty: room.duty.iter().map(|duty| duty.name.clone()).collect(),
            until,
            announcement: room.announcement.as_ref().map_or(String::new(), |a| a.text.clone()),
        }
    }
}

#[derive(Template)]
#[template(path = "waiting/rooms.html")]
struct RoomsPage {
    queues: Vec<QueueView>,
}

#[get("/rooms")]
async fn rooms(rooms: &State<Rooms>) -> Result<Html> {
    let now = rooms.now();
    let mut queues = Vec::new();
    for (id, _, _) in store::marks(&rooms.db).await? {
        queues.push(QueueView::new(&rooms.room(id).await?.room(), now));
    }
    queues.sort_by(|a, b| (&a.college, !a.shut.is_empty(), &a.title).cmp(&(&b.college, !b.shut.is_empty(), &b.title)));
    render(&RoomsPage { queues })
}

/// A question with its answer.
struct FaqView {
    question: String,
    answer: SafeHtml,
}

async fn faqs(rooms: &Rooms, queue: &Queue) -> Result<Vec<FaqView>> {
    let found = store::faqs(&rooms.db, queue.id, queue.college_id).await?;
    Ok(found
        .into_iter()
        .map(|(question, answer)| FaqView { question, answer: SafeHtml::of_markdown(&answer) })
        .collect())
}

#[derive(Template)]
#[template(path = "waiting/room.html")]
struct RoomPage {
    q: QueueView,
    topics: Vec<String>,
    colleges: Vec<(i64, String)>,
    majors: Vec<(i64, String)>,
    faqs: Vec<FaqView>,
    form: Fields,
    errors: Vec<FieldError>,
    /// What stands in the way, as a sentence.
    problem: String,
    /// The link of the place that this browser holds.
    held: String,
}

impl RoomPage {
    fn wrong(&self, field: &str) -> String {
        let inside = crate::error::message(&self.errors, &format!("student/{field}"));
        if inside.is_empty() { crate::error::message(&self.errors, field) } else { inside }
    }

    fn is_chosen(&self, field: &str, value: &str) -> bool {
        self.form.get(field) == value
    }
}

async fn room_page(
    rooms: &Rooms,
    records: &Records,
    queue: i64,
    form: Fields,
    held: String,
    refused: Option<Error>,
) -> Result<Html> {
    let live = rooms.room(queue).await?;
    let now = rooms.now();
    let (q, queue) = {
        let room = live.room();
        (QueueView::new(&room, now), room.queue.clone())
    };
    let (errors, problem) = match refused {
        Some(Error::Invalid(errors)) => (errors, String::new()),
        Some(Error::Conflict(reason)) => (Vec::new(), reason.into_owned()),
        Some(other) => return Err(other),
        None => (Vec::new(), String::new()),
    };
    render(&RoomPage {
        topics: queue.topics(),
        colleges: records.choices(&COLLEGES).await?,
        majors: records.choices(&MAJORS).await?,
        faqs: faqs(rooms, &queue).await?,
        q,
        form,
        errors,
        problem,
        held,
    })
}

/// The link that this browser holds of an active place in a queue.
async fn held_link(rooms: &Rooms, cookies: &CookieJar<'_>, queue: i64) -> Result<Option<String>> {
    let Some(cookie) = cookies.get(&cookie_name(queue)) else { return Ok(None) };
    match rooms.by_link(cookie.value()).await {
        Ok((_, place)) if place.state().is_active() => Ok(Some(cookie.value().to_owned())),
        Ok(_) | Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[get("/rooms/<id>")]
async fn room(rooms: &State<Rooms>, records: &State<Records>, cookies: &CookieJar<'_>, id: &str) -> Result<Html> {
    let id = item_id(id)?;
    let held = held_link(rooms, cookies, id).await?.unwrap_or_default();
    room_page(rooms, records, id, Fields::default(), held, None).await
}

/// On to the status page, or the form again.
enum JoinAnswer {
    On(SeeOther),
    Again(Status, Html),
}

impl<'r> Responder<'r, 'static> for JoinAnswer {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            JoinAnswer::On(redirect) => redirect.respond_to(request),
            JoinAnswer::Again(status, page) => (status, page).respond_to(request),
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the guards of a route are its parameters")]
#[post("/rooms/<id>/places", data = "<form>")]
async fn join(
    _same: SameOrigin,
    rooms: &State<Rooms>,
    records: &State<Records>,
    cookies: &CookieJar<'_>,
    host: WebHost,
    address: ClientAddress,
    id: &str,
    form: Fields,
) -> Result<JoinAnswer> {
    rooms.admit(address.0)?;
    let id = item_id(id)?;
    let held = held_link(rooms, cookies, id).await?;
    let joined = match wish(id, &form) {
        Ok(wish) => rooms.join(&wish, None, held.as_deref()).await,
        Err(error) => Err(error),
    };
    match joined {
        Ok(joined) => match joined.token {
            Some(token) => {
                cookies.add(place_cookie(id, &token, &host));
                Ok(JoinAnswer::On(see_other(format!("/q/{token}"))))
            }
            None => {
                let known = Error::Conflict(
                    "You have a place in this line already. Open the page you got when you joined, or ask at the desk."
                        .into(),
                );
                let page = room_page(rooms, records, id, form, String::new(), Some(known)).await?;
                Ok(JoinAnswer::Again(Status::Ok, page))
            }
        },
        Err(error @ (Error::Invalid(_) | Error::Conflict(_))) => {
            let status = error.status().0;
            let page = room_page(rooms, records, id, form, held.unwrap_or_default(), Some(error)).await?;
            Ok(JoinAnswer::Again(status, page))
        }
        Err(error) => Err(error),
    }
}

/// The form as the API's body: one parser serves both.
fn wish(queue: i64, form: &Fields) -> Result<Join> {
    let mut student = Map::new();
    for name in ["name", "email", "student_number"] {
        student.insert(name.into(), form.get(name).into());
    }
    for name in ["college_id", "major_id"] {
        let number: Option<i64> = form.get(name).parse().ok();
        student.insert(name.into(), number.into());
    }
    let body = serde_json::json!({
        "queue_id": queue, "student": Value::Object(student), "topic": form.get("topic"), "question": form.get("question"),
    });
    let body: JoinBody = serde_json::from_value(body).map_err(|error| Error::Internal(Box::new(error)))?;
    body.read(false)
}

/// Keeps the way back to the place: a student who opens the room again is led to it.
fn place_cookie(queue: i64, token: &str, host: &WebHost) -> Cookie<'static> {
    Cookie::build((cookie_name(queue), token.to_owned()))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(host.is_https())
        .path("/")
        .max_age(rocket::time::Duration::days(2))
        .build()
}

/// What a student sees of their place. Also what is sent live.
struct StatusView {
    token: String,
    state: PlaceState,
    ticket: String,
    title: String,
    position: usize,
    wait: String,
    on_duty: usize,
    names: Vec<String>,
    /// Whoever called, where to go.
    advisor: String,
    desk: String,
    video_url: String,
    /// End of the grace or of being away, for scripts and in words.
    due: Option<Moment>,
    due_words: String,
    coming: bool,
    /// Minutes of being away that are left.
    away_left: i64,
    may_return: bool,
    reason: String,
    announcement: String,
    queue: i64,
    closing: String,
}

#[derive(Template)]
#[template(path = "waiting/_status.html")]
struct StatusPart {
    s: StatusView,
}

impl StatusView {
    fn new(room: &Room, place: &Place, token: &str, now: Moment) -> StatusView {
        let status = &place.status;
        let position = room.position(place).unwrap_or(0);
        let zone = room.queue.zone();
        let recent = status.ended_at.is_some_and(|ended| now.0 - ended.0 <= UNDO);
        let closing = match schedule::hours(&room.queue, now) {
            Hours::Open { until } => clock_time(until, &zone, now),
            _ => String::new(),
        };
        StatusView {
            token: token.to_owned(),
            state: place.state(),
            ticket: place.ticket.clone(),
            title: room.queue.title.clone(),
            position,
            wait: room.wait(position, now).words(),
            on_duty: room.duty.len(),
            names: room.duty.iter().map(|duty| duty.name.clone()).collect(),
            advisor: place.caller.clone().unwrap_or_default(),
            desk: place.desk.clone().or_else(|| room.queue.location.clone()).unwrap_or_default(),
            video_url: place.video_url.clone().unwrap_or_default(),
            due: status.due_at,
            due_words: status.due_at.map_or(String::new(), |due| clock_time(due, &zone, now)),
            coming: status.coming_at.is_some(),
            away_left: ((room.queue.away_minutes * MINUTE - status.away_ms) / MINUTE).max(0),
            may_return: recent
                && room.queue.intake != "closed"
                && matches!(place.state(), PlaceState::Left | PlaceState::NoShow),
            reason: status.end_reason.clone().unwrap_or_default(),
            announcement: room.announcement.as_ref().map_or(String::new(), |a| a.text.clone()),
            queue: place.queue_id,
            closing,
        }
    }

    /// What the browser's tab says.
    fn headline(&self) -> String {
        match self.state {
            PlaceState::Waiting => format!("(#{}) {}", self.position, self.title),
            PlaceState::Called => "Your turn".into(),
            PlaceState::Away => format!("Away: {}", self.title),
            PlaceState::Serving => format!("With {}", self.advisor),
            _ => format!("Ended: {}", self.title),
        }
    }

    /// What is read out when it changes.
    fn spoken(&self) -> String {
        match self.state {
            PlaceState::Waiting => format!("You are {}. Expected wait {}.", self.ordinal(), self.wait),
            PlaceState::Called => format!("It is your turn. {} is waiting for you.", self.advisor),
            _ => self.headline(),
        }
    }

    /// `3rd`.
    fn ordinal(&self) -> String {
        let suffix = match (self.position % 10, self.position % 100) {
            (_, 11..=13) => "th",
            (1, _) => "st",
            (2, _) => "nd",
            (3, _) => "rd",
            _ => "th",
        };
        format!("{}{suffix}", self.position)
    }

    fn is_active(&self) -> bool {
        self.state.is_active()
    }

    fn may_go_away(&self) -> bool {
        matches!(self.state, PlaceState::Waiting | PlaceState::Called) && self.away_left > 0
    }

    fn may_leave(&self) -> bool {
        matches!(self.state, PlaceState::Waiting | PlaceState::Called | PlaceState::Away)
    }

    /// Seconds after which a page without scripts looks again.
    fn refresh(&self) -> u32 {
        match (self.state, self.position) {
            (PlaceState::Called, _) | (PlaceState::Waiting, 1) => 5,
            (PlaceState::Waiting, 2..=5) => 10,
            (state, _) if state.is_active() => 20,
            _ => 300,
        }
    }
}

#[derive(Template)]
#[template(path = "waiting/status.html")]
struct StatusPage {
    s: StatusView,
    seq: i64,
    faqs: Vec<FaqView>,
    note: String,
}

/// What a link that leads nowhere shows: it may be old, or cut off by the program that opened it.
#[derive(Template)]
#[template(path = "waiting/nowhere.html")]
struct NowherePage {}

#[get("/q/<token>")]
async fn status(
    rooms: &State<Rooms>,
    token: &str,
    flash: Option<rocket::request::FlashMessage<'_>>,
) -> Result<Private> {
    let (live, place) = match rooms.by_link(token).await {
        Err(Error::NotFound(_)) => return Ok(Private(Status::NotFound, render(&NowherePage {})?)),
        found => found?,
    };
    let (s, seq, queue) = {
        let room = live.room();
        (StatusView::new(&room, &place, token, rooms.now()), room.queue.seq, room.queue.clone())
    };
    let faqs = if s.is_active() { faqs(rooms, &queue).await? } else { Vec::new() };
    let note = flash.map_or(String::new(), |flash| flash.message().to_owned());
    Ok(Private(Status::Ok, render(&StatusPage { s, seq, faqs, note })?))
}

#[post("/q/<token>/steps", data = "<form>")]
async fn step(_same: SameOrigin, rooms: &State<Rooms>, token: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let (_, place) = rooms.by_link(token).await?;
    let step = match form.get("step") {
        "leave" => Step::Leave,
        "away" => Step::Away(form.get("minutes").parse().unwrap_or(5)),
        "back" => Step::Back,
        "coming" => Step::Coming,
        "restore" => Step::Restore,
        other => return Err(Error::invalid("/step", format!("there is no step \"{other}\""))),
    };
    let note = match rooms.step(place.id, &step, None, &Actor::student(), None).await {
        Ok(_) => String::new(),
        // A second tap on the same button.
        Err(Error::Outdated { .. }) if step == Step::Leave && place.state() == PlaceState::Left => String::new(),
        // Somebody was faster: the page shows what it is now.
        Err(Error::Outdated { detail, .. } | Error::Conflict(detail)) => detail.into_owned(),
        Err(error) => return Err(error),
    };
    Ok(Flash::new(see_other(format!("/q/{token}")), "note", note))
}

#[get("/q/<token>/events")]
async fn follow(rooms: &State<Rooms>, follower: Follower, token: &str) -> Result<Stream> {
    let (live, place) = rooms.by_link(token).await?;
    let (id, token) = (place.id, token.to_owned());
    Ok(follower.public().follow(live, move |room, now| {
        let Some(place) = room.places.get(&id) else { return String::new() };
        StatusPart { s: StatusView::new(room, place, &token, now) }.render().unwrap_or_default()
    }))
}

/// The link as a code, to move the page to a phone.
#[get("/q/<token>/qr.svg")]
async fn qr(rooms: &State<Rooms>, host: WebHost, token: &str) -> Result<(ContentType, String)> {
    rooms.by_link(token).await?;
    let code =
        qrcode::QrCode::new(format!("{}/q/{token}", host.0)).map_err(|error| Error::Internal(Box::new(error)))?;
    Ok((ContentType::SVG, code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(200, 200).build()))
}
