//! The queues, and joining one.

use std::net::IpAddr;

use askama::Template;
use rocket::http::{Cookie, CookieJar, SameSite, Status};
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Responder};
use rocket::{State, get, post};
use serde_json::{Map, Value};

use crate::directory::{COLLEGES, MAJORS};
use crate::error::{Error, FieldError, Result};
use crate::moment::Moment;
use crate::records::Records;
use crate::waiting::Queue;
use crate::waiting::api::cookie_name;
use crate::waiting::join::{Join, JoinBody, shut};
use crate::waiting::live::Room;
use crate::waiting::schedule::{self, Hours, clock_time};
use crate::waiting::service::Rooms;
use crate::web::{ClientAddress, Fields, Html, SafeHtml, SameOrigin, SeeOther, WebHost, item_id, render, see_other};

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
pub(super) async fn rooms(rooms: &State<Rooms>) -> Result<Html> {
    let now = rooms.now();
    let mut queues = Vec::new();
    for (_, live) in rooms.all_rooms().await? {
        queues.push(QueueView::new(&live.room(), now));
    }
    queues.sort_by(|a, b| (&a.college, !a.shut.is_empty(), &a.title).cmp(&(&b.college, !b.shut.is_empty(), &b.title)));
    render(&RoomsPage { queues })
}

/// A question with its answer.
pub(super) struct FaqView {
    pub(super) question: String,
    pub(super) answer: SafeHtml,
}

pub(super) async fn faqs(rooms: &Rooms, queue: &Queue) -> Result<Vec<FaqView>> {
    let found = rooms.faqs(queue).await?;
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
pub(super) async fn room(
    rooms: &State<Rooms>,
    records: &State<Records>,
    cookies: &CookieJar<'_>,
    id: &str,
) -> Result<Html> {
    let id = item_id(id)?;
    let held = held_link(rooms, cookies, id).await?.unwrap_or_default();
    room_page(rooms, records, id, Fields::default(), held, None).await
}

/// The browser of a student who sent a form of ours.
pub(super) struct Phone<'r> {
    address: Option<IpAddr>,
    cookies: &'r CookieJar<'r>,
    host: WebHost,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Phone<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let address = try_outcome!(request.guard::<ClientAddress>().await).0;
        try_outcome!(request.guard::<SameOrigin>().await);
        Outcome::Success(Phone { address, cookies: request.cookies(), host: WebHost::of(request) })
    }
}

/// On to the status page, or the form again.
pub(super) enum JoinAnswer {
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

#[post("/rooms/<id>/places", data = "<form>")]
pub(super) async fn join(
    phone: Phone<'_>,
    rooms: &State<Rooms>,
    records: &State<Records>,
    id: &str,
    form: Fields,
) -> Result<JoinAnswer> {
    rooms.admit(phone.address)?;
    let id = item_id(id)?;
    let held = held_link(rooms, phone.cookies, id).await?;
    let joined = match wish(id, &form) {
        Ok(wish) => rooms.join(&wish, None, held.as_deref()).await,
        Err(error) => Err(error),
    };
    match joined {
        Ok(joined) => match joined.token {
            Some(token) => {
                phone.cookies.add(place_cookie(id, &token, &phone.host));
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
