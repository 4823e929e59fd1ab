//! Records from tables that other programs wrote: a row is a record that is there, or a new one.
//!
//! What always holds: the same table twice changes nothing; an empty cell leaves the value, unless `empty` is set;
//! rows that break a rule are reported by line; the others are stored, all in one transaction.

use serde_json::{Map, Value};

use super::headings::{Place, places};
use super::input::{self, Absent};
use super::{Bound, Column, Kind, Records, Resource, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::files::Sheet;
use crate::formula::unguarded;
use crate::staff::{Author, Deed, audit};

/// Columns by which a record is recognised, if the row has values for them.
#[derive(Debug)]
pub struct Key {
    /// Their names.
    pub columns: &'static [&'static str],
    /// Only records count that have no value in the columns of the keys before this one: a name alone says little of somebody who
    /// has a number.
    pub alone: bool,
}

/// How a table is taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct RosterOptions {
    /// An empty cell empties the field.
    pub empty: bool,
    /// Records that are not in the table become inactive.
    pub absent: bool,
    /// Nothing is written: what would happen is told.
    pub dry: bool,
}

/// What an import did, or would do.
#[derive(Debug, Default)]
pub struct RosterReport {
    /// Records that were created.
    pub created: u64,
    /// Records that were changed.
    pub changed: u64,
    /// Records that were as the table says.
    pub unchanged: u64,
    /// Line and reason.
    pub refused: Vec<(u64, String)>,
    /// Records that became inactive: number and name.
    pub absent: Vec<(i64, String)>,
    /// How the table was read.
    pub read_as: String,
}

/// What became of a row.
enum Outcome {
    Created(i64),
    Changed(i64),
    Unchanged(i64),
}

impl Records {
    /// Reads a table whose first row names the columns.
    pub async fn import(
        &self,
        by: &Author,
        resource: &'static Resource,
        sheet: &Sheet,
        choices: RosterOptions,
    ) -> Result<RosterReport> {
        let places = places(resource, sheet)?;
        let mut report = RosterReport { read_as: sheet.read_as.clone(), ..RosterReport::default() };
        let mut seen = Vec::new();
        let mut tx = self.db.begin().await?;
        for (line, row) in &sheet.rows {
            match self.import_row(&mut tx, resource, &places, row, choices).await {
                Ok(outcome) => seen.push(report.note(&outcome)),
                Err(Error::Invalid(errors)) => {
                    let reason = |e: &crate::error::FieldError| {
                        let field = e.pointer.as_deref().unwrap_or("").trim_start_matches('/');
                        format!("{field} {}", e.detail).trim().to_owned()
                    };
                    report.refused.push((*line, errors.iter().map(reason).collect::<Vec<_>>().join("; ")));
                }
                Err(other) => return Err(other),
            }
        }
        if choices.absent {
            report.absent = self.deactivate(&mut tx, resource, &seen, &report).await?;
        }
        if choices.dry {
            tx.abandon().await?;
            return Ok(report);
        }
        let mut told =
            format!("{} created, {} changed, {} refused", report.created, report.changed, report.refused.len());
        if choices.absent {
            told += &format!(", {} inactive", report.absent.len());
        }
        audit::note(&mut tx, by, Deed::new("imported", resource.name, "").with(told), self.clock.now()).await?;
        self.commit(tx).await?;
        Ok(report)
    }

    async fn import_row(
        &self,
        tx: &mut Tx,
        resource: &'static Resource,
        places: &[Place],
        row: &[String],
        choices: RosterOptions,
    ) -> Result<Outcome> {
        no_more_cells(row, places.len())?;
        let mut body = Map::new();
        let (mut id, mut first, mut last) = (None, "", "");
        for (place, cell) in places.iter().zip(row) {
            let text = unguarded(cell.trim());
            match place {
                Place::Nothing => {}
                Place::First => first = text,
                Place::Last => last = text,
                Place::Id => id = number(text)?,
                Place::Name(column) => self.import_name(tx, column, text, &mut body).await?,
                Place::Column(column) => {
                    let value = input::from_text(column, text)
                        .map_err(|detail| Error::invalid(format!("/{}", column.name), detail))?;
                    // A name may say it already.
                    if !value.is_null() || !body.contains_key(column.name) && choices.empty {
                        body.insert(column.name.to_owned(), value);
                    }
                }
            }
        }
        let name = format!("{first} {last}").trim().to_owned();
        let by_parts = !name.is_empty() && !body.contains_key(resource.label);
        if by_parts {
            body.insert(resource.label.to_owned(), Value::String(name));
        }
        let half = by_parts && (first.is_empty() || last.is_empty());
        self.import_body(tx, resource, id, body, half).await
    }

    /// A reference by name; the number in the same row goes first.
    async fn import_name(
        &self,
        tx: &mut Tx,
        column: &'static Column,
        text: &str,
        body: &mut Map<String, Value>,
    ) -> Result<()> {
        let Kind::Reference(other) = &column.kind else { return Ok(()) };
        if text.is_empty() || body.get(column.name).is_some_and(|value| !value.is_null()) {
            return Ok(());
        }
        let id = match store::by_label(tx, other, text).await? {
            Some(id) => id,
            None if column.required && other.columns.iter().all(|c| !c.required || c.name == other.label) => {
                let new = Map::from_iter([(other.label.to_owned(), Value::String(text.to_owned()))]);
                self.create_in(tx, other, &new).await?
            }
            None => {
                return Err(Error::invalid(
                    format!("/{}", column.name),
                    format!("there is no {} \"{text}\"", other.one),
                ));
            }
        };
        body.insert(column.name.to_owned(), id.into());
        Ok(())
    }

    async fn import_body(
        &self,
        tx: &mut Tx,
        resource: &'static Resource,
        id: Option<i64>,
        mut body: Map<String, Value>,
        half: bool,
    ) -> Result<Outcome> {
        let present = match id {
            Some(id) => Some(id),
            None => known(tx, resource, &body).await?,
        };
        let Some(id) = present else { return self.create_in(tx, resource, &body).await.map(Outcome::Created) };
        // Half of a name is not a new name of somebody who is known.
        if half {
            body.remove(resource.label);
        }
        let found = store::find_for_update(tx, resource, id).await?.filter(|item| !item.deleted);
        let item = found.ok_or_else(|| Error::invalid("/id", format!("there is no {} {id}", resource.one)))?;
        let values = input::read(resource, &body, Absent::Kept)?;
        if values.iter().all(|(column, value)| is_same(value, item.body.get(column.name))) {
            return Ok(Outcome::Unchanged(id));
        }
        self.merge_in(tx, resource, id, &body).await.map(|()| Outcome::Changed(id))
    }

    /// Makes active records inactive that no row was. Not if a row was refused: it may be one of them.
    async fn deactivate(
        &self,
        tx: &mut Tx,
        resource: &'static Resource,
        seen: &[i64],
        report: &RosterReport,
    ) -> Result<Vec<(i64, String)>> {
        if !resource.has_status() || !report.refused.is_empty() {
            return Ok(Vec::new());
        }
        let active = store::active(tx, resource).await?;
        let absent: Vec<_> = active.into_iter().filter(|(id, _)| !seen.contains(id)).collect();
        let inactive = Map::from_iter([("status".to_owned(), Value::String("inactive".into()))]);
        for (id, _) in &absent {
            self.merge_in(tx, resource, *id, &inactive).await?;
        }
        Ok(absent)
    }
}

impl RosterReport {
    /// Counts a row and returns the record it is.
    fn note(&mut self, outcome: &Outcome) -> i64 {
        let (count, id) = match outcome {
            Outcome::Created(id) => (&mut self.created, id),
            Outcome::Changed(id) => (&mut self.changed, id),
            Outcome::Unchanged(id) => (&mut self.unchanged, id),
        };
        *count += 1;
        *id
    }
}

fn number(text: &str) -> Result<Option<i64>> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Error::invalid("/id", format!("\"{text}\" is no whole number"))),
    }
}

/// The record that a row is, by the first key for which it has values.
async fn known(tx: &mut Tx, resource: &'static Resource, body: &Map<String, Value>) -> Result<Option<i64>> {
    // `create` and `change` report all that is wrong with a row at once.
    let Ok(values) = input::read(resource, body, Absent::Kept) else { return Ok(None) };
    let given = |name: &str| values.iter().find(|(column, _)| column.name == name).map(|(_, value)| value.clone());
    let mut before: Vec<&'static str> = Vec::new();
    for key in resource.keys {
        let first = key.columns.first().and_then(|name| given(name)).filter(|value| !value.is_empty());
        if first.is_some() {
            // What a row does not say of the rest of a key is none.
            let wanted: Vec<_> =
                key.columns.iter().map(|name| (*name, given(name).unwrap_or(Bound::Text(None)))).collect();
            let none: &[&str] = if key.alone { &before } else { &[] };
            match store::by_key(tx, resource, &wanted, none).await?.as_slice() {
                [] => {}
                [id] => return Ok(Some(*id)),
                _ => {
                    let detail = format!("fits several {}: give the id", resource.name);
                    return Err(Error::invalid(format!("/{}", key.columns[0]), detail));
                }
            }
        }
        before.extend(key.columns);
    }
    Ok(None)
}

fn is_same(value: &Bound, present: Option<&Value>) -> bool {
    match (value, present.unwrap_or(&Value::Null)) {
        (Bound::Int(number), present) => *number == present.as_i64(),
        (Bound::Flag(flag), present) => Some(*flag) == present.as_bool(),
        (Bound::Text(None), present) => present.is_null() || present.as_array().is_some_and(Vec::is_empty),
        (Bound::Text(Some(text)), Value::String(present)) => text == present,
        (Bound::Text(Some(text)), present) => serde_json::from_str::<Value>(text).is_ok_and(|value| value == *present),
    }
}

/// A row may have more cells than the header only if they are blank.
fn no_more_cells(row: &[String], columns: usize) -> Result<()> {
    match row.iter().skip(columns).find(|cell| !cell.trim().is_empty()) {
        Some(extra) => {
            Err(Error::invalid("", format!("has {} cells; the header has {columns}: \"{extra}\"", row.len())))
        }
        None => Ok(()),
    }
}
