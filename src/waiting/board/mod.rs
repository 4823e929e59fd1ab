//! The staff board of a queue, and the display for the room. Plain forms; live by server-sent events.

mod display;
mod filter;
mod steps;

use askama::Template;
use rocket::http::uri::Origin;
use rocket::request::FlashMessage;
use rocket::{Route, State, get, routes};

use filter::BoardFilter;

use super::events::{Follower, Stream};
use super::join::shut;
use super::live::Room;
use super::rules::UNDO;
use super::service::Rooms;
use super::{Desk, Place, State as PlaceState};
use crate::error::Result;
use crate::moment::{MINUTE, Moment, SECOND};
use crate::staff::{Account, Layout, Role, Viewer};
use crate::web::{Html, item_id, render};
use crate::words::ago;

pub fn routes() -> Vec<Route> {
    routes![
        boards,
        board,
        follow,
        steps::call,
        steps::step,
        steps::undo,
        steps::duty,
        steps::intake,
        steps::close_out,
        steps::announce,
        steps::walk_in,
        display::display,
        display::follow_display
    ]
}

#[derive(Template)]
#[template(path = "waiting/boards.html")]
struct BoardsPage {
    layout: Layout,
    queues: Vec<QueueView>,
}

/// A queue in the list of all.
struct QueueView {
    id: i64,
    title: String,
    college: String,
    open: bool,
    waiting: usize,
    on_duty: usize,
}

#[get("/board")]
async fn boards(_viewer: Viewer, layout: Layout, rooms: &State<Rooms>) -> Result<Html> {
    let mut queues = Vec::new();
    for (id, live) in rooms.all_rooms().await? {
        let room = live.room();
        queues.push(QueueView {
            id,
            title: room.queue.title.clone(),
            college: room.queue.college.clone(),
            open: shut(&room.queue, rooms.now()).is_none(),
            waiting: room.waiting_count(),
            on_duty: room.duty.len(),
        });
    }
    render(&BoardsPage { layout, queues })
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

    /// How its state is drawn.
    fn kind(&self) -> &'static str {
        match self.state {
            PlaceState::Waiting => "open",
            PlaceState::Called => "called",
            PlaceState::Serving => "serving",
            PlaceState::Away => "away",
            PlaceState::Done => "done",
            _ => "closed",
        }
    }

    fn is_called_or_served(&self) -> bool {
        matches!(self.state, PlaceState::Called | PlaceState::Serving)
    }
}

/// Places of the board that belong together.
struct PlaceGroup {
    title: &'static str,
    /// What is said when there are none.
    nobody: &'static str,
    places: Vec<Card>,
}

/// The board as it is sent live.
struct BoardView {
    id: i64,
    title: String,
    shut: String,
    intake: &'static str,
    waiting: usize,
    wait: String,
    duty: Vec<(String, String)>,
    on_duty: bool,
    may_act: bool,
    groups: Vec<PlaceGroup>,
    topics: Vec<String>,
    filter: BoardFilter,
    announcement: String,
    /// The other queues, to move somebody to.
    others: Vec<(i64, String)>,
}

#[derive(Template)]
#[template(path = "waiting/_board.html")]
struct BoardPart {
    b: BoardView,
}

impl BoardView {
    /// Whether it shows every place.
    fn is_whole(&self) -> bool {
        self.filter.who.is_empty() && self.filter.topic.is_empty()
    }
}

/// Who looks at a board, and at what.
#[derive(Clone)]
struct Looker {
    desk: Desk,
    may_act: bool,
    filter: BoardFilter,
    others: Vec<(i64, String)>,
}

impl Looker {
    async fn new(rooms: &Rooms, account: &Account, queue: i64, uri: &Origin<'_>) -> Result<Looker> {
        let caller = rooms.caller(account, None).await?;
        let others = rooms.other_queues(queue).await?;
        Ok(Looker { desk: caller.desk, may_act: account.role >= Role::Staff, filter: BoardFilter::read(uri)?, others })
    }

    /// Its places: at a desk, in the line, away, and just gone. The last two only if there are any.
    fn groups(&self, room: &Room, now: Moment) -> Vec<PlaceGroup> {
        let group = |title, nobody, places: Vec<std::sync::Arc<Place>>| {
            let shown = places.iter().filter(|p| self.filter.shows(p, self.desk));
            PlaceGroup { title, nobody, places: shown.map(|p| Card::new(room, p, now)).collect() }
        };
        let mut ended = room.in_state(&[PlaceState::NoShow, PlaceState::Done]);
        ended.retain(|p| p.status.ended_at.is_some_and(|at| now.0 - at.0 < UNDO));
        ended.truncate(10);
        let at_desks = room.in_state(&[PlaceState::Called, PlaceState::Serving]);
        let mut groups = vec![
            group("Now", "Nobody is called or being served.", at_desks),
            group("Waiting", "Nobody is waiting", room.waiting().cloned().collect()),
            group("Away", "", room.in_state(&[PlaceState::Away])),
            group("Just ended", "", ended),
        ];
        groups.retain(|group| !group.nobody.is_empty() || !group.places.is_empty());
        groups
    }

    fn view(&self, room: &Room, now: Moment) -> BoardView {
        let on_duty = room.duty.iter().any(|duty| match self.desk {
            Desk::Advisor { advisor, .. } => duty.advisor_id == Some(advisor),
            Desk::Account(account) => duty.advisor_id.is_none() && duty.user_id == Some(account),
        });
        BoardView {
            id: room.queue.id,
            title: room.queue.title.clone(),
            shut: shut(&room.queue, now).unwrap_or_default(),
            intake: room.queue.intake.name(),
            waiting: room.waiting_count(),
            wait: room.wait_to_join(now).words(),
            duty: room
                .duty
                .iter()
                .map(|duty| (duty.name.clone(), room.at_desk(duty).map_or("free".into(), |p| p.ticket.clone())))
                .collect(),
            on_duty,
            may_act: self.may_act,
            groups: self.groups(room, now),
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
