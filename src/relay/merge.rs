//! Several JSON documents as one. Numbers and texts stay as they were sent.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::part::Part;

/// `{"name": {"status", "ms", "body"}, …}`, in the order declared; a part that counts for nothing has `error`.
pub fn object(parts: &[Part]) -> String {
    let part = |part: &Part| {
        let status = part.status.map_or_else(|| "null".to_owned(), |status| status.as_u16().to_string());
        let rest = match &part.body {
            Ok(body) => format!("\"body\":{}", body.as_ref().map_or("null", |body| body.get())),
            Err(code) => format!("\"error\":\"{code}\""),
        };
        format!("{}:{{\"status\":{status},\"ms\":{},{rest}}}", quoted(&part.name), part.ms)
    };
    format!("{{{}}}", parts.iter().map(part).collect::<Vec<_>>().join(","))
}

/// One object of all: where two have the same name, objects are merged, and otherwise the part declared first counts.
pub fn merge(parts: &mut [Part]) -> String {
    let mut whole = Members::default();
    for part in parts {
        let Ok(Some(body)) = &part.body else { continue };
        match members(body.get(), MAX_DEPTH) {
            None => part.body = Err("not_object"),
            Some(members) => {
                let mut clashes = false;
                whole.add(members, &mut clashes);
                if clashes {
                    part.body = Err("clash");
                }
            }
        }
    }
    whole.written()
}

/// One array of all.
pub fn concat(parts: &mut [Part]) -> String {
    let mut items: Vec<String> = Vec::new();
    for part in parts {
        let Ok(Some(body)) = &part.body else { continue };
        match serde_json::from_str::<Vec<&RawValue>>(body.get()) {
            Ok(more) => items.extend(more.into_iter().map(|item| item.get().to_owned())),
            Err(_) => part.body = Err("not_array"),
        }
    }
    format!("[{}]", items.join(","))
}

/// The members of an object, in their order, and where each name is.
#[derive(Default)]
struct Members {
    list: Vec<(String, Member)>,
    places: HashMap<String, usize>,
}

enum Member {
    Value(String),
    Object(Members),
}

impl Members {
    fn add(&mut self, more: Members, clashes: &mut bool) {
        for (name, value) in more.list {
            let known = self.places.get(&name).and_then(|place| self.list.get_mut(*place));
            match (known, value) {
                (None, value) => self.push(name, value),
                (Some((_, Member::Object(known))), Member::Object(more)) => known.add(more, clashes),
                (Some((_, Member::Value(known))), Member::Value(value)) => *clashes |= kind(known) != kind(&value),
                (Some(_), _) => *clashes = true,
            }
        }
    }

    fn push(&mut self, name: String, value: Member) {
        self.places.insert(name.clone(), self.list.len());
        self.list.push((name, value));
    }

    fn written(&self) -> String {
        let member = |(name, value): &(String, Member)| {
            let value = match value {
                Member::Value(text) => text.clone(),
                Member::Object(members) => members.written(),
            };
            format!("{}:{value}", quoted(name))
        };
        format!("{{{}}}", self.list.iter().map(member).collect::<Vec<_>>().join(","))
    }
}

/// Whether a value is an array, or one that stands for itself.
fn kind(value: &str) -> bool {
    value.starts_with('[')
}

/// Levels of objects that are merged.
const MAX_DEPTH: usize = 64;

/// The members of an object; `None` if it is none, has a name twice, or more than so many levels.
fn members(text: &str, depth: usize) -> Option<Members> {
    struct Pairs(Vec<(String, Box<RawValue>)>);
    impl<'de> serde::Deserialize<'de> for Pairs {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
            struct Reader;
            impl<'de> serde::de::Visitor<'de> for Reader {
                type Value = Pairs;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                    let mut pairs = Vec::new();
                    while let Some(pair) = map.next_entry()? {
                        pairs.push(pair);
                    }
                    Ok(Pairs(pairs))
                }
            }
            deserializer.deserialize_map(Reader)
        }
    }
    let Pairs(pairs) = serde_json::from_str(text).ok()?;
    let deeper = depth.checked_sub(1)?;
    let mut members_of = Members::default();
    for (name, raw) in pairs {
        if members_of.places.contains_key(&name) {
            return None;
        }
        let value = match raw.get() {
            text if text.starts_with('{') => Member::Object(members(text, deeper)?),
            text => Member::Value(text.to_owned()),
        };
        members_of.push(name, value);
    }
    Some(members_of)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, body: &str) -> Part {
        let body = Ok(Some(serde_json::from_str(body).unwrap()));
        Part { name: name.into(), status: Some(http::StatusCode::OK), ms: 1, body }
    }

    #[test]
    fn the_part_declared_first_counts_and_numbers_stay() {
        let mut parts = [
            part("a", r#"{"n":9007199254740993,"f":1.10,"in":{"x":1}}"#),
            part("b", r#"{"n":2,"e":1E400,"z":-0,"in":{"x":2,"y":[1]}}"#),
        ];
        let whole = r#"{"n":9007199254740993,"f":1.10,"in":{"x":1,"y":[1]},"e":1E400,"z":-0}"#;
        assert_eq!(merge(&mut parts), whole);
        assert!(parts.iter().all(|part| part.body.is_ok()));
        assert_eq!(
            object(&parts[..1]),
            format!(r#"{{"a":{{"status":200,"ms":1,"body":{}}}}}"#, r#"{"n":9007199254740993,"f":1.10,"in":{"x":1}}"#)
        );
    }

    #[test]
    fn what_does_not_fit_is_told_of_the_part() {
        let mut parts = [
            part("a", r#"{"v":{"x":1}}"#),
            part("b", r#"{"v":[1],"w":1}"#),
            part("c", "[1]"),
            part("d", r#"{"k":1,"k":2}"#),
        ];
        assert_eq!(merge(&mut parts), r#"{"v":{"x":1},"w":1}"#);
        let errors: Vec<_> = parts.iter().map(|part| part.body.as_ref().err().copied()).collect();
        assert_eq!(errors, [None, Some("clash"), Some("not_object"), Some("not_object")]);
        let deep = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
        let mut parts = [Part { name: "a".into(), status: None, ms: 1, body: Ok(RawValue::from_string(deep).ok()) }];
        assert_eq!((merge(&mut parts).as_str(), parts[0].body.as_ref().err()), ("{}", Some(&"not_object")));
        let mut parts = [part("a", "[1, 2.0]"), part("b", "{}"), part("c", "[]"), part("d", r#"["x"]"#)];
        assert_eq!(concat(&mut parts), r#"[1,2.0,"x"]"#);
        assert_eq!(parts[1].body.as_ref().err(), Some(&"not_array"));
    }
}
