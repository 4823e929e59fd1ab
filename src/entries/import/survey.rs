//! What a file holds, before anything is stored.

use std::hash::RandomState;
use std::sync::Arc;

use super::aside::aside;
use super::report::ImportReport;
use super::row::Row;
use super::rows::{columns, rows};
use crate::entries::intake::digest;
use crate::error::{Error, Result};
use crate::files::{Notice, Source};
use crate::json;
use crate::limits::MAX_NAME;

/// Rows that a preview shows.
const SHOWN: usize = 5;
/// Columns that a preview shows.
const COLUMNS: usize = 12;

/// What a file holds.
#[derive(Default)]
pub struct Survey {
    /// Rows of data.
    pub rows: u64,
    /// Rows that cannot be stored, and why.
    pub refused: ImportReport,
    /// Of the rows that can be, sorted.
    pub digests: Vec<i64>,
    /// Of a table, in their order, empty ones too: an export shows them again.
    pub columns: Vec<String>,
    /// What people should know about how the file was read.
    pub notices: Vec<Notice>,
    /// The first rows: names and values.
    pub first: Vec<Vec<(String, String)>>,
    /// SHA-256 of the file and of how it is read.
    pub file: Vec<u8>,
    /// It is an export of ours.
    pub ours: bool,
}

impl Survey {
    /// Reads a whole file. An error says why nothing of it can be stored.
    pub async fn of(source: &Arc<Source>) -> Result<Survey> {
        let source = source.clone();
        aside(move || Survey::read(&source, &mut |_| true)).await?
    }

    /// The same in this thread. `progress` is told how many rows were read, and says whether to go on.
    pub(super) fn read(source: &Source, progress: &mut dyn FnMut(u64) -> bool) -> Result<Survey> {
        let mut survey = Survey::default();
        let seed = RandomState::new();
        rows(source, &seed, &mut |row| {
            survey.note(row);
            progress(survey.rows)
        })?;
        (survey.columns, survey.notices) = columns(source)?;
        survey.notices.extend(source.notices.iter().cloned());
        survey.digests.sort_unstable();
        survey.file = source.digest().map_err(|error| Error::Internal(Box::new(error)))?;
        let unfit = |name: &&String| name.contains('\0') || name.len() > 2 * MAX_NAME;
        if let Some(name) = survey.columns.iter().find(unfit) {
            let shown: String = name.replace('\0', "\u{2400}").chars().take(40).collect();
            return Err(Error::invalid("/file", format!("line 1: \"{shown}\" is no name of a column")));
        }
        if survey.rows == 0 {
            return Err(Error::invalid("/file", "there is no row in it"));
        }
        Ok(survey)
    }

    fn note(&mut self, row: Row) {
        self.rows += 1;
        match &row.read {
            Ok(prepared) => {
                self.ours |= prepared.exported.is_some();
                self.digests.push(digest(&prepared.data));
                if self.first.len() < SHOWN {
                    let mut cells = Vec::new();
                    json::fields(&prepared.data, &mut |path, _, value| {
                        cells.push((path.to_owned(), value.chars().take(80).collect()));
                    });
                    self.first.push(cells);
                }
            }
            Err(reason) => self.refused.refuse(&row, reason.clone()),
        }
    }

    /// The first rows as a table: names, then cells, empty where a row has no value.
    pub fn preview(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut names: Vec<String> = Vec::new();
        let seen = self.first.iter().flatten().map(|(name, _)| name);
        for name in self.columns.iter().chain(seen) {
            if names.len() < COLUMNS && !names.contains(name) {
                names.push(name.clone());
            }
        }
        let cell = |row: &[(String, String)], name: &String| {
            row.iter().find(|(known, _)| known == name).map_or(String::new(), |(_, value)| value.clone())
        };
        let rows = self.first.iter().map(|row| names.iter().map(|name| cell(row, name)).collect()).collect();
        (names, rows)
    }
}

impl Row {
    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("row {}, line {line}", self.number),
            None => format!("row {}", self.number),
        }
    }
}
