//! What staff do on the board: each form is one verb, and leads back to the board.

use rocket::response::Flash;
use rocket::{State, post};
use serde_json::{Map, Value};

use crate::error::{Error, FieldError, Result};
use crate::staff::Staff;
use crate::waiting::join::{Join, Who};
use crate::waiting::rules::Step;
use crate::waiting::service::Rooms;
use crate::waiting::texts::{MAX_LINE, MAX_NOTE, checked_reason, closing_message};
use crate::waiting::{Actor, Intake, Place};
use crate::web::{Fields, SeeOther, WebHost, item_id, see_other};

pub(super) fn to(queue: i64, kind: impl Into<String>, words: impl Into<String>) -> Flash<SeeOther> {
    Flash::new(see_other(format!("/board/{queue}")), kind, words.into())
}

/// Back to the board, with what was done; or with what stood in the way.
pub(super) fn back(queue: i64, done: Result<(std::sync::Arc<Place>, &str)>) -> Result<Flash<SeeOther>> {
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
    checked_reason(Some(form.get("reason")))
}

/// The version of the place that the form was made for.
fn seen(form: &Fields) -> Result<i64> {
    form.get("version").parse().map_err(|_| Error::invalid("/version", "is required"))
}

#[post("/board/<queue>/calls", data = "<form>")]
pub(super) async fn call(staff: Staff, rooms: &State<Rooms>, queue: &str, form: Fields) -> Result<Flash<SeeOther>> {
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
                .and_then(|p| p.ok_or_else(crate::waiting::service::no_place)),
        ),
    }
}

#[post("/places/<id>/steps", data = "<form>")]
pub(super) async fn step(staff: Staff, rooms: &State<Rooms>, id: &str, form: Fields) -> Result<Flash<SeeOther>> {
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
        "requeue_back" => (Step::TO_THE_END, "Back at the end of the line"),
        "away" => (Step::AWAY, "Away"),
        "back" => (Step::Back, "Back from being away"),
        "remove" => (Step::Remove, "Taken out"),
        "restore" => (Step::Restore, "Back in the line"),
        "reopen" => (Step::Reopen, "Goes on"),
        "note" => (Step::Note(form.get("note").chars().take(MAX_NOTE).collect()), "Noted"),
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
pub(super) async fn undo(staff: Staff, rooms: &State<Rooms>, id: &str, form: Fields) -> Result<Flash<SeeOther>> {
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
pub(super) async fn duty(staff: Staff, rooms: &State<Rooms>, queue: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let queue = item_id(queue)?;
    let on = match form.get("on") {
        "1" => true,
        "0" => false,
        _ => return Err(Error::invalid("/on", "must be 1 or 0")),
    };
    let caller = rooms.caller(&staff.0, None).await?;
    let anybody = rooms.set_duty(queue, &caller, on).await?;
    let room = rooms.room(queue).await?;
    let open = room.room().queue.intake == Intake::Open;
    Ok(match (on, anybody) {
        (true, _) => to(queue, "note", format!("{} is on duty.", caller.name)),
        (false, false) if open => to(queue, "ask", "Nobody is on duty any more. Shall the line take in new students?"),
        (false, _) => to(queue, "note", format!("{} is off duty.", caller.name)),
    })
}

#[post("/board/<queue>/intake", data = "<form>")]
pub(super) async fn intake(staff: Staff, rooms: &State<Rooms>, queue: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let queue = item_id(queue)?;
    let message = Some(form.get("message").trim()).filter(|text| !text.is_empty());
    if message.is_some_and(|text| text.chars().count() > MAX_LINE) {
        return Ok(to(queue, "note", format!("The message has more than {MAX_LINE} characters.")));
    }
    rooms.set_intake(queue, Intake::parse(form.get("intake"))?, message, &Actor::staff(&staff.0)).await?;
    let words = match form.get("intake") {
        "open" => "The line takes students in.",
        "paused" => "Intake is paused. Those who wait stay.",
        _ => "Intake is closed. Those who wait stay.",
    };
    Ok(to(queue, "note", words))
}

#[post("/board/<queue>/closures", data = "<form>")]
pub(super) async fn close_out(
    staff: Staff,
    rooms: &State<Rooms>,
    queue: &str,
    form: Fields,
) -> Result<Flash<SeeOther>> {
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
pub(super) async fn announce(staff: Staff, rooms: &State<Rooms>, queue: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let queue = item_id(queue)?;
    match rooms.announce(queue, form.get("text"), &Actor::staff(&staff.0)).await {
        Ok(()) => Ok(to(queue, "note", "Everybody who waits sees it.")),
        Err(error) => back(queue, Err(error)),
    }
}

#[post("/board/<queue>/walk-ins", data = "<form>")]
pub(super) async fn walk_in(
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
