//! SQL of the waiting room.
//!
//! Every transaction that changes a queue begins with [`raise`]: it takes the queue's row, so on PostgreSQL the
//! steps of one queue wait for each other there, as they do for the one writer of SQLite.

use super::{Announcement, OnDuty, Place, Queue, Status};
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;

const QUEUE: &str = "id, college_id, title, greeting, intake, intake_message, cap, grace_seconds, away_minutes, \
    cooldown_minutes, topics, location, timezone, schedule, closed_dates, keep_overnight, seq, aside, version, deleted_at";

const STATUS: &str = "state, order_key, advisor_id, user_id, called_at, started_at, ended_at, coming_at, due_at, \
    away_since, away_ms, recalls, end_reason, note";

const PLACE: &str = "SELECT q.id, q.queue_id, q.student_id, q.ticket, q.topic, q.question, q.joined_at, q.walk_in, \
    q.estimate_low, q.estimate_high, q.from_queuer_id, q.version, q.seq, q.changed_by, q.changed_at, \
    coalesce(s.preferred_name, s.name) AS student, coalesce(a.name, u.name) AS caller, a.location AS desk, a.video_url, \
    (SELECT count(*) FROM queuers v WHERE v.student_id = q.student_id AND v.state = 'done' AND v.id <> q.id) AS visits, \
    q.state, q.order_key, q.advisor_id, q.user_id, q.called_at, q.started_at, q.ended_at, q.coming_at, q.due_at, \
    q.away_since, q.away_ms, q.recalls, q.end_reason, q.note \
    FROM queuers q JOIN students s ON s.id = q.student_id \
    LEFT JOIN advisors a ON a.id = q.advisor_id LEFT JOIN users u ON u.id = q.user_id";

/// The states of a place that counts. Partial indexes are found only by exactly these words.
const ACTIVE: &str = "state IN ('waiting', 'away', 'called', 'serving')";

/// A queue held by a transaction, with the order key that was given last.
#[derive(sqlx::FromRow)]
pub struct Held {
    #[sqlx(flatten)]
    pub queue: Queue,
    pub next_key: i64,
}

/// Raises the queue's `seq`, and takes `keys` order keys. `None`: there is no such queue.
pub async fn raise(tx: &mut Tx, queue: i64, keys: i64) -> Result<Option<Held>, DbError> {
    let sql = format!(
        "UPDATE queues SET seq = seq + 1, next_key = next_key + $2 WHERE id = $1 AND deleted_at IS NULL \
         RETURNING {QUEUE}, next_key, '' AS college"
    );
    tx.write(sqlx::AssertSqlSafe(sql)).bind(queue).bind(keys).optional().await
}

pub async fn queue(db: &Pool, id: i64) -> Result<Option<Queue>, DbError> {
    let columns = QUEUE.split(", ").map(|name| format!("q.{}", name.trim())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns}, c.name AS college FROM queues q JOIN colleges c ON c.id = q.college_id WHERE q.id = $1"
    );
    db.read(sqlx::AssertSqlSafe(sql)).bind(id).optional().await
}

/// Number, seq and settings version of every queue that is not deleted: what others may have changed.
pub async fn marks(db: &Pool) -> Result<Vec<(i64, i64, i64)>, DbError> {
    db.read("SELECT id, seq, version FROM queues WHERE deleted_at IS NULL ORDER BY id").all().await
}

/// Number and title of every queue that is not deleted.
pub async fn titles(db: &Pool) -> Result<Vec<(i64, String)>, DbError> {
    db.read("SELECT id, title FROM queues WHERE deleted_at IS NULL ORDER BY title, id").all().await
}

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

/// What joining is decided by.
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
        let status = Status {
            state: super::State::Waiting,
            order_key: self.order_key,
            advisor_id: None,
            user_id: None,
            called_at: None,
            started_at: None,
            ended_at: None,
            coming_at: None,
            due_at: None,
            away_since: None,
            away_ms: 0,
            recalls: 0,
            end_reason: None,
            note: None,
        };
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
            status,
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

/// Writes a status and its event if the place still has this version; in one question, as [`insert_place`] does.
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

/// Ends every place that waits, and writes an event for each. Returns how many.
pub async fn close_out(tx: &mut Tx, queue: &Queue, reason: &str, by: &str, now: Moment) -> Result<u64, DbError> {
    // The events first: they still see from where the places come.
    tx.write(
        "INSERT INTO queue_events (queue_id, seq, queuer_id, at, actor, what, from_state, to_state, reason, before) \
         SELECT queue_id, $2, id, $3, $4, 'expire', state, 'expired', $5, NULL FROM queuers \
         WHERE queue_id = $1 AND state IN ('waiting', 'away', 'called') ORDER BY order_key",
    )
    .postgres(
        "INSERT INTO queue_events (queue_id, seq, queuer_id, at, actor, what, from_state, to_state, reason, before) \
         SELECT queue_id, $2::bigint, id, $3::bigint, $4::text, 'expire', state, 'expired', $5::text, NULL FROM queuers \
         WHERE queue_id = $1 AND state IN ('waiting', 'away', 'called') ORDER BY order_key",
    )
    .bind(queue.id)
    .bind(queue.seq)
    .bind(now)
    .bind(by)
    .bind(reason)
    .execute()
    .await?;
    tx.write(
        "UPDATE queuers SET state = 'expired', ended_at = $2, due_at = NULL, away_since = NULL, end_reason = $3, \
         seq = $4, changed_by = $5, changed_at = $2, version = version + 1 \
         WHERE queue_id = $1 AND state IN ('waiting', 'away', 'called')",
    )
    .bind(queue.id)
    .bind(now)
    .bind(reason)
    .bind(queue.seq)
    .bind(by)
    .execute()
    .await
}

/// Places that the sweep has to look at: number and queue.
pub async fn due(db: &Pool, now: Moment) -> Result<Vec<(i64, i64)>, DbError> {
    db.read("SELECT id, queue_id FROM queuers WHERE due_at <= $1 ORDER BY due_at, id LIMIT 500").bind(now).all().await
}

/// Visits that were never ended, begun before a moment.
pub async fn forgotten(db: &Pool, queue: i64, before: Moment) -> Result<Vec<i64>, DbError> {
    let rows: Vec<(i64,)> = db
        .read("SELECT id FROM queuers WHERE queue_id = $1 AND state = 'serving' AND called_at < $2")
        .bind(queue)
        .bind(before)
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Whether places of before a moment still wait.
pub async fn has_leftovers(db: &Pool, queue: i64, before: Moment) -> Result<bool, DbError> {
    let row: Option<(i64,)> = db
        .read("SELECT id FROM queuers WHERE queue_id = $1 AND state IN ('waiting', 'away', 'called') AND changed_at < $2 AND joined_at < $2 LIMIT 1")
        .bind(queue)
        .bind(before)
        .optional()
        .await?;
    Ok(row.is_some())
}

pub async fn write_intake(
    tx: &mut Tx,
    queue: i64,
    intake: &str,
    message: Option<&str>,
    now: Moment,
) -> Result<(), DbError> {
    tx.write("UPDATE queues SET intake = $2, intake_message = $3, version = version + 1, updated_at = $4 WHERE id = $1")
        .bind(queue)
        .bind(intake)
        .bind(message)
        .bind(now)
        .execute()
        .await
        .map(drop)
}

/// Who serves a queue now.
pub async fn on_duty(db: &Pool, queue: i64) -> Result<Vec<OnDuty>, DbError> {
    db.read(
        "SELECT d.id, d.advisor_id, d.user_id, coalesce(a.name, u.name, '') AS name, d.since FROM duties d \
         LEFT JOIN advisors a ON a.id = d.advisor_id LEFT JOIN users u ON u.id = d.user_id \
         WHERE d.queue_id = $1 AND d.until IS NULL ORDER BY d.since, d.id",
    )
    .bind(queue)
    .all()
    .await
}

/// Begins a duty; one that has begun goes on.
pub async fn begin_duty(
    tx: &mut Tx,
    queue: i64,
    advisor: Option<i64>,
    account: Option<i64>,
    now: Moment,
) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO duties (queue_id, advisor_id, user_id, since) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(queue)
    .bind(advisor)
    .bind(account)
    .bind(now)
    .execute()
    .await?;
    aside(tx, queue).await
}

/// Begins a duty unless it has begun. Whether it had to.
pub async fn begin_duty_if_off(
    tx: &mut Tx,
    queue: i64,
    advisor: Option<i64>,
    account: Option<i64>,
    now: Moment,
) -> Result<bool, DbError> {
    let sql = format!("SELECT id FROM duties WHERE queue_id = $1 AND until IS NULL AND {} LIMIT 1", who(advisor));
    let on: Option<(i64,)> = tx.read(sqlx::AssertSqlSafe(sql)).bind(queue).bind(advisor.or(account)).optional().await?;
    if on.is_none() {
        begin_duty(tx, queue, advisor, account, now).await?;
    }
    Ok(on.is_none())
}

pub async fn end_duty(
    tx: &mut Tx,
    queue: i64,
    advisor: Option<i64>,
    account: Option<i64>,
    now: Moment,
) -> Result<(), DbError> {
    let sql = format!("UPDATE duties SET until = $3 WHERE queue_id = $1 AND until IS NULL AND {}", who(advisor));
    tx.write(sqlx::AssertSqlSafe(sql)).bind(queue).bind(advisor.or(account)).bind(now).execute().await?;
    aside(tx, queue).await
}

fn who(advisor: Option<i64>) -> &'static str {
    if advisor.is_some() { "advisor_id = $2" } else { "advisor_id IS NULL AND user_id = $2" }
}

/// Ends every duty that began before a moment.
pub async fn end_duties(tx: &mut Tx, queue: i64, before: Moment, now: Moment) -> Result<u64, DbError> {
    let ended = tx
        .write("UPDATE duties SET until = $3 WHERE queue_id = $1 AND since < $2 AND until IS NULL")
        .bind(queue)
        .bind(before)
        .bind(now)
        .execute()
        .await?;
    if ended > 0 {
        aside(tx, queue).await?;
    }
    Ok(ended)
}

async fn aside(tx: &mut Tx, queue: i64) -> Result<(), DbError> {
    tx.write("UPDATE queues SET aside = aside + 1 WHERE id = $1").bind(queue).execute().await.map(drop)
}

pub async fn announcement(db: &Pool, queue: i64) -> Result<Option<Announcement>, DbError> {
    db.read("SELECT id, text, author, at FROM announcements WHERE queue_id = $1 AND ended_at IS NULL ORDER BY id DESC LIMIT 1")
        .bind(queue)
        .optional()
        .await
}

/// Replaces what everybody who waits is told; `None` takes it away.
pub async fn announce(tx: &mut Tx, queue: i64, text: Option<&str>, by: &str, now: Moment) -> Result<(), DbError> {
    tx.write("UPDATE announcements SET ended_at = $2 WHERE queue_id = $1 AND ended_at IS NULL")
        .bind(queue)
        .bind(now)
        .execute()
        .await?;
    if let Some(text) = text {
        tx.write("INSERT INTO announcements (queue_id, text, author, at) VALUES ($1, $2, $3, $4)")
            .bind(queue)
            .bind(text)
            .bind(by)
            .bind(now)
            .execute()
            .await?;
    }
    aside(tx, queue).await
}

/// A visit that was ended: what estimates learn from.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Visit {
    pub queue_id: i64,
    pub advisor_id: Option<i64>,
    pub user_id: Option<i64>,
    pub called_at: Moment,
    pub ended_at: Moment,
}

/// The last visits of one queue, or of all, since a moment. Those that the night ended are left out.
pub async fn visits(db: &Pool, queue: Option<i64>, since: Moment, at_most: i64) -> Result<Vec<Visit>, DbError> {
    let filter = if queue.is_some() { "queue_id = $3 AND" } else { "$3 = 0 AND" };
    let sql = format!(
        "SELECT queue_id, advisor_id, user_id, called_at, ended_at FROM queuers WHERE {filter} state = 'done' \
         AND called_at IS NOT NULL AND ended_at > $1 AND end_reason IS NULL ORDER BY ended_at DESC LIMIT $2"
    );
    db.read(sqlx::AssertSqlSafe(sql)).bind(since).bind(at_most).bind(queue.unwrap_or(0)).all().await
}

/// The places that ended and were joined since a moment, the newest first: what statistics are made of.
pub async fn ended(db: &Pool, queue: i64, since: Moment, at_most: i64) -> Result<Vec<super::stats::Ended>, DbError> {
    db.read(
        "SELECT q.state, q.joined_at, q.called_at, q.started_at, q.ended_at, q.away_ms, q.end_reason, q.estimate_low, \
         q.estimate_high, coalesce(a.name, u.name) AS caller FROM queuers q LEFT JOIN advisors a ON a.id = q.advisor_id \
         LEFT JOIN users u ON u.id = q.user_id WHERE q.queue_id = $1 AND q.joined_at >= $2 AND q.ended_at IS NOT NULL \
         AND q.state <> 'transferred' ORDER BY q.joined_at DESC LIMIT $3",
    )
    .bind(queue)
    .bind(since)
    .bind(at_most)
    .all()
    .await
}

/// Of the called: how many came, how many did not.
pub async fn shows(db: &Pool, queue: i64, since: Moment) -> Result<(i64, i64), DbError> {
    db.read(
        "SELECT CAST(coalesce(sum(CASE WHEN state = 'done' THEN 1 ELSE 0 END), 0) AS BIGINT), \
         CAST(coalesce(sum(CASE WHEN state = 'no_show' THEN 1 ELSE 0 END), 0) AS BIGINT) \
         FROM queuers WHERE queue_id = $1 AND joined_at > $2",
    )
    .bind(queue)
    .bind(since)
    .one()
    .await
}

/// Questions and answers for a queue: its own, its college's, and everybody's.
pub async fn faqs(db: &Pool, queue: i64, college: i64) -> Result<Vec<(String, String)>, DbError> {
    db.read(
        "SELECT question, answer FROM faqs WHERE deleted_at IS NULL AND (queue_id IS NULL OR queue_id = $1) \
         AND (college_id IS NULL OR college_id = $2) ORDER BY coalesce(position, 1000000), id LIMIT 50",
    )
    .bind(queue)
    .bind(college)
    .all()
    .await
}

/// An advisor, as a called student needs to know them.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Advisor {
    pub id: i64,
    pub name: String,
    pub location: Option<String>,
    pub video_url: Option<String>,
}

/// The advisor that an account calls as.
pub async fn advisor_of(db: &Pool, account: i64) -> Result<Option<Advisor>, DbError> {
    db.read("SELECT id, name, location, video_url FROM advisors WHERE user_id = $1 AND deleted_at IS NULL")
        .bind(account)
        .optional()
        .await
}

pub async fn advisor(db: &Pool, id: i64) -> Result<Option<Advisor>, DbError> {
    db.read("SELECT id, name, location, video_url FROM advisors WHERE id = $1 AND deleted_at IS NULL")
        .bind(id)
        .optional()
        .await
}
