//! What one transaction stores: entries, the ids that clients gave them, and what became of each.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::collections::CollectionId;
use crate::db::{DbError, Tx};
use crate::entries::entry::{EntryId, NewEntry, Outcome};
use crate::entries::store;
use crate::json;
use crate::moment::Moment;

/// The entries of one transaction, and what becomes of each.
pub(super) struct Group<'a> {
    lists: &'a [Vec<NewEntry>],
    entries: Vec<&'a NewEntry>,
    decided: Vec<Option<Outcome>>,
    digests: Vec<i64>,
    /// Entries that repeat an earlier one of the same group.
    repeats: Vec<(usize, usize)>,
}

impl<'a> Group<'a> {
    pub(super) fn new(lists: &'a [Vec<NewEntry>]) -> Self {
        let entries: Vec<_> = lists.iter().flatten().collect();
        let digests = entries.iter().map(|entry| if entry.uid.is_some() { digest(&entry.data) } else { 0 }).collect();
        Group { lists, decided: vec![None; entries.len()], entries, digests, repeats: Vec::new() }
    }

    fn open(&self) -> Vec<usize> {
        (0..self.entries.len())
            .filter(|&i| self.decided[i].is_none() && !self.repeats.iter().any(|(r, _)| *r == i))
            .collect()
    }

    pub(super) fn new_entries(&self) -> Vec<&'a NewEntry> {
        let stored = |i: &usize| matches!(self.decided[*i], Some(Outcome::Stored(_) | Outcome::Flagged(_)));
        let repeated = |i: &usize| self.repeats.iter().any(|(r, _)| r == i);
        (0..self.entries.len()).filter(|i| stored(i) && !repeated(i)).map(|i| self.entries[i]).collect()
    }

    pub(super) async fn find_duplicates(&mut self, tx: &mut Tx) -> std::result::Result<(), DbError> {
        let mut first: HashMap<(CollectionId, &str), usize> = HashMap::new();
        for i in self.open() {
            if let Some(uid) = &self.entries[i].uid {
                let earlier = *first.entry((self.entries[i].collection, uid)).or_insert(i);
                if earlier != i {
                    self.repeats.push((i, earlier));
                }
            }
        }
        if first.is_empty() {
            return Ok(());
        }
        let asked: Vec<_> = first.keys().copied().collect();
        for known in store::known_uids(tx, &asked).await? {
            if let Some(&i) = first.get(&(known.collection_id, known.uid.as_str())) {
                self.decided[i] = Some(same_or_conflict(known.entry_id, known.digest == self.digests[i]));
            }
        }
        Ok(())
    }

    pub(super) async fn insert(&mut self, tx: &mut Tx, now: Moment) -> std::result::Result<(), DbError> {
        let open = self.open();
        let entries: Vec<_> = open.iter().map(|&i| self.entries[i]).collect();
        if entries.is_empty() {
            return self.decide_repeats();
        }
        let ids = store::insert(tx, &entries, now).await?;
        let uids: Vec<_> = open
            .iter()
            .zip(&ids)
            .filter_map(|(&i, id)| {
                Some((self.entries[i].collection, self.entries[i].uid.as_deref()?, *id, self.digests[i]))
            })
            .collect();
        store::insert_uids(tx, &uids).await?;
        for (&i, id) in open.iter().zip(ids) {
            self.decided[i] = Some(if self.entries[i].spam { Outcome::Flagged(id) } else { Outcome::Stored(id) });
        }
        self.decide_repeats()
    }

    fn decide_repeats(&mut self) -> std::result::Result<(), DbError> {
        for (repeat, earlier) in self.repeats.clone() {
            let id = match self.decided[earlier] {
                Some(Outcome::Stored(id) | Outcome::Flagged(id) | Outcome::Duplicate(id) | Outcome::Conflict(id)) => id,
                _ => continue,
            };
            // What was stored first may differ from the earlier one of this group, when that one is a conflict itself.
            let same = self.digests[repeat] == self.digests[earlier];
            let stored_is_earlier = !matches!(self.decided[earlier], Some(Outcome::Conflict(_)));
            self.decided[repeat] = Some(same_or_conflict(id, same && stored_is_earlier));
        }
        Ok(())
    }

    pub(super) fn outcomes(mut self) -> Vec<Vec<Outcome>> {
        let mut decided = self.decided.drain(..);
        let rejected = || Outcome::Rejected(json::Refusal::rule("not stored"));
        let mut take =
            |list: &Vec<NewEntry>| (&mut decided).take(list.len()).map(|o| o.unwrap_or_else(rejected)).collect();
        self.lists.iter().map(&mut take).collect()
    }
}

fn same_or_conflict(id: EntryId, same: bool) -> Outcome {
    if same { Outcome::Duplicate(id) } else { Outcome::Conflict(id) }
}

/// By what two entries are compared: the first bytes of a SHA-256 of their data.
pub fn digest(data: &str) -> i64 {
    let hash = Sha256::digest(data.as_bytes());
    i64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"))
}
