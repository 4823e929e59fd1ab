//! One pass over JSON that comes in: checked, made canonical, and its shape hashed.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use jiter::{Jiter, JiterError, Peek};

use super::text::{own, write_string};
use crate::limits::{MAX_DEPTH, MAX_LEAVES, MAX_NAME};

/// The JSON types, as the field registry counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A string.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
    /// An array.
    Array,
    /// An empty object: one with names is seen through its fields.
    Object,
}

/// Why an object was not taken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// RFC 6901 pointer from the object.
    pub pointer: String,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// Not JSON at all, as opposed to JSON that breaks a limit.
    pub malformed: bool,
}

impl Refusal {
    /// A broken rule, at the top of the object.
    pub fn rule(detail: impl Into<String>) -> Self {
        Refusal { pointer: String::new(), detail: detail.into(), malformed: false }
    }

    fn inside(mut self, segment: &str) -> Self {
        self.pointer = format!("/{}{}", segment.replace('~', "~0").replace('/', "~1"), self.pointer);
        self
    }

    fn syntax(jiter: &Jiter<'_>, error: &JiterError) -> Self {
        let place = jiter.error_position(error.index);
        let detail = format!("{} at line {} column {}", error.error_type, place.line, place.column);
        Refusal { pointer: String::new(), detail, malformed: true }
    }
}

/// A checked object.
pub struct Canonical {
    /// The object as canonical JSON.
    pub text: String,
    /// Equal for objects with the same fields of the same types, within this process.
    pub shape: u64,
}

/// Checks an object and makes it canonical. `take` gets each top-level name that begins with `_`, with its value as
/// canonical JSON; if it returns true, the member is left out of the result.
pub fn object(
    bytes: &[u8],
    seed: &RandomState,
    take: &mut dyn FnMut(&str, &str) -> bool,
) -> Result<Canonical, Refusal> {
    let mut jiter = Jiter::new(bytes);
    let mut reader =
        Canonicaliser { out: Vec::with_capacity(bytes.len()), leaves: 0, shape: seed.build_hasher(), seed };
    match peek(&mut jiter)? {
        Peek::Object => reader.object(&mut jiter, 1, Some(take))?,
        _ => {
            jiter.next_skip().map_err(|e| Refusal::syntax(&jiter, &e))?;
            return Err(Refusal::rule("an entry must be a JSON object"));
        }
    }
    jiter.finish().map_err(|e| Refusal::syntax(&jiter, &e))?;
    let text = String::from_utf8(reader.out).map_err(|_| Refusal::rule("invalid UTF-8"))?;
    Ok(Canonical { text, shape: reader.shape.finish() })
}

fn peek(jiter: &mut Jiter<'_>) -> Result<Peek, Refusal> {
    jiter.peek().map_err(|e| Refusal::syntax(jiter, &e))
}

struct Canonicaliser<'s> {
    out: Vec<u8>,
    leaves: usize,
    shape: std::hash::DefaultHasher,
    seed: &'s RandomState,
}

type Take<'t> = &'t mut dyn FnMut(&str, &str) -> bool;

impl Canonicaliser<'_> {
    fn object(&mut self, jiter: &mut Jiter<'_>, depth: usize, mut take: Option<Take<'_>>) -> Result<(), Refusal> {
        self.check_depth(depth)?;
        self.out.push(b'{');
        self.shape.write_u8(b'{');
        let mut names = Vec::new();
        let mut first = true;
        let mut name = own(jiter.known_object()).map_err(|e| Refusal::syntax(jiter, &e))?;
        while let Some(key) = name {
            self.name(&key, &mut names)?;
            let start = self.out.len();
            if !first {
                self.out.push(b',');
            }
            self.string(&key);
            self.out.push(b':');
            let value_at = self.out.len();
            let (shape, leaves) = (self.shape.clone(), self.leaves);
            key.hash(&mut self.shape);
            let peek = peek(jiter)?;
            self.value(jiter, peek, depth).map_err(|refusal| refusal.inside(&key))?;
            let taken = key.starts_with('_')
                && take
                    .as_mut()
                    .is_some_and(|take| take(&key, std::str::from_utf8(&self.out[value_at..]).unwrap_or_default()));
            if taken {
                self.out.truncate(start);
                (self.shape, self.leaves) = (shape, leaves);
            } else {
                first = false;
            }
            name = own(jiter.next_key()).map_err(|e| Refusal::syntax(jiter, &e))?;
        }
        self.out.push(b'}');
        self.shape.write_u8(b'}');
        if first {
            self.leaf(Kind::Object)?;
        }
        Ok(())
    }

    fn name(&mut self, key: &str, seen: &mut Vec<u64>) -> Result<(), Refusal> {
        if key.len() > MAX_NAME {
            return Err(Refusal::rule(format!("a name is longer than {MAX_NAME} bytes")));
        }
        if key.contains('\0') {
            return Err(Refusal::rule("a name contains a NUL character"));
        }
        let hash = self.seed.hash_one(key);
        if seen.contains(&hash) {
            return Err(Refusal::rule("the name appears twice").inside(key));
        }
        seen.push(hash);
        Ok(())
    }

    fn value(&mut self, jiter: &mut Jiter<'_>, peek: Peek, depth: usize) -> Result<(), Refusal> {
        match peek {
            Peek::Object => self.object(jiter, depth + 1, None),
            Peek::Array => self.array(jiter, depth + 1),
            Peek::String => {
                let mut text = std::mem::take(&mut self.out);
                let nul = match jiter.known_str() {
                    Ok(value) => {
                        write_string(&mut text, value);
                        value.contains('\0')
                    }
                    Err(e) => return Err(Refusal::syntax(jiter, &e)),
                };
                self.out = text;
                if nul {
                    return Err(Refusal::rule("a text contains a NUL character"));
                }
                self.leaf(Kind::String)
            }
            Peek::Null => {
                jiter.known_null().map_err(|e| Refusal::syntax(jiter, &e))?;
                self.out.extend(b"null");
                self.leaf(Kind::Null)
            }
            Peek::True | Peek::False => {
                let value = jiter.known_bool(peek).map_err(|e| Refusal::syntax(jiter, &e))?;
                self.out.extend(if value { b"true".as_slice() } else { b"false" });
                self.leaf(Kind::Bool)
            }
            _ => self.number(jiter),
        }
    }

    fn number(&mut self, jiter: &mut Jiter<'_>) -> Result<(), Refusal> {
        let finite = match jiter.next_number_bytes() {
            Ok(bytes) => {
                self.out.extend(bytes);
                (bytes.len() < 300 && !bytes.iter().any(|b| matches!(b, b'e' | b'E')))
                    || std::str::from_utf8(bytes).ok().and_then(|n| n.parse::<f64>().ok()).is_some_and(f64::is_finite)
            }
            Err(e) => return Err(Refusal::syntax(jiter, &e)),
        };
        if !finite {
            return Err(Refusal::rule("the number is out of range"));
        }
        self.leaf(Kind::Number)
    }

    // The elements of an array count as leaves, but an array is one field of the registry.
    fn array(&mut self, jiter: &mut Jiter<'_>, depth: usize) -> Result<(), Refusal> {
        self.check_depth(depth)?;
        self.out.push(b'[');
        let shape = self.shape.clone();
        let mut next = jiter.known_array().map_err(|e| Refusal::syntax(jiter, &e))?;
        let mut index = 0;
        while let Some(peek) = next {
            if index > 0 {
                self.out.push(b',');
            }
            self.value(jiter, peek, depth).map_err(|refusal| refusal.inside(&index.to_string()))?;
            index += 1;
            next = jiter.array_step().map_err(|e| Refusal::syntax(jiter, &e))?;
        }
        self.out.push(b']');
        self.shape = shape;
        self.leaf(Kind::Array)
    }

    fn leaf(&mut self, kind: Kind) -> Result<(), Refusal> {
        kind.hash(&mut self.shape);
        self.leaves += 1;
        if self.leaves > MAX_LEAVES {
            return Err(Refusal::rule(format!("an entry has more than {MAX_LEAVES} values")));
        }
        Ok(())
    }

    fn check_depth(&self, depth: usize) -> Result<(), Refusal> {
        if depth > MAX_DEPTH {
            return Err(Refusal::rule(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn string(&mut self, value: &str) {
        write_string(&mut self.out, value);
    }
}

/// Splits a JSON array into its elements' texts.
pub fn elements(bytes: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    let mut jiter = Jiter::new(bytes);
    let mut found = Vec::new();
    let mut next = jiter.next_array().map_err(|e| Refusal::syntax(&jiter, &e))?;
    while next.is_some() {
        let start = jiter.current_index();
        jiter.next_skip().map_err(|e| Refusal::syntax(&jiter, &e))?;
        found.push(jiter.slice_to_current(start));
        next = jiter.array_step().map_err(|e| Refusal::syntax(&jiter, &e))?;
    }
    jiter.finish().map_err(|e| Refusal::syntax(&jiter, &e))?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::fields;

    fn canonical(text: &str) -> Result<String, Refusal> {
        object(text.as_bytes(), &RandomState::new(), &mut |name, _| name == "_uid").map(|c| c.text)
    }

    #[test]
    fn order_and_numbers_stay_and_space_goes() {
        for (sent, kept) in [
            (
                r#" { "b" : 1.0 , "a" : [ 1e2, -0, 12345678901234567890123 ] } "#,
                r#"{"b":1.0,"a":[1e2,-0,12345678901234567890123]}"#,
            ),
            (r#"{"a":"\u0041\/\u00e9\n"}"#, r#"{"a":"A/é\n"}"#),
            (r#"{"_uid":"abc","a":1,"_b":{}}"#, r#"{"a":1,"_b":{}}"#),
            (r#"{"a":1,"_uid":"abc"}"#, r#"{"a":1}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(canonical(sent).unwrap(), kept);
        }
    }

    #[test]
    fn refusals_name_the_place() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(17), "}".repeat(17));
        let many = format!("{{{}}}", (0..513).map(|i| format!("\"f{i}\":1")).collect::<Vec<_>>().join(","));
        for (sent, pointer, word) in [
            (r#"{"a":{"b":1,"b":2}}"#, "/a/b", "twice"),
            (r#"{"a/b":["x","\u0000"]}"#, "/a~1b/1", "NUL"),
            (r#"{"a":1e999}"#, "/a", "range"),
            (r"[1]", "", "object"),
            (deep.as_str(), "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", "deeper"),
            (many.as_str(), "/f512", "512"),
            (r#"{"a":1,}"#, "", "line 1 column"),
            (r#"{"a":"\ud800"}"#, "/a", "hex escape"),
        ] {
            let refusal = canonical(sent).unwrap_err();
            assert_eq!(refusal.pointer, pointer, "{sent}");
            assert!(refusal.detail.contains(word), "{sent}: {}", refusal.detail);
        }
    }

    #[test]
    fn equal_shapes_have_equal_hashes() {
        let seed = RandomState::new();
        let shape = |text: &str| object(text.as_bytes(), &seed, &mut |name, _| name == "_uid").unwrap().shape;
        assert_eq!(shape(r#"{"a":1,"b":["x"]}"#), shape(r#"{"a":2.5,"b":[1,2,3]}"#));
        assert_eq!(shape(r#"{"a":1,"_uid":"x"}"#), shape(r#"{"a":2}"#));
        assert_ne!(shape(r#"{"a":1}"#), shape(r#"{"a":"1"}"#));
        assert_ne!(shape(r#"{"a":{"b":1}}"#), shape(r#"{"a":1,"b":1}"#));
    }

    #[test]
    fn fields_are_visited_in_order() {
        let mut seen = Vec::new();
        fields(
            r#"{"b":{"c.d":1.50,"e":{}},"a":["x",{"y":1}],"z":"q\"","n":null,"t":true}"#,
            &mut |path, kind, text| {
                seen.push((path.to_owned(), kind, text.to_owned()));
            },
        );
        let expected = [
            (r"b.c\.d", Kind::Number, "1.50"),
            ("b.e", Kind::Object, "{}"),
            ("a", Kind::Array, r#"["x",{"y":1}]"#),
            ("z", Kind::String, "q\""),
            ("n", Kind::Null, "null"),
            ("t", Kind::Bool, "true"),
        ];
        assert_eq!(seen, expected.map(|(p, k, t)| (p.to_owned(), k, t.to_owned())));
    }
}
