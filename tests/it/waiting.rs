//! The waiting room: what must hold, on both databases, many at once too.

use futures::future::join_all;
use rocket::http::{ContentType, Header, Method};
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, databases};

/// An application with a college and an open queue.
pub struct Lobby {
    pub app: TestApp,
    pub staff: String,
    pub college: i64,
    pub queue: i64,
}

impl Lobby {
    pub async fn open(kind: &str) -> Lobby {
        Lobby::with(kind, json!({})).await
    }

    /// `settings` change those of the queue.
    pub async fn with(kind: &str, settings: Value) -> Lobby {
        let app = TestApp::start(kind).await;
        let staff = app.sign_in_as("kim@example.org", "staff").await.token;
        let mut lobby = Lobby { app, staff, college: 0, queue: 0 };
        let answer = lobby.kim().json(Method::Post, "/api/v1/colleges", r#"{"name":"Engineering"}"#).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        lobby.college = answer.json()["id"].as_i64().unwrap();
        lobby.queue = lobby.add_queue("Advising", settings).await;
        lobby
    }

    pub fn kim(&self) -> Person<'_> {
        Person { app: &self.app, token: self.staff.clone() }
    }

    pub async fn add_queue(&self, title: &str, settings: Value) -> i64 {
        let mut queue = json!({"title": title, "college_id": self.college});
        queue.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let answer = self.kim().json(Method::Post, "/api/v1/queues", &queue.to_string()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["id"].as_i64().unwrap()
    }

    /// Somebody on staff who calls in their own name.
    pub async fn colleague(&self, name: &str) -> Person<'_> {
        self.app.sign_in_as(&format!("{name}@example.org"), "staff").await
    }

    pub async fn join(&self, name: &str) -> Answer {
        self.join_queue(self.queue, name).await
    }

    pub async fn join_queue(&self, queue: i64, name: &str) -> Answer {
        let student = json!({"name": name, "email": format!("{name}@students.example")});
        let body = json!({"queue_id": queue, "student": student});
        self.app.post("/api/v1/queuers", "application/json", body.to_string()).await
    }

    /// Joins, which must succeed. The place, with its token.
    pub async fn joined(&self, name: &str) -> Value {
        let answer = self.join(name).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.text);
        answer.json()
    }

    pub async fn call(&self, who: &Person<'_>) -> Answer {
        who.json(Method::Post, &format!("/api/v1/queues/{}/calls", self.queue), "{}").await
    }

    pub async fn place(&self, id: &Value) -> Value {
        let answer = self.kim().get(&format!("/api/v1/queuers/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// A step of staff with the version that the place has now.
    pub async fn step(&self, who: &Person<'_>, id: &Value, state: &str) -> Answer {
        let version = self.place(id).await["version"].clone();
        let body = json!({"state": state, "version": version});
        who.json(Method::Patch, &format!("/api/v1/queuers/{id}"), &body.to_string()).await
    }

    /// A request with the link of a place.
    pub async fn as_student(&self, method: Method, path: &str, place: &Value, body: &str) -> Answer {
        let bearer = Header::new("Authorization", format!("Bearer {}", place["token"].as_str().unwrap()));
        let request = self.app.client.req(method, path.to_owned()).header(ContentType::JSON).header(bearer);
        Answer::of(request.body(body).dispatch().await).await
    }

    pub async fn leave(&self, place: &Value) -> Answer {
        self.as_student(Method::Delete, &format!("/api/v1/queuers/{}", place["id"]), place, "").await
    }

    pub async fn student_step(&self, place: &Value, body: &str) -> Answer {
        self.as_student(Method::Patch, &format!("/api/v1/queuers/{}", place["id"]), place, body).await
    }

    /// The names of those who wait, as the API lists them in order.
    pub async fn line(&self) -> Vec<i64> {
        let answer = self
            .kim()
            .get(&format!("/api/v1/queuers?queue_id={}&state=waiting&_sort=order_key&_limit=1000", self.queue))
            .await;
        answer.json()["queuers"].as_array().unwrap().iter().map(|q| q["id"].as_i64().unwrap()).collect()
    }

    pub async fn sweep(&self) {
        self.app.state::<frontdesk::waiting::Rooms>().sweep().await.unwrap();
    }
}

#[rocket::async_test]
async fn student_leaves_and_the_next_moves_up() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let (ada, ben) = (lobby.joined("ada").await, lobby.joined("ben").await);
        assert_eq!((&ada["position"], &ben["position"]), (&json!(1), &json!(2)));
        assert_ne!(ada["ticket"], ben["ticket"]);
        assert_eq!(lobby.leave(&ada).await.status, 204);
        assert_eq!(lobby.leave(&ada).await.status, 204, "leaving twice");
        let path = format!("/api/v1/queuers/{}", ben["id"]);
        let shown = lobby.as_student(Method::Get, &path, &ben, "").await.json();
        assert_eq!(shown["position"], 1);
        // the token is shown once, and leads to this place only
        assert_eq!(shown["token"], Value::Null);
        let other = format!("/api/v1/queuers/{}", ada["id"]);
        lobby.as_student(Method::Get, &other, &ben, "").await.is_problem(401, "");
        lobby.app.get(&path).await.is_problem(401, "");
    }
}

#[rocket::async_test]
async fn fifty_calls_on_thirty_waiting_give_thirty_students_in_order_and_twenty_nobody() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let mut waiting = Vec::new();
        for n in 0..30 {
            waiting.push(lobby.joined(&format!("s{n}")).await["id"].as_i64().unwrap());
        }
        let mut callers = Vec::new();
        for n in 0..50 {
            callers.push(lobby.colleague(&format!("c{n}")).await);
        }
        let answers = join_all(callers.iter().map(|caller| lobby.call(caller))).await;
        let mut called: Vec<_> =
            answers.iter().filter(|a| a.status == 200).map(|a| a.json()["id"].as_i64().unwrap()).collect();
        let nobody = answers.iter().filter(|a| a.status == 204).count();
        called.sort_unstable();
        assert_eq!(
            (called.len(), nobody),
            (30, 20),
            "{kind}: {:?}",
            answers.iter().map(|a| a.status).collect::<Vec<_>>()
        );
        assert_eq!(called, waiting);
        // in order, and nobody twice
        let order: Vec<(i64,)> = lobby
            .app
            .state::<frontdesk::db::Pool>()
            .read("SELECT queuer_id FROM queue_events WHERE what = 'call' ORDER BY seq")
            .all()
            .await
            .unwrap();
        assert_eq!(order.into_iter().map(|(id,)| id).collect::<Vec<_>>(), waiting);
    }
}

#[rocket::async_test]
async fn a_hundred_joins_of_one_student_are_one_place() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let answers = join_all((0..100).map(|_| lobby.join("ada"))).await;
        let made = answers.iter().filter(|a| a.status == 201).count();
        let same = answers.iter().filter(|a| a.status == 200).count();
        let odd: Vec<_> = answers.iter().filter(|a| a.status > 201).map(|a| &a.text).collect();
        assert_eq!((made, same), (1, 99), "{kind}: {odd:?}");
        let ids: std::collections::HashSet<_> = answers.iter().map(|a| a.json()["id"].to_string()).collect();
        assert_eq!(ids.len(), 1);
        // the token went to whoever made the place, and to nobody else
        assert_eq!(answers.iter().filter(|a| a.json()["token"].is_string()).count(), 1);
        let students = lobby.kim().get("/api/v1/students?email=ada@students.example").await;
        assert_eq!(students.json()["count"], 1);
    }
}

#[rocket::async_test]
async fn a_cap_of_twenty_takes_exactly_twenty_of_two_hundred() {
    for kind in databases() {
        let lobby = Lobby::with(kind, json!({"cap": 20})).await;
        let answers = join_all((0..200).map(|n| {
            let lobby = &lobby;
            async move { lobby.join(&format!("s{n}")).await }
        }))
        .await;
        let made = answers.iter().filter(|a| a.status == 201).count();
        let full = answers.iter().filter(|a| a.status == 409).count();
        assert_eq!((made, full), (20, 180), "{kind}");
        answers.iter().find(|a| a.status == 409).unwrap().is_problem(409, "This line is full");
        assert_eq!(lobby.line().await.len(), 20);
    }
}

#[rocket::async_test]
async fn call_leave_and_the_end_of_the_grace_have_one_winner() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let noor = lobby.colleague("noor").await;
        for round in 0..10 {
            let place = lobby.joined(&format!("ada{round}")).await;
            let called = lobby.call(&noor).await.json();
            assert_eq!(called["id"], place["id"]);
            lobby.app.wait(121_000);
            let path = format!("/api/v1/queuers/{}", place["id"]);
            let start = json!({"state": "serving", "version": called["version"]}).to_string();
            let (left, started, ()) =
                futures::join!(lobby.leave(&place), noor.json(Method::Patch, &path, &start), lobby.sweep());
            let state = lobby.place(&place["id"]).await["state"].as_str().unwrap().to_owned();
            let (left, started) = (left, started);
            match state.as_str() {
                "left" => assert_eq!((left.status, started.status), (204, 409), "{kind} {round}"),
                "serving" => {
                    assert_eq!((left.status, started.status), (409, 200), "{kind} {round}");
                    left.is_problem(409, "serving");
                    assert_eq!(lobby.step(&noor, &place["id"], "done").await.status, 200);
                }
                "no_show" => {
                    assert_eq!((left.status, started.status), (409, 409), "{kind} {round}");
                    started.is_problem(409, "did not come");
                    assert_eq!(started.json()["present"]["state"], "no_show");
                }
                other => panic!("{other}"),
            }
        }
    }
}

#[rocket::async_test]
async fn a_double_click_calls_the_same_student() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let other = lobby.add_queue("Transfer credit", json!({})).await;
        for n in 0..4 {
            lobby.joined(&format!("s{n}")).await;
            lobby.join_queue(other, &format!("t{n}")).await;
        }
        let noor = lobby.colleague("noor").await;
        let elsewhere = format!("/api/v1/queues/{other}/calls");
        let (one, two, three) =
            futures::join!(lobby.call(&noor), lobby.call(&noor), noor.json(Method::Post, &elsewhere, "{}"));
        let ids: std::collections::HashSet<_> =
            [&one, &two, &three].iter().map(|a| a.json()["id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "{kind}: {} {} {}", one.text, two.text, three.text);
    }
}

#[rocket::async_test]
async fn a_stale_step_is_told_who_was_faster() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let place = lobby.joined("ada").await;
        let (noor, kim) = (lobby.colleague("noor").await, lobby.kim());
        assert_eq!(lobby.call(&noor).await.status, 200);
        lobby.app.wait(4_000);
        let path = format!("/api/v1/queuers/{}", place["id"]);
        let removal = json!({"state": "removed", "version": place["version"]}).to_string();
        let late = kim.json(Method::Patch, &path, &removal).await;
        late.is_problem(409, "called since 4 s, by noor@example.org");
        assert_eq!(late.json()["present"]["state"], "called");
        let missing = kim.json(Method::Patch, &path, r#"{"state":"removed"}"#).await;
        missing.is_problem(422, "/version");
        kim.json(Method::Patch, &path, r#"{"state":"fled","version":2}"#)
            .await
            .is_problem(422, "\\\"fled\\\" is none of");
        // nobody reaches from one end of the diagram to the other
        let jump = json!({"state": "done", "version": 2}).to_string();
        kim.json(Method::Patch, &path, &jump).await.is_problem(422, "cannot become");
    }
}

#[rocket::async_test]
async fn what_ended_stays_ended_and_comes_back_only_by_a_new_step() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let (ada, ben) = (lobby.joined("ada").await, lobby.joined("ben").await);
        let noor = lobby.colleague("noor").await;
        lobby.call(&noor).await;
        lobby.app.wait(121_000);
        lobby.sweep().await;
        assert_eq!(lobby.place(&ada["id"]).await["state"], "no_show");
        // restored: at the old place, before ben
        assert_eq!(lobby.step(&noor, &ada["id"], "waiting").await.status, 200);
        assert_eq!(lobby.line().await, [ada["id"].as_i64().unwrap(), ben["id"].as_i64().unwrap()]);
        // taken out, joined again: the old place cannot come back beside the new one
        assert_eq!(lobby.step(&noor, &ada["id"], "removed").await.status, 200);
        assert_eq!(lobby.join("ada").await.status, 201);
        lobby.step(&noor, &ada["id"], "waiting").await.is_problem(409, "joined again");
        // a visit that ended goes on, for half an hour
        lobby.call(&noor).await;
        assert_eq!(lobby.step(&noor, &ben["id"], "serving").await.status, 200);
        assert_eq!(lobby.step(&noor, &ben["id"], "done").await.status, 200);
        assert_eq!(lobby.step(&noor, &ben["id"], "serving").await.status, 200);
        assert_eq!(lobby.step(&noor, &ben["id"], "done").await.status, 200);
        lobby.app.wait(31 * 60_000);
        lobby.step(&noor, &ben["id"], "serving").await.is_problem(409, "more than 30 minutes ago");
        lobby.step(&noor, &ben["id"], "waiting").await.is_problem(422, "cannot become");
    }
}

#[rocket::async_test]
async fn a_student_who_is_away_keeps_the_place_and_is_skipped() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let (ada, ben) = (lobby.joined("ada").await, lobby.joined("ben").await);
        let away = lobby.student_step(&ada, r#"{"state":"away","minutes":5}"#).await;
        assert_eq!((away.status, &away.json()["state"]), (200, &json!("away")), "{}", away.text);
        let noor = lobby.colleague("noor").await;
        assert_eq!(lobby.call(&noor).await.json()["id"], ben["id"]);
        lobby.app.wait(5 * 60_000);
        lobby.sweep().await;
        let back = lobby.place(&ada["id"]).await;
        assert_eq!((&back["state"], &back["position"]), (&json!("waiting"), &json!(1)));
        // ten of fifteen minutes are left, and no more
        lobby.student_step(&ada, r#"{"state":"away","minutes":60}"#).await;
        lobby.app.wait(10 * 60_000);
        lobby.sweep().await;
        assert_eq!(lobby.place(&ada["id"]).await["state"], "waiting");
        lobby.student_step(&ada, r#"{"state":"away"}"#).await.is_problem(409, "no time left");
    }
}

#[rocket::async_test]
async fn knowing_an_email_is_no_proof() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let ada = lobby.joined("ada").await;
        let body = json!({"queue_id": lobby.queue, "student": {"name": "Mallory", "email": "ADA@students.example", "phone": "1"}});
        let again = lobby.app.post("/api/v1/queuers", "application/json", body.to_string()).await;
        assert_eq!((again.status, &again.json()["id"], &again.json()["state"]), (200, &ada["id"], &json!("waiting")));
        for hidden in ["token", "status_url", "student", "ticket", "question"] {
            assert_eq!(again.json()[hidden], Value::Null, "{hidden}");
        }
        let record = lobby.kim().get("/api/v1/students?email=ada@students.example").await.json();
        assert_eq!((&record["students"][0]["name"], &record["students"][0]["phone"]), (&json!("ada"), &Value::Null));
        // somebody on record who does not wait: a stranger takes the place, and still learns nothing of them
        let ben = json!({"name": "Ben Okri", "student_number": "77"});
        lobby.kim().json(Method::Post, "/api/v1/students", &ben.to_string()).await;
        let guess = json!({"queue_id": lobby.queue, "student": {"name": "x", "student_number": "77"}});
        let taken = lobby.app.post("/api/v1/queuers", "application/json", guess.to_string()).await;
        assert_eq!(
            (taken.status, &taken.json()["student"], &taken.json()["student_id"]),
            (201, &Value::Null, &Value::Null)
        );
        let seen =
            lobby.as_student(Method::Get, &format!("/api/v1/queuers/{}", taken.json()["id"]), &taken.json(), "").await;
        assert!(seen.status == 200 && !seen.text.contains("Okri"), "{}", seen.text);
        // staff get a link to hand out, the holder keeps theirs, and both work
        let staff = lobby.kim().json(Method::Post, "/api/v1/queuers", &body.to_string()).await.json();
        assert!(staff["token"].is_string());
        assert_eq!(lobby.app.get(&format!("/q/{}", staff["token"].as_str().unwrap())).await.status, 200);
        let held = lobby.as_student(Method::Post, "/api/v1/queuers", &ada, &body.to_string()).await.json();
        assert_eq!(held["token"], ada["token"]);
    }
}

#[rocket::async_test]
async fn joining_what_is_shut_is_refused_in_words() {
    for kind in databases() {
        let lobby = Lobby::with(kind, json!({"cooldown_minutes": 30, "timezone": "Europe/Berlin"})).await;
        let set = async |settings: Value| {
            let path = format!("/api/v1/queues/{}", lobby.queue);
            let answer = lobby.kim().json(Method::Patch, &path, &settings.to_string()).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        };
        set(json!({"intake": "paused", "intake_message": "Back at two."})).await;
        lobby.join("ada").await.is_problem(409, "for the moment. Back at two.");
        set(json!({"intake": "closed", "intake_message": null})).await;
        lobby.join("ada").await.is_problem(409, "This line is closed.");
        // Tuesday 2026-03-10, 13:00 in Berlin
        set(json!({"intake": "open", "schedule": [{"day": "tuesday", "from": "14:00", "to": "16:00"}]})).await;
        lobby.join("ada").await.is_problem(409, "It opens at 14:00.");
        lobby.app.wait(2 * 3_600_000);
        let ada = lobby.joined("ada").await;
        let noor = lobby.colleague("noor").await;
        lobby.call(&noor).await;
        lobby.step(&noor, &ada["id"], "serving").await;
        lobby.step(&noor, &ada["id"], "done").await;
        lobby.join("ada").await.is_problem(409, "again in 30 min");
        // a walk-in is for staff to judge
        let student = lobby.place(&ada["id"]).await["student_id"].clone();
        let body = json!({"queue_id": lobby.queue, "student_id": student, "walk_in": true}).to_string();
        assert_eq!(noor.json(Method::Post, "/api/v1/queuers", &body).await.status, 201);
    }
}

#[rocket::async_test]
async fn queues_that_are_removed_meanwhile_fail_neither_lists_nor_the_sweep() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let is_over = std::cell::Cell::new(false);
        let comings_and_goings = async {
            for round in 0..40 {
                let queue = lobby.add_queue(&format!("Short {round}"), json!({})).await;
                let removed = lobby.kim().json(Method::Delete, &format!("/api/v1/queues/{queue}"), "").await;
                assert_eq!(removed.status, 204, "{}", removed.text);
            }
            is_over.set(true);
        };
        let looks = async {
            while !is_over.get() {
                let rooms = lobby.app.get("/rooms").await;
                assert_eq!(rooms.status, 200, "{kind}: {}", rooms.text);
                lobby.sweep().await;
            }
        };
        futures::join!(comings_and_goings, looks);
    }
}

#[rocket::async_test]
async fn closing_intake_is_not_closing_out() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let (ada, ben, chi) = (lobby.joined("ada").await, lobby.joined("ben").await, lobby.joined("chi").await);
        let noor = lobby.colleague("noor").await;
        lobby.call(&noor).await;
        lobby.step(&noor, &ada["id"], "serving").await;
        let path = format!("/api/v1/queues/{}", lobby.queue);
        lobby.kim().json(Method::Patch, &path, r#"{"intake":"closed"}"#).await;
        assert_eq!(lobby.line().await.len(), 2);
        let closed =
            lobby.kim().json(Method::Post, &format!("{path}/closures"), r#"{"message":"The fire alarm."}"#).await;
        assert_eq!(closed.json()["expired"], 2, "{}", closed.text);
        for place in [&ben, &chi] {
            let place = lobby.place(&place["id"]).await;
            assert_eq!((&place["state"], &place["end_reason"]), (&json!("expired"), &json!("The fire alarm.")));
        }
        assert_eq!(lobby.place(&ada["id"]).await["state"], "serving");
        assert_eq!(lobby.leave(&ben).await.status, 409);
        // nobody takes a place again in a line that was closed, or when they are deleted
        lobby.kim().json(Method::Patch, &path, r#"{"intake":"open"}"#).await;
        let (dee, eli) = (lobby.joined("dee").await, lobby.joined("eli").await);
        assert_eq!((lobby.leave(&dee).await.status, lobby.leave(&eli).await.status), (204, 204));
        let student = lobby.place(&eli["id"]).await["student_id"].clone();
        lobby.kim().json(Method::Delete, &format!("/api/v1/students/{student}"), "").await;
        lobby.student_step(&eli, r#"{"state":"waiting"}"#).await.is_problem(409, "was deleted");
        lobby.kim().json(Method::Patch, &path, r#"{"intake":"closed"}"#).await;
        lobby.student_step(&dee, r#"{"state":"waiting"}"#).await.is_problem(409, "This line is closed");
        assert_eq!(lobby.student_step(&dee, r#"{"state":"left"}"#).await.status, 200, "leaving twice");
    }
}

#[rocket::async_test]
async fn nothing_survives_the_night_unless_told_to() {
    for kind in databases() {
        let lobby = Lobby::with(kind, json!({"timezone": "America/New_York"})).await;
        let kept = lobby.add_queue("Overnight", json!({"keep_overnight": true})).await;
        let (ada, ben) = (lobby.joined("ada").await, lobby.joined("ben").await);
        let chi = lobby.join_queue(kept, "chi").await.json();
        let noor = lobby.colleague("noor").await;
        lobby.call(&noor).await;
        lobby.step(&noor, &ada["id"], "serving").await;
        // 12:00 UTC is 08:00 in New York (summer time since two days): midnight is 16 hours away
        lobby.app.wait(16 * 3_600_000 - 1);
        lobby.sweep().await;
        assert_eq!(lobby.place(&ben["id"]).await["state"], "waiting");
        lobby.app.wait(1);
        lobby.sweep().await;
        assert_eq!(lobby.place(&ben["id"]).await["state"], "expired");
        assert_eq!(lobby.place(&ada["id"]).await["state"], "done");
        assert_eq!(lobby.place(&chi["id"]).await["state"], "waiting");
        let queue = lobby.app.get(&format!("/api/v1/queues/{}", lobby.queue)).await.json();
        assert_eq!(queue["on_duty"], json!([]));
    }
}

#[rocket::async_test]
async fn a_transfer_keeps_the_moment_and_the_link() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let other = lobby.add_queue("Transfer credit", json!({})).await;
        let ada = lobby.joined("ada").await;
        lobby.app.wait(60_000);
        let path = format!("/api/v1/queuers/{}/transfers", ada["id"]);
        let body = json!({"queue_id": other, "version": 1}).to_string();
        let moved = lobby.kim().json(Method::Post, &path, &body).await;
        assert_eq!(moved.status, 201, "{}", moved.text);
        let moved = moved.json();
        assert_eq!(
            (&moved["joined_at"], &moved["queue_id"], &moved["from_queuer_id"]),
            (&ada["joined_at"], &json!(other), &ada["id"])
        );
        assert_eq!(lobby.place(&ada["id"]).await["state"], "transferred");
        // the student's link leads on
        let shown = lobby.as_student(Method::Get, &format!("/api/v1/queuers/{}", moved["id"]), &ada, "").await;
        assert_eq!(shown.json()["state"], "waiting", "{}", shown.text);
        let nowhere = json!({"queue_id": 999, "version": 1}).to_string();
        let path = format!("/api/v1/queuers/{}/transfers", moved["id"]);
        lobby.kim().json(Method::Post, &path, &nowhere).await.is_problem(422, "there is no queue 999");
    }
}

#[rocket::async_test]
async fn places_that_are_not_there_and_bodies_that_make_no_sense() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let kim = lobby.kim();
        for path in ["/api/v1/queues/999", "/api/v1/queues/abc", "/api/v1/queuers/999", "/api/v1/queuers/abc"] {
            kim.get(path).await.is_problem(404, "");
        }
        kim.json(Method::Post, "/api/v1/queues/999/calls", "{}").await.is_problem(404, "queue");
        let join = async |body: &str| lobby.app.post("/api/v1/queuers", "application/json", body.to_owned()).await;
        let student = r#"{"name":"Ada","email":"a@b.example"}"#;
        join(&format!(r#"{{"student":{student}}}"#)).await.is_problem(422, "/queue_id");
        join(&format!(r#"{{"queue_id":77,"student":{student}}}"#)).await.is_problem(422, "there is no queue 77");
        join(r#"{"queue_id":1}"#).await.is_problem(422, "/student");
        join(r#"{"queue_id":1,"student_id":1}"#).await.is_problem(422, "for staff");
        join(r#"{"queue_id":1,"student":{"name":"Ada"}}"#).await.is_problem(422, "/student/email");
        join(r#"{"queue_id":1,"student":{"email":"a@b.example"}}"#).await.is_problem(422, "/student/name");
        join(r#"{"queue_id":1,"student":{"name":"Ada","email":"a@b.example","colledge_id":1}}"#)
            .await
            .is_problem(422, "did you mean \\\"college_id\\\"?");
        join(r#"{"queue_id":1,"student":{"name":"Ada","email":"a@b.example","major_id":5}}"#)
            .await
            .is_problem(422, "/student/major_id");
        join(r#"{"queue_id":1,"student":{"name":"Ada","notes":"x","email":"a@b.example"}}"#)
            .await
            .is_problem(422, "notes");
        join(r#"{"queue_id":1,"position":1}"#).await.is_problem(422, "position");
        join(r#"{"queue_id":1.5}"#).await.is_problem(422, "\"pointer\":\"/queue_id\"");
        join("{").await.is_problem(400, "");
        join("").await.is_problem(422, "/queue_id");
        lobby.app.post("/api/v1/queuers", "text/plain", "{}").await.is_problem(415, "");
        kim.json(Method::Delete, "/api/v1/queuers", "").await.is_problem(400, "queue_id");
        let empty = kim.json(Method::Delete, &format!("/api/v1/queuers?queue_id={}", lobby.queue), "").await;
        assert_eq!(empty.status, 204);
        lobby.joined("ada").await;
        let called = kim.json(Method::Delete, &format!("/api/v1/queuers?queue_id={}", lobby.queue), "").await;
        assert_eq!((called.status, &called.json()["state"]), (200, &json!("called")));
        // forms and URLs hold no NUL; a step says one thing
        let nul = lobby
            .app
            .post(&format!("/rooms/{}/places", lobby.queue), "application/x-www-form-urlencoded", "name=a%00b")
            .await;
        assert_eq!(nul.status, 403, "a foreign form");
        let here = kim.form(&format!("/rooms/{}/places", lobby.queue), "name=ab&email=z%40t.org&question=%00").await;
        assert_eq!(here.status, 400, "{}", here.text);
        let id = called.json()["id"].clone();
        let both = json!({"version": called.json()["version"], "note": "n", "state": "serving"}).to_string();
        kim.json(Method::Patch, &format!("/api/v1/queuers/{id}"), &both).await.is_problem(422, "/note");
        let long = format!("/api/v1/queuers/{id}?reason={}", "x".repeat(301));
        kim.json(Method::Delete, &long, "").await.is_problem(422, "/reason");
        assert_eq!(kim.form(&format!("/places/{id}/undo"), "").await.status, 422);
        assert_eq!(kim.form(&format!("/board/{}/duty", lobby.queue), "on=maybe").await.status, 422);
        assert_eq!(kim.form(&format!("/board/{}/calls", lobby.queue), "place=abc").await.status, 422);
        // personal data is for staff
        lobby.app.get("/api/v1/queuers").await.is_problem(401, "");
        lobby.app.get("/api/v1/students").await.is_problem(401, "");
    }
}

#[rocket::async_test]
async fn the_pages_of_a_place_are_private() {
    let lobby = Lobby::open("sqlite").await;
    let ada = lobby.joined("ada").await;
    let page = lobby.app.get(&format!("/q/{}", ada["token"].as_str().unwrap())).await;
    assert_eq!(page.status, 200);
    for (header, value) in
        [("referrer-policy", "no-referrer"), ("x-robots-tag", "noindex"), ("cache-control", "no-store")]
    {
        assert_eq!(page.header(header), value);
    }
    let wrong = lobby.app.get("/q/AAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!(wrong.status, 404);
    assert!(wrong.text.contains("This link leads to no place"), "{}", wrong.text);
    // a step from a foreign page does nothing
    let step = lobby.app.client.post(format!("/q/{}/steps", ada["token"].as_str().unwrap())).header(ContentType::Form);
    let foreign =
        Answer::of(step.header(Header::new("Sec-Fetch-Site", "cross-site")).body("step=leave").dispatch().await).await;
    assert_eq!(foreign.status, 403);
    assert_eq!(lobby.place(&ada["id"]).await["state"], "waiting");
}

#[rocket::async_test]
async fn public_pages_name_no_student() {
    let lobby = Lobby::open("sqlite").await;
    let secret = "Zebulon Quagmire";
    let body = json!({"queue_id": lobby.queue, "student": {"name": secret, "email": "z@students.example"}, "question": "Hush"});
    assert_eq!(lobby.app.post("/api/v1/queuers", "application/json", body.to_string()).await.status, 201);
    let other = lobby.joined("ada").await;
    let token = other["token"].as_str().unwrap();
    let noor = lobby.colleague("noor").await;
    lobby.call(&noor).await;
    for path in [
        "/rooms",
        "/api/v1/queues",
        &format!("/rooms/{}", lobby.queue),
        &format!("/api/v1/queues/{}", lobby.queue),
        &format!("/q/{token}"),
    ] {
        let page = lobby.app.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text.contains("Zebulon") && !page.text.contains("Hush"), "{path}: {}", page.text);
    }
    let display = noor.open(&format!("/board/{}/display", lobby.queue)).await;
    assert!(display.status == 200 && !display.text.contains("Zebulon"), "{}", display.text);
    assert!(noor.open(&format!("/board/{}", lobby.queue)).await.text.contains(secret));
    for path in [
        "/board",
        "/board/1",
        "/board/1/events",
        "/board/1/display",
        "/places/1",
        "/students/1/visits",
        "/api/v1/queues/1/events",
    ] {
        assert_eq!(lobby.app.get(path).await.status, 401, "{path}");
    }
}

#[rocket::async_test]
async fn strangers_may_join_only_so_often() {
    let app = TestApp::with("sqlite", |config| config.rate_limit = frontdesk::config::Switch::On).await;
    let remote: std::net::SocketAddr = "192.0.2.7:80".parse().unwrap();
    let mut refused = 0;
    for _ in 0..310 {
        let request = app.client.post("/api/v1/queuers").header(ContentType::JSON).remote(remote);
        let answer = Answer::of(request.body(r#"{"queue_id":1}"#).dispatch().await).await;
        refused += usize::from(answer.status == 429 && !answer.header("retry-after").is_empty());
    }
    assert!((1..=10).contains(&refused), "{refused}");
}

/// A stream of server-sent events that is being read.
struct Events<'c>(tokio::io::Lines<tokio::io::BufReader<rocket::local::asynchronous::LocalResponse<'c>>>);

impl<'c> Events<'c> {
    fn of(response: rocket::local::asynchronous::LocalResponse<'c>) -> Events<'c> {
        use tokio::io::AsyncBufReadExt as _;
        assert_eq!(response.status().code, 200);
        Events(tokio::io::BufReader::new(response).lines())
    }

    /// Id and data of the next event that is more than a sign of life.
    async fn next(&mut self) -> (String, Value) {
        let (mut event, mut id, mut data) = (String::new(), String::new(), String::new());
        loop {
            let line = self.0.next_line().await.unwrap().expect("the stream goes on");
            match line.split_once(':') {
                Some(("event", value)) => event = value.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", value)) => data.push_str(value),
                _ if line.is_empty() && !event.is_empty() && event != "beat" => {
                    return (id, serde_json::from_str(&data).unwrap());
                }
                _ if line.is_empty() => data.clear(),
                _ => {}
            }
        }
    }

    async fn take(&mut self, count: usize) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await);
        }
        events
    }
}

#[rocket::async_test]
async fn a_stream_goes_on_where_it_broke_off() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let noor = lobby.colleague("noor").await;
        let (ada, ben) = (lobby.joined("ada").await, lobby.joined("ben").await);
        lobby.call(&noor).await;
        let path = format!("/api/v1/queues/{}/events", lobby.queue);
        let open = async |last: &str| {
            let cookie = rocket::http::Cookie::new("frontdesk", noor.token.clone());
            let last = Header::new("Last-Event-ID", last.to_owned());
            lobby.app.client.get(path.clone()).cookie(cookie).header(last).dispatch().await
        };
        // from the beginning: two joins, the call, and going on duty by it
        let all = Events::of(open("0").await).take(4).await;
        let what: Vec<_> = all.iter().map(|(_, data)| data).collect();
        let names: Vec<_> = what.iter().map(|event| event["what"].as_str().unwrap()).collect();
        assert_eq!(names, ["join", "join", "call", "duty"], "{kind}");
        assert_eq!((&what[0]["queuer_id"], &what[1]["queuer_id"]), (&ada["id"], &ben["id"]));
        // after the second: the rest, each once
        let rest = Events::of(open(&all[1].0).await).take(2).await;
        assert_eq!(rest, all[2..], "{kind}");
    }
}

#[rocket::async_test]
async fn a_student_sees_the_call_as_it_happens() {
    for kind in databases() {
        let lobby = Lobby::open(kind).await;
        let noor = lobby.colleague("noor").await;
        let (_, ben) = (lobby.joined("ada").await, lobby.joined("ben").await);
        let path = format!("/api/v1/queuers/{}/events", ben["id"]);
        let bearer = Header::new("Authorization", format!("Bearer {}", ben["token"].as_str().unwrap()));
        let mut stream = Events::of(lobby.app.client.get(path).header(bearer).dispatch().await);
        let first = stream.next().await;
        lobby.call(&noor).await;
        let second = stream.next().await;
        lobby.call(&lobby.colleague("omar").await).await;
        let third = stream.next().await;
        assert_eq!((&first.1["position"], &second.1["position"]), (&json!(2), &json!(1)), "{kind}");
        assert_eq!(third.1["state"], "called");
        let seqs: Vec<i64> = [first, second, third].iter().map(|(id, _)| id.parse().unwrap()).collect();
        assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
    }
}

#[rocket::async_test]
async fn two_nodes_over_one_postgres_see_the_same_line() {
    let Ok(server) = std::env::var("TEST_POSTGRES") else { return };
    let lobby = Lobby::open("postgres").await;
    let url = lobby.app.state::<frontdesk::config::Config>().database_url();
    assert!(url.starts_with(&server));
    let other = TestApp::on(&url).await;
    let ada = lobby.joined("ada").await;
    let path = format!("/api/v1/queuers/{}", ada["id"]);
    let ask = async || {
        let bearer = Header::new("Authorization", format!("Bearer {}", ada["token"].as_str().unwrap()));
        Answer::of(other.client.get(path.clone()).header(bearer).dispatch().await).await.json()
    };
    assert_eq!(ask().await["state"], "waiting");
    // a call on one node is shown by the other, by itself
    lobby.call(&lobby.colleague("noor").await).await;
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while ask().await["state"] != "called" {
        assert!(std::time::Instant::now() < end, "the other node never hears of it");
        tokio::task::yield_now().await;
    }
    // and whoever is late there is told
    let bearer = Header::new("Authorization", format!("Bearer {}", ada["token"].as_str().unwrap()));
    let request = other.client.patch(path.clone()).header(ContentType::JSON).header(bearer);
    let coming = Answer::of(request.body(r#"{"state":"called"}"#).dispatch().await).await;
    assert_eq!((coming.status, &coming.json()["state"]), (200, &json!("called")), "{}", coming.text);
}
