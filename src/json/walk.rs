//! Stored JSON, read without building values: it is canonical, so that one look at each byte is enough.

use jiter::{Jiter, JiterError, Peek};

use super::path::{self, Path};
use super::read::Kind;
use super::text::own;

/// Visits the fields of canonical text in order: path, kind, and the value as text
/// (a string unescaped, anything else as it is written).
pub fn fields(text: &str, visit: &mut dyn FnMut(&str, Kind, &str)) {
    let mut jiter = Jiter::new(text.as_bytes());
    let mut at = String::with_capacity(64);
    // What is stored was checked; a text that is not JSON simply ends the walk.
    let _ = jiter.peek().and_then(|_| walk(&mut jiter, &mut at, 0, visit));
}

/// The value at a path of canonical text, as it is written there.
pub fn find<'t>(text: &'t str, path: &Path) -> Option<&'t str> {
    let mut jiter = Jiter::new(text.as_bytes());
    for step in &path.0 {
        match jiter.peek().ok()? {
            Peek::Object => {
                let mut found = jiter.known_object().ok()?.map(|name| name == step);
                while found == Some(false) {
                    jiter.next_skip().ok()?;
                    found = jiter.next_key().ok()?.map(|name| name == step);
                }
                found?;
            }
            Peek::Array => {
                let index: usize = step.parse().ok()?;
                let mut next = jiter.known_array().ok()?;
                for _ in 0..index {
                    next?;
                    jiter.next_skip().ok()?;
                    next = jiter.array_step().ok()?;
                }
                next?;
            }
            _ => return None,
        }
    }
    jiter.peek().ok()?;
    let start = jiter.current_index();
    jiter.next_skip().ok()?;
    std::str::from_utf8(jiter.slice_to_current(start)).ok()
}

/// The names of an object and their values, as they are written.
pub fn members(text: &str) -> Vec<(String, &str)> {
    let mut jiter = Jiter::new(text.as_bytes());
    let mut found = Vec::new();
    let mut name = own(jiter.next_object()).ok().flatten();
    while let Some(key) = name {
        let Ok(peek) = jiter.peek() else { break };
        let start = jiter.current_index();
        if jiter.known_skip(peek).is_err() {
            break;
        }
        found.push((key, std::str::from_utf8(jiter.slice_to_current(start)).unwrap_or_default()));
        name = own(jiter.next_key()).ok().flatten();
    }
    found
}

/// The paths of canonical text.
pub fn paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    fields(text, &mut |path, _, _| found.push(path.to_owned()));
    found
}

fn walk(
    jiter: &mut Jiter<'_>,
    at: &mut String,
    depth: usize,
    visit: &mut dyn FnMut(&str, Kind, &str),
) -> Result<(), JiterError> {
    let parent = at.len();
    let mut empty = true;
    let mut more = extend(at, parent, depth, jiter.known_object()?);
    while more {
        empty = false;
        match jiter.peek()? {
            Peek::Object => walk(jiter, at, depth + 1, visit)?,
            Peek::String => visit(at, Kind::String, jiter.known_str()?),
            peek => {
                let kind = match peek {
                    Peek::Array => Kind::Array,
                    Peek::Null => Kind::Null,
                    Peek::True | Peek::False => Kind::Bool,
                    _ => Kind::Number,
                };
                let start = jiter.current_index();
                jiter.known_skip(peek)?;
                visit(at, kind, std::str::from_utf8(jiter.slice_to_current(start)).unwrap_or_default());
            }
        }
        more = extend(at, parent, depth, jiter.next_key()?);
    }
    at.truncate(parent);
    if empty && depth > 0 {
        visit(at, Kind::Object, "{}");
    }
    Ok(())
}

fn extend(at: &mut String, parent: usize, depth: usize, name: Option<&str>) -> bool {
    at.truncate(parent);
    let Some(name) = name else { return false };
    path::push(at, depth, name);
    true
}
