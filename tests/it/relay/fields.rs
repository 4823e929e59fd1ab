//! Request lines and fields.

use serde_json::json;

use super::desk::{Desk, Wire, ask, get};
use super::upstream::{Upstream, answer, ok, send};

/// A relay `r` to an upstream that answers everything with `ok`.
async fn echo() -> (Desk, Upstream) {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("ok")).await;
    desk.relay("r", &[upstream.port], json!({})).await;
    (desk, upstream)
}

#[rocket::async_test]
async fn cases_18_20_and_21_the_address_is_passed_on_as_it_was_sent() {
    let (desk, upstream) = echo().await;
    for door in desk.doors() {
        for (sent, expected) in [
            ("", "/"),
            ("/", "/"),
            ("?", "/?"),
            ("/?", "/?"),
            ("/a%2Fb//c;v=1/%7Euser/%E9/", "/a%2Fb//c;v=1/%7Euser/%E9/"),
            ("//evil.example/x", "//evil.example/x"),
            ("/x?a=1;b=2&c=+&d=%20&e&&a=3&f=%2B|{}", "/x?a=1;b=2&c=+&d=%20&e&&a=3&f=%2B|{}"),
            ("/../admin", "/../admin"),
        ] {
            assert_eq!(get(door, &format!("/relay/r{sent}")).await.status, 200, "{sent}");
            assert_eq!(upstream.last().target, expected, "{sent}");
        }
        for other in ["/relay//%72/x", "/relay/%72/x", "/relay/none/x", "/relay/", "/relay"] {
            assert_eq!(get(door, other).await.status, 404, "{other}");
        }
    }
}

#[rocket::async_test]
async fn case_19_dots_do_not_leave_the_path_of_the_upstream() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("ok")).await;
    let url = format!("http://127.0.0.1:{}/pub/", upstream.port);
    let pool = json!({"name": "p", "allow_private": true, "upstreams": [{"url": url}]});
    desk.define("r", json!({"pools": [pool], "default_pool": "p"})).await;
    for door in desk.doors() {
        let before = upstream.received().len();
        for path in ["/../admin", "/%2e%2e/admin", "/..%2fadmin", "/..;/admin", "/a/.%2E/../x"] {
            let got = get(door, &format!("/relay/r{path}")).await;
            assert_eq!((got.status, got.error()), (400, "dot_segments"), "{path}");
        }
        assert_eq!(upstream.received().len(), before);
        get(door, "/relay/r/a..b?x=../y").await;
        assert_eq!(upstream.last().target, "/pub/a..b?x=../y");
    }
}

#[rocket::async_test]
async fn cases_22_to_24_fields_of_one_connection_and_fields_about_the_client() {
    let desk = Desk::start("sqlite").await;
    let hops = "Connection: X-Hop\r\nKeep-Alive: timeout=1\r\nProxy-Authenticate: Basic\r\nX-Hop: 1\r\nX-Stays: 1\r\n";
    let upstream = Upstream::start(move |_| answer("200 OK", hops, "ok")).await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let mut wire = Wire::open(door).await;
        let sent = "GET /relay/r/ HTTP/1.1\r\nHost: a\r\nConnection:\r\nConnection: keep-alive, X-Forwarded-For, Forwarded, Via, X-Secret\r\n\
            X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nVia: 1.1 x\r\nX-Secret: s\r\n\r\n";
        for _ in 0..2 {
            wire.send(sent.as_bytes()).await;
            let got = wire.answer("GET").await;
            assert_eq!((got.status, got.one("x-stays")), (200, "1"), "the connection stays open");
            assert!(
                ["keep-alive", "proxy-authenticate", "x-hop"].iter().all(|name| got.all(name).is_empty()),
                "{got:?}"
            );
        }
        let request = upstream.last();
        assert_eq!((request.all("x-forwarded-for"), request.all("via").len()), (vec!["127.0.0.1".to_owned()], 1));
        assert_eq!(request.all("forwarded"), ["for=127.0.0.1;host=\"a\";proto=http"]);
        assert!(request.all("x-secret").is_empty() && request.all("x-real-ip").is_empty());
    }
}

#[rocket::async_test]
async fn case_25_credentials_of_ours_stay_here() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("ok")).await;
    let pool = json!({"name": "p", "allow_private": true, "upstreams": [{"url": format!("http://127.0.0.1:{}", upstream.port)}]});
    desk.define("keyed", json!({"access": "key", "pools": [pool], "default_pool": "p"})).await;
    desk.define("staff", json!({"access": "signed-in", "pools": [pool], "default_pool": "p"})).await;
    let key = desk.api("GET", "/api/v1/relays/keyed", json!(null)).await.1["key"].as_str().unwrap().to_owned();
    for door in desk.doors() {
        let got = get(door, "/relay/keyed/").await;
        assert_eq!((got.status, got.error()), (401, "key"));
        assert_eq!(ask(door, "GET", "/relay/keyed/", "X-Frontdesk-Key: rk_other\r\n", b"").await.status, 401);
        for (target, field) in [
            ("/relay/keyed/x?a=1&b=+".to_owned(), format!("Authorization: bearer {key}\r\n")),
            ("/relay/keyed/x?a=1&b=+".to_owned(), format!("X-Frontdesk-Key: {key}\r\nAuthorization: Basic abc\r\n")),
            (format!("/relay/keyed/x?a=1&_key={key}&b=+"), String::new()),
        ] {
            let fields = format!("{field}Cookie: a=1; frontdesk-known=x; __Host-frontdesk=y\r\n");
            assert_eq!(ask(door, "GET", &target, &fields, b"").await.status, 200, "{target} {field}");
            let request = upstream.last();
            assert!(!format!("{request:?}").contains(&key), "{request:?}");
            assert_eq!((request.target.as_str(), request.one("cookie")), ("/x?a=1&b=+", "a=1".into()));
            assert_eq!(request.one("authorization"), if field.contains("Basic") { "Basic abc" } else { "" });
        }
        assert_eq!(get(door, "/relay/staff/").await.error(), "sign_in");
        let token = format!("Authorization: Bearer {}\r\n", desk.token);
        assert_eq!(ask(door, "POST", "/relay/staff/", &token, b"").await.status, 200);
        assert!(upstream.last().all("authorization").is_empty());
    }
}

#[rocket::async_test]
async fn cases_26_to_28_and_35_answers_act_for_themselves_only() {
    let desk = Desk::start("sqlite").await;
    let fields = "Set-Cookie: frontdesk=evil\r\nSet-Cookie: a=1; Domain=up.example\r\nSet-Cookie: b=2\r\nStrict-Transport-Security: max-age=9\r\n\
        Clear-Site-Data: \"*\"\r\nService-Worker-Allowed: /\r\nAlt-Svc: h3\r\nNEL: {}\r\nReport-To: {}\r\nContent-Type: text/html\r\n\
        Content-Security-Policy: default-src 'none'\r\nServer: theirs\r\nDate: yesterday\r\nCache-Control: max-age=60\r\nX-Request-Id: theirs\r\n";
    let upstream = Upstream::start(move |request| match request.target.as_str() {
        "/bare" => answer("599 Odd", "", "x"),
        _ => answer("200 OK", fields, "<script>alert(1)</script>"),
    })
    .await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let got = get(door, "/relay/r/").await;
        for (name, value) in
            [("server", "theirs"), ("cache-control", "max-age=60"), ("x-request-id", "theirs"), ("date", "yesterday")]
        {
            assert_eq!(got.all(name), [value], "{got:?}");
        }
        let is_main = door == desk.main;
        let cookies = got.all("set-cookie");
        assert_eq!(cookies.len(), 2, "cookies know no ports");
        assert!(cookies.contains(&"a=1; Domain=up.example") && cookies.contains(&"b=2"));
        let for_host = ["strict-transport-security", "clear-site-data"];
        assert!(for_host.iter().all(|name| got.all(name).is_empty()), "{got:?}");
        let for_all = ["service-worker-allowed", "alt-svc", "nel", "report-to"];
        assert!(for_all.iter().all(|name| got.all(name).is_empty() == is_main), "{got:?}");
        assert_eq!(got.all("content-security-policy").contains(&"sandbox"), is_main);
        assert_eq!(got.all("x-content-type-options").len(), usize::from(is_main));
        let bare = get(door, "/relay/r/bare").await;
        assert_eq!(bare.status, 599);
        let added = ["content-type", "server", "cache-control", "x-request-id", "referrer-policy"];
        assert!(added.iter().all(|name| bare.all(name).is_empty()), "{bare:?}");
    }
}

#[rocket::async_test]
async fn case_29_pages_of_allowed_origins_and_no_others() {
    let desk = Desk::start("sqlite").await;
    let upstream =
        Upstream::start(|_| answer("200 OK", "Access-Control-Allow-Origin: *\r\nVary: Accept, origin\r\n", "ok")).await;
    let pool = json!({"name": "p", "allow_private": true, "upstreams": [{"url": format!("http://127.0.0.1:{}", upstream.port)}]});
    let origins = json!(["https://www.example.org"]);
    desk.define("listed", json!({"origins": origins, "pools": [pool], "default_pool": "p"})).await;
    desk.relay("open", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let own = "Origin: https://www.example.org\r\n";
        let got = ask(door, "GET", "/relay/listed/", own, b"").await;
        assert_eq!(
            (got.all("access-control-allow-origin"), got.all("vary")),
            (vec!["https://www.example.org"], vec!["Accept, origin"])
        );
        let before = upstream.received().len();
        let foreign = ask(door, "GET", "/relay/listed/", "Origin: https://evil.example\r\n", b"").await;
        assert_eq!((foreign.status, foreign.error()), (403, "origin"));
        let preflight = format!("{own}Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-a\r\n");
        let got = ask(door, "OPTIONS", "/relay/listed/", &preflight, b"").await;
        assert_eq!((got.status, got.one("access-control-allow-headers"), got.one("vary")), (204, "x-a", "Origin"));
        assert!(got.one("access-control-allow-methods").contains("PUT"));
        assert_eq!(upstream.received().len(), before, "neither of them went on");
        let got = ask(door, "OPTIONS", "/relay/open/", &preflight, b"").await;
        assert_eq!((got.all("access-control-allow-origin"), got.text().as_str()), (vec!["*"], "ok"), "passes through");
    }
}

#[rocket::async_test]
async fn cases_30_and_31_host_and_redirects() {
    let desk = Desk::start("sqlite").await;
    let other = Upstream::start(|_| ok("other")).await;
    let location = format!("Location: http://127.0.0.1:{}/x\r\n", other.port);
    let upstream = Upstream::start(move |request| match request.target.as_str() {
        "/307" => answer("307 Temporary Redirect", &location, ""),
        "/302" => answer("302 Found", &location, ""),
        _ => ok("ok"),
    })
    .await;
    let url = format!("http://127.0.0.1:{}", upstream.port);
    let pool = |preserve: bool| json!({"name": "p", "allow_private": true, "preserve_host": preserve, "upstreams": [{"url": url}]});
    let secrets = json!([{"name": "X-Api-Key", "value": "the secret"}]);
    desk.define("r", json!({"secret_headers": secrets, "pools": [pool(false)], "default_pool": "p"})).await;
    desk.define("kept", json!({"pools": [pool(true)], "default_pool": "p"})).await;
    for door in desk.doors() {
        for (path, status) in [("/302", 302), ("/307", 307)] {
            let got =
                ask(door, "POST", &format!("/relay/r{path}"), "X-Api-Key: mine\r\nContent-Length: 2\r\n", b"ab").await;
            assert_eq!(
                (got.status, got.one("location")),
                (status, format!("http://127.0.0.1:{}/x", other.port).as_str())
            );
            assert_eq!(upstream.last().all("x-api-key"), ["the secret"]);
        }
        assert_eq!(upstream.last().one("host"), format!("127.0.0.1:{}", upstream.port));
        get(door, "/relay/kept/").await;
        assert_eq!(upstream.last().one("host"), "desk.example");
    }
    assert_eq!(other.connections(), 0, "not followed");
    let shown = desk.api("GET", "/api/v1/relays/r", json!(null)).await.1;
    assert_eq!(shown["secret_headers"], json!([{"name": "X-Api-Key"}]), "never shown again");
}

#[rocket::async_test]
async fn cases_32_to_34_large_odd_and_repeated_fields() {
    let desk = Desk::start("sqlite").await;
    let cookie = format!("Set-Cookie: c={}\r\n", "x".repeat(1600));
    let upstream = Upstream::start(move |request| match request.target.as_str() {
        "/64k" => answer("200 OK", &cookie.repeat(40), "ok"),
        "/101" => answer("200 OK", &"X-A: 1\r\n".repeat(101), "ok"),
        "/500k" => answer("200 OK", &format!("X-A: {}\r\n", "x".repeat(500 * 1024)), "ok"),
        "/odd" => vec![send(&b"HTTP/1.1 200 OK\r\nContent-Disposition: a; filename=\"caf\xE9.pdf\"\r\nX-U: caf\xC3\xA9\r\nContent-Length: 2\r\n\r\nok"[..])],
        "/control" => answer("200 OK", "X-A: a\x01b\r\n", "ok"),
        _ => answer("200 OK", "Warning: 1\r\nSet-Cookie: a=1\r\nWWW-Authenticate: A\r\nSet-Cookie: b=2\r\nWWW-Authenticate: B\r\nWarning: 2\r\nSet-Cookie: c=3\r\n", "ok"),
    })
    .await;
    desk.relay("r", &[upstream.port], json!({})).await;
    for door in desk.doors() {
        let got = get(door, "/relay/r/64k").await;
        assert_eq!((got.status, got.all("set-cookie").len()), (200, 40));
        for path in ["/101", "/500k"] {
            let got = get(door, &format!("/relay/r{path}")).await;
            assert_eq!((got.status, got.error()), (502, "head_too_large"), "{path}");
        }
        let many = "X-A: 1\r\n".repeat(101);
        assert_eq!(ask(door, "GET", "/relay/r/", &many, b"").await.status, 431);
        let got = get(door, "/relay/r/odd").await;
        assert_eq!((got.status, got.text().as_str()), (200, "ok"));
        assert_eq!(got.one("x-u").as_bytes(), "café".as_bytes());
        assert_eq!(got.all("content-disposition").is_empty(), door == desk.main, "Rocket's fields are UTF-8");
        assert_eq!(get(door, "/relay/r/control").await.error(), "bad_framing");
        let got = get(door, "/relay/r/").await;
        assert_eq!(got.all("set-cookie"), ["a=1", "b=2", "c=3"]);
        assert_eq!((got.all("www-authenticate"), got.all("warning")), (vec!["A", "B"], vec!["1", "2"]));
    }
}

#[rocket::async_test]
async fn case_36_a_relay_that_calls_itself() {
    let desk = Desk::start("sqlite").await;
    // The server's own address in another spelling; at save only what is visible is refused.
    for (i, door) in desk.doors().into_iter().enumerate() {
        let pool = |to: &str| json!({"name": "p", "allow_private": true, "upstreams": [{"url": format!("http://[::ffff:127.0.0.1]:{door}/relay/{to}{i}")}]});
        for (name, to) in [("self", "self"), ("a", "b"), ("b", "a")] {
            desk.define(&format!("{name}{i}"), json!({"pools": [pool(to)], "default_pool": "p"})).await;
        }
        for name in ["self", "a"] {
            let got = get(door, &format!("/relay/{name}{i}/x")).await;
            assert!(got.status == 508 && got.text().contains("\"loop\""), "{got:?}");
            assert!(got.text().contains(&format!("{}{i}", if name == "a" { "b" } else { "self" })), "names the relay");
        }
        let visible = json!({"name": "x", "pools": [{"name": "p", "allow_private": true, "upstreams": [{"url": format!("http://127.0.0.1:{door}/relay/x")}]}]});
        let (status, answer) = desk.api("POST", "/api/v1/relays", visible).await;
        assert_eq!((status, &answer["errors"][0]["pointer"]), (422, &json!("/pools/0/upstreams/0/url")), "{answer}");
    }
}

#[rocket::async_test]
async fn methods_that_are_odd_go_through_the_own_door() {
    let (desk, upstream) = echo().await;
    for method in ["PURGE", "PROPFIND", "M-SEARCH"] {
        assert_eq!(ask(desk.own, method, "/relay/r/x", "", b"").await.status, 200);
        assert_eq!(upstream.last().method, method);
        assert_eq!(ask(desk.main, method, "/relay/r/x", "", b"").await.status, 400, "as docs/relay.md says");
    }
    for door in desk.doors() {
        assert_eq!(ask(door, "TRACE", "/relay/r/x", "", b"").await.status, 405);
        let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 15\r\n";
        ask(door, "POST", "/relay/r/x", form, b"_method=PUT&a=1").await;
        assert_eq!((upstream.last().method.as_str(), upstream.last().body), ("POST", b"_method=PUT&a=1".to_vec()));
    }
}
