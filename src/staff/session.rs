//! Data types for sessions, credentials and API tokens.

use std::net::IpAddr;

use super::scopes::Scopes;
use crate::moment::Moment;

/// An attempt to sign in.
pub struct SignIn<'a> {
    /// As it was typed.
    pub email: &'a str,
    /// As it was typed.
    pub password: &'a str,
    /// Where the attempt comes from.
    pub address: Option<IpAddr>,
    /// The browser that is used.
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
    /// Value of the cookie that marks a known browser; `None`: the browser has one.
    pub browser: Option<String>,
}

/// A session, as its owner sees it.
#[derive(Debug)]
pub struct Session {
    /// Primary key.
    pub id: i64,
    /// When they signed in.
    pub began: Moment,
    /// When it was last used.
    pub seen: Moment,
    /// What the browser calls itself, shortened.
    pub browser: String,
    /// The one that asks.
    pub own: bool,
}

/// The credential that a request carries.
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
    /// Primary key.
    pub id: i64,
    /// Whose it is.
    pub email: String,
    /// What it is for.
    pub name: String,
    /// What it opens.
    pub scopes: Scopes,
    /// Its last characters.
    pub hint: String,
    /// When it stops working; `None`: never.
    pub expires: Option<Moment>,
    /// When it was last used.
    pub used: Option<Moment>,
}
