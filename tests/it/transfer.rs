//! Export and import: nothing is lost on the way, to the byte.

use std::sync::Arc;

use frontdesk::entries::{Entries, How, ImportReport, Survey};
use frontdesk::files::{Options, Source};
use frontdesk::staff::Author;

use crate::support::{TestApp, databases};

pub async fn import(app: &TestApp, text: &str, name: &str, collection: &str) -> ImportReport {
    import_as(app, text, name, collection, How::default()).await
}

/// Imports a text, and checks that a preview had said what comes of it.
pub async fn import_as(app: &TestApp, text: &str, name: &str, collection: &str, how: How) -> ImportReport {
    let entries = app.state::<Entries>();
    let collection = entries.find_or_make(&Author::command_line(), collection).await.unwrap();
    let source = Arc::new(Source::of_text(text, name, &Options::default()).unwrap());
    let survey = Arc::new(Survey::of(&source).await.unwrap());
    let work = (source, survey, how);
    let would = entries.would_import(Some(&collection), name, &work).await.unwrap();
    let report = entries.import_file(&Author::command_line(), &collection, name, work, &mut |_| {}).await.unwrap();
    let report = report.expect("nobody cancels it");
    assert_eq!((would.words(), would.rule_words()), (report.words(), report.rule_words()), "{text}");
    report
}

const AWKWARD: [&str; 9] = [
    r#"{"text":"two\r\nlines, \"quoted\"; tab\there","n":1.50}"#,
    r#"{"f":"=1+1","g":"+49 123","h":"-5","i":"'=x","j":"@x","n":-5}"#,
    r#"{"nested":{"a":{"b":[1,{"c":"x"}]},"e":{}},"n":null}"#,
    r#"{"zip":"00123","ten":"10","truth":true,"word":"true"}"#,
    r#"{"a.b":"dot","a":{"b":"nested"},"a\\":1}"#,
    r#"{"é😀":"ü","data":1,"_own":2}"#,
    r#"{"big":12345678901234567890,"e":1e-7}"#,
    r#"{"_session":"session-1","_at":"2026-03-01T10:00:00.123Z","x":" spaces "}"#,
    r#"{}"#,
];

#[rocket::async_test]
async fn export_import_export_is_the_same_to_the_byte() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        for entry in AWKWARD {
            app.stored(entry).await;
            app.wait(1234);
        }
        for format in ["csv", "ndjson"] {
            let first = owner.get(&format!("/csv?_format={format}&_bom=0")).await.text;
            let other = TestApp::start(kind).await;
            let report = import(&other, &first, &format!("x.{format}"), "default").await;
            assert_eq!((report.stored, report.refused), (AWKWARD.len() as u64, 0), "{kind} {format}: {report:?}");
            let second = other.owner().await.get(&format!("/csv?_format={format}&_bom=0")).await.text;
            assert_eq!(second, first, "{kind} {format}");
            // later entries get later ids
            assert!(other.stored("{}").await > AWKWARD.len() as i64);
        }
    }
}

#[rocket::async_test]
async fn the_export_is_rfc_4180() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let empty = owner.get("/csv").await;
        assert_eq!(empty.text, "_id,_received,_at,_session,_origin\r\n", "no entries: the header alone");
        for entry in AWKWARD {
            app.stored(entry).await;
        }
        let csv = owner.get("/csv").await;
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
        assert_eq!(csv.header("content-disposition"), "attachment; filename=\"default_2026-03-10.csv\"");
        let mut reader = csv::ReaderBuilder::new().terminator(csv::Terminator::CRLF).from_reader(csv.text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), AWKWARD.len());
        let cell = |row: &csv::StringRecord, name: &str| row[header.iter().position(|h| h == name).unwrap()].to_owned();
        assert_eq!(cell(&rows[8], "text"), "two\r\nlines, \"quoted\"; tab\there");
        let formulas = &rows[7];
        assert_eq!(
            [cell(formulas, "f"), cell(formulas, "g"), cell(formulas, "h"), cell(formulas, "i"), cell(formulas, "n")],
            ["'=1+1", "'+49 123", "-5", "''=x", "-5"].map(str::to_owned)
        );
        assert_eq!(cell(&rows[6], "nested.a.b"), r#"[1,{"c":"x"}]"#);
        let raw = owner.get("/csv?_safe=0&_delim=;&_bom=1").await.text;
        assert!(raw.starts_with("\u{feff}_id;_received") && raw.contains(";=1+1;"));
        let named = owner.get("/csv?zip=00123").await;
        assert_eq!(named.header("content-disposition"), "attachment; filename=\"default_zip-00123_2026-03-10.csv\"");
    }
}

#[rocket::async_test]
async fn an_import_that_is_repeated_stores_nothing_twice() {
    for kind in databases() {
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let text = "name,seats\nAda,1\nAda,1\nBen,2\n";
        assert_eq!(import(&app, text, "x.csv", "people").await.stored, 3, "equal rows are different rows");
        let again = import(&app, text, "x.csv", "people").await;
        assert_eq!((again.stored, again.known), (0, 3), "{kind}");
        assert_eq!(owner.ids("_collection=people&seats__gte=1").await.len(), 3);
        let report = import(&app, "[{\"a\":1}, 7, {\"a\":{\"b\":1,\"b\":2}}]", "x.json", "people").await;
        assert_eq!((report.stored, report.refused), (1, 2), "{report:?}");
        assert_eq!(report.reasons[1], ("row 3".to_owned(), "/a/b the name appears twice".to_owned()));
    }
}
