//! JSON as clients send it: checked and made canonical in one pass, then walked without building values.
//!
//! Canonical text has no white space and one spelling of every string; the order of names and the
//! spelling of numbers stay as sent. So the exact text `"pro"` occurs in an entry if and only if the
//! string does, and a control character never occurs at all.

mod path;
mod read;
mod text;
mod walk;

pub use path::Path;
pub use read::{Canonical, Kind, Refusal, elements, object};
pub use text::string;
pub use walk::{fields, find, members, paths};
