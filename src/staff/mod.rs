//! Staff: accounts, sign-in, sessions, API tokens and the audit trail.
//!
//! What always holds: a password is stored as argon2id, and of what must not be guessed (sessions, tokens, links)
//! only the SHA-256; a session ends when it is idle, old or signed out, and with its account; a token has at most
//! the rights of its account; somebody can always sign in as an owner; the first owner is made through a one-time
//! link that only the terminal shows. Pages and URLs for people and tokens are in [`crate::access`].

mod account;
mod accounts;
mod attempts;
pub mod audit;
mod guards;
mod navigation;
mod pages;
mod passwords;
mod people;
mod scopes;
mod service;
mod session;
mod sessions;
mod store;
mod tokens;

pub use account::{Account, Email, Password, Role};
pub use audit::{Author, Deed};
pub use guards::{OwnSession, Owner, Staff, Viewer, Visitor, bearer_of};
pub use navigation::{NavGroup, NavLink, Navigation};
pub use pages::{Filled, Framed, Layout, routes};
pub use people::{AccountChange, Link, NewPerson, is_active_account};
pub use scopes::{ADMIN, Area, Areas, Scope, Scopes};
pub use service::{Accounts, SessionLimits};
pub use session::{Browser, Credential, Session, SignIn, Token};
pub use tokens::{NewToken, PREFIX as TOKEN_PREFIX};
