//! Making, changing, deleting and restoring one record.

use askama::Template;
use rocket::http::Status;
use rocket::response::{Flash, Responder};
use rocket::{Request, State, get, post};

use crate::error::{Error, FieldError, Result};
use crate::records::api::Which;
use crate::records::csv::cell;
use crate::records::{Column, Kind, Record, Records, Resource, from_form};
use crate::staff::{Accounts, Framed, Layout, Staff, Viewer};
use crate::web::{Fields, Html, Note, SeeOther, item_id, render, told};

/// A field of the form.
struct FieldView {
    column: &'static Column,
    value: String,
    /// Value and words of each choice; empty when it is written.
    choices: Vec<(String, String)>,
    wrong: String,
}

impl FieldView {
    fn label(&self) -> String {
        if self.column.required { self.column.title.to_owned() } else { format!("{} (optional)", self.column.title) }
    }

    fn is_long(&self) -> bool {
        matches!(self.column.kind, Kind::Text(_) | Kind::Nested(_))
    }

    fn is_flag(&self) -> bool {
        matches!(self.column.kind, Kind::Flag)
    }

    fn input(&self) -> &'static str {
        match self.column.kind {
            Kind::Email => "email",
            Kind::Url => "url",
            _ => "text",
        }
    }

    fn is_number(&self) -> bool {
        matches!(self.column.kind, Kind::Number(..) | Kind::Account)
    }
}

#[derive(Template)]
#[template(path = "records/form.html")]
struct FormPage {
    layout: Layout,
    resource: &'static Resource,
    /// The record; `None` makes a new one.
    item: Option<Record>,
    fields: Vec<FieldView>,
    may_change: bool,
    note: String,
    problem: String,
}

impl FormPage {
    /// What the record is called, or that one is added.
    fn heading(&self) -> String {
        match &self.item {
            Some(item) => item.text(self.resource.label).to_owned(),
            None => format!("Add {}", crate::words::with_article(self.resource.one)),
        }
    }
}

#[derive(Default)]
struct Filled<'a> {
    form: Option<&'a Fields>,
    errors: Vec<FieldError>,
    problem: String,
}

/// A form for a record, and what it is filled from.
struct RecordForm<'a> {
    records: &'a Records,
    accounts: &'a Accounts,
    layout: Layout,
    resource: &'static Resource,
    /// The record; `None` makes a new one.
    item: Option<Record>,
}

async fn form_page(form: RecordForm<'_>, filled: Filled<'_>, note: String) -> Result<Html> {
    let RecordForm { records, accounts, layout, resource, item } = form;
    let mut fields = Vec::new();
    for column in resource.writable() {
        let choices = match &column.kind {
            Kind::Reference(other) => {
                records.choices(other).await?.into_iter().map(|(id, name)| (id.to_string(), name)).collect()
            }
            Kind::Account => accounts.list().await?.into_iter().map(|a| (a.id.to_string(), a.email)).collect(),
            Kind::Choice(choices) => {
                choices.iter().map(|choice| ((*choice).to_owned(), (*choice).to_owned())).collect()
            }
            _ => Vec::new(),
        };
        let stored = item
            .as_ref()
            .map_or_else(|| column.default.unwrap_or("").to_owned(), |item| cell(column, item.body.get(column.name)));
        let value = filled.form.map_or(stored, |form| form.get(column.name).to_owned());
        let wrong = crate::error::message(&filled.errors, column.name);
        fields.push(FieldView { column, value, choices, wrong });
    }
    let may_change = layout.person.as_ref().is_some_and(|person| person.role >= crate::staff::Role::Staff);
    render(&FormPage { layout, resource, item, fields, may_change, note, problem: filled.problem })
}

#[get("/new")]
pub(super) async fn new_form(
    which: Which,
    _staff: Staff,
    layout: Layout,
    records: &State<Records>,
    accounts: &State<Accounts>,
) -> Result<Html> {
    let form = RecordForm { records, accounts, layout, resource: which.0, item: None };
    form_page(form, Filled::default(), String::new()).await
}

/// The form again with what is wrong, or on to the next page.
pub(super) enum Saved {
    Again(Html),
    Done(Flash<SeeOther>),
}

impl<'r> Responder<'r, 'r> for Saved {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'r> {
        match self {
            Saved::Again(page) => (Status::UnprocessableEntity, page).respond_to(request),
            Saved::Done(redirect) => redirect.respond_to(request),
        }
    }
}

pub(super) fn to(resource: &Resource, rest: &str, note: impl Into<String>) -> Flash<SeeOther> {
    told(format!("/directory/{}{rest}", resource.name), note)
}

#[post("/", data = "<form>")]
pub(super) async fn create(
    which: Which,
    staff: Staff,
    layout: Layout,
    records: &State<Records>,
    accounts: &State<Accounts>,
    form: Fields,
) -> Result<Saved> {
    let resource = which.0;
    let made = match body(resource, &form) {
        Ok(body) => records.create(&staff.author(), resource, &body).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(item) => Ok(Saved::Done(to(resource, "", format!("{} was added.", item.text(resource.label))))),
        Err(error) => again(RecordForm { records, accounts, layout, resource, item: None }, &form, error).await,
    }
}

pub(super) fn body(resource: &'static Resource, form: &Fields) -> Result<serde_json::Map<String, serde_json::Value>> {
    from_form(resource, |name| form.has(name).then(|| form.get(name)))
}

async fn again(form: RecordForm<'_>, typed: &Fields, error: Error) -> Result<Saved> {
    let (errors, problem) = match error {
        Error::Invalid(errors) => (errors, String::new()),
        Error::PreconditionFailed => (
            Vec::new(),
            "Somebody changed this meanwhile. Below is what you wrote; load the page again to see theirs.".into(),
        ),
        Error::Conflict(text) => (Vec::new(), text.into_owned()),
        other => return Err(other),
    };
    let filled = Filled { form: Some(typed), errors, problem };
    form_page(form, filled, String::new()).await.map(Saved::Again)
}

#[get("/<id>", rank = 2)]
pub(super) async fn form(
    which: Which,
    page: Framed<Viewer>,
    records: &State<Records>,
    accounts: &State<Accounts>,
    id: &str,
    note: Note,
) -> Result<Html> {
    let resource = which.0;
    let item = records.find_any(resource, item_id(id)?, true).await?.ok_or_else(|| resource.missing())?;
    let form = RecordForm { records, accounts, layout: page.layout, resource, item: Some(item) };
    form_page(form, Filled::default(), note.0).await
}

#[post("/<id>", data = "<form>", rank = 2)]
pub(super) async fn change(
    which: Which,
    page: Framed<Staff>,
    records: &State<Records>,
    accounts: &State<Accounts>,
    id: &str,
    form: Fields,
) -> Result<Saved> {
    let (resource, id) = (which.0, item_id(id)?);
    let present = records.find(resource, id, true).await?;
    let changed = match body(resource, &form) {
        Ok(body) => {
            // Without it, a form that lacks fields would empty them unseen.
            let version = form.get("version").parse().map_err(|_| Error::invalid("/version", "is required"))?;
            records.replace(&page.by.author(), resource, id, Some(version), body).await
        }
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => Ok(Saved::Done(to(resource, &format!("/{id}"), "Saved."))),
        Err(error) => {
            let again_form = RecordForm { records, accounts, layout: page.layout, resource, item: Some(present) };
            again(again_form, &form, error).await
        }
    }
}

#[post("/<id>/removal")]
pub(super) async fn remove(which: Which, staff: Staff, records: &State<Records>, id: &str) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    let note = match records.remove(&staff.author(), which.0, id, None).await {
        Ok(()) => "It was deleted. It can be restored here.".to_owned(),
        Err(Error::Conflict(reason)) => reason.into_owned(),
        Err(other) => return Err(other),
    };
    Ok(to(which.0, &format!("/{id}"), note))
}

#[post("/<id>/restoration")]
pub(super) async fn restore(which: Which, staff: Staff, records: &State<Records>, id: &str) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    records.restore(&staff.author(), which.0, id).await?;
    Ok(to(which.0, &format!("/{id}"), "It is back."))
}
