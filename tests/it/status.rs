//! Anybody can see what works.

use frontdesk::db::Pool;
use serde_json::json;

use crate::support::{TestApp, databases};

#[rocket::async_test]
async fn anybody_sees_what_works_and_since_when() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let status = app.get("/api/v1/status").await.json();
        assert_eq!(status["works"], true, "{kind}: {status}");
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"), "{kind}");
        assert_eq!(status["since"], "2026-03-10T12:00:00.000Z", "{kind}");
        let names: Vec<_> = status["parts"].as_array().unwrap().iter().map(|part| part["name"].clone()).collect();
        assert_eq!(names, [json!("store"), json!("disk"), json!("queue")], "{kind}");
        let page = app.get("/status").await;
        assert_eq!(page.status, 200, "{kind}");
        assert!(page.text.contains("Everything works") && page.text.contains("takes writes"), "{kind}: {}", page.text);
    }
}

#[rocket::async_test]
async fn what_does_not_work_is_told_without_the_words_of_the_driver() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        app.state::<Pool>().close().await;
        let answer = app.get("/api/v1/status").await;
        assert_eq!(answer.status, 200, "{kind}");
        let status = answer.json();
        assert_eq!(status["works"], false, "{kind}: {status}");
        assert_eq!(status["parts"][0]["works"], false, "{kind}: {status}");
        assert!(!answer.text.contains("pool"), "{kind}: {}", answer.text);
        let page = app.get("/status").await.text;
        assert!(page.contains("Something does not work") && page.contains("does not answer"), "{kind}: {page}");
    }
}
