//! Import options: what to do with rows that are stored already.

use crate::error::{Error, Result};

/// What is done about rows that seem to be there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// Store every row, whatever was imported before.
    pub all: bool,
    /// Of rows of our exports whose entry is there.
    pub ids: SameId,
}

/// What to do with a row of an export whose entry (same id, same time of reception) is in the collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SameId {
    /// It stays as it is; one that is deleted comes back as it was.
    #[default]
    Skip,
    /// It gets the values of the file.
    Update,
    /// The row is stored as another entry.
    Add,
}

impl How {
    /// Reads the choices of a form or the command line: `again`, and `ids` of skip, update or add.
    pub fn parse(again: bool, ids: &str) -> Result<How> {
        let ids = match ids {
            "" | "skip" => SameId::Skip,
            "update" => SameId::Update,
            "add" => SameId::Add,
            other => return Err(Error::invalid("/ids", format!("\"{other}\" is none of skip, update, add"))),
        };
        Ok(How { all: again, ids })
    }
}
