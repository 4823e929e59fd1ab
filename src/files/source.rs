//! A file and how it is written.

use std::fs::File;
use std::io::{self, BufReader, Read, Write as _};

use encoding_rs::{Encoding, UTF_8};
use sha2::{Digest as _, Sha256};

use super::dialect::{Dialect, Skipped, records};
use super::document::{self, List};
use super::notice::{Notice, unreadable};
use super::options::{FileFormat, Options};
use super::reading::Reading;
use super::{encoding, sniff};
use crate::error::{Error, Result};

/// Bytes of text by which a file is recognised.
const SAMPLE: u64 = 256 * 1024;

/// A table as its cells.
pub struct Sheet {
    /// How it was read, in words.
    pub read_as: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// With their lines.
    pub rows: Vec<(u64, Vec<String>)>,
}

/// A file and how it is written.
pub struct Source {
    /// At its beginning; read by clones of it.
    file: Reading,
    /// Character encoding, recognised or chosen.
    pub encoding: &'static Encoding,
    /// How it is written, recognised or chosen.
    pub shape: Structure,
    /// What people should know who think it is written otherwise.
    pub notices: Vec<Notice>,
}

/// How the content of a file is arranged.
#[derive(Debug, Clone, PartialEq)]
pub enum Structure {
    /// Rows and columns.
    Table {
        /// Delimiter and quotes.
        dialect: Dialect,
        /// The first row holds names and no data.
        header: bool,
        /// What stands before the table.
        skipped: Skipped,
    },
    /// A JSON object on every line.
    Lines,
    /// The list that is taken, `None` for a document that is one object; and all there are.
    Document {
        /// The list that is read; `None`: the document is one object.
        list: Option<Vec<String>>,
        /// Every list that the document holds.
        lists: Vec<List>,
    },
}

impl Source {
    /// Opens a file. What `options` leave open is detected, also by the file extension of `name`.
    pub fn open(file: File, name: &str, options: &Options) -> Result<Source> {
        let file = Reading::of(file);
        let unreadable = |error: io::Error| unreadable(error.to_string());
        let encoding = match options.encoding {
            Some(encoding) => encoding,
            None => encoding::recognise(&file).map_err(unreadable)?,
        };
        let mut magic = [0; 4];
        if file.clone().read_exact(&mut magic).is_ok() && magic == *b"PK\x03\x04" {
            return Err(Error::invalid("/file", "this is a workbook or an archive: save it as CSV"));
        }
        let mut source = Source { file, encoding, shape: Structure::Lines, notices: Vec::new() };
        let mut sample = Vec::new();
        source.text().take(SAMPLE).read_to_end(&mut sample).map_err(unreadable)?;
        let is_whole = (sample.len() as u64) < SAMPLE;
        let sample = String::from_utf8_lossy(&sample);
        source.shape = match options.format.unwrap_or_else(|| format(name, &sample)) {
            FileFormat::Table => source.table(&sample, is_whole, options, name),
            FileFormat::Ndjson => Structure::Lines,
            FileFormat::Json => source.document(options)?,
        };
        Ok(source)
    }

    /// The same for a text that is no file yet.
    pub fn of_text(text: &str, name: &str, options: &Options) -> Result<Source> {
        let written = tempfile::tempfile().and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            Ok(file)
        });
        Source::open(written.map_err(|error| Error::Internal(Box::new(error)))?, name, options)
    }

    /// SHA-256 of the file and of how it is read: the same file read in another way is another one.
    pub fn digest(&self) -> io::Result<Vec<u8>> {
        let mut hash = Sha256::new();
        io::copy(&mut self.file.clone(), &mut hash)?;
        hash.update(format!("{} {:?}", self.encoding.name(), self.shape));
        Ok(hash.finalize().to_vec())
    }

    /// The file as UTF-8, from its beginning.
    pub fn text(&self) -> BufReader<impl Read + use<>> {
        BufReader::with_capacity(1 << 16, encoding::decoded(self.file.clone(), self.encoding))
    }

    fn table(&mut self, sample: &str, is_whole: bool, options: &Options, name: &str) -> Structure {
        let preamble = sniff::preamble(sample, is_whole);
        let told = |count: u64| if count == 1 { "1 comment line".to_owned() } else { format!("{count} comment lines") };
        if preamble.comments > 0 {
            self.notices.push(Notice(format!("{} before the table are left out", told(preamble.comments))));
        }
        let sample = &sample[preamble.length..];
        let by_name = name.to_ascii_lowercase().ends_with(".tsv").then_some(b'\t');
        let delimiter = options.delimiter.or(preamble.delimiter).or(by_name);
        let dialect = sniff::dialect(sample, is_whole, delimiter, options.quote);
        let header = options.header.unwrap_or_else(|| sniff::has_header(sample, is_whole, dialect));
        if dialect.quote == Some(b'\'') && options.quote.is_none() {
            self.notices.push(Notice("apostrophes are read as quotes".into()));
        }
        let skipped = Skipped { length: preamble.length as u64, lines: preamble.lines };
        Structure::Table { dialect, header, skipped }
    }

    fn document(&self, options: &Options) -> Result<Structure> {
        let lists = document::lists(self.text()).map_err(|error| unreadable(error.to_string()))?;
        let wanted = options.list.as_ref().map(|list| list.split('.').map(str::to_owned).collect::<Vec<_>>());
        let list = match wanted {
            Some(path) if lists.iter().any(|list| list.path == path) => Some(path),
            Some(path) => {
                let known: Vec<_> = lists.iter().map(|list| list.path.join(".")).collect();
                let detail =
                    format!("there is no list of objects at \"{}\"; there is {}", path.join("."), known.join(", "));
                return Err(Error::invalid("/list", detail));
            }
            // An export and what /list answers have their own name for it, whatever else is in an entry.
            None => {
                let ours = lists.iter().find(|list| list.path == ["entries"]);
                ours.or(lists.first()).map(|list| list.path.clone())
            }
        };
        Ok(Structure::Document { list, lists })
    }

    /// The cells of a table whose first row names its columns. Kept in memory, so only for small files.
    pub fn sheet(&self) -> Result<Sheet> {
        let Structure::Table { dialect, skipped, .. } = self.shape else {
            return Err(Error::invalid("/file", "must be a table"));
        };
        let mut sheet = Sheet { read_as: self.to_string(), header: Vec::new(), rows: Vec::new() };
        let mut wrong = None;
        records(self.text(), dialect, skipped, &mut |line, record| {
            let cells: Vec<_> = record.into_iter().flatten().map(str::to_owned).collect();
            match record {
                None => wrong = Some(line),
                Some(_) if sheet.header.is_empty() => sheet.header = cells,
                Some(_) => sheet.rows.push((line, cells)),
            }
            wrong.is_none()
        })?;
        match wrong {
            Some(line) => Err(Error::invalid("/file", format!("line {line} is no UTF-8: choose another encoding"))),
            None => Ok(sheet),
        }
    }
}

/// Recognises what a file holds.
fn format(name: &str, sample: &str) -> FileFormat {
    let lower = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if ends(&[".csv", ".tsv", ".tab"]) {
        return FileFormat::Table;
    }
    if ends(&[".ndjson", ".jsonl"]) {
        return FileFormat::Ndjson;
    }
    let start = sample.trim_start();
    if !start.starts_with(['{', '[']) {
        return FileFormat::Table;
    }
    let mut values = serde_json::Deserializer::from_str(start).into_iter::<serde::de::IgnoredAny>();
    match (values.next(), values.next()) {
        // Several documents, one after the other.
        (Some(Ok(_)), Some(_)) if start.starts_with('{') => FileFormat::Ndjson,
        (Some(Ok(_)), None) => FileFormat::Json,
        // It goes on beyond the sample.
        (Some(Err(error)), _) if error.is_eof() || ends(&[".json", ".geojson"]) => FileFormat::Json,
        _ => FileFormat::Table,
    }
}

/// In words, for people who check what was recognised.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let encoding = if self.encoding == UTF_8 { "UTF-8" } else { self.encoding.name() };
        match &self.shape {
            Structure::Lines => write!(f, "an object on every line, {encoding}"),
            Structure::Document { list: None, .. } => write!(f, "a JSON document that is one entry, {encoding}"),
            Structure::Document { list: Some(path), .. } if path.is_empty() => write!(f, "a JSON list, {encoding}"),
            Structure::Document { list: Some(path), .. } => {
                write!(f, "the list \"{}\" of a JSON document, {encoding}", path.join("."))
            }
            Structure::Table { dialect, header, .. } => {
                let named = |b: u8| if b == b'\t' { "tabs".to_owned() } else { format!("\"{}\"", b as char) };
                let quote = dialect.quote.map_or("no quotes".into(), |quote| format!("quotes {}", named(quote)));
                let header = if *header { "the first row names them" } else { "without names" };
                write!(f, "a table, {encoding}, {} between columns, {quote}, {header}", named(dialect.delimiter))
            }
        }
    }
}
