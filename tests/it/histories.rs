//! Histories of a waiting room: random ones, checked step by step against a small model; and real ones, with the
//! program killed in the middle.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use frontdesk::limits::MAX_STREAMS_PER_PLACE;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rocket::http::Method;
use serde_json::{Value, json};

use crate::crash::{Server, request_with};
use crate::support::{OWNER, Person, databases, fresh_database};
use crate::waiting::Lobby;

fn seed() -> u64 {
    let seed = std::env::var("TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("TEST_SEED={seed}");
    seed
}

const MINUTE: i64 = 60_000;
const GRACE: i64 = 2 * MINUTE;
const ALLOWANCE: i64 = 15 * MINUTE;
const UNDO: i64 = 30 * MINUTE;

/// A place as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    place: Value,
    student: usize,
    key: i64,
    state: &'static str,
    desk: Option<usize>,
    due: i64,
    away_since: i64,
    away_used: i64,
    returns: u32,
    ended: i64,
}

/// What should be.
#[derive(Default)]
struct Model {
    places: Vec<Known>,
    keys: i64,
    now: i64,
}

impl Model {
    fn active(&self, student: usize) -> Option<usize> {
        self.places.iter().position(|p| p.student == student && is_active(p.state))
    }

    fn at_desk(&self, desk: usize) -> Option<usize> {
        self.places.iter().position(|p| p.desk == Some(desk) && matches!(p.state, "called" | "serving"))
    }

    fn line(&self) -> Vec<usize> {
        let mut line: Vec<_> = (0..self.places.len()).filter(|&i| self.places[i].state == "waiting").collect();
        line.sort_by_key(|&i| self.places[i].key);
        line
    }

    fn end_away(&mut self, i: usize) {
        if self.places[i].state == "away" {
            self.places[i].away_used += self.now - self.places[i].away_since;
        }
    }

    fn end(&mut self, i: usize, state: &'static str) {
        self.end_away(i);
        self.places[i].state = state;
        self.places[i].ended = self.now;
    }

    fn wait(&mut self, i: usize) {
        self.places[i].state = "waiting";
        self.places[i].desk = None;
    }

    fn sweep(&mut self) {
        for i in 0..self.places.len() {
            match self.places[i].state {
                "called" if self.places[i].due <= self.now => self.end(i, "no_show"),
                "away" if self.places[i].due <= self.now => {
                    self.end_away(i);
                    self.wait(i);
                }
                _ => {}
            }
        }
    }
}

fn is_active(state: &str) -> bool {
    matches!(state, "waiting" | "away" | "called" | "serving")
}

/// A lobby, three advisors, and what should be.
struct History<'a> {
    lobby: &'a Lobby,
    desks: Vec<Person<'a>>,
    model: Model,
    random: StdRng,
}

impl History<'_> {
    /// Takes a random step in the lobby and in the model. Both must agree on whether it was possible.
    async fn step(&mut self) -> String {
        let roll = self.random.random_range(0..100);
        match roll {
            0..24 => self.join().await,
            24..42 => self.call().await,
            42..50 => self.student().await,
            50..80 => self.staff().await,
            80..83 => self.requeue_to_the_back().await,
            83..96 => self.pass_time().await,
            96..98 => self.call_out_of_turn().await,
            _ => self.close_out().await,
        }
    }

    async fn join(&mut self) -> String {
        let student = self.random.random_range(0..15);
        let answer = self.lobby.join(&format!("s{student}")).await;
        let present = self.model.active(student);
        let expected = if present.is_some() { 200 } else { 201 };
        assert_eq!(answer.status, expected, "join of {student}: {}", answer.text);
        match present {
            Some(i) => assert_eq!(answer.json()["id"], self.model.places[i].place["id"]),
            None => {
                self.model.keys += 1;
                self.model.places.push(Known {
                    place: answer.json(),
                    student,
                    key: self.model.keys,
                    state: "waiting",
                    desk: None,
                    due: 0,
                    away_since: 0,
                    away_used: 0,
                    returns: 0,
                    ended: 0,
                });
            }
        }
        format!("join {student}")
    }

    async fn call(&mut self) -> String {
        let desk = self.random.random_range(0..self.desks.len());
        let answer = self.lobby.call(&self.desks[desk]).await;
        let expected = self.model.at_desk(desk).or_else(|| self.model.line().first().copied());
        match expected {
            None => assert_eq!(answer.status, 204, "{}", answer.text),
            Some(i) => {
                assert_eq!((answer.status, &answer.json()["id"]), (200, &self.model.places[i].place["id"]));
                self.called(i, desk);
            }
        }
        format!("call by {desk}")
    }

    fn called(&mut self, i: usize, desk: usize) {
        if self.model.at_desk(desk) == Some(i) {
            return;
        }
        self.model.end_away(i);
        let due = self.model.now + GRACE;
        let place = &mut self.model.places[i];
        (place.state, place.desk, place.due) = ("called", Some(desk), due);
    }

    async fn call_out_of_turn(&mut self) -> String {
        let desk = self.random.random_range(0..self.desks.len());
        let Some(i) = self.any() else { return "nobody".into() };
        let id = self.model.places[i].place["id"].clone();
        let path = format!("/api/v1/queues/{}/calls", self.lobby.queue);
        let body = json!({"queuer_id": id, "reason": "in a hurry"}).to_string();
        let answer = self.desks[desk].json(Method::Post, &path, &body).await;
        let possible = match self.model.at_desk(desk) {
            Some(present) => present == i,
            None => matches!(self.model.places[i].state, "waiting" | "away"),
        };
        assert_eq!(answer.status, if possible { 200 } else { 409 }, "{}", answer.text);
        if possible {
            self.called(i, desk);
        }
        format!("call {id} out of turn by {desk}")
    }

    /// Any place, the newer ones more often.
    fn any(&mut self) -> Option<usize> {
        let from = self.model.places.len().saturating_sub(12);
        (from..self.model.places.len()).collect::<Vec<_>>().choose(&mut self.random).copied()
    }

    async fn student(&mut self) -> String {
        let Some(i) = self.any() else { return "nobody".into() };
        let (what, body) = *[
            ("leave", r#"{"state":"left"}"#),
            ("away", r#"{"state":"away","minutes":5}"#),
            ("back", r#"{"state":"waiting"}"#),
            ("coming", r#"{"state":"called"}"#),
        ]
        .choose(&mut self.random)
        .unwrap();
        let known = self.model.places[i].clone();
        let answer = self.lobby.student_step(&known.place, body).await;
        let now = self.model.now;
        let recent = now - known.ended <= UNDO;
        let possible = match (what, known.state) {
            // twice is as good as once
            ("leave", "waiting" | "away" | "called" | "left") => true,
            ("away", "waiting" | "called") => known.away_used < ALLOWANCE,
            ("back", "away") => true,
            ("back", "left" | "no_show") => recent && self.model.active(known.student).is_none(),
            ("coming", "called") => true,
            _ => false,
        };
        assert_eq!(answer.status == 200, possible, "{what} of {known:?}: {} {}", answer.status, answer.text);
        assert!(matches!(answer.status, 200 | 409 | 422), "{}", answer.text);
        if possible {
            match what {
                "leave" if known.state == "left" => {}
                "leave" => self.model.end(i, "left"),
                "away" => {
                    let place = &mut self.model.places[i];
                    (place.state, place.desk, place.away_since) = ("away", None, now);
                    place.due = now + (5 * MINUTE).min(ALLOWANCE - place.away_used);
                }
                "back" => {
                    self.model.end_away(i);
                    if known.state != "away" {
                        self.model.places[i].returns = 0;
                    }
                    self.model.wait(i);
                }
                _ => {
                    // The first time only: a second "I'm coming" is no more time.
                    if self.model.places[i].place["came"].is_null()
                        || self.model.places[i].place["came"] != json!(self.model.places[i].due)
                    {
                        let due = now + GRACE;
                        self.model.places[i].due = due;
                        self.model.places[i].place["came"] = json!(due);
                    }
                }
            }
        }
        format!("{what} by the student of {}", known.place["id"])
    }

    async fn staff(&mut self) -> String {
        let Some(i) = self.any() else { return "nobody".into() };
        let to = *["waiting", "serving", "done", "no_show", "removed", "away"].choose(&mut self.random).unwrap();
        let known = self.model.places[i].clone();
        let desk = self.random.random_range(0..self.desks.len());
        let answer = self.lobby.step(&self.desks[desk], &known.place["id"], to).await;
        let recent = self.model.now - known.ended <= UNDO;
        let free = self.model.active(known.student).is_none();
        let possible = match (known.state, to) {
            ("called" | "away" | "serving", "waiting") => true,
            ("no_show" | "left" | "removed", "waiting") => recent && free,
            ("called", "serving" | "no_show") | ("serving", "done") => true,
            ("done", "serving") => recent && free && known.desk.is_none_or(|desk| self.model.at_desk(desk).is_none()),
            ("waiting" | "called", "away") => known.away_used < ALLOWANCE,
            ("waiting" | "away" | "called", "removed") => true,
            _ => false,
        };
        assert_eq!(answer.status == 200, possible, "{to} of {known:?}: {} {}", answer.status, answer.text);
        assert!(matches!(answer.status, 200 | 409 | 422), "{}", answer.text);
        if possible {
            self.staff_step(i, &known, to);
        }
        format!("{} from {} to {to}", known.place["id"], known.state)
    }

    fn staff_step(&mut self, i: usize, known: &Known, to: &'static str) {
        let now = self.model.now;
        match (known.state, to) {
            ("called", "waiting") => {
                self.model.places[i].returns += 1;
                self.model.wait(i);
                if self.model.places[i].returns > 3 {
                    self.model.end(i, "no_show");
                }
            }
            (_, "waiting") => {
                self.model.end_away(i);
                if known.ended > 0 && !is_active(known.state) {
                    self.model.places[i].returns = 0;
                }
                self.model.wait(i);
            }
            (_, "away") => {
                let place = &mut self.model.places[i];
                (place.state, place.desk, place.away_since) = ("away", None, now);
                place.due = now + ALLOWANCE - place.away_used;
            }
            (_, "serving") => self.model.places[i].state = "serving",
            (_, end) => self.model.end(i, end),
        }
    }

    async fn requeue_to_the_back(&mut self) -> String {
        let Some(i) = (0..self.model.places.len()).find(|&i| self.model.places[i].state == "serving") else {
            return "nobody is served".into();
        };
        let id = self.model.places[i].place["id"].clone();
        let version = self.lobby.place(&id).await["version"].clone();
        let body = json!({"state": "waiting", "version": version, "place": "back"}).to_string();
        let answer = self.desks[0].json(Method::Patch, &format!("/api/v1/queuers/{id}"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.model.keys += 1;
        self.model.places[i].key = self.model.keys;
        self.model.wait(i);
        format!("{id} to the end of the line")
    }

    async fn pass_time(&mut self) -> String {
        let time = self.random.random_range(1..4 * MINUTE);
        self.lobby.app.wait(time);
        self.model.now += time;
        self.lobby.sweep().await;
        self.model.sweep();
        format!("{time} ms later")
    }

    async fn close_out(&mut self) -> String {
        let path = format!("/api/v1/queues/{}", self.lobby.queue);
        let answer = self.desks[0].json(Method::Post, &format!("{path}/closures"), r#"{"message":"The end."}"#).await;
        let ends: Vec<_> = (0..self.model.places.len())
            .filter(|&i| matches!(self.model.places[i].state, "waiting" | "away" | "called"))
            .collect();
        assert_eq!(answer.json()["expired"], ends.len());
        ends.into_iter().for_each(|i| self.model.end(i, "expired"));
        self.desks[0].json(Method::Patch, &path, r#"{"intake":"open"}"#).await;
        "close out".into()
    }

    /// The lobby is what the model says: states, the line, positions.
    async fn compare(&self, what: &str) {
        let path = format!("/api/v1/queuers?queue_id={}&_limit=1000&_sort=id&_fields=id,state", self.lobby.queue);
        let listed = self.desks[0].get(&path).await.json();
        let found: Vec<_> =
            listed["queuers"].as_array().unwrap().iter().map(|q| (q["id"].clone(), q["state"].clone())).collect();
        let expected: Vec<_> = self.model.places.iter().map(|p| (p.place["id"].clone(), json!(p.state))).collect();
        assert_eq!(found, expected, "after: {what}");
        let line = self.model.line();
        let ids: Vec<_> = line.iter().map(|&i| self.model.places[i].place["id"].as_i64().unwrap()).collect();
        assert_eq!(self.lobby.line().await, ids, "after: {what}");
        for (position, &i) in line.iter().enumerate().take(3) {
            let shown = self.lobby.place(&self.model.places[i].place["id"]).await;
            assert_eq!(shown["position"], position + 1, "after: {what}");
        }
    }
}

#[rocket::async_test]
async fn random_histories_agree_with_the_model() {
    let seed = seed();
    for kind in databases() {
        let lobby = Lobby::with(kind, json!({"keep_overnight": true})).await;
        let desks = vec![lobby.colleague("a").await, lobby.colleague("b").await, lobby.colleague("c").await];
        let mut history =
            History { lobby: &lobby, desks, model: Model::default(), random: StdRng::seed_from_u64(seed) };
        for _ in 0..400 {
            let what = history.step().await;
            history.compare(&what).await;
        }
        println!("{kind}: {} places", history.model.places.len());
    }
}

/// Acknowledgements before a kill, at least.
const LOAD: u64 = 40;

/// What a client was told: place, version, state.
type Told = (i64, i64, String);

#[rocket::async_test]
async fn nothing_acknowledged_in_the_waiting_room_is_lost_when_the_program_is_killed() {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    for kind in databases() {
        let folder = tempfile::tempdir().unwrap();
        let url = fresh_database(kind, folder.path()).await;
        let rounds = if kind == "sqlite" { 8 } else { 2 };
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        prepare(&url).await;
        for round in 0..rounds {
            let server = Server::start(&url, folder.path());
            kill_in_the_middle(server, round, random.random_range(LOAD..200), &told);
        }
        let told = std::mem::take(&mut *told.lock().unwrap());
        println!("{kind}: {rounds} kills, {} steps acknowledged", told.len());
        assert!(told.len() as u64 >= LOAD * u64::from(rounds), "the load was real");
        check(&url, &told).await;
    }
}

#[rocket::async_test]
async fn a_reader_who_does_not_read_holds_up_nobody() {
    use std::io::{BufRead as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let url = fresh_database("sqlite", folder.path()).await;
    prepare(&url).await;
    let server = Server::start(&url, folder.path());
    let json = "Content-Type: application/json\r\n";
    let join = |name: &str| {
        let body = json!({"queue_id": 1, "student": {"name": name, "email": format!("{name}@x.example")}}).to_string();
        let (status, _, body) = request_with(server.port, "POST", "/api/v1/queuers", json, &body).unwrap();
        assert_eq!(status, 201, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    let (first, last) = (join("first"), join("last"));
    let others: Vec<_> = (0..12).map(|n| join(&format!("other{n}"))).collect();
    let open = |place: &Value| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let token = place["token"].as_str().unwrap();
        // HTTP/1.0: without chunks, whose heads may fall into the middle of a line.
        write!(stream, "GET /q/{token}/events HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        stream
    };
    // A hundred who never read, and one who does.
    let silent: Vec<_> = others.iter().flat_map(|other| (0..MAX_STREAMS_PER_PLACE).map(|_| open(other))).collect();
    let mut lines = std::io::BufReader::new(open(&last)).lines();
    let path = format!("/api/v1/queuers/{}", first["id"]);
    let headers = format!("{json}Authorization: Bearer {}\r\n", first["token"].as_str().unwrap());
    for round in 0..20 {
        let (body, place) = if round % 2 == 0 {
            (r#"{"state":"away","minutes":5}"#, "data-place-position=\"1\"")
        } else {
            (r#"{"state":"waiting"}"#, "data-place-position=\"2\"")
        };
        let (status, _, text) = request_with(server.port, "PATCH", &path, &headers, body).unwrap();
        assert_eq!(status, 200, "{text}");
        // The stream goes on with its beats, whatever it shows.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let mut in_time = lines.by_ref().take_while(|_| std::time::Instant::now() < end);
        assert!(in_time.any(|line| line.unwrap().contains(place)), "{place} is not shown in round {round}");
    }
    drop(silent);
}

/// Three accounts, a college, a queue.
async fn prepare(url: &str) {
    let pool = frontdesk::db::Pool::open(url).await.unwrap();
    let clock = frontdesk::moment::Clock::system();
    let limits = frontdesk::staff::SessionLimits { idle: 14, absolute: 90 };
    let accounts = frontdesk::staff::Accounts::new(pool.clone(), clock.clone(), limits);
    for n in 0..3 {
        let email = frontdesk::staff::Email::parse(&format!("desk{n}@example.org")).unwrap();
        let password = frontdesk::staff::Password::parse(OWNER.1).unwrap();
        accounts
            .create(&frontdesk::staff::Author::command_line(), &email, "", frontdesk::staff::Role::Staff, password)
            .await
            .unwrap();
    }
    let records = frontdesk::records::Records::new(pool.clone(), clock, [0; 32]);
    let body = |value: Value| value.as_object().unwrap().clone();
    records
        .create(
            &frontdesk::staff::Author::command_line(),
            &frontdesk::directory::COLLEGES,
            &body(json!({"name": "Engineering"})),
        )
        .await
        .unwrap();
    records
        .create(
            &frontdesk::staff::Author::command_line(),
            &frontdesk::waiting::QUEUES,
            &body(json!({"title": "Advising", "college_id": 1})),
        )
        .await
        .unwrap();
    pool.close().await;
}

fn kill_in_the_middle(mut server: Server, round: u32, acknowledgements: u64, told: &Arc<Mutex<Vec<Told>>>) {
    let stop = AtomicBool::new(false);
    let count = AtomicU64::new(0);
    let port = server.port;
    let note = |body: &str| {
        let place: Value = serde_json::from_str(body).unwrap_or_default();
        if let (Some(id), Some(version), Some(state)) =
            (place["id"].as_i64(), place["version"].as_i64(), place["state"].as_str())
        {
            told.lock().unwrap().push((id, version, state.to_owned()));
            count.fetch_add(1, Ordering::SeqCst);
        }
    };
    std::thread::scope(|scope| {
        for desk in 0..3 {
            let (stop, note) = (&stop, &note);
            scope.spawn(move || serve(port, desk, stop, note));
        }
        for client in 0..4 {
            let (stop, note) = (&stop, &note);
            scope.spawn(move || visit(port, round, client, stop, note));
        }
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while count.load(Ordering::SeqCst) < acknowledgements {
            assert!(std::time::Instant::now() < end, "the load stands still");
            std::thread::yield_now();
        }
        server.kill();
        stop.store(true, Ordering::SeqCst);
    });
}

/// Students who join; one in three leaves again.
fn visit(port: u16, round: u32, client: u32, stop: &AtomicBool, note: &(dyn Fn(&str) + Sync)) {
    let json = "Content-Type: application/json\r\n";
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let email = format!("r{round}c{client}n{n}@students.example");
        let body = json!({"queue_id": 1, "student": {"name": "S", "email": email}}).to_string();
        let Some((201, _, body)) = request_with(port, "POST", "/api/v1/queuers", json, &body) else { return };
        note(&body);
        let place: Value = serde_json::from_str(&body).unwrap();
        if n % 3 == 0 {
            let headers = format!("{json}Authorization: Bearer {}\r\n", place["token"].as_str().unwrap());
            let path = format!("/api/v1/queuers/{}", place["id"]);
            if let Some((200, _, body)) = request_with(port, "PATCH", &path, &headers, r#"{"state":"left"}"#) {
                note(&body);
            }
        }
    }
}

/// An advisor who calls, starts, ends; one in five does not come.
fn serve(port: u16, desk: u32, stop: &AtomicBool, note: &(dyn Fn(&str) + Sync)) {
    let form = "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n";
    let login = format!("email=desk{desk}%40example.org&password={}", OWNER.1.replace(' ', "+"));
    let Some((303, head, _)) = request_with(port, "POST", "/sign-in", form, &login) else { return };
    let cookie = head.lines().find_map(|line| {
        line.to_lowercase().starts_with("set-cookie:").then(|| line[11..].trim().split(';').next().unwrap().to_owned())
    });
    let headers =
        format!("Content-Type: application/json\r\nSec-Fetch-Site: same-origin\r\nCookie: {}\r\n", cookie.unwrap());
    let mut n = 0;
    while !stop.load(Ordering::SeqCst) {
        let Some((status, _, body)) = request_with(port, "POST", "/api/v1/queues/1/calls", &headers, "{}") else {
            return;
        };
        if status != 200 {
            continue;
        }
        note(&body);
        let mut place: Value = serde_json::from_str(&body).unwrap();
        n += 1;
        let steps: &[&str] = if n % 5 == 0 { &["no_show"] } else { &["serving", "done"] };
        for state in steps.iter().skip(usize::from(place["state"] == "serving")) {
            let body = json!({"state": state, "version": place["version"]}).to_string();
            let path = format!("/api/v1/queuers/{}", place["id"]);
            let Some((status, _, body)) = request_with(port, "PATCH", &path, &headers, &body) else { return };
            if status != 200 {
                break;
            }
            note(&body);
            place = serde_json::from_str(&body).unwrap();
        }
    }
}

/// Seq, place, what, from, to.
type Step = (i64, i64, String, Option<String>, Option<String>);

/// Every acknowledged step is in the history; every history is a chain that ends where the place is; nobody was
/// called twice, and whoever was called was the first of the line.
async fn check(url: &str, told: &[Told]) {
    let pool = frontdesk::db::Pool::open(url).await.unwrap();
    let events: Vec<Step> = pool
        .read("SELECT seq, queuer_id, what, from_state, to_state FROM queue_events WHERE queuer_id IS NOT NULL ORDER BY seq, id")
        .all()
        .await
        .unwrap();
    let places: Vec<(i64, i64, String, i64, i64)> =
        pool.read("SELECT id, student_id, state, version, order_key FROM queuers ORDER BY id").all().await.unwrap();
    pool.close().await;
    let mut chains: HashMap<i64, Vec<String>> = HashMap::new();
    let mut waiting: HashSet<(i64, i64)> = HashSet::new();
    let keys: HashMap<i64, i64> = places.iter().map(|(id, .., key)| (*id, *key)).collect();
    for (seq, place, what, from, to) in events {
        let chain = chains.entry(place).or_default();
        assert_eq!(chain.last(), from.as_ref(), "place {place}, seq {seq}: a step is missing");
        if what == "call" {
            let first = waiting.iter().min().copied();
            assert_eq!(first, Some((keys[&place], place)), "seq {seq}: not the first of the line");
            assert!(!chain.contains(&"called".to_owned()), "place {place} was called twice");
        }
        let to = to.unwrap();
        if to == "waiting" {
            waiting.insert((keys[&place], place));
        } else {
            waiting.remove(&(keys[&place], place));
        }
        chain.push(to);
    }
    let mut active = HashSet::new();
    for (id, student, state, version, _) in &places {
        assert_eq!(chains[id].last(), Some(state), "place {id}");
        assert_eq!(chains[id].len() as i64, *version, "place {id}");
        assert!(!is_active(state) || active.insert(*student), "student {student} has two places");
    }
    for (id, version, state) in told {
        let chain = chains.get(id).unwrap_or_else(|| panic!("place {id} was acknowledged and is lost"));
        assert_eq!(chain.get(*version as usize - 1), Some(state), "place {id}: version {version} was acknowledged");
    }
}
