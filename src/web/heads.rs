//! What a request's head may be, beyond what the HTTP layer sees to.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::uri::Origin;
use rocket::{Data, Request};

use super::guards::Refused;
use crate::error::{Error, FieldError};
use crate::limits::MAX_HEAD;

/// Refuses a request whose fields are too large in all (RFC 6585, 5), or that names more than one host (RFC 9112, 3.2).
pub struct Heads;

/// No route has it: the catcher there tells what was noted.
const NOWHERE: &str = "/-";

#[rocket::async_trait]
impl Fairing for Heads {
    fn info(&self) -> Info {
        Info { name: "Heads", kind: Kind::Request }
    }

    async fn on_request(&self, request: &mut Request<'_>, _data: &mut Data<'_>) {
        if let Some(error) = wrong(request) {
            let _ = Refused::note(request, error);
            request.set_uri(Origin::parse(NOWHERE).expect("a path"));
        }
    }
}

fn wrong(request: &Request<'_>) -> Option<Error> {
    let fields = request.headers().iter().map(|field| field.name.as_str().len() + field.value.len() + 4);
    if fields.sum::<usize>() > MAX_HEAD {
        return Some(Error::HeadTooLarge(format!("The fields of a request hold at most {MAX_HEAD} bytes.").into()));
    }
    let hosts = request.headers().get("Host").count();
    (hosts > 1).then(|| Error::BadRequest(vec![FieldError::parameter("Host", "stands there more than once")]))
}
