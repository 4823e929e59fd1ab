//! The body of a request at the main address: Rocket lends it, so it is read beside the exchange and handed over in pieces.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use rocket::data::{ByteUnit, Data, DataStream};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::upload::{Broken, Framing, Source, Upload};
use crate::limits::MAX_RELAY_BODY;

/// Reads the body while the upstream takes it.
pub type Pump<'r> = BoxFuture<'r, ()>;

/// The body of a request, and what must be polled for it to move. `limit`: bytes that are taken.
pub fn upload<'r>(framing: Framing, data: Data<'r>, limit: u64) -> (Result<Upload, Broken>, Pump<'r>) {
    if framing == Framing::None {
        return (Ok(Upload::nothing()), Box::pin(std::future::ready(())));
    }
    let (sender, pieces) = mpsc::channel(2);
    let source: Source = StreamBody::new(Pieces { pieces, is_over: false }).boxed_unsync();
    // At its own limit Rocket would end the body as if it were whole.
    let stream = data.open(ByteUnit::from(limit.min(MAX_RELAY_BODY) + 1));
    (Upload::new(framing, source, limit), Box::pin(pump(stream, sender)))
}

/// A piece of a body; `None`: it has ended well.
type Piece = Option<Result<Frame<Bytes>, Broken>>;

/// What the pump brings. A pump that is given up before it has said the end breaks the body off: the upstream must not take a
/// part for the whole.
struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    is_over: bool,
}

impl futures::Stream for Pieces {
    type Item = Result<Frame<Bytes>, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let next = std::task::ready!(self.pieces.poll_recv(context)).unwrap_or(Some(Err(Broken::Client)));
        self.is_over = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }
}

/// Bytes read at once.
const READ: usize = 16 * 1024;

async fn pump(mut stream: DataStream<'_>, sender: mpsc::Sender<Piece>) {
    // One buffer for many pieces: what drips byte by byte must not cost a buffer each.
    let mut buffer = bytes::BytesMut::with_capacity(READ);
    loop {
        if buffer.capacity() < READ / 4 {
            buffer = bytes::BytesMut::with_capacity(READ);
        }
        let piece = match stream.read_buf(&mut buffer).await {
            Ok(0) => None,
            Ok(_) => Some(Ok(Frame::data(buffer.split().freeze()))),
            Err(_) => Some(Err(Broken::Client)),
        };
        let is_over = !matches!(piece, Some(Ok(_)));
        if sender.send(piece).await.is_err() || is_over {
            return;
        }
    }
}
