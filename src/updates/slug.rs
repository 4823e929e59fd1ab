//! The part of an address that names an update.

/// Characters of a slug at most.
const MOST: usize = 80;
/// Addresses below `/updates` that are pages.
const RESERVED: [&str; 2] = ["edit", "new"];

/// The slug of a title: small letters, digits and hyphens, other scripts spelled with them; 1 to 80 characters, never an
/// address that is a page's.
pub fn slug_of(title: &str) -> String {
    let whole = slug::slugify(title);
    let cut: String = whole.chars().take(MOST).collect();
    let slug = cut.trim_end_matches('-');
    match slug {
        "" => "update".into(),
        taken if RESERVED.contains(&taken) => format!("{taken}-1"),
        slug => slug.to_owned(),
    }
}

/// The same with a number behind it, for the second of that name and those after it; at most 80 characters.
pub fn numbered(slug: &str, number: usize) -> String {
    let end = format!("-{number}");
    let start: String = slug.chars().take(MOST - end.len()).collect();
    format!("{}{end}", start.trim_end_matches('-'))
}

/// Whether a text can be a slug at all: whoever asks for anything else asks in vain.
pub fn is_slug(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MOST).contains(&text.len()) && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::{is_slug, numbered, slug_of};

    #[test]
    fn a_slug_is_never_empty_nor_a_page() {
        let rows = [
            ("Hello, World!", "hello-world"),
            ("Caf\u{e9}", "cafe"),
            ("Cafe\u{301}", "cafe"),
            ("...", "update"),
            ("", "update"),
            ("new", "new-1"),
            ("Edit", "edit-1"),
            ("feed.atom", "feed-atom"),
        ];
        for (title, expected) in rows {
            assert_eq!(slug_of(title), expected, "{title}");
        }
        for title in ["汉字", "£€", "🎉", &"x".repeat(300), &"long words ".repeat(40)] {
            let slug = slug_of(title);
            assert!(is_slug(&slug), "{slug}");
            assert!(is_slug(&numbered(&slug, 12)) && numbered(&slug, 12).ends_with("-12"));
        }
    }
}
