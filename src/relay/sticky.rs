//! The policy `sticky`: a browser stays with an upstream by a cookie that says nothing to anybody else.

use http::{HeaderMap, header};

use super::definition::Policy;
use super::live::LiveRelay;
use super::pool::LivePool;

/// The cookie by which a browser stays with an upstream.
pub fn sticky_cookie(relay: &LiveRelay, pool: &LivePool) -> String {
    format!("frontdesk-relay-{}-{}", relay.relay.name, pool.definition.name)
}

/// The tag in the cookie of a request.
pub fn sticky_tag(relay: &LiveRelay, pool: &LivePool, headers: &HeaderMap) -> Option<String> {
    if pool.definition.policy != Policy::Sticky {
        return None;
    }
    let name = sticky_cookie(relay, pool);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find(|(cookie, _)| *cookie == name).map(|(_, tag)| tag.to_owned())
}
