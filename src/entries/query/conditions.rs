//! Conditions on fields: `FIELD__OPERATOR=OPERAND`.

use jiff::tz::TimeZone;

use super::Operand;
use super::{CONTROLS, Condition, Field, Group, Op, System, Word};
use crate::entries::path::Path;
use crate::limits::MAX_SEARCH;
use crate::moment::Moment;
use crate::words::did_you_mean;

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

pub(super) fn condition(
    index: usize,
    name: &str,
    value: &str,
    zone: &TimeZone,
    now: Moment,
) -> Result<Condition, String> {
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

pub(super) fn group(name: &str) -> (Group, &str) {
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
        if let Some(control) = control_meant(name.trim_start_matches('_')).filter(|_| name.starts_with('_')) {
            return format!("there is no parameter \"{name}\"; did you mean \"{control}\"?");
        }
        let known = CONTROLS.iter().copied().chain(System::ALL.iter().map(|(name, _)| *name));
        match did_you_mean(name, known) {
            hint if hint.is_empty() || !name.starts_with('_') => error,
            hint => format!("there is no parameter \"{name}\"{hint}"),
        }
    })
}

/// The control that somebody means who is used to other programs.
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

pub(super) fn words(value: &str) -> Result<Vec<Word>, String> {
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
