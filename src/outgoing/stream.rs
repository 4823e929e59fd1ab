//! A connection that is read to its end although nothing can be written to it any more: a server that refuses an upload may
//! answer and close at once, and its answer counts (RFC 9112, 9.6).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The connection. Once a write has failed, further ones go nowhere; what reading says decides.
pub struct Patient {
    stream: TokioIo<TcpStream>,
    is_deaf: bool,
}

impl Patient {
    /// Everything goes through so far.
    pub fn new(stream: TokioIo<TcpStream>) -> Patient {
        Patient { stream, is_deaf: false }
    }

    /// Takes a failure for success from now on.
    fn forgiving<T>(&mut self, result: Poll<io::Result<T>>, taken: T) -> Poll<io::Result<T>> {
        match result {
            Poll::Ready(Err(error)) if is_end(&error) => {
                self.is_deaf = true;
                Poll::Ready(Ok(taken))
            }
            other => other,
        }
    }
}

fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

impl Read for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, cursor)
    }
}

impl Write for Patient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.forgiving(written, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.forgiving(flushed, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = pieces.iter().map(|piece| piece.len()).sum();
        if self.is_deaf {
            return Poll::Ready(Ok(all));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.forgiving(written, all)
    }
}

impl Connection for Patient {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}
