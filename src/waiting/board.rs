//! The staff board of a queue, and the display for the room. Plain forms; live by server-sent events.

use askama::Template;
use rocket::http::uri::Origin;
use rocket::request::FlashMessage;
use rocket::response::Flash;
use rocket::{Route, State, get, post, routes};
use serde_json::{Map, Value};

use super::events::{Follower, Stream};
use super::join::{Join, Who, shut};
use super::live::Room;
use super::rules::{Desk, Step, UNDO};
use super::running::closing_message;
use super::service::Rooms;
use super::{Actor, Place, State as PlaceState, store};
use crate::error::{Error, FieldError, Result};
use crate::moment::{MINUTE, Moment, SECOND};
use crate::staff::{Account, Layout, Role, Staff, Viewer};
use crate::web::{Fields, Html, SeeOther, WebHost, item_id, query_pairs, render, see_other};
use crate::words::ago;

pub fn routes() -> Vec<Route> {
    routes![
        boards,
        board,
        follow,
        call,
        step,
        undo,
        duty,
        intake,
        close_out,
        announce,
        walk_in,
        display,
        follow_display
    ]
}

#[derive(Template)]
#[template(path = "waiting/boards.html")]
struct BoardsPage {
    layout: Layout,
    /// Number, title, college, what is going on.
    queues: Vec<(i64, String, String, String)>,
}

#[get("/board")]
async fn boards(_viewer: Viewer, layout: Layout, rooms: &State<Rooms>) -> Result<Html> {
    let mut queues = Vec::new();
    for (id, _, _) in store::marks(&rooms.db).await? {
        let live = rooms.room(id).await?;
        let room = live.room();
        let words = format!(
            "{}, {} waiting, {} on duty",
            if shut(&room.queue, rooms.now()).is_some() { "closed" } else { "open" },
            room.waiting_count(),
            room.duty.len()
        );
        queues.push((id, room.queue.title.clone(), room.queue.college.clone(), words));
    }
    render(&BoardsPage { layout, queues })
}

/// Which of the people on the board are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Filter {
    /// `mine`, `unassigned`, or empty.
    who: String,
    topic: String,
}

impl Filter {
    fn read(uri: &Origin<'_>) -> Result<Filter> {
        let mut filter = Filter::default();
        for (name, value) in query_pairs(uri)? {
            match (name.as_str(), value.as_str()) {
                ("who", "" | "mine" | "unassigned") => filter.who = value,
                ("who", _) => return Err(Error::parameter("who", "must be mine or unassigned")),
                ("topic", _) => filter.topic = value,
                _ => return Err(Error::parameter(name, "is no filter of the board")),
            }
        }
        Ok(filter)
    }

    fn shows(&self, place: &Place, me: Desk) -> bool {
        let mine = is_at(place, me);
        let by_who = match self.who.as_str() {
            "mine" => mine,
            "unassigned" => place.status.advisor_id.is_none() && place.status.user_id.is_none(),
            _ => true,
        };
        by_who && (self.topic.is_empty() || place.topic.as_deref() == Some(self.topic.as_str()))
    }

    fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("who", &self.who)
            .append_pair("topic", &self.topic)
            .finish()
    }
}

fn is_at(place: &Place, desk: Desk) -> bool {
    match desk {
        Desk::Advisor { advisor, .. } => place.status.advisor_id == Some(advisor),
        Desk::Account(account) => place.status.advisor_id.is_none() && place.status.user_id == Some(account),
    }
}

/// A place on the board.
struct Card {
    id: i64,
    version: i64,
    position: usize,
    ticket: String,
    student: String,
    student_id: i64,
    topic: String,
    question: String,
    note: String,
    state: PlaceState,
    advisor: String,
    /// `14 min`, since joining.
    waited: String,
    long: bool,
    since: Option<Moment>,
    due: Option<Moment>,
    coming: bool,
    visits: i64,
    recalls: i64,
    walk_in: bool,
    ended: String,
}

impl Card {
    fn new(room: &Room, place: &Place, now: Moment) -> Card {
        let status = &place.status;
        let waited = (now.0 - place.joined_at.0).max(0);
        Card {
            id: place.id,
            version: place.version,
            position: room.position(place).unwrap_or(0),
            ticket: place.ticket.clone(),
            student: place.student.clone(),
            student_id: place.student_id,
            topic: place.topic.clone().unwrap_or_default(),
            question: place.question.clone().unwrap_or_default(),
            note: status.note.clone().unwrap_or_default(),
            state: place.state(),
            advisor: place.caller.clone().unwrap_or_default(),
            waited: format!("{} min", waited / MINUTE),
            long: waited > 30 * MINUTE,
            since: status.started_at.or(status.called_at),
            due: status.due_at,
            coming: status.coming_at.is_some(),
            visits: place.visits,
            recalls: status.recalls,
            walk_in: place.walk_in,
            ended: status.ended_at.map_or(String::new(), |at| ago(((now.0 - at.0) / SECOND).max(0))),
        }
    }
}

/// The board as it is sent live.
struct BoardView {
    id: i64,
    title: String,
    shut: String,
    intake: String,
    waiting: usize,
    wait: String,
    duty: Vec<(String, String)>,
    on_duty: bool,
    may_act: bool,
    now: Vec<Card>,
    line: Vec<Card>,
    away: Vec<Card>,
    missed: Vec<Card>,
    topics: Vec<String>,
    filter: Filter,
    announcement: String,
    /// The other queues, to move somebody to.
    others: Vec<(i64, String)>,
}

#[derive(Template)]
#[template(path = "waiting/_board.html")]
struct BoardPart {
    b: BoardView,
}

/// Who looks at a board, and at what.
#[derive(Clone)]
struct Looker {
    desk: Desk,
    may_act: bool,
    filter: Filter,
    others: Vec<(i64, String)>,
}

impl Looker {
    async fn new(rooms: &Rooms, account: &Account, queue: i64, uri: &Origin<'_>) -> Result<Looker> {
        let caller = rooms.caller(account, None).await?;
        let mut others = store::titles(&rooms.db).await?;
        others.retain(|(id, _)| *id != queue);
        Ok(Looker { desk: caller.desk, may_act: account.role >= Role::Staff, filter: Filter::read(uri)?, others })
    }

    fn view(&self, room: &Room, now: Moment) -> BoardView {
        let cards = |places: Vec<std::sync::Arc<Place>>| {
            places
                .iter()
                .filter(|p| self.filter.shows(p, self.desk))
                .map(|p| Card::new(room, p, now))
                .collect::<Vec<_>>()
        };
        let on_duty = room.duty.iter().any(|duty| match self.desk {
            Desk::Advisor { advisor, .. } => duty.advisor_id == Some(advisor),
            Desk::Account(account) => duty.advisor_id.is_none() && duty.user_id == Some(account),
        });
        let mut missed = room.in_state(&[PlaceState::NoShow, PlaceState::Done]);
        missed.retain(|p| p.status.ended_at.is_some_and(|at| now.0 - at.0 < UNDO));
        missed.truncate(10);
        BoardView {
            id: room.queue.id,
            title: room.queue.title.clone(),
            shut: shut(&room.queue, now).unwrap_or_default(),
            intake: room.queue.intake.clone(),
            waiting: room.waiting_count(),
            wait: room.wait_to_join(now).words(),
            duty: room
                .duty
                .iter()
                .map(|duty| (duty.name.clone(), room.at_desk(duty).map_or("free".into(), |p| p.ticket.clone())))
                .collect(),
            on_duty,
            may_act: self.may_act,
            now: cards(room.in_state(&[PlaceState::Called, PlaceState::Serving])),
            line: cards(room.waiting().cloned().collect()),
            away: cards(room.in_state(&[PlaceState::Away])),
            missed: cards(missed),
            topics: room.queue.topics(),
            filter: self.filter.clone(),
            announcement: room.announcement.as_ref().map_or(String::new(), |a| a.text.clone()),
            others: self.others.clone(),
        }
    }
}

/// What the last step did, with what takes it back.
struct Toast {
    text: String,
    /// Place and version.
    undo: Option<(i64, i64)>,
    /// Nobody is on duty any more: close intake?
    ask_to_close: bool,
    /// The link of somebody who was taken in.
    link: String,
}

impl Toast {
    fn read(flash: &FlashMessage<'_>) -> Toast {
        let (kind, rest) = flash.kind().split_once(' ').unwrap_or((flash.kind(), ""));
        let undo = rest.split_once(' ').and_then(|(id, version)| Some((id.parse().ok()?, version.parse().ok()?)));
        Toast {
            text: flash.message().to_owned(),
            undo: undo.filter(|_| kind == "undo"),
            ask_to_close: kind == "ask",
            link: if kind == "link" { rest.to_owned() } else { String::new() },
        }
    }
}

#[derive(Template)]
#[template(path = "waiting/board.html")]
struct BoardPage {
    layout: Layout,
    b: BoardView,
    seq: i64,
    toast: Option<Toast>,
}

#[get("/board/<queue>")]
async fn board(
    viewer: Viewer,
    layout: Layout,
    rooms: &State<Rooms>,
    uri: &Origin<'_>,
    queue: &str,
    flash: Option<FlashMessage<'_>>,
) -> Result<Html> {
    let queue = item_id(queue)?;
    let looker = Looker::new(rooms, &viewer.0, queue, uri).await?;
    let live = rooms.room(queue).await?;
    let (b, seq) = {
        let room = live.room();
        (looker.view(&room, rooms.now()), room.queue.seq)
    };
    render(&BoardPage { layout, b, seq, toast: flash.as_ref().map(Toast::read) })
}

#[get("/board/<queue>/events")]
async fn follow(
    viewer: Viewer,
    rooms: &State<Rooms>,
    uri: &Origin<'_>,
    follower: Follower,
    queue: &str,
) -> Result<Stream> {
    let queue = item_id(queue)?;
    let looker = Looker::new(rooms, &viewer.0, queue, uri).await?;
    let live = rooms.room(queue).await?;
    Ok(follower.follow(live, move |room, now| BoardPart { b: looker.view(room, now) }.render().unwrap_or_default()))
}

fn to(queue: i64, kind: impl Into<String>, words: impl Into<String>) -> Flash<SeeOther> {
    Flash::new(see_other(format!("/board/{queue}")), kind, words.into())
}

/// Back to the board, with what was done; or with what stood in the way.
fn back(queue: i64, done: Result<(std::sync::Arc<Place>, &str)>) -> Result<Flash<SeeOther>> {
    match done {
        Ok((place, words)) => {
            let text = format!("{words}: {} {}", place.ticket, place.student);
            Ok(to(queue, format!("undo {} {}", place.id, place.version), text))
        }
        Err(Error::Conflict(words) | Error::Outdated { detail: words, .. }) => Ok(to(queue, "note", words)),
        Err(Error::Invalid(errors)) => Ok(to(queue, "note", first_words(&errors))),
        Err(error) => Err(error),
    }
}

fn first_words(errors: &[FieldError]) -> String {
    errors.first().map_or(String::new(), |error| {
        let field = error.pointer.as_deref().unwrap_or("").trim_start_matches("/student").trim_start_matches('/');
        format!("{field} {}", error.detail)
    })
}

fn reason(form: &Fields) -> Result<Option<&str>> {
    super::api::checked_reason(Some(form.get("reason")))
}

/// The version of the place that the form was made for.
fn seen(form: &Fields) -> Result<i64> {
    form.get("version").parse().map_err(|_| Error::invalid("/version", "is required"))
}

#[post("/board/<queue>/calls", data = "<form>")]
async fn call(staff: Staff, rooms: &State<Rooms>, queue: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let queue = item_id(queue)?;
    let caller = rooms.caller(&staff.0, None).await?;
    let called = match form.get("place") {
        "" => rooms.call_next(queue, &caller).await,
        place => {
            let place = place.parse().map_err(|_| Error::invalid("/place", "must be a number"))?;
            rooms.call_this(queue, &caller, place, Some(seen(&form)?), reason(&form)?).await.map(Some)
        }
    };
    match called {
        Ok(None) => Ok(to(queue, "note", "Nobody is waiting.")),
        Ok(Some(place)) if place.queue_id != queue => Ok(to(
            place.queue_id,
            "note",
            format!("You have {} {} here: finish that first.", place.ticket, place.student),
        )),
        called => back(
            queue,
            called
                .map(|place| place.map(|place| (place, "Called")))
                .and_then(|p| p.ok_or_else(super::service::no_place)),
        ),
    }
}

#[post("/places/<id>/steps", data = "<form>")]
async fn step(staff: Staff, rooms: &State<Rooms>, id: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    let (_, place) = rooms.place(id).await?;
    let queue = place.queue_id;
    let by = Actor::staff(&staff.0);
    let version = seen(&form)?;
    let (step, words) = match form.get("step") {
        "recall" => (Step::Recall, "Called again"),
        "return" => (Step::Return, "Put back into the line"),
        "start" => (Step::Start, "Started"),
        "done" => (Step::Done, "Done"),
        "no_show" => (Step::NoShow, "Did not come"),
        "requeue" => (Step::Requeue(None), "Back in the line"),
        "requeue_back" => (Step::Requeue(Some(0)), "Back at the end of the line"),
        "away" => (Step::Away(i64::MAX), "Away"),
        "back" => (Step::Back, "Back from being away"),
        "remove" => (Step::Remove, "Taken out"),
        "restore" => (Step::Restore, "Back in the line"),
        "reopen" => (Step::Reopen, "Goes on"),
        "note" => (Step::Note(form.get("note").chars().take(2000).collect()), "Noted"),
        "transfer" => {
            let other = form.get("queue").parse().map_err(|_| Error::invalid("/queue", "must be chosen"));
            let moved = match other {
                Ok(other) => rooms.transfer(id, other, Some(version), &by, reason(&form)?).await,
                Err(error) => Err(error),
            };
            // What is taken back is the end of the place here.
            let ended = match moved {
                Ok(_) => rooms.place(id).await.map(|(_, place)| (place, "Moved")),
                Err(error) => Err(error),
            };
            return back(queue, ended);
        }
        other => return Err(Error::invalid("/step", format!("there is no step \"{other}\""))),
    };
    let taken = rooms.step(id, &step, Some(version), &by, reason(&form)?).await;
    back(queue, taken.map(|place| (place, words)))
}

#[post("/places/<id>/undo", data = "<form>")]
async fn undo(staff: Staff, rooms: &State<Rooms>, id: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    let (_, place) = rooms.place(id).await?;
    let undone = rooms.undo(id, Some(seen(&form)?), &Actor::staff(&staff.0)).await;
    match undone {
        Ok(place) => {
            Ok(to(place.queue_id, "note", format!("Taken back: {} is {} again.", place.ticket, place.state().words())))
        }
        error => back(place.queue_id, error.map(|place| (place, ""))),
    }
}

#[post("/board/<queue>/duty", data = "<form>")]
async fn duty(staff: Staff, rooms: &State<Rooms>, queue: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let queue = item_id(queue)?;
    let on = match form.get("on") {
        "1" => true,
        "0" => false,
        _ => return Err(Error::invalid("/on", "must be 1 or 0")),
    };
    let caller = rooms.caller(&staff.0, None).await?;
    let anybody = rooms.set_duty(queue, &caller, on).await?;
    let room = rooms.room(queue).await?;
    let open = room.room().queue.intake == "open";
    Ok(match (on, anybody) {
        (true, _) => to(queue, "note", format!("{} is on duty.", caller.name)),
        (false, false) if open => to(queue, "ask", "Nobody is on duty any more. Shall the line take in new students?"),
        (false, _) => to(queue, "note", format!("{} is off duty.", caller.name)),
    })
}

#[post("/board/<queue>/intake", data = "<form>")]
async fn intake(staff: Staff, rooms: &State<Rooms>, queue: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let queue = item_id(queue)?;
    let message = Some(form.get("message").trim()).filter(|text| !text.is_empty());
    if message.is_some_and(|text| text.chars().count() > 300) {
        return Ok(to(queue, "note", "The message has more than 300 characters."));
    }
    rooms.set_intake(queue, form.get("intake"), message, &Actor::staff(&staff.0)).await?;
    let words = match form.get("intake") {
        "open" => "The line takes students in.",
        "paused" => "Intake is paused. Those who wait stay.",
        _ => "Intake is closed. Those who wait stay.",
    };
    Ok(to(queue, "note", words))
}

#[post("/board/<queue>/closures", data = "<form>")]
async fn close_out(staff: Staff, rooms: &State<Rooms>, queue: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let queue = item_id(queue)?;
    match closing_message(form.get("message")) {
        Ok(message) => {
            let ended = rooms.close_out(queue, message, &Actor::staff(&staff.0)).await?;
            Ok(to(queue, "note", format!("Closed out: {ended} were told \"{message}\".")))
        }
        Err(error) => back(queue, Err(error)),
    }
}

#[post("/board/<queue>/announcements", data = "<form>")]
async fn announce(staff: Staff, rooms: &State<Rooms>, queue: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let queue = item_id(queue)?;
    match rooms.announce(queue, form.get("text"), &Actor::staff(&staff.0)).await {
        Ok(()) => Ok(to(queue, "note", "Everybody who waits sees it.")),
        Err(error) => back(queue, Err(error)),
    }
}

#[post("/board/<queue>/walk-ins", data = "<form>")]
async fn walk_in(
    staff: Staff,
    rooms: &State<Rooms>,
    host: WebHost,
    queue: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
    let queue = item_id(queue)?;
    let mut student = Map::new();
    for name in ["name", "email", "student_number"] {
        student.insert(name.into(), Value::from(form.get(name)));
    }
    let text = |name: &str| Some(form.get(name).trim().chars().take(200).collect::<String>()).filter(|t| !t.is_empty());
    let wish = Join { queue, who: Who::Described(student), topic: text("topic"), question: None, walk_in: true };
    match rooms.join(&wish, Some(&Actor::staff(&staff.0)), None).await {
        Ok(joined) => {
            let link = joined.token.map(|token| format!("{}/q/{token}", host.0)).unwrap_or_default();
            let words = if joined.new { "is in the line" } else { "was in the line already" };
            let text = format!("{} {} {words}.", joined.place.ticket, joined.place.student);
            Ok(to(queue, format!("link {link}"), text))
        }
        Err(error) => back(queue, Err(error)),
    }
}

/// The display of a room: tickets and desks, no names.
struct DisplayView {
    title: String,
    waiting: usize,
    wait: String,
    /// Ticket, desk, whether the call is still open.
    called: Vec<(String, String, bool)>,
    announcement: String,
    shut: String,
}

impl DisplayView {
    fn new(room: &Room, now: Moment) -> DisplayView {
        let mut called: Vec<_> = room.places.values().filter(|place| place.status.called_at.is_some()).collect();
        called.sort_by_key(|place| std::cmp::Reverse((place.status.called_at, place.id)));
        let desk = |place: &Place| place.desk.clone().or_else(|| place.caller.clone()).unwrap_or_default();
        DisplayView {
            title: room.queue.title.clone(),
            waiting: room.waiting_count(),
            wait: room.wait_to_join(now).words(),
            called: called
                .iter()
                .take(5)
                .map(|place| (place.ticket.clone(), desk(place), place.state() == PlaceState::Called))
                .collect(),
            announcement: room.announcement.as_ref().map_or(String::new(), |a| a.text.clone()),
            shut: shut(&room.queue, now).unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "waiting/_display.html")]
struct DisplayPart {
    d: DisplayView,
}

#[derive(Template)]
#[template(path = "waiting/display.html")]
struct DisplayPage {
    d: DisplayView,
    id: i64,
    seq: i64,
}

#[get("/board/<queue>/display")]
async fn display(_viewer: Viewer, rooms: &State<Rooms>, queue: &str) -> Result<Html> {
    let id = item_id(queue)?;
    let live = rooms.room(id).await?;
    let (d, seq) = {
        let room = live.room();
        (DisplayView::new(&room, rooms.now()), room.queue.seq)
    };
    render(&DisplayPage { d, id, seq })
}

#[get("/board/<queue>/display/events")]
async fn follow_display(_viewer: Viewer, rooms: &State<Rooms>, follower: Follower, queue: &str) -> Result<Stream> {
    let live = rooms.room(item_id(queue)?).await?;
    Ok(follower.follow(live, |room, now| DisplayPart { d: DisplayView::new(room, now) }.render().unwrap_or_default()))
}
