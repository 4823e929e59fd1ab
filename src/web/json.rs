//! JSON in and out of the API's routes: bodies, versions, what was made.

use rocket::data::{Data, FromData, ToByteUnit};
use rocket::http::{ContentType, Header, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder, Response};
use rocket::{Request, data};
use serde_json::{Map, Value};

use super::guards::Refused;
use crate::error::{Error, FieldError, Result};

/// Bytes of a body of JSON.
const MAX_JSON: u64 = 1_000_000;

/// A JSON object as a body. Takes only `application/json`, which a foreign form cannot send.
pub struct JsonObject(pub Map<String, Value>);

impl JsonObject {
    async fn read(request: &Request<'_>, data: Data<'_>) -> Result<JsonObject> {
        let is_json = |kind: &ContentType| kind.is_json() || kind.sub().as_str().ends_with("+json");
        if !request.content_type().is_some_and(is_json) {
            return Err(Error::UnsupportedType("Send application/json.".into()));
        }
        let bytes = data.open(MAX_JSON.bytes()).into_bytes().await.map_err(|error| Error::Internal(Box::new(error)))?;
        if !bytes.is_complete() {
            return Err(Error::TooLarge(format!("The body holds at most {MAX_JSON} bytes.").into()));
        }
        // No body is the same as an empty one: what it lacks is told by name.
        let bytes = if bytes.is_empty() { b"{}" } else { bytes.as_slice() };
        match serde_json::from_slice(bytes) {
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
            let pointer = if path == "." { String::new() } else { format!("/{}", path.replace('.', "/")) };
            Error::invalid(pointer, error.into_inner().to_string())
        })
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
        match JsonObject::read(request, data).await {
            Ok(body) => data::Outcome::Success(body),
            Err(error) => match Refused::fail::<()>(request, error) {
                Outcome::Error(failed) => data::Outcome::Error(failed),
                _ => data::Outcome::Error((Status::BadRequest, ())),
            },
        }
    }
}

/// What `If-Match` asks for (RFC 9110, 13.1.1): one of these versions, or any.
pub struct IfMatch(Option<Vec<String>>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IfMatch {
    type Error = std::convert::Infallible;
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let lists: Vec<_> = request.headers().get("If-Match").collect();
        let any = lists.is_empty() || lists.iter().any(|list| list.trim() == "*");
        let tags = || lists.iter().flat_map(|list| list.split(',')).map(|tag| tag.trim().to_owned());
        Outcome::Success(IfMatch((!any).then(|| tags().collect())))
    }
}

impl IfMatch {
    /// Fails unless the present version is one of those named. Returns the version that the change must still find;
    /// `None`: any.
    pub fn version(&self, present: i64) -> Result<Option<i64>> {
        match &self.0 {
            None => Ok(None),
            Some(tags) if tags.contains(&etag(present)) => Ok(Some(present)),
            Some(_) => Err(Error::PreconditionFailed),
        }
    }
}

/// The entity tag of a version.
pub fn etag(version: i64) -> String {
    format!("\"v{version}\"")
}

/// JSON with the headers that belong to it.
pub struct JsonAnswer {
    status: Status,
    body: String,
    headers: Vec<(&'static str, String)>,
}

impl JsonAnswer {
    pub fn ok(body: &Value) -> JsonAnswer {
        JsonAnswer { status: Status::Ok, body: body.to_string(), headers: Vec::new() }
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
}

impl<'r> Responder<'r, 'static> for JsonAnswer {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build_from((ContentType::JSON, self.body).respond_to(request)?);
        response.status(self.status);
        for (name, value) in self.headers {
            response.header(Header::new(name, value));
        }
        response.ok()
    }
}

/// The number in a path; anything else is not there.
pub fn item_id(text: &str) -> Result<i64> {
    text.parse().map_err(|_| Error::NotFound("What is looked for here has a whole number.".into()))
}
