//! SQL of entries. What the filter grammar becomes is in `sql.rs`; here it is run.

mod counts;
mod imports;
mod insert;
mod marks;
mod pins;
mod read;
mod rows;
mod views;
mod work;

pub use counts::{forget_counts, stored_since, totals, visible_per_day};
pub use imports::{
    EarlierRow, ImportRow, NewImport, PresentEntry, begin_import, find_import, finish_import, forget_known,
    forget_upload, import_options, imports_being_cancelled, imports_done, imports_of, imports_of_digest,
    imports_with_old_files, insert_import, move_import, note_import, present_entries, recent_imports, remove_stored,
    restore_with, rows_of_import,
};
pub use insert::{insert, insert_uids, known_uids};
pub use marks::{Mark, mark, marked_at, purge, purge_uids, to_mark, unmark, update_data};
pub use pins::{Pin, build_pin, drop_pin, insert_pin, pin_size, pins};
pub use read::{
    FacetValue, Stretch, batch, collections_of, count, explain, facet, find, ids_in_order, newest, of_ids, of_session,
    page, per_day,
};
pub use rows::{Batch, EntryRef};
pub use views::{SavedView, choose_columns, column_choice, remove_view, save_view, saved_views};
pub use work::{ChangeRow, any_worked, assignee, assignees, changes, note_change, update_work};
