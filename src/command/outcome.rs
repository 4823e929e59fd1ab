//! The result type of commands.

use std::io::Write as _;

/// An error is for stderr.
pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Writes to standard output.
pub fn print(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}
