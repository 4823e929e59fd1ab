//! Requests counted and timed for Prometheus, by route: an address may hold personal data, a route does not.

use std::time::Instant;

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{HistogramVec, IntCounterVec, Opts};
use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Data, Request, Response};

/// What was asked so far. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Requests {
    total: IntCounterVec,
    seconds: HistogramVec,
}

const LABELS: [&str; 3] = ["endpoint", "method", "status"];

/// When a request came.
struct Came(Instant);

impl Requests {
    /// Nothing was asked yet.
    pub fn new() -> Result<Requests, prometheus::Error> {
        let total = Opts::new("rocket_http_requests_total", "Total number of HTTP requests");
        let seconds =
            Opts::new("rocket_http_requests_duration_seconds", "HTTP request duration in seconds for all requests");
        Ok(Requests {
            total: IntCounterVec::new(total, &LABELS)?,
            seconds: HistogramVec::new(seconds.into(), &LABELS)?,
        })
    }

    /// The counts, for an answer to Prometheus.
    pub fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.total.collect();
        families.extend(self.seconds.collect());
        families
    }
}

#[rocket::async_trait]
impl Fairing for Requests {
    fn info(&self) -> Info {
        Info { name: "Requests", kind: Kind::Request | Kind::Response }
    }

    async fn on_request(&self, request: &mut Request<'_>, _data: &mut Data<'_>) {
        request.local_cache(|| Came(Instant::now()));
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Some(route) = request.route() else { return };
        let status = response.status().code.to_string();
        let labels = [route.uri.as_str(), request.method().as_str(), &status];
        self.total.with_label_values(&labels).inc();
        let Came(came) = request.local_cache(|| Came(Instant::now()));
        self.seconds.with_label_values(&labels).observe(came.elapsed().as_secs_f64());
    }
}
