//! `/list`, `/csv`, `/api/v1/entries`: the same query gives the same entries, and what is wrong is named.

use rocket::http::Method;

use crate::support::{TestApp, databases};

async fn with_plans(app: &TestApp) {
    for (name, plan, seats) in [("Ada", "pro", 12), ("Ben", "free", 1), ("Chi", "pro", 3), ("Dee", "team", 40)] {
        app.stored(format!(r#"{{"name":"{name}","plan":"{plan}","seats":{seats},"cart":{{"total":{seats}.5}}}}"#))
            .await;
    }
}

#[rocket::async_test]
async fn every_format_gives_the_same_entries() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        with_plans(&app).await;
        for query in [
            "plan=pro",
            "plan=pro&plan=team&_sort=seats",
            "_q=ada",
            "seats__gte=3&_sort=-cart.total",
            "_not.plan=pro",
            "plan=none",
            "_limit=2",
        ] {
            let listed = owner.ids(query).await;
            let lines = owner.get(&format!("/list?{query}&_format=ndjson")).await.text;
            let from_lines: Vec<i64> = lines
                .lines()
                .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["_id"].as_i64().unwrap())
                .collect();
            assert_eq!(from_lines, listed, "{kind} {query}");
            let csv = owner.get(&format!("/csv?{query}")).await.text;
            let from_csv: Vec<i64> =
                csv::Reader::from_reader(csv.as_bytes()).records().map(|r| r.unwrap()[0].parse().unwrap()).collect();
            assert_eq!(from_csv, listed, "{kind} {query}");
            let json: Vec<serde_json::Value> =
                serde_json::from_str(&owner.get(&format!("/csv?{query}&_format=json")).await.text).unwrap();
            assert_eq!(json.iter().map(|e| e["_id"].as_i64().unwrap()).collect::<Vec<_>>(), listed, "{kind} {query}");
            let page = owner.open(&format!("/list?{query}")).await.text;
            let place = |id: i64| {
                page.find(&format!("value=\"{id}\" aria-label"))
                    .unwrap_or_else(|| panic!("{kind} {query}: {id} is not on the page"))
            };
            assert!(listed.iter().map(|id| place(*id)).is_sorted(), "{kind} {query}");
            let posted = owner.form("/list", &format!("{query}&_format=json")).await;
            assert_eq!(posted.ids(), listed, "{kind} {query}");
            assert_eq!(owner.get(&format!("/api/v1/entries?{query}")).await.ids(), listed);
        }
    }
}

#[rocket::async_test]
async fn the_grammar_is_strict_and_names_the_nearest() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    with_plans(&app).await;
    for (query, word) in [
        ("_limt=5", "_limit"),
        ("_limit=0", "from 1 to 1000"),
        ("_limit=5000", "from 1 to 1000"),
        ("_limit=abc", "_limit"),
        ("plan__equals=pro", "there is no operator"),
        ("seats__gtt=1", "did you mean \\\"gt\\\""),
        ("_recieved__gte=-1d", "_received"),
        ("_received__gte=soon", "no date"),
        ("_id=x", "whole number"),
        ("seats__between=1", "two values"),
        ("a__null=maybe", "neither 1 nor 0"),
        ("_sort=a,b,c,d,e", "at most 4"),
        ("_facet=a,b,c,d,e,f", "at most 5"),
        ("_tz=Mars", "no time zone"),
        ("_cursor=abc", "_cursor"),
        ("_format=pdf", "none of html, json, ndjson, csv"),
        ("a=%ff", "invalid UTF-8"),
        ("a=%00", "NUL"),
        ("_secret=abc", "body of a POST"),
        ("_strict=1&emial=x", "emial"),
        ("a__type=list", "none of string"),
        ("a__in=[1,{}]", "no text, number or truth value"),
    ] {
        owner.get(&format!("/list?{query}")).await.is_problem(400, word);
    }
    let many: String = (0..65).map(|i| format!("a{i}=1&")).collect();
    owner.get(&format!("/list?{many}")).await.is_problem(400, "64");
    owner.get("/list?_collection=nowhere").await.is_problem(404, "nowhere");
}

#[rocket::async_test]
async fn a_field_that_nobody_sent_is_legal_and_warned_about() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        app.stored(r#"{"email":"a@example.org"}"#).await;
        let answer = owner.get("/list?emial=a@example.org").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["warnings"][0], "no entry has \"emial\"; did you mean \"email\"?");
        assert_eq!(answer.json()["applied"][0]["op"], "eq");
        assert!(owner.get("/list?email=a@example.org&_=123").await.json()["warnings"].as_array().unwrap().is_empty());
    }
}

#[rocket::async_test]
async fn hostile_names_are_data() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for name in [
            "a'b",
            "a\"b",
            "a]b",
            "$.x",
            "a.b",
            "😀",
            "",
            "sort",
            "limit",
            "q",
            "data",
            "__proto__",
            "'; DROP TABLE entries; --",
            "a\\b",
            "x__gt",
            "{a}",
            "/p",
            "?",
            "$1",
            "%",
            "doc",
            "0",
        ] {
            let id = app.stored(serde_json::json!({ name: "here" }).to_string()).await;
            let pointer = format!("/{}__eq", name.replace('~', "~0").replace('/', "~1"));
            let query = form_urlencoded::Serializer::new(String::new()).append_pair(&pointer, "here").finish();
            assert_eq!(owner.ids(&query).await, [id], "{kind} {name}");
            let sorted = form_urlencoded::Serializer::new(String::new())
                .append_pair("_sort", &pointer.replace("__eq", "").replace('\\', "\\\\").replace(',', "\\,"))
                .finish();
            assert_eq!(owner.get(&format!("/list?{sorted}")).await.status, 200, "{kind} {name}");
            let faceted = form_urlencoded::Serializer::new(String::new())
                .append_pair("_facet", &pointer.replace("__eq", "").replace('\\', "\\\\"))
                .finish();
            assert_eq!(owner.get(&format!("/list?{faceted}")).await.status, 200, "{kind} {name}");
        }
        assert_eq!(owner.open("/list").await.status, 200);
        assert_eq!(owner.get("/csv").await.status, 200);
    }
}

#[rocket::async_test]
async fn cursors_walk_every_entry_once_while_others_come_and_go() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for i in 0..30 {
            app.stored(format!(r#"{{"n":{}}}"#, i % 7)).await;
        }
        for sort in ["-_received", "_received", "n", "-n"] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = owner.get(&format!("/list?_limit=4&n__exists=1&_sort={sort}{cursor}")).await;
                seen.extend(page.ids());
                let Some(next) = page.json()["next"].as_str().map(str::to_owned) else { break };
                assert!(page.header("link").contains("rel=\"next\""));
                cursor = format!("&_cursor={next}");
                app.stored(r#"{"n":3}"#).await;
                let gone = seen.pop().unwrap();
                owner.json(Method::Delete, &format!("/api/v1/entries/{gone}"), "").await;
            }
            let mut once = seen.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "{kind} {sort}: nothing twice");
            let alive = owner.ids("_limit=1000&n__exists=1").await;
            let missed: Vec<_> = alive.iter().filter(|id| **id <= 30 && !seen.contains(id)).collect();
            assert!(missed.is_empty(), "{kind} {sort}: missed {missed:?}");
        }
    }
}

#[rocket::async_test]
async fn a_cursor_belongs_to_its_query_and_its_reader() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let other = app.sign_in_as("noor@example.org", "viewer").await;
    with_plans(&app).await;
    let next = owner.get("/list?_limit=1&plan=pro").await.json()["next"].as_str().unwrap().to_owned();
    assert_eq!(owner.get(&format!("/list?_limit=3&plan=pro&_cursor={next}")).await.status, 200, "the limit may change");
    for wrong in ["plan=free", "plan=pro&_sort=seats", "plan=pro&name=Ada", "plan=pro&_q=x"] {
        owner.get(&format!("/list?{wrong}&_cursor={next}")).await.is_problem(400, "_cursor");
    }
    other.get(&format!("/list?_limit=1&plan=pro&_cursor={next}")).await.is_problem(400, "_cursor");
}

#[rocket::async_test]
async fn pages_go_both_ways() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    for i in 0..5 {
        app.stored(format!(r#"{{"n":{i}}}"#)).await;
    }
    let link = |page: &str, rel: &str| {
        let at = page.find(&format!("rel=\"{rel}\""))?;
        let start = page[..at].rfind("href=\"")? + 6;
        Some(page[start..at].split('"').next()?.replace("&#38;", "&").replace("&amp;", "&"))
    };
    let first = owner.open("/list?_limit=2").await.text;
    assert_eq!(link(&first, "prev"), None);
    let second = owner.open(&link(&first, "next").unwrap()).await.text;
    assert!(second.contains("value=\"3\" aria-label") && second.contains("value=\"2\" aria-label"));
    let back = owner.open(&link(&second, "prev").unwrap()).await.text;
    assert!(
        back.contains("value=\"5\" aria-label")
            && back.contains("value=\"4\" aria-label")
            && link(&back, "prev").is_none()
    );
}

#[rocket::async_test]
async fn counts_and_facets() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        with_plans(&app).await;
        app.stored(r#"{"plan":["pro","free"],"name":"Eli"}"#).await;
        let answer = owner.get("/list?_limit=1&_facet=plan").await.json();
        assert_eq!((answer["count"].as_i64(), answer["truncated"].as_bool()), (Some(5), Some(false)), "{kind}");
        let pro = &answer["facets"]["plan"][0];
        assert_eq!((pro["value"].as_str(), pro["count"].as_i64()), (Some("pro"), Some(3)), "{kind}");
        assert!(owner.get("/list?_limit=1&_count=none").await.json()["count"].is_null());
        assert_eq!(owner.get("/list?_limit=1&_count=exact&plan=pro").await.json()["count"], 3);
    }
}

#[rocket::async_test]
async fn words_are_found_anywhere_but_in_names() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let a = app.stored(r#"{"message":"Grüße aus KÖLN, 100% \"echt\"","n":42}"#).await;
        let b = app.stored(r#"{"other":{"deep":["köln"]},"ok":true}"#).await;
        for (query, found) in [
            ("köln", vec![b, a]),
            ("K%C3%96LN+gr%C3%BC%C3%9Fe", vec![a]),
            ("%22aus+k%C3%B6ln%22", vec![a]),
            ("k%C3%B6ln+-42", vec![b]),
            ("message", vec![]),
            ("100%25", vec![a]),
            ("true", vec![b]),
        ] {
            let query = query.replace('ö', "%C3%B6");
            assert_eq!(owner.ids(&format!("_q={query}")).await, found, "{kind} {query}");
        }
    }
}

#[rocket::async_test]
async fn fields_are_chosen_and_renamed() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    with_plans(&app).await;
    let csv = owner.get("/csv?name=Ada&_fields=name,total:cart.total,_id").await.text;
    assert_eq!(csv, "name,total,_id\r\nAda,12.5,1\r\n");
    let csv = owner.get("/csv?name=Ada&_fields=cart,name").await.text;
    assert_eq!(csv, "cart.total,name\r\n12.5,Ada\r\n");
    let json = owner.get("/list?name=Ada&_fields=-cart,-seats").await.text;
    assert!(json.contains(r#""data":{"name":"Ada","plan":"pro"}"#), "{json}");
    let json = owner.get("/list?name=Ada&_fields=total:cart.total").await.text;
    assert!(json.contains(r#""data":{"total":12.5}"#), "{json}");
}

#[rocket::async_test]
async fn blanks_of_our_forms_are_dropped_by_a_redirect() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let answer = owner.open("/list?_form=1&name=&plan=pro&_q=").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/list?plan=pro"));
}

#[rocket::async_test]
async fn a_browser_session_reads_back_its_own_entries() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        use base64::Engine as _;
        use sha2::Digest as _;
        let public = |secret: &str| {
            base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(secret))[..22].to_owned()
        };
        let mine = app.stored(format!(r#"{{"_session":"{}","n":1}}"#, public("my secret"))).await;
        app.stored(format!(r#"{{"_session":"{}","n":1}}"#, public("another"))).await;
        let answer = app.post("/list", "text/plain", "_secret=my+secret&n=1").await;
        assert_eq!(answer.ids(), [mine], "{kind}");
        app.get("/list").await.is_problem(401, "signed in");
        assert!(
            app.post("/list", "text/plain", format!("_secret={}", public("my secret"))).await.ids().is_empty(),
            "the public id reads nothing"
        );
    }
}

#[rocket::async_test]
async fn anyone_reads_a_public_collection_and_nothing_else() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    owner.json(Method::Post, "/api/v1/collections", r#"{"name":"news","open":true,"public_read":true}"#).await;
    let shown = app.stored(r#"{"_collection":"news","a":1}"#).await;
    let hidden = app.stored(r#"{"a":1}"#).await;
    assert_eq!(app.get("/list").await.ids(), [shown]);
    assert_eq!(app.get("/list?_collection=news").await.ids(), [shown]);
    app.get("/list?_collection=default").await.is_problem(401, "");
    app.get(&format!("/api/v1/entries/{hidden}")).await.is_problem(401, "");
    assert_eq!(app.get(&format!("/api/v1/entries/{shown}")).await.status, 200);
    app.get("/api/v1/entries/nan").await.is_problem(404, "number");
}

#[rocket::async_test]
async fn days_are_days_of_the_reader() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        // the clock stands at noon UTC on 10 March
        let id = app.stored(r#"{"when":"2026-03-10"}"#).await;
        for (query, found) in [
            ("_received__on=2026-03-10", true),
            ("_received__on=today", true),
            ("_received__on=yesterday", false),
            ("_received__on=2026-03", true),
            ("_received__lte=2026-03-10", true),
            ("_received__lt=2026-03-10", false),
            ("_received__gt=2026-03-10", false),
            ("_received__on=2026-03-11&_tz=Pacific/Auckland", true),
            ("_received__on=2026-03-10&_tz=Pacific/Auckland", false),
            ("_received__gte=-1h", true),
            ("_received__lt=-1h", false),
            ("_received__between=2026-03-01,2026-03-10", true),
            ("when__on=2026-03-10&_tz=Pacific/Auckland", true),
            ("when__lte=2026-03-10", true),
            ("when__gt=2026-03-09", true),
        ] {
            assert_eq!(owner.ids(query).await, if found { vec![id] } else { vec![] }, "{kind} {query}");
        }
    }
}
