//! The body of a request on its way to an upstream: read as the upstream takes it, and kept as long as it is short, so that
//! rules can read it and another upstream can be given the very same bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use parking_lot::Mutex;

use crate::limits::MAX_RELAY_REPLAY;

/// How the end of a body is known (RFC 9112, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Why a body could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The client left, or took too long.
    #[error("the client's upload broke off")]
    Client,
    /// It is larger than the relay takes.
    #[error("the upload is larger than this relay takes")]
    TooLarge,
}

/// What a door reads of the client.
pub type Source = UnsyncBoxBody<Bytes, Broken>;

/// The body of a request. Every try sends it through a [`Sending`].
#[derive(Clone)]
pub struct Upload(Arc<Mutex<Inner>>);

struct Inner {
    framing: Framing,
    source: Source,
    limit: u64,
    taken: u64,
    /// From the beginning; empty once it would be too much.
    kept: Vec<Bytes>,
    kept_bytes: usize,
    /// Bytes went on that were not kept.
    lost: bool,
    ended: bool,
    broken: Option<Broken>,
    /// When the last piece came.
    moved: Option<Instant>,
    /// The client has been asked for more.
    waits: bool,
}

impl Upload {
    /// `limit`: bytes that are taken. A length above it is told at once.
    pub fn new(framing: Framing, source: Source, limit: u64) -> Result<Upload, Broken> {
        if matches!(framing, Framing::Length(length) if length > limit) {
            return Err(Broken::TooLarge);
        }
        let ended = matches!(framing, Framing::None | Framing::Length(0));
        let inner = Inner {
            framing,
            source,
            limit,
            taken: 0,
            kept: Vec::new(),
            kept_bytes: 0,
            lost: false,
            ended,
            broken: None,
            moved: None,
            waits: false,
        };
        Ok(Upload(Arc::new(Mutex::new(inner))))
    }

    /// How its end is known.
    pub fn framing(&self) -> Framing {
        self.0.lock().framing
    }

    /// The whole body if it is short enough to be kept; `None` if it is longer.
    pub async fn whole(&self) -> Result<Option<Bytes>, Broken> {
        if matches!(self.framing(), Framing::Length(length) if length > MAX_RELAY_REPLAY as u64) {
            return Ok(None);
        }
        loop {
            {
                let inner = self.0.lock();
                if let Some(broken) = inner.broken {
                    return Err(broken);
                }
                if inner.ended {
                    let mut whole = BytesMut::with_capacity(inner.kept_bytes);
                    inner.kept.iter().for_each(|piece| whole.extend_from_slice(piece));
                    return Ok(Some(whole.freeze()));
                }
                if inner.kept_bytes >= MAX_RELAY_REPLAY {
                    return Ok(None);
                }
            }
            std::future::poll_fn(|context| self.0.lock().poll_piece(context, true)).await;
        }
    }

    /// The body for a try; `None` if some of it is gone already.
    pub fn attempt(&self) -> Option<Sending> {
        let inner = self.0.lock();
        (!inner.lost && inner.broken.is_none()).then(|| Sending { upload: self.clone(), at: 0 })
    }

    /// When a piece of it moved last.
    pub fn progress(&self) -> Option<Instant> {
        self.0.lock().moved
    }

    /// It is the client whose next piece is awaited.
    pub fn waits_for_client(&self) -> bool {
        self.0.lock().waits
    }

    /// No body at all.
    pub fn nothing() -> Upload {
        let source = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        Upload::new(Framing::None, source, 0).expect("nothing is not too much")
    }

    /// Why the client's side failed, if it did.
    pub fn broken(&self) -> Option<Broken> {
        self.0.lock().broken
    }
}

impl Inner {
    /// Reads a piece. `keep`: also above what is kept otherwise, since nobody has taken it yet.
    fn poll_piece(&mut self, context: &mut Context<'_>, keep: bool) -> Poll<Option<Bytes>> {
        if self.ended || self.broken.is_some() {
            return Poll::Ready(None);
        }
        loop {
            self.waits = true;
            let next = ready!(Pin::new(&mut self.source).poll_frame(context));
            self.waits = false;
            match next {
                None => self.ended = true,
                Some(Err(broken)) => self.broken = Some(broken),
                // Trailers are not passed on (RFC 9110, 6.5.1 leaves it open).
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => return Poll::Ready(self.take(piece, keep)),
                    _ => continue,
                },
            }
            return Poll::Ready(None);
        }
    }

    fn take(&mut self, piece: Bytes, keep: bool) -> Option<Bytes> {
        self.taken += piece.len() as u64;
        self.moved = Some(Instant::now());
        if self.taken > self.limit {
            self.broken = Some(Broken::TooLarge);
            return None;
        }
        if matches!(self.framing, Framing::Length(length) if self.taken >= length) {
            self.ended = true;
        }
        if !self.lost && (keep || self.kept_bytes + piece.len() <= MAX_RELAY_REPLAY) {
            self.kept_bytes += piece.len();
            self.kept.push(piece.clone());
        } else {
            self.lost = true;
        }
        Some(piece)
    }
}

/// The body of one try: what was kept, then what still comes.
pub struct Sending {
    upload: Upload,
    at: usize,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let upload = self.upload.clone();
        let mut inner = upload.0.lock();
        if let Some(piece) = inner.kept.get(self.at).cloned() {
            self.at += 1;
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let piece = ready!(inner.poll_piece(context, false));
        self.at = inner.kept.len();
        match (piece, inner.broken) {
            (Some(piece), _) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            // An error, and never an end: the upstream must not take a part for the whole.
            (None, Some(broken)) => Poll::Ready(Some(Err(broken))),
            (None, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let inner = self.upload.0.lock();
        inner.ended && self.at >= inner.kept.len()
    }

    fn size_hint(&self) -> SizeHint {
        match self.upload.framing() {
            Framing::None => SizeHint::with_exact(0),
            Framing::Length(length) => SizeHint::with_exact(length),
            Framing::Chunked => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;

    fn upload(framing: Framing, pieces: Vec<Result<Vec<u8>, Broken>>, limit: u64) -> Result<Upload, Broken> {
        let frames = pieces.into_iter().map(|piece| piece.map(|bytes| Frame::data(Bytes::from(bytes))));
        Upload::new(framing, StreamBody::new(futures::stream::iter(frames.collect::<Vec<_>>())).boxed_unsync(), limit)
    }

    async fn sent(upload: &Upload) -> Result<usize, Broken> {
        Ok(upload.attempt().expect("nothing is lost").collect().await?.to_bytes().len())
    }

    #[tokio::test]
    async fn a_short_body_can_be_sent_again_and_a_long_one_cannot() {
        let short = upload(Framing::Chunked, vec![Ok(vec![1; 30_000]), Ok(vec![2; 30_000])], 1 << 20).unwrap();
        assert_eq!(short.whole().await.unwrap().unwrap().len(), 60_000);
        assert_eq!((sent(&short).await, sent(&short).await), (Ok(60_000), Ok(60_000)));
        let long = upload(Framing::Chunked, vec![Ok(vec![1; 50_000]); 4], 1 << 20).unwrap();
        assert_eq!(long.whole().await, Ok(None), "rules do not read it");
        assert_eq!(sent(&long).await, Ok(200_000), "and it is whole for the upstream");
        assert!(long.attempt().is_none(), "what went on was not kept");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_or_is_too_large_ends_with_an_error() {
        let broken = upload(Framing::Chunked, vec![Ok(vec![1; 10]), Err(Broken::Client)], 100).unwrap();
        assert_eq!(sent(&broken).await, Err(Broken::Client));
        let large = upload(Framing::Chunked, vec![Ok(vec![1; 60]), Ok(vec![1; 60])], 100).unwrap();
        assert_eq!(sent(&large).await, Err(Broken::TooLarge));
        assert_eq!(upload(Framing::Length(101), vec![], 100).err(), Some(Broken::TooLarge));
    }
}
