//! "Try it": a sample request and what would become of it.

use std::sync::Arc;

use askama::Template;
use rocket::{State, get, post};

use crate::error::{Error, FieldError, Result, message};
use crate::relay::cached::Relays;
use crate::relay::live::LiveRelay;
use crate::relay::trial::{Trial, Verdict};
use crate::staff::{Framed, Layout, Owner};
use crate::web::{Fields, Html, render};

#[derive(Template)]
#[template(path = "relay/trial.html")]
struct TrialPage {
    layout: Layout,
    live: Arc<LiveRelay>,
    is_owner: bool,
    tab: &'static str,
    trial: Trial,
    verdict: Option<Verdict>,
    errors: Vec<FieldError>,
}

impl TrialPage {
    fn wrong(&self, field: &str) -> String {
        message(&self.errors, field)
    }
}

#[get("/relays/<name>/trial")]
pub(super) async fn sample(owner: Framed<Owner>, relays: &State<Relays>, name: &str) -> Result<Html> {
    let live = relays.get(name).await?;
    let trial = Trial { method: "GET".into(), target: "/".into(), ..Trial::default() };
    let (verdict, errors) = (None, Vec::new());
    render(&TrialPage { layout: owner.layout, live, is_owner: true, tab: "trial", trial, verdict, errors })
}

#[post("/relays/<name>/trial", data = "<form>")]
pub(super) async fn try_out(owner: Framed<Owner>, relays: &State<Relays>, name: &str, form: Fields) -> Result<Html> {
    let live = relays.get(name).await?;
    let text = |field: &str| form.get(field).to_owned();
    let trial = Trial { method: text("method"), target: text("target"), headers: text("headers"), body: text("body") };
    let (verdict, errors) = match live.try_out(&trial) {
        Ok(verdict) => (Some(verdict), Vec::new()),
        Err(Error::Invalid(errors)) => (None, errors),
        Err(error) => return Err(error),
    };
    render(&TrialPage { layout: owner.layout, live, is_owner: true, tab: "trial", trial, verdict, errors })
}
