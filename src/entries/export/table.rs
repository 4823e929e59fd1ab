//! Entries as rows of CSV (RFC 4180).

use std::collections::HashMap;
use std::fmt::Write as _;

use super::columns::TableColumn;
use crate::entries::store::EntryRef;
use crate::entries::system;
use crate::filter::{CsvOptions, Field, Fields, SystemField};
use crate::formula::is_formula;
use crate::json::{self, Kind, Path};

/// The chosen part of the data.
pub(super) fn chosen(text: &mut String, data: &str, fields: &Fields) {
    match fields {
        Fields::All => text.push_str(data),
        Fields::Without(without) => {
            let mut kept = data.to_owned();
            for path in without.iter().filter_map(|field| match field {
                Field::Data(path) => Some(path),
                Field::System(_) => None,
            }) {
                let patch = path
                    .0
                    .iter()
                    .rev()
                    .fold("null".to_owned(), |inner, step| format!("{{{}:{inner}}}", json::string(step)));
                // An element of an array is no field of its own.
                let parent = Path(path.0[..path.0.len() - 1].to_vec());
                let in_object = parent.0.is_empty() || json::find(&kept, &parent).is_some_and(|p| p.starts_with('{'));
                if in_object && json::find(&kept, path).is_some() {
                    kept = crate::entries::submission::merge(&kept, &patch);
                }
            }
            text.push_str(&kept);
        }
        Fields::Only(only) => {
            text.push('{');
            let mut first = true;
            for (name, field) in only {
                let Field::Data(path) = field else { continue };
                if let Some(value) = json::find(data, path) {
                    let _ = write!(text, "{}{}:{value}", if first { "" } else { "," }, json::string(name));
                    first = false;
                }
            }
            text.push('}');
        }
    }
}

/// Entries as rows of CSV.
pub(super) struct Table {
    columns: Vec<TableColumn>,
    /// Where a path of the data goes. Paths inside arrays are looked up one by one.
    places: HashMap<String, usize>,
    lookups: Vec<(usize, Path)>,
    /// The column that the previous row's fields went to, in their order: most rows look alike.
    usual: Vec<usize>,
    cells: Vec<Cell>,
    values: String,
    options: CsvOptions,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    start: usize,
    end: usize,
    text: bool,
}

impl Table {
    pub(super) fn new(columns: Vec<TableColumn>, options: CsvOptions) -> Table {
        let data = |column: &TableColumn| match &column.field {
            Field::Data(path) => Some(path.clone()),
            Field::System(_) => None,
        };
        let indexed: Vec<_> = columns.iter().enumerate().filter_map(|(i, column)| Some((i, data(column)?))).collect();
        let is_inside = |path: &Path| path.0.iter().any(|step| step.bytes().all(|b| b.is_ascii_digit()));
        let renamed = |i: &usize| columns[*i].name != columns[*i].field.to_string();
        let (lookups, walked): (Vec<_>, Vec<_>) =
            indexed.into_iter().partition(|(i, path)| is_inside(path) || renamed(i));
        let places = walked.into_iter().map(|(i, path)| (path.to_string(), i)).collect();
        Table {
            cells: vec![Cell::default(); columns.len()],
            columns,
            places,
            lookups,
            usual: Vec::new(),
            values: String::new(),
            options,
        }
    }

    pub(super) fn header(&mut self, out: &mut Vec<u8>) {
        for i in 0..self.columns.len() {
            let name = self.columns[i].name.clone();
            self.write_cell(out, i, &name, true);
        }
        out.extend(b"\r\n");
    }

    pub(super) fn row(&mut self, out: &mut Vec<u8>, entry: &EntryRef<'_>, collection: &str) {
        self.read(entry);
        for i in 0..self.columns.len() {
            if let Field::System(system) = self.columns[i].field {
                let value = system_text(system, entry, collection);
                self.write_cell(out, i, &value, true);
            } else {
                let Cell { start, end, text } = self.cells[i];
                let values = std::mem::take(&mut self.values);
                self.write_cell(out, i, &values[start..end], text);
                self.values = values;
            }
        }
        out.extend(b"\r\n");
    }

    /// Walks the data once and notes which text belongs to which column.
    fn read(&mut self, entry: &EntryRef<'_>) {
        self.cells.fill(Cell::default());
        self.values.clear();
        let Table { columns, places, usual, cells, values, .. } = self;
        let mut index = 0;
        json::fields(entry.data, &mut |path, kind, value| {
            let expected = usual.get(index).copied().filter(|&i| columns[i].name == path);
            let place = expected.or_else(|| places.get(path).copied());
            let Some(place) = place else { return };
            if usual.len() <= index {
                usual.resize(index + 1, place);
            }
            usual[index] = place;
            index += 1;
            if kind != Kind::Null {
                let start = values.len();
                values.push_str(value);
                cells[place] = Cell { start, end: values.len(), text: kind == Kind::String };
            }
        });
        for (place, path) in &self.lookups {
            if let Some(raw) = json::find(entry.data, path).filter(|raw| *raw != "null") {
                let start = self.values.len();
                let unescaped: Option<String> = serde_json::from_str(raw).ok();
                self.values.push_str(unescaped.as_deref().unwrap_or(raw));
                self.cells[*place] = Cell { start, end: self.values.len(), text: unescaped.is_some() };
            }
        }
    }

    fn write_cell(&self, out: &mut Vec<u8>, index: usize, value: &str, text: bool) {
        if index > 0 {
            out.push(self.options.delimiter);
        }
        let guard = text && self.options.safe && is_formula(value);
        let special = |b: u8| b == b'"' || b == b'\r' || b == b'\n' || b == self.options.delimiter;
        // An empty line is no row to most readers.
        let is_empty_row = value.is_empty() && self.columns.len() == 1;
        if !value.bytes().any(special) && !is_empty_row {
            if guard {
                out.push(b'\'');
            }
            return out.extend(value.as_bytes());
        }
        out.push(b'"');
        if guard {
            out.push(b'\'');
        }
        for (i, part) in value.split('"').enumerate() {
            if i > 0 {
                out.extend(b"\"\"");
            }
            out.extend(part.as_bytes());
        }
        out.push(b'"');
    }
}

fn system_text(system: SystemField, entry: &EntryRef<'_>, collection: &str) -> String {
    match system {
        system::ID => entry.id.0.to_string(),
        system::RECEIVED => entry.received.to_string(),
        system::AT => entry.at.map_or(String::new(), |at| at.to_string()),
        system::SESSION => entry.session.to_owned(),
        system::COLLECTION => collection.to_owned(),
        system::ORIGIN => entry.origin.to_owned(),
        system::FLAGS => entry.flags.to_owned(),
        system::STATE => entry.work.state.to_owned(),
        system::ASSIGNEE => entry.work.assignee.to_owned(),
        _ => entry.work.note.to_owned(),
    }
}
