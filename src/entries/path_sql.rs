//! The path of a field as the JSON functions of the two databases take it.

use crate::json::{self, Path};

/// Steps that are numbers can be an index or a name; each doubles the places to look at. Later ones are names.
const MAX_INDEXES: usize = 3;

/// For SQLite: a quoted literal, or an expression that chooses among the readings of its numbers (the index of an
/// array, or the name of a field). `doc` is the column, with its alias. A name is compared as the JSON text spells it,
/// which is canonical, so it is spelled the same way here.
pub fn sqlite(path: &Path, doc: &str) -> String {
    let mut readings = vec!["$".to_owned()];
    for step in &path.0 {
        let name = format!(".{}", json::string(step));
        let index = (is_index(step) && readings.len() < 1 << MAX_INDEXES).then(|| format!("[{step}]"));
        readings = readings
            .iter()
            .flat_map(|reading| index.iter().chain([&name]).map(move |step| format!("{reading}{step}")))
            .collect();
    }
    let literals: Vec<_> = readings.iter().map(|reading| quote(reading)).collect();
    let (last, others) = literals.split_last().expect("a path has a step");
    if others.is_empty() {
        return last.clone();
    }
    let tries = others.iter().map(|p| format!("WHEN json_type({doc}, {p}) IS NOT NULL THEN {p} "));
    format!("(CASE {}ELSE {last} END)", tries.collect::<String>())
}

/// For PostgreSQL's `#>`.
pub fn postgres(path: &Path) -> String {
    let steps: Vec<_> =
        path.0.iter().map(|step| format!("\"{}\"", step.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("{}::text[]", quote(&format!("{{{}}}", steps.join(","))))
}

/// Only what SQLite reads as an index: digits that fit 32 bits, without leading zeros.
fn is_index(step: &str) -> bool {
    !step.is_empty()
        && step.len() <= 9
        && step.bytes().all(|b| b.is_ascii_digit())
        && (step == "0" || !step.starts_with('0'))
}

/// A text as an SQL literal.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::{postgres, sqlite};
    use crate::json::Path;

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        let path = Path(vec![r#"a"b'c"#.into()]);
        assert_eq!(sqlite(&path, "doc"), r#"'$."a\"b''c"'"#);
        assert_eq!(postgres(&path), r#"'{"a\"b''c"}'::text[]"#);
    }
}
