//! Parameters of URLs and bodies of forms, read strictly; pages and redirects as answers.

use rocket::data::{Data, FromData, Outcome};
use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{ContentType, Header, Method, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, http::uri::Origin};

use super::body;
use super::guards::Refused;
use crate::error::{Error, FieldError, Result};
use crate::limits::{MAX_FORM, MAX_FORM_FIELDS};

/// Decodes `application/x-www-form-urlencoded`. Invalid UTF-8 is an error that names the parameter; so are too many of them.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    if parts.clone().nth(MAX_FORM_FIELDS).is_some() {
        return Err(too_many_fields());
    }
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decode(name, name)?, decode(value, name)?))
        })
        .collect()
}

fn too_many_fields() -> Error {
    Error::BadRequest(vec![FieldError::parameter("", format!("more than {MAX_FORM_FIELDS} fields"))])
}

fn decode(text: &str, name: &str) -> Result<String> {
    let spaces = text.replace('+', " ");
    let text = percent_encoding::percent_decode_str(&spaces)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Error::parameter(name, "invalid UTF-8"))?;
    // No database of ours stores it.
    if text.contains('\0') {
        Err(Error::parameter(name.replace('\0', "\u{2400}"), "a NUL character"))
    } else {
        Ok(text)
    }
}

/// The parameters of a request's URL.
pub fn query_pairs(uri: &Origin<'_>) -> Result<Vec<(String, String)>> {
    uri.query().map_or(Ok(Vec::new()), |query| pairs(query.as_str()))
}

/// The fields of a form, url-encoded or multipart, or a text body that holds a url-encoded form.
#[derive(Debug, Default)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The value of a field, empty if it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether the field was sent.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Every value of a field that occurs more than once.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Fields> {
        let too_large = || Error::TooLarge(format!("A form holds at most {MAX_FORM} bytes.").into());
        let bytes = body::read(data, MAX_FORM, too_large).await?;
        match request.content_type() {
            Some(kind) if *kind == ContentType::FormData => multipart(kind, bytes).await,
            Some(kind) if *kind == ContentType::Form || *kind == ContentType::Plain => {
                let text = String::from_utf8(bytes)
                    .map_err(|_| Error::BadRequest(vec![FieldError::at("", "invalid UTF-8")]))?;
                Ok(Fields(pairs(text.trim_end())?))
            }
            None if bytes.is_empty() => Ok(Fields::default()),
            _ => Err(Error::UnsupportedType("Send a form.".into())),
        }
    }
}

async fn multipart(kind: &ContentType, bytes: Vec<u8>) -> Result<Fields> {
    let wrong = |error: multer::Error| Error::BadRequest(vec![FieldError::at("", error.to_string())]);
    let boundary = kind.param("boundary").ok_or_else(|| wrong(multer::Error::NoBoundary))?.to_owned();
    let chunk = futures::stream::once(async move { Ok::<_, std::convert::Infallible>(bytes) });
    let mut parts = multer::Multipart::new(chunk, boundary);
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(wrong)? {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(str::to_owned);
        let value = part.bytes().await.map_err(wrong)?;
        let text = String::from_utf8(value.to_vec()).map_err(|_| Error::invalid(name.clone(), "invalid UTF-8"))?;
        if fields.len() >= MAX_FORM_FIELDS {
            return Err(too_many_fields());
        }
        if let Some(file) = file {
            fields.push((format!("{name}.name"), file));
        }
        fields.push((name, text));
    }
    Ok(Fields(fields))
}

#[rocket::async_trait]
impl<'r> FromData<'r> for Fields {
    type Error = ();
    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match Fields::read(request, data).await {
            Ok(fields) => Outcome::Success(fields),
            Err(error) => Outcome::Error(Refused::note(request, error)),
        }
    }
}

/// Rocket takes a form whose first field is `_method=delete` for a DELETE. Here a POST stays a POST: a field of that
/// name is a field.
pub struct FormsArePosts;

#[rocket::async_trait]
impl Fairing for FormsArePosts {
    fn info(&self) -> Info {
        Info { name: "Forms are posts", kind: Kind::Request }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        let is_form = request.content_type().is_some_and(|kind| kind.is_form());
        // Rocket has changed the method only if the field names what it is now.
        if is_form && request.method() != Method::Post && names(data.peek(14).await, request.method()) {
            request.set_method(Method::Post);
        }
    }
}

/// Whether a form begins with the field `_method` and the name of this method, as Rocket reads its first 14 bytes.
fn names(form: &[u8], method: Method) -> bool {
    let first = form.split(|byte| *byte == b'&').find(|pair| !pair.is_empty());
    let value = first.and_then(|pair| pair.strip_prefix(b"_method="));
    value.is_some_and(|value| value.eq_ignore_ascii_case(method.as_str().as_bytes()))
}

/// A rendered page.
pub struct Html(pub String);

impl<'r> Responder<'r, 'static> for Html {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        (ContentType::HTML, self.0).respond_to(request)
    }
}

/// Pairs as a query string.
pub fn encode<'p>(pairs: impl IntoIterator<Item = &'p (String, String)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// `303 See Other`: after a POST the browser shows this page, and "reload" repeats nothing.
pub struct SeeOther(String);

/// 303 to `target`.
pub fn see_other(target: impl Into<String>) -> SeeOther {
    SeeOther(target.into())
}

impl<'r> Responder<'r, 'static> for SeeOther {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        // A header cannot hold line breaks or other scripts; everything else is as given.
        let target: String = self
            .0
            .bytes()
            .map(|b| if b.is_ascii_graphic() { (b as char).to_string() } else { format!("%{b:02X}") })
            .collect();
        Response::build().status(Status::SeeOther).header(Header::new("Location", target)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn parameters_are_decoded_strictly() {
        assert_eq!(
            pairs("a=1&b=x+y&c=%C3%A9&d").unwrap(),
            [("a", "1"), ("b", "x y"), ("c", "é"), ("d", "")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert!(pairs("a=%ff").is_err());
    }
}
