//! Import: tables, JSON and NDJSON; files of other programs, and Frontdesk's own exports.
//!
//! What always holds: a file goes in whole, or what does not is told by its place; the report says what one then sees.
//! An export that is imported and exported again is the same to the byte. The same file again stores nothing, a later
//! version of it stores what is new, another file is other data. A run that broke off goes on where it was; one that is
//! cancelled leaves nothing.
//!
//! A file is read twice: first to see what it holds ([`Survey`]), then to store it ([`Entries::run_import`]). Reading is off the
//! async workers, and memory does not grow with the file, but for eight bytes a row.

mod aside;
mod batches;
mod cancel;
mod decide;
mod document;
mod encoding;
mod how;
mod jobs;
mod known;
mod looks;
mod piece;
mod preview;
mod reading;
mod rows;
mod run;
mod sniff;
mod source;
mod survey;
mod table;
mod tree;

use serde::{Deserialize, Serialize};

use super::Kept;
use super::store::WorkRow;
use crate::moment::Moment;

pub use how::How;
pub use looks::{Looks, Seen};
pub use source::{DELIMITERS, FORMATS, Options, QUOTES, Shape, Sheet, Source};
pub use survey::Survey;

/// A table whose first row names the columns; everything else is recognised.
pub const TABLE: Options = Options {
    encoding: None,
    format: Some(source::Format::Table),
    delimiter: None,
    quote: None,
    header: Some(true),
    list: None,
};

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    /// `None`: there are no quotes.
    pub quote: Option<u8>,
}

/// Something that people should know about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice(pub String);

/// A row as the text of a JSON object, with what an export says of it; or why it is none.
type Read1 = Result<(String, Option<Exported>), String>;

/// What an export says of an entry.
#[derive(Debug, Clone, Default)]
pub struct Exported {
    kept: Kept,
    session: Option<String>,
    at: Option<Moment>,
    origin: Option<String>,
    spam: bool,
    state: Option<String>,
    assignee: Option<String>,
    note: Option<String>,
}

impl Exported {
    /// How the entry was worked on. Whoever has no account here is left out.
    fn work(&self, accounts: &[(i64, String)]) -> Option<Box<WorkRow>> {
        let assignee = self.assignee.as_ref().and_then(|email| accounts.iter().find(|(_, known)| known == email));
        let work =
            WorkRow { state: self.state.clone(), assignee: assignee.map(|(id, _)| *id), note: self.note.clone() };
        (work != WorkRow::default()).then(|| Box::new(work))
    }
}

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
    pub rule: Rule,
    /// The earlier file, if one was recognised.
    pub earlier: String,
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
    pub refused: u64,
    /// Of those stored: listed under spam, or deleted, as the file says.
    pub hidden: u64,
    /// The first refused rows: where, and why.
    pub reasons: Vec<(String, String)>,
    pub notices: Vec<String>,
    /// Another import of the very same file went on instead of this one.
    #[serde(default)]
    pub instead: Option<i64>,
}

impl ImportReport {
    fn refuse(&mut self, row: &source::Row, reason: String) {
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
