//! The command line. Every command reads the same settings and may run beside a running server;
//! results go to stdout, messages to stderr; exit codes are 0, 1 (failed) and 2 (usage).

mod cli;
mod data;
mod outcome;
mod people;

use rocket::figment::Figment;

use crate::config::Config;
use crate::db::Pool;
use crate::moment::Clock;
use crate::staff::Accounts;
use cli::Command;
use data::{collection, export, import};
use outcome::{Outcome, print};
use people::{token, user};

pub use cli::Cli;

/// Runs a command. An error is for stderr, and exit code 1.
pub async fn run(cli: Cli, figment: &Figment) -> Outcome {
    let config = Config::extract(figment)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(figment, config).await,
        Command::Config => Ok(print(&config.show())?),
        Command::Migrate => {
            Pool::open(&config.database_url()).await?.close().await;
            eprintln!("The schema is up to date.");
            Ok(())
        }
        Command::Demo => {
            let pool = Pool::open(&config.database_url()).await?;
            crate::demo::load(&pool, &config).await?;
            pool.close().await;
            eprintln!("The demo is loaded. Start the server, then look at /rooms and /board.");
            Ok(())
        }
        Command::User(command) => user(command, &config).await,
        Command::Token(command) => token(command, &config).await,
        Command::Collection(command) => collection(command, &config).await,
        Command::Import(args) => import(&args, &config).await,
        Command::Export { collection, format, query } => export(collection, &format, query, &config).await,
    }
}

async fn serve(figment: &Figment, config: Config) -> Outcome {
    let public_url = config.public_url.clone();
    crate::descriptors::raise();
    let rocket = crate::app::app(figment, config, Clock::system())?
        .ignite()
        .await
        .map_err(|error| error.pretty_print_and_own())?;
    let address = if public_url.is_empty() {
        format!("http://{}:{}", rocket.config().address, rocket.config().port)
    } else {
        public_url
    };
    welcome(&rocket, &address).await?;
    rocket.launch().await.map_err(|error| error.pretty_print_and_own())?;
    Ok(())
}

/// What somebody needs who starts it for the first time.
async fn welcome(rocket: &rocket::Rocket<rocket::Ignite>, address: &str) -> Outcome {
    let accounts = rocket.state::<Accounts>().ok_or("the accounts are missing")?;
    eprintln!("Frontdesk {} is at {address}", env!("CARGO_PKG_VERSION"));
    if let Some(token) = accounts.setup_token().await? {
        eprintln!("\nCreate the first account here (the link works once):\n  {address}/setup/{token}");
    }
    eprintln!(
        "\nSend a first entry:\n  curl {address}/add -d '{{\"hello\":\"world\"}}' -H 'Content-Type: application/json'\n"
    );
    Ok(())
}

trait Own {
    fn pretty_print_and_own(self) -> String;
}

impl Own for rocket::Error {
    fn pretty_print_and_own(self) -> String {
        let text = format!("could not start: {self}");
        // Rocket's error panics when dropped unless it was inspected; printing it counts.
        self.pretty_print();
        text
    }
}
