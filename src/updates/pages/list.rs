//! All updates, for staff.

use askama::Template;
use rocket::response::Flash;
use rocket::{State, get, post};

use super::public::page_number;
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::staff::{Framed, Layout, Role, Staff, Viewer};
use crate::updates::reading::Page;
use crate::updates::service::Updates;
use crate::updates::update::{State as Stage, Update};
use crate::web::{Html, Note, SeeOther, item_id, render, told};

#[derive(Template)]
#[template(path = "updates/edit_index.html")]
struct IndexPage {
    layout: Layout,
    updates: Vec<Update>,
    /// Of which state; `None`: of all.
    stage: Option<Stage>,
    newer: String,
    older: String,
    deleted: Vec<Update>,
    may_write: bool,
    note: String,
    now: Moment,
}

impl IndexPage {
    /// Addresses and words of what can be shown.
    fn tabs(&self) -> [(String, &'static str, bool); 4] {
        let tab = |stage: Option<Stage>, words| (address(stage, 1), words, self.stage == stage);
        [
            tab(None, "All"),
            tab(Some(Stage::Draft), "Drafts"),
            tab(Some(Stage::Scheduled), "Scheduled"),
            tab(Some(Stage::Published), "Published"),
        ]
    }
}

fn address(stage: Option<Stage>, page: i64) -> String {
    let stage = stage.map(|stage| ("state".to_owned(), stage.name().to_owned()));
    let page = (page > 1).then(|| ("page".to_owned(), page.to_string()));
    match crate::web::encode(&stage.into_iter().chain(page).collect::<Vec<_>>()) {
        query if query.is_empty() => "/updates/edit".into(),
        query => format!("/updates/edit?{query}"),
    }
}

#[get("/updates/edit?<state>&<page>")]
pub(super) async fn index(
    viewer: Framed<Viewer>,
    updates: &State<Updates>,
    state: Option<&str>,
    page: Option<&str>,
    note: Note,
) -> Result<Html> {
    let wrong = |text: &str| Error::parameter("state", format!("there is no state \"{text}\""));
    let stage = state.map(|text| Stage::parse(text).ok_or_else(|| wrong(text))).transpose()?;
    let page = page_number(page)?;
    let Page { updates: shown, more } = updates.in_state(stage, page).await?;
    let may_write = viewer.by.0.role >= Role::Staff;
    render(&IndexPage {
        layout: viewer.layout,
        updates: shown,
        stage,
        newer: if page > 1 { address(stage, page - 1) } else { String::new() },
        older: if more { address(stage, page + 1) } else { String::new() },
        deleted: if may_write { updates.deleted().await? } else { Vec::new() },
        may_write,
        note: note.0,
        now: updates.now(),
    })
}

/// Brings a deleted update back.
#[post("/updates/edit/<id>/restoration")]
pub(super) async fn restore(staff: Staff, updates: &State<Updates>, id: &str) -> Result<Flash<SeeOther>> {
    let update = updates.restore(&(&staff.0).into(), item_id(id)?).await?;
    Ok(told(format!("/updates/edit/{}", update.id), "It is back, as it was."))
}
