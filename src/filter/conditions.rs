//! Conditions on fields: `FIELD__OPERATOR=OPERAND`.

use jiff::tz::TimeZone;

use super::controls::{CONTROLS, control_meant};
use super::field::{Field, Grammar, SystemField, SystemKind};
use super::op::Op;
use super::operand::Operand;
use super::query::{Condition, Group};
use crate::moment::Moment;
use crate::words::did_you_mean;

/// Reads one parameter that is a condition; `index` is its place among the parameters.
pub(super) fn condition(
    grammar: &Grammar,
    index: usize,
    (name, value): (&str, &str),
    zone: &TimeZone,
    now: Moment,
) -> Result<Condition, String> {
    let (group, rest) = group(name);
    let (path, op) = match rest.rfind("__") {
        Some(at) => (&rest[..at], operator(&rest[at + 2..])?),
        None => (rest, Op::Eq),
    };
    let field = known_field(grammar, path, name)?;
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

fn known_field(grammar: &Grammar, path: &str, name: &str) -> Result<Field, String> {
    grammar.field(path).map_err(|error| {
        if let Some(control) = control_meant(name.trim_start_matches('_')).filter(|_| name.starts_with('_')) {
            return format!("there is no parameter \"{name}\"; did you mean \"{control}\"?");
        }
        let known = CONTROLS.iter().copied().chain(grammar.names());
        match did_you_mean(name, known) {
            hint if hint.is_empty() || !name.starts_with('_') => error,
            hint => format!("there is no parameter \"{name}\"{hint}"),
        }
    })
}

/// What only makes sense for some fields.
fn check(field: &Field, op: Op, operand: &Operand) -> Result<(), String> {
    let Field::System(SystemField { name, kind }) = field else { return Ok(()) };
    let about_value = !matches!(op, Op::Null | Op::Exists | Op::Empty);
    let inside = matches!(op, Op::Contains | Op::NotContains | Op::Starts | Op::Ends);
    match kind {
        _ if op == Op::Type => Err(format!("{name} has no type to ask for")),
        SystemKind::Number | SystemKind::Text | SystemKind::Prose if op == Op::On => {
            Err(format!("{name} is no moment"))
        }
        SystemKind::Number if inside => Err(format!("{name} is a number")),
        SystemKind::Number if about_value && !operand.numbers().into_iter().all(is_whole) => {
            Err(format!("{name} is a whole number"))
        }
        SystemKind::Moment if inside => Err(format!("{name} is a moment: use on, between, gte or lte")),
        SystemKind::Moment if about_value && operand.dates().iter().any(Option::is_none) => {
            Err("is no date: write 2026-01-31, 2026-01-31T14:00:00Z, -7d or now".into())
        }
        _ => Ok(()),
    }
}

fn is_whole(number: Option<String>) -> bool {
    number.is_some_and(|text| text.parse::<i64>().is_ok())
}
