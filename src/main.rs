//! The command line's entry. See `frontdesk::command`.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use rocket::figment::Figment;
use tracing_subscriber::EnvFilter;

/// A request allocates hundreds of small pieces, and frees many of them on another thread. Huge pages are off: an idle program
/// would hold 20 MB more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = frontdesk::command::Cli::parse();
    log(cli.serves());
    let figment = frontdesk::config::figment();
    let done = runtime(&figment).map_err(Into::into).and_then(|runtime| {
        let done = runtime.block_on(frontdesk::command::run(cli, &figment));
        // What still runs, such as an open stream, must not keep the program from ending.
        runtime.shutdown_timeout(Duration::from_millis(500));
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("frontdesk: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The runtime that Rocket would build, except that workers check the global queue, where SQLite's threads wake tasks,
/// after every task. By default a wake-up waits behind up to 60 other tasks, and every write with it.
fn runtime(figment: &Figment) -> std::io::Result<tokio::runtime::Runtime> {
    let config = rocket::Config::try_from(figment).unwrap_or_default();
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("frontdesk")
        .worker_threads(config.workers)
        .max_blocking_threads(config.max_blocking)
        .global_queue_interval(1)
        .enable_all()
        .build()
}

/// Text on a terminal, JSON lines elsewhere. Set before Rocket, which then leaves logging to us.
/// A command's stdout is for its results, so its log goes to stderr. What Rocket's server says is left out: it
/// warns of every reader of a stream that leaves, and names whole addresses, in which the link of a place is a secret.
fn log(serves: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new("info,rocket=warn,rocket::server=off,rocket::launch=off,hyper=off,sqlx=warn")
    });
    // Whatever RUST_LOG says.
    let filter = match "rocket::server=off".parse() {
        Ok(silence) => filter.add_directive(silence),
        Err(_) => filter,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    match (serves, std::io::stdout().is_terminal()) {
        (true, false) => builder.json().init(),
        _ => builder.with_target(false).with_writer(std::io::stderr).init(),
    }
}
