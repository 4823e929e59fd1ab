//! What a relay answers: an upstream's answer, read as the client takes it, or one of our own.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// An answer on its way to a door.
pub type Answer = http::Response<AnswerBody>;

/// One that is all there already, with its length.
pub fn whole(bytes: impl Into<Bytes>) -> Answer {
    let bytes = bytes.into();
    let length = bytes.len();
    let mut answer = http::Response::new(AnswerBody::Full(Some(bytes)));
    answer.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
    answer
}

/// Why an answer ended in the middle. The client must not take it for whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// The upstream ended it.
    #[error("the upstream cut its answer off")]
    Upstream,
    /// Nothing came for too long.
    #[error("the upstream's answer stopped")]
    Idle,
    /// The exchange took longer than it may.
    #[error("the exchange took too long")]
    Whole,
}

/// How an answer ended, told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Whole.
    Whole,
    /// In the middle.
    Cut(Cut),
    /// The client left.
    Gone,
}

/// Called when an answer ends, with the bytes that went on.
pub type OnEnd = Box<dyn FnOnce(End, u64) + Send>;

/// The body of an answer.
pub enum AnswerBody {
    /// All there already.
    Full(Option<Bytes>),
    /// None, although there is a length: hyper takes the length away from a 304 whose body is known to be empty.
    Silent,
    /// From the upstream.
    Relayed(Box<Relayed>),
}

/// An upstream's body with its time limits.
pub struct Relayed {
    incoming: Incoming,
    idle: Duration,
    /// Runs while nothing comes.
    waiting: Option<Pin<Box<Sleep>>>,
    deadline: Option<Instant>,
    bytes: u64,
    /// A copy, for whoever keeps good answers.
    kept: Option<Kept>,
    on_end: Option<OnEnd>,
}

/// A copy of a body while it passes.
pub struct Kept {
    pub bytes: Vec<u8>,
    pub most: usize,
    pub store: Box<dyn FnOnce(Vec<u8>) + Send>,
}

impl AnswerBody {
    /// `idle`: how long nothing may come; `deadline`: when it must be over.
    pub fn relayed(incoming: Incoming, idle: Duration, deadline: Option<Instant>, on_end: OnEnd) -> AnswerBody {
        let relayed = Relayed { incoming, idle, waiting: None, deadline, bytes: 0, kept: None, on_end: Some(on_end) };
        AnswerBody::Relayed(Box::new(relayed))
    }

    /// Keeps a copy of what passes; it is stored when all of it has.
    pub fn keeping(mut self, kept: Kept) -> AnswerBody {
        if let AnswerBody::Relayed(relayed) = &mut self {
            relayed.kept = Some(kept);
        }
        self
    }
}

impl Relayed {
    fn end(&mut self, end: End) {
        if let Some(on_end) = self.on_end.take() {
            on_end(end, self.bytes);
        }
        if let Some(kept) = self.kept.take().filter(|_| end == End::Whole) {
            (kept.store)(kept.bytes);
        }
    }

    fn passed(&mut self, piece: &Bytes) {
        self.waiting = None;
        self.bytes += piece.len() as u64;
        if let Some(kept) = &mut self.kept {
            if kept.bytes.len() + piece.len() > kept.most {
                self.kept = None;
            } else {
                kept.bytes.extend_from_slice(piece);
            }
        }
    }

    /// Waits for the upstream no longer than it may take.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<Cut> {
        let now = Instant::now();
        let idle = self.idle;
        let deadline = self.deadline;
        let waiting = self.waiting.get_or_insert_with(|| {
            let until = now + idle;
            Box::pin(tokio::time::sleep_until(deadline.map_or(until, |deadline| deadline.min(until))))
        });
        waiting.as_mut().poll(context).map(|()| match deadline {
            Some(deadline) if Instant::now() >= deadline => Cut::Whole,
            _ => Cut::Idle,
        })
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let next = match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(piece) => {
                    self.passed(&piece);
                    Some(Ok(Frame::data(piece)))
                }
                // Trailers are not passed on.
                Err(_) => None,
            },
            Poll::Ready(Some(Err(_))) => Some(Err(Cut::Upstream)),
            Poll::Ready(None) => None,
            Poll::Pending => match self.poll_late(context) {
                Poll::Ready(cut) => Some(Err(cut)),
                Poll::Pending => return Poll::Pending,
            },
        };
        match &next {
            None => self.end(End::Whole),
            Some(Err(cut)) => self.end(End::Cut(*cut)),
            Some(Ok(_)) if self.incoming.is_end_stream() => self.end(End::Whole),
            Some(Ok(_)) => {}
        }
        Poll::Ready(next)
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        let end = if self.incoming.is_end_stream() { End::Whole } else { End::Gone };
        self.end(end);
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            AnswerBody::Silent => Poll::Ready(None),
            AnswerBody::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            AnswerBody::Relayed(relayed) => relayed.poll_next(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Silent => false,
            AnswerBody::Full(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            AnswerBody::Relayed(relayed) => relayed.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Silent => SizeHint::default(),
            AnswerBody::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            AnswerBody::Relayed(relayed) => relayed.incoming.size_hint(),
        }
    }
}
