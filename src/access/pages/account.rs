//! One's own account: name, password, sessions, tokens.

use askama::Template;
use rocket::http::Status;
use rocket::response::Flash;
use rocket::{State, get, post};

use super::after::{After, refused};
use crate::error::{Error, FieldError, Result, both};
use crate::moment::{DAY, Moment};
use crate::records::Records;
use crate::staff::{
    Account, AccountChange, Accounts, Areas, Framed, Layout, NewToken, OwnSession, Password, Role, Session, Token,
    Viewer,
};
use crate::web::{ClientAddress, Fields, Html, Note, SeeOther, item_id, render, told};

#[derive(Template)]
#[template(path = "access/account.html")]
struct AccountPage {
    layout: Layout,
    account: Account,
    sessions: Vec<Session>,
    tokens: Vec<Token>,
    /// Those that this role may give to a token: name and meaning.
    scopes: Vec<(&'static str, &'static str)>,
    /// The token that was just made; shown this once.
    made: String,
    form: Fields,
    errors: Vec<FieldError>,
    note: String,
}

impl AccountPage {
    fn chose(&self, scope: &str) -> bool {
        self.form.all("scope").any(|chosen| chosen == scope)
    }
}

/// What the page of one's own account needs.
struct Own<'a> {
    areas: &'a Areas,
    accounts: &'a Accounts,
    layout: Layout,
    account: Account,
    session: &'a OwnSession,
}

impl Own<'_> {
    async fn page(self, form: Fields, errors: Vec<FieldError>, made: String, note: String) -> Result<Html> {
        let (id, role) = (self.account.id, self.account.role);
        let scopes = self.areas.scopes().into_iter().filter(|scope| scope.role <= role);
        render(&AccountPage {
            layout: self.layout,
            sessions: self.accounts.sessions(id, Some(&self.session.0)).await?,
            tokens: self.accounts.tokens(Some(id)).await?,
            scopes: scopes.map(|scope| (scope.name, scope.meaning)).collect(),
            account: self.account,
            made,
            form,
            errors,
            note,
        })
    }
}

#[get("/account")]
pub(super) async fn account(
    viewer: Viewer,
    session: OwnSession,
    layout: Layout,
    accounts: &State<Accounts>,
    areas: &State<Areas>,
    note: Note,
) -> Result<Html> {
    let own = Own { areas, accounts, layout, account: viewer.0, session: &session };
    own.page(Fields::default(), Vec::new(), String::new(), note.0).await
}

#[post("/account", data = "<form>")]
pub(super) async fn rename(viewer: Viewer, accounts: &State<Accounts>, form: Fields) -> Result<Flash<SeeOther>> {
    let change = AccountChange { name: Some(form.get("name").to_owned()), ..AccountChange::default() };
    accounts.change(&viewer.author(), viewer.0.id, None, change).await?;
    Ok(told("/account", "Saved."))
}

#[post("/account/password", data = "<form>")]
pub(super) async fn change_password(
    page: Framed<Viewer>,
    session: OwnSession,
    accounts: &State<Accounts>,
    areas: &State<Areas>,
    address: ClientAddress,
    form: Fields,
) -> Result<After> {
    let changed = match Password::parse(form.get("password")) {
        Ok(new) => accounts.change_password(&page.by.0, &session.0, form.get("present"), new, address.0).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(After::On(told("/account", "You have a new password. Your other browsers are signed out."))),
        Err(error) => {
            let (errors, note) = refused(error)?;
            let own = Own { areas, accounts, layout: page.layout, account: page.by.0, session: &session };
            let page = own.page(Fields::default(), errors, String::new(), note).await?;
            Ok(After::Page(Status::UnprocessableEntity, page))
        }
    }
}

#[post("/account/sessions/<id>/removal")]
pub(super) async fn end_own_session(viewer: Viewer, accounts: &State<Accounts>, id: &str) -> Result<Flash<SeeOther>> {
    // Here an owner, too, ends only their own: others' are on their pages.
    let mut own = viewer.0;
    own.role = Role::Viewer;
    accounts.end_session(&own, item_id(id)?).await?;
    Ok(told("/account", "That browser is signed out."))
}

/// Days of `30`; empty is never.
fn expiry(text: &str, now: Moment) -> Result<Option<Moment>> {
    match text.trim() {
        "" => Ok(None),
        text => match text.parse::<i64>() {
            Ok(days @ 1..=3650) => Ok(Some(now.plus(days * DAY))),
            _ => Err(Error::invalid("/days", "must be 1 to 3650 days, or empty")),
        },
    }
}

#[post("/account/tokens", data = "<form>")]
pub(super) async fn create_token(
    page: Framed<Viewer>,
    session: OwnSession,
    accounts: &State<Accounts>,
    areas: &State<Areas>,
    records: &State<Records>,
    form: Fields,
) -> Result<After> {
    let scopes = areas.parse(form.all("scope"));
    let expires = expiry(form.get("days"), records.clock().now());
    let made = match both(scopes, expires) {
        Ok((scopes, expires)) => {
            let new = NewToken { name: form.get("name").to_owned(), scopes, expires };
            accounts.create_token(&page.by.author(), &page.by.0, new).await
        }
        Err(error) => Err(error),
    };
    let own = Own { areas, accounts, layout: page.layout, account: page.by.0, session: &session };
    match made {
        Ok((_, token)) => {
            let page = own.page(Fields::default(), Vec::new(), token, String::new()).await?;
            Ok(After::Page(Status::Created, page))
        }
        Err(error) => {
            let (errors, note) = refused(error)?;
            Ok(After::Page(Status::UnprocessableEntity, own.page(form, errors, String::new(), note).await?))
        }
    }
}

#[post("/account/tokens/<id>/removal")]
pub(super) async fn revoke_own_token(viewer: Viewer, accounts: &State<Accounts>, id: &str) -> Result<Flash<SeeOther>> {
    accounts.revoke_token(&viewer.author(), item_id(id)?, Some(viewer.0.id)).await?;
    Ok(told("/account", "The token no longer works."))
}
