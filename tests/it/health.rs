//! What whoever watches over the program is told.

use frontdesk::db::Pool;
use serde_json::json;

use crate::support::{Program, TestApp, databases};
use crate::waiting::Lobby;

#[rocket::async_test]
async fn it_is_ready_only_with_every_migration() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let ready = app.get("/readyz").await;
        assert_eq!((ready.status, ready.text.as_str()), (200, "ok\n"), "{kind}");
        // as if an older copy had been put in its place
        let mut tx = app.state::<Pool>().begin().await.unwrap();
        tx.write("DELETE FROM _sqlx_migrations WHERE version IN (3, 4)").execute().await.unwrap();
        tx.commit().await.unwrap();
        let answer = app.get("/readyz").await;
        answer.is_problem(503, "lacks migration 3");
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(app.get("/healthz").await.status, 200, "the process lives all the same");
    }
}

#[rocket::async_test]
async fn a_database_that_is_gone_is_told_without_the_words_of_the_driver() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        app.state::<Pool>().close().await;
        let answer = app.get("/readyz").await;
        answer.is_problem(503, "does not answer");
        assert!(!answer.text.contains("pool"), "{}", answer.text);
    }
}

#[rocket::async_test]
async fn a_writer_that_is_stuck_is_not_ready() {
    let app = TestApp::start("sqlite").await;
    let held = app.state::<Pool>().begin().await.unwrap();
    app.get("/readyz").await.is_problem(503, "takes no writes");
    held.abandon().await.unwrap();
    assert_eq!(app.get("/readyz").await.status, 200);
}

/// The value of a line of `/metrics`; `None` if there is no such line.
async fn number(program: &Program<'_>, line: &str) -> Option<f64> {
    let answer = program.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let lines = answer.text.lines().filter(|line| !line.starts_with('#'));
    let mut numbers = lines.map(|line| line.rsplit_once(' ').expect("a name and a number"));
    let found = numbers.find(|(name, _)| *name == line);
    found.map(|(_, number)| number.parse().unwrap())
}

#[rocket::async_test]
async fn an_owner_reads_what_goes_on_in_numbers() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let app = &lobby.app;
        app.sign_in_as("sam@example.org", "owner").await;
        let program = app.program("sam@example.org", &["admin"]).await;
        let of_route = r#"rocket_http_requests_total{endpoint="/add",method="POST",status="201"}"#;
        assert_eq!(number(&program, of_route).await, None, "{kind}");
        let body = r#"{"_uid":"0190e5b5-7d3c-7abc-8def-000000000001","n":1}"#;
        app.stored(body).await;
        assert_eq!(app.add(body).await.status, 200, "a duplicate");
        app.add(r#"{"_uid":"0190e5b5-7d3c-7abc-8def-000000000001","n":2}"#).await;
        assert_eq!(number(&program, of_route).await, Some(1.0));
        assert_eq!(number(&program, r#"frontdesk_entries_total{outcome="stored"}"#).await, Some(1.0));
        assert_eq!(number(&program, r#"frontdesk_entries_total{outcome="duplicate"}"#).await, Some(1.0));
        assert_eq!(number(&program, r#"frontdesk_entries_total{outcome="rejected"}"#).await, Some(1.0));
        let waiting = r#"frontdesk_places{queue="1",state="waiting"}"#;
        assert_eq!(number(&program, waiting).await, None);
        lobby.joined("ada").await;
        let ben = lobby.joined("ben").await;
        assert_eq!(number(&program, waiting).await, Some(2.0));
        lobby.leave(&ben).await;
        assert_eq!(number(&program, waiting).await, Some(1.0));
        assert_eq!(number(&program, "frontdesk_streams").await, Some(0.0));
        assert!(number(&program, "frontdesk_database_bytes").await > Some(100_000.0));
        let free = number(&program, "frontdesk_disk_free_bytes").await;
        assert_eq!(free.is_some(), kind == "sqlite", "of another machine's disk nothing is known");
    }
}

#[rocket::async_test]
async fn numbers_tell_no_names_and_no_links() {
    let lobby = Lobby::open("sqlite").await;
    let link = lobby.joined("ada").await["token"].as_str().unwrap().to_owned();
    lobby.app.get(&format!("/q/{link}")).await;
    lobby.app.get("/list?email=ada@students.example").await;
    let owner = lobby.app.sign_in_as("sam@example.org", "owner").await;
    let text = owner.get("/metrics").await.text;
    assert!(text.contains(r#"endpoint="/q/<token>""#), "{text}");
    for secret in [link.as_str(), "ada", "example"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    lobby.app.get("/metrics").await.is_problem(401, "staff");
    lobby.kim().get("/metrics").await.is_problem(403, "owner");
    let narrow = lobby.app.program("sam@example.org", &["entries:read"]).await;
    narrow.get("/metrics").await.is_problem(403, "admin");
}

#[rocket::async_test]
async fn an_open_page_is_a_stream_that_is_counted() {
    let lobby = Lobby::with("sqlite", json!({})).await;
    lobby.app.sign_in_as("sam@example.org", "owner").await;
    let program = lobby.app.program("sam@example.org", &["admin"]).await;
    let place = lobby.joined("ada").await;
    let path = format!("/q/{}/events", place["token"].as_str().unwrap());
    let mut stream = lobby.app.client.get(path).dispatch().await;
    // it is open once it has said something
    let mut first = [0; 16];
    tokio::io::AsyncReadExt::read(&mut stream, &mut first).await.unwrap();
    assert_eq!(number(&program, "frontdesk_streams").await, Some(1.0));
    drop(stream);
    assert_eq!(number(&program, "frontdesk_streams").await, Some(0.0));
}
