//! Which upstream gets a request, and what becomes of it when that one fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::desk::{Desk, LONG, Wire, ask, get, until};
use super::upstream::{Step, Upstream, answer, ok, send};

/// A port at which nobody listens.
fn nobody() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Closes every connection once it has read a request.
async fn mute() -> Upstream {
    Upstream::start(|_| vec![Step::Close]).await
}

#[rocket::async_test]
async fn case_37_a_connection_closed_under_a_request() {
    let desk = Desk::start("sqlite").await;
    // Answers the first request of each connection and closes it under the second.
    let count = Arc::new(AtomicUsize::new(0));
    let turn = count.clone();
    let closing =
        Upstream::start(move |request| match (request.target.as_str(), turn.fetch_add(1, Ordering::SeqCst) % 2) {
            ("/first", _) => {
                turn.store(1, Ordering::SeqCst);
                ok("first")
            }
            (_, 1) => vec![Step::Close],
            _ => ok("again"),
        })
        .await;
    let good = Upstream::start(|_| ok("good")).await;
    desk.relay("one", &[closing.port], json!({})).await;
    desk.relay("two", &[closing.port, good.port], json!({"policy": "first"})).await;
    for door in desk.doors() {
        get(door, "/relay/one/first").await;
        let before = closing.received().len();
        let got = ask(door, "POST", "/relay/one/x", "Content-Length: 2\r\n", b"ab").await;
        assert_eq!((got.status, got.error()), (502, "upstream_cut"));
        assert_eq!(closing.received().len(), before + 1, "a POST is not repeated");
        for method in ["GET", "OPTIONS"] {
            get(door, "/relay/two/first").await;
            let got = ask(door, method, "/relay/two/x", "", b"").await;
            assert_eq!((got.status, got.text().as_str()), (200, "good"), "{method}");
        }
    }
}

#[rocket::async_test]
async fn case_38_another_upstream_gets_the_very_bytes() {
    let desk = Desk::start("sqlite").await;
    let good = Upstream::start(|_| ok("good")).await;
    desk.relay("r", &[nobody(), good.port], json!({"policy": "first"})).await;
    for door in desk.doors() {
        for size in [24_000, 2_000_000] {
            let body: Vec<u8> = (0..size).map(|i: u32| (i % 251) as u8).collect();
            let got = ask(door, "POST", "/relay/r/", &format!("Content-Length: {size}\r\n"), &body).await;
            assert_eq!(got.status, 200, "{size}");
            assert!(good.last().body == body, "{size}");
        }
    }
}

#[rocket::async_test]
async fn case_39_a_post_reaches_upstreams_once() {
    let desk = Desk::start("sqlite").await;
    let bad = Upstream::start(|request| match request.target.as_str() {
        "/good" => ok("good"),
        "/502" => answer("502 Bad Gateway", "", "theirs"),
        "/slow" => vec![Step::Wait(Duration::from_secs(60))],
        "/reset" => vec![send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), Step::Reset],
        _ => vec![Step::Reset],
    })
    .await;
    let other = Upstream::start(|_| ok("other")).await;
    let pool = json!({"policy": "first", "first_byte_ms": 200});
    desk.relay("r", &[bad.port, other.port], pool.clone()).await;
    for door in desk.doors() {
        for (path, status) in [("/502", 502), ("/slow", 504), ("/reset", 200), ("/cut", 502)] {
            // A good answer before each, so that the upstream is not taken out.
            assert_eq!(get(door, "/relay/r/good").await.text(), "good");
            let before = bad.received().len();
            let got = ask(door, "POST", &format!("/relay/r{path}"), "Content-Length: 1\r\n", b"x").await;
            assert_eq!(got.status, status, "{path}");
            assert_eq!(got.is_whole, path != "/reset", "{path}");
            assert_eq!((bad.received().len(), other.received().len()), (before + 1, 0), "{path}");
        }
    }
    let mut keyed = pool;
    keyed["retry_keyed"] = json!(true);
    desk.relay("keyed", &[bad.port, other.port], keyed).await;
    let got = ask(desk.own, "POST", "/relay/keyed/cut", "Idempotency-Key: 1\r\nContent-Length: 1\r\n", b"x").await;
    assert_eq!(got.text(), "other", "with a key and leave of the pool it is");
}

#[rocket::async_test]
async fn case_40_second_tries_stay_within_their_budget() {
    let desk = Desk::start("sqlite").await;
    let bad = [mute().await, mute().await, mute().await];
    desk.relay("r", &bad.each_ref().map(|upstream| upstream.port), json!({})).await;
    let left = Arc::new(AtomicUsize::new(1000));
    let own = desk.own;
    let asking = (0..50).map(|_| {
        let left = left.clone();
        tokio::spawn(async move {
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
                let status = get(own, "/relay/r/").await.status;
                assert!(matches!(status, 502 | 503), "{status}");
            }
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    let tries: usize = bad.iter().map(|upstream| upstream.received().len()).sum();
    assert!(tries <= 1000 + 200 + 10, "{tries}");
    desk.idle("r").await;
}

#[rocket::async_test]
async fn cases_41_43_and_47_clients_that_leave() {
    let desk = Desk::start("sqlite").await;
    let slow = Upstream::start(|request| match request.target.as_str() {
        "/events" => vec![send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"), Step::Wait(LONG * 2)],
        _ => vec![Step::Wait(LONG * 2)],
    })
    .await;
    desk.relay("r", &[slow.port], json!({})).await;
    for door in desk.doors() {
        for path in ["/slow", "/events"] {
            let before = slow.received().len();
            let mut wires = Vec::new();
            for _ in 0..20 {
                let mut wire = Wire::open(door).await;
                wire.send(format!("GET /relay/r{path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
                wires.push(wire);
            }
            until("all are under way", async || slow.received().len() == before + 20).await;
            // The definition changes meanwhile; the counts go on.
            assert_eq!(desk.api("PATCH", "/api/v1/relays/r", json!({"title": path})).await.0, 200);
            assert_eq!(desk.watch("r").await["upstreams"][0]["in_flight"], 20);
            drop(wires);
            until("the upstream's connections are closed", async || slow.open() == 0).await;
            desk.idle("r").await;
        }
    }
    let watch = desk.watch("r").await;
    let upstream = &watch["upstreams"][0];
    assert_eq!((&upstream["condition"], &upstream["hour"]["errors"]), (&json!("well"), &json!(0)), "{watch}");
    assert_eq!(watch["tries"][0]["error"], "client_gone");
}

#[rocket::async_test]
async fn case_42_an_application_that_fails_takes_nothing_out() {
    let desk = Desk::start("sqlite").await;
    let script = |request: &super::upstream::Received| match request.target.as_str() {
        "/500" => answer("500 Error", "", "theirs"),
        "/503" => answer("503 Unavailable", "", "theirs"),
        _ => ok("fine"),
    };
    let (a, b) = (Upstream::start(script).await, Upstream::start(script).await);
    desk.relay("r", &[a.port, b.port], json!({})).await;
    for door in desk.doors() {
        for (path, status) in [("/500", 500), ("/503", 503)] {
            for _ in 0..30 {
                let got = get(door, &format!("/relay/r{path}")).await;
                assert_eq!((got.status, got.text().as_str()), (status, "theirs"));
                assert_eq!(get(door, "/relay/r/other").await.text(), "fine");
            }
            let conditions = conditions(&desk, "r").await;
            assert!(conditions.iter().any(|condition| condition != "out"), "{conditions:?}");
            assert!(path == "/503" || door == desk.own || !conditions.contains(&"out".to_owned()), "500 never counts");
        }
    }
}

async fn conditions(desk: &Desk, relay: &str) -> Vec<String> {
    let watch = desk.watch(relay).await;
    let all = watch["upstreams"].as_array().unwrap();
    all.iter().map(|upstream| upstream["condition"].as_str().unwrap().to_owned()).collect()
}

#[rocket::async_test]
async fn an_upstream_that_dies_is_left_alone_and_a_get_succeeds_meanwhile() {
    let desk = Desk::start("sqlite").await;
    let good = Upstream::start(|_| ok("good")).await;
    desk.relay("r", &[nobody(), good.port], json!({"policy": "first"})).await;
    for door in desk.doors() {
        for _ in 0..10 {
            assert_eq!(get(door, "/relay/r/").await.text(), "good");
        }
    }
    assert_eq!(conditions(&desk, "r").await, ["out", "well"]);
    // The last one is never taken out.
    desk.relay("last", &[nobody()], json!({})).await;
    for _ in 0..12 {
        assert_eq!(get(desk.own, "/relay/last/").await.error(), "connect");
    }
    assert_eq!(conditions(&desk, "last").await, ["failing"]);
}

#[rocket::async_test]
async fn cases_45_and_46_events_go_on_at_once_and_outlive_the_limit() {
    let desk = Desk::start("sqlite").await;
    let next = Arc::new(Notify::new());
    let gate = next.clone();
    let stream = Upstream::start(move |_| {
        let head = send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        let event = |n: u32| vec![Step::For(gate.clone()), send(format!("9\r\ndata: {n}\n\n\r\n"))];
        [vec![head], (1..=4).flat_map(event).collect(), vec![send("0\r\n\r\n")]].concat()
    })
    .await;
    desk.relay("r", &[stream.port], json!({"whole_ms": 100, "idle_ms": 100})).await;
    for door in desk.doors() {
        let mut wire = Wire::open(door).await;
        wire.send(b"GET /relay/r/ HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let head = wire.head().await;
        assert_eq!(head.one("content-type"), "text/event-stream", "the head comes before any event");
        for n in 1..=4 {
            // Longer than an exchange may take otherwise: what is waited for is the time itself.
            tokio::time::sleep(Duration::from_millis(60)).await;
            next.notify_one();
            let wanted = n * "9\r\ndata: 1\n\n\r\n".len();
            let came = tokio::time::timeout(LONG, wire.at_least(wanted)).await;
            assert!(came.is_ok_and(|came| came >= wanted), "event {n}");
        }
    }
}

#[rocket::async_test]
async fn case_49_weights_and_drains_change_without_a_restart() {
    let desk = Desk::start("sqlite").await;
    let (a, b) = (Upstream::start(|_| ok("a")).await, Upstream::start(|_| ok("b")).await);
    desk.relay("r", &[a.port, b.port], json!({"policy": "round-robin"})).await;
    let set = async |weights: [Value; 2]| {
        let ups: Vec<_> = [a.port, b.port]
            .into_iter()
            .zip(weights)
            .map(|(port, mut more)| {
                more["url"] = json!(format!("http://127.0.0.1:{port}"));
                more
            })
            .collect();
        let pool = json!({"name": "p", "policy": "round-robin", "allow_private": true, "upstreams": ups});
        let (status, answer) = desk.api("PATCH", "/api/v1/relays/r", json!({"pools": [pool]})).await;
        assert_eq!(status, 200, "{answer}");
    };
    let shares = async || {
        let mut counts = [0, 0];
        for _ in 0..20 {
            counts[usize::from(get(desk.own, "/relay/r/").await.text() == "b")] += 1;
        }
        counts
    };
    assert_eq!(shares().await, [10, 10]);
    set([json!({"weight": 3}), json!({"weight": 1})]).await;
    assert_eq!(shares().await, [15, 5]);
    set([json!({"drain": true}), json!({})]).await;
    assert_eq!(shares().await, [0, 20]);
}

#[rocket::async_test]
async fn case_50_a_browser_stays_with_its_upstream_as_long_as_it_is_there() {
    let desk = Desk::start("sqlite").await;
    let (a, b) = (Upstream::start(|_| ok("a")).await, Upstream::start(|_| ok("b")).await);
    desk.relay("r", &[a.port, b.port], json!({"policy": "sticky"})).await;
    for door in desk.doors() {
        let first = get(door, "/relay/r/").await;
        let cookie = first.one("set-cookie").to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/relay/r"));
        let field = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
        for _ in 0..10 {
            assert_eq!(ask(door, "GET", "/relay/r/", &field, b"").await.text(), first.text());
        }
        let taker = if first.text() == "a" { &a } else { &b };
        assert!(taker.last().all("cookie").is_empty(), "the cookie is ours");
        let tampered = ask(door, "GET", "/relay/r/", "Cookie: frontdesk-relay-r-p=nonsense\r\n", b"").await;
        assert!(tampered.status == 200 && !tampered.all("set-cookie").is_empty());
        let other = if first.text() == "a" { b.port } else { a.port };
        let pool = |port: u16| json!({"name": "p", "policy": "sticky", "allow_private": true, "upstreams": [{"url": format!("http://127.0.0.1:{port}")}]});
        desk.api("PATCH", "/api/v1/relays/r", json!({"pools": [pool(other)]})).await;
        let gone = ask(door, "GET", "/relay/r/", &field, b"").await;
        assert!(gone.status == 200 && gone.text() != first.text() && !gone.all("set-cookie").is_empty());
        let both =
            json!([{"url": format!("http://127.0.0.1:{}", a.port)}, {"url": format!("http://127.0.0.1:{}", b.port)}]);
        let pool = json!({"name": "p", "policy": "sticky", "allow_private": true, "upstreams": both});
        desk.api("PATCH", "/api/v1/relays/r", json!({"pools": [pool]})).await;
    }
}

#[rocket::async_test]
async fn cases_51_to_53_health_checks() {
    let desk = Desk::start("sqlite").await;
    let ill = Arc::new(AtomicUsize::new(0));
    let state = ill.clone();
    let other = Upstream::start(|_| ok("other")).await;
    let location = format!("Location: http://127.0.0.1:{}/\r\n", other.port);
    let checked = Upstream::start(move |request| match (request.target.as_str(), state.load(Ordering::SeqCst)) {
        ("/health", 1) => answer("503 Ill", "", ""),
        ("/health", 2) => answer("302 Found", &location, ""),
        _ => ok("fine"),
    })
    .await;
    let good = Upstream::start(|_| ok("good")).await;
    let pool = json!({"policy": "first", "health_path": "/health", "health_ms": 50});
    desk.relay("r", &[checked.port, good.port], pool).await;
    until("it is asked", async || !checked.received().is_empty()).await;
    assert_eq!(get(desk.own, "/relay/r/").await.text(), "fine");
    for state in [1, 2] {
        ill.store(state, Ordering::SeqCst);
        until("it is taken out", async || conditions(&desk, "r").await[0] == "down").await;
        assert_eq!(get(desk.own, "/relay/r/").await.text(), "good", "although its requests would succeed");
        let reason = desk.watch("r").await["upstreams"][0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(if state == 1 { "503" } else { "302" }), "{reason}");
        ill.store(0, Ordering::SeqCst);
        until("it is back", async || conditions(&desk, "r").await[0] != "down").await;
    }
    assert_eq!(other.connections(), 0, "redirects are not followed");
    desk.api("DELETE", "/api/v1/relays/r", Value::Null).await;
    let asked = async || checked.received().len();
    // A check that is under way may still arrive; after that there are none.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let before = asked().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(asked().await, before, "no checks after removal");
}

#[rocket::async_test]
async fn case_54_an_open_breaker_answers_at_once_and_says_when_to_come_back() {
    let desk = Desk::start("sqlite").await;
    desk.relay("r", &[nobody()], json!({})).await;
    for _ in 0..20 {
        assert_eq!(get(desk.own, "/relay/r/").await.error(), "connect");
    }
    let got = get(desk.main, "/relay/r/").await;
    assert_eq!((got.status, got.error()), (503, "breaker_open"));
    assert!((1..=11).contains(&got.one("retry-after").parse::<u32>().unwrap()));
}

#[rocket::async_test]
async fn more_than_an_upstream_takes_is_told_to_come_back() {
    let desk = Desk::start("sqlite").await;
    let slow = Upstream::start(|_| vec![Step::Wait(LONG * 2)]).await;
    desk.relay("r", &[slow.port], json!({})).await;
    let mut wires = Vec::new();
    for _ in 0..256 {
        let mut wire = Wire::open(desk.own).await;
        wire.send(b"GET /relay/r/ HTTP/1.1\r\nHost: a\r\n\r\n").await;
        wires.push(wire);
    }
    until("all are under way", async || slow.received().len() == 256).await;
    let got = get(desk.own, "/relay/r/").await;
    assert_eq!((got.status, got.error(), got.one("retry-after")), (503, "busy", "1"));
    drop(wires);
    desk.idle("r").await;
}
