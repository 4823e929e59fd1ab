//! Scripts and styles: prepared by `build.rs`, embedded, and compressed at build time.

use rocket::http::{ContentType, Header, Status};
use rocket::response::Response;
use rocket::{Request, Route, get, routes};
use rust_embed_for_web::{EmbedableFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/static"]
struct Static;

/// A digest of all files of `static/`, computed by `build.rs`. One for all, so that a module finds those it imports, and
/// a style sheet its pictures, by their relative addresses.
const VERSION: &str = env!("ASSETS_VERSION");

/// The address of an asset. It changes when an asset does, so that browsers may keep it for good.
pub fn url(name: &str) -> String {
    format!("/static/{VERSION}/{name}")
}

/// The entity tag of an asset: the hash of its content, made at build time.
fn tag(name: &str) -> String {
    Static::get(name).map_or(String::new(), |file| format!("\"{}\"", file.hash()))
}

/// The bytes of an asset.
pub fn bytes(name: &str) -> Option<Vec<u8>> {
    Static::get(name).map(|file| AsRef::<[u8]>::as_ref(&file.data()).to_vec())
}

/// The `integrity` attribute of an asset (Subresource Integrity).
pub fn integrity(name: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let digest = sha2::Sha384::digest(bytes(name).unwrap_or_default());
    format!("sha384-{}", base64::prelude::BASE64_STANDARD.encode(digest))
}

/// An asset as an answer, in the best encoding that the browser takes.
pub struct Asset {
    name: String,
    cache: &'static str,
}

impl Asset {
    /// The file `name` of `static/`, with this `Cache-Control`.
    pub fn new(name: impl Into<String>, cache: &'static str) -> Asset {
        Asset { name: name.into(), cache }
    }
}

impl<'r> rocket::response::Responder<'r, 'static> for Asset {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let file = Static::get(&self.name).ok_or(Status::NotFound)?;
        let accepted = request.headers().get_one("Accept-Encoding").unwrap_or("");
        let (encoding, body): (Option<&str>, Vec<u8>) = match (file.data_br(), file.data_gzip()) {
            (Some(data), _) if accepted.contains("br") => (Some("br"), AsRef::<[u8]>::as_ref(&data).to_vec()),
            (_, Some(data)) if accepted.contains("gzip") => (Some("gzip"), AsRef::<[u8]>::as_ref(&data).to_vec()),
            _ => (None, AsRef::<[u8]>::as_ref(&file.data()).to_vec()),
        };
        let tag = tag(&self.name);
        let mut response = Response::build();
        response
            .header(Header::new("Cache-Control", self.cache))
            .header(Header::new("Vary", "Accept-Encoding"))
            .header(Header::new("ETag", tag.clone()))
            // Snippets are loaded by pages of other origins.
            .header(Header::new("Access-Control-Allow-Origin", "*"))
            .header(Header::new("Cross-Origin-Resource-Policy", "cross-origin"));
        if request.headers().get_one("If-None-Match") == Some(tag.as_str()) {
            return response.status(Status::NotModified).ok();
        }
        if let Some(encoding) = encoding {
            response.header(Header::new("Content-Encoding", encoding));
        }
        let extension = self.name.rsplit('.').next().unwrap_or("");
        response.header(ContentType::from_extension(extension).unwrap_or(ContentType::Plain));
        response.sized_body(body.len(), std::io::Cursor::new(body)).ok()
    }
}

/// The version in the path is only there to change.
#[get("/static/<_version>/<path..>")]
fn file(_version: &str, path: std::path::PathBuf) -> Asset {
    Asset::new(path.to_string_lossy().into_owned(), "public, max-age=31536000, immutable")
}

/// Files of `static/`, and those that browsers ask for at fixed paths.
pub fn routes() -> Vec<Route> {
    routes![file]
}
