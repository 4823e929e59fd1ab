//! The relay at the main address: `/relay/{name}/…` as Rocket lets it through. What it does not is in docs/relay.md.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::Body as _;
use rocket::data::Data;
use rocket::http::{Method as RocketMethod, Status};
use rocket::response::{self, Responder};
use rocket::route::{Handler, Outcome};
use rocket::{Request, Response, Route};
use tokio::io::{AsyncRead, ReadBuf};

use super::answer::{Answer, AnswerBody, Cut};
use super::asked::Asked;
use super::cached::Relays;
use super::definition::Access;
use super::exchange::serve;
use super::failure::Failure;
use super::framing::framing;
use super::headers::{Client, Door};
use super::live::LiveRelay;
use super::problem::{Ours, own, problem};
use super::pump::{Pump, upload};
use super::signed::take_token;
use super::upload::{Broken, Framing, Upload};
use crate::error::{Error, Result};
use crate::staff::{Accounts, Credential};
use crate::web::{Progress, SameOrigin, Socket, Untouched, WebHost, left};

/// Every method that Rocket knows and a relay passes on.
const METHODS: [RocketMethod; 7] = [
    RocketMethod::Get,
    RocketMethod::Head,
    RocketMethod::Post,
    RocketMethod::Put,
    RocketMethod::Patch,
    RocketMethod::Delete,
    RocketMethod::Options,
];

/// `/relay/<name>/<path..>` with every method.
pub fn routes() -> Vec<Route> {
    let route = |method| Route::ranked(10, method, "/relay/<name>/<path..>", Main);
    METHODS.into_iter().map(route).collect()
}

/// The handler.
#[derive(Clone)]
struct Main;

#[rocket::async_trait]
impl Handler for Main {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        match relayed(request, data).await {
            Ok(relayed) => Outcome::from(request, relayed),
            Err(error) => Outcome::from(request, error),
        }
    }
}

/// The name of the relay, and the rest of the path as it was sent. A name in another spelling is none.
fn split(path: &str) -> Option<(&str, &str)> {
    let below = path.strip_prefix("/relay/")?;
    let end = below.find('/').unwrap_or(below.len());
    Some(below.split_at(end))
}

async fn relayed<'r>(request: &'r Request<'_>, mut data: Data<'r>) -> Result<Relayed<'r>> {
    let state = |name: &str| Error::Internal(format!("{name} is not managed").into());
    let relays = request.rocket().state::<Relays>().ok_or_else(|| state("the relays"))?;
    let accounts = request.rocket().state::<Accounts>().ok_or_else(|| state("accounts"))?;
    let path = request.uri().path().raw().as_str();
    let Some((name, rest)) = split(path) else { return Ok(Relayed::whole(no_relay())) };
    let relay = match relays.by_name(name).await {
        Ok(Some(relay)) => relay,
        Ok(None) => return Ok(Relayed::whole(no_relay())),
        Err(error) => {
            tracing::error!(?error, "relays could not be read");
            let detail = "The relay cannot be looked up at present.";
            return Ok(Relayed::whole(problem(StatusCode::SERVICE_UNAVAILABLE, "store", detail)));
        }
    };
    let mut headers = fields(request);
    let asks = relay.access() == Access::SignedIn;
    let is_signed_in =
        take_token(accounts, &mut headers, asks).await? || asks && has_session(accounts, request).await?;
    let asked = Asked {
        method: Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or_default(),
        path: rest.to_owned(),
        query: request.uri().query().map(|query| query.raw().to_string()),
        headers,
        client: client(request),
        door: Door::Main,
        is_signed_in,
        extensions: http::Extensions::new(),
    };
    let framing = match framing(&asked.headers) {
        // HTTP/2, which has neither field.
        Framing::None if !data.peek(1).await.is_empty() => Framing::Chunked,
        framing => framing,
    };
    let (upload, pump) = upload(framing, data, relay.definition.body_limit);
    Ok(exchanged(relays, relay, asked, upload, pump, request.remote()).await)
}

fn fields(request: &Request<'_>) -> HeaderMap {
    let field = |field: rocket::http::Header<'_>| {
        let name = HeaderName::from_bytes(field.name().as_str().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(field.value().as_bytes()).ok()?))
    };
    request.headers().iter().filter_map(field).collect()
}

fn client(request: &Request<'_>) -> Client {
    let host = WebHost::of(request);
    let scheme = if host.is_https() { "https" } else { "http" };
    let named = host.0.split_once("://").map_or(host.0.as_str(), |(_, name)| name);
    Client { address: request.client_ip(), scheme, host: named.to_owned() }
}

fn no_relay() -> Answer {
    problem(StatusCode::NOT_FOUND, "no_relay", "There is no relay at this address.")
}

/// Somebody signed in, from one of our own pages or by what they typed. Reading is for them alone too: a page of others must
/// not read in their name.
async fn has_session(accounts: &Accounts, request: &Request<'_>) -> Result<bool> {
    match Credential::of(request) {
        Some(Credential::Session(token)) if SameOrigin::check(request).is_ok() && !is_foreign(request) => {
            Ok(accounts.recognise(&token).await?.is_some())
        }
        _ => Ok(false),
    }
}

fn is_foreign(request: &Request<'_>) -> bool {
    let site = request.headers().get_one("Sec-Fetch-Site");
    site.is_some_and(|site| matches!(site, "cross-site" | "same-site"))
}

async fn exchanged<'r>(
    relays: &'r Relays,
    relay: Arc<LiveRelay>,
    asked: Asked,
    upload: std::result::Result<Upload, Broken>,
    mut pump: Pump<'r>,
    peer: Option<SocketAddr>,
) -> Relayed<'r> {
    let is_head = asked.method == Method::HEAD;
    let mut pumped = false;
    let answer = {
        let mut serving = pin!(serve(relays, &relay, asked, upload));
        let mut leaving = pin!(left(peer));
        loop {
            tokio::select! {
                biased;
                answer = &mut serving => break answer,
                () = &mut pump, if !pumped => pumped = true,
                () = &mut leaving => break own(&Failure::ClientGone),
            }
        }
    };
    let pump = (!pumped).then_some(pump);
    Relayed { answer, is_head, pump, peer }
}

impl Relayed<'_> {
    /// An answer without more.
    fn whole(answer: Answer) -> Self {
        Relayed { answer, is_head: false, pump: None, peer: None }
    }
}

/// An answer on its way through Rocket.
struct Relayed<'r> {
    answer: Answer,
    is_head: bool,
    pump: Option<Pump<'r>>,
    peer: Option<SocketAddr>,
}

impl<'r> Responder<'r, 'r> for Relayed<'r> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let (head, body) = self.answer.into_parts();
        if head.extensions.get::<Ours>().is_none() {
            Untouched::note(request);
        }
        let mut response = Response::build();
        response.status(Status::new(head.status.as_u16()));
        for (name, value) in &head.headers {
            match std::str::from_utf8(value.as_bytes()) {
                Ok(value) => drop(response.raw_header_adjoin(name.as_str().to_owned(), value.to_owned())),
                Err(_) => tracing::warn!(%name, "a field of an answer is not UTF-8 and was left out"),
            }
        }
        let chunk = if is_event_stream(&head.headers) { 4 * 1024 } else { 16 * 1024 };
        match body {
            AnswerBody::Full(bytes) if !self.is_head => {
                let bytes = bytes.unwrap_or_default();
                response.sized_body(bytes.len(), io::Cursor::new(bytes));
            }
            body if self.is_head || body.is_end_stream() => drop(body),
            body => {
                let reader = Reader {
                    pump: self.pump,
                    body,
                    rest: Bytes::new(),
                    peer: self.peer,
                    leaving: None,
                    cutting: None,
                    progress: Progress::with_floor(0),
                };
                response.streamed_body(reader).max_chunk_size(chunk);
            }
        }
        response.ok()
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// A body as Rocket reads it. While it is read the rest of the request's body goes on.
struct Reader<'r> {
    pump: Option<Pump<'r>>,
    body: AnswerBody,
    rest: Bytes,
    peer: Option<SocketAddr>,
    leaving: Option<BoxFuture<'static, ()>>,
    cutting: Option<(Cut, BoxFuture<'static, ()>)>,
    progress: Progress,
}

impl Reader<'_> {
    /// The next piece; `None` at the end.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if self.pump.as_mut().is_some_and(|pump| pump.as_mut().poll(context).is_ready()) {
            self.pump = None;
        }
        if let Some((cut, cutting)) = &mut self.cutting {
            std::task::ready!(cutting.as_mut().poll(context));
            return Poll::Ready(Err(io::Error::other(*cut)));
        }
        loop {
            return Poll::Ready(match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(None) => Ok(None),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    // A reader that returns nothing says that it is at the end.
                    Ok(piece) if piece.is_empty() => continue,
                    Ok(piece) => Ok(Some(piece)),
                    Err(_) => continue,
                },
                Poll::Ready(Some(Err(cut))) => {
                    let peer = self.peer;
                    let cutting = self.cutting.insert((cut, Box::pin(Socket::cut_from(peer))));
                    // First the connection, then the error: Rocket ends the body as if it were whole, which then does not reach the
                    // client.
                    std::task::ready!(cutting.1.as_mut().poll(context));
                    Err(io::Error::other(cut))
                }
                Poll::Pending => {
                    let peer = self.peer;
                    let leaving = self.leaving.get_or_insert_with(|| Box::pin(left(peer)));
                    match leaving.as_mut().poll(context) {
                        Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            });
        }
    }
}

impl AsyncRead for Reader<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.progress.asked();
        if self.rest.is_empty() {
            match std::task::ready!(self.poll_piece(context))? {
                Some(piece) => self.rest = piece,
                None => return Poll::Ready(Ok(())),
            }
        }
        let take = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..take]);
        self.rest.advance(take);
        if !self.rest.is_empty() || !self.body.is_end_stream() {
            let peer = self.peer;
            self.progress.given(take, peer);
        }
        Poll::Ready(Ok(()))
    }
}
