//! What a query string asks for, read.

use jiff::tz::TimeZone;

use super::field::{Field, SystemField};
use super::op::Op;
use super::operand::Operand;
use crate::json::Path;

/// What a reader asks for.
#[derive(Debug, Clone)]
pub struct Query {
    pub conditions: Vec<Condition>,
    pub words: Vec<Word>,
    pub deleted: Deleted,
    /// Empty: the usual order of what is listed.
    pub sort: Vec<SortKey>,
    /// As asked for; pages take 50 otherwise, exports all.
    pub limit: Option<u32>,
    pub cursor: Option<String>,
    pub fields: Fields,
    pub count: Count,
    pub facets: Vec<Path>,
    pub format: Option<Format>,
    pub zone: TimeZone,
    pub csv: CsvOptions,
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
    pub group: Group,
    pub field: Field,
    pub op: Op,
    pub operand: Operand,
    /// Where it stands in [`Query::params`].
    pub param: usize,
}

/// How a condition is joined with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    And,
    /// `_not.`: the condition must not hold.
    Not,
    /// `_or.` is 1, `_or2.` to `_or9.`: one of the set must hold.
    Or(u8),
}

/// A word or phrase of the search box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    No,
    With,
    Only,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    pub field: Field,
    pub descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Auto,
    Exact,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Html,
    Json,
    Ndjson,
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvOptions {
    pub bom: Option<bool>,
    pub delimiter: u8,
    pub safe: bool,
}

/// Which columns are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fields {
    All,
    /// Name in the output, and field.
    Only(Vec<(String, Field)>),
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
