//! SQL of updates and of the addresses they had.

use super::update::{State, Update};
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;

const COLUMNS: &str = "id, uuid, slug, slug_made, title, body, tags, pinned, draft, publish_at, public_at, timezone, author, edited_at, working, version, \
                       created_at, updated_at, deleted_at";

/// What visitors see at the moment `$1`.
const VISIBLE: &str = "deleted_at IS NULL AND NOT draft AND publish_at <= $1";

/// Deleted or not.
pub async fn find(db: &Pool, id: i64) -> Result<Option<Update>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM updates WHERE id = $1"))).bind(id).optional().await
}

/// What visitors see, with this tag if it is not empty: pinned ones first, then the newest.
pub async fn visible(db: &Pool, now: Moment, tag: &str, limit: i64, offset: i64) -> Result<Vec<Update>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM updates WHERE {VISIBLE} AND tags LIKE $2 ESCAPE '!' \
         ORDER BY pinned DESC, publish_at DESC, id DESC LIMIT $3 OFFSET $4"
    )))
    .bind(now)
    .bind(like(tag))
    .bind(limit)
    .bind(offset)
    .all()
    .await
}

/// A pattern for the JSON list that holds a tag; for any list if it is empty.
fn like(tag: &str) -> String {
    if tag.is_empty() {
        return "%".into();
    }
    let json = serde_json::Value::from(tag).to_string();
    format!("%{}%", json.replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}

/// The newest that visitors see, pinned or not.
pub async fn newest(db: &Pool, now: Moment, limit: i64) -> Result<Vec<Update>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM updates WHERE {VISIBLE} ORDER BY publish_at DESC, id DESC LIMIT $2"
    )))
    .bind(now)
    .bind(limit)
    .all()
    .await
}

/// Ids and versions of the same.
pub async fn newest_versions(db: &Pool, now: Moment, limit: i64) -> Result<Vec<(i64, i64)>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!(
        "SELECT id, version FROM updates WHERE {VISIBLE} ORDER BY publish_at DESC, id DESC LIMIT $2"
    )))
    .bind(now)
    .bind(limit)
    .all()
    .await
}

/// The newest pinned ones, those that are scheduled too.
pub async fn pinned(db: &Pool, limit: i64) -> Result<Vec<Update>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM updates WHERE deleted_at IS NULL AND pinned AND NOT draft ORDER BY publish_at DESC LIMIT $1"
    )))
    .bind(limit)
    .all()
    .await
}

/// Which visitors see under this address.
pub async fn visible_by_slug(db: &Pool, now: Moment, slug: &str) -> Result<Option<Update>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM updates WHERE {VISIBLE} AND slug = $2")))
        .bind(now)
        .bind(slug)
        .optional()
        .await
}

/// The present address of what visitors see and had this one last.
pub async fn moved_to(db: &Pool, now: Moment, slug: &str) -> Result<Option<String>, DbError> {
    let moved: Option<(String,)> = db
        .read(sqlx::AssertSqlSafe(format!(
            "SELECT slug FROM updates WHERE {VISIBLE} AND id = (SELECT update_id FROM former_slugs WHERE slug = $2)"
        )))
        .bind(now)
        .bind(slug)
        .optional()
        .await?;
    Ok(moved.map(|(slug,)| slug))
}

/// In a state, or all, for staff: what is being written first, then by time.
pub async fn in_state(
    db: &Pool,
    now: Moment,
    state: Option<State>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Update>, DbError> {
    let condition = match state {
        None => "$1 = $1",
        Some(State::Draft) => "draft AND $1 = $1",
        Some(State::Scheduled) => "NOT draft AND publish_at > $1",
        Some(State::Published) => "NOT draft AND publish_at <= $1",
    };
    db.read(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM updates WHERE deleted_at IS NULL AND {condition} \
         ORDER BY draft DESC, CASE WHEN draft THEN updated_at ELSE publish_at END DESC, id DESC LIMIT $2 OFFSET $3"
    )))
    .bind(now)
    .bind(limit)
    .bind(offset)
    .all()
    .await
}

/// Those that are deleted, the last first.
pub async fn deleted(db: &Pool, limit: i64) -> Result<Vec<Update>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM updates WHERE deleted_at IS NOT NULL ORDER BY deleted_at DESC LIMIT $1"
    )))
    .bind(limit)
    .all()
    .await
}

/// Writes a new one and returns its id.
pub async fn insert(tx: &mut Tx, new: &Update) -> Result<i64, DbError> {
    let (id,): (i64,) = tx
        .write(
            "INSERT INTO updates (uuid, slug, title, body, tags, pinned, draft, publish_at, timezone, author, edited_at, \
             created_at, updated_at, slug_made) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $11, $12) RETURNING id",
        )
        .bind(&new.uuid)
        .bind(&new.slug)
        .bind(&new.title)
        .bind(&new.body)
        .bind(&new.tags)
        .bind(new.pinned)
        .bind(new.draft)
        .bind(new.publish_at)
        .bind(&new.timezone)
        .bind(&new.author)
        .bind(new.created_at)
        .bind(new.slug_made)
        .one()
        .await?;
    Ok(id)
}

/// Writes all that may change of the version that is there. `false`: it is another one meanwhile, or deleted.
pub async fn update(tx: &mut Tx, changed: &Update) -> Result<bool, DbError> {
    let written = tx
        .write(
            "UPDATE updates SET slug = $3, title = $4, body = $5, tags = $6, pinned = $7, draft = $8, publish_at = $9, \
             timezone = $10, edited_at = $11, working = $12, updated_at = $13, slug_made = $14, public_at = $15, \
             version = version + 1 \
             WHERE id = $1 AND version = $2 AND deleted_at IS NULL",
        )
        .bind(changed.id)
        .bind(changed.version)
        .bind(&changed.slug)
        .bind(&changed.title)
        .bind(&changed.body)
        .bind(&changed.tags)
        .bind(changed.pinned)
        .bind(changed.draft)
        .bind(changed.publish_at)
        .bind(&changed.timezone)
        .bind(changed.edited_at)
        .bind(&changed.working)
        .bind(changed.updated_at)
        .bind(changed.slug_made)
        .bind(changed.public_at);
    Ok(written.execute().await? == 1)
}

/// Deletes (`at` is when) or restores (`None`), then at its address. `false`: it is another version meanwhile.
pub async fn set_deleted(tx: &mut Tx, update: &Update, at: Option<Moment>, now: Moment) -> Result<bool, DbError> {
    let changed = tx
        .write(
            "UPDATE updates SET deleted_at = $3, updated_at = $4, slug = $5, version = version + 1 \
             WHERE id = $1 AND version = $2",
        )
        .bind(update.id)
        .bind(update.version)
        .bind(at)
        .bind(now)
        .bind(&update.slug);
    Ok(changed.execute().await? == 1)
}

/// Whether an update other than `own` has this address.
pub async fn is_taken(tx: &mut Tx, slug: &str, own: i64) -> Result<bool, DbError> {
    let holder: Option<(i64,)> = tx
        .read("SELECT id FROM updates WHERE slug = $1 AND deleted_at IS NULL AND id <> $2")
        .bind(slug)
        .bind(own)
        .optional()
        .await?;
    Ok(holder.is_some())
}

/// Notes an address that an update had.
pub async fn note_former(tx: &mut Tx, slug: &str, update: i64) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO former_slugs (slug, update_id) VALUES ($1, $2) ON CONFLICT (slug) DO UPDATE SET update_id = excluded.update_id",
    )
    .bind(slug)
    .bind(update)
    .execute()
    .await
    .map(drop)
}

/// The id of the feed, made once.
pub async fn feed_uuid(db: &Pool) -> Result<String, DbError> {
    let (uuid,): (String,) = db.read("SELECT uuid FROM feeds WHERE name = 'updates'").one().await?;
    Ok(uuid)
}
