//! A definition as the fields of a form, and back. Lists are lines of text, so that the form works without scripts.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::{Error, FieldError, Result};
use crate::relay::definition::{Definition, HashOn, LastResort, Pool, Rule, SecretHeader, Upstream, When};
use crate::web::Fields;

/// The form that shows a definition.
pub fn fields_of(definition: &Definition) -> Fields {
    let whole = serde_json::to_value(definition).unwrap_or_default();
    let mut fields = Vec::new();
    let mut put = |name: String, value: String| fields.push((name, value));
    for name in ["title", "mode", "access", "rate"] {
        put(name.into(), text(&whole[name]));
    }
    put("strict".into(), ticked(definition.strict));
    put("body_limit".into(), definition.body_limit.to_string());
    put("origins".into(), definition.origins.join("\n"));
    put("default_pool".into(), definition.default_pool.clone().unwrap_or_default());
    for (i, pool) in definition.pools.iter().enumerate() {
        pool_fields(pool, &whole["pools"][i])
            .into_iter()
            .for_each(|(name, value)| put(format!("pools.{i}.{name}"), value));
    }
    for (i, rule) in definition.rules.iter().enumerate() {
        put(format!("rules.{i}.method"), rule.when.method.clone().unwrap_or_default());
        put(format!("rules.{i}.path"), rule.when.path.clone().unwrap_or_default());
        put(format!("rules.{i}.conditions"), conditions(&rule.when));
        put(format!("rules.{i}.pool"), rule.pool.clone());
    }
    for (i, header) in definition.secret_headers.iter().enumerate() {
        put(format!("secret_headers.{i}.name"), header.name.clone());
    }
    Fields(fields)
}

fn ticked(yes: bool) -> String {
    if yes { "1".into() } else { String::new() }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Times of a pool.
const TIMES: [&str; 4] = ["first_byte_ms", "idle_ms", "whole_ms", "health_ms"];

fn pool_fields(pool: &Pool, whole: &Value) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("name", pool.name.clone()),
        ("policy", text(&whole["policy"])),
        ("allow_private", ticked(pool.allow_private)),
        ("preserve_host", ticked(pool.preserve_host)),
        ("retry_keyed", ticked(pool.retry_keyed)),
        ("health_path", pool.health_path.clone().unwrap_or_default()),
        ("upstreams", pool.upstreams.iter().map(upstream_line).collect::<Vec<_>>().join("\n")),
    ];
    fields.extend(TIMES.map(|name| (name, text(&whole[name]))));
    if let Some(on) = &pool.hash_on {
        let (kind, value) = match on {
            HashOn::Header(name) => ("header", name),
            HashOn::Query(name) => ("query", name),
            HashOn::Json(pointer) => ("json", pointer),
        };
        fields.push(("hash_on", format!("{kind} {value}")));
    }
    match &pool.last_resort {
        None => {}
        Some(LastResort::LastGood { max_age }) => {
            fields.extend([("last_resort", "last-good".to_owned()), ("max_age", max_age.to_string())]);
        }
        Some(LastResort::Static { status, content_type, body }) => fields.extend([
            ("last_resort", "static".to_owned()),
            ("status", status.to_string()),
            ("content_type", content_type.clone()),
            ("body", body.clone()),
        ]),
    }
    fields
}

/// `URL`, `URL WEIGHT`, `URL WEIGHT drain`.
fn upstream_line(upstream: &Upstream) -> String {
    let drain = if upstream.drain { " drain" } else { "" };
    match upstream.weight {
        1 if !upstream.drain => upstream.url.clone(),
        weight => format!("{} {weight}{drain}", upstream.url),
    }
}

/// A condition a line: `json /site = north`.
fn conditions(when: &When) -> String {
    let kinds = [("query", &when.query), ("header", &when.header), ("json", &when.json), ("form", &when.form)];
    let lines = kinds
        .into_iter()
        .flat_map(|(kind, values)| values.iter().map(move |(name, value)| format!("{kind} {name} = {value}")));
    lines.collect::<Vec<_>>().join("\n")
}

/// A form in which a pool has got another name: whatever chose it goes on choosing it.
pub fn renamed(mut form: Fields) -> Fields {
    let names = |i: usize| {
        (form.get(&format!("pools.{i}.was")).to_owned(), form.get(&format!("pools.{i}.name")).trim().to_owned())
    };
    let changed: Vec<_> =
        (0..200).map(names).filter(|(was, name)| !was.is_empty() && !name.is_empty() && was != name).collect();
    for (field, value) in &mut form.0 {
        let chooses = field == "default_pool" || field.starts_with("rules.") && field.ends_with(".pool");
        if let Some((_, name)) = changed.iter().find(|(was, _)| chooses && was == value) {
            value.clone_from(name);
        }
    }
    form
}

/// The definition that a form describes; 422 with every field that cannot be read.
pub fn definition_of(form: &Fields) -> Result<Definition> {
    let mut wrong = Vec::new();
    let mut pools = Vec::new();
    for i in indices(form, "pools", &["name", "upstreams"]) {
        pools.push(pool_of(form, i, &mut wrong));
    }
    let mut rules = Vec::new();
    for i in indices(form, "rules", &["pool", "method", "path", "conditions"]) {
        let get = |field: &str| form.get(&format!("rules.{i}.{field}")).trim().to_owned();
        let filled = |field: &str| Some(get(field)).filter(|text| !text.is_empty());
        let mut when = When { method: filled("method"), path: filled("path"), ..When::default() };
        read_conditions(&get("conditions"), &mut when, &format!("/rules/{i}/when"), &mut wrong);
        if when != When::default() || !get("pool").is_empty() {
            rules.push(Rule { when, pool: get("pool") });
        }
    }
    let secret_headers = indices(form, "secret_headers", &["name"]).into_iter().map(|i| SecretHeader {
        name: form.get(&format!("secret_headers.{i}.name")).trim().to_owned(),
        value: Some(form.get(&format!("secret_headers.{i}.value")).to_owned()).filter(|value| !value.is_empty()),
    });
    let mut whole = json!({
        "title": form.get("title").trim(),
        "strict": form.get("strict") == "1",
        "origins": lines(form.get("origins")).into_iter().map(|origin| origin.trim_end_matches('/')).collect::<Vec<_>>(),
        "pools": pools,
        "rules": rules,
        "secret_headers": secret_headers.collect::<Vec<_>>(),
        "default_pool": Some(form.get("default_pool")).filter(|name| !name.is_empty()),
    });
    for name in ["mode", "access"] {
        put_text(&mut whole, name, form.get(name));
    }
    for name in ["rate", "body_limit"] {
        put_number(&mut whole, name, form.get(name), "", &mut wrong);
    }
    finished(whole, wrong)
}

fn finished(whole: Value, mut wrong: Vec<FieldError>) -> Result<Definition> {
    match serde_path_to_error::deserialize(whole) {
        Ok(definition) if wrong.is_empty() => Ok(definition),
        Ok(_) => Err(Error::Invalid(wrong)),
        Err(error) => {
            let pointer = format!("/{}", error.path().to_string().replace(['.', '['], "/").replace(']', ""));
            wrong.push(FieldError::at(pointer, error.inner().to_string()));
            Err(Error::Invalid(wrong))
        }
    }
}

/// The positions in a list at which something is typed.
fn indices(form: &Fields, list: &str, marks: &[&str]) -> Vec<usize> {
    let is_there = |i: &usize| {
        let typed = marks.iter().any(|mark| !form.get(&format!("{list}.{i}.{mark}")).trim().is_empty());
        typed && form.get(&format!("{list}.{i}.remove")) != "1"
    };
    (0..200).filter(is_there).collect()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn put_text(whole: &mut Value, name: &str, text: &str) {
    if !text.trim().is_empty() {
        whole[name] = text.trim().into();
    }
}

fn put_number(whole: &mut Value, name: &str, text: &str, at: &str, wrong: &mut Vec<FieldError>) {
    match text.trim().parse::<u64>() {
        Ok(number) => whole[name] = number.into(),
        Err(_) if text.trim().is_empty() => {}
        Err(_) => wrong.push(FieldError::at(format!("{at}/{name}"), "must be a number")),
    }
}

fn pool_of(form: &Fields, i: usize, wrong: &mut Vec<FieldError>) -> Value {
    let get = |field: &str| form.get(&format!("pools.{i}.{field}"));
    let at = format!("/pools/{i}");
    let mut pool = json!({ "name": get("name").trim() });
    for field in ["allow_private", "preserve_host", "retry_keyed"] {
        pool[field] = (get(field) == "1").into();
    }
    for field in ["policy", "health_path"] {
        put_text(&mut pool, field, get(field));
    }
    for field in TIMES {
        put_number(&mut pool, field, get(field), &at, wrong);
    }
    let upstreams = lines(get("upstreams")).into_iter().enumerate().map(|(n, line)| {
        upstream_of(line).unwrap_or_else(|| {
            let detail = format!("line {} must be an address, a weight and perhaps the word drain", n + 1);
            wrong.push(FieldError::at(format!("{at}/upstreams/{n}/url"), detail));
            json!({ "url": line })
        })
    });
    pool["upstreams"] = upstreams.collect();
    let on = get("hash_on").trim();
    if !on.is_empty() {
        let (kind, name) = on.split_once(' ').unwrap_or((on, ""));
        pool["hash_on"] = json!({ kind: name.trim() });
    }
    match get("last_resort") {
        "static" => {
            let body = get("body").replace("\r\n", "\n");
            let mut last = json!({ "kind": "static", "status": 200, "content_type": "application/json", "body": body });
            put_text(&mut last, "content_type", get("content_type"));
            put_number(&mut last, "status", get("status"), &format!("{at}/last_resort"), wrong);
            pool["last_resort"] = last;
        }
        "last-good" => {
            let mut last = json!({ "kind": "last-good", "max_age": 3600 });
            put_number(&mut last, "max_age", get("max_age"), &format!("{at}/last_resort"), wrong);
            pool["last_resort"] = last;
        }
        _ => {}
    }
    pool
}

fn upstream_of(line: &str) -> Option<Value> {
    let mut words = line.split_whitespace();
    let mut upstream = Map::from_iter([("url".to_owned(), words.next()?.into())]);
    for word in words {
        match word.parse::<u32>() {
            Ok(weight) => drop(upstream.insert("weight".into(), weight.into())),
            Err(_) if word == "drain" => drop(upstream.insert("drain".into(), true.into())),
            Err(_) => return None,
        }
    }
    Some(upstream.into())
}

fn read_conditions(text: &str, when: &mut When, at: &str, wrong: &mut Vec<FieldError>) {
    for line in lines(text) {
        let parted = |rest| str::split_once(rest, " = ").or_else(|| str::split_once(rest, '='));
        let read = line.split_once(' ').and_then(|(kind, rest)| Some((kind, parted(rest)?)));
        let values: Option<&mut BTreeMap<String, String>> = match read.map(|(kind, _)| kind) {
            Some("query") => Some(&mut when.query),
            Some("header") => Some(&mut when.header),
            Some("json") => Some(&mut when.json),
            Some("form") => Some(&mut when.form),
            _ => None,
        };
        match (read, values) {
            (Some((_, (name, value))), Some(values)) => {
                values.insert(name.trim().to_owned(), value.trim().to_owned());
            }
            _ => wrong.push(FieldError::at(
                format!("{at}/conditions"),
                format!("\"{line}\" must be query, header, json or form, a name, = and a value"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_is_sent_back_changes_nothing() {
        let definition: Definition = serde_json::from_value(json!({
            "title": "Weather", "mode": "merge", "strict": true, "access": "signed-in", "rate": 7, "body_limit": 99,
            "origins": ["https://a.example"], "default_pool": "b",
            "pools": [
                {"name": "a", "policy": "hash", "hash_on": {"json": "/site"}, "allow_private": true, "health_path": "/up", "health_ms": 500,
                 "upstreams": [{"url": "https://a.example/x", "weight": 3, "drain": true}, {"url": "https://b.example"}]},
                {"name": "b", "preserve_host": true, "retry_keyed": true, "whole_ms": 900, "last_resort": {"kind": "last-good", "max_age": 60},
                 "upstreams": [{"url": "https://c.example", "weight": 0}]},
                {"name": "c", "last_resort": {"kind": "static", "status": 200, "content_type": "text/plain", "body": "x"},
                 "upstreams": [{"url": "https://c.example"}]}],
            "rules": [{"when": {"method": "POST", "path": "/x*", "query": {"q": "1"}, "header": {"X-A": "*"}, "json": {"/a=b": "c = d"}}, "pool": "a"},
                      {"when": {"form": {"f": "g"}}, "pool": "b"}],
            "secret_headers": [{"name": "X-Key"}]
        }))
        .unwrap();
        assert_eq!(definition_of(&fields_of(&definition)).unwrap(), definition);
    }

    #[test]
    fn a_pool_that_gets_another_name_stays_chosen() {
        let fields = [
            ("pools.0.was", "main"),
            ("pools.0.name", "one"),
            ("default_pool", "main"),
            ("rules.0.pool", "main"),
            ("title", "main"),
        ];
        let form = renamed(Fields(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into()));
        assert_eq!((form.get("default_pool"), form.get("rules.0.pool"), form.get("title")), ("one", "one", "main"));
    }

    #[test]
    fn what_cannot_be_read_is_told_at_its_field() {
        let fields = [
            ("rate", "many"),
            ("pools.0.name", "a"),
            ("pools.0.upstreams", "https://a.example 1\nhttps://b.example heavy"),
            ("rules.0.pool", "a"),
            ("rules.0.conditions", "site is north"),
            ("mode", "sideways"),
        ];
        let form = Fields(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        let error = definition_of(&form).unwrap_err();
        let places: Vec<_> = error.errors().iter().filter_map(|error| error.pointer.clone()).collect();
        assert_eq!(places, ["/pools/0/upstreams/1/url", "/rules/0/when/conditions", "/rate", "/mode"]);
    }
}
