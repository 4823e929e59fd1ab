//! Files that other programs wrote: how they are written is recognised, and told; then they are read as UTF-8.
//!
//! Nothing is gathered but the sheets of small tables: a file is read from its beginning as often as somebody wants to.

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
