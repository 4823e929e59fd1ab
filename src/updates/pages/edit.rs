//! The editor: writing, seeing it as visitors will, and what is kept while somebody types.

use askama::Template;
use rocket::http::ContentType;
use rocket::response::Flash;
use rocket::{State, get, post};
use serde_json::json;

use super::typed::{blank_fields, fields_of, text_of, writing_of};
use crate::error::{Error, FieldError, Result, message};
use crate::limits::MAX_UPDATE;
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
    /// Somebody changed it since what is typed was begun.
    conflict: bool,
    /// What is typed is stored nowhere.
    unsaved: bool,
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
            conflict: false,
            unsaved: false,
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

    /// What was sent, with which it was typed, is the version that saving it replaces. Only who is told of a change may
    /// replace that.
    fn of_typed(self, form: Fields) -> EditPage {
        EditPage { typed: form, unsaved: true, ..self }
    }

    /// The version that saving it replaces.
    fn version(&self) -> String {
        let stored = self.stored.as_ref().map_or(0, |update| update.version);
        let is_typed = self.typed.has("version") && !self.conflict;
        if is_typed { self.get("version").to_owned() } else { stored.to_string() }
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
            Some(update) if update.publish_at.or(update.public_at).is_some() => update.slug.clone(),
            _ => slug_of(self.get("title")),
        }
    }

    /// What visitors will see of what is typed.
    fn html(&self) -> SafeHtml {
        let is_short = self.get("body").len() <= MAX_UPDATE;
        SafeHtml::of_article(if is_short { self.get("body") } else { "" }, None)
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
    let (errors, problem, conflict) = match error {
        Error::Invalid(errors) => (errors, "Not saved: what is missing is told at its field.".into(), false),
        Error::Conflict(text) => (Vec::new(), format!("Not saved: {text}"), false),
        Error::PreconditionFailed => {
            let text = "Not saved: somebody changed it meanwhile. What you typed is below; saving it again replaces their change.";
            (Vec::new(), text.into(), true)
        }
        other => return Err(other),
    };
    render(&EditPage { errors, problem, conflict, ..page }).map(Saved::Again)
}

/// What was typed of an update that was deleted meanwhile, as a new one.
fn orphaned(layout: Layout, form: Fields) -> Result<Saved> {
    let problem =
        "Not saved: somebody deleted it meanwhile. What you typed is below; saving it makes a new update.".into();
    let typed = Fields(form.0.into_iter().filter(|(name, _)| name != "version").collect());
    render(&EditPage { problem, ..EditPage::blank(layout).of_typed(typed) }).map(Saved::Again)
}

#[get("/updates/edit/new")]
pub(super) async fn blank(staff: Framed<Staff>) -> Result<Html> {
    render(&EditPage::blank(staff.layout))
}

#[post("/updates/edit/new", data = "<form>")]
pub(super) async fn create(staff: Framed<Staff>, updates: &State<Updates>, form: Fields) -> Result<Saved> {
    let page = EditPage::blank(staff.layout).of_typed(form);
    if page.typed.has("preview") {
        return render(&page).map(Saved::Preview);
    }
    let made = match writing_of(&page.typed, None) {
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
    let update = match updates.find(item_id(id)?).await {
        Err(Error::NotFound(_)) => return orphaned(staff.layout, form),
        found => found?,
    };
    let page = EditPage::of(staff.layout, update.clone(), updates).of_typed(form);
    if page.typed.has("preview") {
        return render(&page).map(Saved::Preview);
    }
    let changed = match writing_of(&page.typed, Some(&update)) {
        _ if is_outdated(&page.typed, &update) => Err(Error::PreconditionFailed),
        Ok(writing) => updates.change(&(&staff.by.0).into(), &update, writing).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(update) => Ok(saved(updates, &update)),
        Err(error) => again(page, error),
    }
}

/// The form was filled from another version.
fn is_outdated(form: &Fields, update: &Update) -> bool {
    form.get("version") != update.version.to_string()
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
pub(super) async fn preview_typed(_staff: Staff, form: Fields) -> Answer<(ContentType, String)> {
    if form.get("body").len() > MAX_UPDATE {
        return Err(Error::TooLarge(format!("A text has at most {MAX_UPDATE} bytes.").into()).into());
    }
    Ok((ContentType::HTML, SafeHtml::of_article(form.get("body"), None).to_string()))
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
    if is_outdated(&form, &update) {
        return Err(Error::PreconditionFailed.into());
    }
    Ok(kept(&updates.keep(&(&staff.0).into(), &update, text_of(&form)).await?))
}

/// What is told when something newer than the page showed would be lost.
const NEWER: &str = "Nothing was done: somebody changed it meanwhile. This is what it is now.";

/// Drops the changes that are not published.
#[post("/updates/edit/<id>/discarding", data = "<form>")]
pub(super) async fn discard(staff: Staff, updates: &State<Updates>, id: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let update = updates.find(item_id(id)?).await?;
    let page = format!("/updates/edit/{}", update.id);
    if is_outdated(&form, &update) {
        return Ok(told(page, NEWER));
    }
    updates.discard(&(&staff.0).into(), &update).await?;
    Ok(told(page, "The changes are dropped. Below is what visitors see."))
}

#[post("/updates/edit/<id>/deletion", data = "<form>")]
pub(super) async fn remove(staff: Staff, updates: &State<Updates>, id: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let update = updates.find(item_id(id)?).await?;
    if is_outdated(&form, &update) {
        return Ok(told(format!("/updates/edit/{}", update.id), NEWER));
    }
    updates.remove(&(&staff.0).into(), &update).await?;
    Ok(told("/updates/edit", format!("\"{}\" is deleted. It can be restored.", update.heading())))
}
