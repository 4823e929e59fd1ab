//! Bodies of `/add`: JSON, NDJSON, forms; gzip too. Out come JSON texts, one per entry.

use std::io::Read as _;

use rocket::http::ContentType;

use super::form::{self, Form};
use crate::error::{Error, Result};
use crate::json;
use crate::limits::{MAX_BODY, MAX_ENTRIES};

/// The entries of one request, as JSON texts.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    One(Vec<u8>),
    Batch(Vec<Vec<u8>>),
    /// From an HTML form.
    Form(Form),
}

/// Unpacks a body. `gzip` is what `Content-Encoding` said.
pub async fn read(kind: Option<&ContentType>, gzip: bool, bytes: Vec<u8>) -> Result<Body> {
    let bytes = if gzip { unpack(&bytes)? } else { bytes };
    let Some(kind) = kind else { return json_body(bytes) };
    if *kind == ContentType::Form {
        return form::url_encoded(kind, &bytes).map(Body::Form);
    }
    if *kind == ContentType::FormData {
        let whole = futures::stream::once(async move { Ok(bytes.into()) });
        return Box::pin(super::multipart::read(kind, whole)).await.map(Body::Form);
    }
    match (kind.top().as_str(), kind.sub().as_str()) {
        ("application", "x-ndjson" | "jsonl" | "x-jsonlines" | "ndjson") => lines(&bytes),
        ("application", "json") | ("text", "plain") => json_body(bytes),
        (_, sub) if sub.ends_with("+json") => json_body(bytes),
        _ => Err(Error::UnsupportedType(
            "Send application/json, text/plain with JSON in it, application/x-ndjson, or a form.".into(),
        )),
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .take(MAX_BODY + 1)
        .read_to_end(&mut plain)
        .map_err(|_| Error::BadRequest(vec![crate::error::FieldError::at("", "the body is no valid gzip")]))?;
    if plain.len() as u64 > MAX_BODY {
        return Err(form::too_large());
    }
    Ok(plain)
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("invalid UTF-8 after {} bytes", error.valid_up_to());
        Error::BadRequest(vec![crate::error::FieldError::at("", detail)])
    })
}

fn json_body(mut bytes: Vec<u8>) -> Result<Body> {
    utf8(&bytes)?;
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(..3);
    }
    mend_surrogates(&mut bytes);
    match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'[') => batch(json::elements(&bytes).map_err(malformed)?),
        Some(_) => Ok(Body::One(bytes)),
        None => Err(Error::BadRequest(vec![crate::error::FieldError::at("", "the body is empty")])),
    }
}

/// Half of a surrogate pair, as programs leave it that cut a text between: no text can hold it, and one such entry must not
/// take its whole batch along. It becomes U+FFFD, as in a browser's own `toWellFormed`.
fn mend_surrogates(bytes: &mut [u8]) {
    let unit = |bytes: &[u8], at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        at += match (unit(bytes, at), unit(bytes, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                bytes[at + 2..at + 6].copy_from_slice(b"fffd");
                6
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
    }
}

pub fn malformed(refusal: json::Refusal) -> Error {
    let error = crate::error::FieldError::at(refusal.pointer, refusal.detail);
    if refusal.malformed { Error::BadRequest(vec![error]) } else { Error::Invalid(vec![error]) }
}

fn lines(bytes: &[u8]) -> Result<Body> {
    utf8(bytes)?;
    batch(bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect())
}

fn batch(items: Vec<&[u8]>) -> Result<Body> {
    if items.len() > MAX_ENTRIES {
        return Err(Error::TooLarge(
            format!("A request holds at most {MAX_ENTRIES} entries, this one {}.", items.len()).into(),
        ));
    }
    if items.is_empty() {
        return Err(Error::BadRequest(vec![crate::error::FieldError::at("", "there is no entry in the body")]));
    }
    Ok(Body::Batch(items.into_iter().map(<[u8]>::to_vec).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rocket::async_test]
    async fn every_kind_of_body_becomes_json() {
        let object = || br#"{"a":1}"#.to_vec();
        let form = |text: &str, files: &[&str]| {
            let files = files.iter().map(|name| (*name).to_owned()).collect();
            Body::Form(Form { object: text.as_bytes().to_vec(), files })
        };
        let multipart_type = ContentType::parse_flexible("multipart/form-data; boundary=x").unwrap();
        let parts = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\n\r\nno\r\n--x--\r\n";
        for (kind, body, read_as) in [
            (Some(ContentType::JSON), object(), Body::One(object())),
            (Some(ContentType::Plain), object(), Body::One(object())),
            (None, object(), Body::One(object())),
            (Some(ContentType::JSON), br#" [{"a":1}, 2] "#.to_vec(), Body::Batch(vec![object(), b"2".to_vec()])),
            (
                Some(ContentType::new("application", "x-ndjson")),
                b"{\"a\":1}\n\n2\r\n".to_vec(),
                Body::Batch(vec![object(), b"2\r".to_vec()]),
            ),
            (Some(ContentType::Form), b"a=1&b.c=x+y&a=2".to_vec(), form(r#"{"a":["1","2"],"b.c":"x y"}"#, &[])),
            (
                Some(multipart_type),
                parts.as_bytes().to_vec(),
                form(r#"{"a":"1","f":{"file":"f.txt","type":"","bytes":2}}"#, &["f.txt"]),
            ),
        ] {
            assert_eq!(read(kind.as_ref(), false, body).await.unwrap(), read_as, "{kind:?}");
        }
    }

    #[rocket::async_test]
    async fn a_gzip_bomb_is_too_large() {
        use std::io::Write as _;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![b' '; 50_000_000]).unwrap();
        let error = read(Some(&ContentType::JSON), true, packer.finish().unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge(_)), "{error:?}");
    }
}
