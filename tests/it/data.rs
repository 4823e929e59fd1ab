//! What staff do with their data: exports, filters and collections, with the awkward cases.

use frontdesk::db::Pool;
use frontdesk::moment::DAY;
use rocket::http::{ContentType, Header, Method};

use crate::support::{Answer, TestApp, databases};

#[rocket::async_test]
async fn a_field_that_is_a_value_here_and_an_object_there_keeps_both() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        app.stored(r#"{"email":"ada@example.org"}"#).await;
        app.wait(1);
        app.stored(r#"{"email":{"x":"ben@example.org"}}"#).await;
        let csv = owner.get("/csv?_fields=email&_bom=0").await.text;
        assert_eq!(csv, "email,email.x\r\n,ben@example.org\r\nada@example.org,\r\n", "{kind}");
        assert_eq!(owner.get("/csv?_fields=email.x&_bom=0").await.text, "email.x\r\nben@example.org\r\n\"\"\r\n");
    }
}

#[rocket::async_test]
async fn a_missing_value_of_one_column_is_no_empty_line() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for entry in [r#"{"a":1}"#, r#"{"b":1}"#, r#"{"a":""}"#] {
            app.stored(entry).await;
            app.wait(1);
        }
        assert_eq!(owner.get("/csv?_fields=a&_bom=0&_sort=_id").await.text, "a\r\n1\r\n\"\"\r\n\"\"\r\n", "{kind}");
    }
}

#[rocket::async_test]
async fn selected_rows_are_exported_under_their_own_name_with_their_own_columns() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        owner.json(Method::Post, "/api/v1/collections", r#"{"name":"other","open":true}"#).await;
        app.stored(r#"{"_collection":"other","elsewhere":1}"#).await;
        let (one, two) = (app.stored(r#"{"a":1}"#).await, app.stored(r#"{"a":2}"#).await);
        let led = owner.form("/list/export", &format!("id={one}&id={two}&query=")).await;
        let csv = owner.get(led.header("location")).await;
        assert_eq!(csv.header("content-disposition"), "attachment; filename=\"default_2-selected_2026-03-10.csv\"");
        assert_eq!(csv.text.lines().next().unwrap(), "_id,_received,_at,_session,_origin,a", "{kind}");
        assert_eq!(csv.text.lines().count(), 3);
    }
}

#[rocket::async_test]
async fn cells_that_a_spreadsheet_could_run_are_guarded_and_come_back_as_they_were() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for text in
            ["=1+1", " =1+1", "\\n=1", "\\nplain", "＝1+1", "＋49", "－5", "＠x", "\\u00a0@x", "plain", " plain"]
        {
            app.stored(format!(r#"{{"t":"{text}"}}"#)).await;
            app.wait(1);
        }
        let csv = owner.get("/csv?_fields=t&_bom=0&_sort=_id").await.text;
        let cells: Vec<_> =
            csv::Reader::from_reader(csv.as_bytes()).records().map(|row| row.unwrap()[0].to_owned()).collect();
        let guarded: Vec<_> = cells.iter().filter(|cell| cell.starts_with('\'')).collect();
        assert_eq!(guarded.len(), 9, "{kind} {cells:?}");
        let all = owner.get("/csv?_bom=0").await.text;
        let other = TestApp::start(kind).await;
        crate::transfer::import(&other, &all, "x.csv", "default").await;
        assert_eq!(other.owner().await.get("/csv?_bom=0").await.text, all, "{kind}");
    }
}

#[rocket::async_test]
async fn moments_are_understood_as_programs_write_them() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let written = [
            "2026-01-31T10:00:00Z",
            "2026-01-31 10:00:00+00",
            "2026-01-31T12:00:00+0200",
            "2026-01-31 10:00:00 UTC",
            "2026-01-31T12:00:00+02:00",
            "2026-01-31 05:00:00.000-05",
        ];
        for text in written {
            app.stored(format!(r#"{{"at":"{text}"}}"#)).await;
        }
        app.stored(r#"{"at":"2026-01-31 later UTC"}"#).await;
        for operand in written {
            let operand = operand.replace('+', "%2B").replace(' ', "%20");
            for query in [format!("at__gte={operand}&at__lte={operand}"), format!("at__between={operand},{operand}")] {
                assert_eq!(owner.ids(&query).await.len(), written.len(), "{kind} {query}");
            }
        }
        assert_eq!(owner.ids("at__gt=2026-01-31T10:00:00Z&at__type=string").await.len(), 0, "{kind}");
    }
}

#[rocket::async_test]
async fn parameters_of_other_programs_are_told_from_ours() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    app.stored(r#"{"a":1}"#).await;
    for (query, meant) in [("limit=5", "_limit"), ("page=2", "_cursor"), ("sort=v", "_sort"), ("search=x", "_q")] {
        let warnings = owner.get(&format!("/list?{query}")).await.json()["warnings"].to_string();
        assert!(warnings.contains(&format!("did you mean \\\"{meant}\\\"")), "{query}: {warnings}");
    }
    owner.get("/list?_page=2").await.is_problem(400, "did you mean \\\"_cursor\\\"");
    owner.get("/list?_per_page=2").await.is_problem(400, "did you mean \\\"_limit\\\"");
}

#[rocket::async_test]
async fn a_path_into_a_list_says_that_it_does_not_look_there() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"items":[{"sku":"A"},{"sku":"B"}]}"#).await;
        let answer = owner.get("/list?items.sku=A").await.json();
        assert!(answer["warnings"][0].as_str().unwrap().contains("items.0.sku"), "{kind} {answer}");
        assert_eq!(owner.ids("items.0.sku=A").await, [id], "{kind}");
        assert_eq!(owner.get("/list?items.0.sku=A").await.json()["warnings"].to_string(), "[]");
    }
}

#[rocket::async_test]
async fn a_list_of_values_is_taken_up_to_its_limit_and_told_beyond() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"plan":"p499"}"#).await;
        let values = |count: usize| (0..count).map(|n| format!("p{n}")).collect::<Vec<_>>().join(",");
        assert_eq!(owner.ids(&format!("plan__in={}", values(500))).await, [id], "{kind}");
        assert_eq!(owner.ids(&format!("plan__notin={}", values(500))).await.len(), 0);
        owner.get(&format!("/list?plan__in={}", values(501))).await.is_problem(400, "at most 500 values");
        let many = format!("plan__in={}", values(30_000));
        let kind_of_body = ContentType::Form;
        let request = app.client.post("/list").header(kind_of_body).header(Header::new("Accept", "application/json"));
        owner.send(request.body(many)).await.is_problem(400, "at most 500 values");
        let several = format!("plan__in={0}&a__in={0}", values(400));
        owner.get(&format!("/list?{several}")).await.is_problem(400, "in all conditions");
    }
}

#[rocket::async_test]
async fn a_collection_is_deleted_restored_and_gone_after_thirty_days() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let made = owner.json(Method::Post, "/api/v1/collections", r#"{"name":"fair","open":true}"#).await;
        let key = made.json()["key"].as_str().unwrap().to_owned();
        let id = app.stored(r#"{"_collection":"fair","_uid":"visitor-1","stand":1}"#).await;
        owner.json(Method::Delete, "/api/v1/collections/default", "").await.is_problem(409, "default");
        assert_eq!(owner.json(Method::Delete, "/api/v1/collections/fair", "").await.status, 204, "{kind}");
        owner.json(Method::Delete, "/api/v1/collections/fair", "").await.is_problem(404, "fair");
        app.add(r#"{"_collection":"fair"}"#).await.is_problem(404, "fair");
        app.add(format!(r#"{{"_key":"{key}"}}"#)).await.is_problem(403, "key");
        assert!(owner.ids("").await.is_empty());
        owner.get(&format!("/api/v1/entries/{id}")).await.is_problem(404, "entry");
        owner.json(Method::Post, "/api/v1/collections", r#"{"name":"fair"}"#).await.is_problem(409, "restore it");
        let page = owner.open("/collections").await.text;
        assert!(page.contains("/collections/fair/restoration") && page.contains("2026-04-09"), "{page}");
        // back again
        assert_eq!(owner.json(Method::Post, "/api/v1/collections/fair/restoration", "").await.status, 200);
        assert_eq!(owner.json(Method::Post, "/api/v1/collections/fair/restoration", "").await.status, 200);
        assert_eq!(owner.ids("_collection=fair").await, [id]);
        // and for good
        owner.json(Method::Delete, "/api/v1/collections/fair", "").await;
        app.wait(29 * DAY);
        app.upkeep().await;
        let owner = app.sign_in_as("lee@example.org", "owner").await;
        assert_eq!(owner.json(Method::Post, "/api/v1/collections/fair/restoration", "").await.status, 200, "{kind}");
        owner.json(Method::Delete, "/api/v1/collections/fair", "").await;
        app.wait(31 * DAY);
        app.upkeep().await;
        let owner = app.sign_in_as("mia@example.org", "owner").await;
        owner.json(Method::Post, "/api/v1/collections/fair/restoration", "").await.is_problem(404, "fair");
        for table in ["entries", "entry_uids", "fields"] {
            let sql = format!("SELECT count(*) FROM {table}");
            let (rows,): (i64,) = app.state::<Pool>().read(sqlx::AssertSqlSafe(sql)).one().await.unwrap();
            assert_eq!(rows, 0, "{kind} {table}");
        }
        assert_eq!(owner.json(Method::Post, "/api/v1/collections", r#"{"name":"fair"}"#).await.status, 201);
    }
}

#[rocket::async_test]
async fn settings_that_somebody_else_changed_are_not_overwritten() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let form = |version: i64, title: &str, quota: &str| {
        format!("version={version}&title={title}&retention_days=&daily_quota={quota}&checks=%7B%7D")
    };
    let path = "/collections/default";
    assert!(owner.open(path).await.text.contains("name=\"version\" value=\"1\""));
    assert_eq!(owner.form(path, &form(1, "First", "")).await.status, 303);
    let outdated = owner.form(path, &form(1, "Second", "5")).await;
    assert_eq!(outdated.status, 412);
    for word in
        ["Somebody changed these settings", "value=\"Second\"", "name=\"version\" value=\"2\"", "<h1>First</h1>"]
    {
        assert!(outdated.text.contains(word), "{word}: {}", outdated.text);
    }
    let wrong = owner.form(path, &form(2, "Third", "many")).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("value=\"many\"") && wrong.text.contains("must be a number"), "{}", wrong.text);
    assert_eq!(owner.form(path, &form(2, "Second", "5")).await.status, 303);
    let now = owner.get("/api/v1/collections/default").await.json();
    assert_eq!((now["title"].as_str(), now["daily_quota"].as_i64()), (Some("Second"), Some(5)));
}

#[rocket::async_test]
async fn every_field_can_be_filtered_without_a_script() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let members: Vec<_> = (0..30).map(|n| format!("\"f{n}\":{n}")).collect();
    app.stored(format!("{{{}}}", members.join(","))).await;
    let page = owner.open("/list?_collection=default").await.text;
    assert!(page.contains("<option>f29</option>"), "the last field is there");
    for (form, led) in [
        ("_field=f29&_op=gte&_value=20", "/list?_collection=default&f29__gte=20"),
        ("_field=f29&_op=exists&_value=", "/list?_collection=default&f29__exists=1"),
        ("_field=&_op=eq&_value=", "/list?_collection=default"),
        ("f1=&_field=odd__name&_op=eq&_value=1", "/list?_collection=default&odd__name__eq=1"),
    ] {
        let answer = owner.open(&format!("/list?_form=1&_collection=default&{form}")).await;
        assert_eq!((answer.status, answer.header("location")), (303, led), "{form}");
    }
}

#[rocket::async_test]
async fn columns_are_those_that_the_newest_entries_have() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let old: Vec<_> = (0..10).map(|n| format!("\"old{n}\":1")).collect();
    app.stored(format!("{{{}}}", old.join(","))).await;
    for n in 0..5 {
        app.wait(1000);
        app.stored(format!(r#"{{"email":"v{n}@example.org","message":"hello"}}"#)).await;
    }
    let page = owner.open("/list?_collection=default").await.text;
    let head = page.split("<thead>").nth(if page.contains("chart") { 2 } else { 1 }).unwrap_or(&page);
    for column in ["email", "message"] {
        assert!(head.split("</thead>").next().unwrap().contains(&format!(">{column}</a>")), "{column}: {head}");
    }
}

#[rocket::async_test]
async fn what_is_deleted_twice_is_404_everywhere() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored("{}").await;
        owner.json(Method::Post, "/api/v1/colleges", r#"{"name":"Law"}"#).await;
        owner.json(Method::Post, "/api/v1/collections", r#"{"name":"extra"}"#).await;
        let origin = "/api/v1/collections/extra/origins";
        owner.json(Method::Post, origin, r#"{"origin":"https://a.example"}"#).await;
        for path in [
            format!("/api/v1/entries/{id}"),
            "/api/v1/colleges/1".into(),
            format!("{origin}?origin=https://a.example"),
            "/api/v1/collections/extra".into(),
        ] {
            let first: Answer = owner.json(Method::Delete, &path, "").await;
            assert_eq!(first.status, 204, "{kind} {path}: {}", first.text);
            owner.json(Method::Delete, &path, "").await.is_problem(404, "");
        }
    }
}
