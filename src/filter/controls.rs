//! Parameters that are ours: their names begin with `_`.

use std::collections::HashSet;

use super::field::{Field, Grammar, SystemField, SystemKind};
use super::query::{Count, Deleted, Fields, Format, Query, SortKey, Word};
use crate::limits::{MAX_COLUMNS, MAX_FACETS, MAX_LIMIT, MAX_SEARCH, MAX_SORT_KEYS};

/// Names of the parameters that are no filters.
pub const CONTROLS: [&str; 17] = [
    "_sort", "_limit", "_cursor", "_fields", "_q", "_count", "_facet", "_format", "_deleted", "_tz", "_bom", "_delim",
    "_safe", "_strict", "_form", "_secret", "_",
];

/// The control that a name common in other APIs means, such as `_limit` for `page_size`.
pub fn control_meant(name: &str) -> Option<&'static str> {
    Some(match name {
        "limit" | "per_page" | "page_size" | "pageSize" | "size" | "top" | "take" => "_limit",
        "page" | "offset" | "skip" | "after" | "cursor" | "start" => "_cursor",
        "sort" | "order" | "order_by" | "orderby" | "sort_by" | "ordering" => "_sort",
        "q" | "search" | "query" => "_q",
        "fields" | "select" | "columns" => "_fields",
        "format" => "_format",
        "count" | "total" => "_count",
        "tz" | "timezone" => "_tz",
        _ => return None,
    })
}

/// Reads one parameter of [`CONTROLS`] into the query.
pub(super) fn control(grammar: &Grammar, query: &mut Query, name: &str, value: &str) -> Result<(), String> {
    match name {
        "_sort" => query.sort = sort(grammar, value)?,
        "_limit" => query.limit = Some(limit(value)?),
        "_cursor" => query.cursor = Some(value.to_owned()).filter(|text| !text.is_empty()),
        "_fields" => query.fields = fields(grammar, value)?,
        "_q" => query.words.extend(words(value)?),
        "_count" => {
            query.count = choice(value, &[("auto", Count::Auto), ("exact", Count::Exact), ("none", Count::None)])?
        }
        "_facet" => facets(grammar, query, value)?,
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

fn sort(grammar: &Grammar, value: &str) -> Result<Vec<SortKey>, String> {
    let keys: Result<Vec<_>, String> = list(value)?
        .iter()
        .map(|text| {
            let name = text.strip_prefix('-').unwrap_or(text);
            let field = grammar.field(name)?;
            if let Field::System(SystemField { kind: SystemKind::Prose, .. }) = field {
                return Err(format!("{name} has no order"));
            }
            Ok(SortKey { field, descending: name.len() < text.len() })
        })
        .collect();
    let keys = keys?;
    if keys.len() > MAX_SORT_KEYS {
        return Err(format!("at most {MAX_SORT_KEYS} keys"));
    }
    Ok(keys)
}

fn facets(grammar: &Grammar, query: &mut Query, value: &str) -> Result<(), String> {
    for text in list(value)? {
        match grammar.field(&text)? {
            Field::Data(path) => query.facets.push(path),
            Field::System(system) => return Err(format!("{} has no facet", system.name)),
        }
    }
    if query.facets.len() > MAX_FACETS {
        return Err(format!("at most {MAX_FACETS} fields"));
    }
    Ok(())
}

fn fields(grammar: &Grammar, value: &str) -> Result<Fields, String> {
    let names = list(value)?;
    let without: Vec<_> = names.iter().filter_map(|name| name.strip_prefix('-')).collect();
    if !without.is_empty() {
        if without.len() < names.len() {
            return Err("either names to show, or names to leave out, each with a minus".into());
        }
        return Ok(Fields::Without(without.into_iter().map(|name| grammar.field(name)).collect::<Result<_, _>>()?));
    }
    let only: Result<Vec<_>, String> = names
        .iter()
        .map(|text| match alias(text) {
            Some((name, path)) => Ok((name.replace("\\:", ":"), grammar.field(path)?)),
            None => Ok((text.clone(), grammar.field(text)?)),
        })
        .collect();
    let only = only?;
    let mut seen = HashSet::new();
    if let Some((name, _)) = only.iter().find(|(name, _)| !seen.insert(name)) {
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
fn list(value: &str) -> Result<Vec<String>, String> {
    if value.bytes().filter(|byte| *byte == b',').count() >= MAX_COLUMNS {
        return Err(format!("at most {MAX_COLUMNS} names"));
    }
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
    Ok(items)
}

/// The words and phrases of the search box.
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
