//! The description of the API (OpenAPI 3.1), made from the code: what routes say of themselves, what the declarations
//! of records say, and what holds for all. Served at `/api/openapi.json`, and to be tried at `/api/docs`.

mod common;
mod document;
mod resources;
mod schemas;

use askama::Template;
use rocket::{State, get, routes};

use crate::domain::Domain;
use crate::error::Error;
use crate::web::{self, Answer, Api, Html, JsonAnswer, render};

pub use document::Document;

/// The description and the page that shows it. What they tell is managed by the application, which knows all domains.
pub fn domain() -> Domain {
    Domain { apis: vec![("/", Api::declared(routes![openapi, docs]))], ..Domain::new("openapi") }
}

#[get("/api/openapi.json")]
fn openapi(document: &State<Document>) -> Answer<JsonAnswer> {
    Ok(JsonAnswer::text(document.text()?.to_owned()))
}

#[derive(Template)]
#[template(path = "api_docs.html")]
struct DocsPage;

impl DocsPage {
    fn asset(&self, name: &str) -> String {
        web::assets::url(name)
    }
}

#[get("/api/docs")]
fn docs() -> Result<Html, Error> {
    render(&DocsPage)
}
