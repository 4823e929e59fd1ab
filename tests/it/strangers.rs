//! Whoever may send an entry or read a public list cannot make it worse for anybody else. Over real connections, against the
//! program itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use frontdesk::limits::{MAX_COLUMNS, MAX_DOWNLOADS_EACH, MAX_FORM_FIELDS, MAX_HEAD, MAX_STREAMS_PER_PLACE};
use rocket::http::{ContentType, Header, Method};

use crate::crash::{Server, request_with};
use crate::support::{Answer, OWNER, TestApp, databases, fresh_database};
use crate::waiting::Lobby;

/// Entries of [`letters`], and bytes of each.
const LETTERS: usize = 20_000;
const BYTES: usize = 700;
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a command of the program.
fn command(url: &str, data: &Path, arguments: &[&str], input: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_frontdesk"))
        .args(arguments)
        .env("FRONTDESK_DATA_DIR", data)
        .env("DATABASE_URL", url)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // who asks for nothing has ended before it is written
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    assert!(child.wait().unwrap().success(), "{arguments:?}");
}

/// A server whose collection `letters` anybody may read.
fn letters(url: &str, data: &Path) -> Server {
    command(url, data, &["collection", "add", "letters", "--open", "--public-read"], "");
    command(url, data, &["user", "add", OWNER.0, "--role", "owner", "--password-stdin"], OWNER.1);
    let server = Server::start(url, data);
    let entry = format!(r#"{{"text":"{}"}}"#, "x".repeat(BYTES));
    let batch = format!("[{}]", vec![entry; 100].join(","));
    for _ in 0..LETTERS / 100 {
        assert_eq!(add(&server, &batch), Some(201));
    }
    server
}

fn add(server: &Server, body: &str) -> Option<u16> {
    let answer =
        request_with(server.port, "POST", "/add?_collection=letters", "Content-Type: application/json\r\n", body);
    answer.map(|(status, ..)| status)
}

fn get(server: &Server, path: &str) -> Option<(u16, String, String)> {
    request_with(server.port, "GET", path, "", "")
}

/// A client that asks for something and reads nothing of it.
fn unread(server: &Server, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stream
}

/// The status of what such a client has asked for.
fn status_of(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

/// Tries again until it is so.
fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

/// A form of one of our own pages.
const OWN: &str = "Content-Type: application/x-www-form-urlencoded\r\nOrigin: http://localhost\r\n";

/// Signs the owner in. The session's cookie.
fn sign_in(server: &Server) -> String {
    let form = format!("email={}&password={}", OWNER.0, OWNER.1.replace(' ', "+"));
    let (status, head, body) = request_with(server.port, "POST", "/sign-in", OWN, &form).unwrap();
    assert_eq!(status, 303, "{body}");
    let session = head.split("et-cookie: frontdesk=").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
    format!("Cookie: frontdesk={session}\r\n")
}

/// What everybody else does meanwhile.
fn others_are_served(server: &Server) {
    for path in ["/readyz", "/rooms", "/list?_collection=letters", "/sign-in"] {
        assert_eq!(get(server, path).map(|(status, ..)| status), Some(200), "{path}");
    }
    assert_eq!(add(server, r#"{"n":1}"#), Some(201));
    sign_in(server);
}

#[rocket::async_test]
async fn downloads_that_nobody_reads_take_nothing_from_others() {
    for kind in databases() {
        let folder = tempfile::tempdir().unwrap();
        let url = fresh_database(kind, folder.path()).await;
        let server = letters(&url, folder.path());
        let large = format!("[{}]", vec![format!(r#"{{"text":"{}"}}"#, "y".repeat(60_000)); 16].join(","));
        for _ in 0..10 {
            assert_eq!(add(&server, &large), Some(201), "{kind}");
        }
        others_are_served(&server);
        let before = server.memory();
        let mut open: Vec<_> = (0..MAX_DOWNLOADS_EACH).map(|_| unread(&server, "/csv?_collection=letters")).collect();
        for stream in &mut open {
            assert_eq!(status_of(stream), 200, "{kind}");
        }
        let (status, head, _) = get(&server, "/csv?_collection=letters").unwrap();
        assert!(
            status == 503 && head.to_lowercase().contains("retry-after"),
            "{kind}: one more of the same address: {head}"
        );
        others_are_served(&server);
        // what is written meanwhile does not pile up in SQLite's log
        let log = || std::fs::metadata(folder.path().join("test.db-wal")).map_or(0, |log| log.len());
        soon("the log stops growing", || {
            let before = log();
            for _ in 0..10 {
                assert_eq!(add(&server, &large), Some(201), "{kind}");
            }
            log() == before
        });
        others_are_served(&server);
        let after = server.memory();
        assert!(after < before + 64_000_000, "{kind}: {before} bytes of memory before, {after} after");
        drop(open);
        soon("whoever leaves makes room", || {
            get(&server, "/csv?_collection=letters&_limit=1").is_some_and(|(status, ..)| status == 200)
        });
    }
}

#[rocket::async_test]
async fn work_ends_when_its_client_goes() {
    for kind in databases() {
        let folder = tempfile::tempdir().unwrap();
        let url = fresh_database(kind, folder.path()).await;
        let server = letters(&url, folder.path());
        // hours of work for each
        let needles: Vec<_> = (0..60).map(|i| format!("_or.text__contains=x{}{i}", "x".repeat(200))).collect();
        let heavy = format!("/csv?_collection=letters&{}", needles.join("&"));
        for _ in 0..2 * MAX_DOWNLOADS_EACH {
            soon("the download begins", || status_of(&mut unread(&server, &heavy)) == 200);
        }
        others_are_served(&server);
        soon("they have left", || {
            get(&server, "/csv?_collection=letters&_limit=1").is_some_and(|(status, ..)| status == 200)
        });
    }
}

#[rocket::async_test]
async fn a_download_that_breaks_off_does_not_end_like_a_whole_one() {
    for kind in databases() {
        let folder = tempfile::tempdir().unwrap();
        let url = fresh_database(kind, folder.path()).await;
        let server = letters(&url, folder.path());
        let cookie = sign_in(&server);
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4096).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /csv HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n").unwrap();
        assert_eq!(status_of(&mut stream), 200);
        let out = request_with(server.port, "POST", "/sign-out", &format!("{OWN}{cookie}"), "");
        assert_eq!(out.map(|(status, ..)| status), Some(303));
        let mut rest = Vec::new();
        // either end is right: closed, or reset
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "{kind}: {} bytes ended as if they were all", rest.len());
        assert!(rest.len() < LETTERS * BYTES, "{kind}: all of it was sent");
    }
}

#[rocket::async_test]
async fn what_is_read_of_a_query_is_bounded() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let names = |n: usize| (0..n).map(|i| format!("f{i}")).collect::<Vec<_>>().join(",");
    let fields = |n: usize| (0..n).map(|i| format!("_={i}")).collect::<Vec<_>>().join("&");
    for (name, good, bad, bound) in [
        (
            "fields",
            format!("_fields={}", names(MAX_COLUMNS)),
            format!("_fields={}", names(MAX_COLUMNS + 1)),
            MAX_COLUMNS,
        ),
        ("parameters", fields(MAX_FORM_FIELDS), fields(MAX_FORM_FIELDS + 1), MAX_FORM_FIELDS),
    ] {
        let good = owner.get(&format!("/list?{good}")).await;
        assert_eq!(good.status, 200, "{name}: {}", good.text);
        let bad = owner.get(&format!("/list?{bad}")).await;
        bad.is_problem(400, &bound.to_string());
        let form = app.client.post("/list").header(ContentType::Form).body(fields(MAX_FORM_FIELDS + 1));
        owner.send(form).await.is_problem(400, &MAX_FORM_FIELDS.to_string());
    }
}

#[rocket::async_test]
async fn a_head_is_bounded_and_names_one_host() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&fresh_database("sqlite", folder.path()).await, folder.path());
    let field = |bytes: usize| format!("X-Much: {}\r\n", "x".repeat(bytes));
    let asked = |headers: &str| request_with(server.port, "GET", "/healthz", headers, "");
    assert_eq!(asked(&field(MAX_HEAD - 1000)).map(|(status, ..)| status), Some(200));
    let (status, _, body) = asked(&field(MAX_HEAD)).unwrap();
    assert!(status == 431 && body.contains(&MAX_HEAD.to_string()), "{status} {body}");
    let (status, _, body) = asked("Host: elsewhere.example\r\n").unwrap();
    assert!(status == 400 && body.contains("Host"), "{status} {body}");
    // HTTP/2 without TLS is not spoken
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
}

#[rocket::async_test]
async fn one_place_has_only_so_many_streams() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let (ada, ben) = (lobby.joined("ada").await, lobby.joined("ben").await);
        let follow = async |place: &serde_json::Value| {
            let bearer = Header::new("Authorization", format!("Bearer {}", place["token"].as_str().unwrap()));
            let path = format!("/api/v1/queuers/{}/events", place["id"]);
            lobby.app.client.get(path).header(bearer).dispatch().await
        };
        let mut open = Vec::new();
        for _ in 0..MAX_STREAMS_PER_PLACE {
            open.push(follow(&ada).await);
            assert_eq!(open.last().unwrap().status().code, 200, "{kind}");
        }
        let refused = Answer::of(follow(&ada).await).await;
        refused.is_problem(503, "loaded again");
        assert!(!refused.header("retry-after").is_empty());
        assert_eq!(follow(&ben).await.status().code, 200, "{kind}: somebody else");
        open.pop();
        assert_eq!(follow(&ada).await.status().code, 200, "{kind}: a page that is closed makes room");
    }
}

#[rocket::async_test]
async fn only_filters_of_staff_on_fields_that_exist_are_pinned_and_the_trail_says_so() {
    for kind in databases() {
        let app = TestApp::with(kind, |config| config.slow_filter_ms = 0).await;
        let owner = app.owner().await;
        let open = r#"{"name":"letters","public_read":true,"open":true}"#;
        assert_eq!(owner.json(Method::Post, "/api/v1/collections", open).await.status, 201);
        app.stored(r#"{"_collection":"letters","plan":"pro","city":"Bern"}"#).await;
        for _ in 0..5 {
            assert_eq!(app.get("/list?_collection=letters&plan=pro").await.status, 200, "a stranger may read it");
            owner.ids("_collection=letters&nowhere=1").await;
            owner.ids("_collection=letters&city=Bern").await;
        }
        app.upkeep().await;
        let pins = owner.get("/api/v1/collections/letters/pins").await;
        let fields: Vec<_> = pins.json()["pins"].as_array().unwrap().iter().map(|pin| pin["field"].clone()).collect();
        assert_eq!(fields, ["city"], "{kind}: {}", pins.text);
        let trail = owner.get("/api/v1/audit?action=pinned").await.json();
        assert_eq!(trail["count"], 1, "{kind}: {trail}");
        assert_eq!(trail["audit"][0]["actor"], "Frontdesk", "{kind}: {trail}");
    }
}

#[rocket::async_test]
async fn a_filter_that_is_refused_for_its_time_is_pinned_too() {
    let app = TestApp::with("sqlite", |config| {
        config.list_budget_ms = 0;
        config.slow_filter_ms = 0;
    })
    .await;
    let owner = app.owner().await;
    let batch = format!("[{}]", vec![r#"{"plan":"pro"}"#; 100].join(","));
    for _ in 0..20 {
        app.stored(&batch).await;
    }
    for _ in 0..5 {
        owner.get("/list?_collection=default&plan=free").await.is_problem(503, "Pin the field");
    }
    app.upkeep().await;
    assert!(owner.open("/collections/default").await.text.contains("because its filters were slow"));
}

#[rocket::async_test]
async fn on_a_full_disk_people_sign_in_and_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = |arguments: &[&str]| Command::new("mount").args(arguments).arg(&disk).status();
    if !mount(&["-t", "tmpfs", "-o", "size=100m", "tmpfs"]).is_ok_and(|status| status.success()) {
        // Only root may mount; scripts/test says so when it leaves this part out.
        assert!(std::env::var("TEST_ALL").is_err(), "a tmpfs cannot be mounted, and everything was asked for");
        return println!("left out: a tmpfs cannot be mounted here");
    }
    let url = format!("sqlite:{}", disk.join("test.db").display());
    let server = letters(&url, folder.path());
    soon("room is kept back", || disk.join("reserve").exists());
    let large = format!("[{}]", vec![format!(r#"{{"text":"{}"}}"#, "y".repeat(60_000)); 16].join(","));
    soon("the disk is full", || add(&server, &large) == Some(503));
    soon("the room is given up", || !disk.join("reserve").exists());
    assert_eq!(add(&server, r#"{"n":1}"#), Some(503), "nothing is taken in");
    let by = format!("Origin: http://localhost\r\n{}", sign_in(&server));
    let (status, _, body) = request_with(server.port, "DELETE", "/api/v1/entries/1", &by, "").unwrap();
    assert!((200..300).contains(&status), "{status} {body}");
    mount(&["-o", "remount,size=300m"]).unwrap();
    soon("there is room again", || get(&server, "/readyz").is_some_and(|(status, ..)| status == 200));
    assert_eq!(add(&server, r#"{"n":1}"#), Some(201));
    drop(server);
    Command::new("umount").arg(&disk).status().unwrap();
}
