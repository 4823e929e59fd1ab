//! People, API tokens, sessions and the audit trail.

use frontdesk::staff::Accounts;
use rocket::http::{ContentType, Cookie, Header, Method};
use serde_json::{Value, json};

use crate::support::{Answer, OWNER, Person, Program, TestApp, databases};

/// Sends a form from our own pages, as somebody who is not signed in, with cookies perhaps.
async fn anybody(app: &TestApp, path: &str, body: &str, cookies: &[(&str, &str)], address: &str) -> Answer {
    let mut request = app
        .client
        .post(path.to_owned())
        .header(ContentType::Form)
        .header(Header::new("Sec-Fetch-Site", "same-origin"))
        .remote(format!("{address}:999").parse().unwrap())
        .body(body);
    for (name, value) in cookies {
        request = request.cookie(Cookie::new((*name).to_owned(), (*value).to_owned()));
    }
    Answer::of(request.dispatch().await).await
}

fn sign_in_form(email: &str, password: &str) -> String {
    format!("email={email}&password={}", password.replace(' ', "+"))
}

async fn invite(owner: &Person<'_>, email: &str, role: &str) -> Value {
    let body = json!({ "email": email, "name": "Noor", "role": role }).to_string();
    let made = owner.json(Method::Post, "/api/v1/users", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("location"), format!("/api/v1/users/{}", made.json()["id"]));
    made.json()
}

/// The path of an invitation's URL.
fn path_of(invitation: &Value) -> String {
    let url = invitation["url"].as_str().unwrap();
    url[url.find("/invitations/").unwrap()..].to_owned()
}

/// Accepts an invitation and returns who signed in.
async fn accept<'a>(app: &'a TestApp, path: &str, password: &str) -> Person<'a> {
    let form = format!("password={}", password.replace(' ', "+"));
    let accepted = anybody(app, path, &form, &[], "192.0.2.7").await;
    assert_eq!(accepted.status, 303, "{}", accepted.text);
    Person { app, token: accepted.cookie("frontdesk") }
}

#[rocket::async_test]
async fn a_colleague_is_invited_chooses_a_password_and_works() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let noor = invite(&owner, "Noor@Example.org", "viewer").await;
        assert_eq!((noor["email"].as_str(), noor["status"].as_str()), (Some("noor@example.org"), Some("invited")));
        assert_eq!(
            anybody(&app, "/sign-in", &sign_in_form("noor@example.org", ""), &[], "192.0.2.7").await.status,
            422
        );
        let path = path_of(&noor["invitation"]);
        let page = app.get(&path).await;
        assert!(page.status == 200 && page.text.contains("noor@example.org"), "{}", page.text);
        let weak = anybody(&app, &path, "password=short", &[], "192.0.2.7").await;
        assert!(weak.status == 422 && weak.text.contains("8 to 128"), "{}", weak.text);
        let person = accept(&app, &path, "a tall grey heron").await;
        assert_eq!(person.open("/list").await.status, 200);
        assert_eq!(person.open("/users").await.status, 403);
        assert_eq!(app.get(&path).await.status, 404, "{kind}: the link works once");
        let again =
            anybody(&app, "/sign-in", &sign_in_form("noor@example.org", "a tall grey heron"), &[], "192.0.2.7").await;
        assert_eq!(again.status, 303);
        let taken = owner.json(Method::Post, "/api/v1/users", r#"{"email":"noor@example.org","role":"staff"}"#).await;
        taken.is_problem(409, "already");
        let wrong = owner.json(Method::Post, "/api/v1/users", r#"{"email":"noor","role":"boss"}"#).await;
        wrong.is_problem(422, "/email");
        wrong.is_problem(422, "/role");
        let extra = owner.json(Method::Post, "/api/v1/users", r#"{"email":"a@b.org","role":"staff","id":7}"#).await;
        extra.is_problem(422, "id");
    }
}

#[rocket::async_test]
async fn an_invitation_ends_after_a_week_and_with_a_newer_one() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let noor = invite(&owner, "noor@example.org", "staff").await;
        let id = noor["id"].as_i64().unwrap();
        let newer = owner.json(Method::Post, &format!("/api/v1/users/{id}/invitations"), "{}").await;
        assert_eq!(newer.status, 201, "{}", newer.text);
        assert_eq!(app.get(&path_of(&noor["invitation"])).await.status, 404, "{kind}: replaced");
        let path = path_of(&newer.json());
        assert_eq!(app.get(&path).await.status, 200);
        app.wait(7 * frontdesk::moment::DAY + 1);
        assert_eq!(app.get(&path).await.status, 404, "{kind}: too old");
    }
}

#[rocket::async_test]
async fn accounts_change_by_version_merge_and_whole() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let noor = invite(&owner, "noor@example.org", "viewer").await;
        let path = format!("/api/v1/users/{}", noor["id"]);
        let shown = owner.get(&path).await;
        let etag = shown.header("etag").to_owned();
        let put = |body: String, tag: String| {
            let request =
                app.client.put(path.clone()).header(ContentType::JSON).header(Header::new("If-Match", tag)).body(body);
            owner.send(request)
        };
        // what was read may be sent back
        let back = put(shown.text.clone(), format!("\"v99\", {etag}")).await;
        assert_eq!(back.status, 200, "{kind}: {}", back.text);
        let other = shown.text.replace("\"viewer\"", "\"staff\"");
        assert_eq!(put(other, etag.clone()).await.json()["version"], 2, "{kind}");
        put(shown.text.clone(), etag).await.is_problem(412, "changed it meanwhile");
        let merged = owner.json(Method::Patch, &path, r#"{"role":"staff"}"#).await;
        assert_eq!(merged.json()["role"], "staff", "{}", merged.text);
        owner.json(Method::Put, &path, r#"{"role":"staff"}"#).await.is_problem(422, "/email");
        owner.json(Method::Patch, &path, r#"{"role":"boss"}"#).await.is_problem(422, "/role");
        owner.json(Method::Patch, &path, r#"{"password_hash":"x"}"#).await.is_problem(422, "password_hash");
        owner.json(Method::Patch, &path, r#"{"status":"asleep"}"#).await.is_problem(422, "/status");
        owner.json(Method::Patch, "/api/v1/users/999", "{}").await.is_problem(404, "account");
        owner.json(Method::Patch, "/api/v1/users/first", "{}").await.is_problem(404, "number");
        assert_eq!(owner.json(Method::Delete, &path, "").await.status, 204);
        owner.json(Method::Delete, &path, "").await.is_problem(404, "account");
        assert_eq!(owner.get(&path).await.status, 404);
        let restored = owner.json(Method::Post, &format!("{path}/restoration"), "{}").await;
        assert_eq!((restored.status, &restored.json()["role"]), (200, &json!("staff")), "{}", restored.text);
        let listed = owner.get("/api/v1/users?role=staff&_sort=email").await;
        assert_eq!(listed.json()["users"].as_array().unwrap().len(), 1, "{}", listed.text);
        assert!(!listed.text.contains("password"), "{}", listed.text);
        owner.get("/api/v1/users?password_hash__starts=a").await.is_problem(400, "password_hash");
    }
}

#[rocket::async_test]
async fn the_last_owner_stays() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let invited = invite(&owner, "second@example.org", "owner").await;
        for body in [r#"{"role":"staff"}"#, r#"{"status":"disabled"}"#] {
            // somebody who has not chosen a password yet cannot take over
            owner.json(Method::Patch, "/api/v1/users/1", body).await.is_problem(409, "last owner");
        }
        owner.json(Method::Delete, "/api/v1/users/1", "").await.is_problem(409, "last owner");
        let second = accept(&app, &path_of(&invited["invitation"]), "a tall grey heron").await;
        // two owners take each other's rights at the same moment: one of them stays
        let (first_path, second_path) = ("/api/v1/users/1", format!("/api/v1/users/{}", invited["id"]));
        let (a, b) = tokio::join!(
            owner.json(Method::Patch, &second_path, r#"{"role":"staff"}"#),
            second.json(Method::Patch, first_path, r#"{"role":"staff"}"#),
        );
        let changed = [a.status, b.status].iter().filter(|status| **status == 200).count();
        assert_eq!(changed, 1, "{kind}: {} {}", a.text, b.text);
        let still = [owner.get("/api/v1/users").await.status, second.get("/api/v1/users").await.status];
        assert!(still.contains(&200), "{kind}: {still:?}");
    }
}

#[rocket::async_test]
async fn a_new_password_ends_the_other_sessions() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let form = sign_in_form(OWNER.0, OWNER.1);
        let other = anybody(&app, "/sign-in", &form, &[], "192.0.2.8").await.cookie("frontdesk");
        let other = Person { app: &app, token: other };
        let wrong = owner.form("/account/password", "present=guess&password=a+tall+grey+heron").await;
        assert!(wrong.status == 422 && wrong.text.contains("is not your present password"), "{}", wrong.text);
        let page = other.open("/account").await;
        assert!(page.text.contains("this one") && page.text.matches("<tr>").count() >= 3, "{}", page.text);
        let form = format!("present={}&password=a+tall+grey+heron", OWNER.1.replace(' ', "+"));
        assert_eq!(owner.form("/account/password", &form).await.status, 303);
        assert_eq!(owner.get("/list").await.status, 200, "{kind}: the one that asked stays");
        assert_eq!(other.get("/list").await.status, 401, "{kind}");
        let old = anybody(&app, "/sign-in", &sign_in_form(OWNER.0, OWNER.1), &[], "192.0.2.8").await;
        assert_eq!(old.status, 422);
    }
}

#[rocket::async_test]
async fn sessions_are_listed_and_ended_by_their_own() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let viewer = app.sign_in_as("v@example.org", "viewer").await;
        let list = |answer: Answer| answer.json()["sessions"].as_array().unwrap().clone();
        let own = list(viewer.get("/api/v1/sessions").await);
        assert_eq!((own.len(), &own[0]["current"]), (1, &json!(true)));
        let foreign = list(owner.get("/api/v1/sessions").await)[0]["id"].as_i64().unwrap();
        let path = |id: i64| format!("/api/v1/sessions/{id}");
        viewer.json(Method::Delete, &path(foreign), "").await.is_problem(404, "session");
        assert_eq!(viewer.form(&format!("/account/sessions/{foreign}/removal"), "").await.status, 404);
        assert_eq!(owner.get("/list").await.status, 200, "{kind}");
        assert_eq!(viewer.json(Method::Delete, &path(own[0]["id"].as_i64().unwrap()), "").await.status, 204);
        assert_eq!(viewer.get("/list").await.status, 401, "{kind}");
    }
}

#[rocket::async_test]
async fn disabling_ends_sessions_tokens_and_links_at_once() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let staff = app.sign_in_as("s@example.org", "staff").await;
        let program = app.program("s@example.org", &["entries:read", "directory"]).await;
        let link = owner.json(Method::Post, "/api/v1/users/2/invitations", "{}").await.json();
        assert_eq!((staff.get("/list").await.status, program.get("/list").await.status), (200, 200));
        let disabled = owner.json(Method::Patch, "/api/v1/users/2", r#"{"status":"disabled"}"#).await;
        assert_eq!(disabled.json()["status"], "disabled", "{}", disabled.text);
        assert_eq!(staff.get("/list").await.status, 401, "{kind}");
        program.get("/list").await.is_problem(401, "");
        assert_eq!(app.get(&path_of(&link)).await.status, 404, "{kind}");
        let form = sign_in_form("s@example.org", OWNER.1);
        let refused = anybody(&app, "/sign-in", &form, &[], "192.0.2.9").await;
        assert!(refused.status == 422 && refused.text.contains("do not belong together"), "no word of why");
        owner.json(Method::Post, "/api/v1/users/2/invitations", "{}").await.is_problem(409, "disabled");
        assert_eq!(owner.json(Method::Patch, "/api/v1/users/2", r#"{"status":"active"}"#).await.status, 200);
        assert_eq!(staff.get("/list").await.status, 401, "{kind}: what ended stays ended");
        program.get("/list").await.is_problem(401, "");
        assert_eq!(anybody(&app, "/sign-in", &form, &[], "192.0.2.9").await.status, 303);
    }
}

#[rocket::async_test]
async fn a_token_has_its_scopes_and_at_most_the_rights_of_its_account() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        app.sign_in_as("s@example.org", "staff").await;
        app.stored(r#"{"a":1}"#).await;
        let made = owner.json(Method::Post, "/api/v1/tokens", r#"{"name":"ci","scopes":["entries:read"]}"#).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let reader = Program { app: &app, token: made.json()["token"].as_str().unwrap().to_owned() };
        assert!(reader.token.starts_with("fd_"));
        assert_eq!(reader.get("/api/v1/entries/1").await.status, 200);
        assert_eq!(reader.get("/csv").await.status, 200);
        reader.send(Method::Patch, "/api/v1/entries/1", r#"{"a":2}"#).await.is_problem(403, "entries:write");
        reader.get("/api/v1/students").await.is_problem(403, "directory");
        reader.get("/api/v1/users").await.is_problem(403, "admin");
        reader.get("/collections").await.is_problem(403, "API only");
        let listed = owner.get("/api/v1/tokens").await;
        assert!(!listed.text.contains(&reader.token) && listed.text.contains("last_used_at"), "{}", listed.text);
        assert_eq!(listed.json()["tokens"][0]["scopes"], json!(["entries:read"]), "{kind}");
        let writer = app.program("s@example.org", &["entries:write"]).await;
        assert_eq!(writer.send(Method::Patch, "/api/v1/entries/1", r#"{"a":2}"#).await.status, 200);
        assert_eq!(owner.json(Method::Patch, "/api/v1/users/2", r#"{"role":"viewer"}"#).await.status, 200);
        writer.send(Method::Patch, "/api/v1/entries/1", r#"{"a":3}"#).await.is_problem(403, "staff");
        let too_much = r#"{"name":"x","scopes":["entries:write"],"user_id":2}"#;
        owner.json(Method::Post, "/api/v1/tokens", too_much).await.is_problem(422, "staff");
        let wrong = r#"{"name":"x","scopes":["entries:reed"],"expires_at":"soon"}"#;
        let wrong = owner.json(Method::Post, "/api/v1/tokens", wrong).await;
        wrong.is_problem(422, "entries:read");
        wrong.is_problem(422, "/expires_at");
        let path = made.header("location").to_owned();
        assert_eq!(owner.json(Method::Delete, &path, "").await.status, 204);
        let ended = reader.get("/api/v1/entries/1").await;
        ended.is_problem(401, "");
        assert_eq!(ended.header("www-authenticate"), "Bearer error=\"invalid_token\"");
        owner.json(Method::Delete, &path, "").await.is_problem(404, "token");
    }
}

#[rocket::async_test]
async fn a_token_ends_at_its_moment() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let body = r#"{"name":"x","scopes":["entries:read"],"expires_at":"2026-03-11T12:00:00Z"}"#;
        let made = owner.json(Method::Post, "/api/v1/tokens", body).await;
        assert_eq!(made.json()["expires_at"], "2026-03-11T12:00:00.000Z", "{}", made.text);
        let program = Program { app: &app, token: made.json()["token"].as_str().unwrap().to_owned() };
        assert_eq!(program.get("/list").await.status, 200);
        app.wait(frontdesk::moment::DAY);
        program.get("/list").await.is_problem(401, "");
        owner.json(Method::Post, "/api/v1/tokens", body).await.is_problem(422, "over already");
        assert!(owner.open("/account").await.text.contains("API tokens"), "{kind}");
    }
}

#[rocket::async_test]
async fn tokens_are_made_and_revoked_on_the_page() {
    let app = TestApp::start("sqlite").await;
    let staff = app.sign_in_as("s@example.org", "staff").await;
    let other = app.sign_in_as("t@example.org", "staff").await;
    let page = staff.form("/account/tokens", "name=laptop&scope=entries%3Aread&days=30").await;
    assert_eq!(page.status, 201, "{}", page.text);
    let token = page.text.split("fd_").nth(1).unwrap().split('<').next().unwrap();
    let program = Program { app: &app, token: format!("fd_{token}") };
    assert_eq!(program.get("/list").await.status, 200);
    assert!(!staff.open("/account").await.text.contains(token), "shown once");
    let wrong = staff.form("/account/tokens", "name=&days=never&scope=admin").await;
    assert!(wrong.status == 422 && wrong.text.contains("1 to 3650 days"), "{}", wrong.text);
    let wrong = staff.form("/account/tokens", "name=x&days=&scope=admin").await;
    assert!(wrong.status == 422 && wrong.text.contains("admin is for accounts with the role owner"), "{}", wrong.text);
    assert_eq!(other.form("/account/tokens/1/removal", "").await.status, 404, "only one's own");
    assert_eq!(program.get("/list").await.status, 200);
    assert_eq!(staff.form("/account/tokens/1/removal", "").await.status, 303);
    assert_eq!(program.get("/list").await.status, 401);
}

#[rocket::async_test]
async fn guessing_is_limited_and_locks_nobody_out() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        app.owner().await;
        let right = sign_in_form(OWNER.0, OWNER.1);
        let at_home = anybody(&app, "/sign-in", &right, &[], "192.0.2.1").await;
        let known = at_home.cookie("frontdesk-known");
        // from many addresses, so that only the account's own limit can stop it
        let mut stopped = None;
        for n in 0..30 {
            let guess = sign_in_form(OWNER.0, &format!("guess number {n}"));
            let answer = anybody(&app, "/sign-in", &guess, &[], &format!("198.51.100.{n}")).await;
            if answer.status == 429 {
                stopped = Some((n, answer));
                break;
            }
            assert_eq!(answer.status, 422);
        }
        let (after, answer) = stopped.expect("guessing must be stopped");
        assert!(after <= 10, "{kind}: after {after}");
        assert!(!answer.header("retry-after").is_empty());
        assert!(answer.header("ratelimit-policy").starts_with("\"sign-in-account\";q=10"), "{:?}", answer.headers);
        assert!(answer.header("ratelimit").contains("r=0"), "{:?}", answer.headers);
        // its owner, in a browser that signed in before, is not locked out
        let cookies = [("frontdesk-known", known.as_str())];
        let answer = anybody(&app, "/sign-in", &right, &cookies, "203.0.113.5").await;
        assert_eq!(answer.status, 303, "{kind}: {}", answer.text);
        // a mark that was made up helps nobody
        let cookies = [("frontdesk-known", "made-up")];
        assert_eq!(anybody(&app, "/sign-in", &right, &cookies, "203.0.113.6").await.status, 429);
        // an account that is not there is limited in the same way, and from one address all are
        let unknown = sign_in_form("nobody@example.org", "guess");
        let mut statuses = Vec::new();
        for n in 0..12 {
            statuses.push(anybody(&app, "/sign-in", &unknown, &[], &format!("198.51.100.{}", 100 + n)).await.status);
        }
        assert!(statuses[0] == 422 && statuses.contains(&429), "{statuses:?}");
        let mut statuses = Vec::new();
        for n in 0..25 {
            let form = sign_in_form(&format!("a{n}@example.org"), "guess");
            statuses.push(anybody(&app, "/sign-in", &form, &[], "198.51.100.200").await.status);
        }
        assert!(statuses[..15].iter().all(|status| *status == 422) && statuses.contains(&429), "{statuses:?}");
    }
}

#[rocket::async_test]
async fn nobody_gets_around_a_limit_with_a_header_of_their_own() {
    let app = TestApp::start("sqlite").await;
    let mut statuses = Vec::new();
    for n in 0..25 {
        let spoofed = format!("203.0.113.{n}");
        let mut request = app.client.post("/sign-in").header(ContentType::Form).remote("192.0.2.1:9".parse().unwrap());
        for name in ["X-Real-IP", "X-Forwarded-For", "CF-Connecting-IP", "True-Client-IP", "Client-IP"] {
            request = request.header(Header::new(name, spoofed.clone()));
        }
        let request = request
            .header(Header::new("Forwarded", format!("for={spoofed}")))
            .header(Header::new("Sec-Fetch-Site", "same-origin"))
            .body(sign_in_form(&format!("a{n}@example.org"), "guess"));
        statuses.push(Answer::of(request.dispatch().await).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[rocket::async_test]
async fn the_audit_trail_tells_who_did_what() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let program = app.program(OWNER.0, &["entries:write", "directory", "admin"]).await;
        app.stored(r#"{"secret":"swordfish"}"#).await;
        assert_eq!(program.send(Method::Patch, "/api/v1/entries/1", r#"{"secret":"trout"}"#).await.status, 200);
        assert_eq!(program.send(Method::Post, "/api/v1/colleges", r#"{"name":"Law"}"#).await.status, 201);
        assert_eq!(owner.json(Method::Patch, "/api/v1/colleges/1", r#"{"name":"Laws"}"#).await.status, 200);
        invite(&owner, "noor@example.org", "viewer").await;
        assert_eq!(owner.json(Method::Patch, "/api/v1/users/2", r#"{"role":"staff"}"#).await.status, 200);
        let lines = |answer: Answer| {
            let lines = answer.json()["audit"].as_array().expect("a list").clone();
            let told = |line: &Value| {
                let text = |name: &str| line[name].as_str().unwrap_or("").to_owned();
                format!(
                    "{} {} {} {} {}",
                    text("actor"),
                    text("action"),
                    text("record"),
                    text("record_id"),
                    text("detail")
                )
            };
            lines.iter().map(told).collect::<Vec<_>>()
        };
        let told = lines(program.get("/api/v1/audit?_sort=id&record__not=tokens&action__not=signed+in").await);
        assert_eq!(
            told,
            [
                "command line created users 1 owner",
                "kim@example.org changed entries 1 ",
                "kim@example.org created colleges 1 ",
                "kim@example.org changed colleges 1 name",
                "kim@example.org invited users 2 viewer",
                "kim@example.org changed users 2 role viewer to staff",
            ],
            "{kind}"
        );
        let by_token = program.get("/api/v1/audit?token_id=1").await;
        assert_eq!(lines(by_token).len(), 2, "{kind}: what the program did");
        let csv = owner.get("/api/v1/audit?_format=csv&record=entries").await;
        assert!(csv.text.contains("kim@example.org,") && csv.text.lines().count() == 2, "{}", csv.text);
        assert!(!csv.text.contains("swordfish") && !csv.text.contains("trout"));
        let page = owner.open("/audit?record=users").await;
        assert!(page.status == 200 && page.text.contains("role viewer to staff"), "{}", page.text);
        for method in [Method::Put, Method::Patch, Method::Delete] {
            owner.json(method, "/api/v1/audit/1", "{}").await.is_problem(405, "not possible here");
        }
        let db = app.state::<frontdesk::db::Pool>();
        for sql in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"] {
            let mut tx = db.begin().await.unwrap();
            assert!(tx.write(sql).execute().await.is_err(), "{kind}: {sql}");
        }
    }
}

#[rocket::async_test]
async fn a_stream_ends_with_the_rights_behind_it() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for (path, body) in
            [("/api/v1/colleges", r#"{"name":"Law"}"#), ("/api/v1/queues", r#"{"title":"A","college_id":1}"#)]
        {
            assert_eq!(owner.json(Method::Post, path, body).await.status, 201);
        }
        let staff = app.sign_in_as("s@example.org", "staff").await;
        let program = app.program("s@example.org", &["waiting"]).await;
        let bearer = Header::new("Authorization", format!("Bearer {}", program.token));
        let by_session = app.client.get("/board/1/events").cookie(Cookie::new("frontdesk", staff.token.clone()));
        let by_token = app.client.get("/api/v1/queues/1/events").header(bearer);
        let (by_session, by_token) = (by_session.dispatch().await, by_token.dispatch().await);
        assert_eq!((by_session.status().code, by_token.status().code), (200, 200));
        let accounts = app.state::<Accounts>();
        let started = std::time::Instant::now();
        let change = frontdesk::staff::AccountChange { disabled: Some(true), ..Default::default() };
        accounts.change(&frontdesk::staff::Author::command_line(), 2, None, change).await.unwrap();
        // ends, or the test would never
        tokio::time::timeout(std::time::Duration::from_secs(20), async {
            by_session.into_string().await;
            by_token.into_string().await;
        })
        .await
        .expect("both streams end");
        println!("{kind}: both streams ended after {} ms", started.elapsed().as_millis());
    }
}

#[rocket::async_test]
async fn what_is_done_late_is_done_with_the_rights_of_now() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        app.sign_in_as("o@example.org", "owner").await;
        let accounts = app.state::<Accounts>();
        let other = accounts.find(2).await.unwrap();
        let by: frontdesk::staff::Author = (&other).into();
        // let in, and then the body comes slowly: meanwhile the account is disabled
        let records = app.state::<frontdesk::records::Records>();
        let body = json!({ "name": "Law" }).as_object().unwrap().clone();
        assert!(records.create(&by, &frontdesk::directory::COLLEGES, &body).await.is_ok());
        assert_eq!(owner.json(Method::Patch, "/api/v1/users/2", r#"{"status":"disabled"}"#).await.status, 200);
        let body = json!({ "name": "Medicine" }).as_object().unwrap().clone();
        let late = records.create(&by, &frontdesk::directory::COLLEGES, &body).await;
        assert!(matches!(late, Err(frontdesk::error::Error::Unauthenticated)), "{kind}: {late:?}");
        let back = frontdesk::staff::AccountChange { disabled: Some(false), ..Default::default() };
        assert!(accounts.change(&by, 2, None, back).await.is_err(), "{kind}: not by themselves");
        let person = frontdesk::staff::NewPerson {
            email: frontdesk::staff::Email::parse("evil@example.org").unwrap(),
            name: String::new(),
            role: frontdesk::staff::Role::Owner,
        };
        assert!(accounts.invite(&by, person).await.is_err(), "{kind}");
        let token = |scopes| frontdesk::staff::NewToken { name: "x".into(), scopes, expires: None };
        let scopes = frontdesk::app::areas().parse(["admin"]).unwrap();
        assert!(accounts.create_token(&by, &other, token(scopes)).await.is_err(), "{kind}");
        assert_eq!(owner.get("/api/v1/colleges").await.json()["count"], 1, "{kind}");
        let made = owner.json(Method::Post, "/api/v1/tokens", r#"{"name":"x","scopes":["waiting"],"user_id":2}"#).await;
        made.is_problem(409, "disabled");
        // a role that became less counts at once, too
        app.sign_in_as("s@example.org", "staff").await;
        let email = frontdesk::staff::Email::parse("s@example.org").unwrap();
        let account = accounts.find_by_email(&email).await.unwrap();
        let staff: frontdesk::staff::Author = (&account).into();
        let path = format!("/api/v1/users/{}", account.id);
        assert_eq!(owner.json(Method::Patch, &path, r#"{"role":"viewer"}"#).await.status, 200);
        assert!(records.create(&staff, &frontdesk::directory::COLLEGES, &body).await.is_err(), "{kind}");
    }
}

#[rocket::async_test]
async fn a_password_that_changes_while_it_is_checked_signs_nobody_in() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let accounts = app.state::<Accounts>();
        let account = accounts.find(1).await.unwrap();
        for round in 0..4 {
            let old = if round == 0 { OWNER.1.to_owned() } else { format!("password of round {}", round - 1) };
            let new = frontdesk::staff::Password::parse(&format!("password of round {round}")).unwrap();
            let browser = frontdesk::staff::Browser { known: None, ..Default::default() };
            let attempts = (0..2).map(|_| {
                let attempt =
                    frontdesk::staff::SignIn { email: OWNER.0, password: &old, address: None, browser: &browser };
                accounts.sign_in(attempt)
            });
            let by = frontdesk::staff::Author::command_line();
            let (signed_in, changed) =
                tokio::join!(futures::future::join_all(attempts), accounts.set_password(&by, &account, new));
            changed.unwrap();
            for signed_in in signed_in.into_iter().flatten() {
                let person = Person { app: &app, token: signed_in.session };
                assert_eq!(person.get("/list").await.status, 401, "{kind}: round {round}");
            }
        }
        assert_eq!(owner.get("/list").await.status, 401);
    }
}

#[rocket::async_test]
async fn forms_of_people_say_what_is_wrong_and_stay_old() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    app.sign_in_as("s@example.org", "staff").await;
    assert_eq!(owner.json(Method::Patch, "/api/v1/users/2", r#"{"role":"viewer"}"#).await.status, 200);
    let old = "version=1&email=s%40example.org&name=Sam&role=owner";
    let refused = owner.form("/users/2", old).await;
    assert!(refused.status == 422 && refused.text.contains("Somebody changed"), "{}", refused.text);
    assert!(refused.text.contains("name=\"version\" value=\"1\""), "a second click is as old: {}", refused.text);
    for typed in ["value=\"s@example.org\"", "value=\"Sam\"", "<option value=\"owner\" selected>"] {
        assert!(refused.text.contains(typed), "{typed} was typed: {}", refused.text);
    }
    let page = owner.open("/users/2").await;
    for stored in [
        "value=\"s@example.org\"",
        "id=\"name\" name=\"name\" type=\"text\" value=\"s@example.org\"",
        "viewer\" selected>",
    ] {
        assert!(page.text.contains(stored), "{stored} is stored: {}", page.text);
    }
    let invited = owner.form("/users", "email=nobody&name=Noor&role=viewer").await;
    for typed in ["value=\"nobody\"", "value=\"Noor\"", "<option value=\"viewer\" selected>"] {
        assert!(invited.text.contains(typed), "{typed} was typed: {}", invited.text);
    }
    assert_eq!(owner.get("/api/v1/users/2").await.json()["role"], "viewer");
    for body in [r#"{"role":null}"#, r#"{"email":null}"#, r#"{"status":null}"#] {
        owner.json(Method::Patch, "/api/v1/users/2", body).await.is_problem(422, "cannot be empty");
    }
    let whole = r#"{"email":"s@example.org","name":null,"role":"viewer"}"#;
    owner.json(Method::Put, "/api/v1/users/2", whole).await.is_problem(422, "/name");
    assert_eq!(owner.json(Method::Patch, "/api/v1/users/2", r#"{"name":null}"#).await.json()["name"], "s@example.org");
    let version = owner.get("/api/v1/users/2").await.json()["version"].clone();
    assert_eq!(owner.json(Method::Patch, "/api/v1/users/2", "{}").await.json()["version"], version, "nothing changed");
    owner.json(Method::Post, "/api/v1/users", "{}").await.is_problem(422, "/role");
    owner.json(Method::Post, "/api/v1/users", "{}").await.is_problem(422, "/email");
    let long = json!({ "email": "l@example.org", "role": "staff", "name": "n".repeat(101) }).to_string();
    owner.json(Method::Post, "/api/v1/users", &long).await.is_problem(422, "/name");
    let odd = json!({ "email": "l@example.org", "role": "staff", "name": "Kim\u{202e}" }).to_string();
    owner.json(Method::Post, "/api/v1/users", &odd).await.is_problem(422, "/name");
    let twice = r#"{"email":"l@example.org","role":"viewer","role":"owner"}"#;
    owner.json(Method::Post, "/api/v1/users", twice).await.is_problem(400, "twice");
    owner.json(Method::Post, "/api/v1/tokens", r#"{"name":"x","scopes":[1]}"#).await.is_problem(422, "/scopes/0");
    for id in ["+1", "01"] {
        assert_eq!(owner.get(&format!("/api/v1/users/{id}")).await.status, 404);
    }
    // whoever makes themselves less still sees that it was done
    owner.json(Method::Patch, "/api/v1/users/2", r#"{"role":"owner"}"#).await;
    let version = owner.get("/api/v1/users/1").await.json()["version"].clone();
    let less = owner.form("/users/1", &format!("version={version}&email=kim%40example.org&name=Kim&role=staff")).await;
    assert_eq!((less.status, less.header("location")), (303, "/account"), "{}", less.text);
    assert_eq!(owner.open("/users").await.status, 403);
}

#[rocket::async_test]
async fn a_form_stays_a_post_whatever_its_first_field_says() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    app.sign_in_as("s@example.org", "staff").await;
    let posted = owner.form("/api/v1/users/2", "_method=delete").await;
    posted.is_problem(405, "POST");
    assert_eq!(owner.get("/api/v1/users/2").await.status, 200);
    let added = app.post("/add", "application/x-www-form-urlencoded", "_method=delete&name=a").await;
    assert_eq!(added.status, 201, "and the entry is kept: {}", added.text);
    assert_eq!(owner.get("/api/v1/entries/1").await.json()["data"]["_method"], "delete");
}

#[rocket::async_test]
async fn a_stream_ends_when_another_node_takes_the_rights_away() {
    for kind in databases() {
        let folder = tempfile::tempdir().unwrap();
        let url = crate::support::fresh_database(kind, folder.path()).await;
        let (here, there) = (TestApp::on(&url).await, TestApp::on(&url).await);
        let owner = here.owner().await;
        for (path, body) in
            [("/api/v1/colleges", r#"{"name":"Law"}"#), ("/api/v1/queues", r#"{"title":"A","college_id":1}"#)]
        {
            assert_eq!(owner.json(Method::Post, path, body).await.status, 201);
        }
        let staff = here.sign_in_as("s@example.org", "staff").await;
        let cookie = Cookie::new("frontdesk", staff.token.clone());
        let stream = there.client.get("/board/1/events").cookie(cookie).dispatch().await;
        assert_eq!(stream.status().code, 200, "{kind}");
        let started = std::time::Instant::now();
        let disabled = owner.json(Method::Patch, "/api/v1/users/2", r#"{"status":"disabled"}"#).await;
        assert_eq!(disabled.status, 200, "{}", disabled.text);
        tokio::time::timeout(std::time::Duration::from_secs(20), stream.into_string()).await.expect("it ends");
        println!("{kind}: the stream of another node ended after {} ms", started.elapsed().as_millis());
    }
}

/// Stores 32 MB: more than any buffer between a download and its reader.
async fn fill(app: &TestApp) {
    let batch = format!("[{}]", vec![format!(r#"{{"text":"{}"}}"#, "x".repeat(8000)); 100].join(","));
    for _ in 0..40 {
        assert_eq!(app.add(&batch).await.status, 201);
    }
}

/// Reads to the end as somebody does over a line of 100 Mbit/s. In memory 32 MB may be read before the news of a right
/// that was lost is there.
async fn read_over_a_line(download: &mut (impl tokio::io::AsyncRead + Unpin)) -> std::io::Result<()> {
    use tokio::io::AsyncReadExt as _;
    let mut line = tokio::time::interval(std::time::Duration::from_millis(5));
    let mut piece = vec![0; 64 * 1024];
    while download.read(&mut piece).await? > 0 {
        line.tick().await;
    }
    Ok(())
}

#[rocket::async_test]
async fn a_download_breaks_off_when_its_reader_loses_the_right() {
    use tokio::io::AsyncReadExt as _;
    for kind in databases() {
        for change in [r#"{"status":"disabled"}"#, r#"{"role":"viewer"}"#] {
            let app = TestApp::start(kind).await;
            let owner = app.owner().await;
            let staff = app.sign_in_as("s@example.org", "staff").await;
            let program = app.program("s@example.org", &["entries:read"]).await;
            fill(&app).await;
            let by_session = app.client.get("/csv").cookie(Cookie::new("frontdesk", staff.token.clone()));
            let bearer = Header::new("Authorization", format!("Bearer {}", program.token));
            let by_token = app.client.get("/api/v1/entries?_format=ndjson").header(bearer);
            let mut downloads = vec![by_session.dispatch().await, by_token.dispatch().await];
            let mut piece = vec![0; 1000];
            for download in &mut downloads {
                assert_eq!(download.status().code, 200, "{kind}");
                download.read_exact(&mut piece).await.unwrap();
            }
            assert_eq!(owner.json(Method::Patch, "/api/v1/users/2", change).await.status, 200);
            for mut download in downloads {
                assert!(read_over_a_line(&mut download).await.is_err(), "{kind} {change}: all of it was sent");
            }
            // one that is whole, for comparison
            let whole = owner.get("/csv").await;
            assert!(whole.status == 200 && whole.text.len() > 32_000_000, "{}", whole.text.len());
        }
    }
}

#[rocket::async_test]
async fn a_reader_who_stops_reading_holds_up_nobody() {
    use tokio::io::AsyncReadExt as _;
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let staff = app.sign_in_as("s@example.org", "staff").await;
        fill(&app).await;
        let request = app.client.get("/csv").cookie(Cookie::new("frontdesk", staff.token.clone()));
        let mut download = request.dispatch().await;
        let mut piece = vec![0; 64 * 1024];
        for round in 0..100 {
            // the session was not seen for a while, so whoever recognises it may note that it is used;
            // and something of the accounts changed, so that every right is looked at again
            app.wait(2 * frontdesk::moment::MINUTE);
            let name = format!(r#"{{"name":"Kim {round}"}}"#);
            assert_eq!(owner.json(Method::Patch, "/api/v1/users/1", &name).await.status, 200);
            download.read_exact(&mut piece).await.unwrap();
            let stored = tokio::time::timeout(std::time::Duration::from_secs(20), app.add(r#"{"n":1}"#)).await;
            let stored = stored.unwrap_or_else(|_| panic!("{kind}: nothing can be stored in round {round}"));
            assert_eq!(stored.status, 201, "{}", stored.text);
        }
    }
}

#[rocket::async_test]
async fn commands_manage_people_and_tokens() {
    for kind in databases() {
        let folder = tempfile::tempdir().unwrap();
        let url = crate::support::fresh_database(kind, folder.path()).await;
        let run = |arguments: &[&str], input: &str| {
            let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_frontdesk"))
                .args(arguments)
                .env("FRONTDESK_DATA_DIR", folder.path())
                .env("DATABASE_URL", &url)
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            // who asks for nothing has ended before it is written
            let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
            let output = child.wait_with_output().unwrap();
            (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
        };
        let add = ["user", "add", "s@example.org", "--name", "Sam", "--role", "staff", "--password-stdin"];
        assert_eq!(run(&add, "a quiet green lamp\n").0, 0);
        assert_eq!(run(&add, "a quiet green lamp\n").0, 1, "{kind}: twice");
        let scopes =
            ["token", "add", "--user", "s@example.org", "--scope", "entries:read,directory", "--expires", "90d"];
        let (code, token) = run(&scopes, "");
        assert!(code == 0 && token.starts_with("fd_") && token.lines().count() == 1, "{token}");
        assert!(run(&["token", "list"], "").1.contains("s@example.org\tcommand line\tentries:read,directory\t"));
        let app = TestApp::on(&url).await;
        let program = Program { app: &app, token: token.trim().to_owned() };
        assert_eq!(program.get("/api/v1/students").await.status, 200, "{kind}");
        for wrong in [
            vec!["token", "add", "--user", "s@example.org", "--scope", "admin"],
            vec!["token", "add", "--user", "nobody@example.org", "--scope", "directory"],
            vec!["token", "add", "--user", "s@example.org", "--scope", "directory", "--expires", "soon"],
            vec!["token", "revoke", "77"],
            vec!["user", "disable", "nobody@example.org"],
        ] {
            assert_eq!(run(&wrong, ""), (1, String::new()), "{wrong:?}");
        }
        assert_eq!(run(&["token", "add", "--user", "s@example.org"], "").0, 2, "usage");
        assert_eq!(run(&["token", "revoke", "1"], "").0, 0);
        assert_eq!(program.get("/api/v1/students").await.status, 401, "{kind}");
        assert_eq!(run(&["user", "password", "s@example.org", "--password-stdin"], "another green lamp\n").0, 0);
        let form = sign_in_form("s@example.org", "another green lamp");
        let signed_in = anybody(&app, "/sign-in", &form, &[], "192.0.2.3").await;
        let person = Person { app: &app, token: signed_in.cookie("frontdesk") };
        assert_eq!(person.get("/list").await.status, 200);
        assert_eq!(run(&["user", "disable", "s@example.org"], "").0, 0);
        assert_eq!(person.get("/list").await.status, 401, "{kind}");
        assert!(run(&["user", "list"], "").1.contains("s@example.org\tstaff\tSam\tdisabled"));
    }
}
