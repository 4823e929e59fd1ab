//! What every domain's routes share: answers, guards, headers, assets. Knows no business.

pub mod assets;
mod cors;
mod errors;
mod form;
mod guards;
mod headers;
mod health;
mod json;
mod markdown;
mod methods;
mod stream;

pub use cors::cors;
pub use errors::{ApiError, catchers, render};
pub use form::{Fields, Html, SeeOther, pairs, query_pairs, see_other};
pub use guards::{ClientAddress, Negotiation, Refused, SameOrigin, WebHost};
pub use headers::{Headers, RequestId};
pub use health::routes as health_routes;
pub use json::{IfMatch, JsonAnswer, JsonObject, item_id};
pub use markdown::SafeHtml;
pub use methods::Methods;
pub use stream::{Download, Sender};
