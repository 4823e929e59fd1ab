//! Settings: defaults here, then `Rocket.toml`, then the environment, then the command line.

use std::path::PathBuf;

use figment::Figment;
use figment::providers::{Env, Serialized};
use serde::{Deserialize, Serialize};

/// Frontdesk's own settings: the `frontdesk` table of `Rocket.toml`, or `FRONTDESK_NAME` in the environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the database and of the secrets that are made on first start. Default `data`.
    pub data_dir: PathBuf,
    /// `sqlite:PATH` or `postgres://…`; empty is the file `frontdesk.db` in `data_dir`. Also read from `DATABASE_URL`.
    pub database_url: String,
    /// Connections to PostgreSQL for short reads and writes, from 2 on; a few more are for long reads. Default 16.
    pub database_connections: u32,
    /// `on` or `off`. Off only for tests, or behind a front that limits by itself. Default `on`.
    pub rate_limit: Switch,
    /// Entries a second that one address (IPv6: one /64) may send to `/add`. Default 50.
    pub rate_per_address: u32,
    /// Entries that one address may send at once: the size of its token bucket. Default 200.
    pub burst_per_address: u32,
    /// Entries a second that one collection takes. Default 2000.
    pub rate_per_collection: u32,
    /// Milliseconds a page of entries may take. Default 1000.
    pub list_budget_ms: u64,
    /// Milliseconds facets and the chart may take. Default 200.
    pub facet_budget_ms: u64,
    /// A filter slower than this many milliseconds counts as slow; a field whose filters stay slow is pinned. Default 300.
    pub slow_filter_ms: u64,
    /// Days after which a session that was not used ends. Default 14.
    pub session_idle_days: i64,
    /// Days after which any session ends. Default 90.
    pub session_days: i64,
    /// The address people use, such as `https://forms.example.org`, when it differs from the `Host` header. Default empty.
    pub public_url: String,
    /// Address and port of a listener for relays alone, such as `0.0.0.0:8001`. Default empty: relays are at the main address only.
    pub relay_address: String,
}

/// `on` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// `on`.
    On,
    /// `off`.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            data_dir: "data".into(),
            database_url: String::new(),
            database_connections: 16,
            rate_limit: Switch::On,
            rate_per_address: 50,
            burst_per_address: 200,
            rate_per_collection: 2000,
            list_budget_ms: 1000,
            facet_budget_ms: 200,
            slow_filter_ms: 300,
            session_idle_days: 14,
            session_days: 90,
            public_url: String::new(),
            relay_address: String::new(),
        }
    }
}

/// Rocket's figment with Frontdesk's defaults below it and the environment above.
/// `ip_header` and `ident` differ from Rocket's own defaults: anybody could send the first,
/// and nobody needs the second.
pub fn figment() -> Figment {
    Figment::from(rocket::Config::default())
        .merge(("ip_header", false))
        .merge(("ident", false))
        .merge(("limits.string", "1MiB"))
        .merge(figment::providers::Toml::file(Env::var_or("ROCKET_CONFIG", "Rocket.toml")).nested())
        .merge(Env::prefixed("ROCKET_").ignore(&["PROFILE", "CONFIG"]).global())
        .merge(Env::raw().only(&["PORT", "ADDRESS"]).global())
        .select(figment::Profile::from_env_or("ROCKET_PROFILE", "default"))
        .join(Serialized::default("frontdesk", Config::default()))
        .merge(Env::raw().only(&["DATABASE_URL"]).map(|_| "frontdesk.database_url".into()))
        .merge(Env::prefixed("FRONTDESK_").map(|key| format!("frontdesk.{}", key.as_str().to_lowercase()).into()))
}

use figment::providers::Format as _;

impl Config {
    /// Reads the settings. An unknown key is an error that names the nearest valid one.
    pub fn extract(figment: &Figment) -> Result<Config, String> {
        figment.extract_inner::<Config>("frontdesk").map_err(|error| explain(&error))
    }

    /// The database's URL, with the default filled in.
    pub fn database_url(&self) -> String {
        if self.database_url.is_empty() {
            format!("sqlite:{}", self.data_dir.join("frontdesk.db").display())
        } else {
            self.database_url.clone()
        }
    }

    /// All settings as TOML, for `frontdesk config`. A password in the database's URL is not shown.
    pub fn show(&self) -> String {
        let mut shown = self.clone();
        shown.database_url = without_password(&self.database_url());
        let value = serde_json::to_value(&shown).unwrap_or_default();
        let lines = value.as_object().into_iter().flatten().map(|(key, value)| format!("{key} = {value}\n"));
        format!("[default.frontdesk]\n{}", lines.collect::<String>())
    }

    /// The names of all settings.
    pub fn keys() -> Vec<String> {
        let value = serde_json::to_value(Config::default()).unwrap_or_default();
        value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    }
}

fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let user = url[scheme + 3..at].split(':').next().unwrap_or("");
            format!("{}{user}:…{}", &url[..scheme + 3], &url[at..])
        }
        _ => url.to_owned(),
    }
}

fn explain(error: &figment::Error) -> String {
    if let figment::error::Kind::UnknownField(name, _) = &error.kind {
        let keys = Config::keys();
        let nearest = crate::words::nearest(name, keys.iter().map(String::as_str));
        let hint = nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return format!("unknown setting `{name}`{hint} (settings are listed in docs/settings.md)");
    }
    let place = error.metadata.as_ref().map(|m| format!(" in {}", m.name)).unwrap_or_default();
    format!("{}: {}{place}", error.path.join("."), error.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_setting_names_the_nearest() {
        let figment = figment().merge(("frontdesk.rate_limits", "off"));
        let message = Config::extract(&figment).unwrap_err();
        assert!(message.contains("did you mean `rate_limit`"), "{message}");
    }

    #[test]
    fn a_password_is_not_shown() {
        let config = Config { database_url: "postgres://kim:secret@db/frontdesk".into(), ..Config::default() };
        assert!(config.show().contains("postgres://kim:…@db/frontdesk") && !config.show().contains("secret"));
    }
}
