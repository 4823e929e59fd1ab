//! What concerns a queue as a whole: intake, closing, duty, announcements, what is due.

use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;
use crate::waiting::{Announcement, Intake, OnDuty, Queue};

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
    intake: Intake,
    message: Option<&str>,
    now: Moment,
) -> Result<(), DbError> {
    tx.write("UPDATE queues SET intake = $2, intake_message = $3, version = version + 1, updated_at = $4 WHERE id = $1")
        .bind(queue)
        .bind(intake.name())
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

/// Begins a duty unless one is running. Returns whether it began one.
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

pub(super) fn who(advisor: Option<i64>) -> &'static str {
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

pub(super) async fn aside(tx: &mut Tx, queue: i64) -> Result<(), DbError> {
    tx.write("UPDATE queues SET aside = aside + 1 WHERE id = $1").bind(queue).execute().await.map(drop)
}

pub async fn announcement(db: &Pool, queue: i64) -> Result<Option<Announcement>, DbError> {
    db.read("SELECT id, text, author, at FROM announcements WHERE queue_id = $1 AND ended_at IS NULL ORDER BY id DESC LIMIT 1")
        .bind(queue)
        .optional()
        .await
}

/// Replaces what everybody who waits is told; `None` removes it.
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
