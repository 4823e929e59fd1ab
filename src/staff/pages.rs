//! Pages of set-up, sign-in and sign-out, and the frame around every page.

use askama::Template;
use rocket::http::{Header, Status};
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome};
use rocket::response::Responder;
use rocket::{Request, Route, State, get, post, routes};

use super::account::{Account, Email, Password};
use super::guards::{Arrival, OwnSession, Visitor};
use super::navigation::{NavGroup, NavLink, Navigation};
use super::service::Accounts;
use super::session::{Browser, SignIn, SignedIn};
use crate::error::{Error, FieldError, Result, both};
use crate::web::{Fields, Html, Negotiation, SameOrigin, SeeOther, render, see_other};

/// What the frame around a page shows.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Who is signed in.
    pub person: Option<Account>,
    /// The first segment of the path: which entry of the navigation is the present one.
    pub place: String,
    /// A link of its own, below the present entry of the navigation, leads to what is shown.
    pub in_part: bool,
    /// The main navigation, as this person sees it.
    pub links: Vec<&'static NavLink>,
}

impl Layout {
    /// The frame of a page that this person asks for.
    pub fn of(request: &Request<'_>, person: Option<Account>) -> Layout {
        let place = request.uri().path().segments().next().unwrap_or("").to_owned();
        let navigation = request.rocket().state::<Navigation>();
        let links = person.as_ref().zip(navigation).map(|(person, all)| all.seen_by(person.role));
        Layout { person, place, in_part: false, links: links.unwrap_or_default() }
    }

    /// Whether an entry of the navigation is the present one.
    pub fn is_at(&self, link: &NavLink) -> bool {
        link.places.contains(&self.place.as_str())
    }

    /// The main navigation for what people work with every day.
    pub fn work(&self) -> impl Iterator<Item = &'static NavLink> {
        self.group(NavGroup::Work)
    }

    /// The main navigation for what is set up and kept in order.
    pub fn managing(&self) -> impl Iterator<Item = &'static NavLink> {
        self.group(NavGroup::Manage)
    }

    fn group(&self, group: NavGroup) -> impl Iterator<Item = &'static NavLink> {
        self.links.iter().copied().filter(move |link| link.group == group)
    }

    /// URL of a file of `static/`, with the version of all of them.
    pub fn asset(&self, name: &str) -> String {
        crate::web::assets::url(name)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Layout {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        request.guard::<Visitor>().await.map(|visitor| Layout::of(request, visitor.0))
    }
}

/// Who asks for a page, as the guard `G` has it, and the frame around the page.
pub struct Framed<G> {
    /// Who asks.
    pub by: G,
    /// The frame of the page.
    pub layout: Layout,
}

#[rocket::async_trait]
impl<'r, G: FromRequest<'r, Error = ()> + Send> FromRequest<'r> for Framed<G> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let by = try_outcome!(request.guard::<G>().await);
        let layout = try_outcome!(request.guard::<Layout>().await);
        Outcome::Success(Framed { by, layout })
    }
}

#[derive(Template)]
#[template(path = "staff/sign_in.html")]
struct SignInPage {
    layout: Layout,
    email: String,
    next: String,
    errors: Vec<FieldError>,
    /// A form was sent after its session.
    ended: bool,
}

#[derive(Template)]
#[template(path = "staff/setup.html")]
struct SetupPage {
    layout: Layout,
    token: String,
    email: String,
    name: String,
    errors: Vec<FieldError>,
}

/// A page, or the form again with what is wrong.
pub enum Filled {
    /// The form again.
    Again(Html),
    /// The form, to be sent again after so many seconds.
    Later(u64, Html),
    /// It was done: the browser goes on there.
    Done(SeeOther),
}

impl<'r> Responder<'r, 'static> for Filled {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        match self {
            Filled::Again(page) => (Status::UnprocessableEntity, page).respond_to(request),
            Filled::Later(seconds, page) => {
                let mut response = (Status::TooManyRequests, page).respond_to(request)?;
                response.set_header(Header::new("Retry-After", seconds.to_string()));
                Ok(response)
            }
            Filled::Done(redirect) => redirect.respond_to(request),
        }
    }
}

/// `ended`: a form was sent after its session.
#[get("/sign-in?<next>&<ended>")]
fn sign_in_form(layout: Layout, next: Option<&str>, ended: Option<bool>) -> Result<Html> {
    let (next, ended) = (local(next.unwrap_or("/")), ended.unwrap_or_default());
    render(&SignInPage { layout, email: String::new(), next, ended, errors: Vec::new() })
}

#[post("/sign-in", data = "<form>")]
async fn sign_in(
    _same: SameOrigin,
    layout: Layout,
    accounts: &State<Accounts>,
    arrival: Arrival<'_>,
    negotiation: Negotiation,
    form: Fields,
) -> Result<Filled> {
    let (next, ended) = (local(form.get("next")), form.get("ended") == "true");
    let (email, password) = (form.get("email"), form.get("password"));
    match accounts.sign_in(SignIn { email, password, address: arrival.address, browser: &arrival.browser }).await {
        Ok(signed_in) => {
            arrival.welcome(signed_in);
            Ok(Filled::Done(see_other(next)))
        }
        Err(Error::Invalid(errors)) => {
            render(&SignInPage { layout, email: form.get("email").to_owned(), next, ended, errors }).map(Filled::Again)
        }
        Err(Error::TooMany { retry_after, .. }) if negotiation.wants_page() => {
            let wait = format!("too many attempts: try again in {retry_after} seconds");
            let (email, errors) = (form.get("email").to_owned(), vec![FieldError::at("/password", wait)]);
            render(&SignInPage { layout, email, next, ended, errors }).map(|page| Filled::Later(retry_after, page))
        }
        Err(error) => Err(error),
    }
}

/// Only addresses of this server: anything else would let a link lead people away.
fn local(next: &str) -> String {
    let inside = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if inside { next.to_owned() } else { "/".into() }
}

#[get("/setup/<token>")]
async fn setup_form(layout: Layout, accounts: &State<Accounts>, token: &str) -> Result<Html> {
    if !accounts.setup_is_open(token).await? {
        return Err(Error::NotFound(
            "This link was used already, or the program was started again and printed a newer one.".into(),
        ));
    }
    render(&SetupPage {
        layout,
        token: token.to_owned(),
        email: String::new(),
        name: String::new(),
        errors: Vec::new(),
    })
}

#[post("/setup/<token>", data = "<form>")]
async fn setup(
    _same: SameOrigin,
    layout: Layout,
    accounts: &State<Accounts>,
    arrival: Arrival<'_>,
    token: &str,
    form: Fields,
) -> Result<Filled> {
    match set_up(accounts, token, &form, &arrival.browser).await {
        Ok(session) => {
            arrival.welcome(session);
            Ok(Filled::Done(see_other("/")))
        }
        Err(Error::Invalid(errors)) => {
            let (email, name) = (form.get("email").to_owned(), form.get("name").to_owned());
            render(&SetupPage { layout, token: token.to_owned(), email, name, errors }).map(Filled::Again)
        }
        Err(error) => Err(error),
    }
}

async fn set_up(accounts: &Accounts, token: &str, form: &Fields, browser: &Browser) -> Result<SignedIn> {
    let (email, password) = both(Email::parse(form.get("email")), Password::parse(form.get("password")))?;
    accounts.set_up(token, &email, form.get("name"), password, browser).await
}

#[derive(Template)]
#[template(path = "staff/invitation.html")]
struct InvitationPage {
    layout: Layout,
    token: String,
    account: Account,
    errors: Vec<FieldError>,
}

#[get("/invitations/<token>")]
async fn invitation_form(layout: Layout, accounts: &State<Accounts>, token: &str) -> Result<Html> {
    let account = accounts.invited(token).await?;
    render(&InvitationPage { layout, token: token.to_owned(), account, errors: Vec::new() })
}

/// Chooses a password through a link, and signs in.
#[post("/invitations/<token>", data = "<form>")]
async fn accept_invitation(
    _same: SameOrigin,
    layout: Layout,
    accounts: &State<Accounts>,
    arrival: Arrival<'_>,
    token: &str,
    form: Fields,
) -> Result<Filled> {
    let account = accounts.invited(token).await?;
    let accepted = match Password::parse(form.get("password")) {
        Ok(password) => accounts.accept(token, password, &arrival.browser).await,
        Err(error) => Err(error),
    };
    match accepted {
        Ok(signed_in) => {
            arrival.welcome(signed_in);
            Ok(Filled::Done(see_other("/")))
        }
        Err(Error::Invalid(errors)) => {
            render(&InvitationPage { layout, token: token.to_owned(), account, errors }).map(Filled::Again)
        }
        Err(error) => Err(error),
    }
}

#[post("/sign-out")]
async fn sign_out(
    _same: SameOrigin,
    accounts: &State<Accounts>,
    arrival: Arrival<'_>,
    session: Option<OwnSession>,
) -> Result<SeeOther> {
    if let Some(OwnSession(token)) = session {
        accounts.sign_out(&token).await?;
    }
    arrival.farewell();
    Ok(see_other("/sign-in"))
}

/// Setup, sign-in and sign-out.
pub fn routes() -> Vec<Route> {
    routes![sign_in_form, sign_in, setup_form, setup, invitation_form, accept_invitation, sign_out]
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn sign_in_leads_only_to_this_server() {
        for (next, target) in [
            ("/list?a=b", "/list?a=b"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(next), target, "{next}");
        }
    }
}
