//! Which methods an address takes: Rocket answers a wrong method with 404, HTTP wants 405 with `Allow`.

use std::fmt;

use rocket::http::Method;
use rocket::{Request, Route};

/// The methods of an address, for the `Allow` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods(Vec<Method>);

impl Methods {
    /// The methods of the routes that match the path of a request.
    pub fn of(request: &Request<'_>) -> Methods {
        Methods::at(request, request.uri().path().segments().collect())
    }

    /// The methods of an address of this server, as its path is written.
    pub fn of_path(request: &Request<'_>, path: &str) -> Methods {
        Methods::at(request, path.split('/').filter(|segment| !segment.is_empty()).collect())
    }

    fn at(request: &Request<'_>, path: Vec<&str>) -> Methods {
        let mut methods: Vec<_> =
            request.rocket().routes().filter(|route| matches(route, &path)).map(|route| route.method).collect();
        if methods.contains(&Method::Get) {
            methods.push(Method::Head);
        }
        if !methods.is_empty() {
            methods.push(Method::Options);
        }
        methods.sort_by_key(|method| method.as_str());
        methods.dedup();
        Methods(methods)
    }

    /// Nothing is at the path.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the path takes the method.
    pub fn contains(&self, method: Method) -> bool {
        self.0.contains(&method)
    }
}

fn matches(route: &Route, path: &[&str]) -> bool {
    let pattern: Vec<_> = route.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let open_end = pattern.last().is_some_and(|last| last.ends_with("..>"));
    if open_end {
        let fixed = &pattern[..pattern.len() - 1];
        return path.len() >= fixed.len() && fixed.iter().zip(path).all(|(p, s)| fits(p, s)) && !fixed.is_empty();
    }
    pattern.len() == path.len() && pattern.iter().zip(path).all(|(p, s)| fits(p, s))
}

fn fits(pattern: &str, segment: &str) -> bool {
    pattern.starts_with('<') || pattern == segment
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|method| method.as_str()).collect();
        f.write_str(&names.join(", "))
    }
}
