//! `/account`, `/users` and `/audit`: one's own account, other people, and who did what.

use askama::Template;
use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::request::FlashMessage;
use rocket::response::{Flash, Responder};
use rocket::{Request, Route, State, get, post, routes};

use super::api::link_url;
use super::{AUDIT, USERS};
use crate::error::{Error, FieldError, Result, both};
use crate::moment::{DAY, Moment};
use crate::records::Records;
use crate::records::pages::{Index, ListPage};
use crate::staff::{
    Account, Accounts, Author, Change, Email, Layout, NewPerson, NewToken, OwnSession, Owner, Password, Role, Scope,
    Scopes, Session, Token, Viewer,
};
use crate::web::{ClientAddress, Fields, Html, SeeOther, WebHost, item_id, render, see_other};

pub fn routes() -> Vec<Route> {
    [
        routes![account, rename, change_password, end_own_session, make_token, revoke_own_token],
        routes![people, invitation_form, invite, person, change, set_status, new_link],
        routes![end_sessions, revoke_token, remove, restore, audit],
    ]
    .concat()
}

/// A page after a form: as it was asked for, or the form again with what is wrong.
enum After {
    Page(Status, Html),
    On(Flash<SeeOther>),
}

impl<'r> Responder<'r, 'r> for After {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'r> {
        match self {
            After::Page(status, page) => (status, page).respond_to(request),
            After::On(redirect) => redirect.respond_to(request),
        }
    }
}

fn on(to: impl Into<String>, note: impl Into<String>) -> Flash<SeeOther> {
    Flash::new(see_other(to.into()), "note", note.into())
}

fn note_of(flash: Option<FlashMessage<'_>>) -> String {
    flash.map_or(String::new(), |flash| flash.message().to_owned())
}

/// What was refused, for the form or for a message above it.
fn refused(error: Error) -> Result<(Vec<FieldError>, String)> {
    match error {
        Error::Invalid(errors) => Ok((errors, String::new())),
        Error::Conflict(text) => Ok((Vec::new(), text.into_owned())),
        Error::PreconditionFailed => {
            Ok((Vec::new(), "Somebody changed this account meanwhile. Load the page again.".into()))
        }
        other => Err(other),
    }
}

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
    accounts: &'a Accounts,
    layout: Layout,
    account: Account,
    session: &'a OwnSession,
}

impl Own<'_> {
    async fn page(self, form: Fields, errors: Vec<FieldError>, made: String, note: String) -> Result<Html> {
        let (id, role) = (self.account.id, self.account.role);
        let scopes = Scope::ALL.iter().filter(|(_, scope, _)| scope.role() <= role);
        render(&AccountPage {
            layout: self.layout,
            sessions: self.accounts.sessions(id, Some(&self.session.0)).await?,
            tokens: self.accounts.tokens(Some(id)).await?,
            scopes: scopes.map(|(name, _, meaning)| (*name, *meaning)).collect(),
            account: self.account,
            made,
            form,
            errors,
            note,
        })
    }
}

#[get("/account")]
async fn account(
    viewer: Viewer,
    session: OwnSession,
    layout: Layout,
    accounts: &State<Accounts>,
    flash: Option<FlashMessage<'_>>,
) -> Result<Html> {
    let own = Own { accounts, layout, account: viewer.0, session: &session };
    own.page(Fields::default(), Vec::new(), String::new(), note_of(flash)).await
}

#[post("/account", data = "<form>")]
async fn rename(viewer: Viewer, accounts: &State<Accounts>, form: Fields) -> Result<Flash<SeeOther>> {
    let change = Change { name: Some(form.get("name").to_owned()), ..Change::default() };
    accounts.change(&viewer.author(), viewer.0.id, None, change).await?;
    Ok(on("/account", "Saved."))
}

#[post("/account/password", data = "<form>")]
async fn change_password(
    viewer: Viewer,
    session: OwnSession,
    layout: Layout,
    accounts: &State<Accounts>,
    address: ClientAddress,
    form: Fields,
) -> Result<After> {
    let changed = match Password::parse(form.get("password")) {
        Ok(new) => accounts.change_password(&viewer.0, &session.0, form.get("present"), new, address.0).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(After::On(on("/account", "You have a new password. Your other browsers are signed out."))),
        Err(error) => {
            let (errors, note) = refused(error)?;
            let own = Own { accounts, layout, account: viewer.0, session: &session };
            let page = own.page(Fields::default(), errors, String::new(), note).await?;
            Ok(After::Page(Status::UnprocessableEntity, page))
        }
    }
}

#[post("/account/sessions/<id>/removal")]
async fn end_own_session(viewer: Viewer, accounts: &State<Accounts>, id: &str) -> Result<Flash<SeeOther>> {
    // Here an owner, too, ends only their own: others' are on their pages.
    let mut own = viewer.0;
    own.role = Role::Viewer;
    accounts.end_session(&own, item_id(id)?).await?;
    Ok(on("/account", "That browser is signed out."))
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
async fn make_token(
    viewer: Viewer,
    session: OwnSession,
    layout: Layout,
    accounts: &State<Accounts>,
    records: &State<Records>,
    form: Fields,
) -> Result<After> {
    let scopes = Scopes::parse(form.all("scope"));
    let expires = expiry(form.get("days"), records.clock().now());
    let made = match both(scopes, expires) {
        Ok((scopes, expires)) => {
            let new = NewToken { name: form.get("name").to_owned(), scopes, expires };
            accounts.make_token(&viewer.author(), &viewer.0, new).await
        }
        Err(error) => Err(error),
    };
    let own = Own { accounts, layout, account: viewer.0, session: &session };
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
async fn revoke_own_token(viewer: Viewer, accounts: &State<Accounts>, id: &str) -> Result<Flash<SeeOther>> {
    accounts.revoke_token(&viewer.author(), item_id(id)?, Some(viewer.0.id)).await?;
    Ok(on("/account", "The token no longer works."))
}

#[get("/users")]
async fn people(
    _owner: Owner,
    layout: Layout,
    records: &State<Records>,
    uri: &Origin<'_>,
    host: WebHost,
    flash: Option<FlashMessage<'_>>,
) -> Result<ListPage> {
    let tools = vec![("/audit".into(), "Audit trail".into()), ("/users/new".into(), "Invite somebody".into())];
    let index = Index { resource: &USERS, base: "/users".into(), tools, opens: true, layout, note: note_of(flash) };
    index.page(records, uri, &host).await
}

#[derive(Template)]
#[template(path = "access/invite.html")]
struct InvitePage {
    layout: Layout,
    form: Fields,
    errors: Vec<FieldError>,
    problem: String,
}

#[get("/users/new")]
async fn invitation_form(_owner: Owner, layout: Layout) -> Result<Html> {
    render(&InvitePage { layout, form: Fields::default(), errors: Vec::new(), problem: String::new() })
}

#[derive(Template)]
#[template(path = "access/invited.html")]
struct InvitedPage {
    layout: Layout,
    account: Account,
    link: String,
    expires: Moment,
}

fn new_person(form: &Fields) -> Result<NewPerson> {
    let (email, role) = both(Email::parse(form.get("email")), Role::parse(form.get("role")))?;
    Ok(NewPerson { email, name: form.get("name").to_owned(), role })
}

#[post("/users", data = "<form>")]
async fn invite(
    owner: Owner,
    layout: Layout,
    accounts: &State<Accounts>,
    host: WebHost,
    form: Fields,
) -> Result<After> {
    let invited = match new_person(&form) {
        Ok(person) => accounts.invite(&owner.author(), person).await,
        Err(error) => Err(error),
    };
    match invited {
        Ok((id, link)) => invited_page(accounts, layout, id, link_url(&link, &host), link.expires).await,
        Err(error) => {
            let (errors, problem) = refused(error)?;
            let page = render(&InvitePage { layout, form, errors, problem })?;
            Ok(After::Page(Status::UnprocessableEntity, page))
        }
    }
}

/// The link is in this answer and nowhere else: not in a URL, not in a cookie.
async fn invited_page(accounts: &Accounts, layout: Layout, id: i64, link: String, expires: Moment) -> Result<After> {
    let account = accounts.find(id).await?;
    Ok(After::Page(Status::Created, render(&InvitedPage { layout, account, link, expires })?))
}

#[derive(Template)]
#[template(path = "access/person.html")]
struct PersonPage {
    layout: Layout,
    account: Account,
    sessions: Vec<Session>,
    tokens: Vec<Token>,
    form: Option<Fields>,
    errors: Vec<FieldError>,
    problem: String,
    note: String,
}

impl PersonPage {
    /// The version that the form was made from: a form that was refused for being old stays old.
    fn version(&self) -> String {
        let sent = self.form.as_ref().map(|form| form.get("version")).filter(|version| !version.is_empty());
        sent.map_or_else(|| self.account.version.to_string(), str::to_owned)
    }

    fn token_action(&self) -> String {
        format!("/users/{}/tokens", self.account.id)
    }

    fn value<'a>(&'a self, field: &'a str, stored: &'a str) -> &'a str {
        self.form.as_ref().map_or(stored, |form| form.get(field))
    }
}

struct Refused {
    form: Option<Fields>,
    errors: Vec<FieldError>,
    problem: String,
}

async fn person_page(accounts: &Accounts, layout: Layout, id: i64, refused: Refused, note: String) -> Result<Html> {
    let account = accounts.find(id).await?;
    let (sessions, tokens) = (accounts.sessions(id, None).await?, accounts.tokens(Some(id)).await?);
    let Refused { form, errors, problem } = refused;
    render(&PersonPage { layout, account, sessions, tokens, form, errors, problem, note })
}

#[get("/users/<id>", rank = 2)]
async fn person(
    _owner: Owner,
    layout: Layout,
    accounts: &State<Accounts>,
    id: &str,
    flash: Option<FlashMessage<'_>>,
) -> Result<Html> {
    let nothing = Refused { form: None, errors: Vec::new(), problem: String::new() };
    person_page(accounts, layout, item_id(id)?, nothing, note_of(flash)).await
}

/// On to the person's page, or the page with the reason why not.
async fn settled(
    accounts: &Accounts,
    layout: Layout,
    id: i64,
    form: Option<Fields>,
    done: Result<&str>,
) -> Result<After> {
    let is_own = layout.person.as_ref().is_some_and(|person| person.id == id);
    match done {
        // Whoever has made themselves less cannot see that page any more.
        Ok(note) if is_own && accounts.find(id).await?.role < Role::Owner => Ok(After::On(on("/account", note))),
        Ok(note) => Ok(After::On(on(format!("/users/{id}"), note))),
        Err(error) => {
            let (errors, problem) = refused(error)?;
            let refused = Refused { form, errors, problem };
            let page = person_page(accounts, layout, id, refused, String::new()).await?;
            Ok(After::Page(Status::UnprocessableEntity, page))
        }
    }
}

#[post("/users/<id>", data = "<form>", rank = 2)]
async fn change(owner: Owner, layout: Layout, accounts: &State<Accounts>, id: &str, form: Fields) -> Result<After> {
    let id = item_id(id)?;
    let done = write(accounts, &owner.author(), id, &form).await.map(|()| "Saved.");
    settled(accounts, layout, id, Some(form), done).await
}

async fn write(accounts: &Accounts, by: &Author, id: i64, form: &Fields) -> Result<()> {
    let version = form.get("version").parse().map_err(|_| Error::invalid("/version", "is required"))?;
    let person = new_person(form)?;
    let change = Change { email: Some(person.email), name: Some(person.name), role: Some(person.role), disabled: None };
    accounts.change(by, id, Some(version), change).await
}

#[post("/users/<id>/status", data = "<form>")]
async fn set_status(owner: Owner, layout: Layout, accounts: &State<Accounts>, id: &str, form: Fields) -> Result<After> {
    let id = item_id(id)?;
    let (disabled, note) = match form.get("status") {
        "disabled" => (true, "Disabled: signed out everywhere, and the tokens no longer work."),
        "active" => (false, "Enabled."),
        _ => return Err(Error::invalid("/status", "must be active or disabled")),
    };
    let change = Change { disabled: Some(disabled), ..Change::default() };
    let done = accounts.change(&owner.author(), id, None, change).await.map(|()| note);
    settled(accounts, layout, id, None, done).await
}

#[post("/users/<id>/invitations")]
async fn new_link(owner: Owner, layout: Layout, accounts: &State<Accounts>, host: WebHost, id: &str) -> Result<After> {
    let id = item_id(id)?;
    match accounts.new_link(&owner.author(), id).await {
        Ok(link) => invited_page(accounts, layout, id, link_url(&link, &host), link.expires).await,
        Err(error) => settled(accounts, layout, id, None, Err(error)).await,
    }
}

#[post("/users/<id>/sessions/removal")]
async fn end_sessions(owner: Owner, accounts: &State<Accounts>, id: &str) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    accounts.end_sessions(&owner.author(), id).await?;
    Ok(on(format!("/users/{id}"), "Signed out everywhere."))
}

#[post("/users/<id>/tokens/<token>/removal")]
async fn revoke_token(owner: Owner, accounts: &State<Accounts>, id: &str, token: &str) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    accounts.revoke_token(&owner.author(), item_id(token)?, Some(id)).await?;
    Ok(on(format!("/users/{id}"), "The token no longer works."))
}

#[post("/users/<id>/removal")]
async fn remove(owner: Owner, layout: Layout, accounts: &State<Accounts>, id: &str) -> Result<After> {
    let id = item_id(id)?;
    let done = accounts.remove(&owner.author(), id, None).await.map(|()| "Removed. It can be restored here.");
    settled(accounts, layout, id, None, done).await
}

#[post("/users/<id>/restoration")]
async fn restore(owner: Owner, accounts: &State<Accounts>, id: &str) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    accounts.restore(&owner.author(), id).await?;
    Ok(on(format!("/users/{id}"), "It is back. Its sessions and tokens stay ended."))
}

#[get("/audit")]
async fn audit(
    _owner: Owner,
    layout: Layout,
    records: &State<Records>,
    uri: &Origin<'_>,
    host: WebHost,
) -> Result<ListPage> {
    let index =
        Index { resource: &AUDIT, base: "/audit".into(), tools: Vec::new(), opens: false, layout, note: String::new() };
    index.page(records, uri, &host).await
}
