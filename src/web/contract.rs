//! What holds for every route of the API: content negotiation (406), and answering
//! repeated requests with the stored response (`Idempotency-Key`).

use rocket::http::MediaType;
use rocket::request::Request;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Route};

use super::guards::Refused;
use super::replays::{Replays, Slot, Stage, Stored};
use crate::error::Error;

/// Routes under the contract.
pub fn contract(routes: Vec<Route>) -> Vec<Route> {
    let under = |mut route: Route| {
        route.handler = Box::new(Contract(route.handler));
        route
    };
    routes.into_iter().map(under).collect()
}

#[derive(Clone)]
struct Contract(Box<dyn Handler>);

#[rocket::async_trait]
impl Handler for Contract {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        if !is_acceptable(request) {
            return Outcome::Error(Refused::note(request, Error::NotAcceptable(produced(request))).0);
        }
        let outcome = self.0.handle(request, data).await;
        match request.local_cache(Slot::default).take() {
            Stage::Unused => outcome,
            Stage::Again(answer) => Outcome::Success(answer.response()),
            Stage::Begun(ticket) => {
                let Some(replays) = request.rocket().state::<Replays>() else { return outcome };
                let (outcome, kept) = match outcome {
                    Outcome::Success(mut response) if response.status().class().is_success() => {
                        let answer = Stored::of(&mut response).await;
                        let kept = match answer {
                            Ok(answer) => replays.finish(&ticket, &answer).await,
                            Err(error) => Err(Error::Internal(Box::new(error))),
                        };
                        (Outcome::Success(response), kept)
                    }
                    // Refused: nothing was changed.
                    other => (other, replays.give_back(&ticket).await),
                };
                if let Err(error) = kept {
                    // What was asked is done or refused all the same; a repetition will be told that it is not known.
                    tracing::error!(%error, "the answer under an Idempotency-Key was not kept");
                }
                outcome
            }
        }
    }
}

/// What the addresses of the API send; the others, which have pages too, negotiate by themselves.
fn produced(request: &Request<'_>) -> &'static str {
    if request.uri().path().ends_with("/events") { "text/event-stream" } else { "application/json" }
}

/// Whether the reader takes what there is (RFC 9110, 12.5.1). One who does not say takes anything; `_format` says more
/// than `Accept`.
fn is_acceptable(request: &Request<'_>) -> bool {
    let path = request.uri().path();
    let chosen = request.uri().query().is_some_and(|query| query.segments().any(|(name, _)| name == "_format"));
    if !path.starts_with("/api/") || path == "/api/docs" || chosen {
        return true;
    }
    let Some(accept) = request.accept() else { return true };
    let produced = MediaType::parse_flexible(produced(request)).unwrap_or(MediaType::JSON);
    let fits = |own: &str, wanted: &str| wanted == "*" || wanted.eq_ignore_ascii_case(own);
    let covers = |range: &&rocket::http::QMediaType| {
        fits(produced.top().as_str(), range.top().as_str()) && fits(produced.sub().as_str(), range.sub().as_str())
    };
    // The closest range decides.
    let exact = |range: &&rocket::http::QMediaType| (range.sub() != "*", range.top() != "*");
    let decides = accept.iter().filter(covers).max_by_key(exact);
    accept.iter().next().is_none() || decides.is_some_and(|range| range.weight_or(1.0) > 0.0)
}
