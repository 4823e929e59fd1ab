//! What refers to a record. A record that is referred to cannot be removed.

use super::{Described, Kind};

/// A column, in any table, that refers to records of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// Name of the resource that it refers to.
    pub to: &'static str,
    /// The table.
    pub table: &'static str,
    /// The column, which holds ids.
    pub column: &'static str,
    /// SQL over the table: the rows that count.
    pub active: &'static str,
    /// What these rows are to people, in the plural.
    pub rows: &'static str,
}

/// The references that these resources declare by their columns ([`Kind::Reference`]); rows that are not deleted count. The
/// references of resources that keep no deleted rows have rules of their own: their domain names them.
pub fn declared<'d>(described: impl IntoIterator<Item = &'d Described>) -> Vec<Reference> {
    let resources = described.into_iter().map(|described| described.resource);
    let columns = resources.filter(|resource| resource.keeps_deleted()).flat_map(|resource| {
        resource.columns.iter().filter_map(|column| match column.kind {
            Kind::Reference(to) => Some(Reference {
                to: to.name,
                table: resource.name,
                column: column.name,
                active: "deleted_at IS NULL",
                rows: resource.title,
            }),
            _ => None,
        })
    });
    columns.collect()
}
