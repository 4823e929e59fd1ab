//! Framing and bodies.

use std::time::Duration;

use serde_json::json;

use super::desk::{Desk, LONG, Wire, ask, get, until};
use super::upstream::{Step, Upstream, answer, ok, send};
use crate::support::databases;

#[rocket::async_test]
async fn a_request_goes_on_whole_and_the_answer_comes_back_as_it_was() {
    for kind in databases() {
        let desk = Desk::start(kind).await;
        let upstream =
            Upstream::start(|_| answer("299 Fine", "X-Two: a\r\nX-Two: b\r\nServer: theirs\r\n", "hello")).await;
        desk.relay("r", &[upstream.port], json!({})).await;
        for door in desk.doors() {
            let target = "/relay/r/a%2Fb//c;v=1/%7Euser/%E9/?a=1;b=2&c=+&d=%20&e&&a=3&f=%2B|{}";
            let fields = "Content-Length: 5\r\nX-Own: 1\r\nX-Own: 2\r\nCookie: theirs=1; frontdesk=secret\r\n";
            let got = ask(door, "POST", target, fields, b"\x00\xffabc").await;
            assert_eq!((got.status, got.text().as_str(), got.is_whole), (299, "hello", true), "{got:?}");
            assert_eq!((got.all("x-two"), got.one("server")), (vec!["a", "b"], "theirs"));
            let request = upstream.last();
            assert_eq!(request.method, "POST");
            assert_eq!(request.target, "/a%2Fb//c;v=1/%7Euser/%E9/?a=1;b=2&c=+&d=%20&e&&a=3&f=%2B|{}");
            assert_eq!(request.body, b"\x00\xffabc");
            assert_eq!(
                (request.all("x-own"), request.one("cookie")),
                (vec!["1".to_owned(), "2".to_owned()], "theirs=1".into())
            );
            assert_eq!(request.one("x-forwarded-for"), "127.0.0.1");
            assert!(request.one("via").starts_with("1.1 frontdesk-"));
        }
        desk.idle("r").await;
    }
}

#[rocket::async_test]
async fn case_1_an_answer_cut_off_never_looks_whole() {
    let desk = Desk::start("sqlite").await;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let cut = Upstream::start(move |_| vec![send(chunked), Step::Wait(Duration::from_millis(50)), Step::Close]).await;
    let stuck = Upstream::start(move |_| vec![send(chunked), Step::Wait(Duration::from_secs(60))]).await;
    desk.relay("cut", &[cut.port], json!({})).await;
    desk.relay("stuck", &[stuck.port], json!({"whole_ms": 300})).await;
    for door in desk.doors() {
        for relay in ["cut", "stuck"] {
            let got = get(door, &format!("/relay/{relay}/")).await;
            assert_eq!((got.status, got.is_whole, got.closed), (200, false, true), "{relay} {got:?}");
            desk.idle(relay).await;
        }
    }
    let watch = desk.watch("cut").await;
    assert_eq!(watch["tries"][0]["error"], "upstream_cut", "{watch}");
}

#[rocket::async_test]
async fn case_2_a_short_body_arrives_short_and_is_not_asked_for_again() {
    let desk = Desk::start("sqlite").await;
    for bytes in [0, 40] {
        let head = format!("HTTP/1.1 500 No\r\nContent-Length: 123\r\n\r\n{}", "x".repeat(bytes));
        let short =
            Upstream::start(move |_| vec![send(&head), Step::Wait(Duration::from_millis(50)), Step::Close]).await;
        let name = format!("s{bytes}");
        desk.relay(&name, &[short.port], json!({})).await;
        for door in desk.doors() {
            let before = short.received().len();
            let got = get(door, &format!("/relay/{name}/")).await;
            assert_eq!((got.status, got.body.len(), got.is_whole), (500, bytes, false), "{got:?}");
            assert_eq!(got.one("content-length"), "123");
            assert_eq!(short.received().len(), before + 1);
        }
    }
}

#[rocket::async_test]
async fn cases_3_to_5_bodies_that_are_none() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|request| match (request.method.as_str(), request.target.as_str()) {
        ("HEAD", "/surplus") => vec![send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")],
        ("HEAD", "/length") => vec![send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")],
        ("HEAD", _) => vec![send("HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n")],
        (_, "/204") => vec![send("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")],
        (_, "/304") => vec![send("HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n")],
        _ => ok("mine"),
    })
    .await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let head = |target: &'static str| async move { ask(door, "HEAD", target, "", b"").await };
        assert_eq!(head("/relay/r/surplus").await.one("content-length"), "5");
        assert_eq!(get(door, "/relay/r/x").await.text(), "mine", "surplus bytes are nobody's answer");
        assert_eq!(head("/relay/r/length").await.one("content-length"), "1234");
        assert_eq!(upstream.last().method, "HEAD");
        assert!(head("/relay/r/none").await.all("content-length").is_empty(), "none is invented");
        let none = get(door, "/relay/r/204").await;
        assert!(
            none.status == 204 && none.all("content-length").is_empty() && none.all("transfer-encoding").is_empty()
        );
        let same = get(door, "/relay/r/304").await;
        assert_eq!((same.status, same.one("content-length")), (304, "1234"));
    }
}

#[rocket::async_test]
async fn cases_6_and_7_the_framing_of_requests_goes_on() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("")).await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        for method in ["DELETE", "GET", "POST"] {
            ask(door, method, "/relay/r/", "", b"").await;
            let request = upstream.last();
            assert!(
                request.all("content-length").is_empty() && request.all("transfer-encoding").is_empty(),
                "{request:?}"
            );
        }
        for method in ["POST", "PUT"] {
            ask(door, method, "/relay/r/", "Content-Length: 0\r\n", b"").await;
            assert_eq!(upstream.last().one("content-length"), "0", "{method} {:?}", upstream.last());
        }
        let large = vec![b'x'; 200_000];
        let chunk = [format!("{:x}\r\n", large.len()).as_bytes(), &large, b"\r\n0\r\n\r\n"].concat();
        ask(door, "PUT", "/relay/r/", "Transfer-Encoding: chunked\r\n", &chunk).await;
        let request = upstream.last();
        assert_eq!((request.body.len(), request.one("transfer-encoding")), (200_000, "chunked".into()));
        ask(door, "GET", "/relay/r/", "Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n").await;
        assert_eq!(upstream.last().body, b"hello");
    }
}

#[rocket::async_test]
async fn case_8_a_body_framed_in_two_ways() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("x")).await;
    desk.relay("r", &[upstream.port], json!({})).await;
    let chunks = b"5\r\nhello\r\n0\r\n\r\n";
    for door in desk.doors() {
        for both in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        ] {
            let got = ask(door, "POST", "/relay/r/", both, chunks).await;
            assert_eq!(got.status, 200);
            assert_eq!((upstream.last().body, upstream.last().all("content-length")), (b"hello".to_vec(), vec![]));
        }
        let before = upstream.received().len();
        for wrong in ["Content-Length: 3\r\nContent-Length: 4\r\n", "Transfer-Encoding: chunked, gzip\r\n"] {
            let mut wire = Wire::open(door).await;
            wire.send(format!("POST /relay/r/ HTTP/1.1\r\nHost: a\r\n{wrong}\r\n").as_bytes()).await;
            wire.send(chunks).await;
            assert_eq!(wire.answer("POST").await.status, 400, "{wrong}");
            assert!(wire.is_closed().await);
        }
        let mut wire = Wire::open(door).await;
        wire.send(b"POST /relay/r/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").await;
        assert_eq!(wire.answer("POST").await.status, 400);
        assert_eq!(upstream.received().len(), before);
    }
}

#[rocket::async_test]
async fn case_9_no_tunnel_is_opened() {
    let desk = Desk::start("sqlite").await;
    let willing = Upstream::start(|request| match request.target.as_str() {
        "/101" => vec![send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")],
        _ => ok("plain"),
    })
    .await;
    desk.relay("r", &[willing.port], json!({})).await;
    for door in desk.doors() {
        let fields = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n";
        let got = ask(door, "GET", "/relay/r/", fields, b"").await;
        assert_eq!((got.status, got.text().as_str()), (200, "plain"));
        let request = willing.last();
        assert!(
            ["upgrade", "http2-settings", "connection"].iter().all(|name| request.all(name).is_empty()),
            "{request:?}"
        );
        assert_eq!(get(door, "/relay/r/101").await.status, 502);
    }
}

#[rocket::async_test]
async fn case_10_an_upload_broken_off_ends_broken() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("x")).await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        for (framing, body) in [
            ("Transfer-Encoding: chunked", "14\r\nhello hello hello he\r\n"),
            ("Content-Length: 100", "hello hello hello he"),
        ] {
            let before = upstream.received().len();
            let mut wire = Wire::open(door).await;
            wire.send(format!("POST /relay/r/ HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{body}").as_bytes()).await;
            until("the upstream has the head", async || upstream.open() > 0).await;
            drop(wire);
            until("the upload has ended", async || upstream.received().len() > before).await;
            let request = upstream.last();
            assert!(!request.is_whole, "{framing}: {request:?}");
            desk.idle("r").await;
        }
    }
}

#[rocket::async_test]
async fn case_11_a_body_over_the_limit_is_refused_and_never_passed_on_as_whole() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("x")).await;
    let pool = json!({"name": "p", "allow_private": true, "upstreams": [{"url": format!("http://127.0.0.1:{}", upstream.port)}]});
    desk.define("r", json!({"body_limit": 1_000_000, "pools": [pool], "default_pool": "p"})).await;
    for door in desk.doors() {
        let before = upstream.received().len();
        let got = ask(door, "POST", "/relay/r/", "Content-Length: 1000001\r\n", &[b'x'; 20]).await;
        assert_eq!((got.status, got.error()), (413, "body_too_large"));
        assert_eq!(upstream.received().len(), before, "untouched");
        let mut chunks = Vec::new();
        (0..20).for_each(|_| chunks.extend([&b"ea60\r\n"[..], &[b'x'; 60_000], b"\r\n"].concat()));
        chunks.extend(b"0\r\n\r\n");
        let got = ask(door, "POST", "/relay/r/", "Transfer-Encoding: chunked\r\n", &chunks).await;
        assert_eq!((got.status, got.error()), (413, "body_too_large"), "{got:?}");
        until("the upload has ended", async || upstream.received().len() > before).await;
        assert!(!upstream.last().is_whole);
    }
    assert_eq!(desk.watch("r").await["upstreams"][0]["condition"], "well");
}

#[rocket::async_test]
async fn case_12_an_early_refusal_reaches_the_client() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::early(|_| {
        let mut steps = answer("401 Unauthorized", "Connection: close\r\n", "no");
        steps.push(Step::Close);
        steps
    })
    .await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let mut wire = Wire::open(door).await;
        wire.send(b"POST /relay/r/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n").await;
        wire.send(&vec![b'x'; 100_000]).await;
        let got = tokio::time::timeout(LONG, wire.head()).await.expect("an answer");
        assert_eq!(got.status, 401, "{got:?}");
    }
    let watch = desk.watch("r").await;
    assert_eq!(watch["upstreams"][0]["hour"]["errors"], 0, "{watch}");
}

#[rocket::async_test]
async fn cases_13_to_15_what_comes_beside_the_answer() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|request| match request.target.as_str() {
        "/expect" => vec![send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")],
        "/417" => answer("417 Expectation Failed", "", "no"),
        "/early" => vec![send(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        )],
        _ => vec![send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
        )],
    })
    .await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        for (target, status) in [("/relay/r/expect", 200), ("/relay/r/417", 417)] {
            let got = ask(door, "PUT", target, "Expect: 100-continue\r\nContent-Length: 2\r\n", b"ab").await;
            assert_eq!(got.status, status);
            assert!(upstream.last().all("expect").is_empty());
        }
        assert_eq!(get(door, "/relay/r/early").await.text(), "ok");
        let got = get(door, "/relay/r/trailers").await;
        assert_eq!((got.text().as_str(), got.is_whole, got.all("trailer").len()), ("ok", true, 0));
        let body = b"2\r\nab\r\n0\r\nX-Role: owner\r\n\r\n";
        ask(door, "POST", "/relay/r/trailers", "Transfer-Encoding: chunked\r\nTrailer: X-Role\r\n", body).await;
        let request = upstream.last();
        assert!(request.body == b"ab" && request.all("trailer").is_empty() && request.all("x-role").is_empty());
    }
}

#[rocket::async_test]
async fn cases_16_and_17_bodies_that_are_coded_or_parts() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|request| match request.target.as_str() {
        "/coded" => {
            answer("200 OK", "Content-Encoding: gzip\r\nETag: \"1\"\r\nVary: Accept-Encoding\r\n", "\x1f not gzip")
        }
        "/416" => answer("416 Range Not Satisfiable", "Content-Range: bytes */10\r\n", ""),
        _ => answer("206 Partial Content", "Content-Range: bytes 0-3/10\r\n", "0123"),
    })
    .await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let got = get(door, "/relay/r/coded").await;
        assert_eq!(
            (got.text().as_str(), got.one("content-encoding"), got.one("etag")),
            ("\x1f not gzip", "gzip", "\"1\"")
        );
        assert!(upstream.last().all("accept-encoding").is_empty());
        let got =
            ask(door, "GET", "/relay/r/part", "Range: bytes=0-3\r\nIf-Range: \"1\"\r\nAccept-Encoding: gzip\r\n", b"")
                .await;
        assert_eq!((got.status, got.one("content-range"), got.text().as_str()), (206, "bytes 0-3/10", "0123"));
        assert_eq!(
            (upstream.last().one("range"), upstream.last().one("if-range")),
            ("bytes=0-3".into(), "\"1\"".into())
        );
        assert_eq!(get(door, "/relay/r/416").await.status, 416);
    }
}
