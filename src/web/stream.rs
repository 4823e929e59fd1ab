//! Long downloads: made by a task, sent as they are made. A failure breaks the connection, so that nobody
//! takes half of an export for the whole.

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

impl<'r> Responder<'r, 'static> for Download {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let pieces = stream::unfold(self.pieces, |mut pieces| async {
            let piece = pieces.recv().await?;
            Some((piece.map(std::io::Cursor::new), pieces))
        });
        let mut response = Response::build();
        response.header(self.kind);
        if let Some(name) = self.file_name {
            response.header(Header::new("Content-Disposition", format!("attachment; filename=\"{name}\"")));
        }
        response.streamed_body(StreamReader::new(Box::pin(pieces))).max_chunk_size(64 * 1024).ok()
    }
}
