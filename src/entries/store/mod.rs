//! SQL of entries. What the filter grammar becomes is in `sql.rs`; here it is run.

mod insert;
mod marks;
mod pins;
mod read;
mod rows;
mod views;

pub use insert::{insert, insert_uids, known_uids};
pub use marks::{Mark, mark, purge, unmark, update_data};
pub use pins::{build_pin, drop_pin, insert_pin, pin_size, pins};
pub use read::{
    FacetValue, Stretch, all_rows, batch, count, explain, facet, find, of_session, page, per_day, received_since,
};
pub use rows::{Batch, EntryRef};
pub use views::{choose_columns, column_choice, delete_view, save_view, saved_views};
