//! Who writes an update.

use crate::staff::{Account, Author};

/// Who writes: for the audit trail, and for readers.
#[derive(Debug, Clone)]
pub struct Writer {
    /// In whose name it is noted.
    pub by: Author,
    /// What readers are told; empty: nothing.
    pub name: String,
}

impl From<&Account> for Writer {
    fn from(account: &Account) -> Writer {
        // Who has no name is called by the email, which is no reader's business.
        let name = if account.name == account.email { String::new() } else { account.name.clone() };
        Writer { by: account.into(), name }
    }
}
