//! The program with both doors of its relay open, and a client that sees the very bytes.

use std::time::Duration;

use frontdesk::config::{Config, Switch};
use frontdesk::moment::Clock;
use frontdesk::staff::{Accounts, Areas, Author, Email, NewToken, Password, Role};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::fresh_database;

/// The longest that anything may take before a test gives up on it.
pub const LONG: Duration = Duration::from_secs(30);

/// A server of its own, both doors open.
pub struct Desk {
    pub main: u16,
    pub own: u16,
    pub token: String,
    shutdown: rocket::Shutdown,
    _folder: tempfile::TempDir,
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Desk {
    pub async fn start(kind: &str) -> Desk {
        Desk::with(kind, |_| {}).await
    }

    pub async fn with(kind: &str, change: impl FnOnce(&mut Config)) -> Desk {
        Desk::built(kind, change, "").await
    }

    /// Behind a proxy that tells the client's address in this field.
    pub async fn behind_proxy(ip_header: &str) -> Desk {
        Desk::built("sqlite", |_| {}, ip_header).await
    }

    async fn built(kind: &str, change: impl FnOnce(&mut Config), ip_header: &str) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let (main, own) = (free_port(), free_port());
        let mut config = Config { data_dir: folder.path().into(), rate_limit: Switch::Off, ..Config::default() };
        config.database_url = fresh_database(kind, folder.path()).await;
        config.relay_address = format!("127.0.0.1:{own}");
        change(&mut config);
        let figment = frontdesk::config::figment()
            .merge(("log_level", "off"))
            .merge(("port", main))
            .merge(("address", "127.0.0.1"))
            .merge(("shutdown.ctrlc", false))
            .merge(("shutdown.grace", 0))
            .merge(("shutdown.mercy", 0));
        let figment = if ip_header.is_empty() { figment } else { figment.merge(("ip_header", ip_header)) };
        let rocket = frontdesk::app::app(&figment, config, Clock::system()).unwrap().ignite().await.unwrap();
        let accounts = rocket.state::<Accounts>().unwrap().clone();
        let shutdown = rocket.shutdown();
        tokio::spawn(rocket.launch());
        for port in [main, own] {
            until("the doors are open", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
        }
        let token = owner_token(&accounts).await;
        Desk { main, own, token, shutdown, _folder: folder }
    }

    pub fn doors(&self) -> [u16; 2] {
        [self.main, self.own]
    }

    /// A request to the API by an owner's token.
    pub async fn api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let fields = format!(
            "Authorization: Bearer {}\r\nIf-Match: *\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            self.token,
            body.len()
        );
        let got = ask(self.main, method, path, &fields, body.as_bytes()).await;
        (got.status, serde_json::from_slice(&got.body).unwrap_or_default())
    }

    /// A public relay to these upstreams, in one pool `p`; `more` is merged into the pool.
    pub async fn relay(&self, name: &str, upstreams: &[u16], more: Value) {
        let upstreams: Vec<_> =
            upstreams.iter().map(|port| json!({"url": format!("http://127.0.0.1:{port}")})).collect();
        let mut pool = json!({"name": "p", "allow_private": true, "upstreams": upstreams});
        merge(&mut pool, more);
        self.define(name, json!({"pools": [pool], "default_pool": "p"})).await;
    }

    /// A public relay of this definition.
    pub async fn define(&self, name: &str, definition: Value) {
        let mut body = json!({"name": name, "access": "public", "rate": 100000});
        merge(&mut body, definition);
        let (status, answer) = self.api("POST", "/api/v1/relays", body).await;
        assert_eq!(status, 201, "{answer}");
    }

    /// What a relay says of its first upstream, or of all of them.
    pub async fn watch(&self, name: &str) -> Value {
        self.api("GET", &format!("/api/v1/relays/{name}/watch"), Value::Null).await.1
    }

    /// Waits until no request of a relay is under way.
    pub async fn idle(&self, name: &str) {
        until("nothing is under way", async || {
            let watch = self.watch(name).await;
            watch["upstreams"].as_array().unwrap().iter().all(|upstream| upstream["in_flight"] == 0)
        })
        .await;
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.shutdown.clone().notify();
    }
}

pub fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

async fn owner_token(accounts: &Accounts) -> String {
    let email = Email::parse("kim@example.org").unwrap();
    let password = Password::parse("a quiet green lamp").unwrap();
    let id = accounts.create(&Author::command_line(), &email, "", Role::Owner, password).await.unwrap();
    let account = accounts.find(id).await.unwrap();
    let areas: Areas = frontdesk::app::areas();
    let scopes = areas.parse(["admin", "relays:read"]).unwrap();
    let new = NewToken { name: "test".into(), scopes, expires: None };
    accounts.create_token(&(&account).into(), &account, new).await.unwrap().1
}

/// Asks until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, asking).await.unwrap_or_else(|_| panic!("not within {LONG:?}: {what}"));
}

/// An answer as it came over the connection.
#[derive(Debug, Clone, Default)]
pub struct Got {
    pub status: u16,
    /// Names in small letters.
    pub fields: Vec<(String, String)>,
    /// Unchunked.
    pub body: Vec<u8>,
    /// The body ended as its framing says.
    pub is_whole: bool,
    /// The server closed the connection after it.
    pub closed: bool,
}

impl Got {
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    pub fn one(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or("")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of one of our own answers.
    pub fn error(&self) -> &str {
        self.one("x-frontdesk-error")
    }
}

/// A connection of a client.
pub struct Wire {
    pub stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub async fn open(port: u16) -> Wire {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        Wire { stream, read: Vec::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        // The server may have closed already: what it said before is still to be read.
        let _ = self.stream.write_all(bytes).await;
    }

    /// More bytes; `false` at the end.
    async fn more(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece).await {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.read.extend_from_slice(&piece[..n]);
                true
            }
        }
    }

    /// The head of an answer; informational ones are skipped.
    pub async fn head(&mut self) -> Got {
        loop {
            while !self.read.windows(4).any(|window| window == b"\r\n\r\n") {
                if !self.more().await {
                    return Got { closed: true, ..Got::default() };
                }
            }
            let end = self.read.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
            let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
            self.read.drain(..end + 4);
            let got = parsed(&head);
            if got.status >= 200 {
                return got;
            }
        }
    }

    /// Bytes of a body that came so far, at least `n`.
    pub async fn at_least(&mut self, n: usize) -> usize {
        while self.read.len() < n && self.more().await {}
        self.read.len()
    }

    /// A whole answer.
    pub async fn answer(&mut self, method: &str) -> Got {
        let mut got = self.head().await;
        if got.status == 0 || method == "HEAD" || matches!(got.status, 204 | 304) {
            got.is_whole = got.status != 0;
            return got;
        }
        let length = got.one("content-length").parse::<usize>().ok();
        if got.one("transfer-encoding") == "chunked" {
            while unchunked(&self.read).is_none() {
                if !self.more().await {
                    got.closed = true;
                    got.body = std::mem::take(&mut self.read);
                    return got;
                }
            }
            let (body, used) = unchunked(&self.read).unwrap();
            self.read.drain(..used);
            got.body = body;
            got.is_whole = true;
        } else {
            while length.is_none_or(|length| self.read.len() < length) && self.more().await {}
            let end = length.unwrap_or(usize::MAX).min(self.read.len());
            got.body = self.read.drain(..end).collect();
            got.closed = length.is_none_or(|length| got.body.len() < length);
            got.is_whole = length.is_none_or(|length| got.body.len() == length);
        }
        got
    }

    /// The server has closed the connection, within the time that tests have.
    pub async fn is_closed(&mut self) -> bool {
        tokio::time::timeout(LONG, async { while self.more().await {} }).await.is_ok()
    }
}

fn parsed(head: &str) -> Got {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let field = |line: &str| line.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()));
    Got { status, fields: lines.filter_map(field).collect(), ..Got::default() }
}

/// A chunked body and how many bytes it took; `None` if it is not all there.
pub fn unchunked(mut bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let whole = bytes.len();
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..end]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        bytes = &bytes[end + 2..];
        if size == 0 {
            let end = if bytes.starts_with(b"\r\n") { 0 } else { bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 2 };
            return Some((body, whole - bytes.len() + end + 2));
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}

/// One request on a connection of its own. `fields`: whole lines.
pub async fn ask(port: u16, method: &str, target: &str, fields: &str, body: &[u8]) -> Got {
    let mut wire = Wire::open(port).await;
    let head = format!("{method} {target} HTTP/1.1\r\nHost: desk.example\r\n{fields}\r\n");
    wire.send(&[head.as_bytes(), body].concat()).await;
    tokio::time::timeout(LONG, wire.answer(method)).await.unwrap_or_else(|_| panic!("no answer to {method} {target}"))
}

/// GET without more.
pub async fn get(port: u16, target: &str) -> Got {
    ask(port, "GET", target, "", b"").await
}
