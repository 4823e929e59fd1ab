//! Everything that leaves the program by HTTP: one client, behind a guard against requests that are led to where they must
//! not go (SSRF).
//!
//! What always holds: only http and https; no proxy of the environment; redirects are never followed; every address that a
//! name resolves to is checked before one of them is connected to, and connections go to the checked ones.

mod client;
mod connector;
mod guard;
mod stream;
mod target;

pub use client::{Failed, Outgoing, Why};
pub use guard::Reach;
pub use target::Target;
