//! An upstream with every fault, against every rule of trying again; clients that read nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::desk::{Desk, LONG, Wire, ask, until};
use super::upstream::{Step, Upstream, answer, ok, send};

/// A fault by its name, and what a POST and a GET to that upstream alone are told: the status, and whether the body is whole.
const FAULTS: [(&str, u16, bool); 13] = [
    ("close", 502, true),
    ("reset", 502, true),
    ("head-1", 502, true),
    ("head-17", 502, true),
    ("head-30", 502, true),
    ("body-0", 200, false),
    ("body-5", 200, false),
    ("body-4000", 200, false),
    ("stall", 504, true),
    ("stall-in-body", 200, false),
    ("no-http", 502, true),
    ("huge-head", 502, true),
    ("500", 500, true),
];

fn script(fault: &str) -> Vec<Step> {
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{}", "x".repeat(5000));
    let head = whole.len() - 5000;
    let after = |bytes: usize| vec![send(&whole[..bytes]), Step::Wait(Duration::from_millis(20)), Step::Close];
    match fault {
        "close" => vec![Step::Close],
        "reset" => vec![Step::Reset],
        "stall" => vec![Step::Wait(LONG * 2)],
        "stall-in-body" => vec![send(&whole[..head + 10]), Step::Wait(LONG * 2)],
        "no-http" => vec![send("220 mail.example ESMTP\r\n"), Step::Close],
        "huge-head" => answer("200 OK", &format!("X-A: {}\r\n", "x".repeat(500 * 1024)), "ok"),
        "500" => answer("500 Error", "", "theirs"),
        fault => match fault.split_once('-') {
            Some(("head", bytes)) => after(bytes.parse().unwrap()),
            Some((_, bytes)) => after(head + bytes.parse::<usize>().unwrap()),
            None => ok("fine"),
        },
    }
}

#[rocket::async_test]
async fn a_post_reaches_upstreams_once_and_a_get_succeeds_while_one_is_well() {
    let desk = Desk::start("sqlite").await;
    let good = Upstream::start(|_| ok("good")).await;
    for (fault, status, is_whole) in FAULTS {
        let faulty = Upstream::start(move |_| script(fault)).await;
        let pool = json!({"policy": "first", "first_byte_ms": 200, "idle_ms": 200});
        desk.relay(&format!("alone-{fault}"), &[faulty.port], pool.clone()).await;
        desk.relay(&format!("two-{fault}"), &[faulty.port, good.port], pool).await;
        for door in desk.doors() {
            let before = faulty.received().len();
            let good_before = good.received().len();
            let got = ask(door, "POST", &format!("/relay/two-{fault}/"), "Content-Length: 1\r\n", b"x").await;
            assert_eq!((got.status, got.is_whole), (status, is_whole), "{fault}: {got:?}");
            assert_eq!(
                (faulty.received().len() - before, good.received().len() - good_before),
                (1, 0),
                "{fault}: once"
            );
            let alone = ask(door, "GET", &format!("/relay/alone-{fault}/"), "", b"").await;
            assert_eq!((alone.status, alone.is_whole), (status, is_whole), "{fault}: {alone:?}");
            let two = ask(door, "GET", &format!("/relay/two-{fault}/"), "", b"").await;
            // Bytes that went on are never taken back, an application's own answer is one, and what is no HTTP is told.
            let is_retried = matches!(fault, "close" | "reset" | "stall") || fault.starts_with("head-");
            assert_eq!(two.status, if is_retried { 200 } else { status }, "{fault}: {two:?}");
        }
        for relay in ["alone", "two"] {
            desk.idle(&format!("{relay}-{fault}")).await;
        }
        until("the upstream's connections are back", async || faulty.open() <= 1).await;
    }
}

#[rocket::async_test]
async fn case_44_a_client_that_reads_nothing_stops_the_upstream() {
    const PIECES: usize = 3200;
    let desk = Desk::start("sqlite").await;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    // 200 MB, a piece at a time, each counted once it was taken.
    let large = Upstream::counting(PIECES, count).await;
    desk.relay("r", &[large.port], json!({})).await;
    for door in desk.doors() {
        sent.store(0, Ordering::SeqCst);
        let mut wires = Vec::new();
        for _ in 0..10 {
            let mut wire = Wire::open(door).await;
            wire.send(b"GET /relay/r/ HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(wire.head().await.status, 200);
            wires.push(wire);
        }
        let mut last = usize::MAX;
        until("nothing moves any more", async || {
            let now = sent.load(Ordering::SeqCst);
            let stands = now == std::mem::replace(&mut last, now);
            tokio::time::sleep(Duration::from_millis(300)).await;
            stands
        })
        .await;
        // What is under way stands in the sockets' own buffers, a few megabytes for each of two connections.
        assert!(last < PIECES, "{last} pieces of 64 KiB, of {PIECES} for each of ten clients");
        drop(wires);
        desk.idle("r").await;
    }
}
