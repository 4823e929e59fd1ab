//! Steps of places, and their events.

use super::places::STATUS;
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;
use crate::waiting::{Place, Status};

/// A place as a step finds it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Stand {
    pub id: i64,
    pub student_id: i64,
    pub version: i64,
    #[sqlx(flatten)]
    pub status: Status,
}

impl Stand {
    pub fn of(place: &Place) -> Stand {
        Stand { id: place.id, student_id: place.student_id, version: place.version, status: place.status.clone() }
    }
}

pub async fn stand(tx: &mut Tx, queue: i64, id: i64) -> Result<Option<Stand>, DbError> {
    let sql = format!("SELECT id, student_id, version, {STATUS} FROM queuers WHERE id = $1 AND queue_id = $2");
    tx.read(sqlx::AssertSqlSafe(sql)).bind(id).bind(queue).optional().await
}

/// The first who waits.
pub async fn first(tx: &mut Tx, queue: i64) -> Result<Option<Stand>, DbError> {
    let sql = format!(
        "SELECT id, student_id, version, {STATUS} FROM queuers WHERE queue_id = $1 AND state = 'waiting' ORDER BY order_key LIMIT 1"
    );
    tx.read(sqlx::AssertSqlSafe(sql)).bind(queue).optional().await
}

/// The place that an advisor, or an account in its own name, has called or serves, in any queue.
pub async fn at_desk(tx: &mut Tx, advisor: Option<i64>, account: Option<i64>) -> Result<Option<i64>, DbError> {
    let row: Option<(i64,)> = match advisor {
        Some(advisor) => {
            tx.read("SELECT id FROM queuers WHERE advisor_id = $1 AND state IN ('called', 'serving')")
                .bind(advisor)
                .optional()
                .await?
        }
        None => {
            tx.read(
                "SELECT id FROM queuers WHERE user_id = $1 AND advisor_id IS NULL AND state IN ('called', 'serving')",
            )
            .bind(account)
            .optional()
            .await?
        }
    };
    Ok(row.map(|(id,)| id))
}

/// Writes a status and its event if the place still has this version; in one round trip, as [`insert_place`] does.
/// `false`: somebody was faster, and nothing was written.
pub async fn write_status(tx: &mut Tx, stand: &Stand, status: &Status, event: NewEvent<'_>) -> Result<bool, DbError> {
    let written: Option<(i64,)> = tx
        .write(
            "UPDATE queuers SET state = $3, order_key = $4, advisor_id = $5, user_id = $6, called_at = $7, started_at = $8, \
             ended_at = $9, coming_at = $10, due_at = $11, away_since = $12, away_ms = $13, recalls = $14, end_reason = $15, \
             note = $16, seq = $17, changed_by = $18, changed_at = $19, version = version + 1 \
             WHERE id = $1 AND version = $2 RETURNING id; \
             INSERT INTO queue_events (queue_id, seq, queuer_id, at, actor, what, from_state, to_state, reason, before) \
             SELECT $20, $17, $1, $19, $18, $21, $22, $3, $23, $24 WHERE changes() = 1",
        )
        .postgres(
            "WITH step AS (UPDATE queuers SET state = $3, order_key = $4, advisor_id = $5, user_id = $6, called_at = $7, \
             started_at = $8, ended_at = $9, coming_at = $10, due_at = $11, away_since = $12, away_ms = $13, recalls = $14, \
             end_reason = $15, note = $16, seq = $17, changed_by = $18, changed_at = $19, version = version + 1 \
             WHERE id = $1 AND version = $2 RETURNING id), \
             event AS (INSERT INTO queue_events (queue_id, seq, queuer_id, at, actor, what, from_state, to_state, reason, before) \
             SELECT $20::bigint, $17::bigint, id, $19::bigint, $18::text, $21::text, $22::text, $3::text, $23::text, $24::text \
             FROM step) SELECT id FROM step",
        )
        .bind(stand.id)
        .bind(stand.version)
        .bind(status.state.name())
        .bind(status.order_key)
        .bind(status.advisor_id)
        .bind(status.user_id)
        .bind(status.called_at)
        .bind(status.started_at)
        .bind(status.ended_at)
        .bind(status.coming_at)
        .bind(status.due_at)
        .bind(status.away_since)
        .bind(status.away_ms)
        .bind(status.recalls)
        .bind(status.end_reason.as_deref())
        .bind(status.note.as_deref())
        .bind(event.seq)
        .bind(event.actor)
        .bind(event.at)
        .bind(event.queue)
        .bind(event.what)
        .bind(event.from)
        .bind(event.reason)
        .bind(event.before)
        .optional()
        .await?;
    Ok(written.is_some())
}

/// Something that happened.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Event {
    pub id: i64,
    pub seq: i64,
    pub queuer_id: Option<i64>,
    pub at: Moment,
    pub actor: String,
    pub what: String,
    pub from_state: Option<String>,
    pub to_state: Option<String>,
    pub reason: Option<String>,
    pub before: Option<String>,
}

/// An event to be written; its moment and actor come with it.
pub struct NewEvent<'a> {
    pub queue: i64,
    pub seq: i64,
    pub place: Option<i64>,
    pub at: Moment,
    pub actor: &'a str,
    pub what: &'a str,
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub before: Option<String>,
}

pub async fn insert_event(tx: &mut Tx, event: NewEvent<'_>) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO queue_events (queue_id, seq, queuer_id, at, actor, what, from_state, to_state, reason, before) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(event.queue)
    .bind(event.seq)
    .bind(event.place)
    .bind(event.at)
    .bind(event.actor)
    .bind(event.what)
    .bind(event.from)
    .bind(event.to)
    .bind(event.reason)
    .bind(event.before)
    .execute()
    .await
    .map(drop)
}

const EVENT: &str =
    "SELECT id, seq, queuer_id, at, actor, what, from_state, to_state, reason, before FROM queue_events";

/// The last step of a place: what Undo takes back.
pub async fn last_event(tx: &mut Tx, place: i64) -> Result<Option<Event>, DbError> {
    let sql = format!("{EVENT} WHERE queuer_id = $1 ORDER BY id DESC LIMIT 1");
    tx.read(sqlx::AssertSqlSafe(sql)).bind(place).optional().await
}

/// What happened to a place, oldest first.
pub async fn history(db: &Pool, place: i64) -> Result<Vec<Event>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!("{EVENT} WHERE queuer_id = $1 ORDER BY id"))).bind(place).all().await
}

/// What happened in a queue after an event, oldest first. `seq` goes first: on PostgreSQL it alone is in the order
/// of commits.
pub async fn events_after(db: &Pool, queue: i64, seq: i64, id: i64, at_most: i64) -> Result<Vec<Event>, DbError> {
    let sql = format!("{EVENT} WHERE queue_id = $1 AND seq >= $2 AND (seq, id) > ($2, $3) ORDER BY seq, id LIMIT $4");
    db.read(sqlx::AssertSqlSafe(sql)).bind(queue).bind(seq).bind(id).bind(at_most).all().await
}
