//! `Entries`, the service that routes hold, and the state that its clones share.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::downloads::Downloads;
use super::import::Looks;
use super::intake::{Intake, Tally};
use super::limits::{Limits, RateSettings};
use super::seen::SeenFields;
use super::slow::SlowFilters;
use crate::collections::Collections;
use crate::config::{Config, Switch};
use crate::db::Pool;
use crate::moment::Clock;
use crate::web::uploads;

/// How entries behave; the part of the configuration that concerns them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `None`: no limits.
    pub rates: Option<RateSettings>,
    /// How long a page of entries may take. A page waits no longer for a file to be read, either.
    pub list_budget: Duration,
    /// How long counting values of a field may take.
    pub facet_budget: Duration,
    /// A filter that takes longer counts as slow.
    pub slow_filter: Duration,
    /// Signs cursors.
    pub cursor_key: [u8; 32],
    /// Folder of the program's files.
    pub data_dir: PathBuf,
    /// Folder of files that wait to be imported.
    pub uploads: PathBuf,
}

impl Settings {
    /// The part of the configuration that concerns entries.
    pub fn of(config: &Config, cursor_key: [u8; 32]) -> Settings {
        let rates = RateSettings {
            per_address: config.rate_per_address,
            burst_per_address: config.burst_per_address,
            per_collection: config.rate_per_collection,
        };
        Settings {
            rates: (config.rate_limit == Switch::On).then_some(rates),
            list_budget: Duration::from_millis(config.list_budget_ms),
            facet_budget: Duration::from_millis(config.facet_budget_ms),
            slow_filter: Duration::from_millis(config.slow_filter_ms),
            cursor_key,
            data_dir: config.data_dir.clone(),
            uploads: uploads(config),
        }
    }
}

/// Everything about entries, shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct Entries(Arc<Shared>);

impl std::ops::Deref for Entries {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What the clones of [`Entries`] share.
pub struct Shared {
    pub(super) db: Pool,
    pub(super) clock: Clock,
    pub(super) collections: Collections,
    pub(super) intake: Intake,
    pub(super) limits: Limits,
    pub(super) settings: Settings,
    pub(super) slow: SlowFilters,
    pub(super) seen_fields: SeenFields,
    pub(super) downloads: Downloads,
    /// Files that wait to be imported.
    pub(super) looks: Looks,
    /// Imports that run in this process.
    pub(super) importing: Mutex<HashSet<i64>>,
    /// One of them stores rows at a time.
    pub(super) one_import: tokio::sync::Mutex<()>,
}

impl Entries {
    /// Starts the intake; reads nothing yet.
    pub fn new(db: Pool, clock: Clock, collections: Collections, settings: Settings) -> Entries {
        Entries(Arc::new(Shared {
            intake: Intake::start(&db, &clock),
            limits: Limits::new(settings.rates),
            slow: SlowFilters::default(),
            seen_fields: SeenFields::default(),
            downloads: Downloads::default(),
            looks: Looks::default(),
            importing: Mutex::default(),
            one_import: tokio::sync::Mutex::default(),
            db,
            clock,
            collections,
            settings,
        }))
    }

    /// Whether the line of entries that wait for the disk has room for more.
    pub fn has_room(&self) -> bool {
        self.intake.has_room()
    }

    /// Downloads under way.
    pub fn downloads(&self) -> usize {
        self.downloads.held()
    }

    /// What became of entries since the program started.
    pub fn tally(&self) -> &Tally {
        self.intake.tally()
    }

    /// The clock that entries go by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
