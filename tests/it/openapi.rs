//! The description of the API says what is there.

use rocket::http::Method;
use serde_json::Value;

use crate::calls::CALLS;
use crate::support::TestApp;

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let operations = item.as_object().unwrap().clone();
        let path = path.clone();
        operations.into_iter().map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    };
    paths.iter().flat_map(of_path).collect()
}

#[rocket::async_test]
async fn every_mounted_route_of_the_api_is_described_and_no_other() {
    let app = TestApp::start("sqlite").await;
    let document = app.get("/api/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let described: Vec<_> = operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let others = ["/add", "/list", "/csv", "/healthz", "/readyz", "/version", "/metrics"];
    let mut mounted = Vec::new();
    for route in app.client.rocket().routes() {
        let path = route.uri.path().trim_end_matches('/').replace('<', "{").replace('>', "}");
        if path.starts_with("/api/") && path != "/api/docs" || others.contains(&path.as_str()) {
            mounted.push((route.method.as_str().to_owned(), path));
        }
    }
    for route in &mounted {
        assert!(described.contains(route), "{route:?} is mounted and not described");
    }
    for operation in &described {
        assert!(mounted.contains(operation), "{operation:?} is described and not mounted");
    }
}

#[rocket::async_test]
async fn every_operation_says_who_may_what_comes_and_what_can_go_wrong() {
    let app = TestApp::start("sqlite").await;
    let document = app.get("/api/openapi.json").await.json();
    let mut ids = Vec::new();
    for (method, path, operation) in operations(&document) {
        let text = |name: &str| operation[name].as_str().unwrap_or("").to_owned();
        assert!(!text("summary").is_empty() && !text("description").is_empty(), "{method} {path}");
        assert!(operation["security"].is_array(), "{method} {path}");
        assert!(!ids.contains(&text("operationId")), "{method} {path}");
        ids.push(text("operationId"));
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
        assert!(responses.contains_key("500"), "{method} {path}");
        let secured = operation["security"].as_array().is_some_and(|ways| !ways.is_empty());
        assert!(!secured || responses.contains_key("401") && responses.contains_key("403"), "{method} {path}");
        for call in CALLS {
            let same = call.route.replace('<', "{").replace('>', "}") == path && call.method.as_str() == method;
            assert!(!same || responses.contains_key(&call.status.to_string()), "{method} {path}: {}", call.status);
        }
        if path.starts_with("/api/v1/") && operation["requestBody"].is_object() {
            for status in ["400", "413", "415", "422"] {
                assert!(responses.contains_key(status), "{method} {path}: {status}");
            }
        }
    }
}

#[rocket::async_test]
async fn the_page_of_the_api_loads_nothing_from_elsewhere() {
    let app = TestApp::start("sqlite").await;
    let page = app.get("/api/docs").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.text.contains("//cdn") && !page.text.contains("https://"), "{}", page.text);
    for address in page.text.split(['"']).filter(|part| part.starts_with("/static/")) {
        assert_eq!(app.get(address).await.status, 200, "{address}");
    }
    assert_eq!(app.client.req(Method::Post, "/api/docs").dispatch().await.status().code, 405);
}
