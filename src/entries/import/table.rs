//! Tables: rows of cells as objects.

use std::collections::{HashMap, HashSet};

use super::row::{Exported, Read1};
use super::tree::Tree;
use crate::entries::entry::EntryId;
use crate::files::Notice;
use crate::filter::number;
use crate::formula::unguarded;
use crate::json;
use crate::json::Path;
use crate::limits::MAX_LEAVES;
use crate::moment::Moment;

/// Where the cells of a column go.
enum Place {
    /// One of [`OURS`], in an export of Frontdesk.
    Ours(&'static str),
    /// `_collection`, as the import decides where rows go; or one of [`OURS`] for the second time.
    Ignored,
    Data(Path),
}

/// What a file of ours has.
const OURS: [&str; 9] = ["_id", "_received", "_session", "_at", "_origin", "_flags", "_state", "_assignee", "_note"];

/// The columns of a table, as its header names them.
pub struct Columns {
    places: Vec<Place>,
    /// The file is an export of ours: our names are ours in it, and cells are guarded against formulas.
    pub ours: bool,
    pub notices: Vec<Notice>,
}

impl Columns {
    /// Columns of a header. Names of ours are ours only in a file that has both `_id` and `_received`.
    pub fn named(header: &csv::StringRecord) -> Columns {
        let has = |name: &str| header.iter().any(|cell| cell == name);
        let ours = has("_id") && has("_received");
        let mut notices = Vec::new();
        let mut taken = Taken::default();
        let mut places = Vec::new();
        for (index, cell) in header.iter().enumerate() {
            places.push(place(cell, index, ours, &mut taken, &mut notices));
        }
        Columns { places, ours, notices }
    }

    /// Columns of a table whose first row is data: as many as a row has.
    pub fn numbered() -> Columns {
        Columns { places: Vec::new(), ours: false, notices: Vec::new() }
    }

    /// A row of a table without names.
    pub fn numbered_row(&mut self, record: &csv::StringRecord) -> Read1 {
        let known = self.places.len();
        let more = (known..record.len()).map(|n| Place::Data(Path(vec![format!("column_{}", n + 1)])));
        self.places.extend(more);
        self.row(record)
    }

    /// Names of the data's columns in their order, those without a name aside.
    pub fn names(&self) -> Vec<String> {
        let name = |place: &Place| match place {
            Place::Data(path) => Some(path.to_string()),
            _ => None,
        };
        self.places.iter().filter_map(name).collect()
    }

    /// A row as an object.
    pub fn row(&self, record: &csv::StringRecord) -> Read1 {
        if let Some(extra) = record.iter().skip(self.places.len()).find(|cell| !cell.is_empty()) {
            let shown: String = extra.chars().take(40).collect();
            return Err(format!(
                "has {} cells, but there are {} columns: \"{shown}\"",
                record.len(),
                self.places.len()
            ));
        }
        if record.iter().filter(|cell| !cell.is_empty()).count() > MAX_LEAVES + OURS.len() {
            return Err(format!("has more than {MAX_LEAVES} values"));
        }
        let mut exported = Exported::default();
        let mut tree = Tree::default();
        for (place, cell) in self.places.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty()) {
            match place {
                Place::Ignored => {}
                Place::Data(path) => tree.put(&path.0, value(cell, self.ours)),
                Place::Ours(name) => exported.take(name, unguarded(cell))?,
            }
        }
        Ok((tree.write(), self.ours.then_some(exported)))
    }
}

/// Names that columns have, and how often each was wanted.
#[derive(Default)]
struct Taken {
    names: HashSet<String>,
    wanted: HashMap<String, usize>,
}

/// Notices about columns that are shown.
const NOTICES: usize = 20;

impl Taken {
    /// The name itself, or the first of `name_2`, `name_3` … that no column has.
    fn name(&mut self, wanted: String, notices: &mut Vec<Notice>) -> String {
        let times = self.wanted.entry(wanted.clone()).or_insert(0);
        let name = loop {
            *times += 1;
            let name = if *times == 1 { wanted.clone() } else { format!("{wanted}_{times}") };
            if !self.names.contains(&name) {
                break name;
            }
        };
        if name != wanted && notices.len() < NOTICES {
            notices
                .push(Notice(format!("the column \"{wanted}\" is there more than once: one is stored as \"{name}\"")));
        }
        self.names.insert(name.clone());
        name
    }
}

fn place(cell: &str, index: usize, ours: bool, taken: &mut Taken, notices: &mut Vec<Notice>) -> Place {
    if ours {
        let name = unguarded(cell);
        if let Some(known) = OURS.iter().find(|known| **known == name) {
            return if taken.names.insert(name.to_owned()) { Place::Ours(known) } else { Place::Ignored };
        }
        if name == "_collection" {
            return Place::Ignored;
        }
        let name = taken.name(name.to_owned(), notices);
        return Place::Data(Path::parse(&name).unwrap_or_else(|_| Path(vec![name])));
    }
    let wanted = if cell.trim().is_empty() { format!("column_{}", index + 1) } else { cell.to_owned() };
    Place::Data(foreign_path(taken.name(wanted, notices)))
}

/// A name of a file that is none of ours: dots lead into objects where they can; every other character is just that.
fn foreign_path(name: String) -> Path {
    let steps: Vec<_> = name.split('.').map(str::to_owned).collect();
    let is_path = steps.iter().all(|step| !step.is_empty() && step.trim() == step);
    if is_path { Path(steps) } else { Path(vec![name]) }
}

impl Exported {
    /// Takes one of our columns.
    fn take(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "_id" => self.kept.id = Some(entry_id(text)?),
            "_received" => self.kept.received = Some(moment(name, text)?),
            "_at" => self.at = Some(moment(name, text)?),
            "_session" => self.session = Some(text.to_owned()),
            "_origin" => self.origin = Some(text.to_owned()),
            "_state" => self.state = Some(text.to_owned()),
            "_assignee" => self.assignee = Some(text.to_owned()),
            "_note" => self.note = Some(text.to_owned()),
            _ => self.spam = text == "spam",
        }
        Ok(())
    }
}

pub fn entry_id(text: &str) -> Result<EntryId, String> {
    text.parse().map(EntryId).map_err(|_| format!("_id \"{text}\" is no number"))
}

pub fn moment(name: &str, text: &str) -> Result<Moment, String> {
    Moment::parse(text).ok_or_else(|| format!("{name} \"{text}\" is no moment such as 2026-01-31T14:00:00.000Z"))
}

/// A cell as JSON: numbers, truth values, arrays and empty objects are recognised by their spelling.
fn value(cell: &str, ours: bool) -> String {
    let is_json = matches!(cell, "true" | "false" | "{}")
        || number(cell).is_some() && cell.trim() == cell
        || cell.starts_with('[') && is_canonical(cell);
    if is_json { cell.to_owned() } else { json::string(if ours { unguarded(cell) } else { cell }) }
}

/// Whether an export would write this value just so. A text that only looks like a list stays a text.
fn is_canonical(value: &str) -> bool {
    let object = format!("{{\"v\":{value}}}");
    json::object(object.as_bytes(), &std::hash::RandomState::new(), &mut |_, _| false).is_ok_and(|c| c.text == object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(header: &[&str], row: &[&str]) -> (String, Vec<String>) {
        let columns = Columns::named(&csv::StringRecord::from(header.to_vec()));
        let notices = columns.notices.iter().map(|notice| notice.0.clone()).collect();
        (columns.row(&csv::StringRecord::from(row.to_vec())).unwrap().0, notices)
    }

    #[test]
    fn columns_become_fields_and_no_value_is_lost() {
        for (header, row, object) in [
            (
                &["a.b", "a.c", "zip", "n"][..],
                &["1", "x", "00123", "1.50"][..],
                r#"{"a":{"b":1,"c":"x"},"zip":"00123","n":1.50}"#,
            ),
            (&["id", "name", "name"], &["1", "Ada", "Lovelace"], r#"{"id":1,"name":"Ada","name_2":"Lovelace"}"#),
            (&["name", "name", "name_2"], &["a", "b", "c"], r#"{"name":"a","name_2":"b","name_2_2":"c"}"#),
            (&["id", "", ""], &["1", "x", "y"], r#"{"id":1,"column_2":"x","column_3":"y"}"#),
            (&["id", "", ""], &["1", "", ""], r#"{"id":1}"#),
            (
                &["_key", "_session", "_collection", "_next", "name"],
                &["k", "s", "c", "n", "A"],
                r#"{"_key":"k","_session":"s","_collection":"c","_next":"n","name":"A"}"#,
            ),
            (&["_gotcha", "name"], &["x", "Ada"], r#"{"_gotcha":"x","name":"Ada"}"#),
            (
                &["_id", "answer"],
                &["507f1f77bcf86cd799439011", "yes"],
                r#"{"_id":"507f1f77bcf86cd799439011","answer":"yes"}"#,
            ),
            (&["_id", "answer"], &["101", "yes"], r#"{"_id":101,"answer":"yes"}"#),
            (&["No.", "St. Louis", "a..b", ".c"], &["1", "2", "3", "4"], r#"{"No.":1,"St. Louis":2,"a..b":3,".c":4}"#),
            (&[r"a\b", "/abs", "data.x"], &["1", "2", "3"], r#"{"a\\b":1,"/abs":2,"data":{"x":3}}"#),
            (&["t", "list", "note"], &["true", "[1,2]", "'=1+1"], r#"{"t":true,"list":[1,2],"note":"'=1+1"}"#),
            (&["a", "b"], &["1", "2", ""], r#"{"a":1,"b":2}"#),
        ] {
            assert_eq!(objects(header, row).0, object, "{header:?}");
        }
        assert_eq!(objects(&["name", "name"], &["a", "b"]).1.len(), 1);
        let columns = Columns::named(&csv::StringRecord::from(vec!["a", "b"]));
        assert!(columns.row(&csv::StringRecord::from(vec!["1", "2", "3"])).unwrap_err().contains("3 cells"));
    }

    #[test]
    fn in_a_file_of_ours_our_names_are_ours() {
        let header = csv::StringRecord::from(vec!["_id", "_received", "_flags", "_collection", r"a\.b", "note"]);
        let row = csv::StringRecord::from(vec!["7", "2026-01-31T10:00:00.000Z", "spam", "x", "1", "'=1+1"]);
        let (object, exported) = Columns::named(&header).row(&row).unwrap();
        assert_eq!(object, r#"{"a.b":1,"note":"=1+1"}"#);
        let exported = exported.unwrap();
        assert!(exported.spam && exported.kept.id == Some(EntryId(7)) && exported.kept.received.is_some());
    }
}
