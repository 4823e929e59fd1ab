//! A request to a relay, from whichever door.

use http::{HeaderMap, Method};

use super::headers::{Client, Door};

/// A request as a door hands it over.
pub struct Asked {
    pub method: Method,
    /// Below the relay, as it was sent: with a slash in front, or empty.
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub client: Client,
    pub door: Door,
    /// The door knows the account, or the API token.
    pub is_signed_in: bool,
    /// How the client spelled its fields.
    pub extensions: http::Extensions,
}
