//! The HTTP contract, on every route of the API.

use rocket::http::{Accept, ContentType, Header, MediaType, Method};
use serde_json::{Value, json};

use crate::calls::{CALLS, Call, prepare};
use crate::support::{Answer, OWNER, TestApp, databases};

/// The routes of the API as they are mounted.
fn mounted(app: &TestApp) -> Vec<(Method, String)> {
    let routes = app.client.rocket().routes().filter(|route| route.uri.path().starts_with("/api/"));
    let pages = ["/api/docs"];
    routes
        .map(|route| (route.method, route.uri.path().trim_end_matches('/').to_owned()))
        .filter(|(_, path)| !pages.contains(&path.as_str()))
        .collect()
}

fn named(call: &Call, answer: &Answer) -> String {
    format!("{} {}: {} {}", call.method, call.path, answer.status, answer.text)
}

#[rocket::async_test]
async fn every_route_of_the_api_is_called_here() {
    let app = TestApp::start("sqlite").await;
    for (method, path) in mounted(&app) {
        let called = CALLS.iter().any(|call| call.method == method && call.route == path);
        assert!(called, "{method} {path} has no call in calls.rs");
    }
}

#[rocket::async_test]
async fn every_good_call_succeeds_and_every_change_is_in_the_audit_trail() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = prepare(&app).await;
        let lines = async || owner.get("/api/v1/audit?_limit=1").await.json()["count"].as_i64().unwrap();
        for call in CALLS {
            let before = lines().await;
            if call.is_stream() {
                let cookie = rocket::http::Cookie::new("frontdesk", owner.token.clone());
                let stream = call.request(&app).cookie(cookie).dispatch().await;
                assert_eq!(stream.status().code, 200);
                assert!(stream.content_type().is_some_and(|kind| kind.is_event_stream()));
                continue;
            }
            let answer = owner.send(call.request(&app)).await;
            assert_eq!(answer.status, call.status, "{kind}: {}", named(&call, &answer));
            assert!(!answer.header("x-request-id").is_empty());
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.status == 204, answer.text.is_empty(), "{}", named(&call, &answer));
            if call.status == 201 {
                let location = answer.header("location");
                assert!(!location.is_empty(), "{}", named(&call, &answer));
                if location.starts_with('/') {
                    assert_eq!(owner.get(location).await.status, 200, "{location}");
                }
            }
            // asking again whom one has called already changes nothing
            if call.changes() {
                assert!(lines().await > before, "{kind}: nothing in the audit trail: {}", named(&call, &answer));
            }
        }
    }
}

#[rocket::async_test]
async fn a_wrong_method_is_405_with_allow_and_options_tells_the_methods() {
    let app = TestApp::start("sqlite").await;
    let owner = prepare(&app).await;
    let all = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
    for call in CALLS {
        let known: Vec<_> = CALLS.iter().filter(|other| other.route == call.route).map(|other| other.method).collect();
        for method in all.into_iter().filter(|method| !known.contains(method)) {
            let answer = owner.json(method, call.path, "{}").await;
            answer.is_problem(405, "");
            let allow: Vec<_> = answer.header("allow").split(", ").collect();
            assert!(known.iter().all(|method| allow.contains(&method.as_str())), "{}: {allow:?}", call.path);
            assert!(!allow.contains(&method.as_str()) && allow.contains(&"OPTIONS"), "{}: {allow:?}", call.path);
        }
        let options = owner.send(app.client.options(call.path)).await;
        assert_eq!((options.status, options.text.as_str()), (204, ""), "{}", call.path);
        assert!(options.header("allow").contains(call.method.as_str()));
        if call.method == Method::Get && !call.is_stream() {
            let head = owner.send(app.client.head(call.path)).await;
            let get = owner.get(call.path).await;
            assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{}", call.path);
            assert_eq!(head.header("content-type"), get.header("content-type"), "{}", call.path);
        }
    }
}

#[rocket::async_test]
async fn a_stranger_is_told_so_in_the_same_way_everywhere() {
    let app = TestApp::start("sqlite").await;
    prepare(&app).await;
    let public = [
        "/api/openapi.json",
        "/api/v1/colleges",
        "/api/v1/majors",
        "/api/v1/advisors",
        "/api/v1/faqs",
        "/api/v1/queues",
        "/api/v1/status",
    ];
    for call in CALLS {
        let is_public = call.method == Method::Get && public.iter().any(|path| call.route.starts_with(path));
        if is_public && !call.is_stream() || (call.method, call.route) == (Method::Post, "/api/v1/queuers") {
            continue;
        }
        for bearer in [None, Some("fd_made-up"), Some("made-up")] {
            let mut request = call.request(&app);
            if let Some(token) = bearer {
                request = request.header(Header::new("Authorization", format!("Bearer {token}")));
            }
            let answer = Answer::of(request.dispatch().await).await;
            answer.is_problem(401, "");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{}", named(&call, &answer));
        }
    }
}

#[rocket::async_test]
async fn a_reader_who_takes_nothing_there_is_gets_406() {
    let app = TestApp::start("sqlite").await;
    let owner = prepare(&app).await;
    for call in CALLS.iter().filter(|call| !call.path.contains("_format")) {
        let answer = owner.send(call.request(&app).header(Accept::PNG)).await;
        answer.is_problem(406, "Accept");
    }
    for accept in ["*/*", "application/*", "text/html, */*;q=0.1", "application/json", ""] {
        let answer = owner.send(app.client.get("/api/v1/colleges").header(Header::new("Accept", accept))).await;
        assert_eq!(answer.status, 200, "{accept}");
    }
    for accept in ["application/json;q=0", "text/html", "image/*"] {
        let answer = owner.send(app.client.get("/api/v1/colleges").header(Header::new("Accept", accept))).await;
        assert_eq!(answer.status, 406, "{accept}");
    }
}

/// The places that a problem names.
fn pointers(answer: &Answer) -> Vec<String> {
    let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().filter_map(|error| error["pointer"].as_str().map(str::to_owned)).collect()
}

#[rocket::async_test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let app = TestApp::start("sqlite").await;
    let owner = prepare(&app).await;
    for (path, body, named) in [
        ("/api/v1/users", r#"{"email":5,"role":["king"],"x":1}"#, vec!["/email", "/role", "/x"]),
        ("/api/v1/users", r#"{"x":1}"#, vec!["/email", "/role", "/x"]),
        ("/api/v1/tokens", r#"{}"#, vec!["/name", "/scopes"]),
        ("/api/v1/tokens", r#"{"name":"a","scopes":["entries:read",7],"user_id":"me"}"#, vec!["/scopes/1", "/user_id"]),
        ("/api/v1/collections", r#"{"title":1,"open":"yes"}"#, vec!["/name", "/open", "/title"]),
        ("/api/v1/students", r#"{"name":1,"email":"no","x":1}"#, vec!["/email", "/name", "/x"]),
        ("/api/v1/queuers", r#"{"student":[],"topic":1,"a~/b":2}"#, vec!["/a~0~1b", "/queue_id", "/student", "/topic"]),
    ] {
        let answer = owner.json(Method::Post, path, body).await;
        assert_eq!(answer.status, 422, "{path} {body}: {}", answer.text);
        let mut found = pointers(&answer);
        found.sort();
        assert_eq!(found, named, "{path} {body}: {}", answer.text);
    }
    // and not without end
    let many = (0..5000).map(|n| (format!("x{n}"), Value::from(n))).collect::<serde_json::Map<_, _>>();
    let answer = owner.json(Method::Post, "/api/v1/tokens", &Value::Object(many).to_string()).await;
    assert!(answer.status == 422 && pointers(&answer).len() == 20, "{}", pointers(&answer).len());
}

#[rocket::async_test]
async fn bodies_that_cannot_be_taken_change_nothing() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = prepare(&app).await;
        let before = owner.get("/api/v1/audit").await.json()["count"].clone();
        for call in CALLS.iter().filter(|call| call.takes_body() && !call.is_form()) {
            let send = async |kind: ContentType, body: &[u8]| {
                let request = app.client.req(call.method, call.on_first()).header(kind).body(body);
                owner.send(request.header(Header::new("If-Match", "*"))).await
            };
            send(ContentType::Plain, b"{\"a\":1}").await.is_problem(415, "application/json");
            send(ContentType::JSON, b"{\"a\":").await.is_problem(400, "");
            send(ContentType::JSON, b"{\"a\":\"\xff\"}").await.is_problem(400, "");
            send(ContentType::JSON, b"[1]").await.is_problem(422, "object");
            send(ContentType::JSON, &vec![b' '; 1_100_000]).await.is_problem(413, "bytes");
            if !call.route.starts_with("/api/v1/entries/<id>") || call.method == Method::Post {
                let answer = send(ContentType::JSON, b"{\"is_admin\":true,\"is_root\":1}").await;
                assert_eq!(answer.status, 422, "{}", named(call, &answer));
                for name in ["/is_admin", "/is_root"] {
                    assert!(pointers(&answer).contains(&name.to_owned()), "{name}: {}", named(call, &answer));
                }
            }
        }
        assert_eq!(owner.get("/api/v1/audit").await.json()["count"], before, "{kind}");
    }
}

#[rocket::async_test]
async fn an_id_that_is_no_number_is_not_there() {
    let app = TestApp::start("sqlite").await;
    let owner = prepare(&app).await;
    for call in CALLS.iter().filter(|call| call.route.contains("<id>")) {
        let id = call.route.split('/').position(|part| part == "<id>").unwrap();
        for other in ["x", "0", "-1", "99999999999999999999", "1.0", "%00", "1%27"] {
            let path: Vec<_> = call.path.split('?').next().unwrap().split('/').collect();
            let path: Vec<_> = path.iter().enumerate().map(|(i, part)| if i == id { other } else { part }).collect();
            let mut request = app.client.req(call.method, path.join("/"));
            if call.takes_body() {
                request = request.header(ContentType::JSON).header(Header::new("If-Match", "*")).body(call.body);
            }
            let answer = owner.send(request).await;
            answer.is_problem(404, "");
        }
    }
}

#[rocket::async_test]
async fn put_must_name_the_version_it_replaces() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = prepare(&app).await;
        owner.json(Method::Post, "/api/v1/collections", r#"{"name":"made"}"#).await;
        for call in CALLS.iter().filter(|call| call.method == Method::Put) {
            let path = call.on_first();
            let put = async |tag: Option<String>| {
                let request = app.client.put(path.clone()).header(ContentType::JSON).body(call.body);
                let request = match tag {
                    Some(tag) => request.header(Header::new("If-Match", tag)),
                    None => request,
                };
                owner.send(request).await
            };
            put(None).await.is_problem(428, "If-Match");
            put(Some("\"v77\"".into())).await.is_problem(412, "");
            put(Some("nonsense".into())).await.is_problem(412, "");
            let etag = owner.get(&path).await.header("etag").to_owned();
            put(Some(format!("W/{etag}"))).await.is_problem(412, "");
            let replaced = put(Some(format!("\"v77\", {etag}"))).await;
            assert_eq!(replaced.status, 200, "{kind}: {}", named(call, &replaced));
            assert_ne!(replaced.header("etag"), etag, "{kind}: {path}");
            put(Some(etag)).await.is_problem(412, "");
        }
    }
}

#[rocket::async_test]
async fn a_read_that_has_not_changed_is_304() {
    let app = TestApp::start("sqlite").await;
    let owner = prepare(&app).await;
    for call in CALLS.iter().filter(|call| call.method == Method::Get && !call.is_stream()) {
        let first = owner.get(call.path).await;
        let etag = first.header("etag").to_owned();
        let again =
            async |tag: String| owner.send(app.client.get(call.path).header(Header::new("If-None-Match", tag))).await;
        // what is going on at this moment, and downloads, have nothing to compare
        let of_now =
            ["status", "queues", "queues/<id>", "queuers/<id>", "users/<id>", "tokens/<id>", "updates", "updates/<id>"];
        let live = of_now.iter().any(|route| call.route == format!("/api/v1/{route}"))
            || call.path.contains("_format")
            || first.status != 200;
        if live {
            assert_ne!(again(etag).await.status, 304, "{}", call.path);
            continue;
        }
        assert!(!etag.is_empty(), "{}", call.path);
        if call.route == "/api/v1/users" || call.route == "/api/v1/sessions" {
            continue;
        }
        let unchanged = again(format!("\"other\", {etag}")).await;
        assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""), "{}", call.path);
        assert_eq!(unchanged.header("etag"), etag);
        assert_eq!(again("\"other\"".into()).await.status, 200, "{}", call.path);
    }
}

#[rocket::async_test]
async fn prefer_minimal_leaves_the_body_out() {
    let app = TestApp::start("sqlite").await;
    let owner = prepare(&app).await;
    for call in CALLS.iter().filter(|call| call.takes_body() && !call.is_form()) {
        let request = call.request(&app).header(Header::new("Prefer", "respond-async, return=minimal"));
        let answer = owner.send(request).await;
        let secret = ["/api/v1/users", "/api/v1/tokens", "/api/v1/queuers", "/api/v1/users/<id>/invitations"];
        if call.method == Method::Post && secret.contains(&call.route) {
            assert!(!answer.text.is_empty(), "holds what cannot be asked for again: {}", named(call, &answer));
            continue;
        }
        let minimal = if call.status == 200 { 204 } else { call.status };
        assert_eq!((answer.status, answer.text.as_str()), (minimal, ""), "{}", named(call, &answer));
        if call.status != 204 {
            assert_eq!(answer.header("preference-applied"), "return=minimal", "{}", call.path);
        }
    }
}

#[rocket::async_test]
async fn a_post_that_is_repeated_with_its_key_is_answered_as_the_first() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = prepare(&app).await;
        for call in CALLS.iter().filter(|call| !call.is_form() && !call.is_stream() && call.changes()) {
            if call.method != Method::Post {
                owner.send(call.request(&app)).await;
                continue;
            }
            let key = format!("\"{}\"", call.path);
            let send =
                async || owner.send(call.request(&app).header(Header::new("Idempotency-Key", key.clone()))).await;
            let first = send().await;
            assert_eq!(first.status, call.status, "{kind}: {}", named(call, &first));
            let lines = owner.get("/api/v1/audit").await.json()["count"].clone();
            let again = send().await;
            assert_eq!((again.status, &again.text), (first.status, &first.text), "{kind}: {}", call.path);
            assert_eq!(again.header("location"), first.header("location"));
            assert_eq!(again.header("idempotent-replayed"), "true");
            assert_eq!(owner.get("/api/v1/audit").await.json()["count"], lines, "{kind}: done once: {}", call.path);
            let other = call.request(&app).body(r#"{"x":1}"#).header(Header::new("Idempotency-Key", key.clone()));
            let other = owner.send(other).await;
            assert_eq!(other.status, 422, "{}", named(call, &other));
        }
    }
}

#[rocket::async_test]
async fn keys_belong_to_whoever_used_them() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let other = app.sign_in_as("o@example.org", "owner").await;
        let make = async |person: &crate::support::Person<'_>, key: &str, body: &'static str| {
            let request = app.client.post("/api/v1/colleges").header(ContentType::JSON).body(body);
            person.send(request.header(Header::new("Idempotency-Key", key.to_owned()))).await
        };
        assert_eq!(make(&owner, "k", r#"{"name":"A"}"#).await.json()["id"], 1);
        assert_eq!(make(&other, "k", r#"{"name":"B"}"#).await.json()["id"], 2, "{kind}: another's key");
        let changed = make(&owner, "k", r#"{"name":"C"}"#).await;
        changed.is_problem(422, "Idempotency-Key");
        assert_eq!(make(&owner, "k", r#"{"name":"A"}"#).await.json()["id"], 1);
        // what was refused may be tried again, mended
        make(&owner, "l", r#"{"nam":"D"}"#).await.is_problem(422, "did you mean");
        assert_eq!(make(&owner, "l", r#"{"name":"D"}"#).await.status, 201);
        make(&owner, "", r#"{"name":"E"}"#).await.is_problem(400, "Idempotency-Key");
        make(&owner, &"k".repeat(256), r#"{"name":"E"}"#).await.is_problem(400, "Idempotency-Key");
        // a token is its account
        let program = app.program(OWNER.0, &["directory"]).await;
        let request = app.client.post("/api/v1/colleges").header(ContentType::JSON).body(r#"{"name":"A"}"#);
        let bearer = Header::new("Authorization", format!("Bearer {}", program.token));
        let answer = request.header(bearer).header(Header::new("Idempotency-Key", "k")).dispatch().await;
        assert_eq!(Answer::of(answer).await.json()["id"], 1, "{kind}");
        // after a day a key is forgotten
        app.wait(frontdesk::moment::DAY + 1);
        app.state::<frontdesk::web::Replays>().upkeep().await.unwrap();
        assert_eq!(make(&owner, "k", r#"{"name":"C"}"#).await.status, 201);
        // what is stored cannot be read without the key
        let db = app.state::<frontdesk::db::Pool>();
        let rows: Vec<(Vec<u8>,)> = db.read("SELECT answer FROM replays WHERE answer IS NOT NULL").all().await.unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|(answer,)| !String::from_utf8_lossy(answer).contains("name")));
    }
}

#[rocket::async_test]
async fn the_same_key_at_the_same_moment_is_done_once() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let sent = (0..20).map(|_| {
            let request = app.client.post("/api/v1/colleges").header(ContentType::JSON).body(r#"{"name":"Law"}"#);
            owner.send(request.header(Header::new("Idempotency-Key", "one")))
        });
        let answers = futures::future::join_all(sent).await;
        for answer in &answers {
            assert!(matches!(answer.status, 201 | 409), "{}", answer.text);
            assert!(answer.status == 409 || answer.json()["id"] == 1);
        }
        assert_eq!(owner.get("/api/v1/colleges").await.json()["count"], 1, "{kind}");
    }
}

#[rocket::async_test]
async fn strangers_need_a_key_that_is_hard_to_guess() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        prepare(&app).await;
        let body = r#"{"queue_id":1,"student":{"name":"Eve","email":"eve@example.org"}}"#;
        let join = async |key: &'static str| {
            let request = app.client.post("/api/v1/queuers").header(ContentType::JSON).body(body);
            Answer::of(request.header(Header::new("Idempotency-Key", key)).dispatch().await).await
        };
        join("1").await.is_problem(400, "16 to 255");
        let first = join("7f6f1b0e-1f0c-4a39-9d0b-3f6d1c1f2a11").await;
        assert!(first.status == 201 && first.json()["token"].is_string(), "{kind}: {}", first.text);
        let again = join("7f6f1b0e-1f0c-4a39-9d0b-3f6d1c1f2a11").await;
        assert_eq!(again.json()["token"], first.json()["token"], "{kind}: the lost link comes back");
        let stranger = join("8f6f1b0e-1f0c-4a39-9d0b-3f6d1c1f2a11").await;
        assert_eq!(stranger.json()["token"], Value::Null, "{kind}: not to others");
        // on /add too
        let add = async |body: &'static str| {
            let request = app.client.post("/add").header(ContentType::JSON).body(body);
            let key = Header::new("Idempotency-Key", "9f6f1b0e-1f0c-4a39-9d0b-3f6d1c1f2a11");
            Answer::of(request.header(key).dispatch().await).await
        };
        let first = add(r#"{"n":1}"#).await;
        assert_eq!(first.status, 201, "{}", first.text);
        assert_eq!(add(r#"{"n":1}"#).await.json(), first.json(), "{kind}");
        assert_eq!(add(r#"{"n":2}"#).await.status, 422, "{kind}");
    }
}

#[rocket::async_test]
async fn errors_of_addresses_that_are_not_there_are_problems_too() {
    let app = TestApp::start("sqlite").await;
    app.get("/api/v1/nothing").await.is_problem(404, "address");
    app.get("/nothing").await.is_problem(404, "address");
    let page = app.client.get("/nothing").header(Accept::new([MediaType::HTML.into()]));
    let page = Answer::of(page.dispatch().await).await;
    assert!(page.status == 404 && page.header("content-type").starts_with("text/html"), "{}", page.text);
    assert_eq!(json!(page.header("x-request-id").is_empty()), json!(false));
}
