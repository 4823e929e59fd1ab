//! Importing records from CSV.

use askama::Template;
use rocket::http::Status;
use rocket::{State, get, post};

use crate::error::{Error, Result};
use crate::records::api::Which;
use crate::records::csv::ImportReport;
use crate::records::{Kind, Records, Resource};
use crate::staff::{Layout, Staff};
use crate::web::{Fields, Html, render};

#[derive(Template)]
#[template(path = "records/import.html")]
struct ImportPage {
    layout: Layout,
    resource: &'static Resource,
    report: Option<ImportReport>,
    problem: String,
}

impl ImportPage {
    fn example(&self) -> String {
        let names = self.resource.writable().filter(|c| !matches!(c.kind, Kind::Account | Kind::Nested(_)));
        let names: Vec<_> = names.map(|column| column.name.strip_suffix("_id").unwrap_or(column.name)).collect();
        names.join(",")
    }
}

#[get("/import")]
pub(super) fn import_form(which: Which, _staff: Staff, layout: Layout) -> Result<Html> {
    render(&ImportPage { layout, resource: which.0, report: None, problem: String::new() })
}

#[post("/import", data = "<form>")]
pub(super) async fn import(
    which: Which,
    staff: Staff,
    layout: Layout,
    records: &State<Records>,
    form: Fields,
) -> Result<(Status, Html)> {
    let (status, report, problem) = match records.import(&staff.author(), which.0, form.get("file")).await {
        Ok(report) if report.refused.is_empty() => (Status::Ok, Some(report), String::new()),
        Ok(report) => (Status::UnprocessableEntity, Some(report), String::new()),
        Err(Error::Invalid(errors)) => {
            (Status::UnprocessableEntity, None, errors.first().map_or(String::new(), |error| error.detail.clone()))
        }
        Err(other) => return Err(other),
    };
    Ok((status, render(&ImportPage { layout, resource: which.0, report, problem })?))
}
