//! The settings of a collection, as a form shows and sends them.

use super::{Changes, Collection};
use crate::error::{Error, Result, both};
use crate::web::Fields;

/// The settings as the form shows them: those that are stored, or what somebody typed.
pub struct Settings {
    /// Name for people.
    pub title: String,
    /// Accepts entries without the key.
    pub open: bool,
    /// Anyone may read its entries.
    pub public_read: bool,
    /// A number of days, or empty for "never".
    pub retention_days: String,
    /// A number of entries a day, or empty for "any".
    pub daily_quota: String,
    /// Checks of fields, as JSON.
    pub checks: String,
    /// Names of the states of its entries, with commas between.
    pub states: String,
}

impl Settings {
    /// The settings that are stored.
    pub fn stored(collection: &Collection) -> Settings {
        let number = |number: Option<i64>| number.map_or(String::new(), |number| number.to_string());
        Settings {
            title: collection.title.clone(),
            open: collection.open,
            public_read: collection.public_read,
            retention_days: number(collection.retention_days),
            daily_quota: number(collection.daily_quota),
            checks: collection.checks.clone(),
            states: collection.states().join(", "),
        }
    }

    /// The settings that somebody typed.
    pub fn typed(form: &Fields) -> Settings {
        Settings {
            title: form.get("title").to_owned(),
            open: form.get("open") == "1",
            public_read: form.get("public_read") == "1",
            retention_days: form.get("retention_days").to_owned(),
            daily_quota: form.get("daily_quota").to_owned(),
            checks: form.get("checks").to_owned(),
            states: form.get("states").to_owned(),
        }
    }

    /// The settings as a change; 422 for those that cannot be read.
    pub fn changes(&self) -> Result<Changes> {
        let number = |field: &str, text: &str| match text.trim() {
            "" => Ok(None),
            text => {
                text.parse().map(Some).map_err(|_| Error::invalid(format!("/{field}"), "must be a number or empty"))
            }
        };
        let retention = number("retention_days", &self.retention_days);
        let (retention_days, daily_quota) = both(retention, number("daily_quota", &self.daily_quota))?;
        Ok(Changes {
            title: Some(self.title.clone()),
            open: Some(self.open),
            public_read: Some(self.public_read),
            retention_days: Some(retention_days),
            daily_quota: Some(daily_quota),
            checks: Some(self.checks.clone()).filter(|checks| !checks.trim().is_empty()),
            states: Some(self.states.split(',').map(str::to_owned).collect())
                .filter(|_| !self.states.trim().is_empty()),
            new_key: false,
        })
    }
}
