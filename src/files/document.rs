//! JSON as it comes in a stream: where its lists of objects are, and the elements of one.

use std::fmt;
use std::io::Read;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A list inside of a document: the names that lead to it, and how many objects it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The names that lead to it, from the top.
    pub path: Vec<String>,
    /// How many objects it holds.
    pub objects: u64,
}

/// How deep in a document lists are looked for.
const DEPTH: usize = 4;
/// Lists that are offered.
const MAX_LISTS: usize = 20;

/// The lists of objects in a document, the longest first, in their order where they are equally long.
pub fn lists(from: impl Read) -> Result<Vec<List>, serde_json::Error> {
    let mut found = Vec::new();
    let mut json = serde_json::Deserializer::from_reader(from);
    Search { path: Vec::new(), found: &mut found }.deserialize(&mut json)?;
    json.end()?;
    found.sort_by_key(|list| std::cmp::Reverse(list.objects));
    found.truncate(MAX_LISTS);
    Ok(found)
}

/// Passes the raw text of each element of the list at `path` to `take`, until it returns false.
pub fn elements(from: impl Read, path: &[String], take: &mut dyn FnMut(&str) -> bool) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_reader(from);
    let mut enough = false;
    let walked = Walk { path, take, enough: &mut enough }.deserialize(&mut json);
    if enough { Ok(()) } else { walked.and_then(|()| json.end()) }
}

struct Search<'f> {
    path: Vec<String>,
    found: &'f mut Vec<List>,
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if self.path.len() < DEPTH {
                let path = self.path.iter().cloned().chain([name]).collect();
                map.next_value_seed(Search { path, found: self.found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut objects = 0;
        while let Some(IsObject(is_object)) = seq.next_element()? {
            objects += u64::from(is_object);
        }
        if objects > 0 && self.found.len() < 10 * MAX_LISTS {
            self.found.push(List { path: self.path, objects });
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Whether a value is an object, by its first character: numbers beyond a double must not end the search.
struct IsObject(bool);

impl<'de> Deserialize<'de> for IsObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(IsObject(Box::<RawValue>::deserialize(deserializer)?.get().starts_with('{')))
    }
}

struct Walk<'w, 't> {
    path: &'w [String],
    take: &'t mut dyn FnMut(&str) -> bool,
    enough: &'w mut bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.path.split_first() else {
            return Err(A::Error::custom("there is no list here"));
        };
        while let Some(name) = map.next_key::<String>()? {
            if name == *first {
                map.next_value_seed(Walk { path: rest, take: &mut *self.take, enough: &mut *self.enough })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if !self.path.is_empty() {
            return Err(A::Error::custom("the list is elsewhere"));
        }
        while let Some(element) = seq.next_element::<Box<RawValue>>()? {
            if !(self.take)(element.get()) {
                *self.enough = true;
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_objects_are_found_wherever_they_are() {
        for (text, path, objects) in [
            (r#"[{"a":1},{"a":2}]"#, "", 2),
            (r#"{"entries": [{"a":1}]}"#, "entries", 1),
            (r#"{"count":2,"results":[{"a":1},{"a":1e999}],"links":[{"x":1}]}"#, "results", 2),
            (r#"{"type":"FeatureCollection","features":[{"geometry":{"coordinates":[[1,2]]}}]}"#, "features", 1),
            (r#"{"data":{"page":{"items":[{"a":1}]}}}"#, "data/page/items", 1),
        ] {
            let found = lists(text.as_bytes()).unwrap();
            assert_eq!((found[0].path.join("/").as_str(), found[0].objects), (path, objects), "{text}");
            let mut seen = Vec::new();
            elements(text.as_bytes(), &found[0].path, &mut |raw| {
                seen.push(raw.to_owned());
                true
            })
            .unwrap();
            assert_eq!(seen.len() as u64, objects);
        }
        assert_eq!(lists(br#"{"a":1,"b":[1,2]}"#.as_slice()).unwrap(), []);
        assert!(lists(br#"[{"a":1},"#.as_slice()).is_err());
    }

    #[test]
    fn elements_are_handed_on_as_they_are_written() {
        let mut seen = Vec::new();
        let text = r#"[ {"n" : 1.50, "a":1, "a":2}, 7 ]"#;
        elements(text.as_bytes(), &[], &mut |raw| {
            seen.push(raw.to_owned());
            false
        })
        .unwrap();
        assert_eq!(seen, [r#"{"n" : 1.50, "a":1, "a":2}"#]);
    }
}
