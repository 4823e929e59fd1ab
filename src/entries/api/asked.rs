//! A query and its reader.

use std::net::IpAddr;

use rocket::http::uri::Origin;
use rocket::http::{ContentType, Status};
use rocket::request::{FlashMessage, FromRequest, Outcome as GuardOutcome};
use rocket::{Request, State};

use super::listing::{Answered, listing_json};
use crate::entries::pages::{self, ListView};
use crate::entries::reader::Reader;
use crate::entries::service::Entries;
use crate::entries::system;
use crate::error::{Error, Result};
use crate::filter::{Format, Query};
use crate::staff::{Layout, Visitor};
use crate::web::{Download, Fields, JsonAnswer, Negotiation, WebHost, encode, query_pairs, see_other};

/// A request to read, with who reads and how it is to be answered.
pub(super) struct ListRequest<'a> {
    entries: &'a State<Entries>,
    visitor: Visitor,
    layout: Layout,
    negotiation: Negotiation,
    host: WebHost,
    uri: &'a Origin<'a>,
    address: Option<IpAddr>,
    flash: Option<FlashMessage<'a>>,
}

impl<'a> ListRequest<'a> {
    /// Reads the query from the URL and, for a POST, from the body.
    fn query(&self, body: Option<&Fields>) -> Result<(Query, Reader)> {
        let mut params = query_pairs(self.uri)?;
        // `_secret` is valid in the body only: parsing the URL alone reports it as an error.
        if params.iter().any(|(name, _)| name == "_secret") {
            self.entries.read_query(&params)?;
        }
        params.extend(body.into_iter().flat_map(|fields| fields.0.clone()));
        let query = system::parse_query(&params, self.entries.clock().now(), body.is_some())?;
        let reader = match (&query.secret, &self.visitor.0) {
            (Some(secret), _) => Reader::Session(public_session(secret)),
            (None, Some(account)) => Reader::Staff(account.id),
            (None, None) => Reader::Public,
        };
        Ok((query, reader))
    }

    pub(super) async fn list(self, body: Option<Fields>, page_possible: bool) -> Result<Answered> {
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
        let export = self.entries.export(reader, self.address, query, format).await?;
        let today = self.entries.clock().now().to_string();
        let (download, sender) = Download::new(kind, Some(export.file_name(&today[..10])));
        let entries = self.entries.inner().clone();
        tokio::spawn(async move { entries.send(export, sender).await });
        Ok(Answered::Download(download))
    }

    pub(super) async fn csv(self, body: Option<Fields>) -> Result<Answered> {
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
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(crate::secrets::sha256(secret)).chars().take(22).collect()
}

/// The parameters of a form without blanks and without its mark. A filter that was put together of a field, an operator and a
/// value becomes one parameter.
fn clean(params: &[(String, String)]) -> String {
    let get = |name: &str| params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let is_part = |name: &str| matches!(name, "_form" | "_field" | "_op" | "_value");
    let mut kept: Vec<_> = params.iter().filter(|(name, value)| !is_part(name) && !value.is_empty()).cloned().collect();
    if !get("_field").is_empty() {
        let value = match (get("_op"), get("_value")) {
            // They ask yes or no.
            ("null" | "exists" | "empty", "") => "1",
            (_, value) => value,
        };
        let op = Some(get("_op")).filter(|op| !op.is_empty()).unwrap_or("eq");
        kept.push((format!("{}__{op}", get("_field")), value.to_owned()));
    }
    encode(&kept)
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for ListRequest<'r> {
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
        GuardOutcome::Success(ListRequest {
            entries,
            layout: Layout::of(request, visitor.0.clone()),
            visitor,
            negotiation: Negotiation::of(request),
            host: WebHost::of(request),
            uri,
            address: request.client_ip(),
            flash: request.guard::<FlashMessage<'_>>().await.succeeded(),
        })
    }
}
