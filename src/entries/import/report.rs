//! The report of an import: counts, refused rows, notices.

use serde::{Deserialize, Serialize};

use super::row::Row;

/// By what rule it is decided which rows are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// No file like it was imported before: all rows are stored.
    #[default]
    New,
    /// This very file was imported before.
    Same,
    /// An earlier version of it was.
    Version,
    /// Somebody asked for all rows.
    All,
}

impl Rule {
    /// As reports are stored.
    pub fn name(self) -> &'static str {
        match self {
            Rule::New => "new",
            Rule::Same => "same",
            Rule::Version => "version",
            Rule::All => "all",
        }
    }
}

/// Refused rows that are described one by one.
const DESCRIBED: usize = 20;

/// What became of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// How rows were matched with what is there.
    pub rule: Rule,
    /// The earlier file, if one was recognised.
    pub earlier: String,
    /// Entries that were stored.
    pub stored: u64,
    /// Rows that were there already.
    pub known: u64,
    /// Of those, rows of an export that name an entry which is there.
    #[serde(default)]
    pub by_number: u64,
    /// Entries that were deleted and are there again.
    pub restored: u64,
    /// Entries of the same number that have the file's values now.
    pub changed: u64,
    /// Rows that cannot be stored.
    pub refused: u64,
    /// Of those stored: listed under spam, or deleted, as the file says.
    pub hidden: u64,
    /// The first refused rows: where, and why.
    pub reasons: Vec<(String, String)>,
    /// What people should know about how the file was read.
    pub notices: Vec<String>,
    /// Another import of the very same file went on instead of this one.
    #[serde(default)]
    pub instead: Option<i64>,
}

impl ImportReport {
    /// Counts a row that was refused; the first ones are described.
    pub(super) fn refuse(&mut self, row: &Row, reason: String) {
        self.refused += 1;
        if self.reasons.len() < DESCRIBED {
            self.reasons.push((row.place(), reason));
        }
    }

    /// How it was decided which rows are known, in words.
    pub fn rule_words(&self) -> String {
        match self.rule {
            Rule::New if self.by_number + self.restored + self.changed > 0 => {
                "it is an export, and names entries that are there".into()
            }
            Rule::New => "no earlier file is like it, so every row is new".into(),
            Rule::Same => "this very file was imported before".into(),
            Rule::Version => format!("it is a version of {}, which was imported before", named(&self.earlier)),
            Rule::All => "every row was asked for".into(),
        }
    }

    /// What happened, in a sentence.
    pub fn words(&self) -> String {
        let mut parts = vec![format!("{} stored", self.stored), format!("{} known already", self.known)];
        for (number, word) in [(self.restored, "restored"), (self.changed, "changed"), (self.refused, "refused")] {
            if number > 0 || word == "refused" {
                parts.push(format!("{number} {word}"));
            }
        }
        parts.join(", ")
    }
}

fn named(file: &str) -> String {
    if file.is_empty() { "what was pasted".into() } else { format!("\"{file}\"") }
}
