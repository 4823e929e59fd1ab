//! `frontdesk user` and `frontdesk token`.

use super::cli::{TokenCommand, UserCommand};
use super::outcome::{Outcome, print};
use crate::config::Config;
use crate::db::Pool;
use crate::moment::{Clock, DAY, MINUTE};
use crate::staff::{AccountChange, Accounts, Author, Email, NewToken, Password, Role, SessionLimits};

/// Runs a command on the accounts, and closes the database after it.
async fn with_accounts<F: Future<Output = Outcome>>(config: &Config, run: impl FnOnce(Accounts) -> F) -> Outcome {
    let pool = Pool::open(&config.database_url()).await?;
    let limits = SessionLimits { idle: config.session_idle_days, absolute: config.session_days };
    let outcome = run(Accounts::new(pool.clone(), Clock::system(), limits)).await;
    pool.close().await;
    outcome
}

pub(super) async fn user(command: UserCommand, config: &Config) -> Outcome {
    let by = Author::command_line();
    with_accounts(config, async |accounts| {
        match command {
            UserCommand::Add { email, name, role, password_stdin } => {
                let email = Email::parse(&email)?;
                let password = Password::parse(&read_password(password_stdin)?)?;
                accounts.create(&by, &email, &name, Role::parse(&role)?, password).await?;
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
                let change = AccountChange { disabled: Some(true), ..AccountChange::default() };
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

pub(super) async fn token(command: TokenCommand, config: &Config) -> Outcome {
    let by = Author::command_line();
    with_accounts(config, async |accounts| {
        match command {
            TokenCommand::Add { user, scope, name, expires } => {
                let account = accounts.find_by_email(&Email::parse(&user)?).await?;
                let scopes = crate::app::areas().parse(scope.iter().map(String::as_str))?;
                let expires = expires.as_deref().map(lasting).transpose()?.map(|ms| Clock::system().now().plus(ms));
                let (id, text) = accounts.create_token(&by, &account, NewToken { name, scopes, expires }).await?;
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
