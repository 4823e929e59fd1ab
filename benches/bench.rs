//! What `scripts/bench` measures the program against.
//!
//! `bench generate URL N` fills a store with N entries, the same ones every time.
//! `bench empty PORT` serves a handler that parses the body of `/add` and does nothing else.
//! `bench fill PORT QUEUE N` lets N students join; `bench flow PORT QUEUE CONNECTIONS SECONDS` lets them join, look
//! five times and leave; `bench calls PORT QUEUE N COOKIE` calls the next N times; `bench live PORT QUEUE N ROUNDS
//! COOKIE PID` opens N status pages and changes the line.
//! `bench loop URL N` inserts N entries in groups of 64, one commit each, in one task and without HTTP.

mod rooms;

use std::hash::RandomState;
use std::time::Instant;

use frontdesk::collections;
use frontdesk::db::{Bulk, BulkColumn, Pool};
use frontdesk::json;
use frontdesk::moment::Moment;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rocket::data::ToByteUnit;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const DAY: i64 = 86_400_000;
/// Entries are spread over two years up to now.
const SPAN: i64 = 730 * DAY;

#[rocket::main]
async fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["generate", url, count] => generate(url, count.parse()?).await,
        ["empty", port] => empty(port.parse()?).await,
        ["loop", url, count] => insert_loop(url, count.parse()?).await,
        ["fill", port, queue, count] => rooms::fill(port.parse()?, queue.parse()?, count.parse()?).await,
        ["flow", port, queue, connections, seconds] => {
            rooms::flow(port.parse()?, queue.parse()?, connections.parse()?, seconds.parse()?).await
        }
        ["calls", port, queue, count, cookie] => {
            rooms::calls(port.parse()?, queue.parse()?, count.parse()?, cookie).await
        }
        ["live", port, queue, count, rounds, cookie, pid] => {
            rooms::live(port.parse()?, queue.parse()?, count.parse()?, rounds.parse()?, cookie, pid.parse()?).await
        }
        _ => Err("see the top of benches/bench.rs".into()),
    }
}

/// An entry of about 417 bytes: a form of a shop, one rare value among a hundred thousand.
fn entry(random: &mut StdRng, number: usize) -> String {
    let plans = ["free", "free", "free", "pro", "pro", "team"];
    let plan = if number % 100_000 == 77 { "platinum" } else { plans[random.random_range(0..plans.len())] };
    let countries = ["DE", "FR", "GB", "US", "JP", "BR", "IN", "ZA"];
    let text: String = (0..18).map(|_| WORDS[random.random_range(0..WORDS.len())]).collect::<Vec<_>>().join(" ");
    let start = format!(
        r#"{{"name":"Visitor {number}","email":"visitor{number}@example.org","plan":"{plan}","country":"{}","seats":{},"cart":{{"total":{}.{:02},"items":[{},{}]}},"newsletter":{},"message":"{text}"}}"#,
        countries[random.random_range(0..countries.len())],
        random.random_range(1..500),
        random.random_range(1..2000),
        random.random_range(0..100),
        random.random_range(1..9999),
        random.random_range(1..9999),
        random.random_bool(0.5),
    );
    let padding = 405usize.saturating_sub(start.len());
    start.replace("\"message\":\"", &format!("\"ref\":\"{}\",\"message\":\"", "x".repeat(padding)))
}

const WORDS: [&str; 16] = [
    "please", "call", "me", "about", "the", "offer", "from", "Tuesday", "and", "send", "an", "invoice", "for", "our",
    "team", "today",
];

async fn generate(url: &str, count: usize) -> Outcome {
    let pool = Pool::open(url).await?;
    let mut random = StdRng::seed_from_u64(20_260_310);
    let now = jiff::Timestamp::now().as_millisecond();
    let seed = RandomState::new();
    let mut bytes = 0;
    let mut number = 0;
    while number < count {
        let group = (count - number).min(4096);
        let texts: Vec<String> = (number..number + group).map(|n| entry(&mut random, n)).collect();
        bytes += texts.iter().map(String::len).sum::<usize>();
        let at = |n: usize| now - SPAN + (SPAN as i128 * n as i128 / count as i128) as i64;
        let mut tx = pool.begin().await?;
        if number == 0 {
            let first = json::object(texts[0].as_bytes(), &seed, &mut |_, _| false).map_err(|r| r.detail)?;
            for path in json::paths(&first.text) {
                collections::register_field(&mut tx, collections::CollectionId(1), &path, Moment(now)).await?;
            }
        }
        Bulk::into("entries")
            .column("collection_id", BulkColumn::Int(vec![1; group]))
            .column("received_at", BulkColumn::Int((number..number + group).map(at).collect()))
            .column("data", BulkColumn::Text(texts.iter().map(String::as_str).collect()))
            .insert(&mut tx)
            .await?;
        tx.commit().await?;
        number += group;
    }
    println!("{count} entries of {} bytes", bytes / count);
    pool.close().await;
    Ok(())
}

#[rocket::post("/add", data = "<data>")]
async fn parse(seed: &rocket::State<RandomState>, data: rocket::Data<'_>) -> (rocket::http::Status, &'static str) {
    let bytes = data.open(1.megabytes()).into_bytes().await.map(|b| b.into_inner()).unwrap_or_default();
    match json::object(&bytes, seed, &mut |name, _| name == "_uid") {
        Ok(_) => (rocket::http::Status::Created, r#"{"id":1,"status":"stored"}"#),
        Err(_) => (rocket::http::Status::BadRequest, "{}"),
    }
}

async fn empty(port: u16) -> Outcome {
    let figment = frontdesk::config::figment().merge(("port", port)).merge(("log_level", "off"));
    rocket::custom(figment).manage(RandomState::new()).mount("/", rocket::routes![parse]).launch().await?;
    Ok(())
}

async fn insert_loop(url: &str, count: usize) -> Outcome {
    let pool = Pool::open(url).await?;
    let mut random = StdRng::seed_from_u64(1);
    let texts: Vec<String> = (0..count).map(|n| entry(&mut random, n)).collect();
    let now = jiff::Timestamp::now().as_millisecond();
    let started = Instant::now();
    for group in texts.chunks(64) {
        let mut tx = pool.begin().await?;
        Bulk::into("entries")
            .column("collection_id", BulkColumn::Int(vec![1; group.len()]))
            .column("received_at", BulkColumn::Int(vec![now; group.len()]))
            .column("data", BulkColumn::Text(group.iter().map(String::as_str).collect()))
            .insert(&mut tx)
            .await?;
        tx.commit().await?;
    }
    println!("{:.0}", count as f64 / started.elapsed().as_secs_f64());
    pool.close().await;
    Ok(())
}
