//! Import: CSV, TSV, JSON and NDJSON; files of other programs, and Frontdesk's own exports.
//!
//! An export that is imported and exported again is the same to the byte. A file that is imported twice is
//! stored once: every row has a client id made of its place and its content, so a run that broke off is
//! simply repeated.

mod source;
mod tree;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};

use super::json::{self, Refusal};
use super::service::Entries;
use super::{Kept, NewEntry, Outcome, submission};
use crate::collections::{Collection, register_field};
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::staff::{Author, Deed, audit};

pub use source::Source;

/// Rows stored by one transaction.
const BATCH: usize = 500;
/// Refused rows that are described one by one.
const DESCRIBED: usize = 20;

/// One row as the text of a JSON object, with what an export says of it.
pub struct Row {
    pub object: String,
    /// What an export says of the entry; then every name of the object is the client's.
    exported: Option<Exported>,
}

#[derive(Default)]
struct Exported {
    kept: Kept,
    session: Option<String>,
    at: Option<Moment>,
    origin: Option<String>,
    spam: bool,
}

/// A file that was read.
pub struct Import {
    pub rows: Vec<std::result::Result<Row, String>>,
    /// Columns of a table in their order, empty ones too: an export shows them again.
    pub columns: Vec<String>,
}

/// What became of an import.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    pub stored: usize,
    /// Rows that were there already.
    pub known: usize,
    pub refused: usize,
    /// The first refused rows: number, counted from 1, and reason.
    pub reasons: Vec<(usize, String)>,
}

impl Import {
    fn numbered(self) -> impl Iterator<Item = (usize, std::result::Result<Row, String>)> {
        self.rows.into_iter().enumerate().map(|(index, row)| (index + 1, row))
    }
}

impl Entries {
    /// Stores the rows of a file. `progress` is called with the number of rows done.
    pub async fn import(
        &self,
        by: &Author,
        collection: &Collection,
        import: Import,
        progress: &mut (dyn FnMut(usize) + Send),
    ) -> Result<ImportReport> {
        self.register_columns(collection, &import.columns).await?;
        let mut report = ImportReport::default();
        let mut batch: Vec<(usize, NewEntry)> = Vec::new();
        for (number, row) in import.numbered() {
            match row.and_then(|row| self.new_entry(collection, number, &row)) {
                Ok(entry) => batch.push((number, entry)),
                Err(reason) => report.refuse(number, reason),
            }
            if batch.len() == BATCH {
                self.store_rows(std::mem::take(&mut batch), &mut report).await?;
                progress(number);
            }
        }
        self.store_rows(batch, &mut report).await?;
        self.intake.flush().await;
        let told = format!("{} stored, {} known, {} refused", report.stored, report.known, report.refused);
        let mut tx = self.db.begin().await?;
        let deed = Deed::new("imported", "entries", "").with(format!("into {}: {told}", collection.name));
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        tx.commit().await?;
        Ok(report)
    }

    async fn register_columns(&self, collection: &Collection, columns: &[String]) -> Result<()> {
        if columns.len() > crate::limits::MAX_FIELDS {
            return Err(Error::invalid("/file", "has too many columns"));
        }
        let mut tx = self.db.begin().await?;
        for path in columns {
            register_field(&mut tx, collection.id, path, self.clock.now()).await?;
        }
        Ok(tx.commit().await?)
    }

    fn new_entry(&self, collection: &Collection, number: usize, row: &Row) -> std::result::Result<NewEntry, String> {
        let now = self.clock.now();
        let told = |refusal: Refusal| format!("{} {}", refusal.pointer, refusal.detail).trim().to_owned();
        let mut entry = match &row.exported {
            None => submission::parse(row.object.as_bytes(), self.intake.seed()).map_err(told)?.into_entry(
                collection.id,
                None,
                now,
            ),
            Some(ours) => {
                let canonical =
                    json::object(row.object.as_bytes(), self.intake.seed(), &mut |_, _| false).map_err(told)?;
                ours.entry(collection, canonical)
            }
        };
        entry.uid.get_or_insert_with(|| row_uid(number, &row.object));
        Ok(entry)
    }

    async fn store_rows(&self, batch: Vec<(usize, NewEntry)>, report: &mut ImportReport) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (numbers, entries): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        for (number, outcome) in numbers.into_iter().zip(self.intake.submit(entries).await?) {
            match outcome {
                Outcome::Stored(_) | Outcome::Flagged(_) => report.stored += 1,
                Outcome::Duplicate(_) => report.known += 1,
                Outcome::Conflict(_) => report.refuse(number, "another entry has the same _uid".into()),
                Outcome::Rejected(refusal) => report.refuse(number, refusal.detail),
            }
        }
        Ok(())
    }
}

impl ImportReport {
    fn refuse(&mut self, number: usize, reason: String) {
        self.refused += 1;
        if self.reasons.len() < DESCRIBED {
            self.reasons.push((number, reason));
        }
    }
}

impl Exported {
    fn entry(&self, collection: &Collection, canonical: json::Canonical) -> NewEntry {
        // An id out of reach of a double would end the sequence.
        let id = self.kept.id.filter(|id| (1..1 << 53).contains(&id.0));
        NewEntry {
            collection: collection.id,
            uid: None,
            session: self.session.clone(),
            at: self.at,
            origin: self.origin.clone(),
            spam: self.spam,
            address: None,
            data: canonical.text,
            shape: canonical.shape,
            kept: Some(Kept { id, ..self.kept }),
        }
    }
}

fn row_uid(number: usize, object: &str) -> String {
    let digest = Sha256::new().chain_update(number.to_be_bytes()).chain_update(object).finalize();
    format!("import-{}", BASE64.encode(&digest[..18]))
}
