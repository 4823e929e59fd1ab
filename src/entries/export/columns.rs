//! The columns of a table of entries.

use std::collections::HashSet;

use crate::entries::system;
use crate::filter::{Field, Fields, Query, SystemField};
use crate::json::Path;

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    pub name: String,
    pub field: Field,
}

/// The columns that a query shows: ours, then the data's in the order in which they were first seen.
pub fn columns(query: &Query, paths: &[String], many_collections: bool, worked: bool) -> Vec<TableColumn> {
    let data = || {
        paths
            .iter()
            .filter_map(|text| Some(TableColumn { name: text.clone(), field: Field::Data(Path::parse(text).ok()?) }))
    };
    let system = |field: SystemField| TableColumn { name: field.name.to_owned(), field: Field::System(field) };
    let mut all = vec![
        system(system::ID),
        system(system::RECEIVED),
        system(system::AT),
        system(system::SESSION),
        system(system::ORIGIN),
    ];
    if many_collections {
        all.insert(1, system(system::COLLECTION));
    }
    // Who asks for marked entries sees how they are marked, also when they come back.
    if query.mentions(system::FLAGS) {
        all.push(system(system::FLAGS));
    }
    if worked {
        all.extend([system::STATE, system::ASSIGNEE, system::NOTE].map(system));
    }
    all.extend(data());
    match &query.fields {
        Fields::All => all,
        Fields::Without(without) => {
            all.retain(|column| !without.iter().any(|field| covers(field, &column.field)));
            all
        }
        Fields::Only(only) => {
            let mut seen = HashSet::new();
            let chosen = only.iter().flat_map(|(name, field)| expand(name, field, data()));
            chosen.filter(|column| seen.insert(column.name.clone())).collect()
        }
    }
}

/// Whether a field is another one, or an object around it.
fn covers(outer: &Field, inner: &Field) -> bool {
    match (outer, inner) {
        (Field::Data(outer), Field::Data(inner)) => inner.0.starts_with(&outer.0),
        _ => outer == inner,
    }
}

/// An object that is asked for by name is shown as its fields.
fn expand(name: &str, field: &Field, data: impl Iterator<Item = TableColumn>) -> Vec<TableColumn> {
    let inside: Vec<_> = data.filter(|column| covers(field, &column.field)).collect();
    // Some entries have a value where others have an object: then the value has a column too.
    let only_itself = inside.iter().all(|column| column.field == *field);
    if only_itself || *name != field.to_string() {
        return vec![TableColumn { name: name.to_owned(), field: field.clone() }];
    }
    inside
}
