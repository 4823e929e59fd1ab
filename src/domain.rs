//! A domain is one value: everything that the application needs to know of it. `app.rs` is the list of them.

use std::future::Future;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rocket::{Build, Orbit, Rocket, Route};
use serde_json::Value;

use crate::config::Config;
use crate::db::Pool;
use crate::error::Result;
use crate::moment::Clock;
use crate::records::{Described, Reference};
use crate::staff::{Area, NavLink};
use crate::web::Api;

/// What a domain brings. The `domain()` of its `mod.rs` builds it; fields not set there stay empty.
pub struct Domain {
    /// In the log.
    pub name: &'static str,
    /// JSON for programs, with where it is mounted.
    pub apis: Vec<(&'static str, Api)>,
    /// Pages and files.
    pub pages: Vec<Route>,
    /// Tables whose API and pages come from their declaration.
    pub records: Vec<Described>,
    /// What refers to records, beside the columns of `records`.
    pub references: &'static [Reference],
    /// Addresses that API tokens open.
    pub areas: &'static [Area],
    /// Tags of the description of the API, with what they stand for.
    pub tags: &'static [(&'static str, &'static str)],
    /// Schemas of answers that are written without a struct: an object by their names.
    pub schemas: Option<fn() -> Value>,
    /// Entries of the main navigation.
    pub navigation: &'static [NavLink],
    /// Puts what its routes share into Rocket's state.
    pub manage: Option<Manage>,
    /// Its periodic jobs.
    pub jobs: Option<Jobs>,
    /// Starts what runs as long as the server does.
    pub start: Option<fn(&Rocket<Orbit>)>,
    /// Done when the server stops.
    pub stop: Option<Stop>,
}

type Manage = fn(Rocket<Build>, &Ground<'_>) -> Rocket<Build>;
type Jobs = fn(&Rocket<Orbit>) -> Vec<Job>;
type Stop = fn(&Rocket<Orbit>) -> BoxFuture<'_, ()>;

/// The services and settings that `manage` of a domain gets.
pub struct Ground<'g> {
    /// The database.
    pub pool: &'g Pool,
    /// What the time is; tests set it.
    pub clock: &'g Clock,
    /// The settings.
    pub config: &'g Config,
    /// 256 random bits of this installation, by which cursors are signed.
    pub secret: [u8; 32],
}

impl Domain {
    /// A domain that brings nothing yet.
    pub fn new(name: &'static str) -> Domain {
        Domain {
            name,
            apis: Vec::new(),
            pages: Vec::new(),
            records: Vec::new(),
            references: &[],
            areas: &[],
            tags: &[],
            schemas: None,
            navigation: &[],
            manage: None,
            jobs: None,
            start: None,
            stop: None,
        }
    }
}

/// A periodic job. Running it twice, or on several nodes at once, does no harm.
pub struct Job {
    /// In the log, when it fails.
    pub name: &'static str,
    work: Box<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>,
}

impl Job {
    /// `work` gets a clone of `state` each time.
    pub fn new<T, F>(name: &'static str, state: &T, work: impl Fn(T) -> F + Send + Sync + 'static) -> Job
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let state = state.clone();
        Job { name, work: Box::new(move || work(state.clone()).boxed()) }
    }

    /// Does it once.
    pub async fn run(&self) -> Result<()> {
        (self.work)().await
    }
}
