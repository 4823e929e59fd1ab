//! Frontdesk: the back end of teams that have none.
//!
//! It takes in what a web page's snippet sends, keeps it safely, and lets staff browse, filter and
//! export it. `ARCHITECTURE.md` walks through one read and one write.
//!
//! Reading order, from the outside in. A module may import what stands below it, never above
//! (`tests/` checks it): `app` → `pages`, `api` → `service` → `store` → `db`.

pub mod access;
pub mod app;
pub mod collections;
pub mod command;
pub mod demo;
pub mod directory;
pub mod domain;
pub mod entries;
pub mod metrics;
pub mod openapi;
pub mod outgoing;
pub mod records;
pub mod relay;
pub mod staff;
pub mod status;
pub mod updates;
pub mod waiting;
pub mod web;

pub mod config;
pub mod db;
pub mod descriptors;
pub mod error;
pub mod files;
pub mod filter;
pub mod formula;
pub mod json;
pub mod limits;
pub mod moment;
pub mod occupancy;
pub mod rate;
pub mod secrets;
pub mod words;
