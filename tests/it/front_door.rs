//! The front door: whatever a visitor's browser sends is stored or told, and never lost.

use frontdesk::collections::{CollectionId, fields};
use frontdesk::db::Pool;
use frontdesk::limits::{MAX_FIELDS, MAX_NEW_FIELDS, MAX_UPLOAD};
use rocket::http::{Header, Method};

use crate::support::{Answer, Person, TestApp, databases};

const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=x";

/// A form that a browser sends without JavaScript.
async fn browser(app: &TestApp, path: &str, kind: &str, body: &[u8]) -> Answer {
    let request = app.client.post(path.to_owned()).header(Header::new("Content-Type", kind.to_owned()));
    let request = request.header(Header::new("Accept", "text/html,*/*"));
    Answer::of(request.header(Header::new("Origin", "https://page.example")).body(body).dispatch().await).await
}

/// The data of the newest entry, as it is stored.
async fn newest(owner: &Person<'_>) -> String {
    let line = owner.get("/csv?_format=ndjson&_limit=1").await.text;
    let data = line.split_once("\"data\":").expect("an entry").1.trim_end();
    data[..data.len() - 1].to_owned()
}

/// A part of a multipart form.
fn part(headers: &str, body: &[u8]) -> Vec<u8> {
    [b"--x\r\nContent-Disposition: form-data; ", headers.as_bytes(), b"\r\n\r\n", body, b"\r\n"].concat()
}

fn parts(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat().as_slice(), b"--x--\r\n"].concat()
}

#[rocket::async_test]
async fn a_form_in_the_encoding_of_its_page_is_stored_as_it_was_typed() {
    for database in databases() {
        let app = TestApp::start(database).await;
        let owner = app.owner().await;
        let latin1 = format!("{FORM};charset=iso-8859-1");
        let own = parts(&[part("name=\"name\"\r\nContent-Type: text/plain; charset=iso-8859-1", b"Jos\xe9")]);
        let hidden = parts(&[part("name=\"_charset_\"", b"windows-1252"), part("name=\"name\"", b"Jos\xe9")]);
        for (kind, body, stored) in [
            (FORM, &b"name=Jos%E9"[..], r#"{"name":"José"}"#),
            (&latin1, b"name=Jos%E9", r#"{"name":"José"}"#),
            (FORM, b"name=Jos%E9&_charset_=windows-1252", r#"{"name":"José"}"#),
            (FORM, b"_charset_=windows-1251&name=%CF%F0", r#"{"name":"Пр"}"#),
            (PARTS, &own, r#"{"name":"José"}"#),
            (PARTS, &hidden, r#"{"name":"José"}"#),
            (PARTS, &parts(&[part("name=\"gr\u{f6}\u{df}e\"", "ü".as_bytes())]), r#"{"größe":"ü"}"#),
        ] {
            let answer = browser(&app, "/add", kind, body).await;
            assert_eq!(answer.status, 201, "{database} {kind}: {}", answer.text);
            assert_eq!(newest(&owner).await, stored, "{database} {kind}");
        }
    }
}

#[rocket::async_test]
async fn files_are_skipped_and_what_was_typed_is_stored() {
    for database in databases() {
        let app = TestApp::start(database).await;
        let owner = app.owner().await;
        let photo = vec![b'\xff'; 3_000_000];
        let form = parts(&[
            part("name=\"name\"", b"Ada"),
            part("name=\"photo\"; filename=\"me.jpg\"\r\nContent-Type: image/jpeg", &photo),
            part("name=\"none\"; filename=\"\"\r\nContent-Type: application/octet-stream", b""),
            part("name=\"after\"", b"yes"),
        ]);
        let thanks = browser(&app, "/add?_next=/thanks.html", PARTS, &form).await;
        assert_eq!(thanks.status, 201, "{}", thanks.text);
        assert!(thanks.text.contains("me.jpg") && thanks.text.contains("not kept"), "{}", thanks.text);
        assert!(thanks.text.contains("https://page.example/thanks.html"), "it leads on once that was read");
        let stored = r#"{"name":"Ada","photo":{"file":"me.jpg","type":"image/jpeg","bytes":3000000},"after":"yes"}"#;
        assert_eq!(newest(&owner).await, stored, "{database}");
        let only = parts(&[part("name=\"cv\"; filename=\"cv.pdf\"\r\nContent-Type: application/pdf", b"%PDF")]);
        let answer = app.post("/add", PARTS, &only).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert!(answer.json()["warnings"][0].as_str().unwrap().contains("cv.pdf"), "{}", answer.text);
        assert_eq!(newest(&owner).await, r#"{"cv":{"file":"cv.pdf","type":"application/pdf","bytes":4}}"#);
    }
}

#[rocket::async_test]
async fn a_multipart_body_is_bounded_in_every_direction() {
    let app = TestApp::start("sqlite").await;
    let long = part("name=\"text\"", &vec![b'x'; 1_000_001]);
    app.post("/add", PARTS, parts(&[long])).await.is_problem(413, "1000000 bytes");
    let endless = [b"--x\r\nX-Header: ".to_vec(), vec![b'y'; 3_000_000]].concat();
    app.post("/add", PARTS, endless).await.is_problem(400, "cannot be read");
    let many: Vec<_> = (0..600).map(|n| part(&format!("name=\"n{n}\""), b"1")).collect();
    app.post("/add", PARTS, parts(&many)).await.is_problem(422, "512");
    let name = "name=\"f\"; filename=\"big.bin\"";
    let large = parts(&[part("name=\"a\"", b"1"), part(name, &vec![0; MAX_UPLOAD as usize])]);
    app.post("/add", PARTS, large).await.is_problem(413, "100000000");
    let broken = [part("name=\"a\"", b"1"), b"--x\r\n".to_vec()].concat();
    app.post("/add", PARTS, broken).await.is_problem(400, "cannot be read");
}

#[rocket::async_test]
async fn what_is_no_control_of_ours_never_loses_an_entry() {
    for database in databases() {
        let app = TestApp::start(database).await;
        let owner = app.owner().await;
        let stray = app.post("/add?utm_source=x&_colection=y&utm_term=%E9", "application/json", r#"{"a":1}"#).await;
        assert_eq!(stray.status, 201, "{}", stray.text);
        let warnings = stray.json()["warnings"].to_string();
        assert!(warnings.contains("utm_source") && warnings.contains("did you mean \\\"_collection"), "{warnings}");
        let batch = app.post("/add?utm_source=x", "application/json", r#"[{"a":1}]"#).await;
        assert!(batch.json()["warnings"][0].as_str().unwrap().contains("utm_source"), "{}", batch.text);
        let page = browser(&app, "/add?fbclid=1", FORM, b"name=Ada").await;
        assert_eq!(page.status, 201, "{}", page.text);
        assert_eq!(owner.ids("").await.len(), 3, "{database}");
    }
}

#[rocket::async_test]
async fn an_empty_form_is_refused_with_a_word_and_an_empty_object_is_taken() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let blank = parts(&[part("name=\"name\"", b" "), part("name=\"cv\"; filename=\"\"", b"")]);
    for (kind, body) in [(FORM, &b"name=&message=+"[..]), (FORM, b""), (PARTS, &blank), (FORM, b"_next=/x&name=")] {
        let page = browser(&app, "/add", kind, body).await;
        assert_eq!(page.status, 422, "{}", page.text);
        assert!(page.text.contains("fill in") && page.text.contains("Back button"), "{}", page.text);
    }
    app.post("/add", FORM, "name=").await.is_problem(422, "fill in");
    assert!(owner.ids("").await.is_empty());
    app.stored("{}").await;
}

#[rocket::async_test]
async fn a_visitor_reads_why_and_that_nothing_is_lost() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let shop = r#"{"name":"shop","open":true,"origins":["https://www.myshop.com"]}"#;
    owner.json(Method::Post, "/api/v1/collections", shop).await;
    owner.json(Method::Patch, "/api/v1/collections/default", r#"{"daily_quota":1}"#).await;
    app.stored(r#"{"a":1}"#).await;
    let long = format!("text={}", "x".repeat(70_000));
    for (path, body, status, word) in [
        ("/add?_collection=shop", "name=Ada", 403, "may not send messages here"),
        ("/add?_collection=gone", "name=Ada", 404, "does not exist any more"),
        ("/add", "name=Ada", 429, "send it again"),
        ("/add", long.as_str(), 422, "It is too long."),
        ("/add", &"y".repeat(1_000_001), 413, "It is too long."),
    ] {
        let page = browser(&app, path, FORM, body.as_bytes()).await;
        assert_eq!(page.status, status, "{}", page.text);
        assert!(page.text.contains(word) && page.text.contains("Back button"), "{status}: {}", page.text);
        assert_eq!(page.header("retry-after").is_empty(), status != 429);
        // a script finds the same words
        let problem = app.post(path, FORM, body).await;
        if status != 403 {
            assert!(problem.json()["message"].as_str().unwrap().contains(word), "{}", problem.text);
        }
    }
}

#[rocket::async_test]
async fn a_next_page_may_be_a_path_of_the_forms_own_site() {
    let app = TestApp::start("sqlite").await;
    for (next, leads) in [
        ("/thanks.html", Some("https://page.example/thanks.html")),
        ("thanks.html", Some("https://page.example/thanks.html")),
        ("https%3A%2F%2Fpage.example%2Fa", Some("https://page.example/a")),
        ("//evil.example/", None),
        ("/%5Cevil.example", None),
        ("javascript:alert(1)", None),
        ("https%3A%2F%2Fevil.example%2F", None),
    ] {
        let answer = browser(&app, &format!("/add?_next={next}"), FORM, b"name=Ada").await;
        match leads {
            Some(target) => assert_eq!((answer.status, answer.header("location")), (303, target), "{next}"),
            None => assert_eq!(answer.status, 201, "{next}"),
        }
    }
}

#[rocket::async_test]
async fn what_stands_in_an_entry_goes_before_the_key_of_the_page() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let make = |text: &'static str| owner.json(Method::Post, "/api/v1/collections", text);
    let key = make(r#"{"name":"site"}"#).await.json()["key"].as_str().unwrap().to_owned();
    make(r#"{"name":"survey","open":true}"#).await;
    make(r#"{"name":"closed"}"#).await;
    let url = format!("/add?_key={key}");
    let elsewhere = app.post(&url, "application/json", r#"{"_collection":"survey","a":1}"#).await;
    assert_eq!(elsewhere.status, 201, "{}", elsewhere.text);
    let closed = app.post(&url, "application/json", r#"{"_collection":"closed","a":1}"#).await;
    closed.is_problem(403, "only with its key");
    assert_eq!(owner.ids("_collection=survey").await.len(), 1);
    let around = app.post(&format!("/add?_key={key}&_collection=survey"), "application/json", "{}").await;
    around.is_problem(403, "not the one of");
}

#[rocket::async_test]
async fn a_corrected_form_with_the_same_uid_is_told_as_not_sent() {
    let app = TestApp::start("sqlite").await;
    assert_eq!(browser(&app, "/add", FORM, b"a=1&_uid=abcdefgh12").await.status, 201);
    assert_eq!(browser(&app, "/add", FORM, b"a=1&_uid=abcdefgh12").await.status, 201, "the same is thanked for again");
    for path in ["/add", "/add?_next=/thanks.html"] {
        let page = browser(&app, path, FORM, b"a=other&_uid=abcdefgh12").await;
        assert_eq!(page.status, 409, "{path}: {}", page.text);
        assert!(page.text.contains("sent before, with other words"), "{}", page.text);
    }
}

#[rocket::async_test]
async fn a_batch_that_comes_too_fast_is_sent_again_as_a_whole() {
    let limited = |config: &mut frontdesk::config::Config| {
        config.rate_limit = frontdesk::config::Switch::On;
        (config.rate_per_address, config.burst_per_address) = (1, 150);
    };
    let app = TestApp::with("sqlite", limited).await;
    let owner = app.owner().await;
    let batch = || format!("[{}]", vec!["{\"a\":1}"; 100].join(","));
    assert_eq!(from_address(&app, "192.0.2.7", batch()).await.status, 201);
    let again = from_address(&app, "192.0.2.7", batch()).await;
    again.is_problem(429, "Try again");
    assert!(!again.header("retry-after").is_empty());
    assert_eq!(owner.ids("_limit=1000").await.len(), 100, "nothing of it is stored");
}

#[rocket::async_test]
async fn half_a_character_costs_nobody_their_entry() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let batch = r#"[{"a":1},{"a":"cut \ud83d"},{"a":"\ud83d\ude00 \\ud83d \udc00"}]"#;
        assert_eq!(app.add(batch).await.status, 201, "{kind}");
        assert_eq!(newest(&owner).await, "{\"a\":\"😀 \\\\ud83d \u{fffd}\"}", "{kind}");
    }
}

#[rocket::async_test]
async fn labels_that_garble_and_names_that_stand_twice_lose_nothing() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    for (body, stored) in [
        (&b"_charset_=iso-2022-kr&name=Jos%E9&message=hello"[..], r#"{"name":"José","message":"hello"}"#),
        (b"_charset_=utf-16&name=Jos%C3%A9", r#"{"name":"José"}"#),
        (b"_charset_=shift_jis&name=Jos%E9", r#"{"name":"José"}"#),
        (b"_charset_=&_charset_=windows-1251&name=%CF", r#"{"name":"П"}"#),
        (b"name=Ada&_key=&_uid=&_uid=abcdefgh34&_next=&_next=/x", r#"{"name":"Ada"}"#),
        (b"name=Ben&_gotcha=&_gotcha=+", r#"{"name":"Ben"}"#),
    ] {
        let answer = app.post("/add?_key=", FORM, body).await;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (201, Some("stored")), "{}", answer.text);
        assert_eq!(newest(&owner).await, stored);
    }
    // a file that is named the other way, and more files than are noted
    let extended = parts(&[part("name=\"cv\"; filename*=UTF-8''cv%20%C3%BC.pdf", b"%PDF"), part("name=\"a\"", b"1")]);
    assert_eq!(app.post("/add", PARTS, extended).await.status, 201);
    assert_eq!(newest(&owner).await, r#"{"cv":{"file":"cv ü.pdf","type":"","bytes":4},"a":"1"}"#);
    let mut many: Vec<_> = (0..200).map(|n| part(&format!("name=\"p\"; filename=\"{n}.jpg\""), b"x")).collect();
    many.push(part("name=\"text\"", b"kept"));
    assert_eq!(app.post("/add", PARTS, parts(&many)).await.status, 201);
    assert!(newest(&owner).await.ends_with(r#""text":"kept"}"#));
    let names: Vec<_> =
        (0..3).map(|n| part(&format!("name=\"p\"; filename=\"{n}{}\"", "n".repeat(400_000)), b"x")).collect();
    app.post("/add", PARTS, parts(&names)).await.is_problem(413, "1000000");
}

async fn registered(app: &TestApp) -> usize {
    fields(app.state::<Pool>(), CollectionId(1)).await.unwrap().len()
}

/// An entry of so many names that nobody sent before.
fn with_new_names(prefix: &str, count: usize) -> String {
    let members: Vec<_> = (0..count).map(|n| format!("\"{prefix}_{n}\":1")).collect();
    format!("{{{}}}", members.join(","))
}

async fn from_address(app: &TestApp, address: &str, body: String) -> Answer {
    let mut request = app.client.post("/add").header(rocket::http::ContentType::JSON).body(body);
    request.set_remote(format!("{address}:1000").parse().unwrap());
    Answer::of(request.dispatch().await).await
}

#[rocket::async_test]
async fn invented_names_neither_close_a_collection_nor_fill_its_registry() {
    for database in databases() {
        let app = TestApp::start(database).await;
        let owner = app.owner().await;
        for n in 0..10 {
            let answer = from_address(&app, "192.0.2.7", with_new_names(&format!("junk{n}"), 500)).await;
            assert_eq!(answer.status, 201, "{database}: {}", answer.text);
        }
        assert_eq!(registered(&app).await, MAX_NEW_FIELDS, "{database}: one address brings only so many names");
        let other = from_address(&app, "192.0.2.8", r#"{"email":"ada@example.org"}"#.into()).await;
        assert_eq!(other.status, 201);
        let csv = owner.get("/csv").await.text;
        assert!(csv.lines().next().unwrap().ends_with(",email"), "others are listed as ever");
        // an hour later it may bring some more
        app.wait(frontdesk::moment::HOUR);
        assert_eq!(from_address(&app, "192.0.2.7", r#"{"late":1}"#.into()).await.status, 201);
        assert_eq!(registered(&app).await, MAX_NEW_FIELDS + 2);
    }
}

#[rocket::async_test]
async fn an_entry_is_stored_when_the_registry_is_full() {
    for database in databases() {
        let app = TestApp::start(database).await;
        let owner = app.owner().await;
        for n in 0..=MAX_FIELDS / 500 {
            let address = format!("192.0.2.{}", n + 1);
            assert_eq!(from_address(&app, &address, with_new_names(&format!("f{n}"), 500)).await.status, 201);
        }
        assert_eq!(registered(&app).await, MAX_FIELDS, "{database}");
        let id = app.stored(r#"{"brand_new":"kept","f0_1":2}"#).await;
        let shown = owner.get(&format!("/api/v1/entries/{id}")).await;
        assert!(shown.text.contains(r#""data":{"brand_new":"kept","f0_1":2}"#), "{}", shown.text);
        assert_eq!(owner.ids("brand_new=kept").await, [id], "it is found, though its name is not listed");
        let field = "/api/v1/collections/default/fields?path=f0_0";
        assert_eq!(owner.json(Method::Delete, field, "").await.status, 204, "an owner makes room");
        owner.json(Method::Delete, field, "").await.is_problem(404, "no field");
        app.stored(r#"{"brand_new":"again"}"#).await;
        let names = fields(app.state::<Pool>(), CollectionId(1)).await.unwrap();
        assert!(names.iter().any(|field| field.path == "brand_new"), "{database}");
        assert!(!names.iter().any(|field| field.path == "f0_0"));
    }
}

#[rocket::async_test]
async fn names_of_purged_entries_are_forgotten() {
    for database in databases() {
        let app = TestApp::start(database).await;
        let owner = app.owner().await;
        owner.json(Method::Patch, "/api/v1/collections/default", r#"{"retention_days":7}"#).await;
        app.stored(r#"{"old":1,"both":1}"#).await;
        app.wait(8 * frontdesk::moment::DAY);
        app.stored(r#"{"both":1,"new":1}"#).await;
        app.upkeep().await;
        let header = owner.get("/csv").await.text;
        assert_eq!(header.lines().next().unwrap(), "_id,_received,_at,_session,_origin,both,new", "{database}");
        app.stored(r#"{"old":2}"#).await;
        assert!(owner.get("/csv").await.text.lines().next().unwrap().ends_with("both,new,old"), "it may come back");
    }
}

#[rocket::async_test]
async fn a_clients_clock_in_seconds_is_never_january_1970() {
    for database in databases() {
        let app = TestApp::start(database).await;
        let owner = app.owner().await;
        for at in ["1795703683", "1795703683000", "1795703683000000", "\"1795703683\"", "\"2026-11-26T14:34:43Z\""] {
            let id = app.stored(format!("{{\"_at\":{at}}}")).await;
            let shown = owner.get(&format!("/api/v1/entries/{id}")).await.json();
            assert_eq!(shown["_at"], "2026-11-26T14:34:43.000Z", "{database} {at}");
        }
        app.add(r#"{"_at":1795703683000000000}"#).await.is_problem(422, "microseconds");
    }
}

#[rocket::async_test]
async fn readers_in_public_do_not_learn_whose_browser_sent_what() {
    for database in databases() {
        let app = TestApp::start(database).await;
        let owner = app.owner().await;
        owner.json(Method::Patch, "/api/v1/collections/default", r#"{"public_read":true}"#).await;
        let id = app.stored(r#"{"_session":"a-visitors-session","a":1}"#).await;
        let one = format!("/api/v1/entries/{id}");
        for path in ["/list", "/csv", "/csv?_format=ndjson", "/csv?_fields=_session,a", &one] {
            let answer = app.get(path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            assert!(!answer.text.contains("a-visitors"), "{database} {path}: {}", answer.text);
            assert!(owner.get(path).await.text.contains("a-visitors"), "staff see it: {path}");
        }
        for query in ["_session=a-visitors-session", "_session__starts=a", "_sort=_session", "_not._session__exists=1"]
        {
            app.get(&format!("/list?{query}")).await.is_problem(401, "");
            app.get(&format!("/csv?{query}")).await.is_problem(401, "");
        }
    }
}
