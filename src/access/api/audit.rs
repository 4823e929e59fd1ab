//! `/api/v1/audit`: who did what.

use rocket::http::uri::Origin;
use rocket::{State, get};

use crate::access::AUDIT;
use crate::records::Records;
use crate::records::api::{Listed, answer_list, shown};
use crate::staff::Owner;
use crate::web::{Answer, JsonAnswer, WebHost, item_id};

#[get("/api/v1/audit")]
pub(super) async fn audit(_owner: Owner, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &AUDIT, uri, true, &host).await?)
}

#[get("/api/v1/audit/<id>")]
pub(super) async fn audit_line(_owner: Owner, records: &State<Records>, id: &str) -> Answer<JsonAnswer> {
    Ok(shown(records.find(&AUDIT, item_id(id)?, true).await?))
}
