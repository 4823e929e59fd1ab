//! SQL of the waiting room.
//!
//! Every transaction that changes a queue begins with [`raise`]: it takes the queue's row, so on PostgreSQL the
//! steps of one queue wait for each other there, as they do for the one writer of SQLite.

mod joining;
mod places;
mod running;
mod steps;
mod visits;

use super::Queue;
use crate::db::{DbError, Pool, Tx};

pub use joining::{NewPlace, Standing, StudentKey, insert_place, standing};
pub use places::{
    by_link, changed_places, continuation, insert_link, move_links, place, places, places_by_state, places_of,
};
pub use running::{
    announce, announcement, begin_duty, begin_duty_if_off, close_out, due, end_duties, end_duty, forgotten,
    has_leftovers, on_duty, write_intake,
};
pub use steps::{
    Event, NewEvent, Stand, at_desk, events_after, first, history, insert_event, last_event, stand, write_status,
};
pub use visits::{Visit, ended, shows, visits};

const QUEUE: &str = "id, college_id, title, greeting, intake, intake_message, cap, grace_seconds, away_minutes, \
    cooldown_minutes, topics, location, timezone, schedule, closed_dates, keep_overnight, seq, aside, version, deleted_at";

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
