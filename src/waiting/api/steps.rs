//! Steps of a place: `PATCH /api/v1/queuers/{id}`.

use rocket::{State, patch};
use serde::Deserialize;
use utoipa::ToSchema;

use super::asker::Asker;
use super::places::place_answer;
use crate::error::{Error, Result};
use crate::staff::Account;
use crate::waiting::json::PlaceShown;
use crate::waiting::rules::{Step, WHOLE_ALLOWANCE};
use crate::waiting::service::Rooms;
use crate::waiting::texts::{MAX_NOTE, checked_reason};
use crate::waiting::{Actor, Desk, Place, State as PlaceState};
use crate::web::{Answer, IfMatch, JsonAnswer, JsonObject, item_id};

/// A step, as PATCH asks for it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceStep)]
struct StepBody {
    /// `waiting`, `away`, `called`, `serving`, `done`, `no_show`, `left` or `removed`.
    #[schema(example = "serving")]
    state: Option<String>,
    version: Option<i64>,
    reason: Option<String>,
    /// How long to be away.
    minutes: Option<i64>,
    /// Where a visit goes back to: `same` (the default) or `back`, the end of the line.
    place: Option<String>,
    note: Option<String>,
}

impl StepBody {
    fn reason(&self) -> Result<Option<&str>> {
        checked_reason(self.reason.as_deref())
    }

    fn minutes(&self, otherwise: i64) -> Result<i64> {
        match self.minutes {
            Some(..=0) => Err(Error::invalid("/minutes", "must be 1 or more")),
            minutes => Ok(minutes.unwrap_or(otherwise)),
        }
    }

    fn target(&self) -> Result<PlaceState> {
        let known = PlaceState::ALL.map(|(name, _)| name);
        let text = self.state.as_deref().ok_or_else(|| Error::invalid("/state", "is required"))?;
        PlaceState::parse(text).ok_or_else(|| {
            let hint = crate::words::did_you_mean(text, known);
            Error::invalid("/state", format!("\"{text}\" is none of {}{hint}", known.join(", ")))
        })
    }

    fn step(&self, from: PlaceState, desk: Desk) -> Result<Step> {
        let to = self.target()?;
        let back = match self.place.as_deref() {
            None | Some("same") => false,
            Some("back") => true,
            Some(_) => return Err(Error::invalid("/place", "must be same or back")),
        };
        match Step::between(from, to, desk) {
            Some(Step::Away(_)) => Ok(Step::Away(self.minutes(WHOLE_ALLOWANCE)?)),
            Some(Step::Requeue(_) | Step::Return) if back => Ok(Step::TO_THE_END),
            Some(_) if back => Err(Error::invalid("/place", "is for those who come back from a desk")),
            Some(step) => Ok(step),
            None => {
                Err(Error::invalid("/state", format!("a place that is {} cannot become {}", from.words(), to.words())))
            }
        }
    }
}

/// Change the state of a place
///
/// Staff send the `version` they saw. The holder of the link may only be away, come back and leave.
#[utoipa::path(
    tag = "waiting room",
    params(("id" = i64, Path, description = "Id of the place")),
    request_body = StepBody,
    responses((status = 200, description = "The place as it is now", body = PlaceShown)),
    extensions(("x-role" = json!("staff or holder"))),
)]
#[patch("/api/v1/queuers/<id>", data = "<body>")]
pub(super) async fn step(
    rooms: &State<Rooms>,
    asker: Asker,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let id = item_id(id)?;
    let body: StepBody = body.parse()?;
    let staff = asker.acting_staff();
    asker.check(rooms, id, staff.is_some()).await?;
    if_match.version(rooms.place(id).await?.1.version)?;
    let place = match staff {
        Some(account) => staff_step(rooms, account, id, &body).await?,
        None => student_step(rooms, id, &body).await?,
    };
    let (live, _) = rooms.place(place.id).await?;
    Ok(place_answer(rooms, &live, &place, staff.is_some()))
}

async fn staff_step(rooms: &Rooms, account: &Account, id: i64, body: &StepBody) -> Result<std::sync::Arc<Place>> {
    let version = body.version.ok_or_else(|| Error::invalid("/version", "is required: the version you saw"))?;
    let by = Actor::staff(account);
    if let Some(note) = &body.note {
        if body.state.is_some() {
            return Err(Error::invalid("/note", "is sent by itself, without a state"));
        }
        if note.chars().count() > MAX_NOTE {
            return Err(Error::invalid("/note", format!("has more than {MAX_NOTE} characters")));
        }
        return rooms.step(id, &Step::Note(note.clone()), Some(version), &by, None).await;
    }
    // Which step is meant depends on where it starts, so the version is looked at first.
    let place = rooms.place_at(id, version).await?;
    let caller = rooms.caller(account, None).await?;
    let step = body.step(place.state(), caller.desk)?;
    match step {
        Step::Call(_) => rooms.call_this(place.queue_id, &caller, id, Some(version), body.reason()?).await,
        step => rooms.step(id, &step, Some(version), &by, body.reason()?).await,
    }
}

/// What a student may do with their own place.
async fn student_step(rooms: &Rooms, id: i64, body: &StepBody) -> Result<std::sync::Arc<Place>> {
    let (_, place) = rooms.place(id).await?;
    let given = [("note", body.note.is_some()), ("place", body.place.is_some()), ("reason", body.reason.is_some())];
    if let Some((name, _)) = given.iter().find(|(_, given)| *given) {
        return Err(Error::invalid(format!("/{name}"), "is for staff"));
    }
    let by = Actor::student();
    let step = match (body.target()?, place.state()) {
        (PlaceState::Away, _) => Step::Away(body.minutes(5)?),
        // Twice is as good as once.
        (PlaceState::Left, PlaceState::Left) => return Ok(place),
        (PlaceState::Waiting, PlaceState::Away) => Step::Back,
        (PlaceState::Waiting, PlaceState::Left | PlaceState::NoShow) => Step::Restore,
        (PlaceState::Called, PlaceState::Called) => Step::Coming,
        (PlaceState::Left, _) => Step::Leave,
        (to, from) => {
            return Err(Error::invalid(
                "/state",
                format!("a place that is {} cannot become {}", from.words(), to.words()),
            ));
        }
    };
    rooms.step(id, &step, body.version, &by, None).await
}
