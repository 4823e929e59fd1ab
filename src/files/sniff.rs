//! How a table is written: what stands between its cells and around them, and whether its first row names the columns.

use super::dialect::{Dialect, QuoteWatch};
use crate::filter::number;

/// Records that are looked at.
const LOOKED_AT: usize = 200;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Lines before a table that are none of it: `sep=;`, by which Excel is told the delimiter, and comments.
pub struct Preamble {
    pub lines: u64,
    /// In bytes of UTF-8.
    pub length: usize,
    pub delimiter: Option<u8>,
    pub comments: u64,
}

/// Reads what stands before the table. A first line that begins with `#` is a comment, unless it has as many cells as the line
/// after it and may well name them.
pub fn preamble(sample: &str, is_whole: bool) -> Preamble {
    let mut found = Preamble { lines: 0, length: 0, delimiter: None, comments: 0 };
    loop {
        let rest = &sample[found.length..];
        let (line, length) = first_line(rest);
        let below = &rest[length..];
        let told = line.trim_matches('"').to_ascii_lowercase();
        let separator = told.strip_prefix("sep=").and_then(|text| text.bytes().next().filter(|_| text.len() == 1));
        if let (Some(delimiter), 0) = (separator.filter(|b| DELIMITERS.contains(b)), found.lines) {
            found.delimiter = Some(delimiter);
        } else if line.starts_with('#') && !below.is_empty() && !names_columns(line, below, is_whole) {
            found.comments += 1;
        } else {
            return found;
        }
        found.lines += 1;
        found.length += length;
    }
}

/// A line and its length with its end.
fn first_line(text: &str) -> (&str, usize) {
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    let break_length = if text[end..].starts_with("\r\n") { 2 } else { usize::from(end < text.len()) };
    (&text[..end], end + break_length)
}

/// Whether a line that begins with `#` is a header: `#id,name` is, above a row of as many cells; `# of seats,price` is,
/// unless the rows below have a header of their own.
fn names_columns(line: &str, below: &str, is_whole: bool) -> bool {
    let (next, _) = first_line(below);
    let cells = |line: &str, delimiter: u8| line.bytes().filter(|b| *b == delimiter).count();
    let alike = DELIMITERS.iter().any(|d| cells(line, *d) > 0 && cells(line, *d) == cells(next, *d));
    let is_sentence = line.starts_with("# ");
    alike && !(is_sentence && has_header(below, is_whole, dialect(below, is_whole, None, None)))
}

/// The dialect in which most records have equally many cells, more than one. `sample` begins with the table and may end
/// in the middle of a record.
pub fn dialect(sample: &str, is_whole: bool, delimiter: Option<u8>, quote: Option<Option<u8>>) -> Dialect {
    let delimiters = delimiter.map_or(DELIMITERS.to_vec(), |d| vec![d]);
    let best = |quote: Option<u8>| {
        let tried = delimiters.iter().map(|&delimiter| {
            let dialect = Dialect { delimiter, quote };
            (score(&records(sample, is_whole, dialect)), dialect)
        });
        // The first of those that are equally good.
        tried.reduce(|best, one| if one.0 > best.0 { one } else { best })
    };
    let usual = Dialect { delimiter: delimiters[0], quote: quote.unwrap_or(Some(b'"')) };
    let (plain, dialect) = best(usual.quote).unwrap_or((0.0, usual));
    match (quote, best(Some(b'\''))) {
        (None, Some((apostrophes, other))) if apostrophes > 0.0 => {
            let quotes = apostrophes_as_quotes(&records(sample, is_whole, dialect));
            let only_way =
                is_whole && starts_cells(sample, other) && leaves_open(sample, dialect) && !leaves_open(sample, other);
            let chosen = match quotes {
                Sign::Clear => true,
                Sign::Possible => apostrophes + 0.04 >= plain,
                Sign::Faint => apostrophes > plain || is_whole && leaves_open(sample, dialect),
                Sign::No => false,
            };
            if chosen || only_way { other } else { dialect }
        }
        _ => dialect,
    }
}

/// Whether cells begin with an apostrophe.
fn starts_cells(sample: &str, dialect: Dialect) -> bool {
    let behind = [dialect.delimiter as char, '\n', '\r'].map(|c| format!("{c}'"));
    sample.starts_with('\'') || behind.iter().any(|start| sample.contains(start.as_str()))
}

/// Whether a quote is opened and never closed.
fn leaves_open(sample: &str, dialect: Dialect) -> bool {
    let mut watch = QuoteWatch::new(sample.as_bytes(), dialect, 1);
    std::io::copy(&mut watch, &mut std::io::sink()).is_ok() && watch.open_quote().is_some()
}

#[derive(PartialEq, Eq)]
enum Sign {
    Clear,
    Possible,
    /// Only if rows become whole by it, or can be read at all.
    Faint,
    No,
}

/// Whether apostrophes stand around cells as quotes do: around most of them, or doubled inside of others; or perhaps, opened in
/// one cell and closed in another, which then are one cell.
fn apostrophes_as_quotes(records: &[csv::StringRecord]) -> Sign {
    let cells = || records.iter().flatten().filter(|cell| cell.len() > 1);
    let (opened, closed) = (|cell: &str| cell.starts_with('\''), |cell: &str| cell.ends_with('\''));
    let around = cells().filter(|cell| opened(cell) && closed(cell)).count();
    let only_opened = cells().filter(|cell| opened(cell) && !closed(cell)).count();
    let only_closed = cells().filter(|cell| closed(cell) && !opened(cell)).count();
    let doubled = cells().any(|cell| cell.starts_with("'''") && cell.ends_with("'''") && cell.len() > 6);
    if around * 2 > cells().count() || doubled {
        Sign::Clear
    } else if only_opened != only_closed || only_opened == 0 {
        Sign::No
    } else if only_opened > 1 && only_opened * 10 >= records.len() {
        Sign::Possible
    } else {
        Sign::Faint
    }
}

/// The first records of a sample; the last of a sample that is cut off may be half of one.
fn records(sample: &str, is_whole: bool, dialect: Dialect) -> Vec<csv::StringRecord> {
    let reader = dialect.reader(sample.as_bytes());
    let mut records: Vec<_> = reader.into_records().take(LOOKED_AT).filter_map(Result::ok).collect();
    if !is_whole && records.len() > 1 && records.len() < LOOKED_AT {
        records.pop();
    }
    records
}

/// The share of records that have the most frequent number of cells, and a little for every cell; nothing for one cell.
fn score(records: &[csv::StringRecord]) -> f64 {
    let most = |length: usize| records.iter().filter(|record| record.len() == length).count();
    let usual = records.iter().map(csv::StringRecord::len).max_by_key(|length| (most(*length), *length));
    match usual {
        Some(length) if length > 1 => most(length) as f64 / records.len() as f64 + (length.min(40) as f64) / 1000.0,
        _ => 0.0,
    }
}

/// Whether the first row names the columns: none of its cells is of a kind, such as a number, that the cells below it are of as
/// well. Counted columns (`1`, `2`, `3`), days and years are names in many tables; and an export of ours says what it is.
pub fn has_header(sample: &str, is_whole: bool, dialect: Dialect) -> bool {
    let records = records(sample, is_whole, dialect);
    let Some((first, rest)) = records.split_first() else { return true };
    let has = |name: &str| first.iter().any(|cell| cell == name);
    if has("_id") && has("_received") || counts_columns(first) {
        return true;
    }
    // A broken row or two must not decide it.
    let alike_below = |column: usize, kind: Kind| {
        let below: Vec<_> = rest.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).collect();
        let alike = below.iter().filter(|cell| kind.fits(Kind::of(cell))).count();
        rest.is_empty() || alike > 0 && alike * 5 >= below.len() * 4
    };
    !first.iter().enumerate().any(|(column, cell)| Kind::of(cell).is_some_and(|kind| alike_below(column, kind)))
}

/// Several columns that are numbered one after the other, or named by days, behind one with a name.
fn counts_columns(first: &csv::StringRecord) -> bool {
    let names: Vec<_> = first.iter().skip_while(|cell| Kind::of(cell).is_none()).collect();
    let numbers: Vec<i64> = names.iter().filter_map(|cell| cell.parse().ok()).collect();
    let is_named = names.len() < first.len() && names.len() > 1;
    let in_order = numbers.len() == names.len() && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
    is_named && (in_order || names.iter().all(|cell| Kind::of(cell) == Some(Kind::Date)))
}

/// What a cell is, where it is no name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Year,
    Date,
    Email,
}

impl Kind {
    fn of(cell: &str) -> Option<Kind> {
        if number(cell).is_some() {
            let year = cell.len() == 4 && cell.parse::<u32>().is_ok_and(|year| (1800..2200).contains(&year));
            return Some(if year { Kind::Year } else { Kind::Number });
        }
        if cell.len() >= 10 && cell.is_char_boundary(10) && cell[..10].parse::<jiff::civil::Date>().is_ok() {
            return Some(Kind::Date);
        }
        let (name, host) = cell.split_once('@')?;
        (!name.is_empty() && host.contains('.') && !cell.contains(' ')).then_some(Kind::Email)
    }

    /// Whether a cell below is of this kind; a year is a number too.
    fn fits(self, below: Option<Kind>) -> bool {
        below == Some(self) || self == Kind::Number && below == Some(Kind::Year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_are_recognised_over_whole_records() {
        for (text, delimiter, quote) in [
            ("a;b\n1;2\n", b';', b'"'),
            ("a,b;c\n1,2;3\n4,5\n", b',', b'"'),
            ("\"Name, first\";age\n\"Lovelace, Ada\";36\n", b';', b'"'),
            ("a\tb\n1,5\t2,5\n", b'\t', b'"'),
            ("a|b\n1|2\n", b'|', b'"'),
            ("'a,x','b'\n'1,2','3'\n'4','5,6'\n", b',', b'\''),
            ("name\nO'Brien\n'tis\n", b',', b'"'),
            ("n,text\n1,'tis\n2,dogs'\n3,x\n", b',', b'"'),
            ("n,text\n1,'tis, dogs'\n2,x\n3,y\n4,z\n", b',', b'\''),
            ("text,n\n\"two\nlines; three\",1\n\"a;b;c;d\",2\n", b',', b'"'),
        ] {
            let found = dialect(text, true, None, None);
            assert_eq!(
                (found.delimiter as char, found.quote.map(char::from)),
                (delimiter as char, Some(quote as char)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_stands_before_a_table_is_skipped() {
        for (text, lines, delimiter) in [
            ("sep=;\na;b\n", 1, Some(b';')),
            ("\"sep=;\"\na;b\n", 1, Some(b';')),
            ("Sep=;\na;b\n", 1, Some(b';')),
            ("sep=a\n1\n", 0, None),
            ("# made by x\n# on monday\na,b\n1,2\n", 2, None),
            ("#id,name\n1,Ada\n", 0, None),
            ("sep=,\r\n# note\r\na,b\r\n", 2, Some(b',')),
            ("# all there is", 0, None),
            ("a,b\n#1,2\n", 0, None),
            ("# of seats,price\n5,3\n6,4\n", 0, None),
            ("# exported by x, in march\nname,age\nAda,36\n", 1, None),
        ] {
            let found = preamble(text, true);
            assert_eq!((found.lines, found.delimiter), (lines, delimiter), "{text:?}");
        }
    }

    #[test]
    fn headers_are_recognised() {
        let comma = Dialect { delimiter: b',', quote: Some(b'"') };
        for (text, header) in [
            ("name,age\nAda,36\n", true),
            ("Ada,36\nBen,40\n", false),
            ("country,2019,2020\nDE,1,2\n", true),
            ("Q,2019\nA,5\nB,7\n", true),
            ("Ada,1999\nBen,2001\n", false),
            ("student,1,2,3\nAda,5,3,4\n", true),
            ("name,2026-01-05,2026-01-12\nAda,1,1\n", true),
            ("_id,_received,1,@\n1,2026-01-01T00:00:00Z,2,3\n", true),
            ("1,2\n3,4\n", false),
            ("ada@example.org,x\nben@example.org,y\n", false),
            ("day,n\n2026-01-01,1\n", true),
            ("2026-01-01,x\n2026-01-02,y\n", false),
            ("answer\nyes\nno\n", true),
            ("a,b\n", true),
            ("id,,\n1,x,y\n", true),
        ] {
            assert_eq!(has_header(text, true, comma), header, "{text}");
        }
    }
}
