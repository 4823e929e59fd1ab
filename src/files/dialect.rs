//! How a table is written, and its records.

use std::io::{self, Read};

use super::notice::unreadable;
use crate::error::Result;
use crate::limits::MAX_ENTRY;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The byte between two cells.
    pub delimiter: u8,
    /// `None`: there are no quotes.
    pub quote: Option<u8>,
}

/// What stands before a table, in bytes of UTF-8 and in lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Bytes of UTF-8.
    pub length: u64,
    /// Lines.
    pub lines: u64,
}

impl Dialect {
    /// A reader of records; all of them are data, also the first.
    pub fn reader<R: Read>(self, from: R) -> csv::Reader<R> {
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(self.delimiter).flexible(true).has_headers(false);
        match self.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        builder.from_reader(from)
    }
}

/// Passes each record with its line number to `take`, until that returns false. `None`: the record is not UTF-8.
pub fn records(
    mut text: impl Read,
    dialect: Dialect,
    skipped: Skipped,
    take: &mut dyn FnMut(u64, Option<&csv::StringRecord>) -> bool,
) -> Result<()> {
    let broken = |error: io::Error| unreadable(error.to_string());
    io::copy(&mut text.by_ref().take(skipped.length), &mut io::sink()).map_err(broken)?;
    let mut reader = dialect.reader(QuoteWatch::new(text, dialect, skipped.lines + 1));
    let mut record = csv::StringRecord::new();
    loop {
        let before = reader.position().line() + skipped.lines;
        let read = match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => Some(&record),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => None,
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let line = record.position().map_or(before, |position| position.line() + skipped.lines);
        if !take(line, read) {
            return Ok(());
        }
    }
    match reader.get_ref().open_quote() {
        Some(line) => Err(unreadable(format!("line {line}: a quote is opened and never closed"))),
        None => Ok(()),
    }
}

/// Watches for a quote that is opened and never closed: then all that follows is one cell, and nobody would know.
pub struct QuoteWatch<R> {
    inner: R,
    dialect: Dialect,
    state: State,
    line: u64,
    opened: u64,
    last: u8,
    /// Bytes of the record that is being read.
    length: usize,
}

/// Bytes of a record beyond which it is no entry anyway: it must not fill the memory.
const MAX_RECORD: usize = 16 * MAX_ENTRY;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A cell begins.
    Start,
    Plain,
    Quoted,
    /// A quote inside of quotes: the end, or half of a double one.
    Closing,
}

impl<R> QuoteWatch<R> {
    pub fn new(inner: R, dialect: Dialect, line: u64) -> QuoteWatch<R> {
        QuoteWatch { inner, dialect, state: State::Start, line, opened: 0, last: 0, length: 0 }
    }

    /// At the end: the line on which a quote was opened that is still open.
    pub fn open_quote(&self) -> Option<u64> {
        (self.state == State::Quoted).then_some(self.opened)
    }

    fn watch(&mut self, byte: u8) {
        let is_break = byte == b'\n' || byte == b'\r';
        self.length = if is_break && self.state != State::Quoted { 0 } else { self.length + 1 };
        self.line += u64::from(byte == b'\r' || byte == b'\n' && self.last != b'\r');
        self.last = byte;
        self.state = match self.state {
            State::Quoted if Some(byte) == self.dialect.quote => State::Closing,
            State::Quoted => State::Quoted,
            State::Closing if Some(byte) == self.dialect.quote => State::Quoted,
            _ if is_break || byte == self.dialect.delimiter => State::Start,
            State::Start if Some(byte) == self.dialect.quote => {
                self.opened = self.line;
                State::Quoted
            }
            _ => State::Plain,
        };
    }
}

impl<R: Read> Read for QuoteWatch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        for byte in &buffer[..length] {
            self.watch(*byte);
            if self.length > MAX_RECORD {
                let begun = if self.state == State::Quoted { self.opened } else { self.line };
                return Err(io::Error::other(format!("line {begun}: a row is longer than {MAX_RECORD} bytes")));
            }
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unclosed_quote_is_noticed() {
        let comma = Dialect { delimiter: b',', quote: Some(b'"') };
        for (text, line) in [
            ("a,b\n1,\"x\"\n", None),
            ("a,b\n1,\"x\n2,y\n", Some(2)),
            ("a,b\r\n1,\"x \"\"y\"\" z\"\r\n3,\"\r\n", Some(3)),
            ("a\nsix\" tall\n", None),
            ("a\n\"\"\"\n", Some(2)),
        ] {
            let mut watch = QuoteWatch::new(text.as_bytes(), comma, 1);
            io::copy(&mut watch, &mut io::sink()).unwrap();
            assert_eq!(watch.open_quote(), line, "{text:?}");
        }
    }
}
