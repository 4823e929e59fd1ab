//! The application: every address on one screen, and what is shared.

use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::shield::Shield;
use rocket::{Build, Rocket, Shutdown};
use rocket_db_pools::Database as _;
use rocket_prometheus::PrometheusMetrics;

use crate::collections::Collections;
use crate::config::{Config, Switch};
use crate::db::{Db, Pool};
use crate::entries::{Entries, RateSettings, Settings};
use crate::moment::Clock;
use crate::openapi::{Described, Document};
use crate::records::{self, Records};
use crate::staff::{Accounts, Area, Areas, Role, SessionLimits};
use crate::waiting::{self, Rooms};
use crate::web::Replays;
use crate::{access, collections, directory, entries, metrics, openapi, staff, web};

/// Everything but the address it listens on. `figment` is [`crate::config::figment`], changed by tests.
pub fn app(figment: &Figment, config: Config, clock: Clock) -> Result<Rocket<Build>, String> {
    let figment = figment.clone().merge(("databases.frontdesk.url", config.database_url()));
    let cursor_key =
        secret(&config).map_err(|error| format!("the secret in {}: {error}", config.data_dir.display()))?;
    let cors = web::cors().map_err(|error| error.to_string())?;
    let requests = PrometheusMetrics::new();
    Ok(rocket::custom(figment)
        // anybody
        .mount("/", web::health_routes())
        .mount("/", web::contract(openapi::routes()))
        .mount("/", web::assets::routes())
        .mount("/", web::contract(entries::public_routes()))
        .mount("/", entries::snippet_routes())
        .mount("/", staff::routes())
        .mount("/", web::contract(waiting::public_routes()))
        .mount("/api/v1/queues", web::contract(waiting::queue_routes()))
        // staff
        .mount("/", web::contract(entries::staff_routes()))
        .mount("/", web::contract(collections::staff_routes()))
        .mount("/", web::contract(waiting::staff_routes()))
        .mount("/", records::pages::contents_routes())
        // people, tokens, sessions, the audit trail, numbers
        .mount("/", web::contract(access::api_routes()))
        .mount("/", access::page_routes())
        .mount("/", metrics::routes())
        // for every resource: its list and items (the API's guards know which are public), its changes, its pages
        .attach(AdHoc::on_ignite("Records", |rocket| async { mount_records(rocket) }))
        .register("/", web::catchers())
        .attach(requests.clone())
        .attach(web::FormsArePosts)
        .attach(cors)
        .attach(web::Headers)
        // Rocket's own headers: one obsolete, the other replaced by `frame-ancestors`.
        .attach(Shield::new())
        .manage(requests)
        .manage(Document::new(described(), &AREAS))
        .attach(Db::init())
        .attach(AdHoc::on_ignite("Domains", move |rocket| manage(rocket, config, clock, cursor_key)))
        .attach(AdHoc::on_liftoff("Upkeep", |rocket| Box::pin(async move { start_upkeep(rocket) })))
        .attach(AdHoc::on_shutdown("Last words", |rocket| Box::pin(async move { last_words(rocket).await }))))
}

/// `/api/v1/students` and `/directory/students`, and the same for the other resources.
fn mount_records(mut rocket: Rocket<Build>) -> Rocket<Build> {
    for resource in RESOURCES {
        let (api, pages) = (format!("/api/v1/{}", resource.name), format!("/directory/{}", resource.name));
        if resource.name != waiting::QUEUES.name {
            rocket = rocket.mount(api.clone(), web::contract(records::api::read_routes()));
        }
        rocket = rocket.mount(api, web::contract(records::api::write_routes())).mount(pages, records::pages::routes());
    }
    rocket.manage(records::api::Catalogue(&RESOURCES))
}

static RESOURCES: [&records::Resource; 6] = [
    &directory::COLLEGES,
    &directory::MAJORS,
    &directory::ADVISORS,
    &directory::STUDENTS,
    &waiting::FAQS,
    &waiting::QUEUES,
];

/// What the description of the API says of records.
fn described() -> Vec<Described> {
    let records = |resource, schema, tag| Described { resource, schema, tag, reads: None, changes: true };
    let people =
        |resource, schema| Described { resource, schema, tag: "people", reads: Some(Role::Owner), changes: false };
    let places = Described {
        resource: &waiting::QUEUERS,
        schema: "PlaceRow",
        tag: "waiting room",
        reads: Some(Role::Viewer),
        changes: false,
    };
    vec![
        records(&directory::COLLEGES, "College", "directory"),
        records(&directory::MAJORS, "Major", "directory"),
        records(&directory::ADVISORS, "Advisor", "directory"),
        Described { reads: Some(Role::Viewer), ..records(&directory::STUDENTS, "Student", "directory") },
        records(&waiting::FAQS, "FAQ", "directory"),
        records(&waiting::QUEUES, "Queue", "waiting room"),
        places,
        people(&access::USERS, "User"),
        people(&access::TOKENS, "Token"),
        people(&access::AUDIT, "AuditLine"),
    ]
}

/// The addresses that take API tokens, and the scopes they need.
static AREAS: Areas = Areas(&[
    ("/list", Area::Entries),
    ("/csv", Area::Entries),
    ("/api/v1/entries", Area::Entries),
    ("/api/v1/collections", Area::Entries),
    ("/api/v1/queues", Area::Waiting),
    ("/api/v1/queuers", Area::Waiting),
    ("/api/v1/colleges", Area::Directory),
    ("/api/v1/majors", Area::Directory),
    ("/api/v1/advisors", Area::Directory),
    ("/api/v1/students", Area::Directory),
    ("/api/v1/faqs", Area::Directory),
    ("/api/v1/users", Area::Admin),
    ("/api/v1/tokens", Area::Admin),
    ("/api/v1/sessions", Area::Admin),
    ("/api/v1/audit", Area::Admin),
    ("/metrics", Area::Admin),
]);

/// Hands every domain its part of the configuration.
async fn manage(rocket: Rocket<Build>, config: Config, clock: Clock, cursor_key: [u8; 32]) -> Rocket<Build> {
    // Without a database Rocket stops by itself, and says why.
    let Some(pool) = Db::fetch(&rocket).map(|db| Pool::clone(db)) else { return rocket };
    let collections = Collections::new(pool.clone(), clock.clone());
    let sessions = SessionLimits { idle: config.session_idle_days, absolute: config.session_days };
    let entries = Entries::new(pool.clone(), clock.clone(), collections.clone(), settings(&config, cursor_key));
    let accounts = Accounts::new(pool.clone(), clock.clone(), sessions);
    let records = Records::new(pool.clone(), clock.clone(), cursor_key);
    let limited = config.rate_limit == Switch::On;
    let rooms = Rooms::new(pool.clone(), clock.clone(), records.clone(), limited);
    rocket
        .manage(Replays::new(pool.clone(), clock, cursor_key))
        .manage(records)
        .manage(rooms)
        .manage(pool)
        .manage(collections)
        .manage(entries)
        .manage(accounts)
        .manage(&AREAS)
        .manage(config)
}

/// The part of the configuration that concerns entries.
pub fn settings(config: &Config, cursor_key: [u8; 32]) -> Settings {
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
        uploads: web::uploads(config),
    }
}

/// How often what happens by itself is looked at.
const ROUND: Duration = Duration::from_secs(10);

fn start_upkeep(rocket: &Rocket<rocket::Orbit>) {
    if let (Some(entries), Some(accounts), Some(replays)) = (rocket.state(), rocket.state(), rocket.state()) {
        tokio::spawn(upkeep(
            Entries::clone(entries),
            Accounts::clone(accounts),
            Replays::clone(replays),
            rocket.shutdown(),
        ));
    }
    if let Some(rooms) = rocket.state::<Rooms>() {
        tokio::spawn(rooms.clone().run(rocket.shutdown()));
    }
}

async fn upkeep(entries: Entries, accounts: Accounts, replays: Replays, mut shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            () = tokio::time::sleep(ROUND) => {
                if let Err(error) = entries.upkeep().await.and(accounts.upkeep().await).and(replays.upkeep().await) {
                    tracing::error!(%error, "upkeep failed; it is tried again");
                }
            }
        }
    }
}

async fn last_words(rocket: &Rocket<rocket::Orbit>) {
    if let Some(entries) = rocket.state::<Entries>() {
        entries.write_down().await;
    }
}

/// 256 random bits in the data folder, made on first start. They sign cursors.
fn secret(config: &Config) -> std::io::Result<[u8; 32]> {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::OpenOptionsExt as _;
    crate::db::make_private_folder(&config.data_dir)?;
    let path = config.data_dir.join("secret");
    let mut bytes = [0; 32];
    match std::fs::File::open(&path) {
        Ok(mut file) => file.read_exact(&mut bytes)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
        }
        Err(error) => return Err(error),
    }
    Ok(bytes)
}
