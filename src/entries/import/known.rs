//! Which rows of a file are stored already, because the file is a version of an earlier one.
//!
//! Rows are matched by content and number of occurrences, in any position. Equal rows alone prove nothing: two surveys
//! may both consist of yes and no. So files are compared as a whole.

use std::num::NonZeroI64;

use super::report::Rule;
use crate::entries::store::EarlierRow;

/// The rows of an earlier import whose entries are there.
#[derive(Debug, Default)]
pub struct Earlier {
    /// Sorted.
    rows: Vec<EarlierRow>,
    /// At the first of equal digests: how many of them were met again.
    used: Vec<u32>,
}

impl Earlier {
    /// `rows`: sorted.
    pub fn new(mut rows: Vec<EarlierRow>) -> Earlier {
        rows.retain(|row| row.entry.is_some());
        Earlier { used: vec![0; rows.len()], rows }
    }

    /// Takes the entry of an earlier row with this digest; each earlier row is taken once.
    pub fn take(&mut self, digest: i64) -> Option<i64> {
        let first = self.rows.partition_point(|row| row.digest < digest);
        let place = first + *self.used.get(first)? as usize;
        let row = self.rows.get(place).filter(|row| row.digest == digest)?;
        self.used[first] += 1;
        row.entry.map(NonZeroI64::get)
    }
}

/// Compares two files by their sorted digests. `same_name`: their file names are equal.
/// `None`: neither is a version of the other.
pub fn relation(earlier: &[EarlierRow], file: &[i64], same_name: bool) -> Option<Relation> {
    let (mut shared, mut a, mut b) = (0, 0, 0);
    while a < earlier.len() && b < file.len() {
        match earlier[a].digest.cmp(&file[b]) {
            std::cmp::Ordering::Less => a += 1,
            std::cmp::Ordering::Greater => b += 1,
            std::cmp::Ordering::Equal => (shared, a, b) = (shared + 1, a + 1, b + 1),
        }
    }
    let is_grown = shared == earlier.len();
    let is_shrunk = shared == file.len();
    let mostly = shared * 5 >= earlier.len() * 4;
    // A few rows that occur again and again say little about where they are from.
    let distinct = earlier.chunk_by(|a, b| a.digest == b.digest).count();
    let telling = distinct >= TELLING && distinct * 2 >= earlier.len();
    let is_version = shared > 0 && (is_grown || is_shrunk || mostly && telling) && (telling || same_name);
    is_version.then_some(Relation { shared })
}

/// Different rows by which a file is recognised under another name.
const TELLING: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relation {
    pub shared: usize,
}

/// What was decided about a file before its rows are stored.
pub struct Comparison {
    pub rule: Rule,
    /// The name of the earlier file.
    pub file_name: String,
    pub earlier: Earlier,
}

impl Comparison {
    /// All rows are stored.
    pub fn none(rule: Rule) -> Comparison {
        Comparison { rule, file_name: String::new(), earlier: Earlier::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests and entries; 0 is none.
    fn rows(rows: &[(i64, i64)]) -> Vec<EarlierRow> {
        rows.iter().map(|(digest, entry)| EarlierRow { digest: *digest, entry: NonZeroI64::new(*entry) }).collect()
    }

    #[test]
    fn rows_are_known_as_often_as_they_occurred() {
        let mut earlier = Earlier::new(rows(&[(5, 100), (5, 102), (6, 0), (7, 101)]));
        assert_eq!(
            [5, 5, 5, 6, 7, 7, 9].map(|digest| earlier.take(digest)),
            [Some(100), Some(102), None, None, Some(101), None, None]
        );
        assert_eq!(Earlier::default().take(1), None);
    }

    #[test]
    fn versions_of_a_file_are_told_from_other_files() {
        let many: Vec<i64> = (0..100).collect();
        let without = |left: &[i64]| many.iter().copied().filter(|n| !left.contains(n)).collect::<Vec<_>>();
        let (yes, no) = (1, 2);
        for (earlier, file, same_name, is_version) in [
            (many.clone(), many.clone(), false, true),
            (many.clone(), [many.clone(), vec![200]].concat(), false, true),
            (many.clone(), without(&[50]), false, true),
            ([many.clone()].concat(), [without(&[3, 4, 5]), vec![201, 202]].concat(), false, true),
            (many.clone(), (200..300).collect(), false, false),
            // half of it is something else
            (many.clone(), (50..150).collect(), true, false),
            // yes, no, yes, and then yes, yes, yes: another file, whatever it is called
            (vec![yes, yes, no], vec![yes, yes, yes], true, false),
            (vec![yes, yes, no], vec![yes, yes, yes], false, false),
            // the same few answers and one more: the name decides
            (vec![yes, yes, no], vec![yes, yes, yes, no], true, true),
            (vec![yes, yes, no], vec![yes, yes, yes, no], false, false),
            (vec![], vec![yes], true, false),
        ] {
            let earlier = rows(&earlier.iter().map(|digest| (*digest, 1)).collect::<Vec<_>>());
            assert_eq!(relation(&earlier, &file, same_name).is_some(), is_version, "{earlier:?} {file:?} {same_name}");
        }
    }
}
