//! Kill -9 and full disks, for real: the program itself, a client that notes every acknowledgement.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::{databases, fresh_database};

/// Rounds of the kill loop on SQLite; PostgreSQL, which has its own such tests, gets a tenth.
fn rounds() -> u32 {
    std::env::var("TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50)
}

/// The program, serving at a free port. Killed when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    pub fn start(url: &str, data: &Path) -> Server {
        Server::run(Command::new(env!("CARGO_BIN_EXE_frontdesk")), url, data)
    }

    /// Started by a command of one's own.
    pub fn run(mut command: Command, url: &str, data: &Path) -> Server {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = command
            .env("PORT", port.to_string())
            .env("DATABASE_URL", url)
            .env("FRONTDESK_DATA_DIR", data)
            .env("FRONTDESK_RATE_LIMIT", "off")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints the address once the database is open; then the port answers soon.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.is_ok_and(|line| line.contains("is at http"))), "the program did not start");
        std::thread::spawn(move || lines.for_each(drop));
        let server = Server { child, port };
        let end = Instant::now() + Duration::from_secs(20);
        while server.request("GET", "/healthz", "").is_none() {
            assert!(Instant::now() < end, "the program does not answer");
            std::thread::yield_now();
        }
        server
    }

    /// Bytes of memory that the program holds.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Status and body of a request; `None` if the connection broke.
    fn request(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        request(self.port, method, path, body)
    }
}

fn request(port: u16, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let (status, _, body) = request_with(port, method, path, "Content-Type: application/json\r\n", body)?;
    Some((status, body))
}

/// Status, head and body; `headers` end with a line break each. `None` if the connection broke.
pub fn request_with(port: u16, method: &str, path: &str, headers: &str, body: &str) -> Option<(u16, String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((status, head.to_owned(), body.to_owned()))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Numbers of the entries in the store, each with how often it is there.
async fn found(url: &str) -> Vec<(i64, i64)> {
    let pool = frontdesk::db::Pool::open(url).await.unwrap();
    let rows: Vec<(i64, i64)> = pool
        .read("SELECT CAST(data ->> '$.n' AS BIGINT), count(*) FROM entries GROUP BY 1")
        .postgres("SELECT (doc ->> 'n')::bigint, count(*) FROM entries GROUP BY 1")
        .all()
        .await
        .unwrap();
    if !pool.is_postgres() {
        let (integrity,): (String,) = pool.read("PRAGMA integrity_check").one().await.unwrap();
        assert_eq!(integrity, "ok");
    }
    pool.close().await;
    rows
}

#[rocket::async_test]
async fn nothing_acknowledged_is_lost_when_the_program_is_killed() {
    let seed: u64 = std::env::var("TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for kind in databases() {
        let folder = tempfile::tempdir().unwrap();
        let url = fresh_database(kind, folder.path()).await;
        let rounds = if kind == "sqlite" { rounds() } else { rounds().div_ceil(10) };
        let acknowledged = Arc::new(Mutex::new(HashSet::new()));
        let next = Arc::new(AtomicU64::new(0));
        for _ in 0..rounds {
            let server = Server::start(&url, folder.path());
            kill_under_load(server, random.random_range(5..60), &acknowledged, &next);
        }
        let found = found(&url).await;
        let acknowledged = acknowledged.lock().unwrap();
        println!(
            "{kind}: {rounds} kills, {} sent, {} acknowledged, {} found",
            next.load(Ordering::SeqCst),
            acknowledged.len(),
            found.len()
        );
        assert!(acknowledged.len() >= rounds as usize, "the load was real");
        let there: HashSet<i64> = found.iter().map(|(n, _)| *n).collect();
        let lost: Vec<_> = acknowledged.iter().filter(|n| !there.contains(n)).collect();
        assert!(lost.is_empty(), "{kind}, seed {seed}: lost {lost:?}");
        let twice: Vec<_> = found.iter().filter(|(_, times)| *times > 1).collect();
        assert!(twice.is_empty(), "{kind}, seed {seed}: twice {twice:?}");
    }
}

/// Eight clients send until the program is killed, after `acknowledgements` of this round.
/// What was not acknowledged is sent again in the next round, with the same client id.
fn kill_under_load(
    mut server: Server,
    acknowledgements: usize,
    acknowledged: &Arc<Mutex<HashSet<i64>>>,
    next: &Arc<AtomicU64>,
) {
    let stop = Arc::new(AtomicBool::new(false));
    let before = acknowledged.lock().unwrap().len();
    let port = server.port;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (stop, acknowledged, next) = (stop.clone(), acknowledged.clone(), next.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let n = next.fetch_add(1, Ordering::SeqCst) as i64;
                    // A retry straight after: what was stored the first time is a duplicate.
                    for _ in 0..2 {
                        let body = format!(r#"{{"_uid":"entry-{n:08}","n":{n},"text":"{}"}}"#, "x".repeat(200));
                        if let Some((200 | 201, _)) = request(port, "POST", "/add", &body) {
                            acknowledged.lock().unwrap().insert(n);
                        }
                    }
                }
            })
        })
        .collect();
    let end = Instant::now() + Duration::from_secs(30);
    while acknowledged.lock().unwrap().len() < before + acknowledgements && Instant::now() < end {
        std::thread::yield_now();
    }
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    stop.store(true, Ordering::SeqCst);
    clients.into_iter().for_each(|client| client.join().unwrap());
}

#[rocket::async_test]
async fn a_full_disk_is_an_error_and_never_a_false_acknowledgement() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&disk).status();
    if !mounted.is_ok_and(|status| status.success()) {
        // Only root may mount; scripts/test says so when it leaves this part out.
        assert!(std::env::var("TEST_ALL").is_err(), "a tmpfs cannot be mounted, and everything was asked for");
        return println!("left out: a tmpfs cannot be mounted here");
    }
    let url = format!("sqlite:{}", disk.join("test.db").display());
    let server = Server::start(&url, folder.path());
    let mut acknowledged = HashSet::new();
    let mut refused = 0;
    for n in 0..400i64 {
        let body = format!(r#"{{"_uid":"entry-{n:08}","n":{n},"text":"{}"}}"#, "x".repeat(30_000));
        match server.request("POST", "/add", &body) {
            Some((201, _)) => drop(acknowledged.insert(n)),
            Some((503, body)) => {
                refused += 1;
                assert!(body.contains("not stored"), "{body}");
                if refused > 20 {
                    break;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 20, "the disk was filled");
    assert_eq!(server.request("GET", "/healthz", "").map(|(status, _)| status), Some(200), "it goes on answering");
    let (status, problem) = server.request("GET", "/readyz", "").unwrap();
    assert!(status == 503 && problem.contains("is full"), "{status} {problem}");
    // room again: what was acknowledged is there, and nothing else
    Command::new("mount").args(["-o", "remount,size=256m"]).arg(&disk).status().unwrap();
    assert_eq!(server.request("GET", "/readyz", "").map(|(status, _)| status), Some(200));
    drop(server);
    let there: HashSet<i64> = found(&url).await.into_iter().map(|(n, _)| n).collect();
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    Command::new("umount").arg(&disk).status().unwrap();
    assert!(lost.is_empty(), "lost {lost:?}");
    println!("{} acknowledged, {refused} refused, {} found", acknowledged.len(), there.len());
}

#[rocket::async_test]
async fn a_failing_fsync_is_an_error_and_never_a_false_acknowledgement() {
    if !Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        assert!(std::env::var("TEST_ALL").is_err(), "strace is missing, and everything was asked for");
        return println!("left out: strace is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let url = fresh_database("sqlite", folder.path()).await;
    let server = Server::start(&url, folder.path());
    let (status, _) = server.request("POST", "/add", r#"{"n":1}"#).unwrap();
    assert_eq!(status, 201);
    let mut strace = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            "inject=fsync,fdatasync:error=EIO",
            "-p",
            &server.child.id().to_string(),
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // strace has attached once an entry is refused
    let end = Instant::now() + Duration::from_secs(20);
    let mut acknowledged = vec![1];
    let mut refused = 0;
    let mut n = 1;
    while refused < 10 && Instant::now() < end {
        n += 1;
        match server.request("POST", "/add", &format!(r#"{{"n":{n}}}"#)) {
            Some((201, _)) => acknowledged.push(n),
            Some((503, _)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(refused >= 10, "the injected error was felt");
    Command::new("kill").args(["-INT", &strace.id().to_string()]).status().unwrap();
    strace.wait().unwrap();
    // healthy again
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        n += 1;
        match server.request("POST", "/add", &format!(r#"{{"n":{n}}}"#)) {
            Some((201, _)) => break acknowledged.push(n),
            _ => assert!(Instant::now() < end, "it does not recover"),
        }
    }
    drop(server);
    let there: HashSet<i64> = found(&url).await.into_iter().map(|(n, _)| n).collect();
    assert!(acknowledged.iter().all(|n| there.contains(n)), "{acknowledged:?} {there:?}");
}
