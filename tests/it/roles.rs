//! Who may do what: every route, asked by everybody. The table in docs/access.md is what this finds.
//! `UPDATE_DOCS=1 cargo test --test it roles` writes it; read what changed before you commit it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use frontdesk::staff::{AccountChange, Accounts, Author};
use rocket::http::{ContentType, Cookie, Header, Method};

use crate::calls::prepare;
use crate::support::{Answer, TestApp, databases};

/// What somebody sends with every request.
#[derive(Clone)]
struct Who {
    name: &'static str,
    session: Option<String>,
    token: Option<String>,
    site: &'static str,
}

impl Who {
    fn signed_in(name: &'static str, session: &str) -> Who {
        Who { name, session: Some(session.to_owned()), token: None, site: "same-origin" }
    }

    fn program(name: &'static str, token: String) -> Who {
        Who { name, session: None, token: Some(token), site: "cross-site" }
    }
}

/// The route with something in the place of its parameters. What is asked for is there where somebody reads, so that
/// it is a right that decides; where somebody changes, it is not, so that nothing happens.
fn path_of(method: Method, route: &str) -> String {
    if route == "/static/<_version>/<path..>" {
        return "/static/x/staff.css".into();
    }
    let id = if method == Method::Get { "1" } else { "999999" };
    let part = |part: &str| match part {
        "<id>" | "<queue>" => id.to_owned(),
        part if part.starts_with('<') => "nothing".to_owned(),
        part => part.to_owned(),
    };
    let path = route.split('/').map(part).collect::<Vec<_>>().join("/");
    // The list of all, of which there must be something to see.
    if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path }
}

/// Whether somebody is let in: whatever comes then, it is not "you may not".
async fn is_let_in(app: &TestApp, who: &Who, method: Method, route: &str) -> bool {
    let path = path_of(method, route);
    let api = route.starts_with("/api/");
    let mut request = app.client.req(method, path.clone()).header(Header::new("Sec-Fetch-Site", who.site));
    if let Some(session) = &who.session {
        request = request.cookie(Cookie::new("frontdesk", session.clone()));
    }
    if let Some(token) = &who.token {
        request = request.header(Header::new("Authorization", format!("Bearer {token}")));
    }
    if method != Method::Get && method != Method::Delete {
        let form = !api || method == Method::Post && route == "/api/v1/entries";
        request =
            request.header(if form { ContentType::Form } else { ContentType::JSON }).body(if form { "" } else { "{}" });
    }
    if !api {
        request = request.header(Header::new("Accept", "text/html"));
    }
    let response = request.dispatch().await;
    let status = response.status().code;
    let to_sign_in = response.headers().get_one("Location").is_some_and(|target| target.starts_with("/sign-in?"));
    if !response.content_type().is_some_and(|kind| kind.is_event_stream()) {
        let answer = Answer::of(response).await;
        assert!(answer.status < 500, "{}: {method} {path}: {}", who.name, answer.text);
    }
    !(status == 401 || status == 403 || to_sign_in)
}

/// Everybody there is. The last three had rights once.
async fn everybody(app: &TestApp) -> Vec<Who> {
    let owner = prepare(app).await;
    let mut all = vec![Who { name: "nobody", session: None, token: None, site: "same-origin" }];
    for (name, email) in [("viewer", "v@example.org"), ("staff", "st@example.org"), ("owner", "ow@example.org")] {
        let person = app.sign_in_as(email, name).await;
        all.push(Who::signed_in(name, &person.token));
    }
    all.push(Who { site: "cross-site", name: "foreign page", ..Who::signed_in("", &owner.token) });
    for scope in frontdesk::app::areas().scopes() {
        all.push(Who::program(scope.name, app.program("ow@example.org", &[scope.name]).await.token));
    }
    let disabled = app.sign_in_as("disabled@example.org", "owner").await.token;
    let revoked = app.program("disabled@example.org", &["admin"]).await.token;
    let accounts = app.state::<Accounts>();
    let id = accounts.find_by_email(&frontdesk::staff::Email::parse("disabled@example.org").unwrap()).await.unwrap().id;
    let change = AccountChange { disabled: Some(true), ..AccountChange::default() };
    accounts.change(&Author::command_line(), id, None, change).await.unwrap();
    let ended = app.sign_in_as("left@example.org", "owner").await;
    accounts.sign_out(&ended.token).await.unwrap();
    all.push(Who::signed_in("disabled", &disabled));
    all.push(Who::signed_in("signed out", &ended.token));
    all.push(Who { site: "same-origin", ..Who::program("revoked token", revoked) });
    all
}

#[rocket::async_test]
async fn everybody_may_do_exactly_what_the_table_says() {
    let mut tables = Vec::new();
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let all = everybody(&app).await;
        let (present, past) = all.split_at(all.len() - 3);
        let mut rows: BTreeMap<(String, &str), Vec<bool>> = BTreeMap::new();
        // Signing out last: whoever has done it is somebody else.
        let mut routes: Vec<_> =
            app.client.rocket().routes().map(|route| (route.method, route.uri.path().to_owned())).collect();
        routes.sort_by_key(|(_, path)| path == "/sign-out");
        for (method, path) in routes {
            let shown = if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path.clone() };
            let mut cells = Vec::new();
            for who in present {
                cells.push(is_let_in(&app, who, method, &path).await);
            }
            for who in past.iter().take(2) {
                let let_in = is_let_in(&app, who, method, &path).await;
                assert_eq!(let_in, cells[0], "{kind}: {} is nobody now: {method} {path}", who.name);
            }
            // a token that does not work is refused wherever tokens are looked at
            let let_in = is_let_in(&app, &past[2], method, &path).await;
            assert!(!let_in || cells[0], "{kind}: a revoked token: {method} {path}");
            rows.insert((shown, method.as_str()), cells);
        }
        check_description(&app, &rows).await;
        tables.push(table(&present.iter().map(|who| who.name).collect::<Vec<_>>(), &rows));
    }
    assert!(tables.windows(2).all(|pair| pair[0] == pair[1]), "both databases");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/access.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (begin, end) = ("<!-- roles: written by tests/it/roles.rs -->\n", "<!-- end of roles -->");
    let (before, rest) = page.split_once(begin).expect("the mark");
    let (printed, after) = rest.split_once(end).expect("the other mark");
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(path, format!("{before}{begin}{}{end}{after}", tables[0])).unwrap();
    } else {
        let differs = tables[0].lines().zip(printed.lines()).find(|(found, printed)| found != printed);
        assert_eq!(tables[0], printed, "docs/access.md says otherwise, first here: {differs:?}");
    }
}

/// What the description of the API says of each route (`x-role`) is what was found.
async fn check_description(app: &TestApp, rows: &BTreeMap<(String, &str), Vec<bool>>) {
    let document = app.get("/api/openapi.json").await.json();
    let mut compared = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let route = path.replace('{', "<").replace('}', ">");
            let found = rows.iter().find(|((known, verb), _)| *known == route && verb.eq_ignore_ascii_case(method));
            let (_, cells) = found.unwrap_or_else(|| panic!("{method} {path} is described and not mounted"));
            let said = operation["x-role"].as_str().unwrap();
            let (least, or) = said.split_once(" or ").unwrap_or((said, ""));
            let roles = ["anybody", "viewer", "staff", "owner"];
            let least =
                roles.iter().position(|role| *role == least).unwrap_or_else(|| panic!("{method} {path}: {said}"));
            for (rank, let_in) in cells.iter().take(roles.len()).enumerate() {
                // What is public depends on what is stored.
                if rank > 0 || or != "public" {
                    assert_eq!(*let_in, rank >= least, "{method} {path} is for {said}; who comes is {}", roles[rank]);
                }
            }
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared} routes were compared");
}

fn table(names: &[&str], rows: &BTreeMap<(String, &str), Vec<bool>>) -> String {
    let mut text = format!("| route | {} |\n|---|{}\n", names.join(" | "), ":-:|".repeat(names.len()));
    for ((path, method), cells) in rows {
        let cells: Vec<_> = cells.iter().map(|let_in| if *let_in { "yes" } else { "·" }).collect();
        let _ = writeln!(text, "| `{method} {path}` | {} |", cells.join(" | "));
    }
    text
}
