//! The filter grammar: the query string of `/list`, `/csv` and `/api/v1/entries`.
//!
//! A name that begins with `_` is ours, every other name is a field of the client's data. The grammar is
//! strict: what cannot be understood is an error that names the parameter and the nearest valid one.

mod conditions;
mod controls;

use jiff::tz::TimeZone;

use conditions::condition;
use controls::control;

use super::path::Path;
use crate::error::{Error, FieldError};
use crate::limits::{MAX_CONDITIONS, MAX_VALUES};
use crate::moment::Moment;

pub use conditions::{control_meant, field};

pub use super::operand::{DateRange, Operand};

/// What a reader asks for.
#[derive(Debug, Clone)]
pub struct Query {
    pub conditions: Vec<Condition>,
    pub words: Vec<Word>,
    pub deleted: Deleted,
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

impl Condition {
    /// `_collection=NAME`: it decides which collections are looked at, and is no condition on their entries.
    pub fn is_scope(&self) -> bool {
        self.group == Group::And
            && self.field == Field::System(System::Collection)
            && matches!(self.op, Op::Eq | Op::In)
    }
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    System(System),
    Data(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Id,
    At,
    Received,
    Session,
    Collection,
    Origin,
    Flags,
    State,
    Assignee,
    Note,
}

impl System {
    pub const ALL: [(&'static str, System); 10] = [
        ("_id", System::Id),
        ("_at", System::At),
        ("_received", System::Received),
        ("_session", System::Session),
        ("_collection", System::Collection),
        ("_origin", System::Origin),
        ("_flags", System::Flags),
        ("_state", System::State),
        ("_assignee", System::Assignee),
        ("_note", System::Note),
    ];

    pub fn name(self) -> &'static str {
        System::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    fn is_time(self) -> bool {
        matches!(self, System::At | System::Received)
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Field::System(system) => f.write_str(system.name()),
            Field::Data(path) => path.fmt(f),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Eq,
    Not,
    In,
    NotIn,
    Gt,
    Gte,
    Lt,
    Lte,
    Between,
    On,
    Contains,
    NotContains,
    Starts,
    Ends,
    Null,
    Exists,
    Empty,
    Type,
}

impl Op {
    /// Name in the URL, and in words.
    pub const ALL: [(&'static str, Op, &'static str); 18] = [
        ("eq", Op::Eq, "is"),
        ("not", Op::Not, "is not"),
        ("in", Op::In, "is one of"),
        ("notin", Op::NotIn, "is none of"),
        ("gt", Op::Gt, "is more than"),
        ("gte", Op::Gte, "is at least"),
        ("lt", Op::Lt, "is less than"),
        ("lte", Op::Lte, "is at most"),
        ("between", Op::Between, "is between"),
        ("on", Op::On, "is on"),
        ("contains", Op::Contains, "contains"),
        ("ncontains", Op::NotContains, "does not contain"),
        ("starts", Op::Starts, "begins with"),
        ("ends", Op::Ends, "ends with"),
        ("null", Op::Null, "is null"),
        ("exists", Op::Exists, "is present"),
        ("empty", Op::Empty, "is empty"),
        ("type", Op::Type, "is of type"),
    ];

    pub fn name(self) -> &'static str {
        Op::ALL.iter().find(|(_, op, _)| *op == self).map_or("", |(name, _, _)| name)
    }

    pub fn words(self) -> &'static str {
        Op::ALL.iter().find(|(_, op, _)| *op == self).map_or("", |(_, _, words)| words)
    }
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

/// Names of the parameters that are no filters.
pub const CONTROLS: [&str; 17] = [
    "_sort", "_limit", "_cursor", "_fields", "_q", "_count", "_facet", "_format", "_deleted", "_tz", "_bom", "_delim",
    "_safe", "_strict", "_form", "_secret", "_",
];

/// Reads decoded parameters. `now` resolves `-7d` and `today`; `_secret` is taken only when `from_body`.
pub fn parse(params: &[(String, String)], now: Moment, from_body: bool) -> Result<Query, Error> {
    let mut reader = Reader { query: Query::default(), errors: Vec::new(), now };
    reader.query.params = params.to_vec();
    // The zone is needed to read every date.
    for (name, value) in params.iter().filter(|(name, _)| name == "_tz") {
        reader.attempt(name, |query, _| {
            query.zone = TimeZone::get(value).map_err(|_| format!("there is no time zone \"{value}\""))?;
            Ok(())
        });
    }
    for (index, (name, value)) in params.iter().enumerate() {
        reader.param(index, name, value, from_body);
    }
    reader.finish()
}

impl Default for Query {
    fn default() -> Self {
        Query {
            conditions: Vec::new(),
            words: Vec::new(),
            deleted: Deleted::No,
            sort: vec![SortKey { field: Field::System(System::Received), descending: true }],
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
    pub fn mentions(&self, system: System) -> bool {
        self.conditions.iter().any(|c| c.field == Field::System(system))
    }

    /// Whether the result depends on this system field: by a condition or the order.
    pub fn goes_by(&self, system: System) -> bool {
        self.mentions(system) || self.sort.iter().any(|key| key.field == Field::System(system))
    }

    /// The names of collections that the query is limited to by `_collection=NAME`, if it is.
    pub fn collections(&self) -> Option<Vec<&str>> {
        let names: Vec<_> = self.conditions.iter().filter(|c| c.is_scope()).flat_map(|c| c.operand.texts()).collect();
        (!names.is_empty()).then_some(names)
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

struct Reader {
    query: Query,
    errors: Vec<FieldError>,
    now: Moment,
}

impl Reader {
    fn attempt(&mut self, name: &str, read: impl FnOnce(&mut Query, Moment) -> Result<(), String>) {
        let now = self.now;
        if let Err(detail) = read(&mut self.query, now) {
            self.errors.push(FieldError::parameter(name, detail));
        }
    }

    fn param(&mut self, index: usize, name: &str, value: &str, from_body: bool) {
        if name.contains('\0') || value.contains('\0') {
            return self.errors.push(FieldError::parameter(name.replace('\0', "\u{2400}"), "a NUL character"));
        }
        if name == "_secret" && !from_body {
            return self.errors.push(FieldError::parameter(name, "is taken only from the body of a POST"));
        }
        if CONTROLS.contains(&name) {
            return self.attempt(name, |query, _| control(query, name, value));
        }
        self.attempt(name, |query, now| {
            let condition = condition(index, name, value, &query.zone, now)?;
            query.conditions.push(condition);
            Ok(())
        });
    }

    fn finish(mut self) -> Result<Query, Error> {
        let values: usize = self.query.conditions.iter().map(|condition| condition.operand.values()).sum();
        if values > MAX_VALUES + MAX_CONDITIONS {
            self.errors.push(FieldError::parameter("", format!("more than {MAX_VALUES} values in all conditions")));
        }
        if self.query.conditions.len() > MAX_CONDITIONS {
            self.errors.push(FieldError::parameter("", format!("more than {MAX_CONDITIONS} conditions")));
        }
        if !self.errors.is_empty() {
            return Err(Error::BadRequest(self.errors));
        }
        Ok(self.query)
    }
}
