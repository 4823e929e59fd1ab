//! `/audit`: who did what.

use rocket::http::uri::Origin;
use rocket::{State, get};

use crate::access::AUDIT;
use crate::error::Result;
use crate::records::Records;
use crate::records::pages::{Index, ListPage};
use crate::staff::{Layout, Owner};
use crate::web::WebHost;

#[get("/audit")]
pub(super) async fn audit(
    _owner: Owner,
    layout: Layout,
    records: &State<Records>,
    uri: &Origin<'_>,
    host: WebHost,
) -> Result<ListPage> {
    let index =
        Index { resource: &AUDIT, base: "/audit".into(), tools: Vec::new(), opens: false, layout, note: String::new() };
    index.page(records, uri, &host).await
}
