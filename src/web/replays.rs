//! `Idempotency-Key`: a POST that is repeated with the same key gets the answer it got the first time
//! (draft-ietf-httpapi-idempotency-key-header). The first request takes the key before anything is changed; its
//! answer is stored under it for a day, readable only with the key itself and the secret of the server, since answers may hold secrets.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hmac::{Hmac, Mac as _};
use parking_lot::Mutex;
use rocket::Request;
use rocket::http::{Header, Method, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::Response;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::db::Pool;
use crate::error::{Error, FieldError, Result};
use crate::moment::{Clock, DAY};
use crate::secrets::random_bytes;

/// The keys of the last day and the answers stored under them.
#[derive(Clone)]
pub struct Replays {
    db: Pool,
    clock: Clock,
    /// The server's secret: without it, a copy of the database does not allow guessing keys.
    secret: Arc<[u8; 32]>,
}

/// How long a key is remembered.
const KEPT: i64 = DAY;
const NAME: &str = "Idempotency-Key";

/// The sender of a request, as a guard identified them: equal keys of two senders are different keys.
#[derive(Default)]
pub struct Identity(Mutex<String>);

impl Identity {
    /// Notes who asks.
    pub fn note(request: &Request<'_>, who: String) {
        *request.local_cache(Identity::default).0.lock() = who;
    }

    fn of(request: &Request<'_>) -> String {
        request.local_cache(Identity::default).0.lock().clone()
    }
}

/// What became of a request's key.
#[derive(Default)]
pub(super) enum Stage {
    #[default]
    Unused,
    /// This request was the first; what it answers is to be stored.
    Begun(Ticket),
    /// It was answered before.
    Again(Stored),
}

/// A key that was taken.
pub(super) struct Ticket {
    hash: Vec<u8>,
    secret: [u8; 32],
}

#[derive(Default)]
pub(super) struct Slot(Mutex<Stage>);

impl Slot {
    pub(super) fn take(&self) -> Stage {
        std::mem::take(&mut *self.0.lock())
    }

    fn put(&self, stage: Stage) {
        *self.0.lock() = stage;
    }
}

/// An answer as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Headers of an answer that belong to what was done, not to the request.
const KEPT_HEADERS: [&str; 5] = ["Content-Type", "Location", "ETag", "Preference-Applied", "WWW-Authenticate"];

impl Stored {
    /// Reads an answer and puts its body back.
    pub(super) async fn of(response: &mut Response<'_>) -> std::io::Result<Stored> {
        let body = response.body_mut().to_string().await?;
        response.set_sized_body(body.len(), std::io::Cursor::new(body.clone()));
        let kept = |name: &str| Some((name.to_owned(), response.headers().get_one(name)?.to_owned()));
        let headers = KEPT_HEADERS.iter().filter_map(|name| kept(name)).collect();
        Ok(Stored { status: response.status().code, headers, body })
    }

    pub(super) fn response(self) -> Response<'static> {
        let mut response = Response::new();
        response.set_status(Status::new(self.status));
        for (name, value) in self.headers {
            response.set_header(Header::new(name, value));
        }
        response.set_header(Header::new("Idempotent-Replayed", "true"));
        response.set_sized_body(self.body.len(), std::io::Cursor::new(self.body));
        response
    }
}

/// The key of a request, to be taken once its body is read.
pub struct Idempotency<'r> {
    key: Option<&'r str>,
    who: String,
    target: String,
    slot: &'r Slot,
    replays: Option<&'r Replays>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Idempotency<'r> {
    type Error = std::convert::Infallible;
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Idempotency::of(request))
    }
}

impl<'r> Idempotency<'r> {
    pub(super) fn of(request: &'r Request<'_>) -> Idempotency<'r> {
        let key = request.headers().get_one(NAME).filter(|_| request.method() == Method::Post);
        Idempotency {
            key,
            who: if key.is_some() { Identity::of(request) } else { String::new() },
            target: if key.is_some() { request.uri().to_string() } else { String::new() },
            slot: request.local_cache(Slot::default),
            replays: request.rocket().state(),
        }
    }

    /// Takes the key. `false`: the request was answered before, and that answer is sent whatever comes back from here.
    pub async fn enter(&self, body: &[u8]) -> Result<bool> {
        let (Some(key), Some(replays)) = (self.key, self.replays) else { return Ok(true) };
        let key = self.checked(key)?;
        let hash = |purpose: &str| replays.keyed_hash(&format!("{purpose}\n{}\n{key}", self.who));
        let ticket = Ticket { hash: hash("key").to_vec(), secret: hash("answer") };
        let fingerprint = Sha256::new().chain_update(&self.target).chain_update("\n").chain_update(body).finalize();
        if replays.begin(&ticket, &fingerprint).await? {
            self.slot.put(Stage::Begun(ticket));
            return Ok(true);
        }
        self.slot.put(Stage::Again(replays.find(&ticket, &fingerprint).await?));
        Ok(false)
    }

    /// The key, without the quotes of a structured field. Of strangers it must be hard to guess.
    fn checked<'k>(&self, key: &'k str) -> Result<&'k str> {
        let key = key.trim();
        let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
        let shortest = if self.who.is_empty() { 16 } else { 1 };
        if (shortest..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(key);
        }
        let detail = format!("must be {shortest} to 255 visible characters, such as a UUID");
        Err(Error::BadRequest(vec![FieldError::parameter(NAME, detail)]))
    }
}

impl Replays {
    /// `secret` encrypts the kept answers.
    pub fn new(db: Pool, clock: Clock, secret: [u8; 32]) -> Replays {
        Replays { db, clock, secret: Arc::new(secret) }
    }

    fn keyed_hash(&self, text: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret[..]).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Takes a key before anything is changed; `false`: it was taken before.
    async fn begin(&self, ticket: &Ticket, fingerprint: &[u8]) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let taken = tx
            .write("INSERT INTO replays (key_hash, fingerprint, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(ticket.hash.clone())
            .bind(fingerprint.to_vec())
            .bind(self.clock.now())
            .execute()
            .await?;
        tx.commit().await?;
        Ok(taken == 1)
    }

    /// The answer that was given under a key.
    async fn find(&self, ticket: &Ticket, fingerprint: &[u8]) -> Result<Stored> {
        let row: Option<(Vec<u8>, Option<Vec<u8>>)> = self
            .db
            .read("SELECT fingerprint, answer FROM replays WHERE key_hash = $1")
            .bind(ticket.hash.clone())
            .optional()
            .await?;
        let busy = "A request with this Idempotency-Key is under way, or broke off. Look whether it was done before \
                    you send it with another key.";
        match row {
            Some((known, _)) if known != fingerprint => {
                Err(Error::Invalid(vec![FieldError::parameter(NAME, "was used before with another body or address")]))
            }
            Some((_, Some(answer))) => open(&ticket.secret, &answer),
            _ => Err(Error::Conflict(busy.into())),
        }
    }

    /// Stores the answer of the first request.
    pub(super) async fn finish(&self, ticket: &Ticket, answer: &Stored) -> Result<()> {
        let sealed = seal(&ticket.secret, answer)?;
        let mut tx = self.db.begin().await?;
        tx.write("UPDATE replays SET status = $2, answer = $3 WHERE key_hash = $1")
            .bind(ticket.hash.clone())
            .bind(i64::from(answer.status))
            .bind(sealed)
            .execute()
            .await?;
        Ok(tx.commit().await?)
    }

    /// Gives a key back: nothing was changed, and the next request with it may try.
    pub(super) async fn give_back(&self, ticket: &Ticket) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.write("DELETE FROM replays WHERE key_hash = $1").bind(ticket.hash.clone()).execute().await?;
        Ok(tx.commit().await?)
    }

    /// Forgets what is older than a day.
    pub async fn upkeep(&self) -> Result<()> {
        let mut tx = self.db.begin().await?;
        tx.write("DELETE FROM replays WHERE created_at < $1").bind(self.clock.now().plus(-KEPT)).execute().await?;
        Ok(tx.commit().await?)
    }
}

fn broken(what: impl std::fmt::Display) -> Error {
    Error::Internal(format!("a stored answer: {what}").into())
}

/// Nonce and ciphertext.
fn seal(secret: &[u8; 32], answer: &Stored) -> Result<Vec<u8>> {
    let nonce = random_bytes::<12>()?;
    let plain = serde_json::to_vec(answer).map_err(broken)?;
    let sealed = ChaCha20Poly1305::new(&(*secret).into()).encrypt(&Nonce::from(nonce), plain.as_slice());
    Ok([nonce.as_slice(), sealed.map_err(broken)?.as_slice()].concat())
}

fn open(secret: &[u8; 32], sealed: &[u8]) -> Result<Stored> {
    let (nonce, sealed) = sealed.split_first_chunk::<12>().ok_or_else(|| broken("is too short"))?;
    let plain = ChaCha20Poly1305::new(&(*secret).into()).decrypt(&Nonce::from(*nonce), sealed).map_err(broken)?;
    serde_json::from_slice(&plain).map_err(broken)
}
