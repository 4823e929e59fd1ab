//! The editor: writing, seeing it as visitors will, and what is kept while somebody types.

use askama::Template;
use rocket::response::Flash;
use rocket::{State, get, post};
use serde_json::json;

use super::typed::{blank_fields, fields_of, text_of, writing_of};
use crate::error::{Error, FieldError, Result, message};
use crate::staff::{Framed, Layout, Staff, Viewer};
use crate::updates::service::Updates;
use crate::updates::slug::slug_of;
use crate::updates::update::{State as Stage, Update, Working};
use crate::web::{Answer, Fields, Html, JsonAnswer, Note, SafeHtml, SeeOther, item_id, render, told};

#[derive(Template)]
#[template(path = "updates/edit.html")]
struct EditPage {
    layout: Layout,
    /// As it is stored; `None`: it is to be made.
    stored: Option<Update>,
    stage: Stage,
    /// Changes that are kept and not published.
    working: Option<Working>,
    typed: Fields,
    errors: Vec<FieldError>,
    /// What stands in the way beside mistakes in fields.
    problem: String,
    note: String,
}

impl EditPage {
    fn blank(layout: Layout) -> EditPage {
        EditPage {
            layout,
            stored: None,
            stage: Stage::Draft,
            working: None,
            typed: blank_fields(),
            errors: Vec::new(),
            problem: String::new(),
            note: String::new(),
        }
    }

    fn of(layout: Layout, update: Update, updates: &Updates) -> EditPage {
        let now = updates.now();
        EditPage {
            stage: update.state(now),
            working: update.working(),
            typed: fields_of(&update, now),
            stored: Some(update),
            ..EditPage::blank(layout)
        }
    }

    /// Where the form is sent to.
    fn action(&self) -> String {
        self.stored.as_ref().map_or_else(|| "/updates/edit/new".into(), |update| format!("/updates/edit/{}", update.id))
    }

    fn version(&self) -> i64 {
        self.stored.as_ref().map_or(0, |update| update.version)
    }

    fn get(&self, field: &str) -> &str {
        self.typed.get(field)
    }

    fn wrong(&self, field: &str) -> String {
        let fields: &[&str] = if field == "at" { &["at", "publish_at"] } else { &[field] };
        fields.iter().map(|field| message(&self.errors, field)).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// The address that it gets if none is written.
    fn made_slug(&self) -> String {
        match &self.stored {
            Some(update) if update.publish_at.is_some() => update.slug.clone(),
            _ => slug_of(self.get("title")),
        }
    }

    /// What visitors will see of what is typed.
    fn html(&self) -> SafeHtml {
        SafeHtml::of_article(self.get("body"), None)
    }

    /// Times to publish it at, with their words.
    fn times(&self) -> [(&'static str, &'static str); 3] {
        match self.stage {
            Stage::Published => {
                [("now", "published"), ("draft", "take it back to the drafts"), ("later", "publish it again at")]
            }
            _ => [("draft", "a draft: only staff sees it"), ("now", "publish it now"), ("later", "publish it at")],
        }
    }
}

/// The page again, or where to go.
#[derive(rocket::Responder)]
pub(super) enum Saved {
    Lead(Flash<SeeOther>),
    /// To be looked at before it is saved.
    Preview(Html),
    #[response(status = 422)]
    Again(Html),
}

/// The page again with what was typed and what is wrong with it.
fn again(page: EditPage, error: Error) -> Result<Saved> {
    let (errors, problem) = match error {
        Error::Invalid(errors) => (errors, "Not saved: what is missing is told at its field.".into()),
        Error::Conflict(text) => (Vec::new(), format!("Not saved: {text}")),
        Error::PreconditionFailed => {
            let text = "Not saved: somebody changed it meanwhile. What you typed is below; saving it again replaces their change.";
            (Vec::new(), text.into())
        }
        other => return Err(other),
    };
    render(&EditPage { errors, problem, ..page }).map(Saved::Again)
}

#[get("/updates/edit/new")]
pub(super) async fn blank(staff: Framed<Staff>) -> Result<Html> {
    render(&EditPage::blank(staff.layout))
}

#[post("/updates/edit/new", data = "<form>")]
pub(super) async fn create(staff: Framed<Staff>, updates: &State<Updates>, form: Fields) -> Result<Saved> {
    let page = EditPage { typed: form, ..EditPage::blank(staff.layout) };
    if page.typed.has("preview") {
        return render(&page).map(Saved::Preview);
    }
    let made = match writing_of(&page.typed) {
        Ok(writing) => updates.create(&(&staff.by.0).into(), writing).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(update) => Ok(saved(updates, &update)),
        Err(error) => again(page, error),
    }
}

/// On to the update, with what became of it.
fn saved(updates: &Updates, update: &Update) -> Saved {
    let note = match update.state(updates.now()) {
        Stage::Draft => "Saved as a draft.".into(),
        Stage::Scheduled => format!("Saved. It is to be seen from {} on.", update.time()),
        Stage::Published => "Saved. Visitors see it now.".into(),
    };
    Saved::Lead(told(format!("/updates/edit/{}", update.id), note))
}

#[get("/updates/edit/<id>", rank = 2)]
pub(super) async fn edit(staff: Framed<Staff>, updates: &State<Updates>, id: &str, note: Note) -> Result<Html> {
    let update = updates.find(item_id(id)?).await?;
    render(&EditPage { note: note.0, ..EditPage::of(staff.layout, update, updates) })
}

#[post("/updates/edit/<id>", data = "<form>", rank = 2)]
pub(super) async fn save(staff: Framed<Staff>, updates: &State<Updates>, id: &str, form: Fields) -> Result<Saved> {
    let update = updates.find(item_id(id)?).await?;
    let page = EditPage { typed: form, ..EditPage::of(staff.layout, update.clone(), updates) };
    if page.typed.has("preview") {
        return render(&page).map(Saved::Preview);
    }
    let changed = match writing_of(&page.typed) {
        Ok(_) if page.get("version") != update.version.to_string() => Err(Error::PreconditionFailed),
        Ok(writing) => updates.change(&(&staff.by.0).into(), &update, writing).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(update) => Ok(saved(updates, &update)),
        Err(error) => again(page, error),
    }
}

#[derive(Template)]
#[template(path = "updates/preview.html")]
struct PreviewPage {
    layout: Layout,
    update: Update,
    state: &'static str,
    html: SafeHtml,
}

/// An update as visitors will see it, for staff.
#[get("/updates/edit/<id>/preview")]
pub(super) async fn preview(viewer: Framed<Viewer>, updates: &State<Updates>, id: &str) -> Result<Html> {
    let update = updates.find(item_id(id)?).await?;
    let html = SafeHtml::of_article(&update.body, None);
    render(&PreviewPage { layout: viewer.layout, state: update.state(updates.now()).name(), update, html })
}

/// What is typed, as visitors will see it: the text alone, for the page that shows it beside the form.
#[post("/updates/edit/preview", data = "<form>")]
pub(super) async fn preview_typed(_staff: Staff, form: Fields) -> (rocket::http::ContentType, String) {
    (rocket::http::ContentType::HTML, SafeHtml::of_article(form.get("body"), None).to_string())
}

/// What the page needs to know of what was kept.
fn kept(update: &Update) -> JsonAnswer {
    JsonAnswer::ok(&json!({
        "action": format!("/updates/edit/{}", update.id),
        "version": update.version,
        "draft": update.draft,
    }))
}

/// Keeps the beginning of a new update.
#[post("/updates/edit/new/kept", data = "<form>")]
pub(super) async fn begin(staff: Staff, updates: &State<Updates>, form: Fields) -> Answer<JsonAnswer> {
    Ok(kept(&updates.begin(&(&staff.0).into(), text_of(&form)).await?))
}

/// Keeps what is typed.
#[post("/updates/edit/<id>/kept", data = "<form>", rank = 2)]
pub(super) async fn keep(staff: Staff, updates: &State<Updates>, id: &str, form: Fields) -> Answer<JsonAnswer> {
    let update = updates.find(item_id(id)?).await?;
    if form.get("version") != update.version.to_string() {
        return Err(Error::PreconditionFailed.into());
    }
    Ok(kept(&updates.keep(&(&staff.0).into(), &update, text_of(&form)).await?))
}

/// Drops the changes that are not published.
#[post("/updates/edit/<id>/discarding")]
pub(super) async fn discard(staff: Staff, updates: &State<Updates>, id: &str) -> Result<Flash<SeeOther>> {
    let update = updates.find(item_id(id)?).await?;
    updates.discard(&(&staff.0).into(), &update).await?;
    Ok(told(format!("/updates/edit/{}", update.id), "The changes are dropped. Below is what visitors see."))
}

#[post("/updates/edit/<id>/deletion")]
pub(super) async fn remove(staff: Staff, updates: &State<Updates>, id: &str) -> Result<Flash<SeeOther>> {
    let update = updates.find(item_id(id)?).await?;
    updates.remove(&(&staff.0).into(), &update).await?;
    Ok(told("/updates/edit", format!("\"{}\" is deleted. It can be restored.", update.heading())))
}
