//! Queues, places and events as the API writes them.

use serde_json::{Value, json};

use super::Place;
use super::estimate::Wait;
use super::live::Room;
use super::store::Event;
use crate::moment::Moment;

/// A place. Notes of staff are not in it: students read it, too.
pub fn place(place: &Place, room: Option<&Room>, now: Option<Moment>) -> Value {
    let status = &place.status;
    let position = room.and_then(|room| room.position(place));
    let waits = room.zip(position).zip(now).map(|((room, position), now)| room.wait(position, now));
    json!({
        "id": place.id,
        "queue_id": place.queue_id,
        "ticket": place.ticket,
        "student_id": place.student_id,
        "student": place.student,
        "state": status.state.name(),
        "position": position,
        "estimate": waits.map(wait),
        "topic": place.topic,
        "question": place.question,
        "advisor_id": status.advisor_id,
        "called_by": place.caller,
        "location": place.desk,
        "video_url": place.video_url,
        "joined_at": place.joined_at,
        "called_at": status.called_at,
        "coming_at": status.coming_at,
        "started_at": status.started_at,
        "ended_at": status.ended_at,
        "due_at": status.due_at,
        "end_reason": status.end_reason,
        "recalls": status.recalls,
        "from_queuer_id": place.from_queuer_id,
        "version": place.version,
    })
}

fn wait(wait: Wait) -> Value {
    match wait {
        Wait::Known { low, high } => json!({ "known": true, "low": low, "high": high, "reason": null }),
        Wait::Unknown(why) => json!({ "known": false, "low": null, "high": null, "reason": why.words() }),
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
    body.insert("estimate".into(), wait(room.wait_to_join(now)));
    body.insert("seq".into(), room.queue.seq.into());
}
