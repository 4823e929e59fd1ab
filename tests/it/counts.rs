//! What is kept of the number of entries is what there is, whatever is done with them.

use frontdesk::entries::{Entries, Reader, parse_query};
use frontdesk::moment::DAY;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rocket::http::Method;

use crate::support::{TestApp, databases};

/// Compares what is kept with what is counted one by one, for a collection.
async fn agree(app: &TestApp, owner: &crate::support::Person<'_>, collection: &str, what: &str) {
    let count = async |query: &str| {
        let answer = owner.get(&format!("/list?_collection={collection}&_count=exact&_limit=1{query}")).await.json();
        answer["count"].as_i64().unwrap()
    };
    let (kept, counted) = (count("").await, count("&_id__gte=0").await);
    assert_eq!(kept, counted, "{what}");
    let entries = app.state::<Entries>();
    for zone in ["UTC", "Asia/Kathmandu", "America/St_Johns"] {
        let mut days = Vec::new();
        for condition in [None, Some(("_id__gte", "0"))] {
            let params = [("_collection", collection), ("_tz", zone)].into_iter().chain(condition);
            let params: Vec<_> = params.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let query = parse_query(&params, app.clock.now(), false).unwrap();
            days.push(entries.per_day(&Reader::System, &query, 60).await.unwrap().unwrap());
        }
        assert_eq!(days[0], days[1], "{what}, {zone}");
    }
}

#[rocket::async_test]
async fn kept_counts_are_those_of_the_entries() {
    let seed: u64 = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("TEST_SEED={seed}");
    for kind in databases() {
        let mut random = StdRng::seed_from_u64(seed);
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for name in ["a", "b"] {
            let collection = format!(r#"{{"name":"{name}","open":true}}"#);
            assert_eq!(owner.json(Method::Post, "/api/v1/collections", &collection).await.status, 201);
        }
        for step in 0..60 {
            let collection = if random.random_bool(0.5) { "a" } else { "b" };
            let below = random.random_range(0..10);
            let some = format!("_collection={collection}&n__lt={below}");
            let encoded = some.replace('=', "%3D").replace('&', "%26");
            let what = match random.random_range(0..9) {
                0..=2 => {
                    for n in 0..10 {
                        let honeypot = if random.random_bool(0.2) { r#","_gotcha":"x""# } else { "" };
                        app.stored(format!(r#"{{"_collection":"{collection}","n":{n}{honeypot}}}"#)).await;
                    }
                    "ten more"
                }
                3 => {
                    let list: Vec<_> =
                        (0..30).map(|n| format!(r#"{{"_collection":"{collection}","n":{}}}"#, n % 10)).collect();
                    app.stored(format!("[{}]", list.join(","))).await;
                    "thirty at once"
                }
                4 => {
                    owner.form("/list/marks", &format!("action=delete&all=1&query={encoded}")).await;
                    "some deleted"
                }
                5 => {
                    owner.form("/list/marks", &format!("action=spam&all=1&query={encoded}")).await;
                    "some marked as spam"
                }
                6 => {
                    let action = if random.random_bool(0.5) { "delete" } else { "spam" };
                    let at = app.clock.now().0;
                    owner.form("/list/marks/undo", &format!("action={action}&at={at}&query=")).await;
                    "taken back"
                }
                7 => {
                    let with = format!("{some}&_deleted=with").replace('=', "%3D").replace('&', "%26");
                    owner.form("/list/marks", &format!("action=restore&all=1&query={with}")).await;
                    "some restored"
                }
                _ => {
                    app.wait(random.random_range(1..DAY));
                    "later"
                }
            };
            agree(&app, &owner, collection, &format!("{kind}, step {step}: {what}")).await;
        }
        // those of a month ago are removed for good
        let keep = r#"{"retention_days":10}"#;
        assert_eq!(owner.json(Method::Patch, "/api/v1/collections/a", keep).await.status, 200);
        app.wait(5 * DAY);
        app.state::<Entries>().sweep().await.unwrap();
        for collection in ["a", "b"] {
            agree(&app, &owner, collection, &format!("{kind}, after the sweep")).await;
        }
    }
}
