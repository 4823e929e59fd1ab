//! Updates: what visitors see of them and when, addresses, feeds, the editor, and what those who wait are told.

use rocket::http::{Header, Method};
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, databases};

use Method::{Delete, Get, Patch, Post, Put};

const DAY: i64 = 24 * 3600 * 1000;

/// Writes an update by the API; what is not said of it is as a draft has it.
async fn write(person: &Person<'_>, body: Value) -> Value {
    let answer = person.json(Post, "/api/v1/updates", &body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.header("location"), format!("/api/v1/updates/{}", answer.json()["id"]));
    answer.json()
}

/// Publishes one now.
async fn publish(person: &Person<'_>, title: &str, body: &str) -> Value {
    write(person, json!({"title": title, "body": body, "draft": false})).await
}

async fn change(person: &Person<'_>, update: &Value, body: Value) -> Value {
    let answer = person.json(Patch, &format!("/api/v1/updates/{}", update["id"]), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The slugs that visitors find in the list, both feeds and the list of a tag, which agree.
async fn seen(app: &TestApp) -> Vec<String> {
    let feed = app.get("/updates/feed.json").await.json();
    let slug = |url: &Value| url.as_str().unwrap().rsplit_once("/updates/").unwrap().1.to_owned();
    let mut in_json: Vec<_> = feed["items"].as_array().unwrap().iter().map(|item| slug(&item["url"])).collect();
    in_json.sort();
    let in_atom = texts(&app.get("/updates/feed.atom").await.text, "/updates/", "\"/>\n<published>");
    let in_list = texts(&app.get("/updates").await.text, "<h2><a href=\"/updates/", "\">");
    assert_eq!(in_json, sorted(in_atom));
    assert_eq!(in_json, sorted(in_list));
    in_json
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

/// What stands between `before` and the next `after`, everywhere.
fn texts(text: &str, before: &str, after: &str) -> Vec<String> {
    let found = text.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(found, _)| found.to_owned());
    found.filter(|found| !found.contains(['"', '\n'])).collect()
}

fn text(answer: &Answer, before: &str, after: &str) -> String {
    texts(&answer.text, before, after).into_iter().next().unwrap_or_default()
}

#[rocket::async_test]
async fn cases_71_and_77_visitors_see_what_is_published_and_nothing_else_says_that_there_is_more() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        publish(&owner, "Open again", "We are **open**.").await;
        let draft = write(&owner, json!({"title": "Secret plan", "tags": ["plans"], "pinned": true})).await;
        let soon = app.clock.now().plus(DAY).to_string();
        let scheduled = json!({"title": "Exam week", "draft": false, "publish_at": soon, "tags": ["plans"]});
        let scheduled = write(&owner, scheduled).await;
        assert_eq!((&draft["state"], &scheduled["state"]), (&json!("draft"), &json!("scheduled")));

        assert_eq!(seen(&app).await, ["open-again"], "{kind}");
        for slug in ["secret-plan", "exam-week", "no-such"] {
            let page = app.get(&format!("/updates/{slug}")).await;
            assert_eq!(page.status, 404, "{slug}");
            assert!(page.text.contains("There is no update here") && !page.text.contains("ecret"), "{}", page.text);
        }
        app.get("/updates?tag=plans").await.is_problem(404, "no such updates");
        app.get("/updates?page=2").await.is_problem(404, "no such updates");
        app.get("/updates?page=x").await.is_problem(400, "page");
        app.get("/api/v1/updates").await.is_problem(401, "");

        // The hour comes, whether or not anything ran at it.
        app.wait(DAY);
        assert_eq!(seen(&app).await, ["exam-week", "open-again"]);
        assert!(app.get("/updates?tag=Plans").await.text.contains("Exam week"));
        // The clock is set back, and on again.
        app.wait(-DAY);
        assert_eq!(seen(&app).await, ["open-again"]);
        app.wait(DAY);

        change(&owner, &scheduled, json!({"draft": true})).await;
        assert_eq!(seen(&app).await, ["open-again"], "taken back at once");
        assert_eq!(app.get("/updates/exam-week").await.status, 404);
    }
}

#[rocket::async_test]
async fn case_77_another_node_shows_it_too() {
    for kind in databases() {
        let folder = tempfile::tempdir().unwrap();
        let url = crate::support::fresh_database(kind, folder.path()).await;
        let (one, other) = (TestApp::on(&url).await, TestApp::on(&url).await);
        let owner = one.owner().await;
        let at = one.clock.now().plus(1000).to_string();
        write(&owner, json!({"title": "Soon", "draft": false, "publish_at": at})).await;
        assert_eq!(seen(&other).await, [""; 0]);
        other.wait(1000);
        assert_eq!(seen(&other).await, ["soon"]);
        assert_eq!(seen(&one).await, [""; 0], "its clock says otherwise");
    }
}

#[rocket::async_test]
async fn cases_69_and_70_feeds_tell_news_once_and_by_a_name_that_never_changes() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let update = publish(&owner, "Hello", "one").await;
        let first = app.get("/updates/feed.atom").await;
        assert_eq!(first.header("content-type"), "application/atom+xml; charset=utf-8");
        let names = |answer: &Answer| texts(&answer.text, "<id>urn:uuid:", "</id>");
        assert_eq!(names(&first)[1], update["uuid"].as_str().unwrap());

        app.wait(DAY);
        let pinned = change(&owner, &update, json!({"pinned": true, "tags": ["x"], "slug": "hello-all"})).await;
        let second = app.get("/updates/feed.atom").await;
        let updated = |answer: &Answer| texts(&answer.text, "<updated>", "</updated>");
        assert_eq!((names(&second), updated(&second)), (names(&first), updated(&first)), "a pin is no news");

        change(&owner, &pinned, json!({"body": "two"})).await;
        let third = app.get("/updates/feed.atom").await;
        let now = app.clock.now().to_string();
        assert_eq!(updated(&third), [now.clone(), now.clone()], "{}", third.text);
        assert_eq!(text(&third, "<published>", "</published>"), text(&first, "<published>", "</published>"));

        let withdrawn = change(&owner, &pinned, json!({"draft": true})).await;
        app.wait(DAY);
        change(&owner, &withdrawn, json!({"draft": false})).await;
        let item = app.get("/updates/feed.json").await.json()["items"][0].clone();
        assert_eq!(item["id"], format!("urn:uuid:{}", update["uuid"].as_str().unwrap()));
        assert_eq!((&item["date_published"], &item["date_modified"]), (&update["publish_at"], &json!(now)));
    }
}

#[rocket::async_test]
async fn a_feed_is_sent_once_and_read_by_any_page() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    publish(&owner, "Hello", "one").await;
    for path in ["/updates/feed.atom", "/updates/feed.json"] {
        let first = app.get(path).await;
        assert_eq!((first.header("cache-control"), first.header("access-control-allow-origin")), ("no-cache", "*"));
        let tag = first.header("etag").to_owned();
        let again = app.client.get(path).header(Header::new("If-None-Match", tag)).dispatch().await;
        assert_eq!(again.status().code, 304);
        drop(again);
    }
    publish(&owner, "More", "two").await;
    assert!(app.get("/updates/feed.atom").await.text.contains("More"));
}

#[rocket::async_test]
async fn case_78_feeds_hold_whole_addresses_and_only_what_xml_knows() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let body = "![map](/a.png) [x](../y) [z](#part)\u{c} & ]]> <b>\u{10}bold</b> <script>alert(1)</script>";
    publish(&owner, "A & B <i> ]]>", body).await;
    let atom = app.get("/updates/feed.atom").await.text;
    assert!(!atom.contains(['\u{c}', '\u{10}']), "{atom}");
    assert!(atom.contains("<title>A &#38; B &#60;i&#62; ]]&#62;</title>"), "{atom}");
    let html = app.get("/updates/feed.json").await.json()["items"][0]["content_html"].as_str().unwrap().to_owned();
    for address in ["/a.png\"", "/y\"", "/updates/a-b-i#part\""] {
        assert!(html.contains(&format!("\"http://127.0.0.1:8000{address}")), "{html}");
    }
    assert!(!html.contains("<script") && html.contains("&lt;script"), "{html}");
}

#[rocket::async_test]
async fn cases_73_to_75_an_address_is_made_of_the_title_and_leads_on_when_it_changes() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let a = publish(&owner, "Caf\u{e9}", "").await;
        let second = publish(&owner, "Cafe\u{301}", "").await;
        assert_eq!((&a["slug"], &second["slug"]), (&json!("cafe"), &json!("cafe-2")));
        for title in ["汉字", "£€", "🎉", "...", "new", "Edit", "feed.atom", &"x".repeat(200)] {
            let update = publish(&owner, title, "words").await;
            let slug = update["slug"].as_str().unwrap();
            let page = app.get(&format!("/updates/{slug}")).await;
            assert!(
                (1..=80).contains(&slug.len()) && page.status == 200 && page.text.contains("words"),
                "{title}: {slug}"
            );
        }
        owner
            .json(Post, "/api/v1/updates", r#"{"title":"x","slug":"cafe"}"#)
            .await
            .is_problem(422, "is the address of another update");

        let b = change(&owner, &a, json!({"slug": "B b"})).await;
        assert_eq!(b["slug"], "b-b");
        change(&owner, &a, json!({"slug": "c", "title": "Other"})).await;
        for old in ["cafe", "b-b"] {
            let answer = app.get(&format!("/updates/{old}")).await;
            assert_eq!((answer.status, answer.header("location")), (301, "/updates/c"));
        }
        let new = publish(&owner, "Cafe", "new").await;
        assert_eq!(new["slug"], "cafe");
        assert_eq!(app.get("/updates/cafe").await.status, 200);
        assert_eq!(app.get("/updates/b-b").await.status, 301);
        change(&owner, &a, json!({"draft": true})).await;
        assert_eq!(app.get("/updates/b-b").await.status, 404, "it leads to nothing that visitors see");
    }
}

#[rocket::async_test]
async fn the_address_of_a_draft_follows_its_title_until_somebody_chooses_one() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let draft = write(&owner, json!({"title": "First"})).await;
    assert_eq!(change(&owner, &draft, json!({"title": "Second"})).await["slug"], "second");
    assert_eq!(change(&owner, &draft, json!({"slug": "mine"})).await["slug"], "mine");
    assert_eq!(change(&owner, &draft, json!({"title": "Third"})).await["slug"], "mine");
    assert_eq!(app.get("/updates/second").await.status, 404, "nobody knew it");
    let public = publish(&owner, "Fourth", "").await;
    assert_eq!(change(&owner, &public, json!({"title": "Fifth"})).await["slug"], "fourth");
}

#[rocket::async_test]
async fn case_74_two_at_once_get_an_address_each() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let one = async || publish(&owner, "Hello", "").await["slug"].as_str().unwrap().to_owned();
        let mut slugs = futures::future::join_all((0..6).map(|_| one())).await;
        slugs.sort();
        assert_eq!(slugs, ["hello", "hello-2", "hello-3", "hello-4", "hello-5", "hello-6"], "{kind}");
    }
}

#[rocket::async_test]
async fn a_change_names_its_version_and_every_mistake_is_told() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let update = publish(&owner, "Hello", "one").await;
        let path = format!("/api/v1/updates/{}", update["id"]);
        let read = owner.get(&path).await;
        let tag = read.header("etag").to_owned();
        let put = |tag: &str, body: String| {
            let request = app.client.put(path.clone()).header(rocket::http::ContentType::JSON).body(body);
            owner.send(request.header(Header::new("If-Match", tag.to_owned())))
        };
        let mut whole = read.json();
        whole["body"] = json!("two");
        let replaced = put(&tag, whole.to_string()).await;
        assert_eq!(replaced.status, 200, "what was read may be sent back: {}", replaced.text);
        put(&tag, r#"{"title":"x"}"#.into()).await.is_problem(412, "");
        let request = app.client.put(path.clone()).header(rocket::http::ContentType::JSON).body(r#"{"title":"x"}"#);
        owner.send(request).await.is_problem(428, "");

        let wrong = json!({"title": " ", "body": 1, "colour": "red", "timezone": "Mars"});
        let answer = owner.json(Post, "/api/v1/updates", &wrong.to_string()).await;
        answer.is_problem(422, "/body");
        assert!(answer.text.contains("colour"), "{}", answer.text);
        let planned = json!({"title": "x", "draft": true, "publish_at": "2030-01-01T00:00:00Z"});
        owner.json(Post, "/api/v1/updates", &planned.to_string()).await.is_problem(422, "/publish_at");

        let listed = owner.get("/api/v1/updates?title__contains=hell&draft=false&_sort=-publish_at").await.json();
        assert_eq!((&listed["count"], &listed["updates"][0]["state"]), (&json!(1), &json!("published")));
        assert_eq!(owner.get("/api/v1/updates?_q=nowhere").await.json()["count"], 0);
        let csv = owner.get("/api/v1/updates?_format=csv").await;
        assert!(csv.text.contains("hello") && csv.text.lines().count() == 2, "{}", csv.text);

        assert_eq!(owner.json(Delete, &path, "").await.status, 204);
        assert_eq!(app.get("/updates/hello").await.status, 404);
        assert_eq!(owner.get(&path).await.status, 404);
        let other = publish(&owner, "Hello", "").await;
        let restored = owner.json(Post, &format!("{path}/restoration"), "").await;
        assert_eq!((restored.status, &restored.json()["slug"]), (200, &json!("hello-2")), "{}", other["slug"]);
        assert!(app.get("/updates/hello-2").await.text.contains("two"));
    }
}

#[rocket::async_test]
async fn case_76_a_time_is_meant_in_its_zone() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for (at, utc) in
            [("2026-10-26T09:00", "2026-10-26T13:00:00.000Z"), ("2026-11-02T09:00", "2026-11-02T14:00:00.000Z")]
        {
            let form = format!("title=Clocks&when=later&at={at}&timezone=America/New_York&body=x");
            let saved = owner.form("/updates/edit/new", &form).await;
            assert_eq!(saved.status, 303, "{}", saved.text);
            let page = owner.open(saved.header("location")).await;
            assert!(page.text.contains(&format!("value=\"{at}\"")), "{}", page.text);
            assert!(page.text.contains("09:00 America/New_York"), "{}", page.text);
            let id = saved.header("location").rsplit('/').next().unwrap().to_owned();
            let stored = owner.get(&format!("/api/v1/updates/{id}")).await.json();
            assert_eq!((&stored["publish_at"], &stored["state"]), (&json!(utc), &json!("scheduled")));
        }
        let wrong = owner.form("/updates/edit/new", "title=&when=later&at=soon&timezone=UTC&body=kept").await;
        assert_eq!(wrong.status, 422);
        assert!(
            wrong.text.contains("must be a day and a time") && wrong.text.contains(">kept</textarea>"),
            "{}",
            wrong.text
        );
    }
}

#[rocket::async_test]
async fn what_is_typed_is_kept_and_changes_nothing_that_visitors_see() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let begun = owner.form("/updates/edit/new/kept", "title=&body=first+words&timezone=UTC").await;
        assert_eq!(begun.status, 200, "{}", begun.text);
        let (page, version) = (begun.json()["action"].as_str().unwrap().to_owned(), begun.json()["version"].clone());
        let more = format!("title=Named&body=more&timezone=UTC&version={version}");
        let kept = owner.form(&format!("{page}/kept"), &more).await;
        assert_eq!((kept.status, &kept.json()["draft"]), (200, &json!(true)), "{}", kept.text);
        assert!(owner.open(&page).await.text.contains(">more</textarea>"));
        assert_eq!(owner.form(&format!("{page}/kept"), &more).await.status, 412, "another version meanwhile");
        assert_eq!(seen(&app).await, [""; 0]);

        let version = kept.json()["version"].clone();
        let saved = owner.form(&page, &format!("title=Named&body=more&when=now&timezone=UTC&version={version}")).await;
        assert_eq!(saved.status, 303, "{}", saved.text);
        assert_eq!(seen(&app).await, ["named"]);
        let id = page.rsplit('/').next().unwrap();
        let version = owner.get(&format!("/api/v1/updates/{id}")).await.json()["version"].clone();
        let later = format!("title=Named+anew&body=later&when=now&timezone=UTC&version={version}");
        let kept = owner.form(&format!("{page}/kept"), &later).await;
        assert_eq!(kept.json()["draft"], false, "{}", kept.text);
        assert!(app.get("/updates/named").await.text.contains("<p>more</p>"), "visitors see what was saved");
        assert!(app.get("/updates/feed.json").await.text.contains("<p>more</p>"));
        let editor = owner.open(&page).await;
        assert!(editor.text.contains(">later</textarea>") && editor.text.contains("not published"), "{}", editor.text);

        let path = format!("/api/v1/updates/{id}");
        owner.json(Patch, &path, r#"{"pinned":true}"#).await;
        assert!(owner.open(&page).await.text.contains(">later</textarea>"), "a pin drops nothing of it");
        assert_eq!(owner.form(&format!("{page}/discarding"), "version=1").await.status, 303);
        assert_eq!(owner.form(&format!("{page}/deletion"), "version=1").await.status, 303);
        assert!(owner.open(&page).await.text.contains(">later</textarea>"), "who has not seen it drops nothing");
        let version = owner.get(&path).await.json()["version"].as_i64().unwrap();
        assert_eq!(owner.form(&format!("{page}/discarding"), &format!("version={version}")).await.status, 303);
        assert!(owner.open(&page).await.text.contains(">more</textarea>"));
        let version = owner.get(&path).await.json()["version"].as_i64().unwrap();
        let stale = format!("title=Named&body=mine&when=now&timezone=UTC&version={}", version - 1);
        let refused = owner.form(&page, &stale).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("changed it meanwhile") && refused.text.contains(">mine</textarea>"));
    }
}

#[rocket::async_test]
async fn case_72_a_preview_is_for_staff_and_is_not_kept_anywhere() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let viewer = app.sign_in_as("vic@example.org", "viewer").await;
    let draft = write(&owner, json!({"title": "Plan", "body": "# Secret\n<script>alert(1)</script>"})).await;
    let page = format!("/updates/edit/{}/preview", draft["id"]);
    for reader in [&owner, &viewer] {
        let shown = reader.open(&page).await;
        assert!(shown.text.contains("<h2>Secret</h2>") && shown.text.contains("noindex"), "{}", shown.text);
        assert!(shown.header("cache-control") == "no-store" && !shown.text.contains("<script>alert"));
    }
    assert_eq!(app.get(&page).await.status, 401);
    change(&owner, &draft, json!({"draft": false})).await;
    assert_eq!(app.get(&page).await.status, 401, "published or not");
    assert_eq!(viewer.open(&format!("/updates/edit/{}", draft["id"])).await.status, 403);
    assert_eq!(viewer.form("/updates/edit/preview", "body=x").await.status, 403);

    let typed = owner.form("/updates/edit/new", "title=T&body=**typed**&preview=1").await;
    assert!(typed.status == 200 && typed.text.contains("<strong>typed</strong>"), "{}", typed.text);
    assert_eq!(owner.form("/updates/edit/preview", "body=**typed**").await.text, "<p><strong>typed</strong></p>\n");
    assert_eq!(owner.get("/api/v1/updates").await.json()["count"], 1, "looking stores nothing");
}

#[rocket::async_test]
async fn those_who_wait_see_what_is_pinned() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        owner.json(Post, "/api/v1/colleges", r#"{"name":"Law"}"#).await;
        owner.json(Post, "/api/v1/queues", r#"{"title":"Help","college_id":1}"#).await;
        let joined =
            owner.json(Post, "/api/v1/queuers", r#"{"queue_id":1,"student":{"name":"Bo","email":"bo@example.org"}}"#);
        let page = joined.await.json()["status_url"].as_str().unwrap().replace("http://127.0.0.1:8000", "");
        let soon = app.clock.now().plus(60_000).to_string();
        write(&owner, json!({"title": "Room 12", "body": "Go to **room 12**.", "pinned": true, "draft": false})).await;
        write(&owner, json!({"title": "Soon", "pinned": true, "draft": false, "publish_at": soon})).await;
        publish(&owner, "Not pinned", "").await;
        let shown = app.get(&page).await.text;
        assert!(shown.contains("Room 12") && shown.contains("Go to room 12."), "{shown}");
        assert!(!shown.contains("Soon") && !shown.contains("Not pinned"), "{shown}");
        app.wait(60_000);
        assert!(app.get(&page).await.text.contains("Soon"));
    }
}

#[rocket::async_test]
async fn old_ones_are_on_further_pages_and_pinned_ones_first() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let first = publish(&owner, "Number 0", "").await;
        for number in 1..22 {
            app.wait(1000);
            publish(&owner, &format!("Number {number}"), "").await;
        }
        change(&owner, &first, json!({"pinned": true})).await;
        let page = app.get("/updates").await.text;
        let titles = texts(&page, "<h2><a href=\"/updates/", "\">");
        assert_eq!((titles.len(), &titles[0][..], &titles[1][..]), (20, "number-0", "number-21"), "{kind}");
        assert!(page.contains("href=\"/updates?page=2\""), "{page}");
        let older = app.get("/updates?page=2").await.text;
        assert_eq!(texts(&older, "<h2><a href=\"/updates/", "\">"), ["number-2", "number-1"]);
        let staff = owner.open("/updates/edit?state=published&page=2").await.text;
        assert!(staff.contains("Number 1") && !staff.contains("Number 12"), "{staff}");
        assert_eq!(owner.open("/updates/edit?state=lost").await.status, 400);
        assert_eq!(
            owner.get("/api/v1/updates?_sort=-publish_at&_limit=1").await.json()["updates"][0]["title"],
            "Number 21"
        );
    }
}

#[rocket::async_test]
async fn tags_are_found_whatever_is_in_them() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let tags = ["100%", "a_b", "wow!", "say \"hi\"", "back\\slash", "Ä"];
        for tag in tags {
            write(&owner, json!({"title": tag, "tags": [tag], "draft": false})).await;
        }
        for tag in tags {
            let query = form_urlencoded::byte_serialize(tag.as_bytes()).collect::<String>();
            let page = app.get(&format!("/updates?tag={query}")).await;
            assert_eq!(texts(&page.text, "<h2><a href=\"/updates/", "\">").len(), 1, "{kind} {tag}: {}", page.text);
        }
        assert_eq!(app.get("/updates?tag=aXb").await.status, 404, "a line is no wildcard");
        assert_eq!(owner.get("/api/v1/updates").await.json()["count"], 6);
    }
}

#[rocket::async_test]
async fn a_page_of_a_stranger_cannot_write() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let update = publish(&owner, "Hello", "").await;
    for path in ["new", "new/kept", "1", "1/kept", "1/deletion", "1/discarding", "preview"] {
        let foreign = app
            .client
            .post(format!("/updates/edit/{path}"))
            .cookie(rocket::http::Cookie::new("frontdesk", owner.token.clone()))
            .header(Header::new("Sec-Fetch-Site", "cross-site"))
            .header(rocket::http::ContentType::Form)
            .body("title=Bad&body=bad&when=now&version=1");
        assert_eq!(foreign.dispatch().await.status().code, 403, "{path}");
    }
    assert_eq!(owner.json(Get, &format!("/api/v1/updates/{}", update["id"]), "").await.json()["title"], "Hello");
    let program = app.program("kim@example.org", &["directory"]).await;
    program.get("/api/v1/updates").await.is_problem(403, "updates");
}

#[rocket::async_test]
async fn nothing_of_a_colleague_is_replaced_unless_one_was_told() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let update = publish(&owner, "Hello", "one").await;
        change(&owner, &update, json!({"body": "theirs"})).await;
        let page = format!("/updates/edit/{}", update["id"]);
        let mine = format!("title=Hello&body=mine&when=now&timezone=UTC&version={}", update["version"]);
        // Neither a look nor a mistake makes what one began older new.
        let looked = owner.form(&page, &format!("{mine}&preview=1")).await;
        let mistaken = owner.form(&page, &mine.replace("when=now", "when=later&at=soon")).await;
        for answer in [looked, mistaken] {
            let told = answer.text.contains("changed it meanwhile");
            let version = if told { 2 } else { 1 };
            assert!(answer.text.contains(&format!("name=\"version\" value=\"{version}\"")), "{}", answer.text);
        }
        assert_eq!(owner.form(&page, &mine).await.status, 422);
        assert!(app.get("/updates/hello").await.text.contains("theirs"));

        owner.json(Delete, &format!("/api/v1/updates/{}", update["id"]), "").await;
        let orphaned = owner.form(&page, &mine).await;
        assert_eq!(orphaned.status, 422);
        assert!(orphaned.text.contains(">mine</textarea>") && orphaned.text.contains("deleted it meanwhile"));
        assert!(orphaned.text.contains("action=\"/updates/edit/new\""), "{}", orphaned.text);
    }
}

#[rocket::async_test]
async fn what_was_public_keeps_its_date_and_its_address_whatever_is_planned() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let update = publish(&owner, "Work", "").await;
        app.wait(DAY);
        let later = change(&owner, &update, json!({"publish_at": "2031-01-01T00:00:00Z"})).await;
        assert_eq!((&later["state"], &later["slug"]), (&json!("scheduled"), &json!("work")));
        let draft = change(&owner, &update, json!({"draft": null, "title": "Other"})).await;
        assert_eq!(
            (&draft["state"], &draft["publish_at"], &draft["slug"]),
            (&json!("draft"), &Value::Null, &json!("work"))
        );
        let again = change(&owner, &update, json!({"draft": false})).await;
        assert_eq!((&again["publish_at"], &again["state"]), (&update["publish_at"], &json!("published")), "{kind}");
        change(&owner, &update, json!({"slug": "other"})).await;
        assert_eq!(app.get("/updates/work").await.header("location"), "/updates/other");
        assert_eq!(app.get("/updates/Other").await.header("location"), "/updates/other");

        change(&owner, &update, json!({"publish_at": "2020-05-01T00:00:00Z"})).await;
        let version = owner.get("/api/v1/updates/1").await.json()["version"].clone();
        owner
            .form("/updates/edit/1", &format!("title=Old&body=x&when=now&timezone=UTC&slug=other&version={version}"))
            .await;
        let edited = owner.get("/api/v1/updates/1").await.json();
        assert_eq!((&edited["title"], &edited["publish_at"]), (&json!("Old"), &json!("2020-05-01T00:00:00.000Z")));

        let chosen = write(&owner, json!({"title": "Covid", "slug": "covid-19"})).await;
        assert_eq!(change(&owner, &chosen, json!({"title": "Covid rules"})).await["slug"], "covid-19");
        let soon = app.clock.now().plus(1000).to_string();
        let planned = write(&owner, json!({"title": "Soon", "draft": false, "publish_at": soon})).await;
        app.wait(2000);
        let sent_back = owner.json(Put, &format!("/api/v1/updates/{}", planned["id"]), &planned.to_string()).await;
        assert_eq!(sent_back.status, 200, "what was read may be sent back later: {}", sent_back.text);
    }
}

#[rocket::async_test]
async fn a_time_that_nobody_changed_stays_to_the_second() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    // Shown twice by the clocks of New York: this is the second time.
    let at = "2027-11-07T06:30:45.000Z";
    let planned = json!({"title": "Night", "draft": false, "publish_at": at, "timezone": "America/New_York"});
    let update = write(&owner, planned).await;
    let form = "title=Night&body=x&when=later&at=2027-11-07T01:30&timezone=America/New_York&version=1";
    assert_eq!(owner.form(&format!("/updates/edit/{}", update["id"]), form).await.status, 303);
    assert_eq!(owner.get(&format!("/api/v1/updates/{}", update["id"])).await.json()["publish_at"], at);
    for wrong in ["-000005-01-01T00:00:00Z", "9999-12-31T23:59:60Z"] {
        let planned = json!({"title": "x", "draft": false, "publish_at": wrong}).to_string();
        owner.json(Post, "/api/v1/updates", &planned).await.is_problem(422, "publish_at");
    }
}

#[rocket::async_test]
async fn what_strangers_ask_for_is_bounded() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for path in ["/updates/%00", "/updates/%ff", "/updates/-%20-"] {
            assert_eq!(app.get(path).await.status, 404, "{kind} {path}");
        }
        for tag in ["x".repeat(3000), "%01".repeat(900), "%25".repeat(41)] {
            assert_eq!(app.get(&format!("/updates?tag={tag}")).await.status, 404, "{kind}");
        }
        let long = "word ".repeat(20_000);
        for number in 0..7 {
            app.wait(1000);
            publish(&owner, &format!("Long {number}"), &long).await;
        }
        let items = async || app.get("/updates/feed.json").await.json()["items"].as_array().unwrap().len();
        assert_eq!(items().await, 5, "older ones are left out of a feed that is long");
        let newest = publish(&owner, "Short", "x").await;
        assert_eq!(app.get("/updates/feed.json").await.json()["items"][0]["title"], "Short", "at once");
        change(&owner, &newest, json!({"title": "Shorter"})).await;
        assert!(app.get("/updates/feed.atom").await.text.contains("Shorter"));
        let body = format!("body={}", "x".repeat(100_001));
        assert_eq!(owner.form("/updates/edit/preview", &body).await.status, 413);
        assert_eq!(owner.form("/updates/edit/new", &format!("{body}&title=x&preview=1")).await.status, 200);
        owner.form("/updates/edit/new", &format!("{body}&title=x&when=now")).await;
        assert_eq!(owner.get("/api/v1/updates?title=x").await.json()["count"], 0);
    }
}
