//! Records: rows of tables whose columns are declared once, and everything that follows from it: reading
//! bodies and forms, listing by the filter grammar, changing with versions, deleting and restoring, CSV.
//!
//! What always holds: a column that is not declared cannot be read or written; every change raises the
//! record's version; a deleted record is kept and can be restored; a reference leads to a record that is there.

pub mod api;
mod csv;
mod described;
mod headings;
mod input;
mod list;
pub mod pages;
mod record;
pub mod references;
mod roster;
mod service;
mod store;

use serde_json::Value;

use crate::error::Error;

pub use described::{Described, Mounted};
pub use input::{from_form, read_only_unchanged};
pub use list::Listing;
pub use record::{Bound, Record, Values};
pub use references::Reference;
pub use roster::{Key, RosterOptions, RosterReport};
pub use service::Records;

/// A table as people see it.
#[derive(Debug)]
pub struct Resource {
    /// The table, the URL's segment, and the name of a list: `students`.
    pub name: &'static str,
    /// `Students`.
    pub title: &'static str,
    /// `student`.
    pub one: &'static str,
    /// The column that names a record to people.
    pub label: &'static str,
    /// Its own columns, in the order in which they are shown.
    pub columns: &'static [Column],
    /// [`COMMON`], or less.
    pub common: &'static [Column],
    /// Anyone may read it; else staff.
    pub public: bool,
    /// What answers tell beside its columns, for this moment.
    pub live: &'static [&'static str],
    /// How a row of a table is recognised, the surest first. None: never.
    pub keys: &'static [Key],
    /// Pages about one of its records: words, and the address with `{id}` in it.
    pub links: &'static [(&'static str, &'static str)],
}

/// A column. Made by [`Column::new`] and refined by the methods behind it.
#[derive(Debug)]
pub struct Column {
    /// Name in SQL, JSON and URLs.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Must have a value.
    pub required: bool,
    /// Not shown to the public, and no filter for them.
    pub private: bool,
    /// Cannot be written from outside.
    pub read_only: bool,
    /// Only one record that is not deleted may have the value.
    pub unique: bool,
    /// As a form would send it.
    pub default: Option<&'static str>,
    /// What to write, in a few words.
    pub help: &'static str,
    /// What stands for it in SQL, over the row `r`, where it is no column of the table.
    pub sql: Option<&'static str>,
}

/// What a column holds.
#[derive(Debug)]
pub enum Kind {
    /// One line of at most so many characters.
    Line(usize),
    /// Several lines of at most so many characters.
    Text(usize),
    /// An email address.
    Email,
    /// `http:` or `https:`.
    Url,
    /// A whole number, with the smallest and the largest.
    Number(i64, i64),
    /// True or false.
    Flag,
    /// The name of a time zone (IANA).
    Zone,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The id of a record of another resource.
    Reference(&'static Resource),
    /// An account of staff.
    Account,
    /// A moment, written as RFC 3339.
    Moment,
    /// JSON of a form of its own.
    Nested(&'static Nested),
}

/// How a column that holds JSON is read and shown.
#[derive(Debug)]
pub struct Nested {
    /// Checks it and writes it in its normal form.
    pub check: fn(&Value) -> Result<Value, String>,
    /// From a form or a cell of CSV.
    pub from_text: fn(&str) -> Result<Value, String>,
    /// For a form or a cell of CSV.
    pub to_text: fn(&Value) -> String,
}

impl Nested {
    /// The list that a column holds, an item on every line.
    pub fn lines(value: &Value, write: impl Fn(&Value) -> String) -> String {
        value.as_array().map_or(String::new(), |items| items.iter().map(write).collect::<Vec<_>>().join("\n"))
    }
}

impl Column {
    /// An optional, public column that can be written.
    pub const fn new(name: &'static str, title: &'static str, kind: Kind) -> Column {
        Column {
            name,
            title,
            kind,
            required: false,
            private: false,
            read_only: false,
            unique: false,
            default: None,
            help: "",
            sql: None,
        }
    }

    /// It must have a value.
    pub const fn required(mut self) -> Column {
        self.required = true;
        self
    }

    /// Only staff sees it.
    pub const fn private(mut self) -> Column {
        self.private = true;
        self
    }

    /// Only the server writes it.
    pub const fn read_only(mut self) -> Column {
        self.read_only = true;
        self
    }

    /// No two records that are not deleted share a value.
    pub const fn unique(mut self) -> Column {
        self.unique = true;
        self
    }

    /// Its value where none is given, as a form would send it.
    pub const fn default(mut self, text: &'static str) -> Column {
        self.default = Some(text);
        self
    }

    /// What to write into it, in a few words.
    pub const fn help(mut self, text: &'static str) -> Column {
        self.help = text;
        self
    }

    /// A value that is looked up, not stored in the table.
    pub const fn looked_up(mut self, sql: &'static str) -> Column {
        self.sql = Some(sql);
        self.read_only = true;
        self
    }

    pub(crate) fn expression(&self) -> String {
        self.sql.map_or_else(|| format!("r.{}", self.name), str::to_owned)
    }

    fn is_text(&self) -> bool {
        matches!(
            self.kind,
            Kind::Line(_) | Kind::Text(_) | Kind::Email | Kind::Url | Kind::Choice(_) | Kind::Zone | Kind::Nested(_)
        )
    }
}

static ID: Column = Column::new("id", "Number", Kind::Number(1, i64::MAX)).read_only();

/// What most tables of records have beside their own columns.
pub static COMMON: [Column; 4] = [
    Column::new("version", "Version", Kind::Number(1, i64::MAX)).read_only(),
    Column::new("created_at", "Created", Kind::Moment).read_only(),
    Column::new("updated_at", "Changed", Kind::Moment).read_only(),
    Column::new("deleted_at", "Deleted", Kind::Moment).read_only(),
];

impl Resource {
    /// The columns that may be read, in the order in which they are shown.
    pub fn readable(&'static self, staff: bool) -> impl Iterator<Item = &'static Column> {
        let own = self.columns.iter().filter(move |column| staff || !column.private);
        std::iter::once(&ID).chain(own).chain(self.common)
    }

    /// The column of that name, if this reader may see it.
    pub fn column(&'static self, name: &str, staff: bool) -> Option<&'static Column> {
        self.readable(staff).find(|column| column.name == name)
    }

    /// Whether its records are marked when they are deleted.
    pub fn keeps_deleted(&self) -> bool {
        self.common.iter().any(|column| column.name == "deleted_at")
    }

    /// Whether its records can be inactive.
    pub fn has_status(&self) -> bool {
        self.columns.iter().any(|column| column.name == "status")
    }

    /// What the server gives.
    pub fn given(&'static self) -> impl Iterator<Item = &'static Column> {
        self.readable(true).filter(|column| column.read_only)
    }

    /// The columns that can be written from outside.
    pub fn writable(&'static self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(|column| !column.read_only)
    }

    /// 404 in this resource's words.
    pub fn missing(&self) -> Error {
        Error::NotFound(format!("There is no such {}.", self.one).into())
    }
}
