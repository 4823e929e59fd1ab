//! How often somebody may try a password: per address, and per account without letting strangers lock anyone out.
//!
//! Attempts on an account from browsers that never signed in as it share one bucket. A browser that did carries a
//! cookie of its own and has a bucket of its own, so strangers who use theirs up stop only each other.

use std::net::IpAddr;

use crate::error::Result;
use crate::rate::{Buckets, PerAddress};

pub struct Attempts {
    addresses: PerAddress,
    accounts: Buckets<Vec<u8>>,
}

impl Default for Attempts {
    fn default() -> Attempts {
        Attempts {
            addresses: PerAddress(Buckets::per_minute("sign-in-address", 10, 20)),
            accounts: Buckets::per_minute("sign-in-account", 10, 10),
        }
    }
}

impl Attempts {
    /// Counts an attempt. `account` is the hash of the email, or of the cookie of a browser it knows.
    pub fn take(&self, address: Option<IpAddr>, account: Vec<u8>) -> Result<()> {
        self.addresses.take(address, 1)?;
        self.accounts.take(account, 1)
    }

    pub fn forget_quiet(&self) {
        self.addresses.0.forget_quiet();
        self.accounts.forget_quiet();
    }
}
