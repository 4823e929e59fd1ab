//! Reading what is written into records: JSON bodies, forms and cells, by the declaration of each column.

use serde_json::{Map, Value};

use super::{Bound, Column, Kind, Record, Resource, Values};
use crate::error::{Error, FieldError};
use crate::staff::Email;
use crate::words::did_you_mean;

/// What a body means for the columns it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// They get their default, or are empty (POST, PUT).
    Empty,
    /// They stay as they are (PATCH, RFC 7396).
    Kept,
}

/// Reads a body into values, with every error at its field.
pub fn read(resource: &'static Resource, body: &Map<String, Value>, absent: Absent) -> Result<Values, Error> {
    let mut errors: Vec<FieldError> = body.keys().filter_map(|name| unknown(resource, name)).collect();
    let mut values = Values::new();
    for column in resource.writable() {
        let given = body.get(column.name);
        if given.is_none() && absent == Absent::Kept {
            continue;
        }
        match value(column, given) {
            Ok(bound) => values.push((column, bound)),
            Err(detail) => errors.push(FieldError::at(format!("/{}", column.name), detail)),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(Error::Invalid(errors)) }
}

fn unknown(resource: &'static Resource, name: &str) -> Option<FieldError> {
    if resource.writable().any(|column| column.name == name) {
        return None;
    }
    let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    let detail = match resource.column(name, true) {
        Some(_) => "is given by the server".to_owned(),
        None => format!("there is no field \"{name}\"{}", did_you_mean(name, resource.writable().map(|c| c.name))),
    };
    Some(FieldError::at(pointer, detail))
}

/// Removes read-only values from a body if they are unchanged, so that clients may send back what they read.
pub fn read_only_unchanged(resource: &'static Resource, body: &mut Map<String, Value>, present: &Record) {
    body.retain(|name, _| !resource.live.contains(&name.as_str()));
    for column in resource.given() {
        if body.get(column.name).is_some_and(|value| present.body.get(column.name) == Some(value)) {
            body.remove(column.name);
        }
    }
}

/// The value of a column; null and blank text are "empty".
fn value(column: &'static Column, given: Option<&Value>) -> Result<Bound, String> {
    let default = column.default.map(|text| from_text(column, text)).transpose()?;
    let given = match given {
        None | Some(Value::Null) => default.as_ref(),
        Some(Value::String(text)) if text.trim().is_empty() => default.as_ref(),
        given => given,
    };
    match given {
        None if column.required => Err("is required".into()),
        None => Ok(empty(column)),
        Some(value) => bound(column, value),
    }
}

fn empty(column: &Column) -> Bound {
    match column.kind {
        Kind::Number(..) | Kind::Reference(_) | Kind::Account | Kind::Moment => Bound::Int(None),
        Kind::Flag => Bound::Flag(false),
        _ => Bound::Text(None),
    }
}

fn bound(column: &Column, value: &Value) -> Result<Bound, String> {
    match (&column.kind, value) {
        (Kind::Nested(nested), value) => (nested.check)(value).map(|value| Bound::Text(Some(value.to_string()))),
        (Kind::Flag, Value::Bool(flag)) => Ok(Bound::Flag(*flag)),
        (Kind::Flag, _) => Err("must be true or false".into()),
        (Kind::Number(..) | Kind::Reference(_) | Kind::Account | Kind::Moment, value) => {
            let number = value.as_i64().ok_or("must be a whole number")?;
            number_in_bounds(column, number).map(|number| Bound::Int(Some(number)))
        }
        (_, Value::String(text)) => text_value(column, text).map(|text| Bound::Text(Some(text))),
        _ => Err("must be text".into()),
    }
}

fn number_in_bounds(column: &Column, number: i64) -> Result<i64, String> {
    match column.kind {
        Kind::Number(low, high) if number < low || number > high => Err(format!("must be {low} to {high}")),
        _ => Ok(number),
    }
}

fn text_value(column: &Column, text: &str) -> Result<String, String> {
    let text = text.trim();
    let longest = match column.kind {
        Kind::Line(longest) | Kind::Text(longest) => longest,
        Kind::Email => 254,
        _ => 2000,
    };
    let length = text.chars().count();
    if length > longest {
        return Err(format!("has {length} characters; {longest} are allowed"));
    }
    let breaks = matches!(column.kind, Kind::Text(_));
    if text.chars().any(|c| c.is_control() && !(breaks && matches!(c, '\n' | '\r' | '\t'))) {
        return Err("holds a control character or a line break".into());
    }
    match column.kind {
        Kind::Email => {
            Email::parse(text).map(|email| email.as_str().to_owned()).map_err(|_| "must be an email address".into())
        }
        Kind::Url if !(text.starts_with("https://") || text.starts_with("http://")) => {
            Err("must begin with https:// or http://".into())
        }
        Kind::Zone if jiff::tz::TimeZone::get(text).is_err() => {
            Err(format!("there is no time zone \"{text}\"; write one such as Europe/Berlin"))
        }
        Kind::Choice(choices) if !choices.contains(&text) => {
            Err(format!("must be one of {}{}", choices.join(", "), did_you_mean(text, choices.iter().copied())))
        }
        _ => Ok(text.to_owned()),
    }
}

/// The JSON of what a form or a cell of CSV holds.
pub fn from_text(column: &Column, text: &str) -> Result<Value, String> {
    let text = text.trim();
    match column.kind {
        _ if text.is_empty() => Ok(Value::Null),
        Kind::Number(..) | Kind::Reference(_) | Kind::Account | Kind::Moment => {
            text.parse::<i64>().map(Value::from).map_err(|_| format!("\"{text}\" is no whole number"))
        }
        Kind::Flag => match text {
            "1" | "true" | "yes" => Ok(Value::Bool(true)),
            "0" | "false" | "no" => Ok(Value::Bool(false)),
            _ => Err(format!("\"{text}\" is neither yes nor no")),
        },
        Kind::Nested(nested) => (nested.from_text)(text),
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// The body that a form means: all writable columns; a box that is not ticked is sent as nothing.
pub fn from_form<'f>(
    resource: &'static Resource,
    get: impl Fn(&'static str) -> Option<&'f str>,
) -> Result<Map<String, Value>, Error> {
    let mut body = Map::new();
    let mut errors = Vec::new();
    for column in resource.writable() {
        let text = match (get(column.name), &column.kind) {
            (None, Kind::Flag) => "0",
            (None, _) => continue,
            (Some(text), _) => text,
        };
        match from_text(column, text) {
            Ok(value) => drop(body.insert(column.name.to_owned(), value)),
            Err(detail) => errors.push(FieldError::at(format!("/{}", column.name), detail)),
        }
    }
    if errors.is_empty() { Ok(body) } else { Err(Error::Invalid(errors)) }
}
