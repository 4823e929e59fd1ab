//! How connections are opened: names looked up, every address checked, within their time.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::guard::Reach;
use super::stream::Patient;

/// Seconds to open a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Seconds to open a connection, the name looked up and TLS agreed on.
const CONNECT_IN_ALL: Duration = Duration::from_secs(8);
/// Looks a name up.
pub type Lookup = dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync;

/// Looks a name up and checks every address that comes of it.
#[derive(Clone)]
pub struct Resolver {
    lookup: Arc<Lookup>,
    reach: Reach,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, reach) = ((self.lookup)(name.as_str().to_owned()), self.reach);
        async move {
            let addresses = found.await?;
            // One that is out of reach spoils the name: whoever answers for it may answer differently next time.
            if let Some(bad) = addresses.iter().find(|address| !reach.allows(**address)) {
                return Err(Refused(*bad).into());
            }
            Ok(addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>().into_iter())
        }
        .boxed()
    }
}

/// Nothing is sent to this address.
#[derive(Debug)]
pub struct Refused(pub IpAddr);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is out of reach", self.0)
    }
}

impl StdError for Refused {}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> io::Error {
        io::Error::other(refused)
    }
}

/// The connector's own check: a host that is an address is never looked up.
#[derive(Clone)]
pub struct Guarded {
    http: HttpConnector<Resolver>,
    reach: Reach,
}

/// What a connector fails with.
pub type BoxError = Box<dyn StdError + Send + Sync>;

impl Service<Uri> for Guarded {
    type Response = Patient;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.http.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = uri.host().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        if let Some(address) = literal.filter(|address| !self.reach.allows(*address)) {
            return async move { Err(Refused(address).into()) }.boxed();
        }
        let connecting = self.http.call(uri);
        async move { Ok(Patient::new(connecting.await?)) }.boxed()
    }
}

/// A connection, TLS included, within its time.
#[derive(Clone)]
pub struct Timely(HttpsConnector<Guarded>);

impl Timely {
    /// Names are looked up by `lookup`.
    pub fn new(lookup: Arc<Lookup>, reach: Reach) -> Timely {
        let mut http = HttpConnector::new_with_resolver(Resolver { lookup, reach });
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        let guarded = Guarded { http, reach };
        let tls = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1();
        Timely(tls.wrap_connector(guarded))
    }
}

impl Service<Uri> for Timely {
    type Response = <HttpsConnector<Guarded> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        async move {
            tokio::time::timeout(CONNECT_IN_ALL, connecting)
                .await
                .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        }
        .boxed()
    }
}
