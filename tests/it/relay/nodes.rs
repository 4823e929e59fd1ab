//! Changes: in effect at once, on every node, versioned, and taken back.

use serde_json::{Value, json};

use super::desk::{Desk, get, until};
use super::upstream::{Upstream, ok};
use crate::support::{TestApp, databases};

fn definition(port: u16) -> Value {
    json!({"access": "public", "default_pool": "p",
        "pools": [{"name": "p", "allow_private": true, "upstreams": [{"url": format!("http://127.0.0.1:{port}")}]}]})
}

#[rocket::async_test]
async fn a_change_counts_at_once_and_can_be_taken_back() {
    for kind in databases() {
        let desk = Desk::start(kind).await;
        let (a, b) = (Upstream::start(|_| ok("a")).await, Upstream::start(|_| ok("b")).await);
        desk.define("r", definition(a.port)).await;
        for door in desk.doors() {
            assert_eq!(get(door, "/relay/r/").await.text(), "a");
            let (status, changed) = desk.api("PUT", "/api/v1/relays/r", definition(b.port)).await;
            assert_eq!(status, 200, "{changed}");
            assert_eq!(get(door, "/relay/r/").await.text(), "b", "at once");
            let version = changed["version"].as_i64().unwrap() - 1;
            let undo = format!("/api/v1/relays/r/editions/{version}/restoration");
            assert_eq!(desk.api("POST", &undo, Value::Null).await.0, 200);
            assert_eq!(get(door, "/relay/r/").await.text(), "a", "taken back");
        }
        desk.api("DELETE", "/api/v1/relays/r", Value::Null).await;
        assert_eq!(get(desk.own, "/relay/r/").await.status, 404);
        desk.api("POST", "/api/v1/relays/r/restoration", Value::Null).await;
        assert_eq!(get(desk.own, "/relay/r/").await.status, 200);
        let (_, editions) = desk.api("GET", "/api/v1/relays/r/editions", Value::Null).await;
        assert_eq!(editions["count"], 5, "{editions}");
        assert_eq!(editions["editions"][4]["author"], "kim@example.org");
    }
}

#[rocket::async_test]
async fn another_node_sees_a_change_within_a_second() {
    for kind in databases() {
        let mut url = String::new();
        let desk = Desk::with(kind, |config| url.clone_from(&config.database_url)).await;
        let (a, b) = (Upstream::start(|_| ok("a")).await, Upstream::start(|_| ok("b")).await);
        desk.define("r", definition(a.port)).await;
        let other = TestApp::on(&url).await;
        assert_eq!(other.get("/relay/r/").await.text, "a");
        desk.api("PUT", "/api/v1/relays/r", definition(b.port)).await;
        until("the other node knows", async || other.get("/relay/r/").await.text == "b").await;
    }
}

#[rocket::async_test]
async fn every_mistake_is_told_at_its_field() {
    let desk = Desk::start("sqlite").await;
    let wrong = json!({"name": "x", "rate": 0, "body_limit": 0, "origins": ["example.org"], "default_pool": "none",
        "pools": [
            {"name": "A", "upstreams": [], "whole_ms": 1, "policy": "hash", "health_path": "up"},
            {"name": "b", "upstreams": [{"url": "https://a.example", "weight": 0}], "last_resort": {"kind": "static", "status": 1, "content_type": "", "body": ""}},
            {"name": "b", "upstreams": [{"url": "https://a.example"}, {"url": "https://a.example", "weight": 5000}]}],
        "rules": [{"when": {"method": "get", "path": "x", "json": {"site": "a"}, "form": {"a": "b"}}, "pool": "none"}],
        "secret_headers": [{"name": "Host", "value": "x"}, {"name": "X-A", "value": "a\nb"}, {"name": "x-a", "value": "c"}]});
    let (status, answer) = desk.api("POST", "/api/v1/relays", wrong).await;
    assert_eq!(status, 422);
    let places: Vec<_> = answer["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    for place in [
        "/rate",
        "/body_limit",
        "/origins/0",
        "/default_pool",
        "/pools/0/name",
        "/pools/0/upstreams",
        "/pools/0/whole_ms",
        "/pools/0/hash_on",
        "/pools/0/health_path",
        "/pools/1/upstreams",
        "/pools/1/last_resort/status",
        "/pools/1/last_resort/content_type",
        "/pools/2/name",
        "/pools/2/upstreams/1/url",
        "/pools/2/upstreams/1/weight",
        "/rules/0/when/method",
        "/rules/0/when/path",
        "/rules/0/when/json",
        "/rules/0/when/form",
        "/rules/0/pool",
        "/secret_headers/0/name",
        "/secret_headers/1/value",
        "/secret_headers/2/name",
    ] {
        assert!(places.contains(&place), "{place}: {places:?}");
    }
    let (status, _) = desk.api("POST", "/api/v1/relays", json!({"name": "new", "pools": []})).await;
    assert_eq!(status, 422, "new is a page");
    let (status, answer) = desk.api("POST", "/api/v1/relays", json!({"name": "y", "pools": [], "colour": "red"})).await;
    assert!(status == 422 && answer.to_string().contains("colour"), "{answer}");
}

#[rocket::async_test]
async fn metrics_tell_of_upstreams() {
    let desk = Desk::start("sqlite").await;
    let upstream = Upstream::start(|_| ok("a")).await;
    desk.define("r", definition(upstream.port)).await;
    for door in desk.doors() {
        get(door, "/relay/r/").await;
    }
    desk.idle("r").await;
    let fields = format!("Authorization: Bearer {}\r\n", desk.token);
    let metrics = super::desk::ask(desk.main, "GET", "/metrics", &fields, b"").await.text();
    let labels = format!("{{pool=\"p\",relay=\"r\",upstream=\"http://127.0.0.1:{}\"}}", upstream.port);
    for line in ["frontdesk_relay_tries_total", "frontdesk_relay_up", "frontdesk_relay_in_flight"] {
        let number = u8::from(line != "frontdesk_relay_in_flight") + u8::from(line == "frontdesk_relay_tries_total");
        assert!(metrics.contains(&format!("{line}{labels} {number}")), "{line}: {metrics}");
    }
}
