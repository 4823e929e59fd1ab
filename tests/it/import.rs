//! Files of other programs: what is recognised, what is known, what the report says; cancelled, broken off, as an export.

use std::path::PathBuf;
use std::sync::Arc;

use frontdesk::config::Config;
use frontdesk::db::Pool;
use frontdesk::entries::{Entries, How, Survey};
use frontdesk::files::{Options, Source};
use frontdesk::limits::MAX_IMPORT;
use frontdesk::moment::{DAY, SECOND};
use frontdesk::staff::Author;
use rocket::http::{ContentType, Header, Method};

use crate::support::{Answer, Person, TestApp, databases};
use crate::transfer::{import, import_as};

/// The entries of a collection in the order of their ids, as NDJSON of their data.
async fn data(owner: &Person<'_>, collection: &str) -> Vec<String> {
    let lines = owner.get(&format!("/csv?_format=ndjson&_sort=_id&_collection={collection}")).await.text;
    let data = |line: &str| {
        let data = line.split_once("\"data\":").expect("an entry").1;
        data[..data.len() - 1].to_owned()
    };
    lines.lines().map(data).collect()
}

/// A row of the table in docs/import.md.
struct Tried {
    first: String,
    then: String,
    numbers: Vec<u64>,
    rule: String,
}

fn documented() -> Vec<Tried> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/import.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        Tried {
            first: cells[0].to_owned(),
            then: cells[1].to_owned(),
            numbers: cells[2..6].iter().map(|cell| cell.parse().unwrap()).collect(),
            rule: cells[6].to_owned(),
        }
    })
    .collect()
}

/// Name and text of a file in the table.
fn file(cell: &str) -> (String, String) {
    let inside = cell.split('`').nth(1).expect("a file");
    let (name, text) = inside.split_once(": ").expect("a name");
    (name.to_owned(), text.replace('⏎', "\n") + "\n")
}

#[rocket::async_test]
async fn what_docs_import_says_of_the_second_file_is_what_happens() {
    let rows = documented();
    assert!(rows.len() >= 12, "the table is there");
    for kind in databases() {
        for row in &rows {
            let app = TestApp::start(kind).await;
            let owner = app.owner().await;
            let (name, text) = file(&row.first);
            let all = text.lines().count() as u64 - 1;
            assert_eq!(import(&app, &text, &name, "people").await.stored, all, "{kind} {}", row.first);
            let export = owner.get("/csv?_collection=people&_bom=0").await.text;
            if row.then.contains("deleted") {
                let id = owner.ids("_collection=people").await[0];
                owner.json(Method::Delete, &format!("/api/v1/entries/{id}"), "").await;
            }
            let (name, text) =
                if row.then.starts_with("our export") { ("people.csv".to_owned(), export) } else { file(&row.then) };
            let how = How::parse(row.then.contains("--again"), "").unwrap();
            let report = import_as(&app, &text, &name, "people", how).await;
            let listed = owner.ids("_collection=people").await.len() as u64;
            let seen = [report.stored, report.known, report.restored, listed];
            assert_eq!(seen[..], row.numbers[..], "{kind} {} / {}: {report:?}", row.first, row.then);
            assert_eq!(report.rule.name(), row.rule, "{kind} {} / {}", row.first, row.then);
        }
    }
}

#[rocket::async_test]
async fn files_as_programs_write_them_go_in_whole() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for (n, (name, text, rows)) in [
            ("x.csv", "sep=;\r\nname;age\r\nAda;36\r\n", &[r#"{"name":"Ada","age":36}"#][..]),
            ("x.csv", "\"Name, first\";age\n\"Lovelace, Ada\";36\n", &[r#"{"Name, first":"Lovelace, Ada","age":36}"#]),
            ("x.csv", "[id],[name]\n1,Ada\n", &[r#"{"[id]":1,"[name]":"Ada"}"#]),
            ("x.csv", "a,b\n1,2,\n", &[r#"{"a":1,"b":2}"#]),
            ("x.csv", "# made by a program\na,b\n1,2\n", &[r#"{"a":1,"b":2}"#]),
            (
                "x.csv",
                "Ada,36\nBen,40\n",
                &[r#"{"column_1":"Ada","column_2":36}"#, r#"{"column_1":"Ben","column_2":40}"#],
            ),
            ("", "{\"entries\": [{\"a\":1},{\"a\":2}]}", &[r#"{"a":1}"#, r#"{"a":2}"#]),
            ("x.json", r#"{"count":2,"results":[{"a":1},{"a":2}]}"#, &[r#"{"a":1}"#, r#"{"a":2}"#]),
            (
                "x.geojson",
                r#"{"type":"FeatureCollection","features":[{"id":1,"geometry":{"coordinates":[1,2]}}]}"#,
                &[r#"{"id":1,"geometry":{"coordinates":[1,2]}}"#],
            ),
            ("x.csv", "id,name,name\n1,Ada,Lovelace\n", &[r#"{"id":1,"name":"Ada","name_2":"Lovelace"}"#]),
            ("x.csv", "_gotcha,name\nx,Ada\n", &[r#"{"_gotcha":"x","name":"Ada"}"#]),
            (
                "x.csv",
                "_key,_session,_collection,_next,name\nk,s,c,n,Ada\n",
                &[r#"{"_key":"k","_session":"s","_collection":"c","_next":"n","name":"Ada"}"#],
            ),
            (
                "x.ndjson",
                "{\"_id\":{\"$oid\":\"5f\"},\"_gotcha\":1,\"a\":1}\n",
                &[r#"{"_id":{"$oid":"5f"},"_gotcha":1,"a":1}"#],
            ),
            ("x.csv", "No.,St. Louis,a..b\n1,2,3\n", &[r#"{"No.":1,"St. Louis":2,"a..b":3}"#]),
            ("x.csv", "l\n\"l1\nl2\"\n\"\r\nx\"\n", &[r#"{"l":"l1\nl2"}"#, r#"{"l":"\r\nx"}"#]),
        ]
        .into_iter()
        .enumerate()
        {
            let collection = format!("c{n}");
            let report = import(&app, text, name, &collection).await;
            assert_eq!((report.stored, report.refused), (rows.len() as u64, 0), "{kind} {text}: {report:?}");
            assert_eq!(data(&owner, &collection).await, rows, "{kind} {text}");
        }
    }
}

/// Sends a file as the page does.
async fn upload(owner: &Person<'_>, collection: &str, name: &str, bytes: &[u8]) -> Answer {
    let kind = ContentType::parse_flexible("multipart/form-data; boundary=XX").unwrap();
    let head = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"collection\"\r\n\r\n{collection}\r\n--XX\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"{name}\"\r\n\r\n"
    );
    let body = [head.as_bytes(), bytes, b"\r\n--XX--\r\n"].concat();
    owner
        .send(owner.app.client.post("/import").header(kind).header(Header::new("Accept", "text/html")).body(body))
        .await
}

/// Waits until a file is read, or an import is over.
async fn until_done(owner: &Person<'_>, path: &str) -> Answer {
    loop {
        let page = owner.open(path).await;
        if !page.text.contains("http-equiv=\"refresh\"") {
            return page;
        }
        tokio::task::yield_now().await;
    }
}

#[rocket::async_test]
async fn the_page_shows_what_was_recognised_and_stores_it_when_it_is_confirmed() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let latin1 = b"name;city\nJos\xe9;K\xf6ln\nAda;\"two\nlines\"\n";
        let led = upload(&owner, "people", "people.csv", latin1).await;
        assert_eq!(led.status, 303, "{}", led.text);
        let path = led.header("location").to_owned();
        let preview = until_done(&owner, &path).await;
        for word in ["windows-1252", "2 rows", "José", "Köln", "None looks known", "<table class"] {
            assert!(preview.text.contains(word), "{kind} {word}: {}", preview.text);
        }
        assert_eq!(owner.get("/list?_collection=people").await.status, 404, "a preview stores nothing");
        let other = until_done(&owner, &format!("{path}?encoding=macintosh")).await;
        assert!(other.text.contains("macintosh") && !other.text.contains("José"));
        assert_eq!(owner.form(&path, "rows=new").await.status, 303);
        let done = until_done(&owner, &path).await;
        assert!(done.text.contains("2 stored, 0 known already, 0 refused"), "{}", done.text);
        assert!(done.text.contains("lists 2 entries now"), "{}", done.text);
        assert_eq!(
            data(&owner, "people").await,
            [r#"{"name":"José","city":"Köln"}"#, r#"{"name":"Ada","city":"two\nlines"}"#]
        );
        // the same file once more
        let again = upload(&owner, "people", "people.csv", latin1).await.header("location").to_owned();
        assert!(until_done(&owner, &again).await.text.contains("2 look known: this very file was imported before"));
        owner.form(&again, "rows=new").await;
        let done = until_done(&owner, &again).await;
        assert!(done.text.contains("0 stored, 2 known already"), "{}", done.text);
        assert_eq!(owner.ids("_collection=people").await.len(), 2);
    }
}

#[rocket::async_test]
async fn what_cannot_be_imported_is_told_by_line_before_anything_is_stored() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    for (name, text, word) in [
        ("x.csv", "a,b\n1,\"x\n2,y\n3,z\n", "line 2: a quote is opened and never closed"),
        ("x.csv", "a,b\n1,2\n1,2,3\n", "row 2, line 3: has 3 cells, but there are 2 columns"),
        ("x.csv", "a,b\n", "there is no row in it"),
        ("x.json", "[{\"a\":1},", "EOF"),
        ("x.json", "[1,2]", "must be a JSON object"),
    ] {
        let led = upload(&owner, "people", name, text.as_bytes()).await;
        let page = until_done(&owner, led.header("location")).await;
        assert!(page.text.contains(word), "{text}: {}", page.text);
        assert_eq!(owner.get("/list?_collection=people").await.status, 404);
    }
    assert_eq!(upload(&owner, "people", "x.csv", b"").await.status, 422, "no file at all");
}

#[rocket::async_test]
async fn a_cancelled_import_leaves_nothing() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let small = upload(&owner, "people", "a.csv", b"n\nbefore\n").await.header("location").to_owned();
        owner.form(&small, "rows=new").await;
        until_done(&owner, &small).await;
        let rows: String = (0..30_000).map(|n| format!("{n},some text of row {n}\n")).collect();
        let led = upload(&owner, "people", "b.csv", format!("n,text\n{rows}").as_bytes()).await;
        let path = led.header("location").to_owned();
        owner.form(&path, "rows=new").await;
        // in the middle of it
        loop {
            let page = owner.open(&path).await.text;
            if page.contains(" of 30000 rows") && !page.contains("<p>0 of 30000 rows") {
                break;
            }
            assert!(!page.contains("30000 stored"), "{kind}: it was over before it could be cancelled");
            tokio::task::yield_now().await;
        }
        assert_eq!(owner.form(&format!("{path}/cancellation"), "").await.status, 303);
        app.upkeep().await;
        // while rows are on their way it says so; whoever stores them takes them back
        let page = until_done(&owner, &path).await.text;
        assert!(page.contains("It was cancelled. Nothing of it is stored."), "{kind}");
        let stored = app.state::<Pool>().read("SELECT id FROM entries").all::<(i64,)>().await.unwrap();
        assert_eq!(stored.len(), 1, "{kind}: nothing of it is stored");
        assert_eq!(data(&owner, "people").await, [r#"{"n":"before"}"#], "{kind}");
        // and again: nothing of it is known
        let again =
            upload(&owner, "people", "b.csv", format!("n,text\n{rows}").as_bytes()).await.header("location").to_owned();
        assert!(until_done(&owner, &again).await.text.contains("None looks known"));
    }
}

#[rocket::async_test]
async fn an_import_whose_end_was_cut_off_is_ended_later() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let rows: String = (0..3000).map(|n| format!("{n}\n")).collect();
        let path =
            upload(&owner, "people", "a.csv", format!("n\n{rows}").as_bytes()).await.header("location").to_owned();
        owner.form(&path, "rows=new").await;
        until_done(&owner, &path).await;
        // the server was stopped between the click and the end
        let cut_off = "UPDATE imports SET state = 'cancelling'";
        let mut tx = app.state::<Pool>().begin().await.unwrap();
        tx.write(cut_off).execute().await.unwrap();
        tx.commit().await.unwrap();
        assert!(owner.open(&path).await.text.contains("What it stored is being removed."), "{kind}");
        app.wait(60 * SECOND);
        app.upkeep().await;
        assert!(owner.open(&path).await.text.contains("Nothing of it is stored."), "{kind}");
        assert_eq!(owner.ids("_collection=people").await, [0i64; 0], "{kind}");
    }
}

#[rocket::async_test]
async fn rows_of_an_import_that_another_run_goes_on_with_are_not_taken_back() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let entries = app.state::<Entries>();
        let people = entries.find_or_make(&Author::command_line(), "people").await.unwrap();
        let rows: String = (0..6000).map(|n| format!("{n}\n")).collect();
        let source = Arc::new(Source::of_text(&format!("n\n{rows}"), "a.csv", &Options::default()).unwrap());
        let survey = Arc::new(Survey::of(&source).await.unwrap());
        let set = async |state: &str| {
            let mut tx = app.state::<Pool>().begin().await.unwrap();
            tx.write("UPDATE imports SET state = $1").bind(state).execute().await.unwrap();
            tx.commit().await.unwrap();
        };
        let handle = tokio::runtime::Handle::current();
        // the other run has stored all rows, and is at those that it changes
        let mut progress = |_| tokio::task::block_in_place(|| handle.block_on(set("updating")));
        let work = (source, survey, How::default());
        let run = entries.import_file(&Author::command_line(), &people, "a.csv", work, &mut progress).await;
        assert!(run.is_err_and(|error| error.detail().contains("another run")), "{kind}");
        let stored = app.state::<Pool>().read("SELECT id FROM entries").all::<(i64,)>().await.unwrap();
        assert!(stored.len() >= 2000, "{kind}: {}", stored.len());
    }
}

#[rocket::async_test]
async fn a_file_that_could_not_be_read_once_can_be_read_again() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let path = upload(&owner, "people", "a.csv", b"n\n1\n").await.header("location").to_owned();
        let file = stored_upload(&app).await;
        let aside = file.with_extension("aside");
        // a disk that cannot be read
        std::fs::rename(&file, &aside).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(owner.open(&path).await.text.contains("It cannot be imported like this"), "{kind}");
        owner.form(&path, "rows=new").await;
        assert!(until_done(&owner, &path).await.text.contains("It failed"), "{kind}");
        std::fs::remove_dir(&file).unwrap();
        std::fs::rename(&aside, &file).unwrap();
        assert_eq!(owner.form(&path, "rows=new").await.status, 303, "{kind}");
        assert!(until_done(&owner, &path).await.text.contains("1 stored"), "{kind}");
    }
}

/// Where the only upload is kept.
async fn stored_upload(app: &TestApp) -> PathBuf {
    let query = app.state::<Pool>().read("SELECT upload FROM imports WHERE upload IS NOT NULL");
    let (name,): (String,) = query.one().await.unwrap();
    app.state::<Config>().data_dir.join("uploads").join(name)
}

#[rocket::async_test]
async fn a_file_that_nobody_confirms_is_removed_after_a_day() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let path = upload(&owner, "people", "a.csv", b"n\n1\n").await.header("location").to_owned();
        let file = stored_upload(&app).await;
        app.wait(DAY - SECOND);
        app.upkeep().await;
        assert!(file.exists() && owner.open(&path).await.text.contains("Import into people"), "{kind}");
        app.wait(2 * SECOND);
        app.upkeep().await;
        assert!(!file.exists(), "{kind}");
        assert!(owner.open(&path).await.text.contains("Nothing of it is stored."), "{kind}");
    }
}

#[rocket::async_test]
async fn files_are_taken_up_to_a_size_that_is_said_and_two_are_looked_at_at_once() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    // more than the ten million bytes that a body of entries may have
    let large = |word: &str| format!("n,text\n{}", format!("1,{}\n", word.repeat(5000)).repeat(2200));
    let [a, b] = ["ab", "cd"].map(large);
    assert!(a.len() > 20_000_000);
    let (a, b) = futures::join!(
        upload(&owner, "people", "a.csv", a.as_bytes()),
        upload(&owner, "people", "b.csv", b.as_bytes())
    );
    let (a, b) = futures::join!(until_done(&owner, a.header("location")), until_done(&owner, b.header("location")));
    for (page, word) in [(a, "abab"), (b, "cdcd")] {
        assert!(page.text.contains("2200 rows") && page.text.contains(word), "{word}");
    }
    let at = |length: u64| [b"n\n1\n".to_vec(), vec![b'\n'; usize::try_from(length).unwrap() - 4]].concat();
    let path = upload(&owner, "people", "most.csv", &at(MAX_IMPORT)).await.header("location").to_owned();
    assert!(until_done(&owner, &path).await.text.contains("<strong>1 row</strong>"));
    let refused = upload(&owner, "people", "more.csv", &at(MAX_IMPORT + 1)).await;
    assert_eq!(refused.status, 413);
    assert!(refused.text.contains("A file holds at most 200000000 bytes here"), "{}", refused.text);
}

#[rocket::async_test]
async fn an_import_that_is_confirmed_twice_or_by_two_at_once_stores_every_row_once() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let rows: String = (0..6000).map(|n| format!("{n},some text\n")).collect();
        let file = format!("n,text\n{rows}");
        let one = upload(&owner, "people", "a.csv", file.as_bytes()).await.header("location").to_owned();
        let two = upload(&owner, "people", "a.csv", file.as_bytes()).await.header("location").to_owned();
        let confirm = |path: &str| {
            let path = path.to_owned();
            let owner = &owner;
            async move { owner.form(&path, "rows=new").await.header("location").to_owned() }
        };
        let led = futures::future::join_all([confirm(&one), confirm(&one), confirm(&two)]).await;
        for path in &led {
            until_done(&owner, path).await;
        }
        let count = async || owner.get("/list?_collection=people&_count=exact&_limit=1").await.json()["count"].clone();
        assert_eq!(count().await, 6000, "{kind}");
        // once more when it is done; whoever was first of the two stored all, and the other leads there or knew all
        confirm(&one).await;
        let pages = [owner.open(&one).await.text, owner.open(&two).await.text];
        let told = |words: &str| pages.iter().filter(|page| page.contains(words)).count();
        assert_eq!(told("6000 stored, 0 known"), 1, "{kind}");
        assert_eq!(told("go to that import") + told("0 stored, 6000 known"), 1, "{kind}");
        assert_eq!(count().await, 6000, "{kind}");
    }
}

#[rocket::async_test]
async fn an_export_of_some_columns_takes_nothing_from_an_entry() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"name":"Ada","email":"a@x.org","phone":"1"}"#).await;
        let some = owner.get("/csv?_fields=_id,_received,email&_bom=0").await.text.replace("a@x", "ada@x");
        owner.json(Method::Delete, &format!("/api/v1/entries/{id}"), "").await;
        assert_eq!(import(&app, &some, "x.csv", "default").await.restored, 1, "{kind}");
        assert_eq!(
            data(&owner, "default").await,
            [r#"{"name":"Ada","email":"a@x.org","phone":"1"}"#],
            "it is back as it was"
        );
        let update = How::parse(false, "update").unwrap();
        assert_eq!(import_as(&app, &some, "x.csv", "default", update).await.changed, 1, "{kind}");
        assert_eq!(data(&owner, "default").await, [r#"{"name":"Ada","email":"ada@x.org","phone":"1"}"#]);
    }
}

#[rocket::async_test]
async fn files_that_are_no_tables_or_never_end_a_row_are_refused_in_words() {
    let app = TestApp::start("sqlite").await;
    let owner = app.owner().await;
    let long = format!("a,b\n\"{}\",1\n", "x".repeat(2_000_000));
    let wide = ",".repeat(6000) + "\n1,2\n";
    let twice = vec!["n"; 3000].join(",") + "\n1,2\n";
    for (bytes, word) in [
        (b"PK\x03\x04 and more".to_vec(), "save it as CSV"),
        (long.into_bytes(), "line 2: a row is longer than"),
        (wide.into_bytes(), "more than 5000 columns"),
        (b"a\0b,c\n1,2\n".to_vec(), "is no name of a column"),
        (twice.into_bytes(), "n_2"),
    ] {
        let led = upload(&owner, "people", "x.csv", &bytes).await;
        let page = until_done(&owner, led.header("location")).await;
        assert!(page.text.contains(word), "{word}: {}", page.text.chars().take(3000).collect::<String>());
    }
}

#[rocket::async_test]
async fn entries_of_an_export_are_left_changed_or_stored_once_more() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let id = app.stored(r#"{"name":"Ada","seats":1}"#).await;
        let export = owner.get("/csv?_bom=0").await.text.replace(",Ada,1", ",Ada,2");
        let as_asked =
            async |ids: &str| import_as(&app, &export, "x.csv", "default", How::parse(false, ids).unwrap()).await;
        assert_eq!(as_asked("skip").await.known, 1, "{kind}");
        assert_eq!(data(&owner, "default").await, [r#"{"name":"Ada","seats":1}"#]);
        assert_eq!(as_asked("update").await.changed, 1);
        assert_eq!(data(&owner, "default").await, [r#"{"name":"Ada","seats":2}"#]);
        for format in ["ndjson", "json"] {
            let text = owner.get(&format!("/csv?_format={format}")).await.text;
            let report = import(&app, &text, &format!("x.{format}"), "default").await;
            assert_eq!((report.stored, report.by_number), (0, 1), "{kind} {format}: {report:?}");
        }
        assert_eq!(as_asked("add").await.stored, 1);
        assert_eq!(owner.ids("name=Ada").await.len(), 2, "{kind}: the same once more, under another number");
        // an export of another server has the same numbers, and is other data
        let foreign = "_id,_received,name\n1,2020-01-01T00:00:00.000Z,Zoe\n";
        let report = import(&app, foreign, "y.csv", "default").await;
        assert_eq!((report.stored, report.known), (1, 0), "{kind} {report:?}");
        assert!(owner.ids("name=Ada").await.contains(&id));
    }
}
