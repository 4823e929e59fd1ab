//! The display in the lobby: who is called, by ticket.

use askama::Template;
use rocket::{State, get};

use crate::error::Result;
use crate::moment::Moment;
use crate::staff::Viewer;
use crate::waiting::events::{Follower, Stream};
use crate::waiting::join::shut;
use crate::waiting::live::Room;
use crate::waiting::service::Rooms;
use crate::waiting::{Place, State as PlaceState};
use crate::web::{Html, item_id, render};

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

    /// Whether the newest call is still open.
    fn is_calling(&self) -> bool {
        self.called.first().is_some_and(|(_, _, open)| *open)
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
pub(super) async fn display(_viewer: Viewer, rooms: &State<Rooms>, queue: &str) -> Result<Html> {
    let id = item_id(queue)?;
    let live = rooms.room(id).await?;
    let (d, seq) = {
        let room = live.room();
        (DisplayView::new(&room, rooms.now()), room.queue.seq)
    };
    render(&DisplayPage { d, id, seq })
}

#[get("/board/<queue>/display/events")]
pub(super) async fn follow_display(
    _viewer: Viewer,
    rooms: &State<Rooms>,
    follower: Follower,
    queue: &str,
) -> Result<Stream> {
    let live = rooms.room(item_id(queue)?).await?;
    follower.follow(live, |room, now| DisplayPart { d: DisplayView::new(room, now) }.render().unwrap_or_default())
}
