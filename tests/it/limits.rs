//! Every limit holds, is told, and is documented.

use std::fmt::Write as _;

use frontdesk::limits::*;
use rocket::http::{ContentType, Method};

use crate::crash::{Server, request_with};
use crate::support::{TestApp, fresh_database};

#[test]
fn docs_limits_says_what_the_code_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/limits.md")).unwrap();
    let code = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/limits.rs")).unwrap();
    let values = [
        ("MAX_HEAD", MAX_HEAD as u64),
        ("MAX_JSON", MAX_JSON),
        ("MAX_FORM", MAX_FORM),
        ("MAX_FORM_FIELDS", MAX_FORM_FIELDS as u64),
        ("MAX_TABLE", MAX_TABLE),
        ("BODY_SECONDS", BODY_SECONDS),
        ("MAX_EXCESS", MAX_EXCESS),
        ("EXCESS_SECONDS", EXCESS_SECONDS),
        ("MAX_BODY", MAX_BODY),
        ("MAX_UPLOAD", MAX_UPLOAD),
        ("UPLOAD_SECONDS", UPLOAD_SECONDS),
        ("MAX_IMPORT", MAX_IMPORT),
        ("MAX_NEW_FIELDS", MAX_NEW_FIELDS as u64),
        ("MAX_ENTRY", MAX_ENTRY as u64),
        ("MAX_ENTRIES", MAX_ENTRIES as u64),
        ("MAX_DEPTH", MAX_DEPTH as u64),
        ("MAX_LEAVES", MAX_LEAVES as u64),
        ("MAX_NAME", MAX_NAME as u64),
        ("MAX_CONDITIONS", MAX_CONDITIONS as u64),
        ("MAX_VALUES", MAX_VALUES as u64),
        ("MAX_SORT_KEYS", MAX_SORT_KEYS as u64),
        ("MAX_COLUMNS", MAX_COLUMNS as u64),
        ("MAX_FACETS", MAX_FACETS as u64),
        ("MAX_SEARCH", MAX_SEARCH as u64),
        ("MAX_LIMIT", u64::from(MAX_LIMIT)),
        ("DEFAULT_LIMIT", u64::from(DEFAULT_LIMIT)),
        ("MAX_DOWNLOADS", MAX_DOWNLOADS as u64),
        ("MAX_DOWNLOADS_EACH", MAX_DOWNLOADS_EACH as u64),
        ("DOWNLOAD_BUDGET_SECONDS", DOWNLOAD_BUDGET_SECONDS),
        ("MIN_DOWNLOAD_SPEED", MIN_DOWNLOAD_SPEED),
        ("SNAPSHOT_SECONDS", SNAPSHOT_SECONDS),
        ("MAX_FIELDS", MAX_FIELDS as u64),
        ("MAX_PINS", MAX_PINS as u64),
        ("DISK_RESERVE", DISK_RESERVE),
        ("MAX_STREAMS", MAX_STREAMS as u64),
        ("MAX_STREAMS_PER_ADDRESS", MAX_STREAMS_PER_ADDRESS as u64),
        ("MAX_STREAMS_PER_PLACE", MAX_STREAMS_PER_PLACE as u64),
        ("MAX_RELAY_POOLS", MAX_RELAY_POOLS as u64),
        ("MAX_RELAY_UPSTREAMS", MAX_RELAY_UPSTREAMS as u64),
        ("MAX_RELAY_RULES", MAX_RELAY_RULES as u64),
        ("MAX_RELAY_BODY", MAX_RELAY_BODY),
        ("MAX_RELAY_REPLAY", MAX_RELAY_REPLAY as u64),
        ("MAX_RELAY_IN_FLIGHT", u64::from(MAX_RELAY_IN_FLIGHT)),
        ("MAX_RELAY_PART", MAX_RELAY_PART as u64),
        ("MAX_RELAY_CONNECTIONS", MAX_RELAY_CONNECTIONS as u64),
        ("MAX_RELAY_CONNECTIONS_PER_ADDRESS", MAX_RELAY_CONNECTIONS_PER_ADDRESS as u64),
        ("MAX_UPDATE", MAX_UPDATE as u64),
        ("MAX_UPDATE_TAGS", MAX_UPDATE_TAGS as u64),
    ];
    assert_eq!(code.matches("pub const").count(), values.len(), "a limit that this test does not know");
    for (name, value) in values {
        let row =
            page.lines().find(|line| line.starts_with(&format!("| `{name}`"))).unwrap_or_else(|| panic!("{name}"));
        assert!(row.contains(&format!("| {value} |")), "{row}: {value}");
    }
}

/// Over real connections: a client that sends everything before it reads, and closes its side at the end.
#[rocket::async_test]
async fn who_sends_too_much_reads_the_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&fresh_database("sqlite", folder.path()).await, folder.path());
    let spaces = |bytes: u64| " ".repeat(bytes as usize);
    let json = "Content-Type: application/json\r\n";
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let parts = "Content-Type: multipart/form-data; boundary=x\r\n";
    for (what, path, headers, body, status) in [
        ("an entry", "/add", json, spaces(8 * MAX_BODY), 413),
        ("a form", "/add", form, format!("a={}", "x".repeat(8_000_000)), 413),
        ("a form that is none", "/add", parts, spaces(8_000_000), 400),
        (
            "a form of a page",
            "/sign-in",
            &format!("{form}Origin: http://localhost\r\n"),
            format!("email={}", "x".repeat(2 * MAX_FORM as usize)),
            413,
        ),
    ] {
        // Whether the kernel loses an answer depends on the moment.
        for _ in 0..20 {
            let answer = request_with(server.port, "POST", path, headers, &body);
            assert_eq!(answer.map(|(status, ..)| status), Some(status), "{what}");
        }
    }
}

/// An object so many levels deep.
fn deep(levels: usize) -> String {
    let mut text = String::from("1");
    for _ in 0..levels {
        text = format!("{{\"a\":{text}}}");
    }
    text
}

#[rocket::async_test]
async fn what_is_at_a_limit_is_taken_and_what_is_beyond_is_told() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let values = |n: usize| {
        let pairs: Vec<_> = (0..n).map(|i| format!("\"k{i}\":1")).collect();
        format!("{{{}}}", pairs.join(","))
    };
    let entry = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    let entries = |n: usize| format!("[{}]", vec!["{\"a\":1}"; n].join(","));
    for (name, good, bad, status) in [
        ("entry", entry(MAX_ENTRY), entry(MAX_ENTRY + 1), 422),
        ("entries", entries(MAX_ENTRIES), entries(MAX_ENTRIES + 1), 413),
        ("depth", deep(MAX_DEPTH), deep(MAX_DEPTH + 1), 422),
        ("leaves", values(MAX_LEAVES), values(MAX_LEAVES + 1), 422),
        ("name", format!("{{\"{}\":1}}", "n".repeat(MAX_NAME)), format!("{{\"{}\":1}}", "n".repeat(MAX_NAME + 1)), 422),
    ] {
        assert_eq!(app.add(&good).await.status, 201, "{name}");
        app.add(&bad).await.is_problem(status, "");
    }
    let body = |bytes: u64| vec![b' '; bytes as usize];
    assert_eq!(app.post("/add", "application/json", body(MAX_BODY)).await.status, 400, "read, and empty");
    app.post("/add", "application/json", body(MAX_BODY + 1)).await.is_problem(413, "1000000 bytes");
    let json = |bytes: u64| {
        let request = app.client.post("/api/v1/colleges").header(ContentType::JSON);
        let mut body = body(bytes);
        body[..14].copy_from_slice(b"{\"name\":\"Law\"}");
        request.body(body)
    };
    assert_eq!(owner.send(json(MAX_JSON)).await.status, 201);
    owner.send(json(MAX_JSON + 1)).await.is_problem(413, "1000000 bytes");
    let form = format!("text={}", "x".repeat(MAX_FORM as usize));
    assert_eq!(owner.form("/list/views", &form).await.status, 413);

    let list = async |query: String| owner.get(&format!("/api/v1/entries?{query}")).await;
    let conditions = |n: usize| {
        (0..n).fold(String::new(), |mut text, i| {
            let _ = write!(text, "&a__not={i}");
            text
        })
    };
    let names = |n: usize| (0..n).map(|i| format!("f{i}")).collect::<Vec<_>>().join(",");
    for (name, good, bad) in [
        ("conditions", conditions(MAX_CONDITIONS), conditions(MAX_CONDITIONS + 1)),
        ("sort", format!("_sort={}", names(MAX_SORT_KEYS)), format!("_sort={}", names(MAX_SORT_KEYS + 1))),
        ("facets", format!("_facet={}", names(MAX_FACETS)), format!("_facet={}", names(MAX_FACETS + 1))),
        ("search", format!("_q={}", "x".repeat(MAX_SEARCH)), format!("_q={}", "x".repeat(MAX_SEARCH + 1))),
        ("page", format!("_limit={MAX_LIMIT}"), format!("_limit={}", MAX_LIMIT + 1)),
    ] {
        let good = list(good).await;
        assert_eq!(good.status, 200, "{name}: {}", good.text);
        list(bad).await.is_problem(400, "");
    }
    for n in 0..MAX_PINS {
        let pin = format!("{{\"field\":\"p{n}\"}}");
        assert_eq!(owner.json(Method::Post, "/api/v1/collections/default/pins", &pin).await.status, 201, "{n}");
    }
    let pin = r#"{"field":"one_more"}"#;
    owner.json(Method::Post, "/api/v1/collections/default/pins", pin).await.is_problem(409, "at most 20");
}
