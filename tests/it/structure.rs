//! The architecture as rules over who uses whom. What is allowed is written here; everything else fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::imports::{Edge, Uses, uses};

/// Which folder or file under `src` may use which others. From the ground up: what is used stands above its users.
const ALLOWED: &[(&str, &str)] = &[
    // the ground: no business
    ("limits", ""),
    ("words", ""),
    ("moment", ""),
    ("config", "words"),
    ("json", "limits"),
    ("db", "limits"),
    ("descriptors", ""),
    ("error", "db"),
    ("occupancy", ""),
    ("rate", "error"),
    ("secrets", "error"),
    ("filter", "db error json limits moment words"),
    ("formula", "filter"),
    ("outgoing", ""),
    ("files", "error filter limits"),
    ("web", "config db error limits moment secrets"),
    // who may what; rows of tables whose columns are declared; what a domain is
    ("staff", "db error moment rate secrets web words"),
    ("records", "config db error files filter formula limits moment staff web words"),
    ("domain", "config db error moment records staff web"),
    // the domains
    ("collections", "db domain error moment secrets staff web"),
    (
        "entries",
        "collections config db domain error files filter formula json limits moment occupancy rate secrets staff web words",
    ),
    ("directory", "domain records staff web"),
    ("updates", "db domain error limits moment records secrets staff web"),
    (
        "waiting",
        "config db descriptors directory domain error limits moment occupancy rate records secrets staff updates web words",
    ),
    ("relay", "config db domain error limits moment occupancy outgoing rate secrets staff web"),
    ("access", "domain error moment records staff web"),
    ("metrics", "db descriptors domain entries error relay staff waiting web"),
    ("status", "db domain entries error limits moment web"),
    ("openapi", "domain error records staff web words"),
    // the whole
    (
        "app",
        "access collections config db directory domain entries metrics moment openapi records relay staff status updates waiting web",
    ),
    ("demo", "collections config db directory entries error files moment records relay staff updates waiting"),
    ("command", "app collections config db demo descriptors entries files filter moment staff web"),
];

/// Files that answer requests, beside those in folders called `pages` and `api`.
const ROUTES: &[&str] = &[
    "collections::pages",
    "entries::add",
    "entries::added",
    "entries::snippet",
    "records::api",
    "relay::door",
    "staff::guards",
    "staff::pages",
    "waiting::board",
    "waiting::events",
    "waiting::numbers",
];

/// Files that know Rocket for another reason.
const KNOW_ROCKET: &[(&str, &str)] = &[
    ("app", "mounts the routes"),
    ("command", "starts the server"),
    ("config", "settings are Rocket's figment"),
    ("db", "the pool is a fairing"),
    ("error", "statuses"),
    ("metrics", "a route, and what Rocket counted"),
    ("openapi", "a route"),
    ("web", "what routes share"),
    ("entries", "lists its routes"),
    ("relay", "starts what runs with the server"),
    ("updates", "gives its jobs the state"),
    ("relay::probe", "ends with the server"),
    ("relay::pump", "reads what Rocket lends"),
    ("waiting", "lists its routes"),
    ("entries::body", "content types"),
    ("entries::form", "content types"),
    ("entries::multipart", "content types"),
    ("records::csv", "downloads"),
    ("waiting::sweep", "ends with the server"),
    ("domain", "what the application mounts"),
];

fn used() -> Uses {
    uses(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// The folder or file under `src` that a module is in.
fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn has(module: &str, role: &str) -> bool {
    module.split("::").skip(1).any(|part| part == role)
}

fn is_route(module: &str) -> bool {
    has(module, "pages") || has(module, "api") || ROUTES.iter().any(|route| is_within(module, route))
}

fn is_within(module: &str, outer: &str) -> bool {
    module.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Fails with every edge that a rule forbids.
fn none(edges: &BTreeSet<Edge>, rule: &str, forbids: impl Fn(&Edge) -> bool) {
    let found: Vec<_> =
        edges.iter().filter(|edge| forbids(edge)).map(|e| format!("{} uses {}::{}", e.from, e.to, e.item)).collect();
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn folders_use_only_whom_they_may() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(who, whom)| (*who, whom.split_whitespace().collect())).collect();
    let edges = used().edges;
    let across: Vec<_> = edges.iter().filter(|e| top(&e.from) != top(&e.to) && !top(&e.from).is_empty()).collect();
    let stray: Vec<_> =
        across.iter().filter(|e| !allowed.get(top(&e.from)).is_some_and(|whom| whom.contains(top(&e.to)))).collect();
    assert!(stray.is_empty(), "not in the table of tests/it/structure.rs: {stray:#?}");
    // The table says no more than what is so, and it has an order: whoever is used stands above.
    let mut above = BTreeSet::new();
    for (who, whom) in ALLOWED {
        for whom in whom.split_whitespace() {
            assert!(above.contains(whom), "{who} may use {whom}, which stands below it in the table");
            let used = across.iter().any(|e| top(&e.from) == *who && top(&e.to) == whom);
            assert!(used, "{who} does not use {whom}: take it out of the table");
        }
        above.insert(*who);
    }
}

#[test]
fn no_two_files_use_each_other() {
    let mut whom: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for edge in used().edges {
        whom.entry(edge.from).or_default().insert(edge.to);
    }
    // Files that use nobody, or that nobody uses, are taken away until none is left: those that stay are in a circle.
    loop {
        let before = whom.len();
        let used: BTreeSet<_> = whom.values().flatten().cloned().collect();
        whom.retain(|from, _| used.contains(from));
        let there: BTreeSet<_> = whom.keys().cloned().collect();
        whom.values_mut().for_each(|used| used.retain(|to| there.contains(to)));
        whom.retain(|_, used| !used.is_empty());
        if whom.len() == before {
            break;
        }
    }
    assert!(whom.is_empty(), "a circle: {whom:#?}");
}

#[test]
fn roles_use_only_whom_they_may() {
    let used = used();
    assert!(used.edges.len() > 1000, "{} edges were read", used.edges.len());
    let is_type = |item: &str| item.starts_with(|c: char| c.is_ascii_uppercase());
    none(&used.edges, "a route calls a verb, never SQL", |e| {
        is_route(&e.from) && has(&e.to, "store") && !is_type(&e.item)
    });
    none(&used.edges, "a domain is used by its public face, not by its store", |e| {
        top(&e.from) != top(&e.to) && has(&e.to, "store") && !is_exported(e)
    });
    none(&used.edges, "SQL knows nothing of the web", |e| has(&e.from, "store") && top(&e.to) == "web");
    none(&used.edges, "verbs know nothing of pages and the API", |e| {
        !is_route(&e.from)
            && top(&e.from) == top(&e.to)
            && is_route(&e.to)
            && e.from.contains("::")
            && !has(&e.to, "guards")
    });
    let strays: Vec<_> = used
        .crates
        .iter()
        .filter(|(who, crates)| {
            crates.contains("rocket") && !is_route(who) && !KNOW_ROCKET.iter().any(|(known, _)| knows(who, known))
        })
        .collect();
    assert!(strays.is_empty(), "these know Rocket and do not answer requests: {strays:#?}");
    for (known, why) in KNOW_ROCKET {
        let is_so = used.crates.iter().any(|(who, crates)| knows(who, known) && crates.contains("rocket"));
        assert!(is_so, "{known} knows nothing of Rocket any more ({why})");
    }
}

/// `web` and `command` as a whole, the others as the one file.
fn knows(who: &str, known: &str) -> bool {
    who == known || matches!(known, "web" | "command" | "openapi") && is_within(who, known)
}

/// What the registry of fields is written by inside of a transaction of entries, and rows that others show.
fn is_exported(edge: &Edge) -> bool {
    let in_a_transaction = ["count_fields", "fields", "forget_field", "forget_old_fields", "register_field"];
    in_a_transaction.contains(&edge.item.as_str()) || edge.item.starts_with(|c: char| c.is_ascii_uppercase())
}
