//! The waiting room under load: many who join, look and leave; calls on short and long lines; thousands of open pages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::Outcome;

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
}

struct Answer {
    status: u16,
    body: String,
}

impl Client {
    async fn connect(port: u16) -> std::io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::with_capacity(2048, stream) })
    }

    async fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> std::io::Result<()> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).await
    }

    /// The status and the length of the body, past the head.
    async fn head(&mut self) -> std::io::Result<(u16, usize)> {
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line.starts_with("HTTP/1.1 ") {
                status = line[9..12].parse().unwrap_or(0);
            } else if let Some((_, value)) =
                line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            {
                length = value.trim().parse().unwrap_or(0);
            } else if line == "\r\n" {
                return Ok((status, length));
            }
        }
    }

    async fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> std::io::Result<Answer> {
        self.send(method, path, headers, body).await?;
        let (status, length) = self.head().await?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    async fn join(&mut self, queue: i64, student: &str) -> std::io::Result<(i64, String)> {
        let body =
            format!(r#"{{"queue_id":{queue},"student":{{"name":"{student}","email":"{student}@bench.example"}}}}"#);
        let answer = self.ask("POST", "/api/v1/queuers", "", &body).await?;
        let place: serde_json::Value = serde_json::from_str(&answer.body)?;
        match (place["id"].as_i64(), place["token"].as_str()) {
            (Some(id), Some(token)) => Ok((id, token.to_owned())),
            _ => Err(std::io::Error::other(format!("join: {} {}", answer.status, answer.body))),
        }
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times
        .get((times.len() * percent / 100).min(times.len().saturating_sub(1)))
        .map_or(0.0, |t| t.as_secs_f64() * 1000.0)
}

/// Students who join a queue and stay.
pub async fn fill(port: u16, queue: i64, count: usize) -> Outcome {
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let next = next.clone();
            tokio::spawn(async move {
                let mut client = Client::connect(port).await?;
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return Ok::<_, std::io::Error>(());
                    }
                    client.join(queue, &format!("fill{queue}x{n}")).await?;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// Join, five times the position, leave; over and over, on kept connections.
pub async fn flow(port: u16, queue: i64, connections: usize, seconds: u64) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..connections).map(|n| tokio::spawn(visit(port, queue, n, stop.clone()))).collect();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let rate = times.len() as u64 / seconds;
    println!("{rate}/s, p50 {:.1} ms, p99 {:.1} ms", percentile(&mut times, 50), percentile(&mut times, 99));
    Ok(())
}

async fn visit(port: u16, queue: i64, number: usize, stop: Arc<AtomicBool>) -> std::io::Result<Vec<Duration>> {
    let mut client = Client::connect(port).await?;
    let mut times = Vec::new();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let begun = Instant::now();
        let (id, token) = client.join(queue, &format!("flow{number}x{}", round % 200)).await?;
        times.push(begun.elapsed());
        let (path, bearer) = (format!("/api/v1/queuers/{id}"), format!("Authorization: Bearer {token}\r\n"));
        for step in 0..6 {
            let (method, expected) = if step < 5 { ("GET", 200) } else { ("DELETE", 204) };
            let begun = Instant::now();
            let answer = client.ask(method, &path, &bearer, "").await?;
            times.push(begun.elapsed());
            if answer.status != expected {
                return Err(std::io::Error::other(format!("{method}: {} {}", answer.status, answer.body)));
            }
        }
    }
    Ok(times)
}

/// How long a call of the next takes, one after the other.
pub async fn calls(port: u16, queue: i64, count: usize, cookie: &str) -> Outcome {
    let mut client = Client::connect(port).await?;
    let headers = format!("Cookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n");
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        let answer = client.ask("POST", &format!("/api/v1/queues/{queue}/calls"), &headers, "{}").await?;
        times.push(begun.elapsed());
        let place: serde_json::Value = serde_json::from_str(&answer.body)?;
        let path = format!("/api/v1/queuers/{}", place["id"]);
        // Back into the line, so that it stays as long as it was.
        let body = format!(r#"{{"state":"away","version":{}}}"#, place["version"]);
        client.ask("PATCH", &path, &headers, &body).await?;
        let body = format!(r#"{{"state":"waiting","version":{}}}"#, place["version"].as_i64().unwrap_or(0) + 1);
        client.ask("PATCH", &path, &headers, &body).await?;
    }
    println!("p50 {:.2} ms, p99 {:.2} ms", percentile(&mut times, 50), percentile(&mut times, 99));
    Ok(())
}

/// Opens the status pages of `count` students, and measures from the answer to a change of the line until each
/// page has heard of it. Prints one line for each of `rounds` changes.
pub async fn live(port: u16, queue: i64, count: usize, rounds: usize, cookie: &str, pid: u32) -> Outcome {
    let mut joiner = Client::connect(port).await?;
    let first = joiner.join(queue, "live-first").await?;
    let mut tokens = Vec::new();
    for n in 0..count {
        tokens.push(joiner.join(queue, &format!("live{n}")).await?.1);
    }
    let before = memory(pid);
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel::<Instant>();
    for token in tokens {
        let mut page = Client::connect(port).await?;
        page.send("GET", &format!("/q/{token}/events"), "", "").await?;
        let sender = sender.clone();
        tokio::spawn(async move {
            let mut line = String::new();
            loop {
                line.clear();
                match page.stream.read_line(&mut line).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) if line.starts_with("event:show") => drop(sender.send(Instant::now())),
                    Ok(_) => {}
                }
            }
        });
    }
    for _ in 0..count {
        heard.recv().await;
    }
    println!("{count} pages open, {:.1} kB each", (memory(pid) - before) as f64 / count as f64);
    let headers = format!("Cookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n");
    let path = format!("/api/v1/queuers/{}", first.0);
    for round in 0..rounds {
        // The first of the line goes away and comes back: everybody else moves.
        let state = if round % 2 == 0 { "away" } else { "waiting" };
        let body = format!(r#"{{"state":"{state}","version":{}}}"#, round + 1);
        let answer = joiner.ask("PATCH", &path, &headers, &body).await?;
        let committed = Instant::now();
        if answer.status != 200 {
            return Err(answer.body.into());
        }
        let mut times = Vec::new();
        for _ in 0..count {
            let at = heard.recv().await.ok_or("the pages are gone")?;
            times.push(at.saturating_duration_since(committed));
        }
        println!("commit to page: p50 {:.0} ms, p99 {:.0} ms", percentile(&mut times, 50), percentile(&mut times, 99));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Resident memory of a process in kB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0)
}
