//! The fields that a query can name.

use crate::json::Path;
use crate::words::did_you_mean;

/// A field that the server gives, such as `_id`. Its name begins with `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemField {
    /// Its name, with the leading `_`.
    pub name: &'static str,
    /// What it holds.
    pub kind: SystemKind,
}

/// What a [`SystemField`] holds, and so which operators it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemKind {
    /// A whole number.
    Number,
    /// A moment, written as RFC 3339.
    Moment,
    /// A short text.
    Text,
    /// A text too long to sort by.
    Prose,
}

/// A field of a condition or an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// One that the server gives.
    System(SystemField),
    /// A path into the data.
    Data(Path),
}

/// Which fields there are, for the domain whose entries or records are filtered.
#[derive(Debug)]
pub struct Grammar {
    /// The fields that the server gives.
    pub system: &'static [SystemField],
    /// Any other name is a path into data of any shape, where `data._x` reaches a name that begins with `_`.
    pub any_data: bool,
}

impl Grammar {
    /// Reads the name of a field: one of ours, or a path into the data.
    pub fn field(&self, name: &str) -> Result<Field, String> {
        if let Some(system) = self.system.iter().find(|field| field.name == name) {
            return Ok(Field::System(*system));
        }
        if name.starts_with('_') {
            let hint = did_you_mean(name, self.names());
            let way_out =
                if self.any_data { format!(" (a field of your own is reached as data.{name})") } else { String::new() };
            return Err(format!("there is no field \"{name}\"{hint}{way_out}"));
        }
        Path::parse(name).map(Field::Data)
    }

    /// The names of the fields that the server gives.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.system.iter().map(|field| field.name)
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Field::System(system) => f.write_str(system.name),
            Field::Data(path) => path.fmt(f),
        }
    }
}
