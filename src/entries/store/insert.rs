//! New entries and the ids that clients gave them.

use super::counts::counting;
use crate::collections::CollectionId;
use crate::db::{Bulk, BulkColumn, DbError, Tx};
use crate::entries::entry::{EntryId, NewEntry};
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
        let last = counting(rows(entries, now), entries, now).insert(tx).await?.unwrap_or_default();
        return Ok((last - entries.len() as i64 + 1..=last).map(EntryId).collect());
    }
    let ids =
        if wanted.is_empty() { rising_ids(tx, entries.len()).await? } else { kept_ids(tx, entries, &wanted).await? };
    let deleted = |e: &&NewEntry| Some(e.kept?.deleted?.0);
    counting(rows(entries, now), entries, now)
        .column("id", BulkColumn::Int(ids.iter().map(|id| id.0).collect()))
        .column("deleted_at", BulkColumn::OptInt(entries.iter().map(deleted).collect()))
        .column("state", BulkColumn::OptText(entries.iter().map(|e| e.work.as_ref()?.state.as_deref()).collect()))
        .column("assignee_id", BulkColumn::OptInt(entries.iter().map(|e| e.work.as_ref()?.assignee).collect()))
        .column("note", BulkColumn::OptText(entries.iter().map(|e| e.work.as_ref()?.note.as_deref()).collect()))
        .insert(tx)
        .await?;
    Ok(ids)
}

pub(super) fn rows<'e>(entries: &[&'e NewEntry], now: Moment) -> Bulk<'e> {
    let received = |e: &&NewEntry| e.kept.and_then(|kept| kept.received).unwrap_or(now).0;
    Bulk::into("entries")
        .column("collection_id", BulkColumn::Int(entries.iter().map(|e| e.collection.0).collect()))
        .column("received_at", BulkColumn::Int(entries.iter().map(received).collect()))
        .column("at", BulkColumn::OptInt(entries.iter().map(|e| e.at.map(|at| at.0)).collect()))
        .column("session", BulkColumn::OptText(entries.iter().map(|e| e.session.as_deref()).collect()))
        .column("origin", BulkColumn::OptText(entries.iter().map(|e| e.origin.as_deref()).collect()))
        .column("flags", BulkColumn::OptText(entries.iter().map(|e| e.spam.then_some("spam")).collect()))
        .column("data", BulkColumn::Text(entries.iter().map(|e| e.data.as_str()).collect()))
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
        .column("collection_id", BulkColumn::Int(uids.iter().map(|u| u.0.0).collect()))
        .column("uid", BulkColumn::Text(uids.iter().map(|u| u.1).collect()))
        .column("entry_id", BulkColumn::Int(uids.iter().map(|u| u.2.0).collect()))
        .column("digest", BulkColumn::Int(uids.iter().map(|u| u.3).collect()))
        .insert(tx)
        .await
        .map(drop)
}
