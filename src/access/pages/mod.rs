//! `/account`, `/users` and `/audit`: one's own account, other people, and who did what.

mod account;
mod after;
mod audit;
mod people;

use rocket::{Route, routes};

pub fn routes() -> Vec<Route> {
    routes![
        account::account,
        account::rename,
        account::change_password,
        account::end_own_session,
        account::create_token,
        account::revoke_own_token,
        people::people,
        people::invitation_form,
        people::invite,
        people::person,
        people::change,
        people::set_status,
        people::new_link,
        people::end_sessions,
        people::revoke_token,
        people::remove,
        people::restore,
        audit::audit,
    ]
}
