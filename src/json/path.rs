//! The path of a field inside an entry's data: `cart.total`, `tags.0`, `a\.b`, or a JSON pointer `/cart/total`.

use std::fmt;

/// Names from the outermost to the innermost. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(pub Vec<String>);

/// Steps of a path, at most: no entry is nested deeper.
const MAX_STEPS: usize = crate::limits::MAX_DEPTH;

impl Path {
    /// Reads a path. An initial `data.` is dropped, so that `data._id` reaches a client's own `_id`.
    pub fn parse(text: &str) -> Result<Path, String> {
        let steps = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
            None => split(text.strip_prefix("data.").unwrap_or(text)),
        };
        if steps.len() > MAX_STEPS {
            return Err(format!("a path has at most {MAX_STEPS} steps"));
        }
        if text.contains('\0') {
            return Err("a path has no NUL character".into());
        }
        Ok(Path(steps))
    }
}

/// Splits at dots that no backslash protects.
fn split(text: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '.' => steps.push(String::new()),
            '\\' => steps.last_mut().expect("never empty").push(chars.next().unwrap_or('\\')),
            c => steps.last_mut().expect("never empty").push(c),
        }
    }
    steps
}

/// Appends a step to the text of a path, `depth` steps deep already.
pub(super) fn push(text: &mut String, depth: usize, name: &str) {
    if depth > 0 {
        text.push('.');
    } else if name.starts_with(['_', '/']) || name == "data" {
        // what would otherwise be read as one of ours, or as a pointer
        text.push_str("data.");
    }
    if !name.contains(['\\', '.']) {
        text.push_str(name);
        return;
    }
    for c in name.chars() {
        if matches!(c, '\\' | '.') {
            text.push('\\');
        }
        text.push(c);
    }
}

impl fmt::Display for Path {
    /// The text that [`Path::parse`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (depth, step) in self.0.iter().enumerate() {
            push(&mut text, depth, step);
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn paths_are_read_and_written() {
        for (text, steps, written) in [
            ("cart.total", vec!["cart", "total"], "cart.total"),
            (r"a\.b", vec!["a.b"], r"a\.b"),
            ("/a.b/c~1d", vec!["a.b", "c/d"], r"a\.b.c/d"),
            ("/", vec![""], ""),
            ("data._id", vec!["_id"], "data._id"),
            ("data.data", vec!["data"], "data.data"),
            ("tags.0", vec!["tags", "0"], "tags.0"),
            (r"a\\.b", vec![r"a\", "b"], r"a\\.b"),
        ] {
            let path = Path::parse(text).unwrap();
            assert_eq!(path.0, steps, "{text}");
            assert_eq!(path.to_string(), written, "{text}");
            assert_eq!(Path::parse(&path.to_string()).unwrap(), path, "{text}");
        }
    }
}
