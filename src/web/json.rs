//! JSON that comes in: bodies of the API's routes, and numbers in their addresses.

use rocket::data::{Data, FromData};
use rocket::http::ContentType;
use rocket::{Request, data};
use serde::Deserializer;
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use utoipa::PartialSchema;
use utoipa::openapi::{RefOr, Schema};

use super::body;
use super::guards::Refused;
use super::replays::Idempotency;
use crate::error::{Error, FieldError, Result};
use crate::limits::MAX_JSON;

/// A JSON object as a body. Takes only `application/json`, which a foreign form cannot send.
pub struct JsonObject(pub Map<String, Value>);

/// Reads a JSON body of at most `most` bytes; 413 if it is longer, 415 without a JSON content type.
/// A foreign form cannot send that type. `may_lack`: an empty body needs no type.
pub async fn read_json(request: &Request<'_>, data: Data<'_>, most: u64, may_lack: bool) -> Result<Vec<u8>> {
    let is_json = |kind: &ContentType| kind.is_json() || kind.sub().as_str().ends_with("+json");
    let typed = request.content_type().is_some_and(is_json);
    let too_large = || Error::TooLarge(format!("The body holds at most {most} bytes.").into());
    let bytes = body::read(data, most, too_large).await?;
    if !typed && !may_lack {
        return Err(Error::UnsupportedType("Send application/json.".into()));
    }
    if !typed && !bytes.is_empty() {
        return Err(Error::UnsupportedType("Send application/json, or no body.".into()));
    }
    Ok(bytes)
}

/// Takes the key of a request whose body was read.
async fn enter(request: &Request<'_>, body: &[u8]) -> Result<()> {
    // Answered before: the guard fails, and `contract` repeats the kept answer.
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

    /// A body as a struct; everything that does not fit is told by its name.
    pub fn parse<T: DeserializeOwned + PartialSchema>(self) -> Result<T> {
        let body = Value::Object(self.0);
        serde_path_to_error::deserialize(&body).map_err(|first| Error::Invalid(misfits::<T>(body, first)))
    }
}

/// Fields told at once; a body of nothing but mistakes is not read to its end.
const MAX_MISFITS: usize = 20;

type Misfit = serde_path_to_error::Error<serde_json::Error>;

/// What does not fit. serde tells one at a time, so each is taken out until the rest fits; what is missing the
/// struct's own description knows.
fn misfits<T: DeserializeOwned + PartialSchema>(mut body: Value, first: Misfit) -> Vec<FieldError> {
    let is_missing = |name: &String| body.get(name).is_none();
    let required = required_of::<T>().into_iter().filter(is_missing);
    let mut errors: Vec<_> = required.map(|name| FieldError::at(pointer([name]), "is required")).collect();
    let mut next = Some(first);
    while let Some(error) = next.take().filter(|_| errors.len() < MAX_MISFITS) {
        let place: Vec<String> = error.path().iter().filter_map(segment).collect();
        let detail = error.into_inner().to_string();
        let taken = place.first().zip(body.as_object_mut()).and_then(|(name, body)| body.shift_remove(name));
        if taken.is_some() {
            errors.push(FieldError::at(pointer(place), detail));
            next = serde_path_to_error::deserialize::<_, T>(&body).err();
        } else if !errors.iter().any(|error| is_about(error, &detail)) {
            errors.push(FieldError::at(pointer(place), detail));
        }
    }
    errors
}

/// serde names a field that is missing in its words only.
fn is_about(error: &FieldError, detail: &str) -> bool {
    let name = error.pointer.as_deref().and_then(|pointer| pointer.split('/').nth(1));
    name.is_some_and(|name| detail.contains(&format!("`{name}`")))
}

fn required_of<T: PartialSchema>() -> Vec<String> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.required,
        _ => Vec::new(),
    }
}

fn segment(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// A JSON pointer (RFC 6901).
fn pointer(place: impl IntoIterator<Item = String>) -> String {
    place.into_iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
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
                return Err(serde::de::Error::custom(format!("\"{name}\" appears twice")));
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
        if !body.is_empty() {
            let unknown = |(name, _)| FieldError::at(pointer([name]), "is not known: this takes no body");
            return Err(Error::Invalid(body.into_iter().take(MAX_MISFITS).map(unknown).collect()));
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

/// Parses an id in a path; 404 if it is not a whole number in plain form.
pub fn item_id(text: &str) -> Result<i64> {
    let number = text.parse().ok().filter(|number: &i64| number.to_string() == text);
    number.ok_or_else(|| Error::NotFound("The id in this address must be a whole number.".into()))
}
