//! Entries that staff work on: state, assignee, note, values that are mended, and the way back.

use rocket::http::{Header, Method};

use crate::support::{TestApp, databases};
use crate::transfer::import;

#[rocket::async_test]
async fn an_entry_is_given_a_state_somebody_and_a_note_and_is_found_by_them() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let lee = app.sign_in_as("lee@example.org", "staff").await;
        let (one, two) = (app.stored(r#"{"n":1}"#).await, app.stored(r#"{"n":2}"#).await);
        let path = format!("/api/v1/entries/{one}/work");
        let body = r#"{"state":"open","assignee":"Lee@example.org","note":"calls back on\r\nMonday\u0007"}"#;
        let answer = lee.json(Method::Patch, &path, body).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text);
        let json = answer.json();
        assert_eq!(json["_state"], "open");
        assert_eq!(json["_assignee"], "lee@example.org");
        assert_eq!(json["_note"], "calls back on\nMonday");
        for (query, found) in [
            ("_state=open", vec![one]),
            ("_state=new", vec![two]),
            ("_state__in=new,open", vec![two, one]),
            ("_state__not=open", vec![two]),
            ("_assignee=lee@example.org", vec![one]),
            ("_assignee__exists=0", vec![two]),
            ("_note__contains=MONDAY", vec![one]),
            ("_sort=_state", vec![one, two]),
            ("_or._state=open&_or.n=2", vec![two, one]),
        ] {
            assert_eq!(owner.ids(query).await, found, "{kind} {query}");
        }
        // one after the other, by a cursor
        let first = owner.get("/list?_sort=-_assignee,_state&_limit=1").await.json();
        assert_eq!(first["entries"][0]["_id"], one, "{kind}");
        let next = first["next"].as_str().unwrap();
        assert_eq!(owner.ids(&format!("_sort=-_assignee,_state&_limit=1&_cursor={next}")).await, [two]);
        owner.get("/list?_sort=_note").await.is_problem(400, "no order");
        // what breaks a rule is told at its field
        let wrong = owner.json(Method::Patch, &path, r#"{"state":"lost","assignee":"nobody@example.org"}"#).await;
        wrong.is_problem(422, "/state");
        wrong.is_problem(422, "/assignee");
        // null takes away, and the first state is none
        let cleared = owner.json(Method::Patch, &path, r#"{"state":"new","assignee":null,"note":null}"#).await.json();
        assert_eq!(
            (cleared.get("_state"), cleared.get("_assignee"), cleared.get("_note")),
            (None, None, None),
            "{kind}"
        );
        assert_eq!(owner.ids("_state=new").await, [two, one]);
        let viewer = app.sign_in_as("vic@example.org", "viewer").await;
        assert_eq!(viewer.json(Method::Patch, &path, r#"{"state":"open"}"#).await.status, 403);
    }
}

#[rocket::async_test]
async fn an_owner_names_the_states_of_a_collection() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored("{}").await;
        let settings = "/api/v1/collections/default";
        let patch = owner.json(Method::Patch, settings, r#"{"states":["inbox","it's on","closed"]}"#).await;
        assert_eq!(patch.json()["states"][1], "it's on", "{kind}: {}", patch.text);
        let work = format!("/api/v1/entries/{id}/work");
        owner.json(Method::Patch, &work, r#"{"state":"open"}"#).await.is_problem(422, "inbox, it's on, closed");
        assert_eq!(owner.ids("_state=inbox").await, [id], "{kind}");
        assert_eq!(owner.json(Method::Patch, &work, r#"{"state":"it's on"}"#).await.status, 200);
        assert_eq!(owner.ids("_state=it%27s+on").await, [id]);
        // another collection has its own
        owner.json(Method::Post, "/api/v1/collections", r#"{"name":"other","open":true}"#).await;
        let other = app.stored(r#"{"_collection":"other"}"#).await;
        assert_eq!(owner.ids("_state=new").await, [other], "{kind}");
        for wrong in [r#"{"states":[]}"#, r#"{"states":["a","a"]}"#, r#"{"states":["a\u0000b"]}"#] {
            let answer = owner.json(Method::Patch, settings, wrong).await;
            assert_eq!(answer.status, 422, "{wrong}: {}", answer.text);
        }
        // a state that is no longer named stays until somebody sets another
        owner.json(Method::Patch, settings, r#"{"states":["inbox"]}"#).await;
        assert_eq!(owner.json(Method::Patch, &work, r#"{"note":"kept"}"#).await.json()["_state"], "it's on");
    }
}

#[rocket::async_test]
async fn every_change_is_listed_and_can_be_taken_back() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"name":"Ada","seats":1}"#).await;
        let entry = format!("/api/v1/entries/{id}");
        owner.json(Method::Patch, &entry, r#"{"seats":2}"#).await;
        owner.json(Method::Patch, &format!("{entry}/work"), r#"{"state":"open"}"#).await;
        owner.json(Method::Patch, &format!("{entry}/work"), r#"{"state":"done"}"#).await;
        let changes = async || owner.get(&format!("{entry}/changes")).await.json()["changes"].clone();
        let listed = changes().await;
        assert_eq!(listed.as_array().unwrap().len(), 3, "{kind} {listed}");
        assert_eq!((&listed[0]["before"], &listed[0]["after"]), (&"open".into(), &"done".into()));
        assert_eq!((listed[2]["what"].as_str(), listed[2]["by"].as_str()), (Some("data"), Some("kim@example.org")));
        let take_back = async |change: &serde_json::Value| {
            owner.json(Method::Post, &format!("{entry}/changes/{}/reversal", change["id"]), "").await
        };
        take_back(&listed[1]).await.is_problem(409, "changed again");
        assert_eq!(take_back(&listed[0]).await.json()["_state"], "open");
        assert_eq!(take_back(&listed[2]).await.json()["data"]["seats"], 1);
        assert_eq!(changes().await.as_array().unwrap().len(), 5, "{kind}: undoing is a change of its own");
        assert_eq!(owner.json(Method::Post, &format!("{entry}/changes/999/reversal"), "").await.status, 404);
        // two at once: the second is told
        let version = owner.get(&entry).await.header("etag").to_owned();
        let late = |body: &'static str| {
            let request = app.client.patch(format!("{entry}/work")).header(rocket::http::ContentType::JSON);
            request.header(Header::new("If-Match", version.clone())).body(body)
        };
        assert_eq!(owner.send(late(r#"{"note":"first"}"#)).await.status, 200);
        owner.send(late(r#"{"note":"second"}"#)).await.is_problem(412, "");
    }
}

#[rocket::async_test]
async fn what_staff_note_is_exported_comes_back_and_is_for_staff_alone() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"_session":"a-session-of-ada","n":1}"#).await;
        app.wait(1);
        app.stored(r#"{"n":2}"#).await;
        let plain = owner.get("/csv?_bom=0").await.text;
        assert!(plain.starts_with("_id,_received,_at,_session,_origin,n\r\n"), "{kind}: nobody worked on anything");
        let body = r#"{"state":"open","assignee":"kim@example.org","note":"two\nlines"}"#;
        owner.json(Method::Patch, &format!("/api/v1/entries/{id}/work"), body).await;
        for format in ["csv", "ndjson"] {
            let first = owner.get(&format!("/csv?_format={format}&_bom=0")).await.text;
            assert!(first.contains("_note") && first.contains("kim@example.org"), "{kind} {format}: {first}");
            let other = TestApp::start(kind).await;
            let kim = other.owner().await;
            assert_eq!(import(&other, &first, &format!("x.{format}"), "default").await.stored, 2);
            assert_eq!(kim.get(&format!("/csv?_format={format}&_bom=0")).await.text, first, "{kind} {format}");
        }
        assert_eq!(owner.get("/csv?_fields=_state,n&_bom=0&_sort=_id").await.text, "_state,n\r\nopen,1\r\n,2\r\n");
        owner.json(Method::Patch, "/api/v1/collections/default", r#"{"public_read":true}"#).await;
        for path in ["/list", "/csv", "/csv?_fields=_note,n", &format!("/api/v1/entries/{id}")] {
            let answer = app.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(!answer.text.contains("lines") && !answer.text.contains("kim@"), "{kind} {path}: {}", answer.text);
        }
        for query in ["_state=open", "_note__contains=two", "_sort=_assignee"] {
            app.get(&format!("/list?{query}")).await.is_problem(401, "");
        }
    }
}

#[rocket::async_test]
async fn the_page_of_an_entry_is_where_it_is_worked_on() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let id = app.stored(r#"{"name":"Ada","seats":1.50,"tags":["a"],"a.b":{"c":true}}"#).await;
    let page = owner.open(&format!("/entries/{id}")).await.text;
    for word in ["<option selected>new</option>", "Change values", "kim@example.org", "name=\"path\" value=\"a\\.b.c\""]
    {
        assert!(page.contains(word), "{word}: {page}");
    }
    let data = |version: i64, seats: &str| {
        format!(
            "version={version}&path=name&value=Ada+L&path=seats&value={seats}&path=tags&value=%5B%22a%22%5D&path=a%5C.b.c&value=false"
        )
    };
    assert_eq!(owner.form(&format!("/entries/{id}/data"), &data(1, "2")).await.status, 303);
    let stored = owner.get(&format!("/api/v1/entries/{id}")).await.text;
    assert!(stored.contains(r#""data":{"name":"Ada L","seats":2,"tags":["a"],"a.b":{"c":false}}"#), "{stored}");
    let late = owner.form(&format!("/entries/{id}/data"), &data(1, "3")).await;
    assert_eq!(late.status, 303, "{}", late.text);
    assert!(
        owner.get(&format!("/api/v1/entries/{id}")).await.text.contains("\"seats\":2"),
        "a late form changes nothing"
    );
    assert_eq!(owner.form(&format!("/entries/{id}/work"), "version=2&state=done&assignee=&note=ok").await.status, 303);
    let page = owner.open(&format!("/entries/{id}")).await.text;
    assert!(page.contains("<option selected>done</option>") && page.contains("changed state"), "{page}");
    let list = owner.open("/list?_collection=default").await.text;
    assert!(list.contains("/list?_collection=default&amp;_state=open") || list.contains("_state=open"), "{list}");
}
