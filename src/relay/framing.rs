//! What the fields of a request say of its body.

use http::{HeaderMap, header};

use super::upload::Framing;

/// How the end of a body is known.
pub fn framing(headers: &HeaderMap) -> Framing {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Framing::Chunked;
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.map_or(Framing::None, Framing::Length)
}
