//! Which fields of requests and answers are passed on, and which are set here.

use std::net::IpAddr;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

/// Fields that concern one connection (RFC 9110, 7.6.1), beside those that `Connection` names.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
];

/// What only whoever stands nearest to the client may say.
const ABOUT_THE_CLIENT: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip"];

/// Fields of answers that would speak for our host, whatever the port …
const FOR_THE_HOST: [&str; 2] = ["strict-transport-security", "clear-site-data"];
/// … or for everything at our address.
const FOR_THE_ORIGIN: [&str; 5] = ["alt-svc", "service-worker-allowed", "nel", "report-to", "reporting-endpoints"];

/// Our cookies begin so, with or without `__Host-`; the other one carries a note from one page to the next.
const OUR_COOKIES: [&str; 2] = ["frontdesk", "_flash"];

/// Removes the fields that `Connection` names, then those that concern one connection.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Who sent a request, and where to.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: Option<IpAddr>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The `Host` that was asked.
    pub host: String,
}

/// The fields of a request as they go on: without those of the connection, our credentials and what clients say of themselves;
/// with `Forwarded` (RFC 7239), `X-Forwarded-*` and `Via`. `via` is our name there.
pub fn for_upstream(sent: &HeaderMap, client: &Client, via: &str) -> HeaderMap {
    let mut headers = sent.clone();
    remove_hop_by_hop(&mut headers);
    for name in ABOUT_THE_CLIENT {
        headers.remove(name);
    }
    for name in [header::HOST, header::EXPECT, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    without_ours(&mut headers);
    without_our_cookies(&mut headers);
    // What a client calls us must not become more than a name.
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    let host = if client.host.bytes().all(is_part) { client.host.as_str() } else { "" };
    if let Some(address) = client.address {
        let node = match address {
            IpAddr::V4(v4) => format!("for={v4}"),
            IpAddr::V6(v6) => format!("for=\"[{v6}]\""),
        };
        set(&mut headers, "forwarded", &format!("{node};host=\"{host}\";proto={}", client.scheme));
        set(&mut headers, "x-forwarded-for", &address.to_string());
    }
    set(&mut headers, "x-forwarded-host", host);
    set(&mut headers, "x-forwarded-proto", client.scheme);
    add_via(&mut headers, via);
    headers
}

/// Sets a field; a value that no field can have is left out.
fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn add_via(headers: &mut HeaderMap, via: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("1.1 {via}")) {
        headers.append(header::VIA, value);
    }
}

/// A request that has been here already.
pub fn has_passed(headers: &HeaderMap, via: &str) -> bool {
    let lines = headers.get_all(header::VIA).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|hop| hop.split_whitespace().nth(1) == Some(via))
}

/// A cookie that we would read as ours. Names are read percent-decoded, and one without a name is sent back as if its value
/// were one.
fn is_ours(cookie: &str) -> bool {
    let (name, value) = cookie.split_once('=').unwrap_or(("", cookie));
    let name = if name.trim().is_empty() { value } else { name };
    let name = percent_decode_str(name.trim()).decode_utf8_lossy();
    let name = name.strip_prefix("__Host-").unwrap_or(&name);
    OUR_COOKIES.iter().any(|ours| name.starts_with(ours))
}

/// Takes our cookies out of the lines of `Cookie`; the others stay as they are.
fn without_our_cookies(headers: &mut HeaderMap) {
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    let has_ours = |line: &HeaderValue| line.to_str().is_ok_and(|line| line.split(';').any(is_ours));
    if !lines.iter().any(has_ours) {
        return;
    }
    headers.remove(header::COOKIE);
    for line in lines {
        let Ok(text) = line.to_str() else { continue };
        let others: Vec<_> = text.split(';').map(str::trim).filter(|cookie| !is_ours(cookie)).collect();
        if let Some(value) = Some(others.join("; ")).filter(|text| !text.is_empty()) {
            headers.extend(HeaderValue::from_str(&value).ok().map(|value| (header::COOKIE, value)));
        }
    }
}

/// Takes what is ours out of `Authorization: Bearer`, on whichever line; returns those tokens.
pub fn take_bearer(headers: &mut HeaderMap, is_ours: impl Fn(&str) -> bool) -> Vec<String> {
    let token = |line: &HeaderValue| {
        let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
        Some(token.trim().to_owned()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && is_ours(token))
    };
    let lines: Vec<HeaderValue> = headers.get_all(header::AUTHORIZATION).iter().cloned().collect();
    let (ours, others): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| token(line).is_some());
    if !ours.is_empty() {
        headers.remove(header::AUTHORIZATION);
        headers.extend(others.into_iter().map(|line| (header::AUTHORIZATION, line)));
    }
    ours.iter().filter_map(token).collect()
}

/// What an upstream's answer says that it must not, whoever gets it: fields of ours, and a length beside chunks, of which the
/// chunks count (RFC 9112, 6.3).
pub fn from_upstream(headers: &mut HeaderMap) {
    without_ours(headers);
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
}

fn without_ours(headers: &mut HeaderMap) {
    let ours: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("x-frontdesk-")).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
}

/// How an answer reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Below our main address, beside our pages.
    Main,
    /// At a listener of its own: an origin of its own.
    Own,
}

/// The fields of an answer as they go on. At the main address what would act in the name of everything there is taken out,
/// and documents are shut in.
pub fn for_client(sent: &mut HeaderMap, method: &Method, status: http::StatusCode, door: Door, via: &str) {
    let length = sent.get(header::CONTENT_LENGTH).cloned();
    remove_hop_by_hop(sent);
    if let Some(length) = length.filter(|_| method == Method::HEAD || status != http::StatusCode::NO_CONTENT) {
        sent.insert(header::CONTENT_LENGTH, length);
    }
    if status == http::StatusCode::NO_CONTENT {
        sent.remove(header::CONTENT_LENGTH);
    }
    add_via(sent, via);
    for name in FOR_THE_HOST {
        sent.remove(name);
    }
    without_planted_cookies(sent);
    if door == Door::Own {
        return;
    }
    for name in FOR_THE_ORIGIN {
        sent.remove(name);
    }
    sent.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    if !sent.contains_key(header::X_CONTENT_TYPE_OPTIONS) {
        sent.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

/// An upstream must not set cookies of ours.
fn without_planted_cookies(headers: &mut HeaderMap) {
    let lines: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    let planted = |line: &HeaderValue| {
        let text = String::from_utf8_lossy(line.as_bytes());
        is_ours(text.split(';').next().unwrap_or_default())
    };
    if !lines.iter().any(planted) {
        return;
    }
    tracing::warn!("an upstream tried to set a cookie of ours; it was taken out");
    headers.remove(header::SET_COOKIE);
    headers.extend(lines.into_iter().filter(|line| !planted(line)).map(|line| (header::SET_COOKIE, line)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        fields.iter().map(field).collect()
    }

    fn client(address: &str) -> Client {
        Client { address: address.parse().ok(), scheme: "https", host: "desk.example".into() }
    }

    #[test]
    fn what_connection_names_is_removed_before_ours_is_added() {
        let sent = map(&[
            ("connection", ""),
            ("connection", "close, X-Forwarded-For, Forwarded, Via, X-Secret"),
            ("x-forwarded-for", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
            ("via", "1.1 other"),
            ("x-secret", "s"),
            ("x-real-ip", "6.6.6.6"),
            ("x-kept", "1"),
            ("x-kept", "2"),
            ("upgrade", "h2c"),
            ("http2-settings", "A"),
        ]);
        let on = for_upstream(&sent, &client("2001:db8::1"), "frontdesk-1");
        let all = |name: &str| on.get_all(name).iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all("x-kept"), ["1", "2"]);
        assert_eq!(all("x-forwarded-for"), ["2001:db8::1"]);
        assert_eq!(all("forwarded"), ["for=\"[2001:db8::1]\";host=\"desk.example\";proto=https"]);
        assert_eq!(all("via"), ["1.1 frontdesk-1"]);
        for gone in ["connection", "x-secret", "x-real-ip", "upgrade", "http2-settings"] {
            assert!(all(gone).is_empty(), "{gone}");
        }
    }

    #[test]
    fn our_cookies_stay_here_and_others_go_on() {
        let sent =
            map(&[("cookie", "a=1; frontdesk=secret; __Host-frontdesk-known=x;b=\"2\""), ("cookie", "frontdesk=y")]);
        let on = for_upstream(&sent, &client("192.0.2.1"), "frontdesk-1");
        assert_eq!(on.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=\"2\""]);
    }

    #[test]
    fn a_cookie_of_ours_is_seen_in_every_spelling() {
        let ours = [
            "frontdesk=x",
            "__Host-frontdesk=x",
            "%66rontdesk=x",
            "%5F%5FHost-frontdesk=x",
            " frontdesk-known=x",
            "=frontdesk=x",
            "frontdesk",
            "_flash=1:x",
            "%5fflash=x",
        ];
        assert!(ours.iter().all(|cookie| is_ours(cookie)), "{:?}", ours.iter().find(|cookie| !is_ours(cookie)));
        assert!(!["a=frontdesk", "x_flash=1", "my-frontdesk=1", "a"].iter().any(|cookie| is_ours(cookie)));
    }

    #[test]
    fn a_loop_is_seen() {
        assert!(has_passed(&map(&[("via", "1.0 a, 1.1 frontdesk-1 (x)"), ("via", "1.1 b")]), "frontdesk-1"));
        assert!(!has_passed(&map(&[("via", "1.1 frontdesk-12")]), "frontdesk-1"));
    }

    #[test]
    fn answers_at_the_main_address_cannot_act_as_ours() {
        let sent = [
            ("strict-transport-security", "max-age=1"),
            ("clear-site-data", "*"),
            ("set-cookie", "frontdesk=evil; Path=/"),
            ("set-cookie", "theirs=1; Domain=up.example"),
            ("set-cookie", "__Host-frontdesk=evil"),
            ("x-kept", "1"),
            ("content-security-policy", "default-src 'self'"),
            ("keep-alive", "timeout=5"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
        ];
        let mut main = map(&sent);
        for_client(&mut main, &Method::GET, http::StatusCode::OK, Door::Main, "frontdesk-1");
        assert_eq!(main.get_all("set-cookie").iter().collect::<Vec<_>>(), ["theirs=1; Domain=up.example"]);
        assert_eq!(
            main.get_all("content-security-policy").iter().collect::<Vec<_>>(),
            ["default-src 'self'", "sandbox"]
        );
        for gone in ["strict-transport-security", "clear-site-data", "keep-alive", "connection", "x-hop"] {
            assert!(!main.contains_key(gone), "{gone}");
        }
        let mut own = map(&sent);
        for_client(&mut own, &Method::GET, http::StatusCode::OK, Door::Own, "frontdesk-1");
        assert_eq!(own.get_all("set-cookie").iter().count(), 1, "cookies know no ports");
        assert!(!own.contains_key("strict-transport-security") && !own.contains_key("x-hop"));
        assert_eq!(own.get_all("content-security-policy").iter().count(), 1, "an origin of its own");
    }
}
