//! Long downloads: made by a task, sent as they are made. What breaks off breaks the connection, so that nobody takes half of an
//! export for the whole: a failure, the end of the reader's right to read, and a reader that reads too slowly.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

use super::progress::Progress;
use super::socket::{Socket, left};
use crate::limits::MIN_DOWNLOAD_SPEED;

/// Pieces made ahead of the reader.
const AHEAD: usize = 2;

/// Where a task puts what is to be sent. Dropped without [`Sender::finish`], the download breaks off.
pub struct Sender {
    pieces: mpsc::Sender<Vec<u8>>,
    is_whole: Arc<AtomicBool>,
}

/// The other end of a [`Sender`].
pub struct Receiver {
    pieces: mpsc::Receiver<Vec<u8>>,
    is_whole: Arc<AtomicBool>,
}

/// The reader went away.
#[derive(Debug)]
pub struct Gone;

/// A way for pieces from a task to whoever sends them on.
pub fn pieces() -> (Sender, Receiver) {
    let (sender, pieces) = mpsc::channel(AHEAD);
    let is_whole = Arc::new(AtomicBool::new(false));
    (Sender { pieces: sender, is_whole: is_whole.clone() }, Receiver { pieces, is_whole })
}

impl Sender {
    /// Hands a piece over, which waits while there are enough.
    pub async fn send(&self, piece: Vec<u8>) -> Result<(), Gone> {
        self.pieces.send(piece).await.map_err(|_| Gone)
    }

    /// Whether a piece would be taken at once.
    pub fn has_room(&self) -> bool {
        self.pieces.capacity() > 0
    }

    /// Waits until the reader has gone away.
    pub async fn gone(&self) {
        self.pieces.closed().await;
    }

    /// That was all.
    pub fn finish(self) {
        self.is_whole.store(true, Ordering::Release);
    }
}

impl Receiver {
    /// The next piece; `None` at the end of the whole, an error if it broke off.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.pieces.recv().await {
            Some(piece) => Ok(Some(piece)),
            None if self.is_whole.load(Ordering::Acquire) => Ok(None),
            None => Err(io::Error::other("what was sent broke off")),
        }
    }
}

/// A download that a task is making.
pub struct Download {
    kind: ContentType,
    /// Suggested to the browser; `None` shows it in place.
    file_name: Option<String>,
    pieces: Receiver,
}

impl Download {
    /// The answer and the end to write into.
    pub fn new(kind: ContentType, file_name: Option<String>) -> (Download, Sender) {
        let (sender, pieces) = pieces();
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

/// A download on its way to its reader.
struct Sending {
    pieces: Receiver,
    peer: Option<SocketAddr>,
    revoked: BoxFuture<'static, ()>,
    left: BoxFuture<'static, ()>,
    progress: Progress,
}

impl Sending {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.progress.asked();
        let next = tokio::select! {
            biased;
            () = &mut self.revoked => Err(io::Error::other("the reader may no longer read")),
            next = self.pieces.next() => next,
            // The server only sees it when there is something to send.
            () = &mut self.left => Err(io::ErrorKind::ConnectionReset.into()),
        };
        match &next {
            Ok(Some(piece)) => self.progress.given(piece.len(), self.peer),
            Ok(None) => {}
            // First the connection, then the error: Rocket ends a body that fails as if it were whole.
            Err(_) if self.peer.is_some() => Socket::cut_from(self.peer).await,
            Err(_) => {}
        }
        next
    }
}

impl<'r> Responder<'r, 'static> for Download {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let peer = request.remote();
        let sending = Sending {
            pieces: self.pieces,
            peer,
            revoked: Revocation::begin(request),
            left: Box::pin(left(peer)),
            progress: Progress::with_floor(MIN_DOWNLOAD_SPEED),
        };
        let pieces = stream::unfold(Some(sending), |sending| async {
            let mut sending = sending?;
            match sending.next().await {
                Ok(Some(piece)) => Some((Ok(io::Cursor::new(piece)), Some(sending))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
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
