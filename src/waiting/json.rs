//! Queues, places and events as the API writes them.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Place;
use super::estimate::Wait;
use super::live::Room;
use super::store::Event;
use crate::moment::Moment;

/// A place. Notes of staff are not in it: students read it, too.
#[derive(Serialize, ToSchema)]
#[schema(as = Place)]
pub struct PlaceShown<'a> {
    id: i64,
    queue_id: i64,
    ticket: Option<&'a str>,
    /// For staff only.
    student_id: Option<i64>,
    /// For staff only.
    student: Option<&'a str>,
    /// `waiting`, `away`, `called`, `serving`, `done`, `no_show`, `left`, `removed`, `expired` or `transferred`.
    state: &'static str,
    /// From 1; null unless it waits.
    position: Option<usize>,
    estimate: Option<WaitShown>,
    topic: Option<&'a str>,
    question: Option<&'a str>,
    advisor_id: Option<i64>,
    called_by: Option<&'a str>,
    location: Option<&'a str>,
    video_url: Option<&'a str>,
    #[schema(value_type = String, format = DateTime)]
    joined_at: Moment,
    #[schema(value_type = Option<String>, format = DateTime)]
    called_at: Option<Moment>,
    #[schema(value_type = Option<String>, format = DateTime)]
    coming_at: Option<Moment>,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Moment>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Moment>,
    /// When the grace or the time away is over.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Moment>,
    end_reason: Option<&'a str>,
    recalls: i64,
    /// The place in another queue from which it went on.
    from_queuer_id: Option<i64>,
    version: i64,
}

/// How long it may take, in minutes.
#[derive(Serialize, ToSchema)]
#[schema(as = Wait)]
pub struct WaitShown {
    known: bool,
    low: Option<i64>,
    high: Option<i64>,
    /// Why it is not known.
    reason: Option<&'static str>,
}

pub fn place(place: &Place, room: Option<&Room>, now: Option<Moment>) -> Value {
    let status = &place.status;
    let position = room.and_then(|room| room.position(place));
    let waits = room.zip(position).zip(now).map(|((room, position), now)| room.wait(position, now));
    let shown = PlaceShown {
        id: place.id,
        queue_id: place.queue_id,
        ticket: Some(&place.ticket),
        student_id: Some(place.student_id),
        student: Some(&place.student),
        state: status.state.name(),
        position,
        estimate: waits.map(wait),
        topic: place.topic.as_deref(),
        question: place.question.as_deref(),
        advisor_id: status.advisor_id,
        called_by: place.caller.as_deref(),
        location: place.desk.as_deref(),
        video_url: place.video_url.as_deref(),
        joined_at: place.joined_at,
        called_at: status.called_at,
        coming_at: status.coming_at,
        started_at: status.started_at,
        ended_at: status.ended_at,
        due_at: status.due_at,
        end_reason: status.end_reason.as_deref(),
        recalls: status.recalls,
        from_queuer_id: place.from_queuer_id,
        version: place.version,
    };
    serde_json::to_value(shown).unwrap_or_default()
}

fn wait(wait: Wait) -> WaitShown {
    match wait {
        Wait::Known { low, high } => WaitShown { known: true, low: Some(low), high: Some(high), reason: None },
        Wait::Unknown(why) => WaitShown { known: false, low: None, high: None, reason: Some(why.words()) },
    }
}

/// A place as the holder of its link sees it: who is on record behind an email or a number stays unsaid.
pub fn place_for_student(seen: &Place, room: Option<&Room>, now: Option<Moment>) -> Value {
    let mut body = place(seen, room, now);
    body["student"] = Value::Null;
    body["student_id"] = Value::Null;
    body
}

/// Something that happened.
pub fn event(event: &Event) -> Value {
    json!({
        "seq": event.seq, "queuer_id": event.queuer_id, "at": event.at, "actor": event.actor, "what": event.what,
        "from": event.from_state, "to": event.to_state, "reason": event.reason,
    })
}

/// What is going on in a queue, beside its settings.
pub fn add_live(body: &mut serde_json::Map<String, Value>, room: &Room, now: Moment) {
    let duty: Vec<_> =
        room.duty.iter().map(|d| json!({ "advisor_id": d.advisor_id, "name": d.name, "since": d.since })).collect();
    body.insert("open".into(), super::join::shut(&room.queue, now).is_none().into());
    body.insert("waiting".into(), room.waiting_count().into());
    body.insert("on_duty".into(), duty.into());
    let estimate = wait(room.wait_to_join(now));
    body.insert("estimate".into(), serde_json::to_value(estimate).unwrap_or_default());
    body.insert("seq".into(), room.queue.seq.into());
}
