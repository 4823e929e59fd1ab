//! Who may do what: accounts, API tokens, sessions and the audit trail, as pages and URLs.
//! The rules and the SQL are in [`crate::staff`]; here they meet the lists of [`crate::records`].

mod api;
mod pages;
mod resources;

use crate::domain::Domain;
use crate::records::{Described, Mounted};
use crate::staff::{ADMIN, Area, NavGroup, NavLink, Role};
use crate::web::Icon;

pub use resources::{AUDIT, TOKENS, USERS};

static AREAS: [Area; 4] = [
    Area::of("/api/v1/users", &ADMIN),
    Area::of("/api/v1/tokens", &ADMIN),
    Area::of("/api/v1/sessions", &ADMIN),
    Area::of("/api/v1/audit", &ADMIN),
];

static NAVIGATION: [NavLink; 2] = [
    link("People", Icon::Account, "/users", &["users"], 70),
    link("Audit trail", Icon::Trail, "/audit", &["audit"], 80),
];

const fn link(
    name: &'static str,
    icon: Icon,
    href: &'static str,
    places: &'static [&'static str],
    rank: u8,
) -> NavLink {
    NavLink { name, icon, group: NavGroup::Manage, href, places, key: None, role: Role::Owner, rank }
}

/// Everything that the application needs to know of people and what they did.
pub fn domain() -> Domain {
    let for_owners = |described| Described { reads: Some(Role::Owner), mounted: Mounted::Nothing, ..described };
    Domain {
        apis: vec![("/", api::api()), ("/", api::declared())],
        pages: pages::routes(),
        records: vec![
            for_owners(Described::new(&USERS, "User", "people")),
            for_owners(Described::new(&TOKENS, "Token", "people")),
            for_owners(Described::new(&AUDIT, "AuditLine", "people")),
        ],
        areas: &AREAS,
        tags: &[("people", "Accounts, API tokens, sessions and the audit trail")],
        schemas: Some(api::schemas),
        navigation: &NAVIGATION,
        ..Domain::new("access")
    }
}
