//! The status: what works, for anybody who wonders whether it is them or us. Machines that watch ask `/readyz`.
//!
//! What always holds: it names nobody and no number that is nobody's business; however many ask, it is looked at once a
//! second at most.

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
