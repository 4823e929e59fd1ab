//! `/metrics`: figures for Prometheus. For owners only: they reveal how many people come and wait.
//!
//! Requests are labelled by route, never by the requested URL, so no label holds personal data.

use std::sync::atomic::Ordering;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, TextEncoder};
use rocket::http::ContentType;
use rocket::{State, get};

use crate::db::Pool;
use crate::descriptors;
use crate::domain::Domain;
use crate::entries::{Entries, Tally};
use crate::error::{Error, Result};
use crate::relay::{Measured, Relays};
use crate::staff::{ADMIN, Area, Owner};
use crate::waiting::Rooms;
use crate::web::{ApiError, Requests, api};

static AREAS: [Area; 1] = [Area::of("/metrics", &ADMIN)];

/// For monitoring.
pub fn domain() -> Domain {
    Domain {
        apis: vec![("/", api![metrics])],
        areas: &AREAS,
        tags: &[("health", "For monitoring")],
        ..Domain::new("metrics")
    }
}

/// The state of the program in numbers
///
/// In the text format of Prometheus: requests by route, method and status with their times, entries by what became of
/// them, places by queue and state, upstreams of relays, event streams that are open, and the sizes of the database and of what is free.
#[utoipa::path(
    tag = "health",
    responses((status = 200, description = "Text format 0.0.4", body = String, content_type = "text/plain")),
    extensions(("x-role" = json!("owner"))),
)]
#[get("/metrics")]
async fn metrics(
    _owner: Owner,
    requests: &State<Requests>,
    db: &State<Pool>,
    entries: &State<Entries>,
    rooms: &State<Rooms>,
    relays: &State<Relays>,
) -> std::result::Result<(ContentType, String), ApiError> {
    let mut page = Page(requests.collect());
    page.gauge(
        "frontdesk_info",
        "What runs",
        &["version", "database"],
        [(vec![env!("CARGO_PKG_VERSION").to_owned(), db.kind().to_owned()], 1)],
    )?;
    page.outcomes(entries.tally())?;
    let places = rooms.places().await?.into_iter().map(|(queue, state, count)| (vec![queue.to_string(), state], count));
    page.gauge("frontdesk_places", "Places in queues that have not ended", &["queue", "state"], places)?;
    page.number("frontdesk_streams", "Event streams that are open on this node", count(rooms.streams()))?;
    page.upstreams(&relays.measured().await?)?;
    page.number("frontdesk_database_bytes", "Size of the database", db.bytes().await.map_err(Error::from)?)?;
    if let Some(disk) = db.disk() {
        page.number("frontdesk_disk_free_bytes", "Free on the disk of the database", count(disk.free))?;
    }
    if let Some(open) = descriptors::open() {
        page.number("frontdesk_open_files", "Files and connections that are open", count(open))?;
    }
    if let Some(most) = descriptors::most() {
        page.number("frontdesk_open_files_limit", "How many may be open", count(most))?;
    }
    if let Some(bytes) = db.log_bytes() {
        page.number("frontdesk_database_log_bytes", "Size of SQLite's write-ahead log", count(bytes))?;
    }
    page.number("frontdesk_downloads", "Downloads under way on this node", count(entries.downloads()))?;
    Ok((ContentType::new("text", "plain").with_params([("version", "0.0.4"), ("charset", "utf-8")]), page.text()?))
}

fn count(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

/// What one answer says.
struct Page(Vec<MetricFamily>);

impl Page {
    fn number(&mut self, name: &str, help: &str, value: i64) -> Result<()> {
        self.gauge(name, help, &[], [(Vec::new(), value)])
    }

    /// The values of the labels, and the number that they have now.
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        rows: impl IntoIterator<Item = (Vec<String>, i64)>,
    ) -> Result<()> {
        let gauge = IntGaugeVec::new(Opts::new(name, help), labels).map_err(fault)?;
        for (values, number) in rows {
            gauge.with_label_values(&values).set(number);
        }
        self.0.extend(gauge.collect());
        Ok(())
    }

    fn outcomes(&mut self, tally: &Tally) -> Result<()> {
        let help = "Entries sent to this node since it started, by what became of them";
        let counter = IntCounterVec::new(Opts::new("frontdesk_entries_total", help), &["outcome"]).map_err(fault)?;
        for (outcome, count) in [
            ("stored", &tally.stored),
            ("flagged", &tally.flagged),
            ("duplicate", &tally.duplicate),
            ("rejected", &tally.rejected),
        ] {
            counter.with_label_values(&[outcome]).inc_by(count.load(Ordering::Relaxed));
        }
        self.0.extend(counter.collect());
        Ok(())
    }

    fn upstreams(&mut self, all: &[Measured]) -> Result<()> {
        let labels = ["relay", "pool", "upstream"];
        type Counter = (&'static str, &'static str, fn(&Measured) -> u64);
        let counters: [Counter; 3] = [
            ("frontdesk_relay_tries_total", "Requests sent to upstreams by this node", |one| one.tries),
            ("frontdesk_relay_errors_total", "Of those, how many failed", |one| one.errors),
            ("frontdesk_relay_milliseconds_total", "How long all of them took", |one| one.milliseconds),
        ];
        for (name, help, number) in counters {
            let counter = IntCounterVec::new(Opts::new(name, help), &labels).map_err(fault)?;
            all.iter().for_each(|one| counter.with_label_values(&one.names).inc_by(number(one)));
            self.0.extend(counter.collect());
        }
        let rows = |number: fn(&Measured) -> i64| all.iter().map(move |one| (one.names.to_vec(), number(one)));
        self.gauge("frontdesk_relay_in_flight", "Requests under way", &labels, rows(|one| i64::from(one.in_flight)))?;
        self.gauge("frontdesk_relay_up", "Whether it gets requests", &labels, rows(|one| i64::from(one.is_up)))
    }

    fn text(mut self) -> Result<String> {
        // The format has no place for names without numbers.
        self.0.retain(|family| !family.get_metric().is_empty());
        TextEncoder::new().encode_to_string(&self.0).map_err(fault)
    }
}

fn fault(error: prometheus::Error) -> Error {
    Error::Internal(Box::new(error))
}
