//! Sessions and tokens, as they are described.

use std::net::IpAddr;

use super::scopes::Scopes;
use crate::moment::Moment;

/// An attempt to sign in.
pub struct SignIn<'a> {
    pub email: &'a str,
    pub password: &'a str,
    pub address: Option<IpAddr>,
    pub browser: &'a Browser,
}

/// What is known of a browser.
#[derive(Debug, Default)]
pub struct Browser {
    /// What it calls itself, shortened.
    pub name: String,
    /// The cookie that says that it signed in before.
    pub known: Option<String>,
}

/// Somebody signed in: what the cookies hold.
#[derive(Debug)]
pub struct SignedIn {
    pub session: String,
    /// The new mark of a browser that had none.
    pub browser: Option<String>,
}

/// A session, as its owner sees it.
#[derive(Debug)]
pub struct Session {
    pub id: i64,
    pub began: Moment,
    pub seen: Moment,
    pub browser: String,
    /// The one that asks.
    pub own: bool,
}

/// What a request shows of who sends it.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The token of a session, from the cookie.
    Session(String),
    /// An API token, from `Authorization: Bearer`. It comes first: a browser sends no such header by itself.
    Token(String),
}

/// A token that works.
#[derive(Debug)]
pub struct Token {
    pub id: i64,
    pub email: String,
    pub name: String,
    pub scopes: Scopes,
    /// Its last characters.
    pub hint: String,
    pub expires: Option<Moment>,
    pub used: Option<Moment>,
}
