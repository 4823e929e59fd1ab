//! Set-up, sign-in, sessions, and who may do what.

use frontdesk::staff::Accounts;
use rocket::http::{ContentType, Header, Method};

use crate::support::{Answer, OWNER, Person, TestApp, databases};

async fn from(app: &TestApp, path: &str, header: Option<(&'static str, &'static str)>, body: &str) -> Answer {
    let mut request =
        app.client.post(path.to_owned()).header(ContentType::Form).header(Header::new("Host", "localhost")).body(body);
    if let Some((name, value)) = header {
        request = request.header(Header::new(name, value));
    }
    Answer::of(request.dispatch().await).await
}

const OWN: Option<(&str, &str)> = Some(("Origin", "http://localhost"));

#[rocket::async_test]
async fn the_first_owner_is_made_through_a_link_that_works_once() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let token = app.state::<Accounts>().setup_token().await.unwrap().expect("nobody owns it yet");
        let path = format!("/setup/{token}");
        assert_eq!(app.get(&path).await.status, 200);
        assert_eq!(app.get("/setup/guess").await.status, 404);
        let weak = from(&app, &path, OWN, "email=kim&password=short").await;
        assert_eq!(weak.status, 422);
        assert!(
            weak.text.contains("must be an email address") && weak.text.contains("8 to 128"),
            "both are named at once"
        );
        let made = from(&app, &path, OWN, "email=Kim@Example.org&name=Kim&password=a+quiet+green+lamp").await;
        assert_eq!(made.status, 303, "{}", made.text);
        let cookie = made.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        assert_eq!(app.get(&path).await.status, 404, "{kind}: used up");
        assert!(app.state::<Accounts>().setup_token().await.unwrap().is_none());
    }
}

#[rocket::async_test]
async fn sign_in_and_out() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        app.owner().await;
        let wrong = from(&app, "/sign-in", OWN, "email=kim@example.org&password=wrong+password").await;
        let unknown = from(&app, "/sign-in", OWN, "email=nobody@example.org&password=wrong+password").await;
        assert_eq!((wrong.status, unknown.status), (422, 422));
        assert!(wrong.text.contains("kim@example.org") && unknown.text.contains("do not belong together"));
        let form = format!("email={}&password={}&next=/collections", OWNER.0, OWNER.1.replace(' ', "+"));
        let signed_in = from(&app, "/sign-in", OWN, &form).await;
        assert_eq!((signed_in.status, signed_in.header("location")), (303, "/collections"));
        let token = signed_in.cookie("frontdesk");
        let person = Person { app: &app, token };
        assert_eq!(person.open("/collections").await.status, 200);
        assert_eq!(person.form("/sign-out", "").await.status, 303);
        let gone = person.open("/collections").await;
        assert_eq!((gone.status, gone.header("location")), (303, "/sign-in?next=%2Fcollections"), "{kind}");
        // a form leads back to the page it was on, if that is one of ours
        for (page, location) in [
            ("http://127.0.0.1:8000/list?plan=pro", "/sign-in?ended=true&next=%2Flist%3Fplan%3Dpro"),
            ("http://127.0.0.1:8000.evil.example/list", "/sign-in"),
            ("https://evil.example/list", "/sign-in"),
            ("http://127.0.0.1:8000//evil.example/list", "/sign-in?ended=true"),
            ("http://127.0.0.1:8000/account/password", "/sign-in?ended=true"),
        ] {
            let form = app.client.post("/list/views").header(ContentType::Form).header(Header::new("Referer", page));
            let sent = person.send(form.header(Header::new("Accept", "text/html")).body("name=a")).await;
            assert_eq!((sent.status, sent.header("location")), (303, location), "{page}");
        }
        assert!(app.get("/sign-in?ended=true&next=/list").await.text.contains("nothing was saved"));
    }
}

#[rocket::async_test]
async fn a_session_ends_when_it_is_idle_or_old() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    for _ in 0..8 {
        app.wait(13 * frontdesk::moment::DAY);
        let status = owner.get("/list").await.status;
        let alive = app.clock.now().0 - frontdesk::moment::Moment::parse(crate::support::START).unwrap().0
            <= 90 * frontdesk::moment::DAY;
        assert_eq!(status, if alive { 200 } else { 401 });
    }
}

#[rocket::async_test]
async fn unsafe_requests_must_come_from_our_own_pages() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    for (name, value, allowed) in [
        ("Sec-Fetch-Site", "same-origin", true),
        ("Sec-Fetch-Site", "cross-site", false),
        ("Sec-Fetch-Site", "same-site", false),
        ("Origin", "http://localhost", true),
        ("Origin", "http://evil.example", false),
        ("Origin", "null", false),
        ("X-Nothing", "", false),
    ] {
        let request =
            app.client.post("/collections").header(ContentType::Form).header(Header::new("Host", "localhost"));
        let cookie = rocket::http::Cookie::new("frontdesk", owner.token.clone());
        let body = format!("name=c{}", rand::random::<u32>());
        let answer =
            Answer::of(request.cookie(cookie).header(Header::new(name, value)).body(body).dispatch().await).await;
        assert_eq!(answer.status, if allowed { 303 } else { 403 }, "{name}: {value}: {}", answer.text);
    }
    // sign-in itself is guarded too
    assert_eq!(from(&app, "/sign-in", Some(("Origin", "http://evil.example")), "email=a&password=b").await.status, 403);
    // a form that pretends to be another method gains nothing
    let answer = from(&app, "/collections", Some(("Origin", "http://evil.example")), "_method=delete&name=x").await;
    assert!([401, 403, 405].contains(&answer.status), "{}", answer.status);
}

#[rocket::async_test]
async fn roles_decide_what_may_be_done() {
    let app = TestApp::start("sqlite").await;
    let id = app.stored(r#"{"a":1}"#).await;
    let (owner, staff, viewer) = (
        app.owner().await,
        app.sign_in_as("s@example.org", "staff").await,
        app.sign_in_as("v@example.org", "viewer").await,
    );
    let entry = format!("/api/v1/entries/{id}");
    for (person, reads, edits, owns) in [(&owner, 200, 200, 201), (&staff, 200, 200, 403), (&viewer, 200, 403, 403)] {
        assert_eq!(person.get("/list").await.status, reads);
        assert_eq!(person.open("/list").await.status, reads);
        assert_eq!(person.json(Method::Patch, &entry, r#"{"a":2}"#).await.status, edits);
        let name = format!(r#"{{"name":"c{}"}}"#, rand::random::<u32>());
        assert_eq!(person.json(Method::Post, "/api/v1/collections", &name).await.status, owns);
    }
    for path in [
        "/list",
        "/csv",
        "/collections",
        "/",
        "/import",
        "/playground",
        &format!("/entries/{id}"),
        &entry,
        "/api/v1/collections",
    ] {
        assert_eq!(app.get(path).await.status, 401, "{path}");
    }
}

#[rocket::async_test]
async fn pages_carry_the_strict_headers() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    app.stored(r#"{"name":"<script>alert(1)</script>","url":"javascript:alert(1)","\"><img src=x>":"x"}"#).await;
    for path in ["/", "/list", "/entries/1", "/collections", "/collections/default", "/import", "/playground"] {
        let page = owner.open(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.header("content-security-policy").contains("script-src 'self'"));
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(
            !page.text.contains("<script>alert")
                && !page.text.contains("<img src=x>")
                && !page.text.contains("href=\"javascript:"),
            "{path}"
        );
        assert!(!page.text.contains("style=\"") && !page.text.contains("onclick"), "{path} would break its own policy");
        assert_eq!(page.text.matches("<h1").count(), 1, "{path}");
    }
}
