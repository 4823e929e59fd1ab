//! A place in a queue, as its student watches it.

use askama::Template;
use rocket::http::{ContentType, Status};
use rocket::response::Flash;
use rocket::{State, get, post};

use super::private::Private;
use super::rooms::{FaqView, faqs};
use crate::error::{Error, Result};
use crate::moment::{MINUTE, Moment};
use crate::updates::{Pinned, Updates};
use crate::waiting::events::{Follower, Stream};
use crate::waiting::live::Room;
use crate::waiting::rules::{Step, UNDO};
use crate::waiting::schedule::{self, Hours, clock_time};
use crate::waiting::service::Rooms;
use crate::waiting::{Actor, Intake, Place, State as PlaceState};
use crate::web::{Fields, Note, SameOrigin, SeeOther, WebHost, render, told};

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
    /// Who called, and where to go.
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
    /// News for everybody who waits.
    pinned: Vec<Pinned>,
}

#[derive(Template)]
#[template(path = "waiting/_status.html")]
struct StatusPart {
    s: StatusView,
}

impl StatusView {
    fn new(room: &Room, place: &Place, token: &str, now: Moment, pinned: Vec<Pinned>) -> StatusView {
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
                && room.queue.intake != Intake::Closed
                && matches!(place.state(), PlaceState::Left | PlaceState::NoShow),
            reason: status.end_reason.clone().unwrap_or_default(),
            announcement: room.announcement.as_ref().map_or(String::new(), |a| a.text.clone()),
            queue: place.queue_id,
            closing,
            pinned: if place.state().is_active() { pinned } else { Vec::new() },
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
pub(super) async fn status(rooms: &State<Rooms>, updates: &State<Updates>, token: &str, note: Note) -> Result<Private> {
    let (live, place) = match rooms.by_link(token).await {
        Err(Error::NotFound(_)) => return Ok(Private(Status::NotFound, render(&NowherePage {})?)),
        found => found?,
    };
    updates.refresh().await?;
    let (s, seq, queue) = {
        let room = live.room();
        (StatusView::new(&room, &place, token, rooms.now(), updates.pinned()), room.queue.seq, room.queue.clone())
    };
    let faqs = if s.is_active() { faqs(rooms, &queue).await? } else { Vec::new() };
    Ok(Private(Status::Ok, render(&StatusPage { s, seq, faqs, note: note.0 })?))
}

#[post("/q/<token>/steps", data = "<form>")]
pub(super) async fn step(
    _same: SameOrigin,
    rooms: &State<Rooms>,
    token: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
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
    Ok(told(format!("/q/{token}"), note))
}

#[get("/q/<token>/events")]
pub(super) async fn follow(
    rooms: &State<Rooms>,
    updates: &State<Updates>,
    follower: Follower,
    token: &str,
) -> Result<Stream> {
    let (live, place) = rooms.by_link(token).await?;
    let (id, token, updates) = (place.id, token.to_owned(), updates.inner().clone());
    follower.of_place(id).follow(live, move |room, now| {
        let Some(place) = room.places.get(&id) else { return String::new() };
        StatusPart { s: StatusView::new(room, place, &token, now, updates.pinned()) }.render().unwrap_or_default()
    })
}

/// The link as a code, to move the page to a phone.
#[get("/q/<token>/qr.svg")]
pub(super) async fn qr(rooms: &State<Rooms>, host: WebHost, token: &str) -> Result<(ContentType, String)> {
    rooms.by_link(token).await?;
    let code =
        qrcode::QrCode::new(format!("{}/q/{token}", host.0)).map_err(|error| Error::Internal(Box::new(error)))?;
    Ok((ContentType::SVG, code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(200, 200).build()))
}
