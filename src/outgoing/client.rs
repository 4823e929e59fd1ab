//! The client, and why a request failed.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::{Lookup, Refused, Timely};
use super::guard::Reach;

/// Seconds for which an idle connection is kept: below the five after which many servers close theirs, so that a request is
/// not written into a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(4);
/// Bytes read ahead of whoever takes an answer; its head must fit.
const BUFFER: usize = 128 * 1024;
/// Idle connections kept for each host.
const IDLE_CONNECTIONS: usize = 64;

/// The clients for whatever leaves the program; their connections are kept apart by how far they may go. Cheap to clone.
pub struct Outgoing<B> {
    public: Client<Timely, B>,
    private: Client<Timely, B>,
}

impl<B> Clone for Outgoing<B> {
    fn clone(&self) -> Self {
        Outgoing { public: self.public.clone(), private: self.private.clone() }
    }
}

impl<B> Outgoing<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Names are looked up as the system does.
    pub fn new() -> Outgoing<B> {
        Outgoing::looking_up(|name| {
            async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) }.boxed()
        })
    }

    /// Names are looked up by `lookup`.
    pub fn looking_up(
        lookup: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Outgoing<B> {
        let lookup: Arc<Lookup> = Arc::new(lookup);
        Outgoing { public: client(&lookup, Reach::Public), private: client(&lookup, Reach::Private) }
    }

    /// Sends a request, whose address is absolute. The answer is whatever the other side sent, redirects included.
    pub async fn send(&self, reach: Reach, request: Request<B>) -> Result<Response<Incoming>, Failed> {
        let client = match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
        };
        client.request(request).await.map_err(Failed)
    }
}

impl<B> Default for Outgoing<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn default() -> Self {
        Outgoing::new()
    }
}

fn client<B>(lookup: &Arc<Lookup>, reach: Reach) -> Client<Timely, B>
where
    B: Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .set_host(false)
        .http1_preserve_header_case(true)
        .http1_max_buf_size(BUFFER)
        .build(Timely::new(lookup.clone(), reach))
}

/// A request that got no answer.
#[derive(Debug)]
pub struct Failed(ClientError);

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The host's address is one that nothing may be sent to. Nothing was sent.
    OutOfReach,
    /// No connection within its time. Nothing was sent.
    ConnectTimeout,
    /// No connection or no name. Nothing was sent.
    Connect,
    /// No secure connection: a certificate that cannot be trusted for this name, or no TLS at all. Nothing was sent.
    Tls,
    /// The head of the answer is too large.
    HeadTooLarge,
    /// The answer is no HTTP.
    BadFraming,
    /// The connection ended before an answer came.
    Cut,
    /// The body of the request could not be read to its end.
    Body,
}

impl Failed {
    /// What went wrong.
    pub fn why(&self) -> Why {
        let sources = || sources(&self.0).skip(1);
        if self.0.is_connect() {
            let io = || sources().filter_map(|error| error.downcast_ref::<io::Error>()).flat_map(with_inner);
            let is_refused = |error: &io::Error| error.get_ref().is_some_and(|inner| inner.is::<Refused>());
            return match () {
                () if sources().any(|error| error.is::<Refused>()) || io().any(is_refused) => Why::OutOfReach,
                () if io().any(|error| error.kind() == io::ErrorKind::TimedOut) => Why::ConnectTimeout,
                // The kinds with which a handshake fails: what came is no TLS, cannot be trusted, or ended.
                () if io()
                    .any(|error| matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)) =>
                {
                    Why::Tls
                }
                () => Why::Connect,
            };
        }
        match sources().find_map(|error| error.downcast_ref::<hyper::Error>()) {
            Some(error) if error.is_parse_too_large() => Why::HeadTooLarge,
            Some(error) if error.is_parse() => Why::BadFraming,
            Some(error) if error.is_user() => Why::Body,
            _ => Why::Cut,
        }
    }

    /// Nothing was sent, whatever went wrong.
    pub fn nothing_was_sent(&self) -> bool {
        self.0.is_connect()
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sources(&self.0).last().map_or(Ok(()), |deepest| fmt::Display::fmt(deepest, f))
    }
}

impl StdError for Failed {}

type Cause<'e> = &'e (dyn StdError + 'static);

/// An error of I/O and those within it, which are none of its sources.
fn with_inner(error: &io::Error) -> impl Iterator<Item = &io::Error> {
    std::iter::successors(Some(error), |error| error.get_ref()?.downcast_ref::<io::Error>())
}

/// An error and what led to it.
fn sources(error: &ClientError) -> impl Iterator<Item = Cause<'_>> {
    fn source<'e>(error: &Cause<'e>) -> Option<Cause<'e>> {
        StdError::source(*error)
    }
    std::iter::successors(Some(error as Cause<'_>), source)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A listener that counts its connections and answers with a redirect.
    async fn listener() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 1024]).await;
                let answer =
                    format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (port, count)
    }

    fn get(url: String) -> Request<Empty<bytes::Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = url.parse().unwrap();
        request
    }

    /// Every name leads to these addresses, one set after the other.
    fn resolving(answers: &'static [&'static [&'static str]]) -> Outgoing<Empty<bytes::Bytes>> {
        let turn = Arc::new(AtomicUsize::new(0));
        Outgoing::looking_up(move |_| {
            let answer = answers[turn.fetch_add(1, Ordering::SeqCst) % answers.len()];
            async move { Ok(answer.iter().map(|address| address.parse().unwrap()).collect()) }.boxed()
        })
    }

    #[tokio::test]
    async fn case_58_a_name_that_leads_inside_is_never_connected_to() {
        let (port, count) = listener().await;
        let sets: [&'static [&'static [&'static str]]; 5] = [
            &[&["127.0.0.1"]],
            // One bad address spoils the name, whichever family it is of and wherever it stands.
            &[&["93.184.216.34", "127.0.0.1"]],
            &[&["::1", "93.184.216.34"]],
            &[&["::ffff:127.0.0.1"], &["64:ff9b::7f00:1"], &["2002:7f00:1::"]],
            &[&["169.254.169.254"], &["0.0.0.0"]],
        ];
        for answers in sets {
            let outgoing = resolving(answers);
            for _ in 0..answers.len() {
                let failed = outgoing.send(Reach::Public, get(format!("http://rebinding.example:{port}/"))).await;
                assert_eq!(failed.unwrap_err().why(), Why::OutOfReach, "{answers:?}");
            }
        }
        for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"] {
            let failed =
                resolving(&[&["93.184.216.34"]]).send(Reach::Public, get(format!("http://{host}:{port}/"))).await;
            let failed = failed.unwrap_err();
            assert!(failed.why() == Why::OutOfReach && failed.nothing_was_sent(), "{host}");
        }
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let (port, count) = listener().await;
        let answer = Outgoing::new().send(Reach::Private, get(format!("http://127.0.0.1:{port}/"))).await.unwrap();
        assert_eq!((answer.status().as_u16(), count.load(Ordering::SeqCst)), (302, 1));
    }

    #[tokio::test]
    async fn case_56_a_name_that_moves_is_followed_by_the_next_connection() {
        let (port, count) = listener().await;
        let outgoing = resolving(&[&["127.0.0.2"], &["127.0.0.1"]]);
        let url = || get(format!("http://moves.example:{port}/"));
        assert_eq!(outgoing.send(Reach::Private, url()).await.unwrap_err().why(), Why::Connect);
        assert!(outgoing.send(Reach::Private, url()).await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    /// A port of IPv6 that takes no more connections: whoever tries waits. `None` on a machine without IPv6.
    async fn dead(port: u16) -> Option<(TcpListener, Vec<tokio::net::TcpStream>)> {
        let dead = TcpListener::bind(("::1", port)).await.ok()?;
        let mut held = Vec::new();
        let connect = || {
            tokio::time::timeout(std::time::Duration::from_millis(200), tokio::net::TcpStream::connect(("::1", port)))
        };
        while let Ok(Ok(stream)) = connect().await {
            held.push(stream);
        }
        Some((dead, held))
    }

    #[tokio::test]
    async fn case_55_a_dead_address_of_ipv6_does_not_hold_up_the_other() {
        let (port, count) = listener().await;
        let _dead = dead(port).await;
        let outgoing = resolving(&[&["::1", "127.0.0.1"]]);
        let begun = std::time::Instant::now();
        assert!(outgoing.send(Reach::Private, get(format!("http://both.example:{port}/"))).await.is_ok());
        // What the dead one would have been given alone.
        assert!(begun.elapsed() < std::time::Duration::from_secs(3));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
