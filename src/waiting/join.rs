//! Joining: who it is, whether the queue takes them, and their place. All of it is decided in one transaction.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::estimate::Wait;
use super::live::Live;
use super::rules;
use super::schedule::{self, Hours};
use super::service::{Shared, held, note};
use super::store::{self, NewPlace, Standing, StudentKey};
use super::{Actor, Intake, Place, Queue};
use crate::db::Tx;
use crate::directory::STUDENTS;
use crate::error::{Error, FieldError, Result};
use crate::moment::{MINUTE, Moment};
use crate::secrets::{random_token, sha256};
use crate::staff::{Deed, Email};

/// Who wants to join.
#[derive(Debug, Clone)]
pub enum Who {
    /// By staff, who know the number.
    Known(i64),
    /// Recognised by email or student number; a new record if neither is known.
    Described(Map<String, Value>),
}

/// A wish to join.
#[derive(Debug, Clone)]
pub struct Join {
    /// Which queue.
    pub queue: i64,
    /// Which student.
    pub who: Who,
    /// What it is about: one of the queue's topics.
    pub topic: Option<String>,
    /// In the student's words.
    pub question: Option<String>,
    /// Taken in by staff: intake, hours, cap and cooldown are theirs to judge.
    pub walk_in: bool,
}

/// The outcome of joining.
pub struct Joined {
    pub live: Arc<Live>,
    pub place: Arc<Place>,
    /// The secret of the link, if it is the asker's to know.
    pub token: Option<String>,
    /// Whether the place was made now.
    pub new: bool,
}

/// The body of `POST /queuers`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceNew)]
pub struct JoinBody {
    #[schema(required)]
    queue_id: Option<i64>,
    student_id: Option<i64>,
    /// Name, and email or student_number; also preferred_name, phone, college_id, major_id.
    #[schema(value_type = Option<Object>, example = json!({"name": "Ada", "email": "ada@example.org"}))]
    student: Option<Map<String, Value>>,
    topic: Option<String>,
    question: Option<String>,
    #[serde(default)]
    walk_in: bool,
}

/// What a student may say of themselves.
const STUDENT_FIELDS: [&str; 7] =
    ["name", "preferred_name", "email", "student_number", "phone", "college_id", "major_id"];

impl JoinBody {
    /// `staff`: may name a student by number, and take in a walk-in.
    pub fn read(self, staff: bool) -> Result<Join> {
        let mut errors = Vec::new();
        if self.queue_id.is_none() {
            errors.push(FieldError::at("/queue_id", "is required"));
        }
        let who = match (self.student_id, self.student) {
            (Some(_), _) if !staff => {
                errors.push(FieldError::at("/student_id", "is for staff: describe the student instead"));
                None
            }
            (Some(_), Some(_)) => {
                errors.push(FieldError::at("/student", "either student_id or student"));
                None
            }
            (Some(id), None) => Some(Who::Known(id)),
            (None, Some(student)) => {
                errors.extend(check_student(&student));
                Some(Who::Described(student))
            }
            (None, None) => {
                errors.push(FieldError::at("/student", "is required: name, and email or student_number"));
                None
            }
        };
        if self.walk_in && !staff {
            errors.push(FieldError::at("/walk_in", "is for staff"));
        }
        let topic = short(&mut errors, "topic", self.topic, 200);
        let question = short(&mut errors, "question", self.question, 1000);
        match (self.queue_id, who) {
            (Some(queue), Some(who)) if errors.is_empty() => {
                Ok(Join { queue, who, topic, question, walk_in: self.walk_in })
            }
            _ => Err(Error::Invalid(errors)),
        }
    }
}

fn short(errors: &mut Vec<FieldError>, name: &str, text: Option<String>, longest: usize) -> Option<String> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())?;
    if text.chars().count() > longest {
        errors.push(FieldError::at(format!("/{name}"), format!("has more than {longest} characters")));
    }
    Some(text)
}

fn check_student(student: &Map<String, Value>) -> Vec<FieldError> {
    let mut errors: Vec<_> = student
        .keys()
        .filter(|name| !STUDENT_FIELDS.contains(&name.as_str()))
        .map(|name| {
            let hint = crate::words::did_you_mean(name, STUDENT_FIELDS);
            FieldError::at(format!("/student/{name}"), format!("there is no field \"{name}\"{hint}"))
        })
        .collect();
    let text = |name: &str| student.get(name).and_then(Value::as_str).map_or("", str::trim);
    if text("email").is_empty() && text("student_number").is_empty() {
        errors.push(FieldError::at("/student/email", "is required, or else the student number"));
    } else if !text("email").is_empty() && Email::parse(text("email")).is_err() {
        errors.push(FieldError::at("/student/email", "must be an email address"));
    }
    errors
}

impl Shared {
    /// Takes a place, or answers the one that the student has already. `held` is the link that the asker's browser holds.
    pub async fn join(&self, join: &Join, staff: Option<&Actor>, held: Option<&str>) -> Result<Joined> {
        let live = self.room(join.queue).await.map_err(|error| match error {
            Error::NotFound(_) => Error::invalid("/queue_id", format!("there is no queue {}", join.queue)),
            other => other,
        })?;
        let wait = live.room().wait_to_join(self.now());
        let made = match self.try_join(join, staff, wait).await {
            // Somebody with the same email was added in between: now they are found.
            Err(Error::Conflict(_)) => self.try_join(join, staff, wait).await?,
            other => other?,
        };
        let new = made.new.is_some();
        if let Some(place) = made.new {
            self.settle(join.queue, place);
        }
        let token = match (made.token, held) {
            (None, Some(held)) => self.holds(made.place, held).await?.then(|| held.to_owned()),
            (token, _) => token,
        };
        let (live, place) = self.place(made.place).await?;
        Ok(Joined { live, place, token, new })
    }

    /// Whether a link leads to this place.
    async fn holds(&self, place: i64, token: &str) -> Result<bool> {
        Ok(store::by_link(&self.db, &sha256(token)).await? == Some(place))
    }

    async fn try_join(&self, join: &Join, staff: Option<&Actor>, wait: Wait) -> Result<Made> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, join.queue, 1).await?;
        let queue = &held.queue;
        let standing = self.standing(&mut tx, queue, &join.who).await?;
        if let Some(present) = standing.present {
            return self.again(tx, present, staff, now).await;
        }
        if !(join.walk_in && staff.is_some()) {
            takes(queue, &standing, now)?;
        }
        let by = staff.cloned().unwrap_or_else(Actor::student);
        let new = NewPlace {
            queue,
            student: standing.student_id,
            ticket: rules::ticket(queue.id, held.next_key),
            topic: join.topic.as_deref(),
            question: join.question.as_deref(),
            order_key: held.next_key,
            joined_at: now,
            walk_in: join.walk_in,
            estimate: wait.range(),
            from: None,
            by: &by.name,
            now,
        };
        let token = new_token()?;
        let hash = sha256(&token);
        let id = store::insert_place(&mut tx, &new, Some(&hash), join.walk_in.then_some("walk-in")).await?;
        let place = new.place(id, standing);
        note(&mut tx, &by, Deed::new("joined", "queuers", id), now).await?;
        tx.commit().await?;
        self.remember_link(hash, id);
        Ok(Made { place: id, token: Some(token), new: Some(place) })
    }

    /// The answer to somebody who waits already. Staff may hand out another link; a stranger who knows an email may not.
    async fn again(&self, mut tx: Tx, place: i64, staff: Option<&Actor>, now: Moment) -> Result<Made> {
        let token = match staff {
            Some(by) => {
                let token = self.new_link(&mut tx, place).await?;
                note(&mut tx, by, Deed::new("gave a link", "queuers", place), now).await?;
                tx.commit().await?;
                Some(token)
            }
            // The place may be so new that it is not on disk yet.
            None => {
                tx.abandon().await?;
                None
            }
        };
        Ok(Made { place, token, new: None })
    }

    async fn new_link(&self, tx: &mut Tx, place: i64) -> Result<String> {
        let token = new_token()?;
        store::insert_link(tx, &sha256(&token), place).await?;
        Ok(token)
    }

    /// The student's record, created if it is new, and how they stand to the queue.
    async fn standing(&self, tx: &mut Tx, queue: &Queue, who: &Who) -> Result<Standing> {
        let missing = |id: &i64| Error::invalid("/student_id", format!("there is no student {id}"));
        let student = match who {
            Who::Known(id) => {
                return store::standing(tx, queue, StudentKey::Id(*id)).await?.ok_or_else(|| missing(id));
            }
            Who::Described(student) => student,
        };
        let text =
            |name: &str| student.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        // What is on record stays as it is: knowing a number or an email is no proof.
        if let Some(number) = text("student_number")
            && let Some(standing) = store::standing(tx, queue, StudentKey::Number(number)).await?
        {
            return Ok(standing);
        }
        let email = text("email").map(str::to_lowercase);
        if let Some(email) = &email
            && let Some(standing) = store::standing(tx, queue, StudentKey::Email(email)).await?
        {
            return Ok(standing);
        }
        let id = self.records.create_in(tx, &STUDENTS, student).await.map_err(inside_student)?;
        store::standing(tx, queue, StudentKey::Id(id)).await?.ok_or_else(|| missing(&id))
    }
}

/// 128 random bits, which are stored hashed. Never the beginning of an API token, which stands in the same header.
fn new_token() -> Result<String> {
    loop {
        let token = random_token::<16>()?;
        if !token.starts_with(crate::staff::TOKEN_PREFIX) {
            return Ok(token);
        }
    }
}

/// What came of a wish, before it is told.
struct Made {
    place: i64,
    token: Option<String>,
    /// The place, if it was made now.
    new: Option<Place>,
}

/// Errors of the student's own fields, where the body has them.
fn inside_student(error: Error) -> Error {
    match error {
        Error::Invalid(errors) => Error::Invalid(
            errors
                .into_iter()
                .map(|e| FieldError::at(format!("/student{}", e.pointer.unwrap_or_default()), e.detail))
                .collect(),
        ),
        other => other,
    }
}

/// Whether a queue takes somebody now; the refusal is in words that a student understands.
fn takes(queue: &Queue, standing: &Standing, now: Moment) -> Result<()> {
    if let Some(reason) = shut(queue, now) {
        return Err(Error::Conflict(reason.into()));
    }
    if queue.cap.is_some_and(|cap| standing.taken >= cap) {
        return Err(Error::Conflict("This line is full. Please try again when somebody has left it.".into()));
    }
    let free_again = standing.served_at.map(|at| at.plus(queue.cooldown_minutes * MINUTE));
    match free_again.filter(|at| *at > now && queue.cooldown_minutes > 0) {
        Some(at) => {
            let minutes = (at.0 - now.0 + MINUTE - 1) / MINUTE;
            Err(Error::Conflict(
                format!("You were served a short while ago. You can join again in {minutes} min.").into(),
            ))
        }
        None => Ok(()),
    }
}

/// Why nobody can join now; `None` if one can. The cap is not looked at.
pub fn shut(queue: &Queue, now: Moment) -> Option<String> {
    let message = queue.intake_message.as_deref().filter(|text| !text.is_empty());
    let said = |words: &str| message.map_or_else(|| words.to_owned(), |message| format!("{words} {message}"));
    match queue.intake {
        Intake::Paused => return Some(said("This line takes nobody in for the moment.")),
        Intake::Closed => return Some(said("This line is closed.")),
        Intake::Open => {}
    }
    match schedule::hours(queue, now) {
        Hours::Closed { next: Some(next) } => {
            Some(format!("This line is closed now. It opens at {}.", schedule::clock_time(next, &queue.zone(), now)))
        }
        Hours::Closed { next: None } => Some("This line is closed now.".into()),
        _ => None,
    }
}
