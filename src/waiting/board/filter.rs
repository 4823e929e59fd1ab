//! Which places the board shows.

use rocket::http::uri::Origin;

use crate::error::{Error, Result};
use crate::waiting::{Desk, Place};
use crate::web::query_pairs;

/// Which of the people on the board are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BoardFilter {
    /// `mine`, `unassigned`, or empty.
    pub who: String,
    pub topic: String,
}

impl BoardFilter {
    pub fn read(uri: &Origin<'_>) -> Result<BoardFilter> {
        let mut filter = BoardFilter::default();
        for (name, value) in query_pairs(uri)? {
            match (name.as_str(), value.as_str()) {
                ("who", "" | "mine" | "unassigned") => filter.who = value,
                ("who", _) => return Err(Error::parameter("who", "must be mine or unassigned")),
                ("topic", _) => filter.topic = value,
                _ => return Err(Error::parameter(name, "is no filter of the board")),
            }
        }
        Ok(filter)
    }

    pub fn shows(&self, place: &Place, me: Desk) -> bool {
        let mine = is_at(place, me);
        let by_who = match self.who.as_str() {
            "mine" => mine,
            "unassigned" => place.status.advisor_id.is_none() && place.status.user_id.is_none(),
            _ => true,
        };
        by_who && (self.topic.is_empty() || place.topic.as_deref() == Some(self.topic.as_str()))
    }

    pub fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("who", &self.who)
            .append_pair("topic", &self.topic)
            .finish()
    }
}

/// Whether this desk called the place.
pub(super) fn is_at(place: &Place, desk: Desk) -> bool {
    match desk {
        Desk::Advisor { advisor, .. } => place.status.advisor_id == Some(advisor),
        Desk::Account(account) => place.status.advisor_id.is_none() && place.status.user_id == Some(account),
    }
}
