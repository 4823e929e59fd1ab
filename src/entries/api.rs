//! `/list`, `/csv`, `/api/v1/entries`: JSON, downloads, and the page where a person asks.

use rocket::data::{Data, FromData, Outcome as DataOutcome};
use rocket::http::uri::Origin;
use rocket::http::{ContentType, Header, Status};
use rocket::request::{FlashMessage, FromRequest, Outcome as GuardOutcome};
use rocket::response::{self, Responder};
use rocket::{Request, Route, State, delete, get, patch, post, put, routes};
use utoipa::OpenApi;

use super::export::write_json;
use super::pages::{self, ListView};
use super::query::{self, Fields as Chosen, Format, Query};
use super::reading::{Listing, Reader};
use super::service::Entries;
use super::store::{EntryRef, Mark};
use super::{Entry, EntryId, json};
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::staff::{Author, Layout, Staff, Visitor};
use crate::web::{
    ApiError, Download, Fields, Html, IfMatch, JsonAnswer, Negotiation, NoBody, Refused, SeeOther, WebHost, etag,
    item_id, pairs, query_pairs, read_json, see_other,
};

/// What these routes say of themselves.
#[derive(OpenApi)]
#[openapi(paths(
    list,
    list_by_post,
    csv,
    csv_by_post,
    api_list,
    api_list_by_post,
    show,
    replace,
    merge,
    delete_entry,
    restore
))]
pub struct Docs;

pub fn public_routes() -> Vec<Route> {
    routes![list, list_by_post, csv, csv_by_post, api_list, api_list_by_post, show]
}

pub fn staff_routes() -> Vec<Route> {
    routes![replace, merge, delete_entry, restore]
}

/// What `/list`, `/csv` and the API answer.
enum Answered {
    Page(Html),
    Json(JsonAnswer),
    Download(Download),
    Redirect(SeeOther),
}

impl<'r> Responder<'r, 'static> for Answered {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = match self {
            Answered::Page(page) => page.respond_to(request)?,
            Answered::Download(download) => download.respond_to(request)?,
            Answered::Redirect(redirect) => redirect.respond_to(request)?,
            Answered::Json(answer) => answer.respond_to(request)?,
        };
        response.set_header(Header::new("Vary", "Accept, Cookie"));
        Ok(response)
    }
}

/// A request to read, with who reads and how it is to be answered.
struct Asked<'a> {
    entries: &'a State<Entries>,
    visitor: Visitor,
    layout: Layout,
    negotiation: Negotiation,
    host: WebHost,
    uri: &'a Origin<'a>,
    flash: Option<FlashMessage<'a>>,
}

impl<'a> Asked<'a> {
    /// Reads the query from the URL and, for a POST, from the body.
    fn query(&self, body: Option<&Fields>) -> Result<(Query, Reader)> {
        let mut params = query_pairs(self.uri)?;
        // `_secret` counts only if it stands in the body.
        if params.iter().any(|(name, _)| name == "_secret") {
            query::parse(&params, self.entries.clock().now(), false)?;
        }
        params.extend(body.into_iter().flat_map(|fields| fields.0.clone()));
        let query = query::parse(&params, self.entries.clock().now(), body.is_some())?;
        let reader = match (&query.secret, &self.visitor.0) {
            (Some(secret), _) => Reader::Session(public_session(secret)),
            (None, Some(account)) => Reader::Staff(account.id),
            (None, None) => Reader::Public,
        };
        Ok((query, reader))
    }

    async fn list(self, body: Option<Fields>, page_possible: bool) -> Result<Answered> {
        let asked = query_pairs(self.uri)?;
        if asked.iter().any(|(name, _)| name == "_form") {
            // Before anything is read: a blank date is no date.
            return Ok(Answered::Redirect(see_other(format!("{}?{}", self.uri.path(), clean(&asked)))));
        }
        let (query, reader) = self.query(body.as_ref())?;
        let default = if page_possible && self.negotiation.wants_page() { Format::Html } else { Format::Json };
        match query.format.unwrap_or(default) {
            Format::Html => {
                if reader == Reader::Public && self.visitor.0.is_none() {
                    return Err(Error::Unauthenticated);
                }
                let toast = self.flash.as_ref().map(pages::Toast::read);
                let view =
                    ListView { entries: self.entries, layout: self.layout, host: self.host, reader, query, toast };
                pages::list_page(view).await.map(Answered::Page)
            }
            Format::Json => self.json(&reader, &query).await,
            format => self.download(&reader, query, format).await,
        }
    }

    async fn json(&self, reader: &Reader, query: &Query) -> Result<Answered> {
        let listing = self.entries.list(reader, query).await?;
        let next = listing.next.as_ref().map(|cursor| {
            let kept = query.params.iter().filter(|(name, _)| !matches!(name.as_str(), "_cursor" | "_secret"));
            let cursor = ("_cursor".to_owned(), cursor.clone());
            format!("{}{}?{}", self.host.0, self.uri.path(), encode(kept.chain([&cursor])))
        });
        let mut answer = JsonAnswer::text(listing_json(&listing, query));
        if let Some(next) = next {
            answer = answer.with("Link", format!("<{next}>; rel=\"next\""));
        }
        // Entries come in all the time: a hash of each page of the snippet's own address would cost more than it spares.
        Ok(Answered::Json(if self.uri.path().starts_with("/api/") { answer } else { answer.live() }))
    }

    async fn download(&self, reader: &Reader, mut query: Query, format: Format) -> Result<Answered> {
        // A browser's download goes to a spreadsheet program, which needs the mark to see UTF-8.
        query.csv.bom = query.csv.bom.or(Some(self.negotiation.wants_page()));
        let kind = match format {
            Format::Ndjson => ContentType::new("application", "x-ndjson"),
            Format::Json => ContentType::JSON,
            _ => ContentType::new("text", "csv").with_params([("charset", "utf-8"), ("header", "present")]),
        };
        let export = self.entries.export(reader, query, format).await?;
        let today = self.entries.clock().now().to_string();
        let (download, sender) = Download::new(kind, Some(export.file_name(&today[..10])));
        let entries = self.entries.inner().clone();
        tokio::spawn(async move { entries.send(export, sender).await });
        Ok(Answered::Download(download))
    }

    async fn csv(self, body: Option<Fields>) -> Result<Answered> {
        let (query, reader) = self.query(body.as_ref())?;
        let format = match query.format.unwrap_or(Format::Csv) {
            Format::Html => Format::Csv,
            other => other,
        };
        self.download(&reader, query, format).await
    }
}

/// What is known of a browser session in public: a hash, so that exports and logs cannot be used to read.
fn public_session(secret: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(crate::staff::sha256(secret)).chars().take(22).collect()
}

/// The parameters without blanks and without the mark of a form.
fn clean(params: &[(String, String)]) -> String {
    encode(params.iter().filter(|(name, value)| name != "_form" && !value.is_empty()))
}

/// Pairs as a query string.
pub fn encode<'p>(pairs: impl IntoIterator<Item = &'p (String, String)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn listing_json(listing: &Listing, query: &Query) -> String {
    let entries = listing.entries();
    let mut out = Vec::with_capacity(entries.iter().map(|entry| entry.data.len() + 300).sum::<usize>() + 500);
    out.extend(b"{\"entries\":[");
    for (i, entry) in entries.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_entry(&mut out, entry, listing, &query.fields);
    }
    let count = listing.count.map_or("null".to_owned(), |count| count.to_string());
    let next = listing.next.as_deref().map_or("null".to_owned(), json::string);
    let tail = format!(
        "],\"next\":{next},\"count\":{count},\"truncated\":{},\"applied\":{},\"warnings\":{},\"facets\":{}}}",
        listing.truncated,
        applied(query),
        serde_json::to_string(&listing.warnings).unwrap_or_default(),
        facets(listing),
    );
    out.extend(tail.as_bytes());
    String::from_utf8(out).unwrap_or_default()
}

fn write_entry(out: &mut Vec<u8>, entry: &EntryRef<'_>, listing: &Listing, fields: &Chosen) {
    let known = listing.collections.iter().find(|known| known.collection.id == entry.collection);
    write_json(out, entry, known.map_or("", |known| known.collection.name.as_str()), fields);
}

fn applied(query: &Query) -> String {
    let conditions: Vec<_> = query
        .conditions
        .iter()
        .map(|c| {
            let value = &query.params[c.param].1;
            format!(
                "{{\"field\":{},\"op\":\"{}\",\"value\":{}}}",
                json::string(&c.field.to_string()),
                c.op.name(),
                json::string(value)
            )
        })
        .collect();
    format!("[{}]", conditions.join(","))
}

fn facets(listing: &Listing) -> String {
    let facets: Vec<_> = listing
        .facets
        .iter()
        .map(|(path, values)| {
            let values = values.as_ref().map_or("null".to_owned(), |values| {
                let values: Vec<_> = values
                    .iter()
                    .map(|v| {
                        let value = if v.is_text { json::string(&v.value) } else { v.value.clone() };
                        format!("{{\"value\":{value},\"count\":{}}}", v.times)
                    })
                    .collect();
                format!("[{}]", values.join(","))
            });
            format!("{}:{values}", json::string(&path.to_string()))
        })
        .collect();
    format!("{{{}}}", facets.join(","))
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Asked<'r> {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> GuardOutcome<Self, ()> {
        let (Some(entries), uri) = (rocket::State::get(request.rocket()), request.uri()) else {
            return GuardOutcome::Error((Status::InternalServerError, ()));
        };
        let visitor = match request.guard::<Visitor>().await {
            GuardOutcome::Success(visitor) => visitor,
            GuardOutcome::Error(error) => return GuardOutcome::Error(error),
            GuardOutcome::Forward(status) => return GuardOutcome::Forward(status),
        };
        GuardOutcome::Success(Asked {
            entries,
            layout: Layout { place: "list".into(), person: visitor.0.clone() },
            visitor,
            negotiation: Negotiation::of(request),
            host: WebHost::of(request),
            uri,
            flash: request.guard::<FlashMessage<'_>>().await.succeeded(),
        })
    }
}

/// List entries, as a page or as JSON
#[utoipa::path(
    tag = "entries",
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[get("/list")]
async fn list(asked: Asked<'_>) -> Result<Answered> {
    asked.list(None, true).await
}

/// List entries by a form
///
/// For a browser session that reads its own entries: `_secret` is taken from the body only.
#[utoipa::path(
    tag = "entries",
    request_body(
        content = ref("#/components/schemas/QueryForm"),
        content_type = "application/x-www-form-urlencoded",
    ),
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[post("/list", data = "<form>")]
async fn list_by_post(asked: Asked<'_>, form: Fields) -> Result<Answered> {
    asked.list(Some(form), true).await
}

/// Export entries as CSV
///
/// All that match, streamed; `_format=ndjson` or `json` for those.
#[utoipa::path(
    tag = "entries",
    responses((status = 200, description = "RFC 4180, with a header", body = String, content_type = "text/csv")),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[get("/csv")]
async fn csv(asked: Asked<'_>) -> Result<Answered> {
    asked.csv(None).await
}

/// Export entries by a form
#[utoipa::path(
    tag = "entries",
    request_body(
        content = ref("#/components/schemas/QueryForm"),
        content_type = "application/x-www-form-urlencoded",
    ),
    responses((status = 200, description = "RFC 4180, with a header", body = String, content_type = "text/csv")),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[post("/csv", data = "<form>")]
async fn csv_by_post(asked: Asked<'_>, form: Fields) -> Result<Answered> {
    asked.csv(Some(form)).await
}

/// List entries
///
/// Every other parameter is a condition on a field: `plan=pro&seats__gte=5`. See docs/filters.md.
#[utoipa::path(
    tag = "entries",
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[get("/api/v1/entries")]
async fn api_list(asked: Asked<'_>) -> std::result::Result<Answered, ApiError> {
    Ok(asked.list(None, false).await?)
}

/// List entries by a form
#[utoipa::path(
    tag = "entries",
    request_body(
        content = ref("#/components/schemas/QueryForm"),
        content_type = "application/x-www-form-urlencoded",
    ),
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[post("/api/v1/entries", data = "<form>")]
async fn api_list_by_post(asked: Asked<'_>, form: Fields) -> std::result::Result<Answered, ApiError> {
    Ok(asked.list(Some(form), false).await?)
}

/// One entry as JSON, with its version as the ETag.
fn shown(entry: &Entry, collection: &str) -> JsonAnswer {
    let mut out = Vec::new();
    write_json(&mut out, &entry.borrowed(), collection, &Chosen::All);
    JsonAnswer::text(String::from_utf8(out).unwrap_or_default()).with("ETag", etag(entry.version))
}

/// The number of an entry; anything else is not there.
fn entry_id(text: &str) -> Result<EntryId> {
    item_id(text).map(EntryId)
}

/// Read an entry
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, description = "The entry", body = ref("#/components/schemas/Entry"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[get("/api/v1/entries/<id>")]
async fn show(entries: &State<Entries>, visitor: Visitor, id: &str) -> std::result::Result<JsonAnswer, ApiError> {
    let reader = visitor.0.map_or(Reader::Public, |account| Reader::Staff(account.id));
    let (entry, known) = entries.find(&reader, entry_id(id)?).await?;
    Ok(shown(&entry, &known.collection.name))
}

/// The entry of a path, and the version that a change must still find.
async fn present(entries: &Entries, staff: &Staff, id: &str, if_match: &IfMatch) -> Result<(EntryId, Option<i64>)> {
    let (entry, _) = entries.find(&Reader::Staff(staff.0.id), entry_id(id)?).await?;
    Ok((entry.id, if_match.version(entry.version)?))
}

/// The data of an entry, as it was sent.
struct EntryBody(Vec<u8>);

#[rocket::async_trait]
impl<'r> FromData<'r> for EntryBody {
    type Error = ();
    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> DataOutcome<'r, Self> {
        match read_json(request, data, crate::limits::MAX_ENTRY as u64, false).await {
            Ok(bytes) => DataOutcome::Success(EntryBody(bytes)),
            Err(error) => DataOutcome::Error(Refused::note(request, error)),
        }
    }
}

/// Replace the data of an entry
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Its number")),
    request_body = ref("#/components/schemas/Data"),
    responses((status = 200, description = "The entry as it is now", body = ref("#/components/schemas/Entry"))),
    extensions(("x-role" = json!("staff"))),
)]
#[put("/api/v1/entries/<id>", data = "<body>")]
async fn replace(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    if_match: IfMatch,
    body: EntryBody,
) -> std::result::Result<JsonAnswer, ApiError> {
    let (entry, _) = entries.find(&Reader::Staff(staff.0.id), entry_id(id)?).await?;
    let (id, version) = (entry.id, if_match.required(entry.version)?);
    let entry = entries.replace(&staff.author(), id, version, &body.0).await?;
    reread(entries, &staff, &entry).await
}

/// Change the data of an entry (RFC 7396)
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Its number")),
    request_body = ref("#/components/schemas/Data"),
    responses((status = 200, description = "The entry as it is now", body = ref("#/components/schemas/Entry"))),
    extensions(("x-role" = json!("staff"))),
)]
#[patch("/api/v1/entries/<id>", data = "<body>")]
async fn merge(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    if_match: IfMatch,
    body: EntryBody,
) -> std::result::Result<JsonAnswer, ApiError> {
    let (id, version) = present(entries, &staff, id, &if_match).await?;
    let entry = entries.merge(&staff.author(), id, version, &body.0).await?;
    reread(entries, &staff, &entry).await
}

async fn reread(entries: &Entries, staff: &Staff, entry: &Entry) -> std::result::Result<JsonAnswer, ApiError> {
    let (entry, known) = entries.find(&Reader::Staff(staff.0.id), entry.id).await?;
    Ok(shown(&entry, &known.collection.name))
}

/// Delete an entry
///
/// It can be restored.
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 204, description = "Deleted, or it was")),
    extensions(("x-role" = json!("staff"))),
)]
#[delete("/api/v1/entries/<id>")]
async fn delete_entry(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    if_match: IfMatch,
) -> std::result::Result<Status, ApiError> {
    present(entries, &staff, id, &if_match).await?;
    mark_one(entries, &staff, id, Mark::Delete).await.map(|()| Status::NoContent)
}

/// Restore an entry
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Its number")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 204, description = "Restored, or it was there")),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/entries/<id>/restoration", data = "<_body>")]
async fn restore(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    _body: NoBody,
) -> std::result::Result<Status, ApiError> {
    mark_one(entries, &staff, id, Mark::Restore).await.map(|()| Status::NoContent)
}

/// Marks one entry; one that is not there is 404, one that is marked already stays so.
async fn mark_one(entries: &Entries, staff: &Staff, id: &str, mark: Mark) -> std::result::Result<(), ApiError> {
    let reader = Reader::Staff(staff.0.id);
    let (entry, _) = entries.find(&reader, entry_id(id)?).await?;
    entries.mark_ids(&staff.author(), &reader, &[entry.id], mark).await?;
    Ok(())
}

impl Entries {
    /// Marks these entries and returns how many changed, with the moment that takes it back.
    pub async fn mark_ids(&self, by: &Author, reader: &Reader, ids: &[EntryId], mark: Mark) -> Result<(u64, Moment)> {
        let list: Vec<_> = ids.iter().map(|id| id.0.to_string()).collect();
        let params =
            pairs(&format!("_id__in={}&_deleted=with&_or._flags__exists=0&_or._flags__exists=1", list.join(",")))?;
        let query = query::parse(&params, self.clock.now(), false)?;
        let one = if let [id] = ids { id.0.to_string() } else { String::new() };
        self.mark_as(by, reader, &query, mark, one).await
    }
}
