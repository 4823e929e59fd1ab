//! Long downloads: made by a task, sent as they are made. A failure breaks the connection, so that nobody
//! takes half of an export for the whole; so does the end of the reader's right to read.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::stream;
use rocket::http::{ContentType, Header};
use rocket::response::{self, Responder};
use rocket::{Request, Response};
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;

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

/// When whoever asks may no longer read. The guard that lets them in says how that is known.
#[derive(Default)]
pub struct Revocation(Mutex<Option<BoxFuture<'static, ()>>>);

impl Revocation {
    /// `revoked` is ready when the right has ended. It is not polled unless an answer takes long.
    pub fn note(request: &Request<'_>, revoked: impl Future<Output = ()> + Send + 'static) {
        *Revocation::slot(request) = Some(Box::pin(revoked));
    }

    /// Never ready for those who need no right.
    fn take(request: &Request<'_>) -> BoxFuture<'static, ()> {
        Revocation::slot(request).take().unwrap_or_else(|| Box::pin(std::future::pending()))
    }

    fn slot<'r>(request: &'r Request<'_>) -> std::sync::MutexGuard<'r, Option<BoxFuture<'static, ()>>> {
        request.local_cache(Revocation::default).0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'r> Responder<'r, 'static> for Download {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let pieces = stream::unfold(Some((self.pieces, Revocation::take(request))), |sending| async {
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
