//! Values in bodies that rules read: a pointer into JSON, a field of a form. Nothing is converted: a number is the text that
//! stands there.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A name that a rule reads is there twice: readers do not agree on which one counts (RFC 8259, 4), so the rule could
/// see another value than the upstream.
#[derive(Debug, PartialEq, Eq)]
pub struct Ambiguous(pub String);

/// The value at a pointer (RFC 6901): a text without its quotes, a number as spelled, `true`, `false`, `null`. `None` if there is
/// none, if it is an object or an array, or if the body is no JSON.
pub fn json_value(body: &[u8], pointer: &str) -> Result<Option<String>, Ambiguous> {
    let segments: Vec<_> = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let mut twice = false;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let found = Seek { path: &segments, twice: &mut twice }.deserialize(&mut reader);
    if twice {
        return Err(Ambiguous(pointer.to_owned()));
    }
    let found = found.ok().filter(|_| reader.end().is_ok()).flatten();
    Ok(found.and_then(|raw| scalar(raw.get())))
}

fn scalar(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'{' | b'[' => None,
        _ => Some(raw.to_owned()),
    }
}

/// Walks down a path without building what it passes.
struct Seek<'p> {
    path: &'p [String],
    twice: &'p mut bool,
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.path {
            [] => serde::Deserialize::deserialize(deserializer).map(Some),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut seen = false;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name != self.path[0].as_str() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            *self.twice |= std::mem::replace(&mut seen, true);
            found = map.next_value_seed(Seek { path: &self.path[1..], twice: self.twice })?;
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let wanted = self.path[0].parse::<usize>().ok();
        let mut found = None;
        for i in 0.. {
            let seek = Seek { path: &self.path[1..], twice: self.twice };
            let next = if wanted == Some(i) {
                items.next_element_seed(seek)?.map(|value| found = value)
            } else {
                items.next_element::<IgnoredAny>()?.map(drop)
            };
            if next.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// The value of a field of a form, or of a parameter of a query.
pub fn form_value(text: &[u8], name: &str) -> Result<Option<String>, Ambiguous> {
    let mut values = form_urlencoded::parse(text).filter(|(field, _)| field == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(Ambiguous(name.to_owned())),
        (first, _) => Ok(first.map(Cow::into_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ambiguous, form_value, json_value};

    #[test]
    fn values_of_json_are_read_as_they_are_spelled() {
        let body = br#"{"site":"a","n":{"big":9007199254740993,"f":1.10,"e":1E400,"z":-0},"list":[1,{"x":"y"}],
            "sl/ash":"s","t":true,"nul":null,"esc":"\u0061"}"#;
        let rows = [
            ("/site", Some("a")),
            ("/n/big", Some("9007199254740993")),
            ("/n/f", Some("1.10")),
            ("/n/e", Some("1E400")),
            ("/n/z", Some("-0")),
            ("/list/0", Some("1")),
            ("/list/1/x", Some("y")),
            ("/list/7", None),
            ("/n", None),
            ("", None),
            ("/sl~1ash", Some("s")),
            ("/t", Some("true")),
            ("/nul", Some("null")),
            ("/none", None),
            ("/site/x", None),
            ("/esc", Some("a")),
            ("/n/big/x", None),
        ];
        for (pointer, expected) in rows {
            assert_eq!(json_value(body, pointer), Ok(expected.map(str::to_owned)), "{pointer}");
        }
        for broken in [&b"{\"site\":\"a\""[..], b"{\"site\":\"a\"} x", b"", b"\xff", b"[1,"] {
            assert_eq!(json_value(broken, "/site"), Ok(None));
        }
    }

    #[test]
    fn a_name_that_is_there_twice_is_told_if_it_is_read() {
        let body = br#"{"site":"a","s\u0069te":"b","other":1,"in":{"x":1,"x":2}}"#;
        assert_eq!(json_value(body, "/site"), Err(Ambiguous("/site".into())));
        assert_eq!(json_value(body, "/other"), Ok(Some("1".into())));
        assert_eq!(json_value(body, "/in/x"), Err(Ambiguous("/in/x".into())));
        assert_eq!(form_value(b"site=a&site=b", "site"), Err(Ambiguous("site".into())));
        assert_eq!(form_value(b"site=a+b&x=%26", "x"), Ok(Some("&".into())));
        assert_eq!(form_value(b"site=a+b", "site"), Ok(Some("a b".into())));
    }
}
