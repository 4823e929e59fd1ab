//! Small helpers for text that people read.

/// The name among `names` nearest to `wrong`, if one is near enough to be meant.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near_enough = wrong.chars().count().div_ceil(3).max(1);
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(wrong, name), name))
        .filter(|(distance, _)| (1..=near_enough).contains(distance))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `; did you mean "x"?`, or nothing.
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, names).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default()
}

/// `2140` as `2,140`.
pub fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A noun with its indefinite article: `an advisor`, `a queue`. Acronyms go by how their first letter is spoken: `an FAQ`.
pub fn with_article(noun: &str) -> String {
    let is_acronym = noun.len() > 1 && noun.chars().all(|c| c.is_ascii_uppercase());
    let vowels = if is_acronym { "AEFHILMNORSX" } else { "aeio" };
    let article = if noun.starts_with(|first| vowels.contains(first)) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// A length of time in seconds as `4 s`, `3 min` or `2 h`.
pub fn ago(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_strange_one_has_none() {
        assert_eq!(nearest("emial", ["name", "email"]), Some("email"));
        assert_eq!(nearest("_limti", ["_limit", "_sort"]), Some("_limit"));
        assert_eq!(nearest("colour", ["name", "email"]), None);
        assert_eq!(nearest("a", ["a"]), None);
    }

    #[test]
    fn articles_are_spoken() {
        for text in ["an advisor", "a queue", "an FAQ", "a user", "an object", "a place"] {
            let noun = text.split_once(' ').unwrap().1;
            assert_eq!(with_article(noun), text);
        }
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000")] {
            assert_eq!(thousands(number), text);
        }
    }
}
