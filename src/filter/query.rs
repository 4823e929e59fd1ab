//! What a query string asks for, read.

use jiff::tz::TimeZone;

use super::field::{Field, SystemField};
use super::op::Op;
use super::operand::Operand;
use crate::json::Path;

/// What a reader asks for.
#[derive(Debug, Clone)]
pub struct Query {
    /// What must hold.
    pub conditions: Vec<Condition>,
    /// Words of the search (`_q`).
    pub words: Vec<Word>,
    /// Whether deleted entries are listed (`_deleted`).
    pub deleted: Deleted,
    /// Empty: the usual order of what is listed.
    pub sort: Vec<SortKey>,
    /// As asked for; pages take 50 otherwise, exports all.
    pub limit: Option<u32>,
    /// Where to go on from (`_cursor`).
    pub cursor: Option<String>,
    /// Which columns are wanted (`_fields`).
    pub fields: Fields,
    /// How the total is counted (`_count`).
    pub count: Count,
    /// Fields whose values are counted (`_facet`).
    pub facets: Vec<Path>,
    /// Format of the answer (`_format`); `None`: what `Accept` says.
    pub format: Option<Format>,
    /// Zone in which dates are read and shown (`_tz`).
    pub zone: TimeZone,
    /// How CSV is written.
    pub csv: CsvOptions,
    /// A field that nobody ever sent is an error and no warning (`_strict`).
    pub strict: bool,
    /// The query came from one of our own GET forms: blanks are to be dropped.
    pub form: bool,
    /// A browser session's secret: the reader sees that session's entries. Taken from a POST body only.
    pub secret: Option<String>,
    /// The parameters that make up the filter and the sort, to link to and to bind cursors to.
    pub params: Vec<(String, String)>,
}

/// One condition on one field.
#[derive(Debug, Clone)]
pub struct Condition {
    /// How it is joined with the others.
    pub group: Group,
    /// The field it is about.
    pub field: Field,
    /// The operator.
    pub op: Op,
    /// What the field is compared with.
    pub operand: Operand,
    /// Where it stands in [`Query::params`].
    pub param: usize,
}

/// How a condition is joined with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Every such condition must hold.
    And,
    /// `_not.`: the condition must not hold.
    Not,
    /// `_or.` is 1, `_or2.` to `_or9.`: one of the set must hold.
    Or(u8),
}

/// A word or phrase of the search box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Without the quotes.
    pub text: String,
    /// Must not occur (`-word`).
    pub negated: bool,
}

/// Whether deleted entries are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// Only those that are not deleted.
    No,
    /// All.
    With,
    /// Only those that are deleted.
    Only,
}

/// One field of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// The field.
    pub field: Field,
    /// The greatest comes first.
    pub descending: bool,
}

/// How the total is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Up to 10,000, as far as the time budget reaches.
    Auto,
    /// To the end; the request fails if the time budget does not reach.
    Exact,
    /// Not at all.
    None,
}

/// Formats of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A page.
    Html,
    /// One JSON document.
    Json,
    /// A JSON object on every line.
    Ndjson,
    /// A table.
    Csv,
}

/// How CSV is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvOptions {
    /// Begins with a byte order mark (`_bom`); `None`: for browsers.
    pub bom: Option<bool>,
    /// The byte between two cells.
    pub delimiter: u8,
    /// Cells that a spreadsheet would run as formulas are guarded (`_safe`).
    pub safe: bool,
}

/// Which columns are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fields {
    /// All of them.
    All,
    /// Name in the output, and field.
    Only(Vec<(String, Field)>),
    /// All but these.
    Without(Vec<Field>),
}

impl Default for Query {
    fn default() -> Self {
        Query {
            conditions: Vec::new(),
            words: Vec::new(),
            deleted: Deleted::No,
            sort: Vec::new(),
            limit: None,
            cursor: None,
            fields: Fields::All,
            count: Count::Auto,
            facets: Vec::new(),
            format: None,
            zone: TimeZone::UTC,
            csv: CsvOptions { bom: None, delimiter: b',', safe: true },
            strict: false,
            form: false,
            secret: None,
            params: Vec::new(),
        }
    }
}

impl Query {
    /// Whether a condition speaks of this system field.
    pub fn mentions(&self, system: SystemField) -> bool {
        self.conditions.iter().any(|c| c.field == Field::System(system))
    }

    /// Whether the result depends on this system field: by a condition or the order.
    pub fn goes_by(&self, system: SystemField) -> bool {
        self.mentions(system) || self.sort.iter().any(|key| key.field == Field::System(system))
    }

    /// Data fields that the query names, for the registry's "did you mean".
    pub fn data_fields(&self) -> impl Iterator<Item = &Path> {
        let filtered = self.conditions.iter().map(|c| &c.field);
        let sorted = self.sort.iter().map(|key| &key.field);
        let data = |field: &'_ Field| matches!(field, Field::Data(_));
        filtered.chain(sorted).filter(move |field| data(field)).filter_map(|field| match field {
            Field::Data(path) => Some(path),
            Field::System(_) => None,
        })
    }
}
