//! Headers of every answer: security, request id, caching.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Header;
use rocket::response::Body;
use rocket::{Request, Response};

use super::guards::WebHost;

/// The id of a request: in the answer's `X-Request-Id`, in problem documents and in the log.
pub struct RequestId(String);

static COUNTER: AtomicU64 = AtomicU64::new(0);

impl RequestId {
    /// The id of this request; made when it is first asked for.
    pub fn of<'r>(request: &'r Request<'_>) -> &'r str {
        let id = request.local_cache(|| {
            // Unique within the process by the counter, between processes by the time.
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let time = jiff::Timestamp::now().as_microsecond();
            RequestId(format!("{time:x}-{count:x}"))
        });
        &id.0
    }
}

/// Notes that an answer is somebody else's, relayed: the headers of ours are none of its business.
pub struct Untouched(AtomicBool);

impl Untouched {
    /// The answer to this request is to be left alone.
    pub fn note(request: &Request<'_>) {
        request.local_cache(|| Untouched(AtomicBool::new(false))).0.store(true, Ordering::Relaxed);
    }

    fn is_noted(request: &Request<'_>) -> bool {
        request.local_cache(|| Untouched(AtomicBool::new(false))).0.load(Ordering::Relaxed)
    }
}

/// Bytes of an answer that is all there already that are written at once.
const LARGEST_CHUNK: usize = 64 * 1024;

/// Sets the security headers: all of them on pages, what concerns them on other answers.
pub struct Headers;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[rocket::async_trait]
impl Fairing for Headers {
    fn info(&self) -> Info {
        Info { name: "Headers", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if let Some(size) = response.body().preset_size() {
            // Rocket writes 4 KiB at a time; a page of entries has seven times as many.
            response.set_max_chunk_size(size.clamp(Body::DEFAULT_MAX_CHUNK, LARGEST_CHUNK));
        }
        if Untouched::is_noted(request) {
            return;
        }
        let is_document = response.content_type().is_some_and(|kind| kind.is_html());
        let mut set = |name: &'static str, value: &'static str| {
            if !response.headers().contains(name) {
                response.set_header(Header::new(name, value));
            }
        };
        set("X-Content-Type-Options", "nosniff");
        if is_document {
            set("Content-Security-Policy", POLICY);
            set("Referrer-Policy", "same-origin");
            set("Cross-Origin-Opener-Policy", "same-origin");
        }
        // Assets say "immutable" themselves; everything else may hold personal data.
        set("Cache-Control", "no-store");
        if WebHost::of(request).is_https() {
            set("Strict-Transport-Security", "max-age=31536000");
        }
        response.set_header(Header::new("X-Request-Id", RequestId::of(request).to_owned()));
    }
}
