//! An application for one test: its own database, its own clock, a client that speaks to it.

use std::sync::atomic::{AtomicU64, Ordering};

use frontdesk::config::{Config, Switch};
use frontdesk::moment::{Clock, Moment};
use frontdesk::staff::{Author, NewToken, SignIn};
use rocket::http::{ContentType, Cookie, Header, Method};
use rocket::local::asynchronous::{Client, LocalRequest, LocalResponse};
use serde_json::Value;

pub struct TestApp {
    pub client: Client,
    pub clock: Clock,
    /// Removed with the application.
    _folder: tempfile::TempDir,
}

/// What an answer was.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

pub const OWNER: (&str, &str) = ("kim@example.org", "a quiet green lamp");
/// When tests begin.
pub const START: &str = "2026-03-10T12:00:00Z";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// The databases of this run: SQLite always, PostgreSQL when there is one.
pub fn databases() -> Vec<&'static str> {
    if std::env::var("TEST_POSTGRES").is_ok() { vec!["sqlite", "postgres"] } else { vec!["sqlite"] }
}

/// The URL of an empty database.
pub async fn fresh_database(kind: &str, folder: &std::path::Path) -> String {
    if kind == "sqlite" {
        return format!("sqlite:{}", folder.join("test.db").display());
    }
    let server = std::env::var("TEST_POSTGRES").expect("scripts/test sets it");
    let name = format!("t{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::SeqCst));
    let admin = sqlx::PgPool::connect(&format!("{server}/postgres")).await.expect("the server is up");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.expect("a fresh name");
    admin.close().await;
    format!("{server}/{name}")
}

impl TestApp {
    pub async fn start(kind: &str) -> TestApp {
        TestApp::with(kind, |_| {}).await
    }

    /// An application whose settings `change` has changed.
    pub async fn with(kind: &str, change: impl FnOnce(&mut Config)) -> TestApp {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: folder.path().into(), rate_limit: Switch::Off, ..Config::default() };
        config.database_url = fresh_database(kind, folder.path()).await;
        change(&mut config);
        TestApp::over(folder, config).await
    }

    /// Another node over a database that is there already.
    pub async fn on(url: &str) -> TestApp {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().into(),
            rate_limit: Switch::Off,
            database_url: url.to_owned(),
            ..Config::default()
        };
        TestApp::over(folder, config).await
    }

    async fn over(folder: tempfile::TempDir, config: Config) -> TestApp {
        let clock = Clock::standing(Moment::parse(START).unwrap());
        let figment = frontdesk::config::figment().merge(("log_level", "off"));
        let rocket = frontdesk::app::app(&figment, config, clock.clone()).unwrap();
        TestApp { client: Client::untracked(rocket).await.unwrap(), clock, _folder: folder }
    }

    pub fn state<T: Send + Sync + 'static>(&self) -> &T {
        self.client.rocket().state::<T>().unwrap()
    }

    /// Does everything that is done now and then.
    pub async fn upkeep(&self) {
        for job in frontdesk::app::jobs(self.client.rocket()) {
            job.run().await.unwrap_or_else(|error| panic!("{}: {error}", job.name));
        }
    }

    /// Moves the clock forward.
    pub fn wait(&self, milliseconds: i64) {
        self.clock.set(self.clock.now().plus(milliseconds));
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(path.to_owned()).dispatch().await).await
    }

    pub async fn post(&self, path: &str, kind: &str, body: impl AsRef<[u8]>) -> Answer {
        let kind = ContentType::parse_flexible(kind).unwrap();
        Answer::of(self.client.post(path.to_owned()).header(kind).body(body).dispatch().await).await
    }

    /// Sends JSON to `/add`.
    pub async fn add(&self, body: impl AsRef<str>) -> Answer {
        self.post("/add", "application/json", body.as_ref()).await
    }

    /// Sends JSON to `/add`, which must store it.
    pub async fn stored(&self, body: impl AsRef<str>) -> i64 {
        let answer = self.add(body.as_ref()).await;
        assert_eq!(answer.status, 201, "{}: {}", body.as_ref(), answer.text);
        answer.json()["id"].as_i64().unwrap_or(0)
    }

    /// Makes an account and signs in.
    pub async fn sign_in_as(&self, email: &str, role: &str) -> Person<'_> {
        let accounts = self.state::<frontdesk::staff::Accounts>();
        let password = frontdesk::staff::Password::parse(OWNER.1).unwrap();
        let email = frontdesk::staff::Email::parse(email).unwrap();
        let role = frontdesk::staff::Role::parse(role).unwrap();
        accounts.create(&Author::command_line(), &email, "", role, password).await.unwrap();
        let browser = frontdesk::staff::Browser::default();
        let attempt = SignIn { email: email.as_str(), password: OWNER.1, address: None, browser: &browser };
        let token = accounts.sign_in(attempt).await.unwrap().session;
        Person { app: self, token }
    }

    /// Makes an API token of an account.
    pub async fn program(&self, email: &str, scopes: &[&str]) -> Program<'_> {
        let accounts = self.state::<frontdesk::staff::Accounts>();
        let account = accounts.find_by_email(&frontdesk::staff::Email::parse(email).unwrap()).await.unwrap();
        let scopes = frontdesk::app::areas().parse(scopes.iter().copied()).unwrap();
        let new = NewToken { name: "a program".into(), scopes, expires: None };
        let (_, token) = accounts.create_token(&Author::command_line(), &account, new).await.unwrap();
        Program { app: self, token }
    }

    pub async fn owner(&self) -> Person<'_> {
        self.sign_in_as(OWNER.0, "owner").await
    }
}

/// A program with an API token.
pub struct Program<'a> {
    pub app: &'a TestApp,
    pub token: String,
}

impl Program<'_> {
    pub async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = self.app.client.req(method, path.to_owned()).header(ContentType::JSON).body(body);
        Answer::of(request.header(Header::new("Authorization", format!("Bearer {}", self.token))).dispatch().await)
            .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::Get, path, "").await
    }
}

/// Somebody who is signed in, in a browser on our own pages.
pub struct Person<'a> {
    pub app: &'a TestApp,
    pub token: String,
}

impl Person<'_> {
    pub async fn send(&self, request: LocalRequest<'_>) -> Answer {
        let cookie = Cookie::new("frontdesk", self.token.clone());
        Answer::of(request.cookie(cookie).header(Header::new("Sec-Fetch-Site", "same-origin")).dispatch().await).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.app.client.get(path.to_owned())).await
    }

    /// Opens a page.
    pub async fn open(&self, path: &str) -> Answer {
        self.send(self.app.client.get(path.to_owned()).header(Header::new("Accept", "text/html"))).await
    }

    pub async fn form(&self, path: &str, body: &str) -> Answer {
        self.send(
            self.app
                .client
                .post(path.to_owned())
                .header(ContentType::Form)
                .header(Header::new("Accept", "text/html"))
                .body(body),
        )
        .await
    }

    pub async fn json(&self, method: Method, path: &str, body: &str) -> Answer {
        let mut request = self.app.client.req(method, path.to_owned()).header(ContentType::JSON).body(body);
        if method == Method::Put {
            // whatever version is there
            request = request.header(Header::new("If-Match", "*"));
        }
        self.send(request).await
    }

    /// The ids of the entries that a query lists.
    pub async fn ids(&self, query: &str) -> Vec<i64> {
        let answer = self.get(&format!("/list?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        answer.ids()
    }
}

impl Answer {
    pub async fn of(response: LocalResponse<'_>) -> Answer {
        let headers =
            response.headers().iter().map(|h| (h.name().as_str().to_lowercase(), h.value().to_owned())).collect();
        let status = response.status().code;
        Answer { status, headers, text: response.into_string().await.unwrap_or_default() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The value of a cookie that the answer sets.
    pub fn cookie(&self, name: &str) -> String {
        let cookies = self.headers.iter().filter(|(n, _)| n == "set-cookie");
        let value = |(_, text): &(String, String)| {
            Some(text.strip_prefix(name)?.strip_prefix('=')?.split(';').next()?.to_owned())
        };
        cookies.filter_map(value).next().unwrap_or_else(|| panic!("no cookie {name}: {:?}", self.headers))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    pub fn ids(&self) -> Vec<i64> {
        self.json()["entries"].as_array().expect("a listing").iter().map(|e| e["_id"].as_i64().unwrap()).collect()
    }

    /// A problem document of this status that says `word` somewhere.
    pub fn is_problem(&self, status: u16, word: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(!problem["request_id"].as_str().unwrap_or("").is_empty());
        assert!(self.text.contains(word), "\"{word}\" is not in {}", self.text);
    }
}
