//! Which way a request goes, what is gathered, what is answered in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::desk::{Desk, ask, get};
use super::upstream::{Step, Upstream, answer, ok, send};

fn pool(name: &str, port: u16) -> Value {
    json!({"name": name, "allow_private": true, "first_byte_ms": 300, "upstreams": [{"url": format!("http://127.0.0.1:{port}")}]})
}

#[rocket::async_test]
async fn cases_66_and_67_the_body_decides() {
    let desk = Desk::start("sqlite").await;
    let (a, rest) = (Upstream::start(|_| ok("a")).await, Upstream::start(|_| ok("rest")).await);
    let rules = json!([
        {"when": {"json": {"/site": "a"}}, "pool": "a"}, {"when": {"json": {"/n": "9007199254740993"}}, "pool": "a"},
        {"when": {"form": {"site": "a"}}, "pool": "a"}]);
    let pools = json!([pool("a", a.port), pool("rest", rest.port)]);
    desk.define("r", json!({"pools": pools, "rules": rules, "default_pool": "rest"})).await;
    let (json_type, form) = ("application/json", "application/x-www-form-urlencoded");
    let large = format!("{{\"pad\":\"{}\",\"site\":\"a\"}}", "x".repeat(70_000));
    let rows = [
        (json_type, r#"{"site":"a"}"#, 200, "a"),
        (json_type, r#"{"other":1,"other":2,"site":"a"}"#, 200, "a"),
        (json_type, r#"{"n":9007199254740993}"#, 200, "a"),
        (json_type, r#"{"n":9007199254740992}"#, 200, "rest"),
        (json_type, r#"{"site":"a","site":"b"}"#, 400, "ambiguous"),
        (json_type, r#"{"site":"a","s\u0069te":"b"}"#, 400, "ambiguous"),
        (json_type, r#"{"site":"a""#, 200, "rest"),
        ("text/plain", r#"{"site":"a"}"#, 200, "rest"),
        (json_type, large.as_str(), 200, "rest"),
        (form, "x=1&site=a", 200, "a"),
        (form, "site=a&site=b", 400, "ambiguous"),
    ];
    for door in desk.doors() {
        for (kind, body, status, expected) in rows {
            let fields = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
            let got = ask(door, "POST", "/relay/r/", &fields, body.as_bytes()).await;
            let said = if status == 200 { got.text() } else { got.error().to_owned() };
            assert_eq!((got.status, said.as_str()), (status, expected), "{body:.60}");
            if status == 200 {
                let taker = if expected == "a" { &a } else { &rest };
                assert!(taker.last().body == body.as_bytes(), "the bytes are whole");
            }
        }
    }
}

#[rocket::async_test]
async fn cases_61_to_65_answers_are_gathered() {
    let desk = Desk::start("sqlite").await;
    let part = |request: &super::upstream::Received| match request.target.as_str() {
        "/numbers" => ok(r#"{"n":9007199254740993,"f":1.10,"e":1E400,"z":-0}"#),
        "/slow" => vec![Step::Wait(Duration::from_millis(100)), ok(r#"{"a":1}"#).remove(0)],
        "/204" => vec![send("HTTP/1.1 204 No Content\r\n\r\n")],
        "/array" => ok("[1,2]"),
        _ => ok(r#"{"a":1}"#),
    };
    let one = Upstream::start(part).await;
    let two = Upstream::start(|request| match request.target.as_str() {
        "/500" => answer("500 Error", "", "{}"),
        "/302" => answer("302 Found", "Location: /\r\n", ""),
        "/late" => vec![Step::Wait(Duration::from_secs(60))],
        "/cut" => vec![Step::Close],
        "/empty" => ok(""),
        "/bom" => ok("\u{feff}{}"),
        "/rest" => ok(r#"{"a":1}x"#),
        "/coded" => answer("200 OK", "Content-Encoding: gzip\r\n", "{}"),
        "/large" => ok(&format!("\"{}\"", "x".repeat(1024 * 1024))),
        _ => ok(r#"{"a":2,"b":{"c":[1]}}"#),
    })
    .await;
    let pools = json!([pool("one", one.port), pool("two", two.port)]);
    for mode in ["object", "merge", "concat", "race"] {
        desk.define(mode, json!({"mode": mode, "pools": pools, "default_pool": "one"})).await;
    }
    desk.define("strict", json!({"mode": "object", "strict": true, "pools": pools})).await;
    for door in desk.doors() {
        let got = get(door, "/relay/object/numbers").await;
        assert!(got.text().contains(r#""body":{"n":9007199254740993,"f":1.10,"e":1E400,"z":-0}"#), "{}", got.text());
        assert_eq!((got.one("x-frontdesk-complete"), got.one("x-frontdesk-parts")), ("true", "one=200, two=200"));
        for path in ["/x", "/slow"] {
            let got = get(door, &format!("/relay/merge{path}")).await;
            assert_eq!(got.text(), r#"{"a":1,"b":{"c":[1]}}"#, "{path}: the part declared first counts");
        }
        for (path, code) in [
            ("/500", "status"),
            ("/302", "status"),
            ("/late", "timeout"),
            ("/cut", "upstream_cut"),
            ("/empty", "not_json"),
            ("/bom", "not_json"),
            ("/rest", "not_json"),
            ("/coded", "coded"),
            ("/large", "part_too_large"),
        ] {
            let got = get(door, &format!("/relay/object{path}")).await;
            assert_eq!(
                (got.status, got.one("x-frontdesk-complete"), got.one("cache-control")),
                (200, "false", "no-store"),
                "{path}"
            );
            let body: Value = serde_json::from_slice(&got.body).unwrap();
            assert_eq!((&body["one"]["body"]["a"], &body["two"]["error"]), (&json!(1), &json!(code)), "{path}");
            let strict = get(door, &format!("/relay/strict{path}")).await;
            assert_eq!((strict.status, strict.error()), (502, "incomplete"), "{path}");
        }
        let got = get(door, "/relay/object/204").await;
        assert!(got.text().contains(r#""one":{"status":204"#) && got.text().contains(r#""body":null"#));
        assert_eq!(got.one("x-frontdesk-complete"), "true");
        let got = get(door, "/relay/concat/array").await;
        assert_eq!((got.text().as_str(), got.one("x-frontdesk-parts")), ("[1,2]", "one=200, two=not_array"));
        assert_eq!(get(door, "/relay/race/500").await.text(), r#"{"a":1}"#);
        let fields = "If-None-Match: \"1\"\r\nRange: bytes=0-1\r\nAccept-Encoding: br\r\nContent-Length: 0\r\n";
        ask(door, "GET", "/relay/object/x", fields, b"").await;
        let request = one.last();
        assert_eq!(request.one("accept-encoding"), "identity");
        assert!(["if-none-match", "range", "content-length"].iter().all(|name| request.all(name).is_empty()));
        let head = ask(door, "HEAD", "/relay/object/x", "", b"").await;
        assert!(head.status == 200 && head.one("content-length").parse::<usize>().unwrap() > 20, "{head:?}");
    }
}

#[rocket::async_test]
async fn all_parts_missing() {
    let desk = Desk::start("sqlite").await;
    let late = Upstream::start(|_| vec![Step::Wait(Duration::from_secs(60))]).await;
    let cut = Upstream::start(|_| vec![Step::Close]).await;
    desk.define("late", json!({"mode": "object", "pools": [pool("a", late.port), pool("b", late.port)]})).await;
    desk.define("mixed", json!({"mode": "merge", "pools": [pool("a", late.port), pool("b", cut.port)]})).await;
    desk.define("race", json!({"mode": "race", "pools": [pool("a", cut.port), pool("b", cut.port)]})).await;
    for door in desk.doors() {
        assert_eq!(get(door, "/relay/late/").await.status, 504);
        assert_eq!(get(door, "/relay/mixed/").await.status, 502);
        assert_eq!(get(door, "/relay/race/").await.error(), "no_part");
    }
}

#[rocket::async_test]
async fn case_68_the_last_good_answer_is_shown_for_failures_only_and_never_to_others() {
    let desk = Desk::start("sqlite").await;
    let state = Arc::new(AtomicUsize::new(200));
    let now = state.clone();
    let upstream = Upstream::start(move |request| match (now.load(Ordering::SeqCst), request.target.as_str()) {
        (200, "/cookie") => answer("200 OK", "Set-Cookie: a=1\r\n", "good"),
        (200, "/private") => answer("200 OK", "Cache-Control: private\r\n", "good"),
        (200, _) => answer("200 OK", "X-Kept: 1\r\n", "good"),
        (0, _) => vec![Step::Close],
        (status, _) => answer(&format!("{status} No"), "", "bad"),
    })
    .await;
    let mut kept = pool("p", upstream.port);
    kept["last_resort"] = json!({"kind": "last-good", "max_age": 60});
    desk.define("r", json!({"pools": [kept], "default_pool": "p"})).await;
    for door in desk.doors() {
        state.store(200, Ordering::SeqCst);
        for path in ["/x", "/cookie", "/private"] {
            assert_eq!(get(door, &format!("/relay/r{path}")).await.text(), "good");
        }
        ask(door, "GET", "/relay/r/mine", "Authorization: Basic a\r\n", b"").await;
        for status in [500, 502, 503, 504, 0] {
            state.store(status, Ordering::SeqCst);
            let got = get(door, "/relay/r/x").await;
            assert_eq!(
                (got.status, got.text().as_str(), got.one("x-frontdesk-source")),
                (200, "good", "last-good"),
                "{status}"
            );
            assert!(!got.one("age").is_empty() && got.one("x-kept") == "1" && got.one("cache-control") == "no-store");
            for path in ["/cookie", "/private", "/mine", "/other"] {
                assert_ne!(get(door, &format!("/relay/r{path}")).await.status, 200, "{path} is never kept");
            }
            assert_ne!(ask(door, "GET", "/relay/r/x", "Cookie: a=1\r\n", b"").await.text(), "good");
        }
        for status in [404, 403, 410] {
            state.store(status, Ordering::SeqCst);
            assert_eq!(get(door, "/relay/r/x").await.status, status as u16);
        }
    }
}

#[rocket::async_test]
async fn a_static_answer_stands_in_when_nobody_answers() {
    let desk = Desk::start("sqlite").await;
    let cut = Upstream::start(|_| vec![Step::Close]).await;
    let mut fixed = pool("p", cut.port);
    fixed["last_resort"] =
        json!({"kind": "static", "status": 203, "content_type": "application/json", "body": "{\"closed\":true}"});
    desk.define("r", json!({"pools": [fixed], "default_pool": "p"})).await;
    for door in desk.doors() {
        let got = ask(door, "POST", "/relay/r/", "Content-Length: 1\r\n", b"x").await;
        assert_eq!(
            (got.status, got.text().as_str(), got.one("x-frontdesk-source")),
            (203, "{\"closed\":true}", "static")
        );
    }
}

#[rocket::async_test]
async fn case_60_nothing_is_sent_to_where_it_must_not_go() {
    let desk = Desk::start("sqlite").await;
    let inside = Upstream::start(|_| ok("inside")).await;
    let port = inside.port;
    let spellings = [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "0",
        "localhost",
        "localhost.",
        "u@127.0.0.1",
        "①②⑦.0.0.1",
        "169.254.169.254",
    ];
    for host in spellings {
        let definition =
            json!({"name": "x", "pools": [{"name": "p", "upstreams": [{"url": format!("http://{host}:{port}/")}]}]});
        let (status, answer) = desk.api("POST", "/api/v1/relays", definition).await;
        assert_eq!(
            (status, &answer["errors"][0]["pointer"]),
            (422, &json!("/pools/0/upstreams/0/url")),
            "{host}: {answer}"
        );
    }
    // A name that leads inside is not seen when it is saved, and refused when it is connected to; health checks go the same way.
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or("localhost.localdomain").to_owned();
    let pool = json!({"name": "p", "health_path": "/", "health_ms": 50, "upstreams": [{"url": format!("http://{name}:{port}")}]});
    desk.define("named", json!({"pools": [pool], "default_pool": "p"})).await;
    for door in desk.doors() {
        let got = get(door, "/relay/named/").await;
        assert!(matches!(got.error(), "out_of_reach" | "connect" | "no_upstream"), "{got:?}");
    }
    assert_eq!(inside.connections(), 0);
}
