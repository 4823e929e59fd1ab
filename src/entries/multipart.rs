//! Multipart forms (RFC 7578), read piece by piece; the content of files is skipped.

use std::io;
use std::sync::atomic::Ordering;

use futures::Stream;
use percent_encoding::percent_decode;
use rocket::http::ContentType;

use super::form::{FILE_NAME, FILES, Field, Form, OUR_NAMES, Value, assemble, known, too_large, too_many};
use crate::error::{Error, FieldError, Result};
use crate::limits::{MAX_BODY, MAX_LEAVES};
use crate::web::{Unread, pieces};

/// Reads `multipart/form-data` (RFC 7578). The texts may be [`MAX_BODY`] bytes, files as many as `body` gives.
pub async fn read<S>(kind: &ContentType, body: S) -> Result<Form>
where
    S: Stream<Item = io::Result<bytes::Bytes>> + Send,
{
    let boundary = kind.param("boundary").ok_or_else(|| unreadable(&multer::Error::NoBoundary))?;
    let unread = Unread::default();
    let mut parts = multer::Multipart::new(pieces(body, unread.clone(), MAX_BODY), boundary);
    let mut fields = Vec::new();
    let mut room = MAX_BODY;
    while let Some(mut part) = parts.next_field().await.map_err(|e| unreadable(&e))? {
        match read_part(&mut part, &unread, &mut room).await? {
            // What a browser sends for a file that nobody chose.
            Field { value: Value::File { name, bytes: 0, .. }, .. } if name.is_empty() => {}
            // So many files are noted; more must not cost the text.
            Field { value: Value::File { .. }, .. }
                if fields.iter().filter(|field| is_file(field)).count() >= FILES => {}
            field => fields.push(field),
        }
        if fields.len() > MAX_LEAVES + OUR_NAMES {
            return Err(too_many());
        }
    }
    assemble(kind, fields)
}

fn is_file(field: &Field) -> bool {
    matches!(field.value, Value::File { .. })
}

/// A part of a multipart form. Names and texts use up `room`; the content of a file is skipped.
async fn read_part(part: &mut multer::Field<'_>, unread: &Unread, room: &mut u64) -> Result<Field> {
    let mut take = |bytes: usize| -> Result<()> {
        *room = room.checked_sub(bytes as u64).ok_or_else(too_large)?;
        Ok(())
    };
    let disposition = part.headers().get("content-disposition").map_or(&[][..], |header| header.as_bytes());
    let name = parameter(disposition, "name").unwrap_or_default();
    let mut file = parameter(disposition, "filename").or_else(|| extended(disposition));
    let charset = part.content_type().and_then(|kind| kind.get_param("charset"));
    let charset = charset.and_then(|label| known(label.as_str().as_bytes()));
    let kind = part.content_type().map_or(String::new(), |kind| kind.essence_str().to_owned());
    // A part of another type than text is a file, even if nobody says how it is called.
    if file.is_none() && !matches!(kind.split('/').next(), Some("" | "text")) && kind != "application/json" {
        file = Some(Vec::new());
    }
    take(name.len() + file.as_ref().map_or(0, Vec::len) + kind.len())?;
    let (mut text, mut bytes) = (Vec::new(), 0);
    while let Some(chunk) = part.chunk().await.map_err(|e| unreadable(&e))? {
        unread.store(0, Ordering::Relaxed);
        bytes += chunk.len() as u64;
        if file.is_none() {
            take(chunk.len())?;
            text.extend(chunk);
        }
    }
    let value = match file {
        None => Value::Text(text, charset),
        Some(mut file) => {
            file.truncate(FILE_NAME);
            Value::File { name: file, kind: kind.chars().take(100).collect(), bytes }
        }
    };
    Ok(Field { name, value })
}

fn unreadable(error: &multer::Error) -> Error {
    Error::BadRequest(vec![FieldError::at("", format!("the multipart body cannot be read: {error}"))])
}

/// A parameter of `Content-Disposition` as its bytes: a page's own encoding stands in names too, which then are no
/// text yet. Quotes in it are escaped as `%22` (HTML) or `\"` (RFC 9110).
fn parameter(header: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut rest = header;
    loop {
        let start = rest.iter().position(|b| *b == b';')? + 1;
        rest = rest[start..].trim_ascii_start();
        let equals = rest.iter().position(|b| *b == b'=')?;
        let found = rest[..equals].trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        rest = rest[equals + 1..].trim_ascii_start();
        let (value, length) = parameter_value(rest);
        if found {
            return Some(value);
        }
        rest = &rest[length..];
    }
}

/// `filename*=UTF-8''…` (RFC 5987), which some programs send alone.
fn extended(header: &[u8]) -> Option<Vec<u8>> {
    let value = parameter(header, "filename*")?;
    let at = value.iter().rposition(|b| *b == b'\'').map_or(0, |at| at + 1);
    Some(percent_decode(&value[at..]).collect())
}

/// The value at the beginning of a text, and how long it is there.
fn parameter_value(text: &[u8]) -> (Vec<u8>, usize) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|b| *b == b';').unwrap_or(text.len());
        return (text[..end].trim_ascii().to_vec(), end);
    };
    let mut value = Vec::new();
    let mut at = 0;
    while at < quoted.len() && quoted[at] != b'"' {
        at += usize::from(quoted[at] == b'\\' && quoted.get(at + 1) == Some(&b'"'));
        value.push(quoted[at]);
        at += 1;
    }
    for (escape, meant) in [(&b"%22"[..], &b"\""[..]), (b"%0D", b"\r"), (b"%0A", b"\n")] {
        value = replace(&value, escape, meant);
    }
    (value, (at + 2).min(text.len()))
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts_are_bytes() {
        let header = b"form-data; name=\"gr\xf6\xdfe \\\"x\\\" %22y%22\"; filename=a.txt";
        assert_eq!(parameter(header, "name").unwrap(), b"gr\xf6\xdfe \"x\" \"y\"");
        assert_eq!(parameter(header, "filename").unwrap(), b"a.txt");
        assert_eq!(parameter(b"form-data; name=\"\"", "name").unwrap(), b"");
        assert_eq!(parameter(b"form-data", "name"), None);
    }
}
