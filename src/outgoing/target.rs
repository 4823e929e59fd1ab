//! The address of an endpoint, as an owner wrote it.

use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use url::{Host, Url};

use super::guard::Reach;

/// An endpoint: scheme, host, port and the path that all its addresses begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at the end; empty for the root.
    base: String,
}

impl Target {
    /// Reads an address such as `https://api.example.org/v2`. An error says what is wrong with it, in a sentence.
    pub fn parse(text: &str, reach: Reach) -> Result<Target, String> {
        let url = Url::parse(text.trim()).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => "must begin with http:// or https://".to_owned(),
            error => format!("is no address: {error}"),
        })?;
        let scheme = match url.scheme() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            other => return Err(format!("begins with {other}:, must be http:// or https://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user or a password; use a secret header".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must end with the path; a query or # is not possible".into());
        }
        let host = url.host().ok_or("lacks a host")?;
        check_host(&host, text, reach)?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let authority = format!("{host}{port}").parse().map_err(|_| "has a host that HTTP cannot name")?;
        let base = url.path().trim_end_matches('/').to_owned();
        Ok(Target { scheme, authority, base })
    }

    /// The whole address of a request: `rest` is the raw path below this endpoint, with a slash in front or empty; `query`
    /// what stands behind the `?`. `None` if HTTP has no such address.
    pub fn uri(&self, rest: &str, query: Option<&str>) -> Option<Uri> {
        let path = match (self.base.as_str(), rest) {
            ("", "") => "/".to_owned(),
            (base, rest) => format!("{base}{rest}"),
        };
        let line = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(bytes::Bytes::from(line)).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Host and port, as the `Host` field names them.
    pub fn host(&self) -> &str {
        self.authority.as_str()
    }

    /// Host without port, and the port that is connected to.
    pub fn place(&self) -> (&str, u16) {
        let standard = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        (self.authority.host(), self.authority.port_u16().unwrap_or(standard))
    }

    /// All addresses begin with a path, which requests must not leave.
    pub fn has_base(&self) -> bool {
        !self.base.is_empty()
    }
}

/// A host that can be told at once to be out of reach, or is written in a spelling that hides what it is.
fn check_host(host: &Host<&str>, text: &str, reach: Reach) -> Result<(), String> {
    let refused = || {
        "is an address of this machine or of a private network; allow that for the pool first (allow_private)"
            .to_owned()
    };
    let address = match host {
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            let local = name == "localhost" || name.ends_with(".localhost");
            return if local && reach == Reach::Public { Err(refused()) } else { Ok(()) };
        }
    };
    if !text.contains(&address.to_string()) && address.is_ipv4() {
        return Err(format!("must name {address} in that spelling"));
    }
    match (reach.allows(address), reach) {
        (true, _) => Ok(()),
        (false, Reach::Private) => Err("is an address that nothing can be sent to".into()),
        (false, Reach::Public) => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_taken_and_how_requests_are_named() {
        let uri = |base: &str, rest: &str, query| Target::parse(base, Reach::Public).unwrap().uri(rest, query).unwrap();
        let rows = [
            ("https://api.example.org", "", None, "https://api.example.org/"),
            ("https://api.example.org/", "/", None, "https://api.example.org/"),
            (
                "https://api.example.org/v2/",
                "/a%2Fb//c;v=1/%7Euser/%E9/",
                None,
                "https://api.example.org/v2/a%2Fb//c;v=1/%7Euser/%E9/",
            ),
            (
                "http://API.example.org:8080/v2",
                "",
                Some("a=1;b=2&c=+&e&&f=%2B|{}"),
                "http://api.example.org:8080/v2?a=1;b=2&c=+&e&&f=%2B|{}",
            ),
            ("http://api.example.org", "//evil.example/x", Some(""), "http://api.example.org//evil.example/x?"),
        ];
        for (base, rest, query, expected) in rows {
            assert_eq!(uri(base, rest, query).to_string(), expected);
        }
    }

    #[test]
    fn cases_57_and_59_addresses_that_are_refused_when_they_are_saved() {
        let refused = [
            "ftp://example.org",
            "example.org",
            "http://",
            "http://kim@example.org",
            "http://kim:x@127.0.0.1",
            "http://example.org/?a=1",
            "http://example.org/#a",
            "http://localhost",
            "http://localhost.",
            "http://a.localhost",
            "http://127.0.0.1",
            "http://2130706433",
            "http://0177.0.0.1",
            "http://0x7f.1",
            "http://127.1",
            "http://0",
            "http://[::1]",
            "http://[::ffff:127.0.0.1]",
            "http://[::127.0.0.1]",
            "http://[64:ff9b::7f00:1]",
            "http://[2002:7f00:1::]",
            "http://169.254.169.254/latest",
            "http://①②⑦.0.0.1",
            "http://1.1",
            "http://10.1.2.3",
        ];
        for text in refused {
            assert!(Target::parse(text, Reach::Public).is_err(), "{text}");
        }
        for text in ["http://2130706433", "http://0x7f.1", "http://169.254.169.254", "http://0.0.0.0"] {
            assert!(Target::parse(text, Reach::Private).is_err(), "{text}, also where private addresses are allowed");
        }
        for text in ["http://127.0.0.1:8000", "http://localhost.", "http://[::1]:80", "http://10.1.2.3"] {
            assert!(Target::parse(text, Reach::Private).is_ok(), "{text}");
        }
    }
}
