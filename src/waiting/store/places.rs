//! Places as they are read, and the links that lead to them.

use super::ACTIVE;
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;
use crate::waiting::Place;

pub(super) const STATUS: &str = "state, order_key, advisor_id, user_id, called_at, started_at, ended_at, coming_at, due_at, \
    away_since, away_ms, recalls, end_reason, note";

const PLACE: &str = "SELECT q.id, q.queue_id, q.student_id, q.ticket, q.topic, q.question, q.joined_at, q.walk_in, \
    q.estimate_low, q.estimate_high, q.from_queuer_id, q.version, q.seq, q.changed_by, q.changed_at, \
    coalesce(s.preferred_name, s.name) AS student, coalesce(a.name, u.name) AS caller, a.location AS desk, a.video_url, \
    (SELECT count(*) FROM queuers v WHERE v.student_id = q.student_id AND v.state = 'done' AND v.id <> q.id) AS visits, \
    q.state, q.order_key, q.advisor_id, q.user_id, q.called_at, q.started_at, q.ended_at, q.coming_at, q.due_at, \
    q.away_since, q.away_ms, q.recalls, q.end_reason, q.note \
    FROM queuers q JOIN students s ON s.id = q.student_id \
    LEFT JOIN advisors a ON a.id = q.advisor_id LEFT JOIN users u ON u.id = q.user_id";

/// Who is in the line, and who was in it since a moment.
pub async fn places(db: &Pool, queue: i64, since: Moment) -> Result<Vec<Place>, DbError> {
    let sql = format!("{PLACE} WHERE q.queue_id = $1 AND (q.{ACTIVE} OR q.changed_at > $2)");
    db.read(sqlx::AssertSqlSafe(sql)).bind(queue).bind(since).all().await
}

/// Queue, state, and how many places are in it, for those that have not ended.
pub async fn places_by_state(db: &Pool) -> Result<Vec<(i64, String, i64)>, DbError> {
    let sql = format!("SELECT queue_id, state, count(*) FROM queuers WHERE {ACTIVE} GROUP BY queue_id, state");
    db.read(sqlx::AssertSqlSafe(sql)).all().await
}

/// The places that changed after a `seq`. Found by their events, so that a step has one index less to write.
pub async fn changed_places(db: &Pool, queue: i64, seq: i64) -> Result<Vec<Place>, DbError> {
    let sql =
        format!("{PLACE} WHERE q.id IN (SELECT e.queuer_id FROM queue_events e WHERE e.queue_id = $1 AND e.seq > $2)");
    db.read(sqlx::AssertSqlSafe(sql)).bind(queue).bind(seq).all().await
}

pub async fn place(db: &Pool, id: i64) -> Result<Option<Place>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!("{PLACE} WHERE q.id = $1"))).bind(id).optional().await
}

/// The places of a student, the newest first.
pub async fn places_of(db: &Pool, student: i64) -> Result<Vec<Place>, DbError> {
    let sql = format!("{PLACE} WHERE q.student_id = $1 ORDER BY q.joined_at DESC, q.id DESC LIMIT 200");
    db.read(sqlx::AssertSqlSafe(sql)).bind(student).all().await
}

/// The place that a link leads to.
pub async fn by_link(db: &Pool, hash: &[u8]) -> Result<Option<i64>, DbError> {
    let row: Option<(i64,)> =
        db.read("SELECT queuer_id FROM queuer_links WHERE token_hash = $1").bind(hash.to_vec()).optional().await?;
    Ok(row.map(|(id,)| id))
}

pub async fn insert_link(tx: &mut Tx, hash: &[u8], place: i64) -> Result<(), DbError> {
    tx.write("INSERT INTO queuer_links (token_hash, queuer_id) VALUES ($1, $2)")
        .bind(hash.to_vec())
        .bind(place)
        .execute()
        .await
        .map(drop)
}

/// The place in another queue that a place went on as.
pub async fn continuation(db: &Pool, place: i64) -> Result<Option<i64>, DbError> {
    let row: Option<(i64,)> = db
        .read("SELECT id FROM queuers WHERE from_queuer_id = $1 ORDER BY id DESC LIMIT 1")
        .bind(place)
        .optional()
        .await?;
    Ok(row.map(|(id,)| id))
}

/// The links of a place lead to another one from now on.
pub async fn move_links(tx: &mut Tx, from: i64, to: i64) -> Result<(), DbError> {
    tx.write("UPDATE queuer_links SET queuer_id = $2 WHERE queuer_id = $1")
        .bind(from)
        .bind(to)
        .execute()
        .await
        .map(drop)
}
