//! HTML forms, url-encoded and multipart, in whatever encoding their page has. Files are skipped while they are read.
//!
//! A browser sends a form in the encoding of its page and names it in a hidden field `_charset_`, if the form has one
//! (HTML, 4.10.21.4). Nobody who wrote a message can help how the page was saved, so a form is never refused for it.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use percent_encoding::percent_decode;
use rocket::http::ContentType;

use crate::error::{Error, Result};
use crate::json;
use crate::limits::{MAX_BODY, MAX_LEAVES};

/// Fields of a form that may be ours: `_uid` and so on.
pub(super) const OUR_NAMES: usize = 10;
const OURS: [&str; 8] = ["_uid", "_session", "_at", "_sent", "_collection", "_key", "_next", "_gotcha"];
/// Files of a form that are noted, and bytes of their names.
pub(super) const FILES: usize = 50;
pub(super) const FILE_NAME: usize = 250;
/// The hidden field by which a browser names the encoding.
const CHARSET: &str = "_charset_";

/// A form as an entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// A JSON object. A repeated name is an array, `a.b` stays a plain name, a file is `{"file","type","bytes"}`.
    pub object: Vec<u8>,
    /// Names of the files that came with it; none of them is kept.
    pub files: Vec<String>,
}

/// A field before its encoding is known.
pub(super) struct Field {
    pub name: Vec<u8>,
    pub value: Value,
}

pub(super) enum Value {
    /// With the `charset` that a part of a multipart body may have of its own.
    Text(Vec<u8>, Option<&'static Encoding>),
    File {
        name: Vec<u8>,
        kind: String,
        bytes: u64,
    },
}

/// A body is longer than it may be.
pub fn too_large() -> Error {
    Error::TooLarge(format!("A request holds at most {MAX_BODY} bytes, unpacked.").into())
}

/// Reads `application/x-www-form-urlencoded` (WHATWG URL, 5.1).
pub fn url_encoded(kind: &ContentType, bytes: &[u8]) -> Result<Form> {
    let decode = |text: &[u8]| {
        let spaces: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        percent_decode(&spaces).collect::<Vec<u8>>()
    };
    let parts = bytes.split(|b| *b == b'&').filter(|part| !part.is_empty());
    let fields = parts.map(|part| {
        let at = part.iter().position(|b| *b == b'=');
        let (name, value) = at.map_or((part, &[][..]), |at| (&part[..at], &part[at + 1..]));
        Field { name: decode(name), value: Value::Text(decode(value), None) }
    });
    assemble(kind, fields.collect())
}

pub(super) fn too_many() -> Error {
    Error::invalid("", format!("an entry has more than {MAX_LEAVES} values"))
}

/// The encoding of a form: the one that `_charset_` names, then that of the body's type, if the form can be written in
/// it; then UTF-8; and as nothing is refused for its encoding, windows-1252, in which every byte is a character.
fn encoding(kind: &ContentType, fields: &[Field]) -> &'static Encoding {
    let hidden = fields.iter().filter(|field| field.name == CHARSET.as_bytes()).find_map(|field| match &field.value {
        Value::Text(label, _) => known(label),
        Value::File { .. } => None,
    });
    let header = kind.param("charset").and_then(|label| known(label.as_bytes()));
    let fits = |encoding: &'static Encoding| {
        let text = |bytes: &[u8]| fits_in(encoding, bytes);
        fields.iter().all(|field| {
            text(&field.name)
                && match &field.value {
                    Value::Text(bytes, own) => own.is_some_and(|own| fits_in(own, bytes)) || text(bytes),
                    Value::File { name, .. } => text(name),
                }
        })
    };
    let named = [hidden, header].into_iter().flatten();
    named.chain([UTF_8]).find(|encoding| fits(encoding)).unwrap_or(WINDOWS_1252)
}

/// The encoding of a label, if a form can be written in it (WHATWG Encoding, "output encoding").
pub(super) fn known(label: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_label(label).map(Encoding::output_encoding)
}

fn fits_in(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).is_some()
}

/// Fields as an object: a repeated name becomes an array, `a.b` stays a plain name.
pub(super) fn assemble(kind: &ContentType, fields: Vec<Field>) -> Result<Form> {
    if fields.len() > MAX_LEAVES + OUR_NAMES {
        return Err(too_many());
    }
    let encoding = encoding(kind, &fields);
    let text = |bytes: &[u8], own: Option<&'static Encoding>| {
        let own = own.filter(|own| fits_in(own, bytes));
        own.unwrap_or(encoding).decode_without_bom_handling(bytes).0.into_owned()
    };
    let mut object: Vec<(String, Vec<String>)> = Vec::new();
    let mut files = Vec::new();
    for field in fields.into_iter().filter(|field| field.name != CHARSET.as_bytes()) {
        let value = match field.value {
            Value::Text(bytes, own) => json::string(&text(&bytes, own)),
            Value::File { name, kind, bytes } => {
                let name = text(&name, None);
                let note =
                    format!("{{\"file\":{},\"type\":{},\"bytes\":{bytes}}}", json::string(&name), json::string(&kind));
                files.push(name);
                note
            }
        };
        let name = text(&field.name, None);
        put(&mut object, name, value);
    }
    let members: Vec<_> = object.iter().map(|(name, values)| member(name, values)).collect();
    Ok(Form { object: format!("{{{}}}", members.join(",")).into_bytes(), files })
}

/// Adds a field. A reserved name has one value: the first that is not blank.
fn put(object: &mut Vec<(String, Vec<String>)>, name: String, value: String) {
    match object.iter_mut().find(|(known, _)| *known == name) {
        None => object.push((name, vec![value])),
        Some((_, values)) if !OURS.contains(&name.as_str()) => values.push(value),
        Some((_, values)) if values.iter().all(|value| is_blank(value)) => *values = vec![value],
        Some(_) => {}
    }
}

/// A member of the object: a field that occurs several times is a list.
fn member(name: &str, values: &[String]) -> String {
    let value = if let [value] = values { value.clone() } else { format!("[{}]", values.join(",")) };
    format!("{}:{value}", json::string(name))
}

/// Whether somebody filled a form in, judging by its data: any value but blank ones.
pub fn is_filled(data: &str) -> bool {
    let mut filled = false;
    json::fields(data, &mut |_, kind, value| {
        let blank = match kind {
            json::Kind::Array => is_blank(value),
            json::Kind::Object => true,
            _ => value.trim().is_empty(),
        };
        filled |= !blank;
    });
    filled
}

/// Whether a value, as JSON, holds nothing but blanks.
fn is_blank(json: &str) -> bool {
    match serde_json::from_str(json) {
        Ok(serde_json::Value::String(text)) => text.trim().is_empty(),
        Ok(serde_json::Value::Array(values)) => values.iter().all(|value| is_blank(&value.to_string())),
        Ok(value) => value.is_null(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, body: &[u8]) -> Form {
        let kind = ContentType::parse_flexible(kind).unwrap();
        url_encoded(&kind, body).unwrap()
    }

    #[test]
    fn a_form_is_read_in_the_encoding_of_its_page() {
        let plain = "application/x-www-form-urlencoded";
        for (kind, body, object) in [
            (plain, &b"name=Jos%C3%A9"[..], r#"{"name":"José"}"#),
            (plain, b"name=Jos%E9", r#"{"name":"José"}"#),
            (plain, b"name=Jos\xe9&gr%f6%dfe=1", r#"{"name":"José","größe":"1"}"#),
            (plain, b"name=%80&_charset_=windows-1252", r#"{"name":"€"}"#),
            (plain, b"_charset_=Shift_JIS&name=%93%FA%96%7B", r#"{"name":"日本"}"#),
            (plain, b"name=%CF%F0&_charset_=windows-1251", r#"{"name":"Пр"}"#),
            ("application/x-www-form-urlencoded; charset=iso-8859-1", b"name=Jos%E9", r#"{"name":"José"}"#),
            // a label that lies, or that nobody knows, is no reason to lose anything
            ("application/x-www-form-urlencoded; charset=utf-8", b"name=Jos%E9", r#"{"name":"José"}"#),
            (plain, b"name=Jos%E9&_charset_=utf-8", r#"{"name":"José"}"#),
            (plain, b"name=Jos%C3%A9&_charset_=klingon", r#"{"name":"José"}"#),
            // the hidden field goes before the header
            (
                "application/x-www-form-urlencoded; charset=windows-1252",
                b"n=%CF&_charset_=windows-1251",
                r#"{"n":"П"}"#,
            ),
        ] {
            assert_eq!(String::from_utf8(read(kind, body).object).unwrap(), object, "{kind} {body:?}");
        }
    }

    #[test]
    fn only_what_somebody_typed_fills_a_form() {
        for (data, filled) in [
            ("{}", false),
            (r#"{"a":"","b":["",""]}"#, false),
            (r#"{"a":" ","b":""}"#, false),
            (r#"{"a":"","b":"x"}"#, true),
            (r#"{"cv":{"file":"cv.pdf","type":"application/pdf","bytes":3}}"#, true),
        ] {
            assert_eq!(is_filled(data), filled, "{data}");
        }
    }
}
