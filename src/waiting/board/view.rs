//! What a board shows: the places of a queue in groups, for whoever looks.

use rocket::http::uri::Origin;

use super::filter::BoardFilter;
use crate::error::Result;
use crate::moment::{MINUTE, Moment, SECOND};
use crate::staff::{Account, Role};
use crate::waiting::join::shut;
use crate::waiting::live::Room;
use crate::waiting::rules::UNDO;
use crate::waiting::service::Rooms;
use crate::waiting::{Desk, Place, State as PlaceState};
use crate::words::ago;

/// A place on the board.
pub(super) struct Card {
    pub(super) id: i64,
    pub(super) version: i64,
    pub(super) position: usize,
    pub(super) ticket: String,
    pub(super) student: String,
    pub(super) student_id: i64,
    pub(super) topic: String,
    pub(super) question: String,
    pub(super) note: String,
    pub(super) state: PlaceState,
    pub(super) advisor: String,
    /// `14 min`, since joining.
    pub(super) waited: String,
    pub(super) long: bool,
    pub(super) since: Option<Moment>,
    pub(super) due: Option<Moment>,
    pub(super) coming: bool,
    pub(super) visits: i64,
    pub(super) recalls: i64,
    pub(super) walk_in: bool,
    pub(super) ended: String,
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
    pub(super) fn kind(&self) -> &'static str {
        match self.state {
            PlaceState::Waiting => "open",
            PlaceState::Called => "called",
            PlaceState::Serving => "serving",
            PlaceState::Away => "away",
            PlaceState::Done => "done",
            _ => "closed",
        }
    }

    pub(super) fn is_called_or_served(&self) -> bool {
        matches!(self.state, PlaceState::Called | PlaceState::Serving)
    }
}

/// Places of the board that belong together.
pub(super) struct PlaceGroup {
    pub(super) title: &'static str,
    /// What is said when there are none.
    pub(super) nobody: &'static str,
    pub(super) places: Vec<Card>,
}

/// The board as it is sent live.
pub(super) struct BoardView {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) shut: String,
    pub(super) intake: &'static str,
    pub(super) waiting: usize,
    pub(super) wait: String,
    pub(super) duty: Vec<(String, String)>,
    pub(super) on_duty: bool,
    pub(super) may_act: bool,
    pub(super) groups: Vec<PlaceGroup>,
    pub(super) topics: Vec<String>,
    pub(super) filter: BoardFilter,
    pub(super) announcement: String,
    /// The other queues, to move somebody to.
    pub(super) others: Vec<(i64, String)>,
}

impl BoardView {
    /// Whether it shows every place.
    pub(super) fn is_whole(&self) -> bool {
        self.filter.who.is_empty() && self.filter.topic.is_empty()
    }
}

/// Who looks at a board, and at what.
#[derive(Clone)]
pub(super) struct Looker {
    pub(super) desk: Desk,
    pub(super) may_act: bool,
    pub(super) filter: BoardFilter,
    pub(super) others: Vec<(i64, String)>,
}

impl Looker {
    pub(super) async fn new(rooms: &Rooms, account: &Account, queue: i64, uri: &Origin<'_>) -> Result<Looker> {
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

    pub(super) fn view(&self, room: &Room, now: Moment) -> BoardView {
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
