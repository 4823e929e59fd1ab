//! Visits that ended, from which estimates learn and statistics are made.

use crate::db::{DbError, Pool};
use crate::moment::Moment;

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
pub async fn ended(
    db: &Pool,
    queue: i64,
    since: Moment,
    at_most: i64,
) -> Result<Vec<crate::waiting::stats::Ended>, DbError> {
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
