//! Upstreams and clients that mean harm.

use std::time::Duration;

use serde_json::json;

use super::desk::{Desk, LONG, Wire, ask, get, until};
use super::upstream::{Step, Upstream, answer, ok, send};

#[rocket::async_test]
async fn an_upstream_cannot_pass_itself_off_as_us() {
    let desk = Desk::start("sqlite").await;
    let fields = "Content-Type: text/html\r\nX-Frontdesk-Error: loop\r\nX-Frontdesk-Source: static\r\nX-Frontdesk-Complete: true\r\n\
        Content-Security-Policy: default-src *\r\nSet-Cookie: frontdesk=evil\r\nSet-Cookie: %5F%5FHost-frontdesk=evil\r\n\
        Set-Cookie: =frontdesk=evil\r\nSet-Cookie: _flash=1:x\r\nSet-Cookie: theirs=1\r\nClear-Site-Data: \"*\"\r\n";
    let upstream = Upstream::start(move |_| answer("200 OK", fields, "<script>alert(1)</script>")).await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let got = get(door, "/relay/r/").await;
        assert_eq!(got.all("set-cookie"), ["theirs=1"], "cookies know no ports");
        assert!(
            !got.fields.iter().any(|(name, _)| name.starts_with("x-frontdesk") || name == "clear-site-data"),
            "{got:?}"
        );
        assert_eq!(got.all("content-security-policy").contains(&"sandbox"), door == desk.main);
    }
}

#[rocket::async_test]
async fn chunks_count_where_a_length_stands_beside_them() {
    let desk = Desk::start("sqlite").await;
    let body = "x".repeat(100);
    let both =
        format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{body}\r\n0\r\n\r\n");
    let upstream = Upstream::start(move |_| vec![send(&both)]).await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let got = get(door, "/relay/r/").await;
        assert_eq!(
            (got.text().as_str(), got.is_whole, got.all("content-length").len()),
            (body.as_str(), true, 0),
            "{got:?}"
        );
    }
}

#[rocket::async_test]
async fn an_upload_given_up_after_an_early_answer_ends_broken() {
    let desk = Desk::start("sqlite").await;
    // Answers at once, and goes on reading the upload.
    let upstream = Upstream::early(|_| vec![send("HTTP/1.1 204 No Content\r\n\r\n")]).await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let before = upstream.bytes();
        let mut wire = Wire::open(door).await;
        wire.send(
            b"POST /relay/r/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n14\r\nhello hello hello he\r\n",
        )
        .await;
        let got = tokio::time::timeout(LONG, wire.head()).await.expect("an answer");
        assert_eq!(got.status, 204);
        drop(wire);
        until("the upload has ended", async || upstream.open() == 0).await;
        let sent = upstream.bytes().split_off(before.len());
        let sent = String::from_utf8_lossy(&sent).into_owned();
        assert!(sent.contains("hello") && !sent.ends_with("0\r\n\r\n"), "a part is not told as the whole: {sent:?}");
        desk.idle("r").await;
    }
}

#[rocket::async_test]
async fn a_deep_part_of_a_merge_is_a_part_that_does_not_fit() {
    let desk = Desk::start("sqlite").await;
    let deep = Upstream::start(|_| ok(&format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000)))).await;
    let wide = Upstream::start(|_| {
        let names: Vec<_> = (0..60_000).map(|i| format!("\"k{i}\":{i}")).collect();
        ok(&format!("{{{}}}", names.join(",")))
    })
    .await;
    let pool = |name: &str, port: u16| json!({"name": name, "allow_private": true, "upstreams": [{"url": format!("http://127.0.0.1:{port}")}]});
    desk.define("r", json!({"mode": "merge", "pools": [pool("deep", deep.port), pool("wide", wide.port)]})).await;
    for door in desk.doors() {
        let got = get(door, "/relay/r/").await;
        assert_eq!((got.status, got.one("x-frontdesk-parts")), (200, "deep=not_object, wide=200"), "{:?}", got.fields);
    }
}

#[rocket::async_test]
async fn slow_clients_make_no_upstream_ill_and_one_that_always_cuts_is_found_out() {
    let desk = Desk::start("sqlite").await;
    let good = Upstream::start(|_| ok("good")).await;
    let slow =
        Upstream::start(|_| vec![send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), Step::Wait(LONG * 2)]).await;
    let cuts = Upstream::start(|_| {
        vec![
            send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
            Step::Wait(Duration::from_millis(20)),
            Step::Close,
        ]
    })
    .await;
    desk.relay("whole", &[slow.port, good.port], json!({"policy": "first", "whole_ms": 100})).await;
    desk.relay("cuts", &[cuts.port, good.port], json!({"policy": "first"})).await;
    for _ in 0..6 {
        assert!(!get(desk.own, "/relay/whole/").await.is_whole, "over its time");
    }
    assert_eq!(desk.watch("whole").await["upstreams"][0]["condition"], "well");
    for _ in 0..5 {
        assert!(!get(desk.own, "/relay/cuts/").await.is_whole);
    }
    desk.idle("cuts").await;
    assert_eq!(get(desk.own, "/relay/cuts/").await.text(), "good", "after five cuts the other one answers");
}

#[rocket::async_test]
async fn secret_headers_are_never_left_out() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("ok")).await;
    let pool = json!({"name": "p", "allow_private": true, "upstreams": [{"url": format!("http://127.0.0.1:{}", upstream.port)}]});
    let with = json!([{"name": "X-Key", "value": "secret"}]);
    desk.define("r", json!({"pools": [pool], "default_pool": "p", "secret_headers": with})).await;
    let (status, _) = desk.api("PATCH", "/api/v1/relays/r", json!({"secret_headers": []})).await;
    assert_eq!(status, 200);
    let (status, answer) = desk.api("POST", "/api/v1/relays/r/editions/1/restoration", json!(null)).await;
    assert_eq!(
        (status, &answer["errors"][0]["pointer"]),
        (422, &json!("/secret_headers/0/value")),
        "its value is gone"
    );
    let (status, _) = desk.api("PATCH", "/api/v1/relays/r", json!({"secret_headers": [{"name": "X-Key"}]})).await;
    assert_eq!(status, 422, "and does not come back by its name");
    get(desk.own, "/relay/r/").await;
    assert!(upstream.last().all("x-key").is_empty());
}

#[rocket::async_test]
async fn credentials_on_a_second_line_and_a_key_that_is_a_hop_stay_here() {
    let desk = Desk::start("sqlite").await;
    let (cut, good) = (Upstream::start(|_| vec![Step::Reset]).await, Upstream::start(|_| ok("ok")).await);
    desk.relay("one", &[good.port], json!({})).await;
    desk.relay("two", &[cut.port, good.port], json!({"policy": "first", "retry_keyed": true})).await;
    for door in desk.doors() {
        let lines = format!("Authorization: Basic abc\r\nAuthorization: Bearer {}\r\n", desk.token);
        ask(door, "GET", "/relay/one/", &lines, b"").await;
        assert_eq!(good.last().all("authorization"), ["Basic abc"]);
        let before = good.received().len();
        let hop = "Connection: Idempotency-Key\r\nIdempotency-Key: a\r\nContent-Length: 1\r\n";
        let got = ask(door, "POST", "/relay/two/", hop, b"x").await;
        assert_eq!((got.status, good.received().len()), (502, before), "the upstream got no key: not repeated");
        let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n";
        ask(door, "POST", "/relay/one/", form, b"&_method=put&a").await;
        assert_eq!(good.last().method, "POST");
    }
}

#[rocket::async_test]
async fn what_drips_byte_by_byte_is_whole() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("ok")).await;
    let rules = json!([{"when": {"json": {"/a": "b"}}, "pool": "p"}]);
    let pool = json!({"name": "p", "allow_private": true, "upstreams": [{"url": format!("http://127.0.0.1:{}", upstream.port)}]});
    desk.define("r", json!({"pools": [pool], "default_pool": "p", "rules": rules})).await;
    for door in desk.doors() {
        let chunks = "1\r\nx\r\n".repeat(20_000) + "0\r\n\r\n";
        assert_eq!(
            ask(door, "POST", "/relay/r/", "Transfer-Encoding: chunked\r\n", chunks.as_bytes()).await.status,
            200
        );
        assert_eq!(upstream.last().body.len(), 20_000);
    }
}
