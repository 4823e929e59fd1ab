//! The status: what works, for anybody who wonders whether it is them or us. Machines that watch ask `/readyz`.
//!
//! What always holds: it reveals no names and no confidential figures; however many requests come, checks run at most
//! once a second.

mod api;
mod pages;
mod report;

use crate::domain::Domain;
use crate::entries::Entries;

use report::Status;

/// Everything that the application needs to know of the status.
pub fn domain() -> Domain {
    Domain {
        apis: vec![("/", api::api())],
        pages: pages::routes(),
        manage: Some(|rocket, ground| {
            let entries = rocket.state::<Entries>().expect("entries stand before the status in app.rs").clone();
            rocket.manage(Status::new(ground.pool.clone(), ground.clock.clone(), entries))
        }),
        ..Domain::new("status")
    }
}
