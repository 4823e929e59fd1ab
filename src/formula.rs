//! Texts that a spreadsheet program would run as a formula, guarded in CSV by an apostrophe.

use crate::filter::number;

/// Whether a spreadsheet program could run a text as a formula: it begins with `=`, `+`, `-`, `@` or a full-width form,
/// also after blanks, or with a tab or line break, and is no plain number. Leading apostrophes are skipped, so that
/// `unguarded` restores every text exactly.
pub fn is_formula(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    let sign = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    (bare.starts_with(['\t', '\r', '\n']) || bare.trim_start().starts_with(sign)) && number(text).is_none()
}

/// Removes the apostrophe that guards a text for which [`is_formula`] holds.
pub fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_formula, unguarded};

    #[test]
    fn formulas_are_guarded_and_the_guard_comes_off_again() {
        for (text, formula) in [
            ("=1+1", true),
            ("+49 123", true),
            ("-5", false),
            ("-5e3", false),
            ("-5 apples", true),
            ("@user", true),
            ("\tx", true),
            ("\nx", true),
            (" =1+1", true),
            ("\u{a0}=1", true),
            ("＝1+1", true),
            ("＋49", true),
            ("－5", true),
            ("＠x", true),
            (" -5", false),
            (" plain", false),
            ("'=x", true),
            ("''=x", true),
            ("'x", false),
            ("x=1", false),
            ("", false),
            ("'", false),
        ] {
            assert_eq!(is_formula(text), formula, "{text:?}");
            let written = if formula { format!("'{text}") } else { text.to_owned() };
            assert_eq!(unguarded(&written), text, "{text:?}");
        }
    }
}
