//! What every domain's routes share: answers, guards, headers, assets. Contains no domain logic.

mod answer;
pub mod assets;
pub mod body;
mod contract;
mod cors;
mod errors;
mod form;
mod guards;
mod headers;
mod health;
mod icon;
mod json;
mod markdown;
mod methods;
mod note;
mod replays;
mod routes;
mod stream;
mod upload;

pub use answer::{IfMatch, JsonAnswer, etag};
pub use cors::cors;
pub use errors::{Answer, ApiError, catchers, error_page, problem_with_message, render};
pub use form::{Fields, FormsArePosts, Html, SeeOther, encode, pairs, query_pairs, see_other};
pub use guards::{ClientAddress, Negotiation, Refused, SameOrigin, WebHost};
pub use headers::{Headers, RequestId, Untouched};
pub use health::api as health;
pub use icon::Icon;
pub use json::{JsonObject, NoBody, item_id, read_json};
pub use markdown::SafeHtml;
pub use methods::Methods;
pub use note::{Note, told};
pub use replays::{Idempotency, Identity, Replays};
pub(crate) use routes::api;
pub use routes::{Api, extended_schema};
pub use stream::{Download, Revocation, Sender};
pub use upload::{Unread, Upload, pieces, uploads};
