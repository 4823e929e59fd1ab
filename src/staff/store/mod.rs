//! SQL of accounts, sessions, tokens and one-time links.

mod links;
mod sessions;
mod tokens;
mod users;

pub use links::{NewLink, delete_links_of, insert_link, open_link, use_link};
pub use sessions::{
    delete_old_browsers, delete_old_sessions, delete_session, delete_session_by_id, delete_sessions_of,
    insert_known_browser, insert_session, knows_browser, session, sessions, touch_session,
};
pub use tokens::{TokenRow, insert_token, revoke_token, revoke_tokens_of, token, tokens, touch_token};
pub use users::{all, by_email, by_id, by_id_for_update, has_owner, insert, owners_for_update, set_password, update};
