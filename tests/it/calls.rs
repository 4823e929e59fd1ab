//! One good call of every route of the API, for what must hold on all of them.

use rocket::http::{ContentType, Header, Method};
use rocket::local::asynchronous::LocalRequest;

use crate::support::{Person, TestApp};

/// A call that succeeds if those before it in the list were made.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub method: Method,
    /// As it is mounted.
    pub route: &'static str,
    pub path: &'static str,
    pub body: &'static str,
    pub status: u16,
}

impl Call {
    /// The request, without whoever sends it.
    pub fn request<'a>(&self, app: &'a TestApp) -> LocalRequest<'a> {
        let request = app.client.req(self.method, self.path);
        let kind = if self.is_form() { ContentType::Form } else { ContentType::JSON };
        let request = if self.takes_body() { request.header(kind).body(self.body) } else { request };
        if self.method == Method::Put { request.header(Header::new("If-Match", "*")) } else { request }
    }

    /// Its path for the first record, which is there before any call.
    pub fn on_first(&self) -> String {
        if self.route.starts_with("/api/v1/users/") {
            return self.path.to_owned();
        }
        let path = self.path.replace("/made", "/default");
        path.split('/').map(|part| if part == "2" || part == "3" { "1" } else { part }).collect::<Vec<_>>().join("/")
    }

    pub fn takes_body(&self) -> bool {
        matches!(self.method, Method::Post | Method::Put | Method::Patch)
    }

    /// The list by POST, which takes a form; all others take JSON.
    pub fn is_form(&self) -> bool {
        self.method == Method::Post && self.route == "/api/v1/entries"
    }

    pub fn is_stream(&self) -> bool {
        self.route.ends_with("/events")
    }

    /// Changes something; a trial only looks.
    pub fn changes(&self) -> bool {
        self.method != Method::Get && !self.is_form() && !self.route.ends_with("/trial")
    }
}

const fn call(method: Method, route: &'static str, path: &'static str, body: &'static str, status: u16) -> Call {
    Call { method, route, path, body, status }
}

use Method::{Delete, Get, Patch, Post, Put};

/// In an order in which all succeed, after [`prepare`].
#[rustfmt::skip]
pub const CALLS: [Call; 125] = [
    call(Get, "/api/openapi.json", "/api/openapi.json", "", 200),
    call(Get, "/api/v1/entries", "/api/v1/entries?_limit=5", "", 200),
    call(Post, "/api/v1/entries", "/api/v1/entries", "a=1", 200),
    call(Get, "/api/v1/entries/<id>", "/api/v1/entries/1", "", 200),
    call(Put, "/api/v1/entries/<id>", "/api/v1/entries/1", r#"{"a":2}"#, 200),
    call(Patch, "/api/v1/entries/<id>", "/api/v1/entries/1", r#"{"b":{"c":1}}"#, 200),
    call(Patch, "/api/v1/entries/<id>/work", "/api/v1/entries/1/work", r#"{"state":"open"}"#, 200),
    call(Get, "/api/v1/entries/<id>/changes", "/api/v1/entries/1/changes", "", 200),
    call(Post, "/api/v1/entries/<id>/changes/<change>/reversal", "/api/v1/entries/1/changes/3/reversal", "", 200),
    call(Delete, "/api/v1/entries/<id>", "/api/v1/entries/1", "", 204),
    call(Post, "/api/v1/entries/<id>/restoration", "/api/v1/entries/1/restoration", "", 204),
    call(Get, "/api/v1/collections", "/api/v1/collections", "", 200),
    call(Post, "/api/v1/collections", "/api/v1/collections", r#"{"name":"made"}"#, 201),
    call(Get, "/api/v1/collections/<name>", "/api/v1/collections/made", "", 200),
    call(Put, "/api/v1/collections/<name>", "/api/v1/collections/made", r#"{"title":"Made"}"#, 200),
    call(Patch, "/api/v1/collections/<name>", "/api/v1/collections/made", r#"{"daily_quota":9}"#, 200),
    call(Post, "/api/v1/collections/<name>/origins", "/api/v1/collections/made/origins", r#"{"origin":"https://a.example"}"#, 200),
    call(Delete, "/api/v1/collections/<name>/origins", "/api/v1/collections/made/origins?origin=https://a.example", "", 204),
    call(Get, "/api/v1/collections/<name>/fields", "/api/v1/collections/default/fields", "", 200),
    call(Delete, "/api/v1/collections/<name>/fields", "/api/v1/collections/default/fields?path=a", "", 204),
    call(Get, "/api/v1/collections/<name>/pins", "/api/v1/collections/made/pins", "", 200),
    call(Post, "/api/v1/collections/<name>/pins", "/api/v1/collections/made/pins", r#"{"field":"a"}"#, 201),
    call(Get, "/api/v1/collections/<name>/pins/<id>", "/api/v1/collections/made/pins/1", "", 200),
    call(Delete, "/api/v1/collections/<name>/pins/<id>", "/api/v1/collections/made/pins/1", "", 204),
    call(Delete, "/api/v1/collections/<name>", "/api/v1/collections/made", "", 204),
    call(Post, "/api/v1/collections/<name>/restoration", "/api/v1/collections/made/restoration", "", 200),
    call(Get, "/api/v1/colleges", "/api/v1/colleges", "", 200),
    call(Post, "/api/v1/colleges", "/api/v1/colleges", r#"{"name":"Law"}"#, 201),
    call(Get, "/api/v1/colleges/<id>", "/api/v1/colleges/2", "", 200),
    call(Put, "/api/v1/colleges/<id>", "/api/v1/colleges/2", r#"{"name":"Laws"}"#, 200),
    call(Patch, "/api/v1/colleges/<id>", "/api/v1/colleges/2", r#"{"short_name":"L"}"#, 200),
    call(Delete, "/api/v1/colleges/<id>", "/api/v1/colleges/2", "", 204),
    call(Post, "/api/v1/colleges/<id>/restoration", "/api/v1/colleges/2/restoration", "", 200),
    call(Get, "/api/v1/majors", "/api/v1/majors", "", 200),
    call(Post, "/api/v1/majors", "/api/v1/majors", r#"{"name":"Tort","college_id":1}"#, 201),
    call(Get, "/api/v1/majors/<id>", "/api/v1/majors/2", "", 200),
    call(Put, "/api/v1/majors/<id>", "/api/v1/majors/2", r#"{"name":"Torts","college_id":1}"#, 200),
    call(Patch, "/api/v1/majors/<id>", "/api/v1/majors/2", r#"{"name":"Tort"}"#, 200),
    call(Delete, "/api/v1/majors/<id>", "/api/v1/majors/2", "", 204),
    call(Post, "/api/v1/majors/<id>/restoration", "/api/v1/majors/2/restoration", "", 200),
    call(Get, "/api/v1/advisors", "/api/v1/advisors", "", 200),
    call(Post, "/api/v1/advisors", "/api/v1/advisors", r#"{"name":"Ben","college_id":1}"#, 201),
    call(Get, "/api/v1/advisors/<id>", "/api/v1/advisors/2", "", 200),
    call(Put, "/api/v1/advisors/<id>", "/api/v1/advisors/2", r#"{"name":"Ben O.","college_id":1}"#, 200),
    call(Patch, "/api/v1/advisors/<id>", "/api/v1/advisors/2", r#"{"name":"Ben"}"#, 200),
    call(Delete, "/api/v1/advisors/<id>", "/api/v1/advisors/2", "", 204),
    call(Post, "/api/v1/advisors/<id>/restoration", "/api/v1/advisors/2/restoration", "", 200),
    call(Get, "/api/v1/students", "/api/v1/students", "", 200),
    call(Post, "/api/v1/students", "/api/v1/students", r#"{"name":"Chi","email":"chi@example.org"}"#, 201),
    call(Get, "/api/v1/students/<id>", "/api/v1/students/2", "", 200),
    call(Put, "/api/v1/students/<id>", "/api/v1/students/2", r#"{"name":"Chi P.","email":"chi@example.org"}"#, 200),
    call(Patch, "/api/v1/students/<id>", "/api/v1/students/2", r#"{"name":"Chi"}"#, 200),
    call(Delete, "/api/v1/students/<id>", "/api/v1/students/2", "", 204),
    call(Post, "/api/v1/students/<id>/restoration", "/api/v1/students/2/restoration", "", 200),
    call(Get, "/api/v1/faqs", "/api/v1/faqs", "", 200),
    call(Post, "/api/v1/faqs", "/api/v1/faqs", r#"{"question":"When?","answer":"Now."}"#, 201),
    call(Get, "/api/v1/faqs/<id>", "/api/v1/faqs/2", "", 200),
    call(Put, "/api/v1/faqs/<id>", "/api/v1/faqs/2", r#"{"question":"When?","answer":"Soon."}"#, 200),
    call(Patch, "/api/v1/faqs/<id>", "/api/v1/faqs/2", r#"{"answer":"Now."}"#, 200),
    call(Delete, "/api/v1/faqs/<id>", "/api/v1/faqs/2", "", 204),
    call(Post, "/api/v1/faqs/<id>/restoration", "/api/v1/faqs/2/restoration", "", 200),
    call(Get, "/api/v1/queues", "/api/v1/queues", "", 200),
    call(Post, "/api/v1/queues", "/api/v1/queues", r#"{"title":"Third","college_id":1}"#, 201),
    call(Get, "/api/v1/queues/<id>", "/api/v1/queues/3", "", 200),
    call(Put, "/api/v1/queues/<id>", "/api/v1/queues/3", r#"{"title":"3rd","college_id":1}"#, 200),
    call(Patch, "/api/v1/queues/<id>", "/api/v1/queues/3", r#"{"title":"Third"}"#, 200),
    call(Delete, "/api/v1/queues/<id>", "/api/v1/queues/3", "", 204),
    call(Post, "/api/v1/queues/<id>/restoration", "/api/v1/queues/3/restoration", "", 200),
    call(Get, "/api/v1/queues/<id>/events", "/api/v1/queues/1/events", "", 200),
    call(Post, "/api/v1/queuers", "/api/v1/queuers", r#"{"queue_id":1,"student":{"name":"Dee","email":"dee@example.org"}}"#, 201),
    call(Get, "/api/v1/queuers", "/api/v1/queuers", "", 200),
    call(Get, "/api/v1/queuers/<id>", "/api/v1/queuers/1", "", 200),
    call(Get, "/api/v1/queuers/<id>/events", "/api/v1/queuers/1/events", "", 200),
    call(Patch, "/api/v1/queuers/<id>", "/api/v1/queuers/1", r#"{"state":"away","minutes":5,"version":1}"#, 200),
    call(Post, "/api/v1/queues/<id>/calls", "/api/v1/queues/1/calls", "{}", 200),
    // back into the line, so that there is somebody to call
    call(Patch, "/api/v1/queuers/<id>", "/api/v1/queuers/2", r#"{"state":"waiting","version":2}"#, 200),
    call(Delete, "/api/v1/queuers", "/api/v1/queuers?queue_id=1", "", 200),
    call(Post, "/api/v1/queuers/<id>/transfers", "/api/v1/queuers/1/transfers", r#"{"queue_id":2,"version":2}"#, 201),
    call(Delete, "/api/v1/queuers/<id>", "/api/v1/queuers/3", "", 204),
    call(Post, "/api/v1/queues/<id>/closures", "/api/v1/queues/1/closures", r#"{"message":"Closed for today."}"#, 200),
    call(Get, "/api/v1/status", "/api/v1/status", "", 200),
    call(Get, "/api/v1/relays", "/api/v1/relays", "", 200),
    call(Post, "/api/v1/relays", "/api/v1/relays", r#"{"name":"made","pools":[{"name":"p","upstreams":[{"url":"https://api.example.org"}]}]}"#, 201),
    call(Get, "/api/v1/relays/<name>", "/api/v1/relays/made", "", 200),
    call(Put, "/api/v1/relays/<name>", "/api/v1/relays/made", r#"{"title":"Made","pools":[{"name":"p","upstreams":[{"url":"https://api.example.org"}]}]}"#, 200),
    call(Patch, "/api/v1/relays/<name>", "/api/v1/relays/made", r#"{"rate":9}"#, 200),
    call(Post, "/api/v1/relays/<name>/key", "/api/v1/relays/made/key", "", 200),
    call(Get, "/api/v1/relays/<name>/editions", "/api/v1/relays/made/editions", "", 200),
    call(Post, "/api/v1/relays/<name>/editions/<version>/restoration", "/api/v1/relays/made/editions/1/restoration", "", 200),
    call(Post, "/api/v1/relays/<name>/trial", "/api/v1/relays/made/trial", r#"{"target":"/x"}"#, 200),
    call(Get, "/api/v1/relays/<name>/watch", "/api/v1/relays/made/watch", "", 200),
    call(Delete, "/api/v1/relays/<name>", "/api/v1/relays/made", "", 204),
    call(Post, "/api/v1/relays/<name>/restoration", "/api/v1/relays/made/restoration", "", 200),
    call(Get, "/api/v1/updates", "/api/v1/updates", "", 200),
    call(Post, "/api/v1/updates", "/api/v1/updates", r#"{"title":"Made","draft":false}"#, 201),
    call(Get, "/api/v1/updates/<id>", "/api/v1/updates/2", "", 200),
    call(Put, "/api/v1/updates/<id>", "/api/v1/updates/2", r#"{"title":"Made anew","body":"x"}"#, 200),
    call(Patch, "/api/v1/updates/<id>", "/api/v1/updates/2", r#"{"pinned":true}"#, 200),
    call(Delete, "/api/v1/updates/<id>", "/api/v1/updates/2", "", 204),
    call(Post, "/api/v1/updates/<id>/restoration", "/api/v1/updates/2/restoration", "", 200),
    call(Get, "/api/v1/users", "/api/v1/users", "", 200),
    call(Post, "/api/v1/users", "/api/v1/users", r#"{"email":"new@example.org","role":"viewer"}"#, 201),
    call(Get, "/api/v1/users/<id>", "/api/v1/users/2", "", 200),
    call(Put, "/api/v1/users/<id>", "/api/v1/users/2", r#"{"email":"two@example.org","name":"Two","role":"staff"}"#, 200),
    call(Patch, "/api/v1/users/<id>", "/api/v1/users/2", r#"{"name":"Second"}"#, 200),
    call(Post, "/api/v1/users/<id>/invitations", "/api/v1/users/2/invitations", "", 201),
    call(Delete, "/api/v1/users/<id>/sessions", "/api/v1/users/2/sessions", "", 204),
    call(Delete, "/api/v1/users/<id>", "/api/v1/users/2", "", 204),
    call(Post, "/api/v1/users/<id>/restoration", "/api/v1/users/2/restoration", "", 200),
    call(Get, "/api/v1/tokens", "/api/v1/tokens", "", 200),
    call(Post, "/api/v1/tokens", "/api/v1/tokens", r#"{"name":"ci","scopes":["directory"]}"#, 201),
    call(Get, "/api/v1/tokens/<id>", "/api/v1/tokens/1", "", 200),
    call(Delete, "/api/v1/tokens/<id>", "/api/v1/tokens/1", "", 204),
    call(Get, "/api/v1/sessions", "/api/v1/sessions", "", 200),
    call(Delete, "/api/v1/sessions/<id>", "/api/v1/sessions/3", "", 204),
    call(Get, "/api/v1/audit", "/api/v1/audit", "", 200),
    call(Get, "/api/v1/audit/<id>", "/api/v1/audit/1", "", 200),
    call(Get, "/api/v1/entries", "/api/v1/entries?_format=ndjson", "", 200),
    call(Get, "/api/v1/entries", "/api/v1/entries?_format=csv", "", 200),
    call(Get, "/api/v1/students", "/api/v1/students?_format=csv", "", 200),
    call(Get, "/api/v1/audit", "/api/v1/audit?_format=csv", "", 200),
    call(Get, "/api/v1/users", "/api/v1/users?_format=ndjson", "", 200),
    call(Get, "/api/v1/tokens", "/api/v1/tokens?_format=csv", "", 200),
    call(Get, "/api/v1/queuers", "/api/v1/queuers?_format=csv", "", 200),
    call(Get, "/api/v1/updates", "/api/v1/updates?_format=csv", "", 200),
];

/// What the calls need: one record of each kind, two queues with a place, two accounts that are signed in.
/// Account 1 and session 1 are the owner's; account 3 has session 3.
pub async fn prepare(app: &TestApp) -> Person<'_> {
    let owner = app.owner().await;
    app.sign_in_as("two@example.org", "staff").await;
    app.sign_in_as("three@example.org", "viewer").await;
    app.stored(r#"{"a":1}"#).await;
    for (path, body) in [
        ("/api/v1/colleges", r#"{"name":"Engineering"}"#),
        ("/api/v1/majors", r#"{"name":"Physics","college_id":1}"#),
        ("/api/v1/advisors", r#"{"name":"Ada","college_id":1}"#),
        ("/api/v1/students", r#"{"name":"Bo","email":"bo@example.org"}"#),
        ("/api/v1/faqs", r#"{"question":"Why?","answer":"Because."}"#),
        ("/api/v1/queues", r#"{"title":"First","college_id":1}"#),
        ("/api/v1/queues", r#"{"title":"Second","college_id":1}"#),
        ("/api/v1/queuers", r#"{"queue_id":1,"student_id":1}"#),
        (
            "/api/v1/relays",
            r#"{"name":"default","pools":[{"name":"p","upstreams":[{"url":"https://api.example.org"}]}]}"#,
        ),
        ("/api/v1/updates", r#"{"title":"First"}"#),
    ] {
        let made = owner.json(Post, path, body).await;
        assert_eq!(made.status, 201, "{path}: {}", made.text);
    }
    owner
}
