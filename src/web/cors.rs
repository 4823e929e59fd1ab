//! CORS for the public addresses: any origin, never credentials, on every status, errors too.
//! Which origins may send to a collection is decided by the collection, with a problem that names the origin.

use rocket::fairing::{self, Fairing, Info};
use rocket::http::Method;
use rocket::{Build, Data, Request, Response, Rocket, get, routes};
use rocket_cors::{AllowedHeaders, AllowedOrigins, Cors, CorsOptions};

use super::errors::ApiError;
use crate::error::Error;

/// `rocket_cors`, limited to the addresses that pages of strangers may call.
pub struct PublicCors(Cors);

const PUBLIC: [&str; 4] = ["/add", "/list", "/csv", "/api/v1/entries"];

/// The fairing. Fails only if its own options contradict each other.
pub fn cors() -> Result<PublicCors, Box<rocket_cors::Error>> {
    let methods = [Method::Get, Method::Head, Method::Post];
    CorsOptions::default()
        .allowed_origins(AllowedOrigins::all())
        .send_wildcard(true)
        .allowed_methods(methods.into_iter().map(From::from).collect())
        .allowed_headers(AllowedHeaders::all())
        .expose_headers(["Location", "Retry-After", "Link", "X-Request-Id"].map(str::to_owned).into())
        .max_age(Some(86_400))
        .to_cors()
        .map(PublicCors)
        .map_err(Box::new)
}

/// Where `rocket_cors` leads a preflight that it refuses.
#[get("/<_status>")]
fn refused(_status: &str) -> ApiError {
    ApiError(Error::Forbidden("Pages of other origins may not do this; see docs/snippet.md.".into()))
}

fn is_public(request: &Request<'_>) -> bool {
    let path = request.uri().path();
    PUBLIC.iter().any(|public| path == *public) || path.starts_with("/api/v1/entries/")
}

#[rocket::async_trait]
impl Fairing for PublicCors {
    fn info(&self) -> Info {
        Fairing::info(&self.0)
    }

    /// In place of the crate's own route for refused requests, which anybody can ask for any status.
    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        Ok(rocket.mount("/cors", routes![refused]))
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        if is_public(request) {
            self.0.on_request(request, data).await;
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if is_public(request) {
            self.0.on_response(request, response).await;
        }
    }
}
