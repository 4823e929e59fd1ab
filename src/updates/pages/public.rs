//! What visitors see: the list, an update, and the feeds.

use askama::Template;
use rocket::http::Status;
use rocket::response::{self, Redirect, Responder};
use rocket::{Request, State, get};

use crate::error::{Error, Result};
use crate::updates::feed::Format;
use crate::updates::reading::{Found, Page};
use crate::updates::service::Updates;
use crate::updates::update::Update;
use crate::web::{Html, JsonAnswer, SafeHtml, WebHost, render};

/// Characters of an update in the list and in search results.
const BEGINNING: usize = 280;

#[derive(Template)]
#[template(path = "updates/index.html")]
struct IndexPage {
    updates: Vec<Update>,
    tag: String,
    newer: String,
    older: String,
}

impl IndexPage {
    fn beginning(&self, update: &Update) -> String {
        SafeHtml::beginning(&update.body, BEGINNING)
    }
}

/// The address of a page of the list.
fn address(tag: &str, page: i64) -> String {
    let tag = (!tag.is_empty()).then(|| ("tag".to_owned(), tag.to_owned()));
    let page = (page > 1).then(|| ("page".to_owned(), page.to_string()));
    match crate::web::encode(&tag.into_iter().chain(page).collect::<Vec<_>>()) {
        query if query.is_empty() => "/updates".into(),
        query => format!("/updates?{query}"),
    }
}

/// The number of a page in an address, which counts from 1.
pub(super) fn page_number(page: Option<&str>) -> Result<i64> {
    match page.map(str::parse::<i64>) {
        None => Ok(1),
        Some(Ok(page @ 1..=1_000_000)) => Ok(page),
        Some(_) => Err(Error::parameter("page", "must be a number from 1 on")),
    }
}

#[get("/updates?<tag>&<page>")]
pub(super) async fn index(updates: &State<Updates>, tag: Option<&str>, page: Option<&str>) -> Result<Html> {
    let (tag, page) = (tag.unwrap_or("").trim().to_lowercase(), page_number(page)?);
    let Page { updates, more } = updates.visible(&tag, page).await?;
    if updates.is_empty() && (page > 1 || !tag.is_empty()) {
        return Err(Error::NotFound("There are no such updates.".into()));
    }
    let newer = if page > 1 { address(&tag, page - 1) } else { String::new() };
    let older = if more { address(&tag, page + 1) } else { String::new() };
    render(&IndexPage { updates, tag, newer, older })
}

#[derive(Template)]
#[template(path = "updates/show.html")]
struct ShowPage {
    update: Update,
    html: SafeHtml,
    beginning: String,
    address: String,
}

/// What is shown where there is nothing that visitors see.
#[derive(Template)]
#[template(path = "updates/nowhere.html")]
struct NowherePage {}

/// What an address of an update answers.
pub(super) enum Shown {
    Here(Html),
    Moved(String),
    Nowhere(Html),
}

impl<'r> Responder<'r, 'static> for Shown {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            Shown::Here(page) => page.respond_to(request),
            Shown::Moved(slug) => Redirect::moved(format!("/updates/{slug}")).respond_to(request),
            Shown::Nowhere(page) => (Status::NotFound, page).respond_to(request),
        }
    }
}

#[get("/updates/<slug>", rank = 2)]
pub(super) async fn show(updates: &State<Updates>, slug: &str, host: WebHost) -> Result<Shown> {
    Ok(match updates.at(slug).await? {
        Found::Here(update) => {
            let page = ShowPage {
                html: SafeHtml::of_article(&update.body, None),
                beginning: SafeHtml::beginning(&update.body, BEGINNING),
                address: format!("{}/updates/{}", host.0, update.slug),
                update: *update,
            };
            Shown::Here(render(&page)?)
        }
        Found::Moved(slug) => Shown::Moved(slug),
        Found::Nowhere => Shown::Nowhere(render(&NowherePage {})?),
    })
}

/// A feed: anybody's page may read it, and programs ask whether it is still the one they have.
fn feed(text: String, kind: &str) -> JsonAnswer {
    let answer = JsonAnswer::text(text).with("Content-Type", kind.to_owned());
    answer.with("Cache-Control", "no-cache".into()).with("Access-Control-Allow-Origin", "*".into())
}

#[get("/updates/feed.atom")]
pub(super) async fn atom(updates: &State<Updates>, host: WebHost) -> Result<JsonAnswer> {
    Ok(feed(updates.feed(Format::Atom, &host.0).await?, "application/atom+xml; charset=utf-8"))
}

#[get("/updates/feed.json")]
pub(super) async fn json(updates: &State<Updates>, host: WebHost) -> Result<JsonAnswer> {
    Ok(feed(updates.feed(Format::Json, &host.0).await?, "application/feed+json; charset=utf-8"))
}
