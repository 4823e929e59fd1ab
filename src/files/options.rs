//! How a file is to be read, as people choose it.

use encoding_rs::Encoding;

use crate::error::{Error, Result};

/// How a file is to be read; `None` is recognised.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Options {
    /// Character encoding.
    pub encoding: Option<&'static Encoding>,
    /// Table, document, or lines of JSON.
    pub format: Option<FileFormat>,
    /// The byte between two cells.
    pub delimiter: Option<u8>,
    /// `Some(None)`: a quote is a character like any other.
    pub quote: Option<Option<u8>>,
    /// The first row holds names and no data.
    pub header: Option<bool>,
    /// The names that lead to the list, with dots between.
    pub list: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    Table,
    /// One document with a list of objects in it, or one object.
    Json,
    /// An object on every line.
    Ndjson,
}

/// Choices for each option, as pages and the command line spell them.
pub const FORMATS: [(&str, FileFormat); 3] =
    [("table", FileFormat::Table), ("json", FileFormat::Json), ("ndjson", FileFormat::Ndjson)];
/// What may stand between two cells: name and byte.
pub const DELIMITERS: [(&str, u8); 4] = [(",", b','), (";", b';'), ("|", b'|'), ("tab", b'\t')];
/// What cells may be quoted with: name and byte, if any.
pub const QUOTES: [(&str, Option<u8>); 3] = [("\"", Some(b'"')), ("'", Some(b'\'')), ("none", None)];

impl Options {
    /// Reads options out of the parameters of a form or of a URL.
    pub fn of(params: &[(String, String)]) -> Result<Options> {
        Options::parse(|name| params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value))
    }

    /// Reads options by name; an empty one is recognised from the file.
    pub fn parse<'o>(get: impl Fn(&str) -> &'o str) -> Result<Options> {
        Ok(Options {
            encoding: match get("encoding") {
                "" => None,
                label => Some(Encoding::for_label(label.as_bytes()).ok_or_else(|| {
                    Error::invalid("/encoding", format!("\"{label}\" is no encoding such as utf-8 or windows-1252"))
                })?),
            },
            format: choice("format", get("format"), &FORMATS)?,
            delimiter: choice("delimiter", get("delimiter"), &DELIMITERS)?,
            quote: choice("quote", get("quote"), &QUOTES)?,
            header: choice("header", get("header"), &[("yes", true), ("no", false)])?,
            list: Some(get("list").to_owned()).filter(|list| !list.is_empty()),
        })
    }
}

fn choice<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
    if value.is_empty() {
        return Ok(None);
    }
    let found = choices.iter().find(|(known, _)| *known == value || value == "\t" && *known == "tab");
    found.map(|(_, choice)| Some(*choice)).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(known, _)| *known).collect();
        Error::invalid(format!("/{name}"), format!("\"{value}\" is none of {}", names.join(" ")))
    })
}

/// A table whose first row names the columns; everything else is recognised.
pub const TABLE: Options = Options {
    encoding: None,
    format: Some(FileFormat::Table),
    delimiter: None,
    quote: None,
    header: Some(true),
    list: None,
};
