//! Assembles the Rocket application: the list of domains, and the services that they share.

use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::shield::Shield;
use rocket::{Build, Orbit, Rocket};
use rocket_db_pools::Database as _;

use crate::config::Config;
use crate::db::{Db, Pool};
use crate::domain::{Domain, Ground, Job};
use crate::moment::Clock;
use crate::openapi::Document;
use crate::records::{self, Described, Mounted, Records, Reference};
use crate::staff::{self, Accounts, Areas, Navigation, SessionLimits};
use crate::web::{self, Replays, Requests};
use crate::{access, collections, directory, entries, metrics, openapi, relay, status, updates, waiting};

/// What there is. Each says in its `mod.rs` which addresses it answers and what else it brings. Those that others stand
/// on come first.
pub fn domains() -> Vec<Domain> {
    vec![
        collections::domain(),
        entries::domain(),
        updates::domain(),
        waiting::domain(),
        directory::domain(),
        relay::domain(),
        access::domain(),
        metrics::domain(),
        status::domain(),
        openapi::domain(),
    ]
}

/// Builds the application; it does not listen yet. `figment` is [`crate::config::figment`], changed by tests.
pub fn app(figment: &Figment, config: Config, clock: Clock) -> Result<Rocket<Build>, String> {
    let figment = figment
        .clone()
        .merge(("databases.frontdesk.url", config.database_url()))
        .merge(("databases.frontdesk.connections", config.database_connections));
    let secret = secret(&config).map_err(|error| format!("the secret in {}: {error}", config.data_dir.display()))?;
    let cors = web::cors().map_err(|error| error.to_string())?;
    let requests = Requests::new().map_err(|error| error.to_string())?;
    let rocket = rocket::custom(figment)
        .mount("/", web::health().routes)
        .mount("/", web::assets::routes())
        .mount("/", staff::routes())
        .mount("/", records::pages::contents_routes())
        .register("/", web::catchers())
        .attach(requests.clone())
        .attach(web::Heads)
        .attach(web::FormsArePosts)
        .attach(cors)
        .attach(web::Headers)
        // Rocket's own headers: one obsolete, the other replaced by `frame-ancestors`.
        .attach(Shield::new())
        .manage(requests)
        .attach(Db::init())
        .attach(AdHoc::on_ignite("Domains", move |rocket| manage(rocket, config, clock, secret)))
        .attach(AdHoc::on_liftoff("Jobs", |rocket| Box::pin(async move { start(rocket) })))
        .attach(AdHoc::on_shutdown("Last words", |rocket| Box::pin(async move { stop(rocket).await })));
    Ok(mount(rocket, domains()))
}

/// Mounts what the domains answer, and puts what they say of themselves into Rocket's state.
fn mount(mut rocket: Rocket<Build>, mut domains: Vec<Domain>) -> Rocket<Build> {
    for domain in &mut domains {
        for (base, api) in &domain.apis {
            rocket = rocket.mount(*base, api.routes.clone());
        }
        rocket = domain.records.iter().fold(rocket, mount_records).mount("/", std::mem::take(&mut domain.pages));
    }
    let records = domains.iter().flat_map(|domain| &domain.records);
    let shared = records.filter(|described| described.changes()).map(|described| described.resource).collect();
    rocket
        .manage(records::api::Catalogue(shared))
        .manage(areas())
        .manage(Navigation::of(domains.iter().flat_map(|domain| domain.navigation)))
        .manage(Document::of(web::health(), &domains))
}

/// `/api/v1/students` and `/directory/students`, and the same for the other resources.
fn mount_records(rocket: Rocket<Build>, described: &Described) -> Rocket<Build> {
    let name = described.resource.name;
    let (api, pages) = (format!("/api/v1/{name}"), format!("/directory/{name}"));
    let reading = |rocket: Rocket<Build>| rocket.mount(api.clone(), records::api::reads().routes);
    let changing = |rocket: Rocket<Build>| {
        rocket.mount(api.clone(), records::api::changes().routes).mount(pages, records::pages::routes())
    };
    match described.mounted {
        Mounted::All => changing(reading(rocket)),
        Mounted::Changes => changing(rocket),
        Mounted::Nothing => rocket,
    }
}

/// The addresses that take API tokens.
pub fn areas() -> Areas {
    Areas::of(domains().into_iter().flat_map(|domain| domain.areas))
}

/// What refers to records: their own columns, and what domains name beside.
fn references() -> Vec<Reference> {
    let domains = domains();
    let declared = records::references::declared(domains.iter().flat_map(|domain| &domain.records));
    declared.into_iter().chain(domains.iter().flat_map(|domain| domain.references).copied()).collect()
}

/// Creates the shared services and calls `manage` of every domain with them.
async fn manage(rocket: Rocket<Build>, config: Config, clock: Clock, secret: [u8; 32]) -> Rocket<Build> {
    // Without a database Rocket stops by itself, and says why.
    let Some(pool) = Db::fetch(&rocket).map(|db| Pool::clone(db)) else { return rocket };
    let sessions = SessionLimits { idle: config.session_idle_days, absolute: config.session_days };
    let rocket = rocket
        .manage(Replays::new(pool.clone(), clock.clone(), secret))
        .manage(Accounts::new(pool.clone(), clock.clone(), sessions))
        .manage(Records::new(pool.clone(), clock.clone(), secret).with_references(references()));
    let ground = Ground { pool: &pool, clock: &clock, config: &config, secret };
    let managed = domains().into_iter().filter_map(|domain| domain.manage).fold(rocket, |rocket, f| f(rocket, &ground));
    managed.manage(pool).manage(config)
}

/// The pause between two runs of a periodic job.
const ROUND: Duration = Duration::from_secs(10);

/// All periodic jobs, in the order of the domains.
pub fn jobs(rocket: &Rocket<Orbit>) -> Vec<Job> {
    let mut jobs: Vec<_> =
        domains().into_iter().filter_map(|domain| domain.jobs).flat_map(|jobs| jobs(rocket)).collect();
    if let Some(pool) = rocket.state::<Pool>() {
        jobs.push(Job::new("room on the disk", pool, async |pool: Pool| {
            pool.keep_reserve().await;
            Ok(())
        }));
    }
    if let Some(accounts) = rocket.state::<Accounts>() {
        jobs.push(Job::new("old sessions", accounts, async |accounts: Accounts| accounts.upkeep().await));
    }
    if let Some(replays) = rocket.state::<Replays>() {
        jobs.push(Job::new("old idempotency keys", replays, async |replays: Replays| replays.upkeep().await));
    }
    jobs
}

/// Every job goes its own way: one that takes long, or fails, holds up no other.
fn start(rocket: &Rocket<Orbit>) {
    for job in jobs(rocket) {
        let mut shutdown = rocket.shutdown();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = &mut shutdown => return,
                    () = tokio::time::sleep(ROUND) => if let Err(error) = job.run().await {
                        tracing::error!(%error, job = job.name, "a job failed; it is tried again");
                    }
                }
            }
        });
    }
    domains().into_iter().filter_map(|domain| domain.start).for_each(|start| start(rocket));
}

async fn stop(rocket: &Rocket<Orbit>) {
    for stop in domains().into_iter().filter_map(|domain| domain.stop) {
        stop(rocket).await;
    }
}

/// The server's secret: 256 random bits in the data folder, created on first start. It signs cursors and protects the
/// answers stored under an `Idempotency-Key`.
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
