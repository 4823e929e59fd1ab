//! Import: tables, JSON and NDJSON; files of other programs, and Frontdesk's own exports.
//!
//! What always holds: every row is stored, or reported with its place in the file; the report matches what is shown.
//! An export that is imported and exported again is identical. Importing the same file again stores nothing, a later
//! version stores its new rows, any other file counts as new. An interrupted run resumes where it stopped; one that is
//! cancelled leaves nothing.
//!
//! A file is read twice: to see what it holds ([`Survey`]), then to store it (`Entries::run_import`), outside of the
//! async workers. Memory grows by eight bytes a row only.

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
