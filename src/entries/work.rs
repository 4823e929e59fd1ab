//! Entries that are worked on: a value is mended, a state set, somebody takes it, writes a note; each change can be taken back.

use super::entry::WorkRow;
use super::entry::{Entry, EntryId};
use super::service::Entries;
use super::store::{self, ChangeRow};
use crate::collections::{CachedCollection, register_field};
use crate::db::Tx;
use crate::error::{Error, FieldError, Result};
use crate::moment::Moment;
use crate::staff::{Author, Deed, audit};

/// What is changed of how an entry is worked on; `None` leaves it, an empty text removes it.
#[derive(Debug, Clone, Default)]
pub struct WorkChange {
    pub state: Option<String>,
    /// An email.
    pub assignee: Option<String>,
    pub note: Option<String>,
}

/// Characters of a note.
const NOTE: usize = 5000;

impl Entries {
    /// Changes how an entry is worked on, if it still has this version. Twice the same changes nothing.
    pub async fn work_on(&self, by: &Author, id: EntryId, expected: Option<i64>, change: WorkChange) -> Result<Entry> {
        let (entry, known) = self.find_for_staff(id).await?;
        if expected.is_some_and(|version| version != entry.version) {
            return Err(Error::PreconditionFailed);
        }
        let new = Entry {
            state: change.state.map_or(entry.state.clone(), |state| some(&state)),
            assignee: change.assignee.map_or(entry.assignee.clone(), |email| some(&email.to_lowercase())),
            note: change.note.map_or(entry.note.clone(), |note| some(&clean(&note))),
            ..entry.clone()
        };
        self.write_work(by, &known, &entry, &new, "changed").await
    }

    async fn find_for_staff(&self, id: EntryId) -> Result<(Entry, std::sync::Arc<CachedCollection>)> {
        self.find(&super::Reader::System, id).await
    }

    async fn write_work(
        &self,
        by: &Author,
        known: &CachedCollection,
        old: &Entry,
        new: &Entry,
        deed: &str,
    ) -> Result<Entry> {
        let row = self.checked(known, old, new).await?;
        let aspects = [
            ("state", &old.state, &new.state),
            ("assignee", &old.assignee, &new.assignee),
            ("note", &old.note, &new.note),
        ];
        let changed: Vec<_> = aspects.into_iter().filter(|(_, before, after)| before != after).collect();
        if changed.is_empty() {
            return Ok(old.clone());
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let names: Vec<_> = changed.iter().map(|(what, ..)| *what).collect();
        audit::note(&mut tx, by, Deed::new(deed, "entries", old.id.0).with(names.join(", ")), now).await?;
        if !store::update_work(&mut tx, old.id, old.version, &row).await? {
            return Err(Error::PreconditionFailed);
        }
        for (what, before, after) in changed {
            store::note_change(&mut tx, by, old.id, what, (before.as_deref(), after.as_deref()), now).await?;
        }
        tx.commit().await?;
        Ok(self.find_for_staff(old.id).await?.0)
    }

    /// What is to be stored, or every field that breaks a rule. What stands there already may stay.
    async fn checked(&self, known: &CachedCollection, old: &Entry, new: &Entry) -> Result<WorkRow> {
        let mut errors = Vec::new();
        let states = known.collection.states();
        let state = new.state.as_ref().filter(|state| states.first() != Some(state));
        if let Some(state) = state.filter(|state| !states.contains(state) && old.state.as_ref() != Some(state)) {
            errors.push(FieldError::at("/state", format!("\"{state}\" is none of {}", states.join(", "))));
        }
        if new.note.as_ref().is_some_and(|note| note.chars().count() > NOTE) {
            errors.push(FieldError::at("/note", format!("must be at most {NOTE} characters")));
        }
        let assignee = match &new.assignee {
            Some(email) => {
                let found = store::assignee(&self.db, email).await?;
                if found.is_none() && new.assignee != old.assignee {
                    errors.push(FieldError::at("/assignee", "is no account that may change entries"));
                }
                found.or(old.assignee_id)
            }
            None => None,
        };
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        Ok(WorkRow { state: state.cloned(), assignee, note: new.note.clone() })
    }

    /// The changes of an entry, the newest first.
    pub async fn changes(&self, id: EntryId) -> Result<Vec<ChangeRow>> {
        Ok(store::changes(&self.db, id).await?)
    }

    /// Takes a change back, by a new one, if what it wrote still stands there.
    pub async fn undo_change(&self, by: &Author, id: EntryId, change: i64) -> Result<Entry> {
        let (entry, known) = self.find_for_staff(id).await?;
        let missing = || Error::NotFound("There is no such change.".into());
        let change = self.changes(id).await?.into_iter().find(|row| row.id == change).ok_or_else(missing)?;
        let present = match change.what.as_str() {
            "data" => Some(&entry.data),
            "state" => entry.state.as_ref(),
            "assignee" => entry.assignee.as_ref(),
            _ => entry.note.as_ref(),
        };
        if present != change.after.as_ref() {
            return Err(Error::Conflict("It was changed again since: take that back first.".into()));
        }
        let before = change.before.clone();
        let new = match change.what.as_str() {
            "data" => {
                let data = before.unwrap_or_else(|| "{}".into());
                return self.replace(by, id, Some(entry.version), data.as_bytes()).await;
            }
            "state" => Entry { state: before, ..entry.clone() },
            "assignee" => Entry { assignee: before, ..entry.clone() },
            _ => Entry { note: before, ..entry.clone() },
        };
        self.write_work(by, &known, &entry, &new, "undone").await
    }

    /// Accounts that may be given entries: number and email.
    pub async fn assignees(&self) -> Result<Vec<(i64, String)>> {
        Ok(store::assignees(&self.db).await?)
    }

    /// Writes new data of an entry in a transaction, with its fields and the change.
    pub(super) async fn write_data(
        &self,
        tx: &mut Tx,
        by: &Author,
        entry: &Entry,
        data: &str,
        now: Moment,
    ) -> Result<()> {
        if !store::update_data(tx, entry.id, entry.version, data).await? {
            return Err(Error::PreconditionFailed);
        }
        for path in crate::json::paths(data) {
            register_field(tx, entry.collection, &path, now).await?;
        }
        if data != entry.data {
            store::note_change(tx, by, entry.id, "data", (Some(&entry.data), Some(data)), now).await?;
        }
        Ok(())
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A note without the control characters that no text needs.
fn clean(note: &str) -> String {
    note.replace("\r\n", "\n").chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}
