//! The command line. Every command reads the same settings and may run beside a running server;
//! results go to stdout, talk to stderr; exit codes are 0, 1 (failed) and 2 (usage).

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rocket::figment::Figment;

use crate::collections::{self, CollectionName, Collections, NewCollection, WebOrigin};
use crate::config::Config;
use crate::db::Pool;
use crate::entries::{Entries, Format, ImportReport, Reader, Source, find_or_make, parse_query};
use crate::moment::{Clock, DAY, MINUTE};
use crate::staff::{Accounts, Author, Change, Email, NewToken, Password, Role, Scopes, SessionLimits};

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
    Import {
        file: PathBuf,
        /// Made if it is not there
        #[arg(long, default_value = "default")]
        collection: String,
    },
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
        Command::Import { file, collection } => import(&file, &collection, &config).await,
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

/// Runs a command on the accounts, and closes the database after it.
async fn with_accounts<F: Future<Output = Outcome>>(config: &Config, run: impl FnOnce(Accounts) -> F) -> Outcome {
    let pool = Pool::open(&config.database_url()).await?;
    let limits = SessionLimits { idle: config.session_idle_days, absolute: config.session_days };
    let outcome = run(Accounts::new(pool.clone(), Clock::system(), limits)).await;
    pool.close().await;
    outcome
}

async fn user(command: UserCommand, config: &Config) -> Outcome {
    let by = Author::command_line();
    with_accounts(config, async |accounts| {
        match command {
            UserCommand::Add { email, name, role, password_stdin } => {
                let email = Email::parse(&email)?;
                let password = Password::parse(&read_password(password_stdin)?)?;
                accounts.add(&by, &email, &name, Role::parse(&role)?, password).await?;
                eprintln!("{} may sign in as {role}.", email.as_str());
            }
            UserCommand::List => {
                for account in accounts.list().await? {
                    let (email, role, name) = (&account.email, account.role.name(), &account.name);
                    print(&format!("{email}\t{role}\t{name}\t{}\n", account.status()))?;
                }
            }
            UserCommand::Disable { email } => {
                let account = accounts.find_by_email(&Email::parse(&email)?).await?;
                let change = Change { disabled: Some(true), ..Change::default() };
                accounts.change(&by, account.id, None, change).await?;
                eprintln!("{} is signed out and cannot sign in.", account.email);
            }
            UserCommand::Password { email, password_stdin } => {
                let account = accounts.find_by_email(&Email::parse(&email)?).await?;
                let password = Password::parse(&read_password(password_stdin)?)?;
                accounts.set_password(&by, &account, password).await?;
                eprintln!("{} has a new password and is signed out everywhere.", account.email);
            }
        }
        Ok(())
    })
    .await
}

async fn token(command: TokenCommand, config: &Config) -> Outcome {
    let by = Author::command_line();
    with_accounts(config, async |accounts| {
        match command {
            TokenCommand::Add { user, scope, name, expires } => {
                let account = accounts.find_by_email(&Email::parse(&user)?).await?;
                let scopes = Scopes::parse(scope.iter().map(String::as_str))?;
                let expires = expires.as_deref().map(lasting).transpose()?.map(|ms| Clock::system().now().plus(ms));
                let (id, text) = accounts.make_token(&by, &account, NewToken { name, scopes, expires }).await?;
                eprintln!("Token {id} of {}. Keep it: it is not shown again.", account.email);
                print(&format!("{text}\n"))?;
            }
            TokenCommand::List => {
                for token in accounts.tokens(None).await? {
                    let ends = token.expires.map_or("never".to_owned(), |at| at.to_string());
                    let scopes = token.scopes.names().join(",");
                    print(&format!("{}\t{}\t{}\t{scopes}\t{ends}\n", token.id, token.email, token.name))?;
                }
            }
            TokenCommand::Revoke { id } => {
                accounts.revoke_token(&by, id, None).await?;
                eprintln!("Token {id} no longer works.");
            }
        }
        Ok(())
    })
    .await
}

/// Milliseconds of `90d`, `12h` or `30m`.
fn lasting(text: &str) -> Result<i64, String> {
    let wrong = || format!("\"{text}\" is no time such as 90d, 12h or 30m");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let unit = match unit {
        'd' => DAY,
        'h' => 60 * MINUTE,
        'm' => MINUTE,
        _ => return Err(wrong()),
    };
    if (1..=100_000).contains(&number) { Ok(number * unit) } else { Err(wrong()) }
}

fn read_password(from_stdin: bool) -> std::io::Result<String> {
    if !from_stdin {
        eprint!("Password: ");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn collection(command: CollectionCommand, config: &Config) -> Outcome {
    let pool = Pool::open(&config.database_url()).await?;
    match command {
        CollectionCommand::Add { name, open, public_read, origin, kind } => {
            let origins = origin.iter().map(|origin| WebOrigin::parse(origin)).collect::<Result<_, _>>()?;
            let name = CollectionName::parse(&name)?;
            let new = NewCollection { name, title: String::new(), open, public_read, kind, origins };
            let made = collections::create(&pool, &Author::command_line(), new, Clock::system().now()).await?;
            print(&format!("{}\n", made.publishable_key))?;
        }
        CollectionCommand::List => {
            for known in Collections::new(pool.clone()).list().await? {
                print(&format!("{}\t{}\n", known.collection.name, known.collection.title))?;
            }
        }
        CollectionCommand::Key { name } => {
            let found =
                collections::find(&pool, &name).await?.ok_or_else(|| format!("there is no collection \"{name}\""))?;
            print(&format!("{}\n", found.publishable_key))?;
        }
    }
    pool.close().await;
    Ok(())
}

/// Entries for a command: without limits, the budgets of a person who waits.
fn entries(pool: &Pool, config: &Config) -> Entries {
    let mut settings = crate::app::settings(config, [0; 32]);
    settings.rates = None;
    Entries::new(pool.clone(), Clock::system(), Collections::new(pool.clone()), settings)
}

async fn import(file: &std::path::Path, collection: &str, config: &Config) -> Outcome {
    let mut text = String::new();
    let name = file.to_string_lossy();
    if name == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    }
    let pool = Pool::open(&config.database_url()).await?;
    let entries = entries(&pool, config);
    let import = Source::recognise(&text, &name).read()?;
    let bar = progress_bar(import.rows.len());
    let collection = find_or_make(&entries, &Author::command_line(), collection).await?;
    let report =
        entries.import(&Author::command_line(), &collection, import, &mut |done| bar.set_position(done as u64)).await?;
    bar.finish_and_clear();
    drop(entries);
    pool.close().await;
    tell(&report)
}

/// Only a terminal is shown a bar.
fn progress_bar(rows: usize) -> indicatif::ProgressBar {
    let bar = if std::io::stderr().is_terminal() {
        indicatif::ProgressBar::new(rows as u64)
    } else {
        indicatif::ProgressBar::hidden()
    };
    match indicatif::ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} rows, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn tell(report: &ImportReport) -> Outcome {
    eprintln!("{} stored, {} known already, {} refused", report.stored, report.known, report.refused);
    for (row, reason) in &report.reasons {
        eprintln!("  row {row}: {reason}");
    }
    if report.refused > 0 { Err("some rows were refused; the others are stored".into()) } else { Ok(()) }
}

async fn export(collection: Option<String>, format: &str, query: Option<String>, config: &Config) -> Outcome {
    let pool = Pool::open(&config.database_url()).await?;
    let entries = entries(&pool, config);
    let mut params = crate::web::pairs(&query.unwrap_or_default())?;
    params.extend(collection.map(|name| ("_collection".to_owned(), name)));
    let format = match format {
        "ndjson" => Format::Ndjson,
        "json" => Format::Json,
        _ => Format::Csv,
    };
    let query = parse_query(&params, Clock::system().now(), false)?;
    let export = entries.export(&Reader::Staff(0), query, format).await?;
    let (sender, mut pieces) = tokio::sync::mpsc::channel(4);
    let writer = entries.clone();
    let writing = tokio::spawn(async move { writer.send(export, sender).await });
    while let Some(piece) = pieces.recv().await {
        std::io::stdout().write_all(&piece?)?;
    }
    writing.await?;
    pool.close().await;
    Ok(())
}
