//! Changes by staff: marks on many entries, new data of one.

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
        let mut tx = self.db.begin().await?;
        let changed = store::mark(&mut tx, filter, mark, now).await?;
        let deed = Deed::new(mark.done(), "entries", id).with(format!("{changed} changed"));
        audit::note(&mut tx, by, deed, now).await?;
        tx.commit().await?;
        Ok((changed, now))
    }

    /// Takes back a [`Entries::mark`].
    pub async fn unmark(&self, by: &Author, mark: Mark, at: Moment) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let changed = store::unmark(&mut tx, mark, at).await?;
        let deed = Deed::new("undone", "entries", "").with(format!("{}: {changed} taken back", mark.done()));
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        tx.commit().await?;
        Ok(changed)
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
