//! Changes by staff: marks on many entries, new data of one.

use std::time::Instant;

use super::body;
use super::entry::{Entry, EntryId};
use super::reader::Reader;
use super::service::Entries;
use super::store::{self, Mark};
use super::submission;
use crate::error::{Error, FieldError, Result};
use crate::filter::Query;
use crate::json;
use crate::moment::Moment;
use crate::staff::{Author, Deed, audit};

/// Entries that are changed by one transaction.
const SLICE: usize = 2000;

/// What is done to many entries: marked at a moment, or taken back what was marked then.
#[derive(Clone, Copy)]
enum Change {
    Mark(Mark, Moment),
    Unmark(Mark, Moment),
}

impl Entries {
    /// Marks all entries of a query. Returns how many changed, and the timestamp that [`Entries::unmark`] needs.
    pub async fn mark(&self, by: &Author, reader: &Reader, query: &Query, mark: Mark) -> Result<(u64, Moment)> {
        self.mark_as(by, reader, query, mark, String::new()).await
    }

    /// [`Entries::mark`], told in the audit trail as this entry's.
    pub(super) async fn mark_as(
        &self,
        by: &Author,
        reader: &Reader,
        query: &Query,
        mark: Mark,
        id: String,
    ) -> Result<(u64, Moment)> {
        if query.conditions.is_empty() && query.words.is_empty() {
            return Err(Error::BadRequest(vec![FieldError::at(
                "",
                "name at least one condition: this would change everything",
            )]));
        }
        let collections = self.readable(reader, query).await?;
        let filter = self.filter(reader, query, &collections).await?;
        let now = self.clock.now();
        let ids = store::to_mark(&mut self.db.snapshot(None).await?, &filter, mark).await?;
        let deed = Deed::new(mark.done(), "entries", id).with(format!("{} changed", ids.len()));
        let changed = self.in_slices(by, &ids, deed, Change::Mark(mark, now)).await?;
        Ok((changed, now))
    }

    /// Changes entries a few at a time, with a pause after each, so that nobody who writes waits for all of them. The first ones
    /// are changed together with the line in the audit trail.
    async fn in_slices(&self, by: &Author, ids: &[i64], deed: Deed<'_>, change: Change) -> Result<u64> {
        let mut changed = 0;
        let mut deed = Some(deed);
        let (first, rest) = ids.split_at(ids.len().min(SLICE));
        for slice in [first].into_iter().chain(rest.chunks(SLICE)) {
            let begun = Instant::now();
            let mut tx = self.db.begin().await?;
            changed += match change {
                Change::Mark(mark, now) => store::mark(&mut tx, slice, mark, now).await?,
                Change::Unmark(mark, at) => store::unmark(&mut tx, slice, mark, at).await?,
            };
            if let Some(deed) = deed.take() {
                audit::note(&mut tx, by, deed, self.clock.now()).await?;
            }
            tx.commit().await?;
            if !rest.is_empty() {
                // Others write for as long as this took.
                tokio::time::sleep(begun.elapsed()).await;
            }
        }
        Ok(changed)
    }

    /// Takes back a [`Entries::mark`].
    pub async fn unmark(&self, by: &Author, mark: Mark, at: Moment) -> Result<u64> {
        let ids = store::marked_at(&mut self.db.snapshot(None).await?, mark, at).await?;
        let deed = Deed::new("undone", "entries", "").with(format!("{}: {} taken back", mark.done(), ids.len()));
        self.in_slices(by, &ids, deed, Change::Unmark(mark, at)).await
    }

    /// Replaces the data of an entry, if it still has the version that `expected` names.
    pub async fn replace(&self, by: &Author, id: EntryId, expected: Option<i64>, data: &[u8]) -> Result<Entry> {
        let canonical = json::object(data, self.intake.seed(), &mut |_, _| false).map_err(body::malformed)?;
        let (entry, _) = self.find(&Reader::System, id).await?;
        if expected.is_some_and(|version| version != entry.version) {
            return Err(Error::PreconditionFailed);
        }
        let mut tx = self.db.begin().await?;
        self.write_data(&mut tx, by, &entry, &canonical.text, self.clock.now()).await?;
        audit::note(&mut tx, by, Deed::new("changed", "entries", id.0), self.clock.now()).await?;
        tx.commit().await?;
        Ok(self.find(&Reader::System, id).await?.0)
    }

    /// Merges a patch into the data of an entry (RFC 7396).
    pub async fn merge(&self, by: &Author, id: EntryId, expected: Option<i64>, patch: &[u8]) -> Result<Entry> {
        let (entry, _) = self.find(&Reader::System, id).await?;
        let checked = json::object(patch, self.intake.seed(), &mut |_, _| false).map_err(body::malformed)?;
        let merged = submission::merge(&entry.data, &checked.text);
        self.replace(by, id, Some(expected.unwrap_or(entry.version)), merged.as_bytes()).await
    }
}
