//! What the columns of a table mean, by the names that other programs give them.

use super::csv::name_column;
use super::{Column, Resource};
use crate::error::{Error, Result};
use crate::files::Sheet;

/// Where the cells of a column go.
#[derive(Clone, Copy)]
pub enum Place {
    Id,
    Column(&'static Column),
    /// The name of a record that a column refers to.
    Name(&'static Column),
    /// Parts of the label, first and last.
    First,
    Last,
    /// A column without a name, of which all cells are empty.
    Nothing,
}

impl Place {
    /// What a column of this name is, whatever it is called.
    fn meant(self, name: &str) -> String {
        match self {
            Place::Id => "id".into(),
            Place::Column(column) => column.name.into(),
            Place::Name(column) => name_column(column).unwrap_or(column.name).into(),
            Place::First => "first_name".into(),
            Place::Last => "last_name".into(),
            Place::Nothing => name.into(),
        }
    }
}

/// Where each column of a table goes, by its name.
pub fn places(resource: &'static Resource, sheet: &Sheet) -> Result<Vec<Place>> {
    if sheet.header.iter().all(|name| name.trim().is_empty()) {
        return Err(Error::invalid("/file", "is empty: its first line names the columns"));
    }
    let mut taken: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for (index, name) in sheet.header.iter().enumerate() {
        let name = heading(name);
        if name.is_empty() {
            let blank = |(_, row): &(u64, Vec<String>)| row.get(index).is_none_or(|cell| cell.trim().is_empty());
            if !sheet.rows.iter().all(blank) {
                return Err(Error::invalid("/file", format!("line 1: column {} has no name", index + 1)));
            }
            found.push(Place::Nothing);
            continue;
        }
        let place = place(resource, &name).ok_or_else(|| strange(resource, &name))?;
        let meant = place.meant(&name);
        if taken.contains(&meant) {
            let also = if meant == name { String::new() } else { format!(" (\"{meant}\")") };
            return Err(Error::invalid("/file", format!("line 1: the column \"{name}\"{also} is there twice")));
        }
        found.push(place);
        taken.push(meant);
    }
    Ok(found)
}

fn place(resource: &'static Resource, name: &str) -> Option<Place> {
    let synonym = SYNONYMS.iter().find(|(synonym, _)| *synonym == name).map(|(_, meant)| *meant);
    [Some(name), synonym].into_iter().flatten().find_map(|name| match name {
        "id" => Some(Place::Id),
        "first_name" => Some(Place::First),
        "last_name" => Some(Place::Last),
        name => {
            let own = resource.writable().find(|column| column.name == name).map(Place::Column);
            own.or_else(|| resource.writable().find(|c| name_column(c) == Some(name)).map(Place::Name))
                .or_else(|| resource.writable().find(|column| heading(column.title) == name).map(Place::Column))
                .or_else(|| resource.given().any(|c| c.name == name).then_some(Place::Nothing))
        }
    })
}

fn strange(resource: &'static Resource, name: &str) -> Error {
    let known = resource.readable(true).flat_map(|column| [Some(column.name), name_column(column)]).flatten();
    let hint = crate::words::did_you_mean(name, known);
    Error::invalid("/file", format!("line 1: there is no column \"{name}\"{hint}"))
}

/// `Student number` is `student_number`, `E-Mail` is `e_mail`.
fn heading(name: &str) -> String {
    let plain: String = name.trim().to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    plain.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

/// What other programs call it.
const SYNONYMS: [(&str, &str); 33] = [
    ("e_mail", "email"),
    ("mail", "email"),
    ("email_address", "email"),
    ("e_mail_address", "email"),
    ("student_no", "student_number"),
    ("student_nr", "student_number"),
    ("student_id", "student_number"),
    ("matriculation_number", "student_number"),
    ("matriculation_no", "student_number"),
    ("id_number", "student_number"),
    ("telephone", "phone"),
    ("tel", "phone"),
    ("mobile", "phone"),
    ("phone_number", "phone"),
    ("full_name", "name"),
    ("display_name", "name"),
    ("student_name", "name"),
    ("student", "name"),
    ("firstname", "first_name"),
    ("given_name", "first_name"),
    ("forename", "first_name"),
    ("lastname", "last_name"),
    ("surname", "last_name"),
    ("family_name", "last_name"),
    ("nickname", "preferred_name"),
    ("url", "website"),
    ("homepage", "website"),
    ("web", "website"),
    ("department", "college"),
    ("faculty", "college"),
    ("school", "college"),
    ("office", "location"),
    ("room", "location"),
];

#[cfg(test)]
mod tests {
    use super::heading;

    #[test]
    fn headings_are_names_of_columns() {
        for (name, column) in [
            ("Student number", "student_number"),
            ("E-Mail", "e_mail"),
            (" First  Name ", "first_name"),
            ("No.", "no"),
            ("", ""),
        ] {
            assert_eq!(heading(name), column);
        }
    }
}
