//! A new place.

use super::ACTIVE;
use crate::db::{DbError, Tx};
use crate::moment::Moment;
use crate::waiting::{Place, Queue, Status};

/// What decides whether a student may join.
#[derive(sqlx::FromRow)]
pub struct Standing {
    pub student_id: i64,
    /// The preferred name if there is one.
    pub student: String,
    /// The active place of the student.
    pub present: Option<i64>,
    /// Places taken; counted only if it matters.
    pub taken: i64,
    /// When the student was served last; looked up only if it matters.
    pub served_at: Option<Moment>,
    /// Visits that ended before.
    pub visits: i64,
}

/// By what a student is known.
#[derive(Debug, Clone, Copy)]
pub enum StudentKey<'a> {
    Id(i64),
    Email(&'a str),
    Number(&'a str),
}

/// How a student stands to a queue, in one question; `None` if nobody has the key.
pub async fn standing(tx: &mut Tx, queue: &Queue, key: StudentKey<'_>) -> Result<Option<Standing>, DbError> {
    let taken = match queue.cap {
        Some(_) => "(SELECT count(*) FROM queuers WHERE queue_id = $1 AND state IN ('waiting', 'away', 'called'))",
        None => "CAST(0 AS BIGINT)",
    };
    let served = match queue.cooldown_minutes {
        0 => "CAST(NULL AS BIGINT)",
        _ => "(SELECT max(ended_at) FROM queuers WHERE student_id = s.id AND queue_id = $1 AND state = 'done')",
    };
    let column = match key {
        StudentKey::Id(_) => "id",
        StudentKey::Email(_) => "email",
        StudentKey::Number(_) => "student_number",
    };
    let sql = format!(
        "SELECT s.id AS student_id, coalesce(s.preferred_name, s.name) AS student, \
         (SELECT id FROM queuers WHERE queue_id = $1 AND student_id = s.id AND {ACTIVE}) AS present, \
         (SELECT count(*) FROM queuers WHERE student_id = s.id AND state = 'done') AS visits, \
         {taken} AS taken, {served} AS served_at FROM students s WHERE s.{column} = $2 AND s.deleted_at IS NULL"
    );
    let query = tx.read(sqlx::AssertSqlSafe(sql)).bind(queue.id);
    match key {
        StudentKey::Id(id) => query.bind(id),
        StudentKey::Email(text) | StudentKey::Number(text) => query.bind(text),
    }
    .optional()
    .await
}

/// A place to be written.
pub struct NewPlace<'a> {
    pub queue: &'a Queue,
    pub student: i64,
    pub ticket: String,
    pub topic: Option<&'a str>,
    pub question: Option<&'a str>,
    pub order_key: i64,
    pub joined_at: Moment,
    pub walk_in: bool,
    pub estimate: Option<(i64, i64)>,
    pub from: Option<i64>,
    pub by: &'a str,
    pub now: Moment,
}

impl NewPlace<'_> {
    /// The place, as it will be read back.
    pub fn place(&self, id: i64, standing: Standing) -> Place {
        Place {
            id,
            queue_id: self.queue.id,
            student_id: self.student,
            ticket: self.ticket.clone(),
            topic: self.topic.map(str::to_owned),
            question: self.question.map(str::to_owned),
            joined_at: self.joined_at,
            walk_in: self.walk_in,
            estimate_low: self.estimate.map(|(low, _)| low),
            estimate_high: self.estimate.map(|(_, high)| high),
            from_queuer_id: self.from,
            version: 1,
            seq: self.queue.seq,
            changed_by: self.by.to_owned(),
            changed_at: self.now,
            student: standing.student,
            caller: None,
            desk: None,
            video_url: None,
            visits: standing.visits,
            status: Status::waiting(self.order_key),
        }
    }
}

/// Writes a place, the event of its joining, and the hash of its link if it gets one. One question: every one is a
/// journey to the database and back while others wait for the queue.
pub async fn insert_place(
    tx: &mut Tx,
    new: &NewPlace<'_>,
    link: Option<&[u8]>,
    reason: Option<&str>,
) -> Result<i64, DbError> {
    let (id,): (i64,) = tx
        .write(
            "INSERT INTO queuers (queue_id, student_id, ticket, topic, question, state, order_key, joined_at, walk_in, \
             estimate_low, estimate_high, from_queuer_id, seq, changed_by, changed_at) \
             VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id; \
             INSERT INTO queue_events (queue_id, seq, queuer_id, at, actor, what, to_state, reason) \
             VALUES ($1, $12, last_insert_rowid(), $14, $13, 'join', 'waiting', $15); \
             INSERT INTO queuer_links (token_hash, queuer_id) \
             SELECT $16, queuer_id FROM queue_events WHERE id = last_insert_rowid() AND $16 IS NOT NULL",
        )
        .postgres(
            "WITH place AS (INSERT INTO queuers (queue_id, student_id, ticket, topic, question, state, order_key, joined_at, \
             walk_in, estimate_low, estimate_high, from_queuer_id, seq, changed_by, changed_at) \
             VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id), \
             event AS (INSERT INTO queue_events (queue_id, seq, queuer_id, at, actor, what, to_state, reason) \
             SELECT $1::bigint, $12::bigint, id, $14::bigint, $13::text, 'join', 'waiting', $15::text FROM place), \
             link AS (INSERT INTO queuer_links (token_hash, queuer_id) \
             SELECT $16::bytea, id FROM place WHERE $16::bytea IS NOT NULL) SELECT id FROM place",
        )
        .bind(new.queue.id)
        .bind(new.student)
        .bind(&new.ticket)
        .bind(new.topic)
        .bind(new.question)
        .bind(new.order_key)
        .bind(new.joined_at)
        .bind(new.walk_in)
        .bind(new.estimate.map(|(low, _)| low))
        .bind(new.estimate.map(|(_, high)| high))
        .bind(new.from)
        .bind(new.queue.seq)
        .bind(new.by)
        .bind(new.now)
        .bind(reason)
        .bind(link.map(<[u8]>::to_vec))
        .one()
        .await?;
    Ok(id)
}
