//! The command line's entry. See `frontdesk::command`.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

#[rocket::main]
async fn main() -> ExitCode {
    let cli = frontdesk::command::Cli::parse();
    log(cli.serves());
    let figment = frontdesk::config::figment();
    match frontdesk::command::run(cli, &figment).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("frontdesk: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Text on a terminal, JSON lines elsewhere. Set before Rocket, which then leaves logging to us.
/// A command's stdout is for its results, so its log goes to stderr.
fn log(serves: bool) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,rocket=warn,rocket::launch=off,hyper=off,sqlx=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    match (serves, std::io::stdout().is_terminal()) {
        (true, false) => builder.json().init(),
        _ => builder.with_target(false).with_writer(std::io::stderr).init(),
    }
}
