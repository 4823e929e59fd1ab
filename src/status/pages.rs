//! `/status`: the page for people.

use std::sync::Arc;

use askama::Template;
use rocket::{Route, State, get, routes};

use super::report::{Report, Status};
use crate::error::Result;
use crate::web::{Html, render};

pub fn routes() -> Vec<Route> {
    routes![status]
}

#[derive(Template)]
#[template(path = "status/status.html")]
struct StatusPage {
    report: Arc<Report>,
}

#[get("/status")]
async fn status(status: &State<Status>) -> Result<Html> {
    render(&StatusPage { report: status.report().await })
}
