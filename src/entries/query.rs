//! The filter grammar: the query string of `/list`, `/csv` and `/api/v1/entries`.
//!
//! A name that begins with `_` is ours, every other name is a field of the client's data. The grammar is
//! strict: what cannot be understood is an error that names the parameter and the nearest valid one.

use jiff::tz::TimeZone;

use super::path::Path;
use crate::error::{Error, FieldError};
use crate::limits::{MAX_CONDITIONS, MAX_FACETS, MAX_LIMIT, MAX_SEARCH, MAX_SORT_KEYS};
use crate::moment::Moment;
use crate::words::did_you_mean;

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
}

impl System {
    pub const ALL: [(&'static str, System); 7] = [
        ("_id", System::Id),
        ("_at", System::At),
        ("_received", System::Received),
        ("_session", System::Session),
        ("_collection", System::Collection),
        ("_origin", System::Origin),
        ("_flags", System::Flags),
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
        if self.query.conditions.len() > MAX_CONDITIONS {
            self.errors.push(FieldError::parameter("", format!("more than {MAX_CONDITIONS} conditions")));
        }
        if !self.errors.is_empty() {
            return Err(Error::BadRequest(self.errors));
        }
        Ok(self.query)
    }
}

fn control(query: &mut Query, name: &str, value: &str) -> Result<(), String> {
    match name {
        "_sort" => query.sort = sort(value)?,
        "_limit" => query.limit = Some(limit(value)?),
        "_cursor" => query.cursor = Some(value.to_owned()).filter(|text| !text.is_empty()),
        "_fields" => query.fields = fields(value)?,
        "_q" => query.words.extend(words(value)?),
        "_count" => {
            query.count = choice(value, &[("auto", Count::Auto), ("exact", Count::Exact), ("none", Count::None)])?
        }
        "_facet" => facets(query, value)?,
        "_format" => query.format = Some(choice(value, &FORMATS)?),
        "_deleted" => {
            let choices = [("no", Deleted::No), ("with", Deleted::With), ("only", Deleted::Only)];
            query.deleted = choice(value, &choices)?;
        }
        "_bom" => query.csv.bom = Some(switch(value)?),
        "_delim" => {
            query.csv.delimiter =
                choice(value, &[(",", b','), (";", b';'), ("|", b'|'), ("tab", b'\t'), ("\t", b'\t')])?;
        }
        "_safe" => query.csv.safe = switch(value)?,
        "_strict" => query.strict = switch(value)?,
        "_form" => query.form = switch(value)?,
        "_secret" => query.secret = Some(value.to_owned()),
        // `_tz` was read first; a lone `_` defeats caches.
        _ => {}
    }
    Ok(())
}

const FORMATS: [(&str, Format); 4] =
    [("html", Format::Html), ("json", Format::Json), ("ndjson", Format::Ndjson), ("csv", Format::Csv)];

fn choice<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| name.replace('\t', "\\t")).collect();
        format!("\"{value}\" is none of {}", names.join(", "))
    })
}

fn switch(value: &str) -> Result<bool, String> {
    choice(value, &[("1", true), ("0", false), ("true", true), ("false", false)])
}

fn limit(value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(format!("\"{value}\" is no number from 1 to {MAX_LIMIT}")),
    }
}

fn sort(value: &str) -> Result<Vec<SortKey>, String> {
    let keys: Result<Vec<_>, String> = list(value)
        .iter()
        .map(|text| {
            let name = text.strip_prefix('-').unwrap_or(text);
            Ok(SortKey { field: field(name)?, descending: name.len() < text.len() })
        })
        .collect();
    let keys = keys?;
    if keys.len() > MAX_SORT_KEYS {
        return Err(format!("at most {MAX_SORT_KEYS} keys"));
    }
    Ok(keys)
}

fn facets(query: &mut Query, value: &str) -> Result<(), String> {
    for text in list(value) {
        match field(&text)? {
            Field::Data(path) => query.facets.push(path),
            Field::System(system) => return Err(format!("{} has no facet", system.name())),
        }
    }
    if query.facets.len() > MAX_FACETS {
        return Err(format!("at most {MAX_FACETS} fields"));
    }
    Ok(())
}

fn fields(value: &str) -> Result<Fields, String> {
    let names = list(value);
    let without: Vec<_> = names.iter().filter_map(|name| name.strip_prefix('-')).collect();
    if !without.is_empty() {
        if without.len() < names.len() {
            return Err("either names to show, or names to leave out, each with a minus".into());
        }
        return Ok(Fields::Without(without.into_iter().map(field).collect::<Result<_, _>>()?));
    }
    let only: Result<Vec<_>, String> = names
        .iter()
        .map(|text| match alias(text) {
            Some((name, path)) => Ok((name.replace("\\:", ":"), field(path)?)),
            None => Ok((text.clone(), field(text)?)),
        })
        .collect();
    let only = only?;
    if let Some((name, _)) =
        only.iter().enumerate().find_map(|(i, one)| only[..i].iter().find(|other| other.0 == one.0))
    {
        return Err(format!("\"{name}\" is there twice"));
    }
    Ok(if names.is_empty() { Fields::All } else { Fields::Only(only) })
}

/// Splits `name:path` at the first colon that no backslash protects.
fn alias(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let at = (1..bytes.len()).find(|&i| bytes[i] == b':' && bytes[i - 1] != b'\\')?;
    Some((&text[..at], &text[at + 1..]))
}

/// Splits at commas that no backslash protects; blanks are dropped.
fn list(value: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let item = items.last_mut().expect("never empty");
        match c {
            ',' => items.push(String::new()),
            '\\' => match chars.next() {
                Some(',') => item.push(','),
                Some(other) => item.extend(['\\', other]),
                None => item.push('\\'),
            },
            c => item.push(c),
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

/// Reads the name of a field: one of ours, or a path into the data.
pub fn field(name: &str) -> Result<Field, String> {
    if let Some((_, system)) = System::ALL.iter().find(|(known, _)| *known == name) {
        return Ok(Field::System(*system));
    }
    if name.starts_with('_') {
        let known = System::ALL.iter().map(|(name, _)| *name);
        return Err(format!(
            "there is no field \"{name}\"{} (a field of your own is reached as data.{name})",
            did_you_mean(name, known)
        ));
    }
    Path::parse(name).map(Field::Data)
}

fn condition(index: usize, name: &str, value: &str, zone: &TimeZone, now: Moment) -> Result<Condition, String> {
    let (group, rest) = group(name);
    let (path, op) = match rest.rfind("__") {
        Some(at) => (&rest[..at], operator(&rest[at + 2..])?),
        None => (rest, Op::Eq),
    };
    let field = known_field(path, name)?;
    let operand = Operand::parse(op, value, zone, now)?;
    check(&field, op, &operand)?;
    Ok(Condition { group, field, op, operand, param: index })
}

fn group(name: &str) -> (Group, &str) {
    if let Some(rest) = name.strip_prefix("_not.") {
        return (Group::Not, rest);
    }
    if let Some(rest) = name.strip_prefix("_or.") {
        return (Group::Or(1), rest);
    }
    match name.strip_prefix("_or").map(str::as_bytes) {
        Some([digit @ b'2'..=b'9', b'.', ..]) => (Group::Or(digit - b'0'), &name[5..]),
        _ => (Group::And, name),
    }
}

fn operator(name: &str) -> Result<Op, String> {
    Op::ALL.iter().find(|(known, _, _)| *known == name).map(|(_, op, _)| *op).ok_or_else(|| {
        let known = Op::ALL.iter().map(|(name, _, _)| *name);
        format!(
            "there is no operator \"{name}\"{} (a field whose name has two underscores is written with __eq behind it)",
            did_you_mean(name, known)
        )
    })
}

fn known_field(path: &str, name: &str) -> Result<Field, String> {
    field(path).map_err(|error| {
        let known = CONTROLS.iter().copied().chain(System::ALL.iter().map(|(name, _)| *name));
        match did_you_mean(name, known) {
            hint if hint.is_empty() || !name.starts_with('_') => error,
            hint => format!("there is no parameter \"{name}\"{hint}"),
        }
    })
}

/// What only makes sense for some fields.
fn check(field: &Field, op: Op, operand: &Operand) -> Result<(), String> {
    let Field::System(system) = field else { return Ok(()) };
    let about_value = !matches!(op, Op::Null | Op::Exists | Op::Empty);
    if op == Op::Type {
        return Err(format!("{} has no type to ask for", system.name()));
    }
    if op == Op::On && !system.is_time() {
        return Err(format!("{} is no moment", system.name()));
    }
    if *system == System::Id && about_value {
        if matches!(op, Op::Contains | Op::NotContains | Op::Starts | Op::Ends) {
            return Err("_id is a number".into());
        }
        if operand.numbers().iter().any(|number| number.as_ref().is_none_or(|n| n.parse::<i64>().is_err())) {
            return Err("_id is a whole number".into());
        }
    }
    if system.is_time() && about_value {
        if matches!(op, Op::Contains | Op::NotContains | Op::Starts | Op::Ends) {
            return Err(format!("{} is a moment: use on, between, gte or lte", system.name()));
        }
        if operand.dates().iter().any(Option::is_none) {
            return Err("is no date: write 2026-01-31, 2026-01-31T14:00:00Z, -7d or now".into());
        }
    }
    Ok(())
}

fn words(value: &str) -> Result<Vec<Word>, String> {
    if value.chars().count() > MAX_SEARCH {
        return Err(format!("more than {MAX_SEARCH} characters"));
    }
    let mut found = Vec::new();
    let mut rest = value.trim_start();
    while !rest.is_empty() {
        let negated = rest.starts_with('-') && rest.len() > 1;
        let body = if negated { &rest[1..] } else { rest };
        let (text, after) = match body.strip_prefix('"') {
            Some(phrase) => phrase.split_once('"').unwrap_or((phrase, "")),
            None => body.split_once(char::is_whitespace).unwrap_or((body, "")),
        };
        if !text.is_empty() {
            found.push(Word { text: text.to_owned(), negated });
        }
        rest = after.trim_start();
    }
    Ok(found)
}
