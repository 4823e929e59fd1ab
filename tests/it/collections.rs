//! Collections, pins, retention; editing, deleting and taking back.

use frontdesk::entries::Entries;
use rocket::http::{ContentType, Header, Method};

use crate::support::{Answer, TestApp, databases};

#[rocket::async_test]
async fn a_collection_is_made_changed_and_shown() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let made = owner.json(Method::Post, "/api/v1/collections", r#"{"name":"contact","title":"Contact"}"#).await;
        assert_eq!((made.status, made.header("location")), (201, "/api/v1/collections/contact"));
        owner.json(Method::Post, "/api/v1/collections", r#"{"name":"contact"}"#).await.is_problem(409, "already");
        owner.json(Method::Post, "/api/v1/collections", r#"{"name":"No"}"#).await.is_problem(422, "/name");
        owner
            .json(Method::Post, "/api/v1/collections", r#"{"name":"x","colour":"red"}"#)
            .await
            .is_problem(422, "colour");
        owner.json(Method::Post, "/api/v1/collections", "{").await.is_problem(400, "");
        let changed = owner.json(Method::Patch, "/api/v1/collections/contact", r#"{"retention_days":30}"#).await;
        assert_eq!(changed.json()["retention_days"], 30, "{}", changed.text);
        let changed = owner
            .json(Method::Patch, "/api/v1/collections/contact", r#"{"retention_days":null,"title":"Say hello"}"#)
            .await;
        assert!(changed.json()["retention_days"].is_null());
        owner
            .json(Method::Patch, "/api/v1/collections/contact", r#"{"daily_quota":0}"#)
            .await
            .is_problem(422, "/daily_quota");
        owner
            .json(Method::Patch, "/api/v1/collections/contact", r#"{"checks":{"a":{"type":"list","mode":"warn"}}}"#)
            .await
            .is_problem(422, "/checks");
        let page = owner.open("/collections/contact").await;
        assert!(page.text.contains("Say hello") && page.text.contains("data-key"), "{}", page.text);
        assert_eq!(owner.get("/api/v1/collections").await.json()["count"], 2);
        let again = owner.form("/collections", "name=Bad+Name").await;
        assert_eq!(again.status, 422);
        assert!(
            again.text.contains("Bad Name") && again.text.contains("beginning with a letter"),
            "what was typed is kept"
        );
    }
}

#[rocket::async_test]
async fn a_pinned_field_is_answered_by_its_index_and_says_the_same() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for plan in [
            r#""pro""#,
            r#""10""#,
            "10",
            "10.0",
            "10.5",
            r#"["pro","x"]"#,
            "true",
            "null",
            "[]",
            r#""[array]""#,
            "1e300",
            "{}",
        ] {
            app.stored(format!(r#"{{"plan":{plan}}}"#)).await;
        }
        let queries = [
            "plan=pro",
            "plan=10",
            "plan=%2210%22",
            "plan=10.5",
            "plan=true",
            "plan__in=pro,10",
            "plan=pro&plan=10",
            "plan=[array]",
            "plan=1e300",
            "plan=pro&_received__gte=-1d",
            "plan=x&_sort=plan",
        ];
        let mut before = Vec::new();
        for query in queries {
            before.push(owner.ids(&format!("_collection=default&{query}")).await);
        }
        let pinned = owner.json(Method::Post, "/api/v1/collections/default/pins", r#"{"field":"plan"}"#).await;
        assert_eq!(pinned.status, 201, "{}", pinned.text);
        app.state::<Entries>().build_pins().await.unwrap();
        owner
            .json(Method::Post, "/api/v1/collections/default/pins", r#"{"field":"plan"}"#)
            .await
            .is_problem(409, "pinned");
        for (query, before) in queries.iter().zip(&before) {
            assert_eq!(owner.ids(&format!("_collection=default&{query}")).await, *before, "{kind} {query}");
            let count = owner.get(&format!("/list?_collection=default&_limit=1&_count=exact&{query}")).await.json();
            assert_eq!(count["count"].as_i64(), Some(before.len() as i64), "{kind} {query}");
        }
        for query in ["plan=pro", "plan=10&_received__gte=-30d", "plan__in=pro,free&seats=3"] {
            let plan = app.state::<Entries>().explain(&format!("_collection=default&{query}")).await.unwrap();
            // PostgreSQL reads so small a table whole.
            assert!(
                kind == "postgres" || plan.contains("INDEX pin_1") && !plan.contains("entries_newest"),
                "{query}: {plan}"
            );
        }
        assert!(owner.open("/collections/default").await.text.contains("Unpin"));
        assert_eq!(owner.json(Method::Delete, "/api/v1/collections/default/pins/1", "").await.status, 204);
        assert_eq!(owner.ids("_collection=default&plan=pro").await, before[0]);
    }
}

#[rocket::async_test]
async fn the_newest_page_is_read_from_an_index() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    for name in ["one", "two"] {
        owner.json(Method::Post, "/api/v1/collections", &format!(r#"{{"name":"{name}"}}"#)).await;
    }
    for (query, index, walks) in [
        ("_collection=default", "entries_newest", 1),
        ("", "entries_newest", 3),
        ("_collection=default&_received__gte=-30d", "entries_newest", 1),
        ("_collection=default&_session=abcdefgh", "entries_session", 1),
    ] {
        let plan = app.state::<Entries>().explain(query).await.unwrap();
        assert_eq!(plan.matches(&format!("SEARCH e USING INDEX {index}")).count(), walks, "{query}: {plan}");
    }
}

#[rocket::async_test]
async fn a_field_whose_filters_stay_slow_is_pinned_by_itself() {
    let app = TestApp::with("sqlite", |config| config.slow_filter_ms = 0).await;
    let owner = app.owner().await;
    app.stored(r#"{"plan":"pro"}"#).await;
    for _ in 0..5 {
        owner.ids("_collection=default&plan=pro").await;
    }
    app.upkeep().await;
    assert!(owner.open("/collections/default").await.text.contains("because its filters were slow"));
}

#[rocket::async_test]
async fn over_its_time_a_list_says_so() {
    for kind in databases() {
        let app = TestApp::with(kind, |config| config.list_budget_ms = 100).await;
        let owner = app.owner().await;
        let batch = format!("[{}]", vec![format!(r#"{{"a":"{}"}}"#, "x".repeat(300)); 100].join(","));
        for _ in 0..100 {
            app.stored(&batch).await;
        }
        let needles: Vec<_> = (0..60).map(|i| format!("_or.a__contains=needle{i}")).collect();
        let answer = owner.get(&format!("/list?_collection=default&{}", needles.join("&"))).await;
        answer.is_problem(503, "Narrow it down");
        assert!(!answer.header("retry-after").is_empty());
        assert_eq!(owner.ids("_limit=1&_count=none").await.len(), 1, "{kind}: the connection is as good as before");
    }
}

#[rocket::async_test]
async fn old_entries_are_swept_away_but_not_their_ids() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        app.stored(r#"{"_uid":"old-entry-1"}"#).await;
        app.wait(31 * frontdesk::moment::DAY);
        let owner = app.owner().await;
        let young = app.stored("{}").await;
        owner.json(Method::Patch, "/api/v1/collections/default", r#"{"retention_days":30}"#).await;
        assert_eq!(app.state::<Entries>().sweep().await.unwrap(), 1);
        assert_eq!(owner.ids("_deleted=with").await, [young], "{kind}");
        assert_eq!(app.add(r#"{"_uid":"old-entry-1"}"#).await.status, 200);
    }
}

#[rocket::async_test]
async fn entries_are_edited_with_their_version() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"a":1.50,"b":{"c":2}}"#).await;
        let path = format!("/api/v1/entries/{id}");
        let shown = owner.get(&path).await;
        assert_eq!(shown.header("etag"), "\"v1\"");
        let merged = owner.json(Method::Patch, &path, r#"{"b":{"d":3},"new":"x"}"#).await;
        assert!(merged.text.contains(r#""data":{"a":1.50,"b":{"c":2,"d":3},"new":"x"}"#), "{}", merged.text);
        assert_eq!(merged.header("etag"), "\"v2\"");
        let late = owner
            .send(
                app.client
                    .put(path.clone())
                    .header(ContentType::JSON)
                    .header(Header::new("If-Match", "\"v1\""))
                    .body("{}"),
            )
            .await;
        late.is_problem(412, "");
        assert_eq!(owner.json(Method::Put, &path, r#"{"z":1}"#).await.status, 200);
        owner.json(Method::Put, &path, "[1]").await.is_problem(422, "object");
        owner.json(Method::Put, "/api/v1/entries/999", "{}").await.is_problem(404, "999");
        assert_eq!(owner.ids("z=1").await, [id]);
        assert!(owner.get("/csv").await.text.starts_with("_id,_received,_at,_session,_origin,a,b.c,b.d,new,z\r\n"));
    }
}

#[rocket::async_test]
async fn deleting_and_spam_are_marks_that_undo_takes_back() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for i in 0..4 {
            app.stored(format!(r#"{{"n":{i}}}"#)).await;
        }
        let done = owner.form("/list/marks", "action=delete&id=1&id=2&query=").await;
        assert_eq!(done.status, 303);
        assert_eq!(owner.ids("").await, [4, 3], "{kind}");
        assert_eq!(owner.ids("_deleted=only").await, [2, 1]);
        let at = app.clock.now().0;
        owner.form("/list/marks/undo", &format!("action=delete&at={at}&query=")).await;
        assert_eq!(owner.ids("").await.len(), 4);
        app.wait(1000);
        owner.form("/list/marks", "action=spam&all=1&query=n__gte%3D2").await;
        assert_eq!(owner.ids("").await, [2, 1], "{kind}");
        assert_eq!(owner.ids("_flags=spam").await, [4, 3]);
        owner.form("/list/marks/undo", &format!("action=spam&at={}&query=", app.clock.now().0)).await;
        assert_eq!(owner.ids("").await.len(), 4);
        owner.form("/list/marks", "action=delete&all=1&query=").await.status_is(400);
        assert_eq!(owner.json(Method::Delete, "/api/v1/entries/3", "").await.status, 204);
        assert_eq!(owner.json(Method::Post, "/api/v1/entries/3/restoration", "").await.status, 204);
        assert_eq!(owner.ids("").await.len(), 4);
    }
}

#[rocket::async_test]
async fn views_and_columns_are_kept() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    app.stored(r#"{"name":"Ada","plan":"pro"}"#).await;
    owner.form("/list/views", "name=Pros&query=plan%3Dpro").await;
    assert!(owner.open("/list").await.text.contains("Pros"));
    owner.form("/list/columns", "collection=default&column=_received&column=plan&query=_collection%3Ddefault").await;
    let page = owner.open("/list?_collection=default").await.text;
    assert!(page.contains(">pro</td>") && !page.contains(">Ada</td>"), "only the chosen columns");
}

impl Answer {
    fn status_is(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
    }
}
