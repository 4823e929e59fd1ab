//! Behaviour, through HTTP over the real `app()`, on a fresh database each, on both databases.
//! PostgreSQL takes part when `TEST_POSTGRES` names a server, as `scripts/test` does.

mod access;
mod add;
mod awkward;
mod calls;
mod collections;
mod contract;
mod counts;
mod crash;
mod data;
mod directory;
mod docs;
mod front_door;
mod grammar;
mod health;
mod histories;
mod import;
mod imports;
mod limits;
mod list;
mod looks;
mod openapi;
mod promises;
mod relay;
mod roles;
mod security;
mod staff;
mod status;
mod strangers;
mod structure;
mod support;
mod transfer;
mod updates;
mod waiting;
mod work;
