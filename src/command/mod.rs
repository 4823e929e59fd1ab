//! The command line. Every command reads the same settings and may run beside a running server;
//! results go to stdout, talk to stderr; exit codes are 0, 1 (failed) and 2 (usage).

mod data;
mod people;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rocket::figment::Figment;

use crate::config::Config;
use crate::db::Pool;
use crate::moment::Clock;
use crate::staff::Accounts;
use data::{collection, export, import};
use people::{token, user};

/// The back end of teams that have none.
#[derive(Parser)]
#[command(name = "frontdesk", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default)
    Serve,
    /// Accounts of staff
    #[command(subcommand)]
    User(UserCommand),
    /// API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Collections
    #[command(subcommand)]
    Collection(CollectionCommand),
    /// Import CSV, TSV, JSON or NDJSON; repeating it stores nothing twice
    Import(ImportArgs),
    /// Export to stdout
    Export {
        #[arg(long)]
        collection: Option<String>,
        #[arg(long, default_value = "csv", value_parser = ["csv", "ndjson", "json"])]
        format: String,
        /// A query string as /list takes it, such as 'plan=pro&_sort=-seats'
        query: Option<String>,
    },
    /// Load a believable college with queues, history and entries, to look around; needs an empty database
    Demo,
    /// Bring the database's schema up to date
    Migrate,
    /// Print the effective settings, without secrets
    Config,
}

#[derive(clap::Args)]
struct ImportArgs {
    /// - reads standard input
    file: PathBuf,
    /// Made if it is not there
    #[arg(long, default_value = "default")]
    collection: String,
    /// Such as utf-8 or windows-1252; recognised if it is left out, like all that follows
    #[arg(long, default_value = "")]
    encoding: String,
    #[arg(long, default_value = "", value_parser = ["table", "json", "ndjson", ""])]
    format: String,
    /// Between columns: , ; | or tab
    #[arg(long, default_value = "")]
    delimiter: String,
    /// Around cells: a double or single quote, or none
    #[arg(long, default_value = "")]
    quote: String,
    /// Whether the first row names the columns
    #[arg(long, default_value = "", value_parser = ["yes", "no", ""])]
    header: String,
    /// Where in a JSON document the list is, such as data.items
    #[arg(long, default_value = "")]
    list: String,
    /// Store every row, whatever was imported before
    #[arg(long)]
    again: bool,
    /// Of rows of an export whose entry is there: skip, update or add
    #[arg(long, default_value = "skip", value_parser = ["skip", "update", "add"])]
    ids: String,
    /// Say what the file holds and store nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Add an account; asks for the password
    Add {
        email: String,
        #[arg(long, default_value = "")]
        name: String,
        #[arg(long, default_value = "staff", value_parser = ["owner", "staff", "viewer"])]
        role: String,
        /// Read the password from the first line of stdin
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts
    List,
    /// Sign somebody out everywhere; their streams end and their tokens stop working
    Disable { email: String },
    /// Set somebody's password and sign them out everywhere; asks for it
    Password {
        email: String,
        /// Read the password from the first line of stdin
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make a token and print it; it cannot be shown again
    Add {
        /// Whose rights it has at most
        #[arg(long)]
        user: String,
        /// entries:read, entries:write, waiting, directory, admin; several with commas
        #[arg(long, value_delimiter = ',', required = true)]
        scope: Vec<String>,
        /// What it is for
        #[arg(long, default_value = "command line")]
        name: String,
        /// When it stops working: 90d, 12h, 30m; else never
        #[arg(long)]
        expires: Option<String>,
    },
    /// List the tokens that work: number, account, name, scopes, end
    List,
    /// Revoke a token by its number
    Revoke { id: i64 },
}

#[derive(Subcommand)]
enum CollectionCommand {
    /// Add a collection and print its key
    Add {
        name: String,
        /// Accept entries without the key
        #[arg(long)]
        open: bool,
        /// Anyone may list it
        #[arg(long)]
        public_read: bool,
        /// An origin that may send; may be repeated
        #[arg(long)]
        origin: Vec<String>,
        #[arg(long, default_value = "entries", value_parser = ["entries", "readings"])]
        kind: String,
    },
    /// List the collections
    List,
    /// Print the publishable key of a collection
    Key { name: String },
}

impl Cli {
    /// Whether this is the server rather than a command that ends.
    pub fn serves(&self) -> bool {
        matches!(self.command, None | Some(Command::Serve))
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

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

fn print(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}

async fn serve(figment: &Figment, config: Config) -> Outcome {
    let public_url = config.public_url.clone();
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
        eprintln!("\nMake the first account here (the link works once):\n  {address}/setup/{token}");
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
        // Rocket's error insists on having been looked at.
        self.pretty_print();
        text
    }
}
