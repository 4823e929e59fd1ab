//! How many entries there are: kept while they come and go (migration 0011), so that no page has to count them.

use std::collections::{BTreeMap, HashMap};

use crate::collections::CollectionId;
use crate::db::{Bulk, DbError, Pool, Tx};
use crate::entries::entry::NewEntry;
use crate::moment::Moment;

/// Milliseconds of what is counted together: a quarter of an hour, by which every time zone's days can be told.
const QUARTER: i64 = 900_000;

/// Adds to an insert of entries that they are counted. In the order of the counts, so that two of them at once wait for each other.
pub(super) fn counting<'e>(rows: Bulk<'e>, entries: &[&NewEntry], now: Moment) -> Bulk<'e> {
    let mut counts: BTreeMap<(i64, i64), (i64, i64)> = BTreeMap::new();
    for entry in entries {
        let received = entry.kept.and_then(|kept| kept.received).unwrap_or(now);
        let is_visible = !entry.spam && entry.kept.is_none_or(|kept| kept.deleted.is_none());
        let (visible, stored) = counts.entry((entry.collection.0, received.0.div_euclid(QUARTER))).or_default();
        *visible += i64::from(is_visible);
        *stored += 1;
    }
    let counts: Vec<_> =
        counts.into_iter().map(|((c, quarter), (visible, stored))| [c, quarter, visible, stored]).collect();
    rows.then(
        "INSERT INTO entry_counts (collection_id, quarter, visible, stored) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true \
         ON CONFLICT (collection_id, quarter) DO UPDATE \
         SET visible = entry_counts.visible + excluded.visible, stored = entry_counts.stored + excluded.stored",
        "INSERT INTO entry_counts (collection_id, quarter, visible, stored) \
         SELECT (value ->> 0)::bigint, (value ->> 1)::bigint, (value ->> 2)::bigint, (value ->> 3)::bigint \
         FROM jsonb_array_elements(CAST($1 AS jsonb)) AS list(value) \
         ON CONFLICT (collection_id, quarter) DO UPDATE \
         SET visible = entry_counts.visible + excluded.visible, stored = entry_counts.stored + excluded.stored",
        serde_json::to_string(&counts).unwrap_or_default(),
    )
}

/// Visible entries of every collection that ever had any. As one text: there may be thousands.
pub async fn totals(db: &Pool) -> Result<HashMap<CollectionId, i64>, DbError> {
    let (text,): (String,) = db
        .read(
            "SELECT coalesce(string_agg(CAST(collection_id AS TEXT) || ' ' || CAST(visible AS TEXT), ','), '') \
             FROM entry_totals",
        )
        .one()
        .await?;
    let read = |pair: &str| {
        let (id, visible) = pair.split_once(' ')?;
        Some((CollectionId(id.parse().ok()?), visible.parse().ok()?))
    };
    Ok(text.split(',').filter_map(read).collect())
}

/// Visible entries of these collections per day: days since 1970 in a zone `offset` milliseconds ahead of UTC, and how many.
pub async fn visible_per_day(
    db: &Pool,
    collections: &[CollectionId],
    from: Moment,
    offset: i64,
) -> Result<Vec<(i64, i64)>, DbError> {
    let ids: Vec<_> = collections.iter().map(|id| id.0.to_string()).collect();
    let sql = format!(
        "SELECT (quarter * {QUARTER} + {offset}) / 86400000 AS day, CAST(sum(visible) AS BIGINT) FROM entry_counts \
         WHERE collection_id IN ({}) AND quarter >= {} GROUP BY 1 ORDER BY 1",
        ids.join(","),
        from.0.div_euclid(QUARTER)
    );
    db.read(sqlx::AssertSqlSafe(sql)).all().await
}

/// Entries of a collection received since the beginning of a quarter of an hour, spam and deleted ones included.
pub async fn stored_since(db: &Pool, collection: CollectionId, since: Moment) -> Result<i64, DbError> {
    let (count,): (i64,) = db
        .read("SELECT CAST(coalesce(sum(stored), 0) AS BIGINT) FROM entry_counts WHERE collection_id = $1 AND quarter >= $2")
        .bind(collection)
        .bind(since.0.div_euclid(QUARTER))
        .one()
        .await?;
    Ok(count)
}

/// Forgets the counts of a collection that is removed for good.
pub async fn forget_counts(tx: &mut Tx, collection: CollectionId) -> Result<(), DbError> {
    for sql in
        ["DELETE FROM entry_counts WHERE collection_id = $1", "DELETE FROM entry_totals WHERE collection_id = $1"]
    {
        tx.write(sql).bind(collection).execute().await?;
    }
    Ok(())
}
