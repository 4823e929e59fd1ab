//! Why a relay answers itself. Each has a code in `X-Frontdesk-Error`, so that nobody takes it for the upstream's answer.

use http::StatusCode;

use super::upload::Broken;
use crate::outgoing::Why;

/// Why a request got no answer of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The request has been here before.
    Loop {
        relay: String,
    },
    /// No rule fits, and there is no default pool.
    NoRule,
    /// A rule reads a name that is there twice.
    Ambiguous(String),
    /// `.` or `..` in the path below an upstream with a path of its own.
    DotSegments,
    /// The address cannot be written to an upstream.
    Address,
    /// The relay's access rules.
    KeyMissing,
    SignInFirst,
    Origin(String),
    TooMany {
        retry_after: u64,
    },
    Method,
    /// The client's body.
    TooLarge {
        limit: u64,
    },
    ClientGone,
    ClientSlow,
    /// The upstream.
    OutOfReach,
    Connect,
    Tls,
    ConnectTimeout,
    FirstByteTimeout,
    Cut,
    BadFraming,
    HeadTooLarge,
    /// The pool.
    NoUpstream,
    Busy,
    BreakerOpen {
        retry_after: u64,
    },
    /// An aggregate.
    Incomplete,
    NoPart {
        timed_out: bool,
    },
    /// The relay itself.
    Secrets,
}

impl Failure {
    /// Of a request that was sent, or could not be.
    pub fn of(why: Why, broken: Option<Broken>, limit: u64) -> Failure {
        match (broken, why) {
            (Some(Broken::TooLarge), _) => Failure::TooLarge { limit },
            (Some(Broken::Client), _) => Failure::ClientGone,
            (None, Why::OutOfReach) => Failure::OutOfReach,
            (None, Why::Connect) => Failure::Connect,
            (None, Why::Tls) => Failure::Tls,
            (None, Why::ConnectTimeout) => Failure::ConnectTimeout,
            (None, Why::HeadTooLarge) => Failure::HeadTooLarge,
            (None, Why::BadFraming) => Failure::BadFraming,
            (None, Why::Cut | Why::Body) => Failure::Cut,
        }
    }

    /// Whether the upstream is to blame.
    pub fn is_the_upstreams(&self) -> bool {
        use Failure as F;
        matches!(
            self,
            F::OutOfReach
                | F::Connect
                | F::Tls
                | F::ConnectTimeout
                | F::FirstByteTimeout
                | F::Cut
                | F::BadFraming
                | F::HeadTooLarge
        )
    }

    /// Status, code and what to tell.
    pub fn told(&self) -> (StatusCode, &'static str, String) {
        use Failure as F;
        use StatusCode as S;
        let (status, code, detail): (_, _, &str) = match self {
            F::Loop { relay } => {
                let detail = format!("The request has passed here already: the relay \"{relay}\" leads to itself.");
                return (S::LOOP_DETECTED, "loop", detail);
            }
            F::Ambiguous(name) => {
                let detail = format!("A rule of this relay reads \"{name}\", which is there more than once.");
                return (S::BAD_REQUEST, "ambiguous", detail);
            }
            F::Origin(origin) => {
                let detail = format!("Pages of {origin} may not use this relay.");
                return (S::FORBIDDEN, "origin", detail);
            }
            F::TooLarge { limit } => {
                let detail = format!("A body holds at most {limit} bytes here.");
                return (S::PAYLOAD_TOO_LARGE, "body_too_large", detail);
            }
            F::NoRule => (S::NOT_FOUND, "no_rule", "No rule of this relay fits, and it has no default pool."),
            F::DotSegments => (S::BAD_REQUEST, "dot_segments", "The path must not hold . or .. here."),
            F::Address => (S::BAD_REQUEST, "address", "The address cannot be passed on."),
            F::KeyMissing => (S::UNAUTHORIZED, "key", "This relay wants its key, in X-Frontdesk-Key."),
            F::SignInFirst => (S::UNAUTHORIZED, "sign_in", "This relay is for people who are signed in."),
            F::TooMany { .. } => (S::TOO_MANY_REQUESTS, "rate", "Too many requests from this address."),
            F::Method => (S::METHOD_NOT_ALLOWED, "method", "This method is not passed on."),
            F::ClientGone => (S::BAD_REQUEST, "client_gone", "The upload broke off."),
            F::ClientSlow => (S::REQUEST_TIMEOUT, "client_slow", "The upload stopped."),
            F::OutOfReach => {
                (S::BAD_GATEWAY, "out_of_reach", "The upstream's address is one that is not connected to.")
            }
            F::Connect => (S::BAD_GATEWAY, "connect", "The upstream could not be connected to."),
            F::Tls => (
                S::BAD_GATEWAY,
                "tls",
                "No secure connection to the upstream: its certificate cannot be trusted for this name, or it speaks no TLS.",
            ),
            F::ConnectTimeout => (S::GATEWAY_TIMEOUT, "connect_timeout", "The upstream took no connection in time."),
            F::FirstByteTimeout => (S::GATEWAY_TIMEOUT, "timeout", "The upstream did not answer in time."),
            F::Cut => (S::BAD_GATEWAY, "upstream_cut", "The upstream ended the connection without an answer."),
            F::BadFraming => (S::BAD_GATEWAY, "bad_framing", "The upstream's answer is no HTTP."),
            F::HeadTooLarge => (S::BAD_GATEWAY, "head_too_large", "The head of the upstream's answer is too large."),
            F::NoUpstream => (S::SERVICE_UNAVAILABLE, "no_upstream", "No upstream is well at present."),
            F::Busy => (S::SERVICE_UNAVAILABLE, "busy", "All upstreams have as many requests as they may."),
            F::BreakerOpen { .. } => (S::SERVICE_UNAVAILABLE, "breaker_open", "No upstream answered lately."),
            F::Incomplete => (S::BAD_GATEWAY, "incomplete", "A part of the aggregate is missing."),
            F::NoPart { timed_out: true } => (S::GATEWAY_TIMEOUT, "no_part", "No part answered in time."),
            F::NoPart { timed_out: false } => (S::BAD_GATEWAY, "no_part", "No part of the aggregate answered."),
            F::Secrets => (
                S::BAD_GATEWAY,
                "secrets",
                "The secret headers cannot be read with this server's secret; enter them again.",
            ),
        };
        (status, code, detail.to_owned())
    }

    /// Seconds after which it may be tried again.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Failure::TooMany { retry_after } | Failure::BreakerOpen { retry_after } => Some(*retry_after),
            Failure::NoUpstream => Some(5),
            Failure::Busy => Some(1),
            _ => None,
        }
    }
}
