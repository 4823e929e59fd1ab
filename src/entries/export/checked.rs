//! An export that was checked.

use std::sync::Arc;

use crate::collections::CachedCollection;
use crate::entries::downloads::{Share, View};
use crate::entries::reader::Reader;
use crate::entries::sql::Filter;
use crate::entries::system;
use crate::filter::{Condition, Field, Format, Group, Operand, Query};

/// An export that has passed every check and can start.
pub struct Export {
    pub(super) query: Query,
    pub(super) filter: Filter,
    pub(super) collections: Vec<Arc<CachedCollection>>,
    pub(super) paths: Vec<String>,
    pub(super) format: Format,
    pub(super) reader: Reader,
    /// Somebody worked on an entry of these collections.
    pub(super) worked: bool,
    /// What it may take of the database, beside what others need.
    pub(super) share: Share,
    /// The first view; whoever writes the export takes it.
    pub(super) view: Option<View>,
}

impl Export {
    /// Says collection, filter and date: `contact_plan-pro_2026-01-31.csv`.
    pub fn file_name(&self, today: &str) -> String {
        let collection = match self.collections.as_slice() {
            [known] => known.collection.name.as_str(),
            _ => "entries",
        };
        let is_said = |c: &&Condition| {
            let anywhere = matches!(c.group, Group::Or(_)) && c.field == Field::System(system::FLAGS);
            c.field != Field::System(system::COLLECTION) && !anywhere
        };
        let said = |c: &Condition| match (&c.field, &c.operand) {
            (Field::System(system::ID), Operand::Many(ids)) => format!("{}-selected", ids.len()),
            _ => self.query.params[c.param].0.clone() + "-" + &self.query.params[c.param].1,
        };
        let conditions: Vec<_> = self.query.conditions.iter().filter(is_said).map(said).collect();
        let mut name = collection.to_owned();
        for part in conditions.iter().map(String::as_str).chain([today]) {
            name.push('_');
            name.extend(part.chars().take(30).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }));
        }
        let extension = match self.format {
            Format::Ndjson => "ndjson",
            Format::Json => "json",
            _ => "csv",
        };
        format!("{}.{extension}", name.chars().take(150).collect::<String>())
    }
}
