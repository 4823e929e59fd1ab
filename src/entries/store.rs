//! SQL of entries. What the filter grammar becomes is in `sql.rs`; here it is run.

use std::time::Duration;

use super::order::{self, OrderColumn};
use super::path::Path;
use super::pin;
use super::sql::{self, Filter, Sql};
use super::{Entry, EntryId, NewEntry, Pin, SavedView};
use crate::collections::CollectionId;
use crate::db::{Bulk, Column, DbError, Pool, Snapshot, Tx};
use crate::moment::Moment;

/// A client id that is in the store.
#[derive(sqlx::FromRow)]
pub struct KnownUid {
    pub collection_id: CollectionId,
    pub uid: String,
    pub entry_id: EntryId,
    pub digest: i64,
}

/// Those of `asked` that are in the store.
pub async fn known_uids(tx: &mut Tx, asked: &[(CollectionId, &str)]) -> Result<Vec<KnownUid>, DbError> {
    let list = serde_json::to_string(asked).unwrap_or_default();
    tx.read(
        "SELECT u.collection_id, u.uid, u.entry_id, u.digest FROM json_each($1) AS asked CROSS JOIN entry_uids u \
         WHERE u.collection_id = asked.value ->> 0 AND u.uid = asked.value ->> 1",
    )
    .postgres(
        "SELECT u.collection_id, u.uid, u.entry_id, u.digest FROM jsonb_array_elements(CAST($1 AS jsonb)) AS asked(value) \
         JOIN entry_uids u ON u.collection_id = (asked.value ->> 0)::bigint AND u.uid = asked.value ->> 1",
    )
    .bind(list)
    .all()
    .await
}

/// Stores entries and returns their ids, which rise in their order; those that an import wants to keep
/// are kept when they are free.
pub async fn insert(tx: &mut Tx, entries: &[&NewEntry], now: Moment) -> Result<Vec<EntryId>, DbError> {
    let wanted: Vec<i64> = entries.iter().filter_map(|e| e.kept?.id).map(|id| id.0).collect();
    if wanted.is_empty() && matches!(tx, Tx::Sqlite(_)) {
        let last = rows(entries, now).insert(tx).await?.unwrap_or_default();
        return Ok((last - entries.len() as i64 + 1..=last).map(EntryId).collect());
    }
    let ids =
        if wanted.is_empty() { rising_ids(tx, entries.len()).await? } else { kept_ids(tx, entries, &wanted).await? };
    let deleted = |e: &&NewEntry| Some(e.kept?.deleted?.0);
    rows(entries, now)
        .column("id", Column::Int(ids.iter().map(|id| id.0).collect()))
        .column("deleted_at", Column::OptInt(entries.iter().map(deleted).collect()))
        .insert(tx)
        .await?;
    Ok(ids)
}

fn rows<'e>(entries: &[&'e NewEntry], now: Moment) -> Bulk<'e> {
    let received = |e: &&NewEntry| e.kept.and_then(|kept| kept.received).unwrap_or(now).0;
    Bulk::into("entries")
        .column("collection_id", Column::Int(entries.iter().map(|e| e.collection.0).collect()))
        .column("received_at", Column::Int(entries.iter().map(received).collect()))
        .column("at", Column::OptInt(entries.iter().map(|e| e.at.map(|at| at.0)).collect()))
        .column("session", Column::OptText(entries.iter().map(|e| e.session.as_deref()).collect()))
        .column("origin", Column::OptText(entries.iter().map(|e| e.origin.as_deref()).collect()))
        .column("flags", Column::OptText(entries.iter().map(|e| e.spam.then_some("spam")).collect()))
        .column("data", Column::Text(entries.iter().map(|e| e.data.as_str()).collect()))
}

async fn kept_ids(tx: &mut Tx, entries: &[&NewEntry], wanted: &[i64]) -> Result<Vec<EntryId>, DbError> {
    let taken = ids_in_use(tx, wanted).await?;
    raise_sequence(tx, wanted.iter().copied().max().unwrap_or(0)).await?;
    let mut fresh = rising_ids(tx, entries.len()).await?.into_iter();
    let mut used: std::collections::HashSet<i64> = taken.into_iter().collect();
    let mut ids = Vec::with_capacity(entries.len());
    for entry in entries {
        let kept = entry.kept.and_then(|kept| kept.id).filter(|id| used.insert(id.0));
        ids.extend(kept.or_else(|| fresh.next()));
    }
    Ok(ids)
}

async fn rising_ids(tx: &mut Tx, count: usize) -> Result<Vec<EntryId>, DbError> {
    let count = count as i64;
    // The writer is ours, so SQLite's ids are the ones that follow.
    let found: Vec<(i64,)> = tx
        .read("SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'entries' AND $1 > 0")
        .postgres("SELECT nextval(pg_get_serial_sequence('entries', 'id')) FROM generate_series(1, $1)")
        .bind(count)
        .all()
        .await?;
    if matches!(tx, Tx::Postgres(_)) {
        let mut ids: Vec<_> = found.into_iter().map(|(id,)| EntryId(id)).collect();
        ids.sort();
        return Ok(ids);
    }
    let first = found.first().map_or(1, |(id,)| *id);
    Ok((first..first + count).map(EntryId).collect())
}

async fn ids_in_use(tx: &mut Tx, wanted: &[i64]) -> Result<Vec<i64>, DbError> {
    let list = serde_json::to_string(wanted).unwrap_or_default();
    let found: Vec<(i64,)> = tx
        .read("SELECT e.id FROM json_each($1) AS wanted CROSS JOIN entries e WHERE e.id = wanted.value")
        .postgres("SELECT e.id FROM jsonb_array_elements(CAST($1 AS jsonb)) AS wanted(value) JOIN entries e ON e.id = wanted.value::bigint")
        .bind(list)
        .all()
        .await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Later ids are greater than `id`.
async fn raise_sequence(tx: &mut Tx, id: i64) -> Result<(), DbError> {
    let _: Vec<(i64,)> = tx
        .write("UPDATE sqlite_sequence SET seq = max(seq, $1) WHERE name = 'entries' RETURNING seq")
        .postgres(
            "SELECT setval(pg_get_serial_sequence('entries', 'id'), greatest($1, nextval(pg_get_serial_sequence('entries', 'id'))))",
        )
        .bind(id)
        .all()
        .await?;
    Ok(())
}

pub async fn insert_uids(tx: &mut Tx, uids: &[(CollectionId, &str, EntryId, i64)]) -> Result<(), DbError> {
    if uids.is_empty() {
        return Ok(());
    }
    Bulk::into("entry_uids")
        .column("collection_id", Column::Int(uids.iter().map(|u| u.0.0).collect()))
        .column("uid", Column::Text(uids.iter().map(|u| u.1).collect()))
        .column("entry_id", Column::Int(uids.iter().map(|u| u.2.0).collect()))
        .column("digest", Column::Int(uids.iter().map(|u| u.3).collect()))
        .insert(tx)
        .await
        .map(drop)
}

/// Between the fields of one entry and between entries, in the texts that [`batch`] reads.
/// Canonical JSON and the other columns never contain control characters.
const UNIT: char = '\u{1f}';
const RECORD: char = '\u{1e}';

/// One entry as a text. Fetching hundreds of entries as one text is five times as fast as row by row.
fn row() -> String {
    let optional = |column: &str| format!("coalesce(CAST(e.{column} AS TEXT), '')");
    let columns = [
        "CAST(e.id AS TEXT)".to_owned(),
        "CAST(e.collection_id AS TEXT)".to_owned(),
        "CAST(e.received_at AS TEXT)".to_owned(),
        optional("at"),
        optional("session"),
        optional("origin"),
        optional("flags"),
        optional("deleted_at"),
        "CAST(e.version AS TEXT)".to_owned(),
        "e.data".to_owned(),
    ];
    columns.join(&format!(" || '{UNIT}' || "))
}

/// Entries as one text, see [`Batch::iter`].
#[derive(Default)]
pub struct Batch(String);

/// An entry inside a [`Batch`].
#[derive(Debug, Clone, Copy)]
pub struct EntryRef<'b> {
    pub id: EntryId,
    pub collection: CollectionId,
    pub received: Moment,
    pub at: Option<Moment>,
    pub session: &'b str,
    pub origin: &'b str,
    pub flags: &'b str,
    pub deleted: Option<Moment>,
    pub version: i64,
    pub data: &'b str,
}

impl Batch {
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = EntryRef<'_>> {
        self.0.split(RECORD).filter(|text| !text.is_empty()).filter_map(EntryRef::read)
    }
}

impl Batch {
    /// The last entry, without looking at the others.
    pub fn last(&self) -> Option<EntryRef<'_>> {
        self.0.rsplit(RECORD).next().and_then(EntryRef::read)
    }
}

impl<'b> EntryRef<'b> {
    fn read(text: &'b str) -> Option<Self> {
        let mut columns = text.splitn(10, UNIT);
        let mut next = || columns.next();
        let optional = |text: &str| text.parse().ok().map(Moment);
        Some(EntryRef {
            id: EntryId(next()?.parse().ok()?),
            collection: CollectionId(next()?.parse().ok()?),
            received: Moment(next()?.parse().ok()?),
            at: optional(next()?),
            session: next()?,
            origin: next()?,
            flags: next()?,
            deleted: optional(next()?),
            version: next()?.parse().ok()?,
            data: next()?,
        })
    }

    pub fn to_entry(self) -> Entry {
        let optional = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Entry {
            id: self.id,
            collection: self.collection,
            received: self.received,
            at: self.at,
            session: optional(self.session),
            origin: optional(self.origin),
            flags: optional(self.flags),
            deleted: self.deleted,
            version: self.version,
            data: self.data.to_owned(),
        }
    }
}

impl Entry {
    /// The same entry as a reference, for what takes entries of a [`Batch`].
    pub fn borrowed(&self) -> EntryRef<'_> {
        EntryRef {
            id: self.id,
            collection: self.collection,
            received: self.received,
            at: self.at,
            session: self.session.as_deref().unwrap_or(""),
            origin: self.origin.as_deref().unwrap_or(""),
            flags: self.flags.as_deref().unwrap_or(""),
            deleted: self.deleted,
            version: self.version,
            data: &self.data,
        }
    }
}

/// Which stretch of a filter's entries is wanted.
pub struct Stretch<'a> {
    pub order: &'a [OrderColumn],
    /// Values of the last entry before the stretch, one per column of the order.
    pub after: Option<&'a [String]>,
    /// From the far end towards the near one.
    pub reversed: bool,
    pub limit: u32,
}

/// The statement for a stretch, as rows `(text)` when `gathered` is false, else as one text.
/// Each arm is a walk along an index that stops at the limit; the union is sorted once more.
pub fn statement(filter: &Filter, stretch: &Stretch<'_>) -> Sql {
    let mut sql = filter.sql.clone();
    let condition = std::mem::take(&mut sql.text);
    let after =
        stretch.after.map_or(String::new(), |values| order::after(&mut sql, stretch.order, values, stretch.reversed));
    let by = order::order_by(stretch.order, stretch.reversed);
    let limit = stretch.limit;
    let inner = if let [arm] = filter.arms.as_slice() {
        format!("SELECT {} AS entry FROM entries e WHERE {condition}{arm}{after}{by} LIMIT {limit}", row())
    } else {
        let arms: Vec<_> = filter
            .arms
            .iter()
            .map(|arm| {
                format!(
                    "SELECT * FROM (SELECT e.* FROM entries e WHERE {condition}{arm}{after}{by} LIMIT {limit}) AS arm"
                )
            })
            .collect();
        format!("SELECT {} AS entry FROM ({}) AS e{by} LIMIT {limit}", row(), arms.join(" UNION ALL "))
    };
    sql.text = format!("SELECT coalesce(string_agg(entry, '{RECORD}'), '') FROM ({inner}) AS entries");
    sql
}

/// A stretch of the entries of a filter, in the order's direction of walking.
pub async fn page(db: &Pool, filter: &Filter, stretch: &Stretch<'_>, budget: Duration) -> Result<Batch, DbError> {
    let found: (String,) = statement(filter, stretch).query(|sql| db.read(sql)).within(budget).one().await?;
    Ok(Batch(found.0))
}

/// The database's plan for a stretch, line by line.
pub async fn explain(db: &Pool, filter: &Filter, stretch: &Stretch<'_>) -> Result<String, DbError> {
    let mut sql = statement(filter, stretch);
    if db.is_postgres() {
        sql.text = format!("EXPLAIN {}", sql.text);
        let lines: Vec<(String,)> = sql.query(|sql| db.read(sql)).all().await?;
        return Ok(lines.into_iter().map(|(line,)| line + "\n").collect());
    }
    sql.text = format!("EXPLAIN QUERY PLAN {}", sql.text);
    let lines: Vec<(i64, i64, i64, String)> = sql.query(|sql| db.read(sql)).all().await?;
    Ok(lines.into_iter().map(|(_, _, _, line)| line + "\n").collect())
}

/// The same from a snapshot, for exports.
pub async fn batch(snapshot: &mut Snapshot, filter: &Filter, stretch: &Stretch<'_>) -> Result<Batch, DbError> {
    let found: (String,) = statement(filter, stretch).query(|sql| snapshot.read(sql)).one().await?;
    Ok(Batch(found.0))
}

/// The statement that walks all entries of a filter row by row, for orders that no index gives.
pub fn all_rows(filter: &Filter, order: &[OrderColumn]) -> Sql {
    let mut sql = filter.sql.clone();
    sql.text = format!("SELECT {} FROM entries e WHERE {}{}", row(), sql.text, order::order_by(order, false));
    sql
}

impl Batch {
    /// A batch of the rows of [`all_rows`].
    pub fn of_rows(rows: &[String]) -> Batch {
        Batch(rows.join(&RECORD.to_string()))
    }
}

/// How many entries a filter has, counting to `at_most`.
pub async fn count(db: &Pool, filter: &Filter, at_most: Option<u32>, budget: Duration) -> Result<i64, DbError> {
    let mut sql = filter.sql.clone();
    let condition = std::mem::take(&mut sql.text);
    let arms: Vec<_> =
        filter.arms.iter().map(|arm| format!("SELECT e.id FROM entries e WHERE {condition}{arm}")).collect();
    // An entry is found under one key only, so nothing is counted twice.
    let limit = at_most.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
    sql.text = format!("SELECT count(*) FROM (SELECT id FROM ({}) AS arms{limit}) AS found", arms.join(" UNION ALL "));
    let (count,): (i64,) = sql.query(|sql| db.read(sql)).within(budget).one().await?;
    Ok(count)
}

/// A value of a facet.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FacetValue {
    pub value: String,
    /// The value is a text, not a number or a truth value.
    pub is_text: bool,
    pub times: i64,
}

pub async fn facet(db: &Pool, filter: &Filter, path: &Path, budget: Duration) -> Result<Vec<FacetValue>, DbError> {
    sql::facet(filter, path).query(|sql| db.read(sql)).within(budget).all().await
}

/// Entries per day: days since 1970 in a zone `offset` milliseconds ahead of UTC, and how many.
pub async fn per_day(
    db: &Pool,
    filter: &Filter,
    from: Moment,
    offset: i64,
    budget: Duration,
) -> Result<Vec<(i64, i64)>, DbError> {
    let mut sql = filter.sql.clone();
    sql.text = format!(
        "SELECT (e.received_at + {offset}) / 86400000 AS day, count(*) FROM entries e WHERE {} AND e.received_at >= {} GROUP BY 1 ORDER BY 1",
        sql.text, from.0
    );
    sql.query(|sql| db.read(sql)).within(budget).all().await
}

/// One entry, deleted or not.
pub async fn find(db: &Pool, id: EntryId) -> Result<Option<Entry>, DbError> {
    let sql = format!("SELECT {} FROM entries e WHERE e.id = $1", row());
    let found: Option<(String,)> = db.read(sqlx::AssertSqlSafe(sql)).bind(id).optional().await?;
    Ok(found.and_then(|(text,)| EntryRef::read(&text).map(EntryRef::to_entry)))
}

/// Other entries of the same browser session, newest first.
pub async fn of_session(db: &Pool, entry: &Entry, session: &str) -> Result<Batch, DbError> {
    let sql = format!(
        "SELECT coalesce(string_agg(entry, '{RECORD}'), '') FROM (SELECT {} AS entry FROM entries e WHERE e.session = $1 \
         AND e.collection_id = $2 AND e.id <> $3 AND e.deleted_at IS NULL ORDER BY e.id DESC LIMIT 20) AS entries",
        row()
    );
    let found: (String,) =
        db.read(sqlx::AssertSqlSafe(sql)).bind(session).bind(entry.collection).bind(entry.id).one().await?;
    Ok(Batch(found.0))
}

/// Writes new data if the entry still has this version; false if it does not.
pub async fn update_data(tx: &mut Tx, id: EntryId, version: i64, data: &str) -> Result<bool, DbError> {
    let changed = tx
        .write("UPDATE entries SET data = $3, version = version + 1 WHERE id = $1 AND version = $2")
        .bind(id)
        .bind(version)
        .bind(data)
        .execute()
        .await?;
    Ok(changed == 1)
}

/// What staff do to many entries at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Delete,
    Restore,
    Spam,
    NotSpam,
}

impl Mark {
    /// For the audit trail.
    pub fn done(self) -> &'static str {
        match self {
            Mark::Delete => "deleted",
            Mark::Restore => "restored",
            Mark::Spam => "marked as spam",
            Mark::NotSpam => "marked as no spam",
        }
    }

    /// What is set, and which entries are left out because it would change nothing.
    fn sql(self, now: Moment) -> (String, &'static str) {
        match self {
            Mark::Delete => (format!("deleted_at = {}", now.0), "deleted_at IS NULL"),
            Mark::Restore => ("deleted_at = NULL".into(), "deleted_at IS NOT NULL"),
            Mark::Spam => (format!("flags = 'spam', flagged_at = {}", now.0), "flags IS NULL"),
            Mark::NotSpam => ("flags = NULL, flagged_at = NULL".into(), "flags IS NOT NULL"),
        }
    }
}

/// Marks all entries of a filter and returns how many changed.
pub async fn mark(tx: &mut Tx, filter: Filter, mark: Mark, now: Moment) -> Result<u64, DbError> {
    let (set, unless) = mark.sql(now);
    let mut sql = filter.sql;
    sql.text = format!(
        "UPDATE entries SET {set}, version = version + 1 WHERE {unless} AND id IN (SELECT e.id FROM entries e WHERE {})",
        sql.text
    );
    sql.query(|sql| tx.write(sql)).execute().await
}

/// Takes back what was marked at a moment.
pub async fn unmark(tx: &mut Tx, mark: Mark, at: Moment) -> Result<u64, DbError> {
    let column = if mark == Mark::Delete { "deleted_at" } else { "flagged_at" };
    let opposite = if mark == Mark::Delete { Mark::Restore } else { Mark::NotSpam };
    let (set, _) = opposite.sql(at);
    tx.write(sqlx::AssertSqlSafe(format!("UPDATE entries SET {set}, version = version + 1 WHERE {column} = $1")))
        .bind(at)
        .execute()
        .await
}

/// Removes up to `limit` entries of a collection for good: those received before `before`.
/// Their client ids stay, so that a late retry cannot bring them back.
pub async fn purge(tx: &mut Tx, collection: CollectionId, before: Moment, limit: i64) -> Result<u64, DbError> {
    tx.write("DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE collection_id = $1 AND received_at < $2 LIMIT $3)")
        .bind(collection)
        .bind(before)
        .bind(limit)
        .execute()
        .await
}

/// Entries of a collection received since a moment, spam and deleted ones included.
pub async fn received_since(db: &Pool, collection: CollectionId, since: Moment) -> Result<i64, DbError> {
    let (count,): (i64,) = db
        .read("SELECT count(*) FROM entries WHERE collection_id = $1 AND received_at >= $2")
        .bind(collection)
        .bind(since)
        .one()
        .await?;
    Ok(count)
}

pub async fn pins(db: &Pool) -> Result<Vec<Pin>, DbError> {
    db.read("SELECT id, collection_id, path, automatic, created_at, ready_at FROM pins ORDER BY id").all().await
}

/// Notes that a field is to be pinned. A second pin of the same field is a duplicate.
pub async fn insert_pin(
    tx: &mut Tx,
    collection: CollectionId,
    path: &str,
    automatic: bool,
    now: Moment,
) -> Result<i64, DbError> {
    let (id,): (i64,) = tx
        .write("INSERT INTO pins (collection_id, path, automatic, created_at) VALUES ($1, $2, $3, $4) RETURNING id")
        .bind(collection)
        .bind(path)
        .bind(automatic)
        .bind(now)
        .one()
        .await?;
    Ok(id)
}

/// Builds the index of a pin and notes that it is ready. SQLite's writer is busy meanwhile; PostgreSQL builds concurrently.
pub async fn build_pin(db: &Pool, pin: &Pin, path: &Path, now: Moment) -> Result<(), DbError> {
    let create = pin::create_pin(pin.id, pin.collection_id, path, db.is_postgres());
    if db.is_postgres() {
        drop_broken(db, pin.id).await?;
        db.read(sqlx::AssertSqlSafe(create)).execute().await?;
        let mut tx = db.begin().await?;
        pin_is_ready(&mut tx, pin, now).await?;
        return tx.commit().await;
    }
    let mut tx = db.begin().await?;
    tx.write(sqlx::AssertSqlSafe(create)).execute().await?;
    pin_is_ready(&mut tx, pin, now).await?;
    tx.commit().await
}

/// A concurrent build that broke off leaves an index that PostgreSQL does not use.
async fn drop_broken(db: &Pool, pin: i64) -> Result<(), DbError> {
    let broken: Option<(bool,)> = db
        .read("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid")
        .bind(format!("pin_{pin}"))
        .optional()
        .await?;
    if broken.is_some() {
        db.read(sqlx::AssertSqlSafe(format!("DROP INDEX IF EXISTS pin_{pin}"))).execute().await?;
    }
    Ok(())
}

async fn pin_is_ready(tx: &mut Tx, pin: &Pin, now: Moment) -> Result<(), DbError> {
    tx.write("UPDATE pins SET ready_at = $2 WHERE id = $1").bind(pin.id).bind(now).execute().await.map(drop)
}

/// Removes a pin and its index.
pub async fn drop_pin(db: &Pool, pin: i64) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    tx.write("DELETE FROM pins WHERE id = $1").bind(pin).execute().await?;
    tx.write(sqlx::AssertSqlSafe(format!("DROP INDEX IF EXISTS pin_{pin}"))).execute().await?;
    tx.commit().await
}

/// Bytes of a pin's index.
pub async fn pin_size(db: &Pool, pin: i64) -> Result<i64, DbError> {
    let found: Option<(i64,)> = db
        .read("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = $1")
        .postgres("SELECT coalesce(pg_relation_size(to_regclass($1)), 0)")
        .bind(format!("pin_{pin}"))
        .optional()
        .await?;
    Ok(found.map_or(0, |(size,)| size))
}

pub async fn saved_views(db: &Pool) -> Result<Vec<SavedView>, DbError> {
    db.read("SELECT id, name, query FROM saved_views ORDER BY name").all().await
}

/// Saves a view under a name; an old one of that name is replaced.
pub async fn save_view(tx: &mut Tx, name: &str, query: &str, by: i64, now: Moment) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO saved_views (name, query, created_by, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET query = excluded.query, created_by = excluded.created_by, created_at = excluded.created_at",
    )
    .bind(name)
    .bind(query)
    .bind(by)
    .bind(now)
    .execute()
    .await
    .map(drop)
}

pub async fn delete_view(tx: &mut Tx, id: i64) -> Result<(), DbError> {
    tx.write("DELETE FROM saved_views WHERE id = $1").bind(id).execute().await.map(drop)
}

/// The columns that a person chose for a collection.
pub async fn column_choice(db: &Pool, user: i64, collection: CollectionId) -> Result<Option<String>, DbError> {
    let found: Option<(String,)> = db
        .read("SELECT columns FROM column_choices WHERE user_id = $1 AND collection_id = $2")
        .bind(user)
        .bind(collection)
        .optional()
        .await?;
    Ok(found.map(|(columns,)| columns))
}

pub async fn choose_columns(tx: &mut Tx, user: i64, collection: CollectionId, columns: &str) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO column_choices (user_id, collection_id, columns) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id, collection_id) DO UPDATE SET columns = excluded.columns",
    )
    .bind(user)
    .bind(collection)
    .bind(columns)
    .execute()
    .await
    .map(drop)
}
