//! The relay at a listener of its own (setting `relay_address`): an origin of its own, every method, the very bytes, and an
//! answer that breaks off breaks off for the client.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use super::answer::{Answer, AnswerBody};
use super::asked::Asked;
use super::cached::Relays;
use super::definition::Access;
use super::exchange::serve;
use super::failure::Failure;
use super::framing::framing;
use super::headers::{Client, Door};
use super::live::LiveRelay;
use super::problem::{own, problem};
use super::signed::take_token;
use super::upload::{Broken, Framing, Upload};
use crate::limits::{MAX_RELAY_CONNECTIONS, MAX_RELAY_CONNECTIONS_PER_ADDRESS};
use crate::occupancy::Occupancy;
use crate::rate::bucket;
use crate::staff::Accounts;

/// In which the head of a request must have come; also how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);
/// For so long a client may take nothing of an answer.
const SLOW_READER: Duration = Duration::from_secs(30);
/// Bytes of a request's head at most; also what is written ahead of a client.
const BUFFER: usize = 64 * 1024;
/// The pause after an error of `accept`, such as too many open files.
const BREATH: Duration = Duration::from_millis(100);

/// What every connection needs.
#[derive(Clone)]
struct Shared {
    relays: Relays,
    accounts: Accounts,
    by_address: Occupancy<u128>,
    /// The field in which a proxy puts the client's address, as the main address has it.
    ip_header: Option<String>,
}

impl Shared {
    /// The client's address and the scheme that it used. Only a proxy that is set up for it may say them.
    fn client(&self, headers: &HeaderMap, peer: SocketAddr) -> (IpAddr, &'static str) {
        let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let address = self.ip_header.as_deref().and_then(said).and_then(|text| text.trim().parse::<IpAddr>().ok());
        let is_https = self.ip_header.is_some() && said("x-forwarded-proto") == Some("https");
        (address.unwrap_or(peer.ip()).to_canonical(), if is_https { "https" } else { "http" })
    }
}

/// Accepts connections for as long as it is polled.
pub async fn listen(listener: TcpListener, relays: Relays, accounts: Accounts, ip_header: Option<String>) {
    let shared = Shared {
        relays,
        accounts,
        by_address: Occupancy::new(usize::MAX, MAX_RELAY_CONNECTIONS_PER_ADDRESS),
        ip_header,
    };
    let room = Arc::new(Semaphore::new(MAX_RELAY_CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection to the relay's listener was not accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Some(seat) = shared.by_address.take(Some(bucket(peer.ip()))) else { continue };
        let shared = shared.clone();
        tokio::spawn(async move {
            connection(stream, peer, shared).await;
            drop((permit, seat));
        });
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Shared) {
    // Small answers, such as events, must not wait for each other.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(SLOW_READER));
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(respond(request, peer, &shared).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .preserve_header_case(true)
        .max_buf_size(BUFFER)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection to the relay's listener ended");
    }
}

async fn respond(request: Request<Incoming>, peer: SocketAddr, shared: &Shared) -> Answer {
    if request.method() == Method::CONNECT {
        return own(&Failure::Method);
    }
    let path = request.uri().path();
    let name = path.strip_prefix("/relay/").map(|below| below.split('/').next().unwrap_or_default());
    let found = match name {
        Some(name) => shared.relays.by_name(name).await,
        None => Ok(None),
    };
    match found {
        Ok(Some(relay)) => relayed(request, peer, shared, &relay).await,
        Ok(None) => problem(StatusCode::NOT_FOUND, "no_relay", "There is no relay at this address."),
        Err(error) => {
            tracing::error!(?error, "relays could not be read");
            problem(StatusCode::SERVICE_UNAVAILABLE, "store", "The relay cannot be looked up at present.")
        }
    }
}

async fn relayed(request: Request<Incoming>, peer: SocketAddr, shared: &Shared, relay: &Arc<LiveRelay>) -> Answer {
    let (mut head, body) = request.into_parts();
    let framing = match framing(&head.headers) {
        Framing::None if !http_body::Body::is_end_stream(&body) => Framing::Chunked,
        framing => framing,
    };
    let Ok(is_signed_in) = take_token(&shared.accounts, &mut head.headers, relay.access() == Access::SignedIn).await
    else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "store", "Tokens cannot be looked up at present.");
    };
    head.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let host = head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let (address, scheme) = shared.client(&head.headers, peer);
    let client = Client { address: Some(address), scheme, host: host.to_owned() };
    let asked = Asked {
        path: head.uri.path()["/relay/".len() + relay.relay.name.len()..].to_owned(),
        query: head.uri.query().map(str::to_owned),
        method: head.method,
        headers: head.headers,
        client,
        door: Door::Own,
        is_signed_in,
        extensions: head.extensions,
    };
    let upload = Upload::new(framing, body.map_err(|_| Broken::Client).boxed_unsync(), relay.definition.body_limit);
    let mut answer = serve(&shared.relays, relay, asked, upload).await;
    if answer.status() == StatusCode::NOT_MODIFIED {
        *answer.body_mut() = AnswerBody::Silent;
    }
    answer
}
