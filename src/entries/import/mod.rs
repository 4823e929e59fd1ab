//! Import: tables, JSON and NDJSON; files of other programs, and Frontdesk's own exports.
//!
//! What always holds: a file goes in whole, or what does not is told by its place; the report says what one then sees.
//! An export that is imported and exported again is the same to the byte. The same file again stores nothing, a later
//! version of it stores what is new, another file is other data. A run that broke off goes on where it was; one that is
//! cancelled leaves nothing.
//!
//! A file is read twice: first to see what it holds ([`Survey`]), then to store it ([`Entries::run_import`]). Reading is off the
//! async workers, and memory does not grow with the file, but for eight bytes a row.

mod aside;
mod batches;
mod cancel;
mod decide;
mod how;
mod jobs;
mod known;
mod looking;
mod looks;
mod piece;
mod preview;
mod report;
mod row;
mod rows;
mod run;
mod survey;
mod table;
mod tree;

pub use how::How;
pub use looks::{Looks, Seen};
pub use report::ImportReport;
pub use survey::Survey;
