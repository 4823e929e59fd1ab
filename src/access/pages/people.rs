//! Accounts, for owners.

use askama::Template;
use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::response::Flash;
use rocket::{State, get, post};

use super::after::{After, refused};
use crate::access::USERS;
use crate::access::api::link_url;
use crate::error::{Error, FieldError, Result, both};
use crate::moment::Moment;
use crate::records::Records;
use crate::records::pages::{Index, ListPage};
use crate::staff::{Account, AccountChange, Accounts, Author, Email, Layout, NewPerson, Owner, Role, Session, Token};
use crate::web::{Fields, Html, Note, SeeOther, WebHost, item_id, render, told};

#[get("/users")]
pub(super) async fn people(
    _owner: Owner,
    layout: Layout,
    records: &State<Records>,
    uri: &Origin<'_>,
    host: WebHost,
    note: Note,
) -> Result<ListPage> {
    let tools = vec![("/audit".into(), "Audit trail".into()), ("/users/new".into(), "Invite somebody".into())];
    let index = Index { resource: &USERS, base: "/users".into(), tools, opens: true, layout, note: note.0 };
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
pub(super) async fn invitation_form(_owner: Owner, layout: Layout) -> Result<Html> {
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
pub(super) async fn invite(
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
pub(super) async fn person(
    _owner: Owner,
    layout: Layout,
    accounts: &State<Accounts>,
    id: &str,
    note: Note,
) -> Result<Html> {
    let nothing = Refused { form: None, errors: Vec::new(), problem: String::new() };
    person_page(accounts, layout, item_id(id)?, nothing, note.0).await
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
        // An owner who gave up that role cannot see that page any more.
        Ok(note) if is_own && accounts.find(id).await?.role < Role::Owner => Ok(After::On(told("/account", note))),
        Ok(note) => Ok(After::On(told(format!("/users/{id}"), note))),
        Err(error) => {
            let (errors, problem) = refused(error)?;
            let refused = Refused { form, errors, problem };
            let page = person_page(accounts, layout, id, refused, String::new()).await?;
            Ok(After::Page(Status::UnprocessableEntity, page))
        }
    }
}

#[post("/users/<id>", data = "<form>", rank = 2)]
pub(super) async fn change(
    owner: Owner,
    layout: Layout,
    accounts: &State<Accounts>,
    id: &str,
    form: Fields,
) -> Result<After> {
    let id = item_id(id)?;
    let done = write(accounts, &owner.author(), id, &form).await.map(|()| "Saved.");
    settled(accounts, layout, id, Some(form), done).await
}

async fn write(accounts: &Accounts, by: &Author, id: i64, form: &Fields) -> Result<()> {
    let version = form.get("version").parse().map_err(|_| Error::invalid("/version", "is required"))?;
    let person = new_person(form)?;
    let change =
        AccountChange { email: Some(person.email), name: Some(person.name), role: Some(person.role), disabled: None };
    accounts.change(by, id, Some(version), change).await
}

#[post("/users/<id>/status", data = "<form>")]
pub(super) async fn set_status(
    owner: Owner,
    layout: Layout,
    accounts: &State<Accounts>,
    id: &str,
    form: Fields,
) -> Result<After> {
    let id = item_id(id)?;
    let (disabled, note) = match form.get("status") {
        "disabled" => (true, "Disabled: signed out everywhere, and the tokens no longer work."),
        "active" => (false, "Enabled."),
        _ => return Err(Error::invalid("/status", "must be active or disabled")),
    };
    let change = AccountChange { disabled: Some(disabled), ..AccountChange::default() };
    let done = accounts.change(&owner.author(), id, None, change).await.map(|()| note);
    settled(accounts, layout, id, None, done).await
}

#[post("/users/<id>/invitations")]
pub(super) async fn new_link(
    owner: Owner,
    layout: Layout,
    accounts: &State<Accounts>,
    host: WebHost,
    id: &str,
) -> Result<After> {
    let id = item_id(id)?;
    match accounts.new_link(&owner.author(), id).await {
        Ok(link) => invited_page(accounts, layout, id, link_url(&link, &host), link.expires).await,
        Err(error) => settled(accounts, layout, id, None, Err(error)).await,
    }
}

#[post("/users/<id>/sessions/removal")]
pub(super) async fn end_sessions(owner: Owner, accounts: &State<Accounts>, id: &str) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    accounts.end_sessions(&owner.author(), id).await?;
    Ok(told(format!("/users/{id}"), "Signed out everywhere."))
}

#[post("/users/<id>/tokens/<token>/removal")]
pub(super) async fn revoke_token(
    owner: Owner,
    accounts: &State<Accounts>,
    id: &str,
    token: &str,
) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    accounts.revoke_token(&owner.author(), item_id(token)?, Some(id)).await?;
    Ok(told(format!("/users/{id}"), "The token no longer works."))
}

#[post("/users/<id>/removal")]
pub(super) async fn remove(owner: Owner, layout: Layout, accounts: &State<Accounts>, id: &str) -> Result<After> {
    let id = item_id(id)?;
    let done = accounts.remove(&owner.author(), id, None).await.map(|()| "Removed. It can be restored here.");
    settled(accounts, layout, id, None, done).await
}

#[post("/users/<id>/restoration")]
pub(super) async fn restore(owner: Owner, accounts: &State<Accounts>, id: &str) -> Result<Flash<SeeOther>> {
    let id = item_id(id)?;
    accounts.restore(&owner.author(), id).await?;
    Ok(told(format!("/users/{id}"), "It is back. Its sessions and tokens stay ended."))
}
