//! The command line, as people write it.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The back end of teams that have none.
#[derive(Parser)]
#[command(name = "frontdesk", version)]
pub struct Cli {
    /// `None`: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
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
    /// Load sample data to look around: a college with queues, history and entries; needs an empty database
    Demo,
    /// Bring the database's schema up to date
    Migrate,
    /// Print the effective settings, without secrets
    Config,
}

#[derive(clap::Args)]
pub struct ImportArgs {
    /// - reads standard input
    pub file: PathBuf,
    /// Created if it does not exist
    #[arg(long, default_value = "default")]
    pub collection: String,
    /// Such as utf-8 or windows-1252; recognised if it is left out, like all that follows
    #[arg(long, default_value = "")]
    pub encoding: String,
    #[arg(long, default_value = "", value_parser = ["table", "json", "ndjson", ""])]
    pub format: String,
    /// Between columns: , ; | or tab
    #[arg(long, default_value = "")]
    pub delimiter: String,
    /// Around cells: a double or single quote, or none
    #[arg(long, default_value = "")]
    pub quote: String,
    /// Whether the first row names the columns
    #[arg(long, default_value = "", value_parser = ["yes", "no", ""])]
    pub header: String,
    /// Where in a JSON document the list is, such as data.items
    #[arg(long, default_value = "")]
    pub list: String,
    /// Store every row, whatever was imported before
    #[arg(long)]
    pub again: bool,
    /// For rows of an export whose entry exists already: skip, update or add
    #[arg(long, default_value = "skip", value_parser = ["skip", "update", "add"])]
    pub ids: String,
    /// Say what the file holds and store nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Subcommand)]
pub enum UserCommand {
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
pub enum TokenCommand {
    /// Create a token and print it; it cannot be shown again
    Add {
        /// The account that it belongs to; it has at most the rights of this account
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
pub enum CollectionCommand {
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
