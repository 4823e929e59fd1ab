//! Hashing passwords: argon2id, off the async threads, a few at a time.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Each hash takes 19 MB and a core for a moment; more wait their turn.
static PERMITS: Semaphore = Semaphore::const_new(2);

/// A hash in PHC string form with a fresh salt.
pub async fn hash(password: String) -> Result<String> {
    run(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| hash.to_string()).map_err(|error| Error::Internal(error.to_string().into()))
    })
    .await?
}

/// Whether the password is the one of the hash. Without a hash it takes the same time and is wrong.
pub async fn verify(password: String, hash: Option<String>) -> Result<bool> {
    run(move || {
        let stored = hash.as_deref().unwrap_or(NOBODY);
        let matches = PasswordHash::new(stored)
            .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
        matches && hash.is_some()
    })
    .await
}

/// A hash of a password that nobody knows, to spend the same time on an unknown email.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$3Hv9QFbJZ5nWwAbd1ANFNqIbsfz6mDb8oA7bPYIm4Oc";

async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _permit = PERMITS.acquire().await.map_err(|error| Error::Internal(Box::new(error)))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(Box::new(error)))
}

/// Whether a password is among those that are tried first.
pub fn is_common(password: &str) -> bool {
    let plain: String = password.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let letters = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    let one_character = plain.chars().all(|c| plain.starts_with(c));
    let digits_in_a_row = "01234567890123456789".contains(&plain) || "98765432109876543210".contains(&plain);
    one_character || digits_in_a_row || COMMON.contains(&plain.as_str()) || COMMON.contains(&letters)
}

const COMMON: [&str; 48] = [
    "password",
    "passwort",
    "passw0rd",
    "qwerty",
    "qwertyuiop",
    "qwertz",
    "azerty",
    "letmein",
    "welcome",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "iloveyou",
    "sunshine",
    "princess",
    "master",
    "superman",
    "batman",
    "trustno",
    "shadow",
    "michael",
    "jennifer",
    "jordan",
    "hunter",
    "charlie",
    "computer",
    "internet",
    "starwars",
    "whatever",
    "freedom",
    "secret",
    "admin",
    "administrator",
    "changeme",
    "default",
    "guest",
    "login",
    "abc",
    "abcdef",
    "qazwsx",
    "zaqwsx",
    "qwe",
    "asdfghjkl",
    "zxcvbnm",
    "frontdesk",
    "hello",
    "test",
];
