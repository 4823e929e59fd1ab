//! Who asks for a place.

use rocket::request::{FromRequest, Outcome, Request};

use crate::error::{Error, Result};
use crate::staff::{Account, Role, Visitor, bearer_of};
use crate::waiting::service::Rooms;

/// Who requests or changes a place: signed-in staff, or the holder of its link, sent as a bearer token.
pub struct Asker {
    pub staff: Option<Account>,
    /// What it carries as a bearer token.
    pub token: Option<String>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Asker {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let token = bearer_of(request).map(str::to_owned);
        request.guard::<Visitor>().await.map(|visitor| Asker { staff: visitor.0, token })
    }
}

impl Asker {
    /// Staff who may change something.
    pub fn acting_staff(&self) -> Option<&Account> {
        self.staff.as_ref().filter(|account| account.role >= Role::Staff)
    }

    /// Whether the token leads to this place. A token that leads elsewhere, or nowhere, is no right to this one.
    pub async fn holds(&self, rooms: &Rooms, place: i64) -> Result<bool> {
        let Some(token) = &self.token else { return Ok(false) };
        match rooms.by_link(token).await {
            Ok((_, found)) => Ok(found.id == place),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// 401 for anybody else.
    pub async fn check(&self, rooms: &Rooms, place: i64, staff: bool) -> Result<()> {
        if staff || self.holds(rooms, place).await? { Ok(()) } else { Err(Error::Unauthenticated) }
    }
}
