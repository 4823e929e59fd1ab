//! The directory: its resources through the API, and its pages.

use rocket::http::{ContentType, Header, Method};
use serde_json::json;

use crate::support::{Answer, Person, TestApp, databases};

async fn made(person: &Person<'_>, resource: &str, body: serde_json::Value) -> serde_json::Value {
    let answer = person.json(Method::Post, &format!("/api/v1/{resource}"), &body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.header("location"), format!("/api/v1/{resource}/{}", answer.json()["id"]));
    answer.json()
}

async fn with_version(person: &Person<'_>, method: Method, path: &str, etag: &str, body: &str) -> Answer {
    let request = person.app.client.req(method, path.to_owned());
    person.send(request.header(ContentType::JSON).header(Header::new("If-Match", etag.to_owned())).body(body)).await
}

#[rocket::async_test]
async fn a_student_is_made_replaced_merged_deleted_and_restored() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let kim = app.sign_in_as("kim@example.org", "staff").await;
        let college = made(&kim, "colleges", json!({"name": "Engineering"})).await["id"].clone();
        let major = made(&kim, "majors", json!({"name": "Physics", "college_id": college})).await["id"].clone();
        let ada = made(
            &kim,
            "students",
            json!({"name": " Ada ", "email": "Ada@X.org", "college_id": college, "notes": "two\nlines"}),
        )
        .await;
        assert_eq!(
            (&ada["name"], &ada["email"], &ada["status"], &ada["version"]),
            (&json!("Ada"), &json!("ada@x.org"), &json!("active"), &json!(1))
        );
        let path = format!("/api/v1/students/{}", ada["id"]);
        let shown = kim.get(&path).await;
        assert_eq!((shown.header("etag"), shown.json()), ("\"v1\"", ada.clone()));
        // PATCH keeps what it does not name; null empties
        let merged =
            kim.json(Method::Patch, &path, &json!({"major_id": major, "notes": null}).to_string()).await.json();
        assert_eq!((&merged["name"], &merged["major_id"], &merged["notes"]), (&json!("Ada"), &major, &json!(null)));
        // PUT replaces, and must be complete; what the server gives may come back unchanged
        kim.json(Method::Put, &path, r#"{"email":"ada@x.org"}"#).await.is_problem(422, "/name");
        let mut whole = merged.clone();
        whole.as_object_mut().unwrap().remove("college_id");
        let replaced = kim.json(Method::Put, &path, &whole.to_string()).await;
        assert_eq!((replaced.status, &replaced.json()["college_id"]), (200, &json!(null)), "{}", replaced.text);
        kim.json(Method::Patch, &path, r#"{"version":77}"#).await.is_problem(422, "given by the server");
        // versions
        with_version(&kim, Method::Patch, &path, "\"v1\"", r#"{"name":"Eve"}"#).await.is_problem(412, "");
        assert_eq!(with_version(&kim, Method::Patch, &path, "\"v3\"", r#"{"name":"Ada L."}"#).await.status, 200);
        // deleting is a mark
        assert_eq!(kim.json(Method::Delete, &path, "").await.status, 204);
        kim.json(Method::Delete, &path, "").await.is_problem(404, "student");
        kim.get(&path).await.is_problem(404, "");
        assert_eq!(kim.get("/api/v1/students").await.json()["count"], 0);
        let with = kim.get("/api/v1/students?_deleted=with").await.json();
        assert!(with["students"][0]["deleted_at"].is_string());
        let back = kim.json(Method::Post, &format!("{path}/restoration"), "").await;
        assert_eq!(
            (back.status, &back.json()["name"], &back.json()["deleted_at"]),
            (200, &json!("Ada L."), &json!(null))
        );
    }
}

#[rocket::async_test]
async fn bad_bodies_are_told_by_field() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let kim = app.sign_in_as("kim@example.org", "staff").await;
        made(&kim, "students", json!({"name": "Ada", "email": "ada@x.org", "student_number": "7"})).await;
        let wrong = kim
            .json(Method::Post, "/api/v1/students", r#"{"emial":"x","email":"nobody","college_id":9,"status":"activ"}"#)
            .await;
        wrong.is_problem(422, "did you mean \\\"email\\\"?");
        let places: Vec<_> = wrong.json()["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["pointer"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(places, ["/emial", "/name", "/email", "/status"]);
        let refer = kim.json(Method::Post, "/api/v1/students", r#"{"name":"B","college_id":9,"major_id":"x"}"#).await;
        refer.is_problem(422, "must be a whole number");
        kim.json(Method::Post, "/api/v1/students", r#"{"name":"B","college_id":9}"#)
            .await
            .is_problem(422, "there is no college 9");
        kim.json(Method::Post, "/api/v1/students", r#"{"name":"B","email":"ADA@x.org"}"#)
            .await
            .is_problem(422, "/email");
        kim.json(Method::Post, "/api/v1/students", r#"{"name":"B","student_number":"7"}"#)
            .await
            .is_problem(422, "belongs to another");
        kim.json(Method::Post, "/api/v1/students", "[]").await.is_problem(422, "object");
        kim.json(Method::Post, "/api/v1/students", "{").await.is_problem(400, "");
        for (path, status) in [("/api/v1/students/abc", 404), ("/api/v1/students/99", 404), ("/api/v1/studens", 404)] {
            kim.get(path).await.is_problem(status, "");
        }
        app.get("/api/v1/students?name=x").await.is_problem(401, "");
        app.post("/api/v1/colleges", "application/json", r#"{"name":"x"}"#).await.is_problem(401, "");
        let viewer = app.sign_in_as("eve@example.org", "viewer").await;
        assert_eq!(viewer.get("/api/v1/students").await.status, 200);
        viewer.json(Method::Post, "/api/v1/colleges", r#"{"name":"x"}"#).await.is_problem(403, "staff");
        let odd = kim.json(Method::Post, "/api/v1/students/1", "{}").await;
        odd.is_problem(405, "");
        assert_eq!(odd.header("allow"), "DELETE, GET, HEAD, OPTIONS, PATCH, PUT");
    }
}

#[rocket::async_test]
async fn a_college_in_use_cannot_be_deleted() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let kim = app.sign_in_as("kim@example.org", "staff").await;
        let college = made(&kim, "colleges", json!({"name": "Engineering"})).await["id"].clone();
        let major = made(&kim, "majors", json!({"name": "Physics", "college_id": college})).await["id"].clone();
        let path = format!("/api/v1/colleges/{college}");
        kim.json(Method::Delete, &path, "").await.is_problem(409, "in use: Majors (1)");
        assert_eq!(kim.json(Method::Delete, &format!("/api/v1/majors/{major}"), "").await.status, 204);
        assert_eq!(kim.json(Method::Delete, &path, "").await.status, 204);
        kim.json(Method::Post, "/api/v1/majors", &json!({"name": "X", "college_id": college}).to_string())
            .await
            .is_problem(422, "there is no college");
    }
}

#[rocket::async_test]
async fn lists_take_the_grammar_of_entries_on_columns() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let kim = app.sign_in_as("kim@example.org", "staff").await;
        let college = made(&kim, "colleges", json!({"name": "Engineering"})).await["id"].clone();
        for n in 0..25 {
            let college = if n % 2 == 0 { college.clone() } else { json!(null) };
            made(&kim, "students", json!({"name": format!("S{n:02}"), "student_number": format!("{n}"), "college_id": college, "email": format!("S{n}@x.org")})).await;
        }
        let names = async |query: &str| -> Vec<String> {
            let answer = kim.get(&format!("/api/v1/students?{query}")).await;
            assert_eq!(answer.status, 200, "{query}: {}", answer.text);
            let list = answer.json();
            list["students"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("name=S03").await, ["S03"]);
        assert_eq!(names("name__in=S03,S05&_sort=name").await, ["S03", "S05"]);
        assert_eq!(names("name=S03&name=S05&_sort=-name").await, ["S05", "S03"]);
        assert_eq!(names("email=s7@X.org").await, ["S07"]);
        assert_eq!(names("id__lte=2&_sort=id").await, ["S00", "S01"]);
        assert_eq!(names(&format!("college_id={college}&name__gte=S20&_sort=name")).await, ["S20", "S22", "S24"]);
        assert_eq!(names("college_id__null=1&name__lt=S04&_sort=name").await, ["S01", "S03"]);
        assert_eq!(names("_not.name__starts=s&_sort=name").await, Vec::<String>::new());
        assert_eq!(names("_q=s24").await, ["S24"]);
        assert_eq!(names("created_at__on=2026-03-10&_limit=1&_sort=name").await, ["S00"]);
        let chosen = kim.get("/api/v1/students?_fields=nr:id,name&_sort=id&_limit=1").await.json();
        assert_eq!(chosen["students"][0], json!({"nr": 1, "name": "S00"}));
        // by cursors, each student once
        let mut seen = Vec::new();
        let mut query = "_sort=-college_id,name&_limit=7".to_owned();
        loop {
            let page = kim.get(&format!("/api/v1/students?{query}")).await.json();
            assert_eq!(page["count"], 25);
            seen.extend(page["students"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("_sort=-college_id,name&_limit=7&_cursor={next}");
        }
        let even = (0..25).step_by(2).map(|n| format!("S{n:02}"));
        let odd = (1..25).step_by(2).map(|n| format!("S{n:02}"));
        assert_eq!(seen, even.chain(odd).collect::<Vec<_>>());
        for (query, word) in [
            ("nmae=x", "did you mean \\\"name\\\"?"),
            ("name__cotains=x", "contains"),
            ("id=x", "whole number"),
            ("created_at=soon", "is no date"),
            ("_facet=name", "for entries only"),
            ("_sort=nmae", "did you mean"),
            ("_fields=nmae", "did you mean"),
            ("_fields=-nmae", "did you mean"),
            ("_limit=0", "1 to 1000"),
        ] {
            kim.get(&format!("/api/v1/students?{query}")).await.is_problem(400, word);
        }
        // strangers see what is public, and cannot ask about what is not
        let advisor = made(&kim, "advisors", json!({"name": "Noor", "email": "noor@x.org"})).await;
        let public = app.get("/api/v1/advisors").await.json();
        assert_eq!((&public["advisors"][0]["id"], public["advisors"][0].get("email")), (&advisor["id"], None));
        app.get("/api/v1/advisors?email=noor@x.org").await.is_problem(400, "there is no field");
    }
}

#[rocket::async_test]
async fn a_roster_is_imported_exported_and_imported_again() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let kim = app.sign_in_as("kim@example.org", "staff").await;
        let import = async |resource: &str, csv: &str| {
            let boundary = "----x";
            let body = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{csv}\r\n--{boundary}--\r\n"
            );
            let kind = ContentType::parse_flexible("multipart/form-data; boundary=----x").unwrap();
            let request = app.client.post(format!("/directory/{resource}/import")).header(kind);
            kim.send(request.header(Header::new("Accept", "text/html")).body(body)).await
        };
        // colleges come with their majors
        let majors = import("majors", "college,name\nEngineering,Physics\nEngineering,Chemistry\nArts,Dance\n").await;
        assert!(majors.status == 200 && majors.text.contains("3 added"), "{}", majors.text);
        assert_eq!(app.get("/api/v1/colleges").await.json()["count"], 2);
        let roster = "Name;Email;Student number;College;Major\nAda;ada@x.org;1;Engineering;Physics\n=Ben;ben@x.org;2;Arts;\n;x;3;;\nChi;chi@x.org;4;Law;\n";
        let students = import("students", roster).await;
        assert_eq!(students.status, 422);
        for words in [
            "2 added",
            "line 4: name is required; email must be an email address",
            "line 5: college_id there is no college &#34;Law&#34;",
        ] {
            assert!(
                students.text.contains(words) || students.text.contains(&words.replace("&#34;", "\"")),
                "{words}: {}",
                students.text
            );
        }
        let csv = kim.get("/api/v1/students?_format=csv&_sort=name").await;
        assert!(csv.text.starts_with("id,name,preferred_name,"), "{}", csv.text);
        assert!(csv.text.contains("'=Ben") && csv.text.contains("Engineering"), "{}", csv.text);
        let again = import("students", &csv.text).await;
        assert!(again.text.contains("0 added, 0 brought up to date, 2 unchanged"), "{}", again.text);
        let ben = kim.get("/api/v1/students?student_number=2").await.json();
        assert_eq!(ben["students"][0]["name"], "=Ben");
        assert!(import("students", "name,emial\nx,y\n").await.text.contains("did you mean"));
        for (csv, words) in [
            ("id,name\nabc,x\n", "is no whole number"),
            ("id,name\n999,x\n", "there is no student 999"),
            ("name,name\nx,y\n", "is there twice"),
            ("name\nx,y,z\n", "has 3 cells"),
            ("name\n\"x\n", "a quote is opened and never closed"),
            ("", "choose a file"),
        ] {
            let refused = import("students", csv).await;
            assert!(refused.status == 422 && refused.text.contains(words), "{csv}: {}", refused.text);
        }
    }
}

#[rocket::async_test]
async fn the_pages_list_add_change_and_refuse() {
    let app = TestApp::start("sqlite").await;
    let kim = app.sign_in_as("kim@example.org", "staff").await;
    assert!(kim.open("/directory").await.text.contains("/directory/students"));
    let refused = kim.form("/directory/students", "name=&email=nobody&status=active").await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("is required") && refused.text.contains("value=\"nobody\""), "{}", refused.text);
    let added = kim.form("/directory/students", "name=Ada&email=ada%40x.org&status=active").await;
    assert_eq!((added.status, added.header("location")), (303, "/directory/students"));
    let page = kim.open("/directory/students?_q=ada").await;
    assert!(page.text.contains(">Ada</a>") && page.text.contains("1 students"), "{}", page.text);
    assert!(kim.open("/directory/students?_q=zoe").await.text.contains("Nothing matches"));
    let form = kim.open("/directory/students/1").await;
    assert!(form.text.contains("value=\"ada@x.org\""));
    assert_eq!(kim.form("/directory/students/1", "version=1&name=Ada+L&status=active").await.status, 303);
    let late = kim.form("/directory/students/1", "version=1&name=Eve&status=active").await;
    assert!(late.status == 422 && late.text.contains("Somebody changed this"), "{}", late.text);
    assert_eq!(kim.form("/directory/students/1/removal", "").await.status, 303);
    assert!(kim.open("/directory/students/1").await.text.contains("is deleted"));
    assert_eq!(kim.form("/directory/students/1/restoration", "").await.status, 303);
    let queue = "title=Advising&college_id=&schedule=mon+9%3A00-25%3A00&timezone=Mars";
    let refused = kim.form("/directory/queues", queue).await.text;
    assert!(refused.contains("25:00"), "{refused}");
    let viewer = app.sign_in_as("eve@example.org", "viewer").await;
    assert_eq!(viewer.form("/directory/students", "name=x").await.status, 403);
    assert!(!viewer.open("/directory/students").await.text.contains("Add a student"));
}

#[rocket::async_test]
async fn a_download_with_a_wrong_filter_is_refused_like_the_list() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let kim = app.sign_in_as("kim@example.org", "staff").await;
        for query in ["cap=many", "nothing=1", "_sort=nothing", "_fields=nothing", "_cursor=made-up", "_q=%00"] {
            let list = kim.get(&format!("/api/v1/queues?{query}")).await;
            for format in ["csv", "ndjson"] {
                let download = kim.get(&format!("/api/v1/queues?{query}&_format={format}")).await;
                download.is_problem(400, "");
                assert_eq!(download.json()["errors"], list.json()["errors"], "{kind}: {query}");
            }
        }
    }
}

/// Sends a table to the page of a resource, with what is ticked there.
async fn roster(
    person: &crate::support::Person<'_>,
    resource: &str,
    bytes: &[u8],
    ticked: &[&str],
) -> crate::support::Answer {
    let tick = |name: &&str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n");
    let head: String = ticked.iter().map(tick).collect();
    let file = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n";
    let body = [head.as_bytes(), file.as_bytes(), bytes, b"\r\n--x--\r\n"].concat();
    let kind = ContentType::parse_flexible("multipart/form-data; boundary=x").unwrap();
    let request = person.app.client.post(format!("/directory/{resource}/import")).header(kind);
    person.send(request.header(Header::new("Accept", "text/html")).body(body)).await
}

#[rocket::async_test]
async fn the_same_table_twice_changes_nothing_of_any_kind() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let kim = app.sign_in_as("kim@example.org", "staff").await;
        for (resource, table, rows) in [
            ("colleges", "name,website\nEngineering,https://e.example\nArts,\n", 2),
            ("majors", "college,name\nEngineering,Physics\nArts,Physics\n", 2),
            ("advisors", "name,email,college\nNoor,noor@x.org,Engineering\nSam,,Arts\nSam,,Engineering\n", 3),
            ("students", "name,email,student number\nAda,ada@x.org,1\nBen,BEN@x.org,\nCid,,\n", 3),
            ("queues", "title,college\nAdvising,Engineering\n", 1),
            ("faqs", "question,answer,college\nWhen?,Now.,\nWhen?,Later.,Arts\n", 2),
        ] {
            let first = roster(&kim, resource, table.as_bytes(), &[]).await;
            assert!(first.text.contains(&format!("{rows} added, 0 brought")), "{kind} {resource}: {}", first.text);
            let again = roster(&kim, resource, table.as_bytes(), &[]).await;
            let nothing = format!("0 added, 0 brought up to date, {rows} unchanged");
            assert!(again.text.contains(&nothing), "{kind} {resource}: {}", again.text);
            assert_eq!(kim.get(&format!("/api/v1/{resource}")).await.json()["count"], rows, "{kind} {resource}");
        }
    }
}

#[rocket::async_test]
async fn rosters_as_other_programs_write_them_are_understood() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let kim = app.sign_in_as("kim@example.org", "staff").await;
        let latin1 = b"sep=;\r\nFirst name;Last name;E-Mail;Tel.;;\r\nJos\xe9;M\xfcller;jose@x.org;+49 1;;\r\nAda;Lovelace;ada@x.org;;;\r\n";
        let done = roster(&kim, "students", latin1, &[]).await;
        assert!(done.text.contains("2 added") && done.text.contains("windows-1252"), "{kind}: {}", done.text);
        let jose = kim.get("/api/v1/students?email=jose@x.org").await.json()["students"][0].clone();
        assert_eq!((jose["name"].as_str(), jose["phone"].as_str()), (Some("José Müller"), Some("+49 1")), "{kind}");
        // half a name is no new name of somebody who is known
        let half = roster(&kim, "students", b"First name,Email\nAda,ada@x.org\n", &[]).await;
        assert!(half.text.contains("0 brought up to date, 1 unchanged"), "{}", half.text);
        let twice = roster(&kim, "students", b"Name,Email,E-mail\nX,a@x.org,b@x.org\n", &[]).await;
        assert!(twice.status == 422 && twice.text.contains("is there twice"), "{}", twice.text);
        // an empty cell leaves what is there, unless it is told otherwise
        let emptied = "student number,name,email,phone\n7,José Müller,jose@x.org,\n";
        roster(&kim, "students", emptied.as_bytes(), &[]).await;
        let jose = async || kim.get("/api/v1/students?email=jose@x.org").await.json()["students"][0].clone();
        assert_eq!(
            (jose().await["phone"].as_str(), jose().await["student_number"].as_str()),
            (Some("+49 1"), Some("7"))
        );
        roster(&kim, "students", emptied.as_bytes(), &["empty"]).await;
        assert_eq!(jose().await["phone"], serde_json::Value::Null, "{kind}");
    }
}

#[rocket::async_test]
async fn who_is_not_in_the_roster_becomes_inactive_after_a_look() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let kim = app.sign_in_as("kim@example.org", "staff").await;
        roster(&kim, "students", b"name,email\nAda,ada@x.org\nBen,ben@x.org\nCid,cid@x.org\n", &[]).await;
        let next = b"name,email\nAda L,ada@x.org\nDee,dee@x.org\n";
        let preview = roster(&kim, "students", next, &["absent"]).await;
        for words in ["Nothing is changed yet", "1 added, 1 brought up to date", "2 inactive", ">Ben</a>", ">Cid</a>"] {
            assert!(preview.text.contains(words), "{kind} {words}: {}", preview.text);
        }
        let active = async || kim.get("/api/v1/students?status=active").await.json()["count"].as_i64().unwrap();
        assert_eq!(active().await, 3, "{kind}: a look changes nothing");
        let upload =
            preview.text.split("name=\"upload\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let done = kim.form("/directory/students/import/confirmation", &format!("upload={upload}")).await;
        assert!(done.text.contains("They are inactive now"), "{}", done.text);
        assert_eq!(active().await, 2);
        let again = kim.form("/directory/students/import/confirmation", &format!("upload={upload}")).await;
        assert_eq!(again.status, 422, "the file is gone");
        // a row that is refused may be somebody who would be made inactive
        let broken = roster(&kim, "students", b"name,email\nAda L,nobody\n", &["absent"]).await;
        assert!(broken.status == 422 && broken.text.contains("while rows are refused"), "{}", broken.text);
        assert!(kim.form("/directory/students/import/confirmation", "upload=../../secret").await.status == 422);
    }
}
