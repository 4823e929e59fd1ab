//! `POST /add`: what is taken, what is refused, and how it is said.

use frontdesk::config::Switch;
use rocket::http::{ContentType, Header};

use crate::support::{Answer, TestApp, databases};

async fn send(app: &TestApp, headers: &[(&'static str, &'static str)], body: &[u8]) -> Answer {
    let mut request = app.client.post("/add").body(body);
    for (name, value) in headers {
        request = request.header(Header::new(*name, *value));
    }
    Answer::of(request.dispatch().await).await
}

#[rocket::async_test]
async fn every_kind_of_body_is_stored_as_it_was_sent() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for (content_type, body, stored) in [
            ("application/json", r#"{ "b": 1.50, "a": [1e2, null] }"#, r#"{"b":1.50,"a":[1e2,null]}"#),
            ("text/plain", r#"{"big":12345678901234567890123}"#, r#"{"big":12345678901234567890123}"#),
            ("application/x-www-form-urlencoded", "a=1&b=x+y&a=2&c.d=%C3%A9", r#"{"a":["1","2"],"b":"x y","c.d":"é"}"#),
            ("application/vnd.team+json", r#"{"t":"\u0041\/"}"#, r#"{"t":"A/"}"#),
        ] {
            let added = app.post("/add", content_type, body).await;
            assert_eq!(added.status, 201, "{kind} {body}: {}", added.text);
            let id = added.json()["id"].as_i64().unwrap();
            assert_eq!(added.header("location"), format!("/api/v1/entries/{id}"));
            let shown = owner.get(&format!("/api/v1/entries/{id}")).await;
            assert!(shown.text.contains(&format!("\"data\":{stored}")), "{kind}: {}", shown.text);
        }
    }
}

#[rocket::async_test]
async fn a_retry_is_stored_once_and_other_data_is_a_conflict() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"_uid":"order-0001","a":1}"#).await;
        let again = app.add(r#"{"a":1,"_uid":"order-0001"}"#).await;
        assert_eq!((again.status, again.json()["status"].as_str()), (200, Some("duplicate")), "{kind}");
        assert_eq!(again.json()["id"], id);
        assert_eq!(app.add(r#"{"_uid":"order-0001","a":2}"#).await.status, 409);
        // a late retry does not bring a deleted entry back
        owner.json(rocket::http::Method::Delete, &format!("/api/v1/entries/{id}"), "").await;
        assert_eq!(app.add(r#"{"_uid":"order-0001","a":1}"#).await.status, 200);
        assert!(owner.ids("").await.is_empty());
        // another collection has its own ids
        owner.json(rocket::http::Method::Post, "/api/v1/collections", r#"{"name":"other","open":true}"#).await;
        assert_eq!(app.add(r#"{"_uid":"order-0001","a":1,"_collection":"other"}"#).await.status, 201);
    }
}

#[rocket::async_test]
async fn the_same_uid_sent_by_many_at_once_is_stored_once() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let sends = (0..50).map(|_| app.add(r#"{"_uid":"the-only-one","a":1}"#));
        let answers = futures::future::join_all(sends).await;
        assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1, "{kind}");
        assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 49, "{kind}");
        assert_eq!(owner.ids("").await.len(), 1);
    }
}

#[rocket::async_test]
async fn a_batch_is_answered_item_by_item_in_order() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let all = app.add(r#"[{"a":1},{"a":2}]"#).await;
        assert_eq!(all.status, 201);
        let mixed = app.add(r#"[{"_uid":"batch-001","a":1},{"_uid":"batch-001","a":1},7,{"a":{"b":"\u0000"}},{"_gotcha":"x"},{"_collection":"nowhere"}]"#).await;
        assert_eq!(mixed.status, 207, "{}", mixed.text);
        let json = mixed.json();
        let statuses: Vec<_> =
            json["results"].as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["stored", "duplicate", "rejected", "rejected", "flagged", "rejected"], "{kind}");
        assert!(mixed.text.contains("/a/b a text contains a NUL character"), "{}", mixed.text);
        assert_eq!(app.add(r#"[{"_uid":"batch-001","a":1}]"#).await.status, 200);
        let lines = app.post("/add", "application/x-ndjson", "{\"a\":1}\n\n{\"a\":2}\n").await;
        assert_eq!((lines.status, lines.json()["results"].as_array().unwrap().len()), (201, 2));
        assert_eq!(owner.ids("").await.len(), 5, "spam is in its own place");
        assert_eq!(owner.ids("_flags=spam").await.len(), 1);
    }
}

#[rocket::async_test]
async fn bad_input_gets_a_problem_that_names_the_place() {
    let app = TestApp::start("sqlite").await;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(17), "}".repeat(17));
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(65 * 1024));
    let many = format!("[{}]", vec!["{}"; 101].join(","));
    for (kind, body, status, word) in [
        ("application/json", r#"{"a":1,}"#.as_bytes(), 400, "line 1 column"),
        ("application/json", b"", 400, "empty"),
        ("application/json", b"[1,2]", 422, "\"/1\""),
        ("application/json", b"\"text\"", 422, "must be a JSON object"),
        ("application/json", b"{\"a\":\"\xff\"}", 400, "invalid UTF-8"),
        ("application/json", deep.as_bytes(), 422, "deeper than 16"),
        ("application/json", large.as_bytes(), 422, "longer than"),
        ("application/json", many.as_bytes(), 413, "at most 100 entries"),
        ("application/json", br#"{"_uid":"short"}"#, 422, "/_uid"),
        ("application/json", br#"{"_at":"tomorrow"}"#, 422, "/_at"),
        ("application/json", br#"{"a":1,"a":2}"#, 422, "twice"),
        ("application/json", br#"{"_collection":"nowhere"}"#, 404, "nowhere"),
        ("application/json", br#"{"_key":"pk_wrong"}"#, 403, "key"),
        ("image/png", b"x", 415, "application/json"),
    ] {
        app.post("/add", kind, body).await.is_problem(status, word);
    }
    app.post("/add", "application/json", "x".repeat(1_000_001)).await.is_problem(413, "1000000 bytes");
}

#[rocket::async_test]
async fn gzip_is_unpacked() {
    use std::io::Write as _;
    let app = TestApp::start("sqlite").await;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(br#"{"packed":true}"#).unwrap();
    let packed = packer.finish().unwrap();
    let json = ("Content-Type", "application/json");
    assert_eq!(send(&app, &[json, ("Content-Encoding", "gzip")], &packed).await.status, 201);
    send(&app, &[json, ("Content-Encoding", "gzip")], b"{}").await.is_problem(400, "gzip");
    send(&app, &[json, ("Content-Encoding", "zstd")], b"{}").await.is_problem(415, "gzip");
}

#[rocket::async_test]
async fn cors_headers_are_on_every_status() {
    let app = TestApp::with("sqlite", |config| {
        (config.rate_limit, config.rate_per_address, config.burst_per_address) = (Switch::On, 1, 3)
    })
    .await;
    let from = ("Origin", "https://page.example");
    for (body, status) in
        [("{}", 201), ("{", 400), (r#"{"_collection":"nowhere"}"#, 404), ("{}", 201), ("{}", 201), ("{}", 429)]
    {
        let mut request =
            app.client.post("/add").header(ContentType::Plain).header(Header::new(from.0, from.1)).body(body);
        request.set_remote("192.0.2.7:1000".parse().unwrap());
        let response = request.dispatch().await;
        assert_eq!(response.status().code, status);
        assert_eq!(response.headers().get_one("Access-Control-Allow-Origin"), Some("*"), "{status}");
        assert_eq!(response.headers().get_one("Access-Control-Allow-Credentials"), None);
        assert_eq!(response.headers().get_one("Retry-After").is_some(), status == 429);
    }
    let preflight = app
        .client
        .options("/add")
        .header(Header::new(from.0, from.1))
        .header(Header::new("Access-Control-Request-Method", "POST"))
        .header(Header::new("Access-Control-Request-Headers", "content-type"))
        .dispatch()
        .await;
    assert!(preflight.status().class().is_success());
    assert_eq!(preflight.headers().get_one("Access-Control-Allow-Origin"), Some("*"));
    // pages of staff are not for strangers
    let page = app.client.get("/collections").header(Header::new(from.0, from.1)).dispatch().await;
    assert_eq!(page.headers().get_one("Access-Control-Allow-Origin"), None);
}

#[rocket::async_test]
async fn origins_and_keys_decide_who_may_send() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let made = owner
            .json(
                rocket::http::Method::Post,
                "/api/v1/collections",
                r#"{"name":"contact","origins":["https://good.example"]}"#,
            )
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
        let key = made.json()["key"].as_str().unwrap().to_owned();
        app.add(r#"{"_collection":"contact"}"#).await.is_problem(403, "only with its key");
        let json = ("Content-Type", "application/json");
        let body = format!(r#"{{"_key":"{key}"}}"#);
        send(&app, &[json, ("Origin", "https://evil.example")], body.as_bytes())
            .await
            .is_problem(403, "https://evil.example");
        assert_eq!(send(&app, &[json, ("Origin", "https://good.example")], body.as_bytes()).await.status, 201);
        assert_eq!(app.post(&format!("/add?_key={key}"), "application/json", "{}").await.status, 201);
        assert!(
            owner.open("/collections/contact").await.text.contains("https://evil.example"),
            "staff see who was turned away"
        );
        owner.form("/collections/contact/origins", "origin=https%3A%2F%2Fevil.example").await;
        assert_eq!(send(&app, &[json, ("Origin", "https://evil.example")], body.as_bytes()).await.status, 201);
        assert_eq!(owner.ids("_collection=contact").await.len(), 3);
    }
}

#[rocket::async_test]
async fn a_form_without_javascript_leads_to_a_page() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let browser = ("Accept", "text/html,*/*");
    let from = ("Origin", "https://page.example");
    let thanks = send(&app, &[form, browser, from], b"name=Ada").await;
    assert_eq!(thanks.status, 201);
    assert!(thanks.text.contains("Thank you"));
    let led = send(&app, &[form, browser, from], b"name=Ada&_next=https%3A%2F%2Fpage.example%2Fthanks").await;
    assert_eq!((led.status, led.header("location")), (303, "https://page.example/thanks"));
    let away = send(&app, &[form, browser, from], b"name=Ada&_next=https%3A%2F%2Fevil.example%2F").await;
    assert_eq!(away.status, 201, "nobody is led to a stranger's page");
    assert_eq!(send(&app, &[form, ("Accept", "*/*")], b"name=Ada").await.json()["status"], "stored");
    assert_eq!(owner.ids("name=Ada").await.len(), 4);
}

#[rocket::async_test]
async fn prefer_minimal_answers_without_a_body() {
    let app = TestApp::start("sqlite").await;
    let answer = send(&app, &[("Content-Type", "application/json"), ("Prefer", "return=minimal")], b"{}").await;
    assert_eq!((answer.status, answer.text.as_str(), answer.header("preference-applied")), (201, "", "return=minimal"));
    assert!(answer.header("location").starts_with("/api/v1/entries/"));
}

#[rocket::async_test]
async fn quotas_and_checks_hold() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let patch = r#"{"daily_quota":2,"checks":{"seats":{"type":"number","mode":"reject"},"plan":{"type":"string","mode":"warn"}}}"#;
        let changed = owner.json(rocket::http::Method::Patch, "/api/v1/collections/default", patch).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        app.add(r#"{"seats":"two"}"#).await.is_problem(422, "/seats");
        let warned = app.add(r#"{"seats":2,"plan":7}"#).await;
        assert!(warned.json()["warnings"][0].as_str().unwrap().contains("plan"), "{}", warned.text);
        app.stored("{}").await;
        app.add("{}").await.is_problem(429, "Try again");
        app.wait(frontdesk::moment::DAY);
        app.stored("{}").await;
    }
}

#[rocket::async_test]
async fn the_clients_clock_is_corrected() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    // the client is an hour fast
    app.stored(r#"{"_at":"2026-03-10T12:59:50Z","_sent":"2026-03-10T13:00:00Z"}"#).await;
    let at = owner.get("/list").await.json()["entries"][0]["_at"].clone();
    assert_eq!(at, "2026-03-10T11:59:50.000Z");
}

#[rocket::async_test]
async fn methods_answer_as_http_says() {
    let app = TestApp::start("sqlite").await;
    let wrong = get(&app, rocket::http::Method::Delete, "/add").await;
    wrong.is_problem(405, "DELETE");
    assert_eq!(wrong.header("allow"), "OPTIONS, POST");
    let options = get(&app, rocket::http::Method::Options, "/list").await;
    assert_eq!((options.status, options.header("allow")), (204, "GET, HEAD, OPTIONS, POST"));
    get(&app, rocket::http::Method::Get, "/nowhere").await.is_problem(404, "no page");
    let head = get(&app, rocket::http::Method::Head, "/healthz").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    for open in ["/healthz", "/readyz", "/version"] {
        assert_eq!(app.get(open).await.status, 200);
    }
}

async fn get(app: &TestApp, method: rocket::http::Method, path: &'static str) -> Answer {
    Answer::of(app.client.req(method, path).dispatch().await).await
}
