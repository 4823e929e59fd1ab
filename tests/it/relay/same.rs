//! Whatever is sent through a relay arrives as it would directly, but for the list in docs/relay.md.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

use super::desk::{Desk, Got, ask, until};
use super::upstream::{Received, Upstream, send};

/// A request that can be sent to both doors, and to the upstream itself.
struct Sent {
    method: &'static str,
    target: String,
    fields: String,
    body: Vec<u8>,
}

/// What a relay adds to a request.
const SET: [&str; 6] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via", "host"];
/// What it adds to an answer at the main address, and what our server adds to every answer.
const ADDED: [&str; 5] = ["via", "content-security-policy", "x-content-type-options", "connection", "date"];

fn random(random: &mut StdRng) -> Sent {
    let method = *["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].choose(random).unwrap();
    let pieces =
        ["a", "%2F", "//", ";v=1", "%7E", "%E9", "~", "é".escape_unicode().to_string().as_str(), "$&'()*,;=:@", "."]
            .map(str::to_owned);
    let word = |random: &mut StdRng, most: usize| -> String {
        (0..random.random_range(0..most))
            .map(|_| pieces.choose(random).unwrap().replace(['\\', '{', '}'], "x"))
            .collect()
    };
    let mut target = format!("/{}", word(random, 8));
    if random.random_bool(0.6) {
        target = format!("{target}?{}&a=1&a=2&=&&b=+%20|{{}}", word(random, 6).replace('/', "-"));
    }
    let mut fields = String::new();
    for i in 0..random.random_range(0..20) {
        let value = *["x", "a, b", "\"quoted\"", "caf\u{e9}", "=;,", "0123456789", ""].choose(random).unwrap();
        fields.push_str(&format!("X-Field-{}: {value}\r\n", i % 7));
    }
    let body: Vec<u8> = if random.random_bool(0.3) {
        Vec::new()
    } else {
        let size = *[1, 20, 1000, 70_000, 300_000, 300_000, 10_000_000].choose(random).unwrap();
        (0..size).map(|_| random.random()).collect()
    };
    let chunked = !body.is_empty() && random.random_bool(0.5);
    let body = match (body.is_empty(), chunked) {
        (true, _) => body,
        (false, false) => {
            fields.push_str(&format!("Content-Length: {}\r\n", body.len()));
            body
        }
        (false, true) => {
            fields.push_str("Transfer-Encoding: chunked\r\n");
            let chunks =
                body.chunks(9000).map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
            [chunks.collect::<Vec<_>>().concat(), b"0\r\n\r\n".to_vec()].concat()
        }
    };
    Sent { method, target, fields, body }
}

/// The fields in their order for each name, without those that relays set.
fn comparable<T: Clone + Ord>(fields: &[(String, T)], without: &[&str]) -> Vec<(String, T)> {
    let mut fields: Vec<_> = fields.iter().filter(|(name, _)| !without.contains(&name.as_str())).cloned().collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

#[rocket::async_test]
async fn relayed_is_direct_minus_the_documented_list() {
    let seed = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("TEST_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let desk = Desk::start("sqlite").await;
    // The answer says a digest of what came, in one of several framings, which the request chooses.
    let echo = Upstream::start(|request| {
        let said = format!("{} {} {} {:?}", request.method, request.target, request.body.len(), request.is_whole);
        let fields =
            "X-Twice: a\r\nX-Twice: b\r\nSet-Cookie: c=1\r\nSet-Cookie: d=2\r\nETag: \"x\"\r\nX-Utf: caf\u{e9}\r\n";
        match request.body.len() % 3 {
            0 => vec![send(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{said}", said.len()))],
            1 => vec![send(format!(
                "HTTP/1.1 418 Odd\r\n{fields}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{said}\r\n0\r\n\r\n",
                said.len()
            ))],
            _ => vec![send(format!("HTTP/1.1 207 Multi\r\n{fields}Content-Length: {}\r\n\r\n{said}", said.len()))],
        }
    })
    .await;
    desk.relay("r", &[echo.port], json!({})).await;
    for round in 0..60 {
        let sent = random(&mut dice);
        let ask_at = async |port: u16, prefix: &str| -> (Got, Received) {
            let before = echo.received().len();
            let got = ask(port, sent.method, &format!("{prefix}{}", sent.target), &sent.fields, &sent.body).await;
            until("it arrived", async || echo.received().len() > before).await;
            (got, echo.last())
        };
        let (direct, arrived) = ask_at(echo.port, "").await;
        for door in desk.doors() {
            let (got, relayed) = ask_at(door, "/relay/r").await;
            let what = format!("TEST_SEED={seed}, round {round}: {} {}", sent.method, sent.target);
            assert_eq!((got.status, got.text(), got.is_whole), (direct.status, direct.text(), true), "{what}");
            assert_eq!(comparable(&got.fields, &ADDED), comparable(&direct.fields, &ADDED), "{what}");
            assert_eq!((&relayed.method, &relayed.target), (&arrived.method, &arrived.target), "{what}");
            assert!(relayed.body == arrived.body && relayed.is_whole, "{what}");
            assert_eq!(comparable(&relayed.fields, &SET), comparable(&arrived.fields, &SET), "{what}");
        }
    }
}
