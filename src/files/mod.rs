//! Files that other programs wrote: encoding, format and dialect are detected and reported; text is read as UTF-8.
//!
//! Files are streamed, each time from the beginning; only the [`Sheet`] of a small table is held in memory.

mod dialect;
mod document;
mod encoding;
mod notice;
mod options;
mod reading;
mod sniff;
mod source;

pub use dialect::{Dialect, Skipped, records};
pub use document::{List, elements};
pub use notice::{Notice, unreadable};
pub use options::{DELIMITERS, FORMATS, Options, QUOTES, TABLE};
pub use source::{Sheet, Source, Structure};
