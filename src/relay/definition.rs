//! What owners write down of a relay: one JSON document, stored whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A relay: one public address in front of several endpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RelayDefinition)]
pub struct Definition {
    /// Name for people; empty: the name in the address.
    #[serde(default)]
    pub title: String,
    /// What becomes of the upstreams' answers.
    #[serde(default)]
    pub mode: Mode,
    /// An aggregate that lacks a part is an error.
    #[serde(default)]
    pub strict: bool,
    /// Who may use it; by key if nothing is said.
    #[serde(default)]
    pub access: Access,
    /// Pages that may use it (CORS); empty: whatever the upstream says of that passes through.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Requests a second from one address.
    #[serde(default = "default_rate")]
    pub rate: u32,
    /// Bytes of a request's body, at most 268,435,456.
    #[serde(default = "default_body_limit")]
    pub body_limit: u64,
    /// 1 to 16; those of an aggregate are its parts, in this order.
    pub pools: Vec<Pool>,
    /// The first that fits a request names its pool.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// For requests that no rule fits; without it they are answered with 404.
    #[serde(default)]
    pub default_pool: Option<String>,
    /// Fields that are added to every request, such as an API key of the upstream. Their values are never shown again.
    #[serde(default)]
    pub secret_headers: Vec<SecretHeader>,
}

fn default_rate() -> u32 {
    50
}

fn default_body_limit() -> u64 {
    10 * 1024 * 1024
}

/// What becomes of the upstreams' answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RelayMode)]
pub enum Mode {
    /// One upstream answers, whole.
    #[default]
    Forward,
    /// GET asks every pool: an object with an answer for each.
    Object,
    /// GET asks every pool: their objects as one.
    Merge,
    /// GET asks every pool: their arrays one after the other.
    Concat,
    /// GET asks every pool: the first good answer, whole.
    Race,
}

/// Who may use a relay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = RelayAccess)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever sends the relay's key.
    #[default]
    Key,
    /// Whoever is signed in, or sends an API token.
    SignedIn,
}

/// Upstreams that can stand in for each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RelayPool)]
pub struct Pool {
    /// As rules name it.
    pub name: String,
    /// 1 to 32.
    pub upstreams: Vec<Upstream>,
    #[serde(default)]
    pub policy: Policy,
    /// What the policy `hash` goes by.
    #[serde(default)]
    pub hash_on: Option<HashOn>,
    /// Upstreams may be on this machine or in a private network.
    #[serde(default)]
    pub allow_private: bool,
    /// Upstreams get the `Host` that the client sent, and not their own.
    #[serde(default)]
    pub preserve_host: bool,
    /// POST and PATCH with an `Idempotency-Key` are tried again like GET.
    #[serde(default)]
    pub retry_keyed: bool,
    /// Path that is asked whether an upstream is well; empty: none.
    #[serde(default)]
    pub health_path: Option<String>,
    /// Milliseconds between two such questions.
    #[serde(default = "default_health_ms")]
    pub health_ms: u64,
    /// Milliseconds until the first byte of an answer.
    #[serde(default = "default_patience_ms")]
    pub first_byte_ms: u64,
    /// Milliseconds between two pieces of a body.
    #[serde(default = "default_patience_ms")]
    pub idle_ms: u64,
    /// Milliseconds for the whole exchange, tries included; streams of events go on.
    #[serde(default = "default_whole_ms")]
    pub whole_ms: u64,
    /// What is answered when no upstream does.
    #[serde(default)]
    pub last_resort: Option<LastResort>,
}

fn default_health_ms() -> u64 {
    10_000
}

fn default_patience_ms() -> u64 {
    30_000
}

fn default_whole_ms() -> u64 {
    60_000
}

/// How an upstream of a pool is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = RelayPolicy)]
pub enum Policy {
    /// Of two that are drawn by their weights, the one with fewer requests under way.
    #[default]
    LeastBusy,
    /// In turns, by weight.
    RoundRobin,
    /// The first that is well, in the order written down.
    First,
    /// The same one for the same value of `hash_on`, as long as it is well.
    Hash,
    /// The same one for a browser, by a cookie.
    Sticky,
}

/// A value of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[schema(as = RelayHashOn)]
pub enum HashOn {
    /// A header, by its name.
    Header(String),
    /// A parameter of the query, by its name.
    Query(String),
    /// A value of a JSON body, by its pointer (RFC 6901).
    Json(String),
}

/// One external endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RelayUpstream)]
pub struct Upstream {
    /// Such as `https://api.example.org/v2`; the path of a request is appended.
    pub url: String,
    /// Share of the requests, 0 to 1000; 0 gets none.
    #[serde(default = "one")]
    pub weight: u32,
    /// Gets no new requests; those under way are finished.
    #[serde(default)]
    pub drain: bool,
}

fn one() -> u32 {
    1
}

/// Which requests go to a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RelayRule)]
pub struct Rule {
    pub when: When,
    /// Name of the pool.
    pub pool: String,
}

/// Conditions that must all hold. A value `*` stands for any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RelayWhen)]
pub struct When {
    /// Such as `POST`; several with commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Path below the relay, such as `/sensors`; a `*` at the end stands for anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Parameters of the query with their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Headers with their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, String>,
    /// Pointers into a JSON body (RFC 6901) with the values there: of a text the text, of a number the number as it is spelled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, String>,
    /// Fields of a form with their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, String>,
}

/// A field that is added to requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RelaySecretHeader)]
pub struct SecretHeader {
    /// Such as `Authorization`.
    pub name: String,
    /// Only sent in; left out, the stored one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What is answered when no upstream of a pool does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = RelayLastResort)]
pub enum LastResort {
    /// Always the same.
    Static {
        /// 200 to 599.
        status: u16,
        content_type: String,
        body: String,
    },
    /// The last good answer to the same GET, with its age.
    LastGood {
        /// Seconds after which it is too old.
        max_age: u32,
    },
}

impl Definition {
    /// The pool of this name.
    pub fn pool(&self, name: &str) -> Option<usize> {
        self.pools.iter().position(|pool| pool.name == name)
    }

    /// Some rule, or the choice of an upstream, reads the bodies of requests.
    pub fn reads_bodies(&self) -> bool {
        let hashes = |pool: &Pool| pool.policy == Policy::Hash && matches!(pool.hash_on, Some(HashOn::Json(_)));
        self.rules.iter().any(|rule| !rule.when.json.is_empty() || !rule.when.form.is_empty())
            || self.pools.iter().any(hashes)
    }
}
