//! Importing records from a table.

use std::fs::File;

use askama::Template;
use rocket::http::Status;
use rocket::{State, get, post};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::{Sheet, Source, TABLE};
use crate::limits::MAX_TABLE;
use crate::records::api::Which;
use crate::records::{Kind, Records, Resource, RosterOptions, RosterReport};
use crate::staff::{Layout, Staff};
use crate::web::{Fields, Html, Upload, render, uploads};

#[derive(Template)]
#[template(path = "records/import.html")]
struct ImportPage {
    layout: Layout,
    resource: &'static Resource,
    report: Option<RosterReport>,
    /// What is to be confirmed: the file, and whether empty cells empty fields.
    confirm: Option<(String, bool)>,
    problem: String,
}

impl ImportPage {
    fn new(layout: Layout, resource: &'static Resource) -> ImportPage {
        ImportPage { layout, resource, report: None, confirm: None, problem: String::new() }
    }

    fn example(&self) -> String {
        let names = self.resource.writable().filter(|c| !matches!(c.kind, Kind::Account | Kind::Nested(_)));
        let names: Vec<_> = names.map(|column| column.name.strip_suffix("_id").unwrap_or(column.name)).collect();
        names.join(",")
    }
}

#[get("/import")]
pub(super) fn import_form(which: Which, _staff: Staff, layout: Layout) -> Result<Html> {
    render(&ImportPage::new(layout, which.0))
}

/// Imports a table. One that makes others inactive is shown first, with who that would be.
#[post("/import", data = "<upload>")]
pub(super) async fn import(
    which: Which,
    staff: Staff,
    layout: Layout,
    records: &State<Records>,
    config: &State<Config>,
    upload: Upload,
) -> Result<(Status, Html)> {
    let absent = upload.fields.get("absent") == "1";
    let choices = RosterOptions { empty: upload.fields.get("empty") == "1", absent, dry: absent };
    let work = async {
        let sheet = read(config, &upload.stored).await?;
        records.import(&staff.author(), which.0, &sheet, choices).await
    };
    let done = work.await;
    let keeps = choices.dry && done.is_ok();
    if !keeps {
        forget(config, &upload.stored).await;
    }
    let confirm = keeps.then_some((upload.stored, choices.empty));
    answer(ImportPage { confirm, ..ImportPage::new(layout, which.0) }, done)
}

/// Does what was shown.
#[post("/import/confirmation", data = "<form>")]
pub(super) async fn confirm(
    which: Which,
    staff: Staff,
    layout: Layout,
    records: &State<Records>,
    config: &State<Config>,
    form: Fields,
) -> Result<(Status, Html)> {
    let choices = RosterOptions { empty: form.get("empty") == "1", absent: true, dry: false };
    let sheet = read(config, form.get("upload")).await?;
    let done = records.import(&staff.author(), which.0, &sheet, choices).await;
    forget(config, form.get("upload")).await;
    answer(ImportPage::new(layout, which.0), done)
}

fn answer(page: ImportPage, done: Result<RosterReport>) -> Result<(Status, Html)> {
    let (status, report, problem) = match done {
        Ok(report) if report.refused.is_empty() => (Status::Ok, Some(report), String::new()),
        Ok(report) => (Status::UnprocessableEntity, Some(report), String::new()),
        Err(Error::Invalid(errors) | Error::BadRequest(errors)) => {
            (Status::UnprocessableEntity, None, errors.first().map_or(String::new(), |error| error.detail.clone()))
        }
        Err(other) => return Err(other),
    };
    Ok((status, render(&ImportPage { report, problem, ..page })?))
}

/// The cells of an upload, which is small: a roster, not a year of entries.
async fn read(config: &Config, stored: &str) -> Result<Sheet> {
    let gone = || Error::invalid("/file", "is no longer here: choose it again");
    if !stored.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(gone());
    }
    let file = File::open(uploads(config).join(stored)).map_err(|_| gone())?;
    if file.metadata().is_ok_and(|data| data.len() > MAX_TABLE) {
        return Err(Error::TooLarge(format!("A table of records holds at most {MAX_TABLE} bytes.").into()));
    }
    let read = tokio::task::spawn_blocking(move || Source::open(file, "", &TABLE)?.sheet()).await;
    read.map_err(|error| Error::Internal(Box::new(error)))?
}

async fn forget(config: &Config, stored: &str) {
    if stored.bytes().all(|b| b.is_ascii_hexdigit()) {
        tokio::fs::remove_file(uploads(config).join(stored)).await.ok();
    }
}
