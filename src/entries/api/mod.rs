//! `/list`, `/csv`, `/api/v1/entries`: JSON, downloads, and the page where a person asks.

mod asked;
mod entry;
mod fields;
mod list;
mod listing;
mod pins;
mod work;

use rocket::{Route, routes};
use utoipa::OpenApi;

/// What these routes say of themselves.
#[derive(OpenApi)]
#[openapi(paths(
    list::list,
    list::list_by_post,
    list::csv,
    list::csv_by_post,
    list::api_list,
    list::api_list_by_post,
    entry::show,
    entry::replace,
    entry::merge,
    entry::delete_entry,
    entry::restore,
    work::work,
    work::changes,
    work::take_back,
    fields::fields,
    fields::forget,
    pins::pins,
    pins::pin,
    pins::show_pin,
    pins::unpin
))]
pub struct Docs;

pub fn public_routes() -> Vec<Route> {
    routes![
        list::list,
        list::list_by_post,
        list::csv,
        list::csv_by_post,
        list::api_list,
        list::api_list_by_post,
        entry::show
    ]
}

pub fn staff_routes() -> Vec<Route> {
    routes![
        entry::replace,
        entry::merge,
        entry::delete_entry,
        entry::restore,
        work::work,
        work::changes,
        work::take_back,
        fields::fields,
        fields::forget,
        pins::pins,
        pins::pin,
        pins::show_pin,
        pins::unpin
    ]
}
