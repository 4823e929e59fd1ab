//! `/api/v1/{resource}`: the same routes for every resource, mounted at its address.

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::request::{FromRequest, Outcome};
use rocket::{Request, State, delete, get, patch, post, put, routes};
use serde_json::{Value, json};

use super::list::{GRAMMAR, chosen};
use super::{Listing, Record, Records, Resource, csv};
use crate::error::{Error, Result};
use crate::filter::{self, Format, Query};
use crate::staff::{Staff, Visitor};
use crate::web::{
    Answer, Api, Download, IfMatch, JsonAnswer, JsonObject, NoBody, Refused, WebHost, encode, item_id, query_pairs,
};

/// GET of lists and items.
pub fn reads() -> Api {
    Api::declared(routes![list, show])
}

/// POST, PUT, PATCH, DELETE and restoration.
pub fn changes() -> Api {
    Api::declared(routes![create, replace, merge, remove, restore])
}

/// The resources that are mounted.
pub struct Catalogue(pub Vec<&'static Resource>);

/// The resource at whose address a route is mounted.
pub struct Which(pub &'static Resource);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Which {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let base = request.route().map_or("", |route| route.uri.base());
        let name = base.rsplit('/').next().unwrap_or("");
        let known = request.rocket().state::<Catalogue>().map_or(&[][..], |catalogue| &catalogue.0);
        match known.iter().find(|resource| resource.name == name) {
            Some(resource) => Outcome::Success(Which(resource)),
            None => Refused::fail(request, Error::NotFound("There is nothing here.".into())),
        }
    }
}

/// Whether the reader is staff; refuses strangers what is not public.
pub fn may_read(resource: &Resource, visitor: &Visitor) -> Result<bool> {
    let staff = visitor.0.is_some();
    if staff || resource.public { Ok(staff) } else { Err(Error::Unauthenticated) }
}

/// A list as JSON, or a download of all that match.
#[derive(rocket::Responder)]
pub enum Listed {
    /// A page of the list.
    Json(JsonAnswer),
    /// All that match.
    Download(Download),
}

/// The query of a URL.
pub fn read_query(records: &Records, uri: &Origin<'_>) -> Result<Query> {
    filter::parse(&GRAMMAR, &query_pairs(uri)?, records.clock().now(), false)
}

/// The list of a resource in the format asked for.
pub async fn answer_list(
    records: &Records,
    resource: &'static Resource,
    uri: &Origin<'_>,
    staff: bool,
    host: &WebHost,
) -> Result<Listed> {
    let query = read_query(records, uri)?;
    if matches!(query.format, Some(Format::Csv | Format::Ndjson)) {
        return Ok(Listed::Download(csv::download(records, resource, query, staff).await?));
    }
    let listing = records.list(resource, &query, staff).await?;
    Ok(Listed::Json(list_answer(resource, &query, listing, uri, host)))
}

/// A list with its items as they are, reduced to the fields asked for.
pub fn list_answer(
    resource: &'static Resource,
    query: &Query,
    listing: Listing,
    uri: &Origin<'_>,
    host: &WebHost,
) -> JsonAnswer {
    let items: Vec<_> = listing.items.into_iter().map(|item| Value::Object(chosen(item, query))).collect();
    let body = json!({ resource.name: items, "next": listing.next, "count": listing.count });
    let answer = JsonAnswer::ok(&body);
    match body["next"].as_str() {
        Some(next) => {
            let kept = query.params.iter().filter(|(name, _)| name != "_cursor");
            let pairs = kept.cloned().chain([("_cursor".to_owned(), next.to_owned())]);
            let params = encode(&pairs.collect::<Vec<_>>());
            answer.with("Link", format!("<{}{}?{params}>; rel=\"next\"", host.0, uri.path()))
        }
        None => answer,
    }
}

/// An item with its ETag.
pub fn shown(item: Record) -> JsonAnswer {
    let etag = item.etag();
    JsonAnswer::ok(&Value::Object(item.body)).with("ETag", etag)
}

/// What was made, with its address.
pub fn created(resource: &Resource, item: Record) -> JsonAnswer {
    let (etag, location) = (item.etag(), format!("/api/v1/{}/{}", resource.name, item.id));
    JsonAnswer::created(location, &Value::Object(item.body)).with("ETag", etag)
}

#[get("/")]
async fn list(
    which: Which,
    records: &State<Records>,
    visitor: Visitor,
    uri: &Origin<'_>,
    host: WebHost,
) -> Answer<Listed> {
    let staff = may_read(which.0, &visitor)?;
    Ok(answer_list(records, which.0, uri, staff, &host).await?)
}

#[get("/<id>")]
async fn show(which: Which, records: &State<Records>, visitor: Visitor, id: &str) -> Answer<JsonAnswer> {
    let staff = may_read(which.0, &visitor)?;
    Ok(shown(records.find(which.0, item_id(id)?, staff).await?))
}

#[post("/", data = "<body>")]
async fn create(which: Which, staff: Staff, records: &State<Records>, body: JsonObject) -> Answer<JsonAnswer> {
    Ok(created(which.0, records.create(&staff.author(), which.0, &body.0).await?))
}

/// The record of a path, and the version that a change must still find.
async fn present(
    records: &Records,
    resource: &'static Resource,
    id: &str,
    if_match: &IfMatch,
) -> Result<(i64, Option<i64>)> {
    let present = records.find(resource, item_id(id)?, true).await?;
    Ok((present.id, if_match.version(present.version)?))
}

#[put("/<id>", data = "<body>")]
async fn replace(
    which: Which,
    staff: Staff,
    records: &State<Records>,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let present = records.find(which.0, item_id(id)?, true).await?;
    let version = if_match.required(present.version)?;
    Ok(shown(records.replace(&staff.author(), which.0, present.id, version, body.0).await?))
}

#[patch("/<id>", data = "<body>")]
async fn merge(
    which: Which,
    staff: Staff,
    records: &State<Records>,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let (id, version) = present(records, which.0, id, &if_match).await?;
    Ok(shown(records.merge(&staff.author(), which.0, id, version, body.0).await?))
}

#[delete("/<id>")]
async fn remove(which: Which, staff: Staff, records: &State<Records>, id: &str, if_match: IfMatch) -> Answer<Status> {
    let (id, version) = present(records, which.0, id, &if_match).await?;
    records.remove(&staff.author(), which.0, id, version).await?;
    Ok(Status::NoContent)
}

#[post("/<id>/restoration", data = "<_body>")]
async fn restore(which: Which, staff: Staff, records: &State<Records>, id: &str, _body: NoBody) -> Answer<JsonAnswer> {
    Ok(shown(records.restore(&staff.author(), which.0, item_id(id)?).await?))
}
