//! JSON in and out of the API's routes: bodies, versions, what was made.

use std::time::Duration;

use rocket::data::{Data, FromData, ToByteUnit};
use rocket::http::{ContentType, Header, Method, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder, Response};
use rocket::{Request, data};
use serde::Deserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::guards::Refused;
use super::replays::Idempotency;
use crate::error::{Error, FieldError, Result};
use crate::limits::{BODY_SECONDS, MAX_JSON};

/// A JSON object as a body. Takes only `application/json`, which a foreign form cannot send.
pub struct JsonObject(pub Map<String, Value>);

/// The bytes of a body of JSON, of at most `most` bytes, after its key was taken ([`Idempotency`]).
/// Only `application/json` and the like, which a foreign form cannot send; `may_lack`: no body needs no type.
pub async fn read_json(request: &Request<'_>, data: Data<'_>, most: u64, may_lack: bool) -> Result<Vec<u8>> {
    let is_json = |kind: &ContentType| kind.is_json() || kind.sub().as_str().ends_with("+json");
    let typed = request.content_type().is_some_and(is_json);
    if !typed && !may_lack {
        return Err(Error::UnsupportedType("Send application/json.".into()));
    }
    let bytes = in_time(data.open(most.bytes()).into_bytes()).await?;
    if !bytes.is_complete() {
        return Err(Error::TooLarge(format!("The body holds at most {most} bytes.").into()));
    }
    if !typed && !bytes.is_empty() {
        return Err(Error::UnsupportedType("Send application/json, or no body.".into()));
    }
    Ok(bytes.into_inner())
}

/// What is read of a body, if it comes in time.
pub async fn in_time<T>(read: impl Future<Output = std::io::Result<T>>) -> Result<T> {
    let broken = |detail: &str| Error::BadRequest(vec![FieldError::at("", detail)]);
    match tokio::time::timeout(Duration::from_secs(BODY_SECONDS), read).await {
        Ok(read) => read.map_err(|_| broken("the body broke off")),
        Err(_) => Err(broken("the body took too long to come")),
    }
}

/// Takes the key of a request whose body was read.
async fn enter(request: &Request<'_>, body: &[u8]) -> Result<()> {
    // Answered before: the guard fails, and whoever called the route sends that answer.
    if Idempotency::of(request).enter(body).await? {
        Ok(())
    } else {
        Err(Error::Conflict("This was answered before.".into()))
    }
}

impl JsonObject {
    async fn read(request: &Request<'_>, data: Data<'_>) -> Result<JsonObject> {
        let bytes = read_json(request, data, MAX_JSON, false).await?;
        let body = JsonObject::from_bytes(&bytes)?;
        enter(request, &bytes).await?;
        Ok(body)
    }

    fn from_bytes(bytes: &[u8]) -> Result<JsonObject> {
        // No body is the same as an empty one: what it lacks is told by name.
        let bytes = if bytes.is_empty() { b"{}" } else { bytes };
        match serde_json::from_slice(bytes).map(|Strict(value)| value) {
            Ok(Value::Object(body)) if holds_nul(&body) => {
                Err(Error::invalid("", "holds a NUL character, which cannot be stored"))
            }
            Ok(Value::Object(body)) => Ok(JsonObject(body)),
            Ok(_) => Err(Error::invalid("", "must be an object")),
            Err(error) => Err(Error::BadRequest(vec![FieldError::at("", error.to_string())])),
        }
    }

    /// A body as a struct; what does not fit is told by its name.
    pub fn parse<T: serde::de::DeserializeOwned>(self) -> Result<T> {
        serde_path_to_error::deserialize(Value::Object(self.0)).map_err(|error| {
            let path = error.path().to_string();
            let inside = if path == "." {
                String::new()
            } else {
                format!("/{}", path.replace(['.', '['], "/").replace(']', "")).replace("//", "/")
            };
            let detail = error.into_inner().to_string();
            // serde names a field that is missing in its message only.
            match detail.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
                Some(name) => Error::invalid(format!("{inside}/{name}"), "is required"),
                None => Error::invalid(inside, detail),
            }
        })
    }
}

/// JSON in which no object has a name twice: which of the two counts, readers of JSON do not agree on.
struct Strict(Value);

impl<'de> serde::Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        let mut body = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            if body.insert(name.clone(), value).is_some() {
                return Err(serde::de::Error::custom(format!("\"{name}\" stands there twice")));
            }
        }
        Ok(Value::Object(body))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(value)) = seq.next_element()? {
            items.push(value);
        }
        Ok(Value::Array(items))
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }
}

fn holds_nul(body: &Map<String, Value>) -> bool {
    fn inside(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(inside),
            Value::Object(body) => holds_nul(body),
            _ => false,
        }
    }
    body.iter().any(|(name, value)| name.contains('\0') || inside(value))
}

#[rocket::async_trait]
impl<'r> FromData<'r> for JsonObject {
    type Error = ();
    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        taken(request, JsonObject::read(request, data).await)
    }
}

/// No body, or an empty object: a request that says everything in its address.
pub struct NoBody;

impl NoBody {
    async fn read(request: &Request<'_>, data: Data<'_>) -> Result<NoBody> {
        let bytes = read_json(request, data, MAX_JSON, true).await?;
        let body = JsonObject::from_bytes(&bytes)?.0;
        if let Some(name) = body.keys().next() {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            return Err(Error::invalid(pointer, "is not known: this takes no body"));
        }
        enter(request, &bytes).await?;
        Ok(NoBody)
    }
}

#[rocket::async_trait]
impl<'r> FromData<'r> for NoBody {
    type Error = ();
    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        taken(request, NoBody::read(request, data).await)
    }
}

fn taken<'r, T>(request: &'r Request<'_>, read: Result<T>) -> data::Outcome<'r, T, ()> {
    match read {
        Ok(body) => data::Outcome::Success(body),
        Err(error) => data::Outcome::Error(Refused::note(request, error)),
    }
}

/// What `If-Match` asks for (RFC 9110, 13.1.1): one of these versions, or any.
pub struct IfMatch {
    is_sent: bool,
    /// `None`: any.
    tags: Option<Vec<String>>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IfMatch {
    type Error = std::convert::Infallible;
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let lists: Vec<_> = request.headers().get("If-Match").collect();
        let any = lists.is_empty() || lists.iter().any(|list| list.trim() == "*");
        let tags = || lists.iter().flat_map(|list| list.split(',')).map(|tag| tag.trim().to_owned());
        Outcome::Success(IfMatch { is_sent: !lists.is_empty(), tags: (!any).then(|| tags().collect()) })
    }
}

impl IfMatch {
    /// Fails unless the present version is one of those named. Returns the version that the change must still find;
    /// `None`: any.
    pub fn version(&self, present: i64) -> Result<Option<i64>> {
        match &self.tags {
            None => Ok(None),
            Some(tags) if tags.contains(&etag(present)) => Ok(Some(present)),
            Some(_) => Err(Error::PreconditionFailed),
        }
    }

    /// The same for PUT, which replaces everything and so must name what it replaces, if only by `*`.
    pub fn required(&self, present: i64) -> Result<Option<i64>> {
        if self.is_sent { self.version(present) } else { Err(Error::PreconditionRequired) }
    }
}

/// The entity tag of a version.
pub fn etag(version: i64) -> String {
    format!("\"v{version}\"")
}

/// JSON with the headers that belong to it. `Prefer: return=minimal` (RFC 7240) leaves the body of a change out, and
/// `If-None-Match` (RFC 9110, 13.1.2) that of a read which has not changed.
pub struct JsonAnswer {
    status: Status,
    body: String,
    headers: Vec<(&'static str, String)>,
    /// Holds what cannot be asked for again.
    whole: bool,
    /// Changes without its version: the time is in it.
    live: bool,
}

impl JsonAnswer {
    pub fn ok(body: &Value) -> JsonAnswer {
        JsonAnswer::text(body.to_string())
    }

    /// JSON that is written already.
    pub fn text(body: String) -> JsonAnswer {
        JsonAnswer { status: Status::Ok, body, headers: Vec::new(), whole: false, live: false }
    }

    /// 201 with `Location`.
    pub fn created(location: String, body: &Value) -> JsonAnswer {
        JsonAnswer::ok(body).made_at(location)
    }

    /// The same, as what was made: 201 with `Location`.
    pub fn made_at(mut self, location: String) -> JsonAnswer {
        self.status = Status::Created;
        self.with("Location", location)
    }

    pub fn with(mut self, header: &'static str, value: String) -> JsonAnswer {
        self.headers.push((header, value));
        self
    }

    /// Its body is sent whatever the reader prefers: it holds what cannot be asked for again.
    pub fn whole(mut self) -> JsonAnswer {
        self.whole = true;
        self
    }

    /// It says what is going on at this moment, which its version does not tell.
    pub fn live(mut self) -> JsonAnswer {
        self.live = true;
        self
    }

    fn etag(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| *name == "ETag").map(|(_, value)| value.as_str())
    }

    /// Of a read that has no version: a hash of what it holds.
    fn tag_body(&mut self) {
        let hash = Sha256::digest(self.body.as_bytes());
        let text: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        self.headers.push(("ETag", format!("\"{text}\"")));
    }
}

/// Whether `If-None-Match` names this tag, or any.
fn names(request: &Request<'_>, etag: &str) -> bool {
    let lists = request.headers().get("If-None-Match");
    let tags = lists.flat_map(|list| list.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    tags.into_iter().any(|tag| tag == "*" || tag == etag)
}

/// Whether the reader wants no body after a change.
fn prefers_minimal(request: &Request<'_>) -> bool {
    let mut preferences = request.headers().get("Prefer").flat_map(|list| list.split([',', ';']));
    preferences.any(|preference| preference.trim().eq_ignore_ascii_case("return=minimal"))
}

impl<'r> Responder<'r, 'static> for JsonAnswer {
    fn respond_to(mut self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        let reads = matches!(request.method(), Method::Get | Method::Head);
        if reads && self.status == Status::Ok && !self.live {
            if self.etag().is_none() {
                self.tag_body();
            }
            if self.etag().is_some_and(|etag| names(request, etag)) {
                self.headers.retain(|(name, _)| *name == "ETag");
                self.status = Status::NotModified;
                self.body.clear();
            }
        } else if !reads && !self.whole && prefers_minimal(request) {
            response.header(Header::new("Preference-Applied", "return=minimal"));
            self.body.clear();
            if self.status == Status::Ok {
                self.status = Status::NoContent;
            }
        }
        if !self.body.is_empty() {
            response.header(ContentType::JSON).sized_body(self.body.len(), std::io::Cursor::new(self.body));
        }
        for (name, value) in self.headers {
            response.header(Header::new(name, value));
        }
        response.status(self.status).ok()
    }
}

/// The number in a path; anything else is not there.
pub fn item_id(text: &str) -> Result<i64> {
    let number = text.parse().ok().filter(|number: &i64| number.to_string() == text);
    number.ok_or_else(|| Error::NotFound("What is looked for here has a whole number.".into()))
}
