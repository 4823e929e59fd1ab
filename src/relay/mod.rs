//! Relays: one public address in front of several external endpoints.
//!
//! What always holds: nothing is sent but to upstreams that an owner wrote down, through [`crate::outgoing`]; an answer that
//! breaks off never looks whole; a request that may have arrived is sent again only where that does no harm; what an upstream
//! sends never acts as ours; bodies are neither stored nor logged.

mod aggregate;
mod answer;
mod api;
mod asked;
mod budget;
mod cached;
mod check;
mod cors;
mod definition;
mod door;
mod exchange;
mod failure;
mod forward;
mod framing;
mod headers;
mod health;
mod last_good;
mod last_resort;
mod listener;
mod live;
mod measured;
mod merge;
mod pages;
mod part;
mod path;
mod payload;
mod pool;
mod probe;
mod problem;
mod pump;
mod rules;
mod seal;
mod service;
mod signed;
mod sticky;
mod store;
mod stored;
mod trial;
mod tried;
mod upload;
mod watch;

use rocket::{Orbit, Rocket};

use crate::config::{Config, Switch};
use crate::domain::Domain;
use crate::staff::{ADMIN, Accounts, Area, NavGroup, NavLink, Role, Scope};
use crate::web::Icon;

pub use cached::Relays;
pub use check::OwnPlaces;
pub use definition::Definition;
pub use measured::Measured;
pub use stored::{Relay, RelayName};

/// Reading what relays do.
static READ: Scope = Scope { name: "relays:read", meaning: "Read relays and what goes on in them", role: Role::Viewer };

static AREAS: [Area; 1] = [Area { address: "/api/v1/relays", reads: &READ, writes: &ADMIN }];

static NAVIGATION: [NavLink; 1] = [NavLink {
    name: "Relays",
    icon: Icon::Relay,
    group: NavGroup::Work,
    href: "/relays",
    places: &["relays"],
    key: Some('y'),
    role: Role::Viewer,
    rank: 35,
}];

/// Everything that the application needs to know of relays.
pub fn domain() -> Domain {
    Domain {
        apis: vec![("/", api::api())],
        pages: [door::routes(), pages::routes()].concat(),
        areas: &AREAS,
        navigation: &NAVIGATION,
        tags: &[("relays", "One address in front of several external endpoints")],
        schemas: Some(api::schemas),
        manage: Some(|rocket, ground| {
            let limited = ground.config.rate_limit == Switch::On;
            let own = own_places(rocket.figment(), ground.config);
            rocket.manage(Relays::new(ground.pool.clone(), ground.clock.clone(), &ground.secret, own, limited))
        }),
        start: Some(start),
        ..Domain::new("relay")
    }
}

/// Where requests to this server go: an upstream there would lead back.
fn own_places(figment: &rocket::figment::Figment, config: &Config) -> OwnPlaces {
    let port = figment.extract_inner::<u16>("port").unwrap_or(8000);
    let mut own: Vec<_> = ["127.0.0.1", "localhost", "[::1]"].map(|host| (host.to_owned(), port)).into();
    if let Some((_, port)) = config.relay_address.rsplit_once(':')
        && let Ok(port) = port.parse()
    {
        own.extend(["127.0.0.1", "localhost", "[::1]"].map(|host| (host.to_owned(), port)));
    }
    if let Ok(url) = url::Url::parse(&config.public_url) {
        own.extend(url.host_str().map(str::to_owned).zip(url.port_or_known_default()));
    }
    OwnPlaces(own)
}

fn start(rocket: &Rocket<Orbit>) {
    let (Some(relays), Some(accounts)) = (rocket.state::<Relays>(), rocket.state::<Accounts>()) else { return };
    tokio::spawn(probe::run(relays.clone(), rocket.shutdown()));
    let address = rocket.state::<Config>().map_or("", |config| config.relay_address.as_str()).to_owned();
    if address.is_empty() {
        return;
    }
    let (relays, accounts, mut shutdown) = (relays.clone(), accounts.clone(), rocket.shutdown());
    let ip_header = rocket.config().ip_header.as_ref().map(|name| name.to_string());
    tokio::spawn(async move {
        match tokio::net::TcpListener::bind(&address).await {
            Ok(listener) => {
                tracing::info!(address, "relays have a listener of their own");
                tokio::select! {
                    () = &mut shutdown => {}
                    () = listener::listen(listener, relays, accounts, ip_header) => {}
                }
            }
            // A server without one of its doors is not what was asked for.
            Err(error) => {
                tracing::error!(address, %error, "relay_address cannot be listened on");
                shutdown.notify();
            }
        }
    });
}
