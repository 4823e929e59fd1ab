//! Stored scripts, headers of pages, and secrets in the log.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use frontdesk::staff::Accounts;
use rocket::http::{ContentType, Cookie, Header, Method};
use serde_json::{Value, json};

use crate::calls::prepare;
use crate::crash::request_with;
use crate::support::{Answer, OWNER, Person, TestApp, databases};

/// What must never reach a page as it is: a tag, a way out of an attribute, a way out of a title or a script, an address
/// that runs.
const CORPUS: [&str; 8] = [
    "<script>alert(7)</script>",
    "<img src=x onerror=alert(7)>",
    "\" autofocus onfocus=alert(7) x=\"",
    "' onmouseover='alert(7)",
    "</title><script>alert(7)</script>",
    "</textarea><svg onload=alert(7)>",
    "javascript:alert(7)",
    "{{7*7}}${7*7}<%= 7*7 %>",
];

/// Puts every text of the corpus wherever something can be written. What refuses one is as good.
async fn poison(app: &TestApp, owner: &Person<'_>) -> String {
    for text in CORPUS {
        let quoted = Value::from(text).to_string();
        app.add(format!("{{\"name\":{quoted},{quoted}:\"x\",\"url\":{quoted},\"email\":{quoted}}}")).await;
        let origin = Header::new("Origin", format!("https://{text}"));
        let add = app.client.post("/add").header(ContentType::JSON).header(origin).body("{\"a\":1}");
        add.dispatch().await;
        let post = async |path: &str, body: Value| owner.json(Method::Post, path, &body.to_string()).await;
        post("/api/v1/colleges", json!({ "name": text, "short_name": text, "website": text, "location": text })).await;
        post("/api/v1/majors", json!({ "name": text, "degree": text, "college_id": 1 })).await;
        post("/api/v1/advisors", json!({ "name": text, "title": text, "college_id": 1, "video_url": text })).await;
        post("/api/v1/students", json!({ "name": text, "notes": text, "email": "x@example.org" })).await;
        post("/api/v1/faqs", json!({ "question": text, "answer": text, "queue_id": 1 })).await;
        post(
            "/api/v1/queuers",
            json!({
                "queue_id": 1, "topic": text, "question": text,
                "student": { "name": text, "student_number": text, "phone": text }
            }),
        )
        .await;
        post(
            "/api/v1/users",
            json!({ "email": format!("{}@example.org", text.len()), "name": text, "role": "viewer" }),
        )
        .await;
        let update = json!({
            "title": text, "body": format!("{text}\n\n# {text}\n\n[x]({text}) ![x]({text} \"{text}\")\n\n`{text}`"),
            "tags": [text.replace(',', "")], "slug": format!("poison-{}", text.len()), "pinned": true, "draft": false,
        });
        post("/api/v1/updates", update).await;
        post("/api/v1/tokens", json!({ "name": text, "scopes": ["directory"] })).await;
        post("/api/v1/collections", json!({ "name": format!("c{}", text.len()), "title": text })).await;
        owner
            .json(
                Method::Patch,
                "/api/v1/queues/1",
                &json!({ "title": text, "greeting": text, "location": text }).to_string(),
            )
            .await;
        owner.json(Method::Patch, "/api/v1/collections/default", &json!({ "title": text }).to_string()).await;
        owner.json(Method::Patch, "/api/v1/users/1", &json!({ "name": text }).to_string()).await;
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("text", text)
            .append_pair("name", text)
            .append_pair("query", &form_urlencoded::Serializer::new(String::new()).append_pair(text, text).finish())
            .finish();
        owner.form("/board/1/announcements", &form).await;
        owner.form("/list/views", &form).await;
        // a browser with a name
        let login = format!("email={}&password={}", OWNER.0, OWNER.1.replace(' ', "+"));
        let request = app.client.post("/sign-in").header(ContentType::Form).header(Header::new("User-Agent", text));
        request.header(Header::new("Sec-Fetch-Site", "same-origin")).body(login).dispatch().await;
    }
    let body =
        json!({ "queue_id": 2, "student": { "name": CORPUS[0], "email": "q@example.org" }, "question": CORPUS[1] });
    let joined = app.post("/api/v1/queuers", "application/json", body.to_string()).await;
    joined.json()["token"].as_str().unwrap().to_owned()
}

/// The addresses of all pages, with everything that can be shown.
fn pages(app: &TestApp, place: &str, invitation: &str) -> Vec<String> {
    let mut pages = Vec::new();
    for route in app.client.rocket().routes().filter(|route| route.method == Method::Get) {
        let path = route.uri.path();
        // What is relayed is no page of ours; tests/it/relay looks at what becomes of it.
        let others = ["/api/v1", "/static", "/relay/"];
        if others.iter().any(|start| path.starts_with(start)) || path.ends_with("/events") {
            continue;
        }
        let path = path.replace("<queue>", "1").replace("<name>", "default").replace("<slug>", "poison-1");
        let path = if path.starts_with("/q/") { path.replace("<token>", place) } else { path };
        let path = if path.starts_with("/invitations/") { path.replace("<token>", invitation) } else { path };
        let path = path.replace("<token>", "guess").replace("<_status>", "1");
        let ids = if path.contains("<id>") { 1..=9 } else { 1..=1 };
        pages.extend(ids.map(|id| path.replace("<id>", &id.to_string())));
    }
    pages.extend(CORPUS.map(|text| format!("/updates/poison-{}", text.len())));
    pages.extend(CORPUS.map(|text| {
        let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        format!("/list?name={text}&_q={text}")
    }));
    pages.extend(CORPUS.map(|text| {
        let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        format!("/sign-in?next=/{text}")
    }));
    pages
        .extend(["/directory/students?_q=%3Cscript%3Ealert(7)", "/audit?detail=%22%3E%3Cscript%3E"].map(str::to_owned));
    pages
}

#[rocket::async_test]
async fn no_page_runs_what_was_stored() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = prepare(&app).await;
        let place = poison(&app, &owner).await;
        let link = app.state::<Accounts>().new_link(&frontdesk::staff::Author::command_line(), 2).await.unwrap();
        let (mut shown, mut seen) = (0, 0);
        for path in pages(&app, &place, &link.token) {
            let page = owner.open(&path).await;
            assert!(page.status < 500, "{kind}: {path}: {}", page.text);
            if !page.header("content-type").starts_with("text/html") {
                continue;
            }
            shown += 1;
            seen += usize::from(page.text.contains("alert(7)"));
            let text = page.text.to_lowercase();
            for bad in [
                "<script>alert",
                "<img src=x",
                "=\"\" autofocus onfocus",
                "='' onmouseover='",
                "<svg onload",
                "href=\"javascript:",
            ] {
                assert!(!text.contains(bad), "{kind}: {path} shows {bad}");
            }
            let policy = page.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}: {policy}");
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(page.header(name), value, "{path}");
            }
            assert!(["same-origin", "no-referrer"].contains(&page.header("referrer-policy")), "{path}");
            assert!(!text.contains(" style=\"") && !text.contains(" onclick="), "{path} would break its own policy");
        }
        println!("{kind}: {shown} pages, {seen} of them with the corpus on them");
        assert!(shown > 60 && seen > 25, "{kind}: {shown} pages, {seen} with it: is it stored at all?");
    }
}

#[rocket::async_test]
async fn behind_https_cookies_and_headers_say_so() {
    let app = TestApp::with("sqlite", |config| config.public_url = "https://forms.example.org/".into()).await;
    app.owner().await;
    let form = format!("email={}&password={}", OWNER.0, OWNER.1.replace(' ', "+"));
    let request =
        app.client.post("/sign-in").header(ContentType::Form).header(Header::new("Sec-Fetch-Site", "same-origin"));
    let answer = Answer::of(request.body(form).dispatch().await).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
    let session = answer.cookie("__Host-frontdesk");
    for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
        for flag in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(flag) && !cookie.contains("Domain"), "{cookie}");
        }
    }
    // the plain name is not taken there
    let plain = app.client.get("/list").cookie(Cookie::new("frontdesk", session.clone())).dispatch().await;
    assert_eq!(plain.status().code, 401);
    let own = app.client.get("/list").cookie(Cookie::new("__Host-frontdesk", session)).dispatch().await;
    assert_eq!(own.status().code, 200);
}

#[rocket::async_test]
async fn nothing_leads_away_from_here() {
    let app = TestApp::start("sqlite").await;
    app.owner().await;
    for next in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/%09/evil.example",
        "javascript:alert(7)",
        "\\\\evil.example",
        "/\r\nSet-Cookie: a=b",
        "http:evil.example",
    ] {
        let next = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
        let form = format!("email={}&password={}&next={next}", OWNER.0, OWNER.1.replace(' ', "+"));
        let request =
            app.client.post("/sign-in").header(ContentType::Form).header(Header::new("Sec-Fetch-Site", "same-origin"));
        let answer = Answer::of(request.body(form).dispatch().await).await;
        let target = answer.header("location");
        assert!(target.starts_with('/') && !target.starts_with("//") && !target.contains('\\'), "{next}: {target}");
        assert!(!answer.headers.iter().any(|(name, value)| name == "set-cookie" && value.starts_with("a=b")));
    }
}

/// Everything secret or personal that goes through the program, looked for in all that it logs.
#[rocket::async_test]
async fn the_log_holds_no_secret_and_nothing_personal() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = |arguments: &[&str], input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_frontdesk"))
            .args(arguments)
            .env("FRONTDESK_DATA_DIR", folder.path())
            .env_remove("DATABASE_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(&["user", "add", "kim@example.org", "--role", "owner", "--password-stdin"], "a quiet green lamp\n");
    let scopes = "entries:read,entries:write,waiting,directory,admin";
    let token = run(&["token", "add", "--user", "kim@example.org", "--scope", scopes], "");
    let mut child = Command::new(env!("CARGO_BIN_EXE_frontdesk"))
        .env("PORT", port.to_string())
        .env("FRONTDESK_DATA_DIR", folder.path())
        .env_remove("DATABASE_URL")
        .env("RUST_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Read from the beginning: a pipe that is full would hold the program up.
    let log = child.stdout.take().unwrap();
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        BufReader::new(log).read_to_string(&mut text).map(|_| text).unwrap_or_default()
    });
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("is at http") {
        line.clear();
        assert_ne!(talk.read_line(&mut line).unwrap(), 0, "the program did not start");
    }
    let rest = std::thread::spawn(move || {
        let mut text = String::new();
        talk.read_to_string(&mut text).map(|_| text).unwrap_or_default()
    });
    let ask = |method: &str, path: &str, headers: &str, body: &str| {
        request_with(port, method, path, headers, body)
            .unwrap_or_else(|| panic!("{method} {path}: the connection broke"))
    };
    let end = Instant::now() + Duration::from_secs(20);
    while request_with(port, "GET", "/healthz", "", "").is_none() {
        assert!(Instant::now() < end, "the program does not answer");
        std::thread::yield_now();
    }
    let json_of = |text: &str| -> Value { serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}")) };
    let bearer = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
    let invited =
        ask("POST", "/api/v1/users", &bearer, r#"{"email":"noor@example.org","name":"Noor Personal","role":"staff"}"#);
    assert_eq!(invited.0, 201, "{}", invited.2);
    let link = json_of(&invited.2)["invitation"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let form = "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n";
    assert_eq!(ask("GET", &format!("/invitations/{link}"), "", "").0, 200);
    let accepted = ask("POST", &format!("/invitations/{link}"), form, "password=heron-in-the-reeds");
    assert_eq!(accepted.0, 303, "{}", accepted.2);
    let session = accepted.1.split("frontdesk=").nth(1).unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(ask("POST", "/sign-in", form, "email=noor%40example.org&password=wrong-password-guess").0, 422);
    ask("POST", "/add", "Content-Type: application/json\r\n", r#"{"diary":"Dear personal diary"}"#);
    ask("POST", "/add", "Content-Type: application/json\r\n", r#"{"diary":"Dear personal diary"#);
    ask("POST", "/api/v1/colleges", &bearer, r#"{"name":"Law"}"#);
    ask("POST", "/api/v1/queues", &bearer, r#"{"title":"Advising","college_id":1}"#);
    let body = r#"{"queue_id":1,"student":{"name":"Ada Personal","email":"ada@example.org"}}"#;
    let joined = ask("POST", "/api/v1/queuers", "Content-Type: application/json\r\n", body);
    let place = json_of(&joined.2)["token"].as_str().unwrap_or_else(|| panic!("{}", joined.2)).to_owned();
    assert_eq!(ask("GET", &format!("/q/{place}"), "", "").0, 200);
    // what fails, too
    ask("GET", &format!("/q/{place}/nothing"), "", "");
    ask("GET", "/setup/a-guess-at-the-link", "", "");
    ask("GET", &format!("/api/v1/users?token={token}"), "", "");
    ask("DELETE", "/api/v1/users/1", &bearer, "");
    ask("PUT", "/api/v1/users/2", &bearer, r#"{"email":"noor@example.org"#);
    ask("GET", "/list?name=Ada+Personal&_cursor=made-up", &format!("Cookie: frontdesk={session}\r\n"), "");
    child.kill().unwrap();
    child.wait().unwrap();
    let log = log.join().unwrap() + &rest.join().unwrap();
    assert!(log.lines().count() > 5, "debug says something: {log}");
    for secret in [
        token.as_str(),
        &token[3..],
        &link,
        &session,
        &place,
        "a-guess-at-the-link",
        "a quiet green lamp",
        "heron-in-the-reeds",
        "wrong-password-guess",
        "Dear personal",
        "Ada Personal",
        "Ada+Personal",
        "Noor Personal",
        "noor@example.org",
        "noor%40example.org",
        "ada@example.org",
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
    }
}
