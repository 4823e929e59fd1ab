//! What importing a file would do: which earlier file it is a version of, and what becomes of its rows.

use std::sync::Arc;

use super::batches::{ALONE, Batches};
use super::decide::{Fate, Judge};
use super::how::How;
use super::known::{Comparison, Earlier, relation};
use super::report::{ImportReport, Rule};
use super::run::Work;
use super::survey::Survey;
use crate::collections::Collection;
use crate::entries::service::Entries;
use crate::entries::store::{self, EarlierRow, ImportRow};
use crate::error::Result;
use crate::files::Source;

/// Earlier imports that a file is compared with.
const COMPARED: i64 = 50;

impl Entries {
    /// Compares a file with those that were imported into a collection before.
    pub async fn compare(
        &self,
        collection: Option<&Collection>,
        file_name: &str,
        survey: &Survey,
        how: How,
        except: Option<i64>,
    ) -> Result<Comparison> {
        let Some(collection) = collection.filter(|_| !how.all) else {
            return Ok(Comparison::none(if how.all { Rule::All } else { Rule::New }));
        };
        if let Some(import) = self.of_digest(collection, survey, except).await? {
            return Ok(comparison(Rule::Same, self.rows_of(collection, &import).await?, import));
        }
        let mut best: Option<(usize, ImportRow)> = None;
        let earlier = store::imports_of(&self.db, &collection.name, COMPARED).await?;
        for import in earlier.into_iter().filter(|import| Some(import.id) != except) {
            let rows = self.rows_of(collection, &import).await?;
            let Some(relation) = relation(&rows, &survey.digests, import.file_name == file_name) else { continue };
            if best.as_ref().is_none_or(|(known, _)| relation.shared > *known) {
                best = Some((relation.shared, import));
            }
        }
        match best {
            Some((_, import)) => Ok(comparison(Rule::Version, self.rows_of(collection, &import).await?, import)),
            None => Ok(Comparison::none(Rule::New)),
        }
    }

    async fn rows_of(&self, collection: &Collection, import: &ImportRow) -> Result<Vec<EarlierRow>> {
        Ok(store::rows_of_import(&self.db, collection.id, import).await?)
    }

    /// What importing a file would do.
    pub async fn would_import(
        &self,
        collection: Option<&Collection>,
        file_name: &str,
        (source, survey, how): &Work,
    ) -> Result<ImportReport> {
        let mut comparison = self.compare(collection, file_name, survey, *how, None).await?;
        let notices = survey.notices.iter().map(|notice| notice.0.clone()).collect();
        let rule = comparison.rule;
        let report = ImportReport { rule, earlier: comparison.file_name.clone(), notices, ..Default::default() };
        match collection.filter(|_| survey.ours) {
            Some(collection) => {
                let judge = Judge { collection: collection.id, how: *how, comparison };
                self.judge_rows(judge, source.clone(), report).await
            }
            // Where no row names an entry, what was read once says it all.
            None => {
                let known = survey.digests.iter().filter(|digest| comparison.earlier.take(**digest).is_some()).count();
                let (refused, reasons) = (survey.refused.refused, survey.refused.reasons.clone());
                let stored = survey.rows - refused - known as u64;
                Ok(ImportReport { stored, known: known as u64, refused, reasons, ..report })
            }
        }
    }

    async fn judge_rows(
        &self,
        mut judge: Judge,
        source: Arc<Source>,
        mut report: ImportReport,
    ) -> Result<ImportReport> {
        let mut batches = Batches::of(source, self.intake.seed().clone());
        while let Some(rows) = batches.next(ALONE).await? {
            let present = self.present(&judge, &rows).await?;
            for row in &rows {
                match judge.fate(row, &present) {
                    Fate::Refused(reason) => report.refuse(row, reason),
                    Fate::Known { by_number, .. } => {
                        report.known += 1;
                        report.by_number += u64::from(by_number);
                    }
                    Fate::Changes(entry) if entry.deleted_at.is_some() => report.restored += 1,
                    Fate::Changes(_) => report.changed += 1,
                    Fate::New => report.stored += 1,
                }
            }
        }
        Ok(report)
    }

    /// The newest import of this very file, however long ago that was.
    async fn of_digest(
        &self,
        collection: &Collection,
        survey: &Survey,
        except: Option<i64>,
    ) -> Result<Option<ImportRow>> {
        let imports = store::imports_of_digest(&self.db, &collection.name, &survey.file).await?;
        Ok(imports.into_iter().find(|import| Some(import.id) != except))
    }
}

fn comparison(rule: Rule, rows: Vec<EarlierRow>, import: ImportRow) -> Comparison {
    Comparison { rule, file_name: import.file_name, earlier: Earlier::new(rows) }
}
