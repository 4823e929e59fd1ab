//! Paths below a relay.

use percent_encoding::percent_decode_str;

/// A path with a segment `.` or `..`, in whichever spelling: some server would climb out of the upstream's own path with it.
pub fn leaves_base(path: &str) -> bool {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    decoded.split(['/', '\\']).any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}

#[cfg(test)]
mod tests {
    use super::leaves_base;

    #[test]
    fn dots_are_seen_in_every_spelling() {
        for path in ["/../admin", "/a/..", "/%2e%2e/x", "/.%2E/x", "/a/..%2fx", "/..;/x", "/./x", "/a%5c..%5cx", "/.."]
        {
            assert!(leaves_base(path), "{path}");
        }
        for path in ["", "/", "/a..b", "/...", "/.well-known/x", "/a.b/c", "/%2e%2ea"] {
            assert!(!leaves_base(path), "{path}");
        }
    }
}
