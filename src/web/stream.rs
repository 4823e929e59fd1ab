//! Long downloads: made by a task, sent as they are made. A failure breaks the connection, so that nobody
//! takes half of an export for the whole; so does the end of the reader's right to read.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream;
use parking_lot::Mutex;
use rocket::http::{ContentType, Header};
use rocket::response::{self, Responder};
use rocket::{Request, Response};
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;
use tokio_util::task::AbortOnDropHandle;

/// Where a task puts what is to be sent.
pub type Sender = mpsc::Sender<std::io::Result<Vec<u8>>>;

/// Pieces made ahead of the reader.
const AHEAD: usize = 4;

/// A download that a task is making.
pub struct Download {
    kind: ContentType,
    /// Suggested to the browser; `None` shows it in place.
    file_name: Option<String>,
    pieces: mpsc::Receiver<std::io::Result<Vec<u8>>>,
}

impl Download {
    /// The answer and the end to write into.
    pub fn new(kind: ContentType, file_name: Option<String>) -> (Download, Sender) {
        let (sender, pieces) = mpsc::channel(AHEAD);
        (Download { kind, file_name, pieces }, sender)
    }
}

/// How a long response learns that its reader's rights have ended. The guard notes how to watch them; the watch starts
/// only for a response that is streamed.
#[derive(Default)]
pub struct Revocation(Mutex<Option<Watch>>);

type Watch = Box<dyn FnOnce() -> AbortOnDropHandle<()> + Send>;

impl Revocation {
    /// `watch` begins a task that ends with the right.
    pub fn note(request: &Request<'_>, watch: impl FnOnce() -> AbortOnDropHandle<()> + Send + 'static) {
        let slot = request.local_cache(Revocation::default);
        *slot.0.lock() = Some(Box::new(watch));
    }

    /// Starts the watch that the guard noted; pending forever if it noted none.
    fn begin(request: &Request<'_>) -> BoxFuture<'static, ()> {
        let slot = request.local_cache(Revocation::default);
        match slot.0.lock().take() {
            Some(watch) => Box::pin(watch().map(drop)),
            None => Box::pin(std::future::pending()),
        }
    }
}

impl<'r> Responder<'r, 'static> for Download {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let pieces = stream::unfold(Some((self.pieces, Revocation::begin(request))), |sending| async {
            let (mut pieces, mut revoked) = sending?;
            tokio::select! {
                biased;
                () = &mut revoked => Some((Err(std::io::Error::other("the reader may no longer read")), None)),
                piece = pieces.recv() => Some((piece?.map(std::io::Cursor::new), Some((pieces, revoked)))),
            }
        });
        let mut response = Response::build();
        response.header(self.kind);
        if let Some(name) = self.file_name {
            response.header(Header::new("Content-Disposition", format!("attachment; filename=\"{name}\"")));
        }
        response.streamed_body(StreamReader::new(Box::pin(pieces))).max_chunk_size(64 * 1024).ok()
    }
}
