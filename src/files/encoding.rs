//! Detects the character encoding of a file, and decodes it.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    Encoding, ISO_8859_2, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250, WINDOWS_1252, WINDOWS_1254, WINDOWS_1257,
    WINDOWS_1258,
};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::reading::Reading;

/// Bytes that are looked at at once.
const PIECE: usize = 64 * 1024;

/// Recognises the encoding: a byte order mark says it, UTF-8 is what the whole file can be read as, UTF-16 has a zero in
/// every other byte; what is left is guessed by the letters that occur.
pub fn recognise(file: &Reading) -> io::Result<&'static Encoding> {
    let mut utf8 = Utf8::default();
    let mut by_start = None;
    pieces(file, &mut |piece, is_first| {
        by_start = is_first.then(|| by_mark(piece).or_else(|| sixteen_bits(piece))).flatten();
        utf8.feed(piece);
        by_start.is_none() && !utf8.broken
    })?;
    match by_start {
        Some(encoding) => Ok(encoding),
        None if utf8.is_valid() => Ok(UTF_8),
        None => guess(file),
    }
}

/// Guesses an encoding of one or two bytes a character by its letters.
fn guess(file: &Reading) -> io::Result<&'static Encoding> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut letters = 0;
    pieces(file, &mut |piece, _| {
        // Guessing is slow, and ASCII says nothing.
        let more = piece.iter().filter(|b| !b.is_ascii()).count();
        if more > 0 {
            detector.feed(piece, false);
        }
        letters += more;
        letters < ENOUGH
    })?;
    detector.feed(&[], true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    // A few accents say little about which of the Latin alphabets it is; the most frequent one is as good a guess.
    let is_latin = LATIN.contains(&guess);
    Ok(if is_latin && letters < TELLING { WINDOWS_1252 } else { guess })
}

/// Letters beyond ASCII by which Latin alphabets are told apart.
const TELLING: usize = 20;
/// Letters beyond ASCII after which more would not change a guess.
const ENOUGH: usize = 20_000;
const LATIN: [&Encoding; 5] = [WINDOWS_1250, WINDOWS_1254, WINDOWS_1257, WINDOWS_1258, ISO_8859_2];

/// Hands on a file in pieces until `take` wants no more; the second argument tells the first of them.
fn pieces(file: &Reading, take: &mut dyn FnMut(&[u8], bool) -> bool) -> io::Result<()> {
    let mut file = file.clone();
    let mut buffer = vec![0; PIECE];
    let mut is_first = true;
    loop {
        let length = read_some(&mut file, &mut buffer)?;
        if length == 0 || !take(&buffer[..length], is_first) {
            return Ok(());
        }
        is_first = false;
    }
}

/// A file as UTF-8, without its byte order mark. What is wrong is replaced, unless the file is UTF-8 already.
pub fn decoded(file: Reading, encoding: &'static Encoding) -> DecodeReaderBytes<Reading, Vec<u8>> {
    DecodeReaderBytesBuilder::new()
        .encoding(Some(encoding).filter(|encoding| *encoding != UTF_8))
        .bom_override(true)
        .strip_bom(true)
        .utf8_passthru(true)
        .build(file)
}

fn by_mark(piece: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(piece).map(|(encoding, _)| encoding)
}

/// UTF-16 without a mark: most texts have a zero in every other byte.
fn sixteen_bits(piece: &[u8]) -> Option<&'static Encoding> {
    let piece = &piece[..piece.len().min(4096)];
    let zeros = |offset: usize| piece.iter().skip(offset).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let most = piece.len() / 5;
    match (even > most, odd > most) {
        (true, false) => Some(UTF_16BE),
        (false, true) => Some(UTF_16LE),
        _ => None,
    }
}

fn read_some(file: &mut Reading, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

/// Whether a text that comes in pieces is UTF-8.
#[derive(Default)]
struct Utf8 {
    /// The beginning of a character whose rest comes with the next piece.
    rest: Vec<u8>,
    broken: bool,
}

impl Utf8 {
    fn feed(&mut self, piece: &[u8]) {
        let mut text = std::mem::take(&mut self.rest);
        text.extend_from_slice(piece);
        if let Err(error) = std::str::from_utf8(&text) {
            match error.error_len() {
                None => self.rest = text.split_off(error.valid_up_to()),
                Some(_) => self.broken = true,
            }
        }
    }

    fn is_valid(&self) -> bool {
        !self.broken && self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn encodings_are_recognised() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let cyrillic = encoding_rs::WINDOWS_1251.encode("имя;город\nИван Петров;Нижний Новгород\n").0.into_owned();
        for (bytes, name) in [
            (b"name,age\nJos\xc3\xa9,5\n".to_vec(), "UTF-8"),
            (b"\xef\xbb\xbfname\n".to_vec(), "UTF-8"),
            (b"name,age\nJos\xe9 \x80,5\nM\xfcller,6\n".to_vec(), "windows-1252"),
            ([b"\xff\xfe".to_vec(), utf16("name,age\n")].concat(), "UTF-16LE"),
            (utf16("name,age\nAda,5\n"), "UTF-16LE"),
            (cyrillic, "windows-1251"),
            // a character that stands across two pieces
            ([vec![b'a'; PIECE - 1], "é".as_bytes().to_vec()].concat(), "UTF-8"),
            (b"broken at the end \xc3".to_vec(), "windows-1252"),
            (Vec::new(), "UTF-8"),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            assert_eq!(recognise(&Reading::of(file)).unwrap().name(), name, "{bytes:?}");
        }
    }
}
