//! Faults that were there once.

use frontdesk::entries::Entries;
use rocket::http::{ContentType, Header, Method};

use crate::support::{Answer, TestApp, databases};
use crate::transfer::import;

#[rocket::async_test]
async fn a_double_is_found_by_its_own_spelling_and_a_cursor_gets_past_it() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"n":123456789.12345679}"#).await;
        let below = app.stored(r#"{"n":1}"#).await;
        for query in ["n=123456789.12345679", "n__gte=123456789.12345679", "n__lte=123456789.12345679&n__gt=2"] {
            assert_eq!(owner.ids(query).await, [id], "{kind} {query}");
        }
        let first = owner.get("/list?_sort=-n&_limit=1").await;
        let next = first.json()["next"].as_str().unwrap().to_owned();
        assert_eq!(owner.ids(&format!("_sort=-n&_limit=1&_cursor={next}")).await, [below], "{kind}");
    }
}

#[rocket::async_test]
async fn the_smallest_integer_in_a_text_is_a_number_like_any_other() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"m":"-9223372036854775808"}"#).await;
        assert_eq!(owner.ids("m__lt=0").await, [id], "{kind}");
        assert!(owner.ids("m__gte=-5").await.is_empty(), "{kind}");
    }
}

#[rocket::async_test]
async fn blanks_of_a_form_are_dropped_before_they_are_read() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let answer = owner.open("/list?_form=1&_q=x&_received__gte=2026-01-01&_received__lte=&_limit=&k__exists=").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/list?_q=x&_received__gte=2026-01-01"));
}

#[rocket::async_test]
async fn texts_that_look_like_lists_stay_texts() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        for text in [r"[1, 2]", r#"[{\"a\":1,\"a\":2}]"#, "[1e999]", "[]  ", r#"[\"\\u0041\"]"#, "[1,2]"] {
            app.stored(format!(r#"{{"s":"{text}"}}"#)).await;
        }
        let first = app.owner().await.get("/csv?_bom=0").await.text;
        let other = TestApp::start(kind).await;
        assert_eq!(import(&other, &first, "x.csv", "default").await.refused, 0);
        assert_eq!(other.owner().await.get("/csv?_bom=0").await.text, first, "{kind}");
    }
}

#[rocket::async_test]
async fn names_that_libraries_use_inside_are_data() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"a":{"$serde_json::private::RawValue":"oops"},"b":1}"#).await;
        let patched = owner.json(Method::Patch, &format!("/api/v1/entries/{id}"), r#"{"z":1}"#).await;
        assert_eq!(patched.status, 200, "{kind}: {}", patched.text);
        assert!(
            patched.text.contains(r#"{"a":{"$serde_json::private::RawValue":"oops"},"b":1,"z":1}"#),
            "{}",
            patched.text
        );
        assert!(!owner.get("/list?_fields=-b").await.text.contains("\"b\":1"));
    }
}

#[rocket::async_test]
async fn a_pin_finds_integers_beyond_64_bits() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for n in ["18446744073709551615", "9223372036854775808", "9223372036854775807"] {
            app.stored(format!(r#"{{"n":{n}}}"#)).await;
        }
        let queries = ["n=18446744073709551615", "n=9223372036854775808", "n=9223372036854775807"];
        let mut before = Vec::new();
        for query in queries {
            before.push(owner.ids(&format!("_collection=default&{query}")).await);
        }
        owner.json(Method::Post, "/api/v1/collections/default/pins", r#"{"field":"n"}"#).await;
        app.state::<Entries>().build_pins().await.unwrap();
        for (query, before) in queries.iter().zip(before) {
            assert_eq!(owner.ids(&format!("_collection=default&{query}")).await, before, "{kind} {query}");
        }
        owner
            .json(Method::Post, "/api/v1/collections/default/pins", r#"{"field":"_id"}"#)
            .await
            .is_problem(422, "/field");
    }
}

#[rocket::async_test]
async fn an_import_keeps_marks_and_names_of_the_client() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        app.stored(r#"{"_gotcha":"x","n":1}"#).await;
        app.stored(r#"{"_origin":"mine","n":2}"#).await;
        let owner = app.owner().await;
        owner.json(Method::Delete, "/api/v1/entries/2", "").await;
        let all = "/csv?_format=ndjson&_deleted=with&_or._flags__exists=0&_or._flags__exists=1";
        let first = owner.get(all).await.text;
        assert_eq!(first.lines().count(), 2);
        let other = TestApp::start(kind).await;
        assert_eq!(import(&other, &first, "x.ndjson", "default").await.stored, 2);
        assert_eq!(other.owner().await.get(all).await.text, first, "{kind}");
    }
}

#[rocket::async_test]
async fn odd_tables_lose_nothing_and_invent_nothing() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    assert_eq!(import(&app, "a.b,a\n1,2\n", "x.csv", "odd").await.stored, 1);
    assert!(owner.get("/list?_collection=odd").await.text.contains(r#""data":{"a":2,"a.b":1}"#));
    let report = import(&app, "_id,_received,x\nabc,2026-01-01T00:00:00Z,1\n7,soon,1\n", "x.csv", "odd").await;
    assert_eq!((report.stored, report.refused), (0, 2), "{report:?}");
    // four numbers in a path are a column like any other
    app.stored(r#"{"1":{"2":{"3":{"4":"deep"}}}}"#).await;
    assert!(owner.get("/csv?_collection=default").await.text.contains("1.2.3.4\r\n"));
    assert_eq!(owner.ids("1.2.3.4=deep").await.len(), 1);
}

#[rocket::async_test]
async fn fields_inside_lists_are_not_taken_out() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    app.stored(r#"{"tags":["a","b"]}"#).await;
    assert!(owner.get("/list?_fields=-tags.0").await.text.contains(r#"{"tags":["a","b"]}"#));
    owner.get("/list?_fields=x:tags,x:other").await.is_problem(400, "twice");
}

#[rocket::async_test]
async fn a_form_of_thousands_of_names_is_refused_before_work() {
    let app = TestApp::start("sqlite").await;
    let form: Vec<_> = (0..16_000).map(|i| format!("{i:x}")).collect();
    app.post("/add", "application/x-www-form-urlencoded", form.join("&")).await.is_problem(422, "512");
    assert_eq!(app.add("\u{feff}{\"a\":1}").await.status, 201, "a byte order mark is no fault");
}

#[rocket::async_test]
async fn numbers_are_searched_as_they_were_sent() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let id = app.stored(r#"{"p":19.90,"q":1e3}"#).await;
    assert_eq!(owner.ids("_q=19.90").await, [id]);
    assert_eq!(owner.ids("_q=1e3").await, [id]);
}

#[rocket::async_test]
async fn the_last_year_is_a_year() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"d":"9999-12-31"}"#).await;
        for query in ["_received__lte=9999-12-31", "d__lte=9999-12-31", "d__on=9999"] {
            assert_eq!(owner.ids(query).await, [id], "{kind} {query}");
        }
        for (query, word) in [("_session__on=2026", "no moment"), ("_or02.k=x", "_or02")] {
            owner.get(&format!("/list?{query}")).await.is_problem(400, word);
        }
    }
}

#[rocket::async_test]
async fn a_foreign_page_cannot_read_with_somebodys_cookie() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    app.stored("{}").await;
    for path in ["/list", "/csv", "/api/v1/entries"] {
        let request =
            app.client.post(path).header(ContentType::Form).header(Header::new("Origin", "https://evil.example"));
        let cookie = rocket::http::Cookie::new("frontdesk", owner.token.clone());
        let answer = Answer::of(request.cookie(cookie).body("_limit=1").dispatch().await).await;
        assert_eq!(answer.status, 401, "{path}: {}", answer.text);
    }
}
