//! The staff board of a queue, and the display for the room. Plain forms; live by server-sent events.

mod display;
mod filter;
mod steps;
mod view;

use askama::Template;
use rocket::http::uri::Origin;
use rocket::request::FlashMessage;
use rocket::{Route, State, get, routes};

use view::{BoardView, Looker};

use super::State as PlaceState;
use super::events::{Follower, Stream};
use super::join::shut;
use super::service::Rooms;
use crate::error::Result;
use crate::staff::{Layout, Viewer};
use crate::web::{Html, item_id, render};

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

#[derive(Template)]
#[template(path = "waiting/_board.html")]
struct BoardPart {
    b: BoardView,
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
    follower.follow(live, move |room, now| BoardPart { b: looker.view(room, now) }.render().unwrap_or_default())
}
