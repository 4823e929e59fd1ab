//! The main navigation: what each domain puts into it.

use super::account::Role;
use crate::web::Icon;

/// Where in the navigation an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NavGroup {
    /// What people work with every day.
    Work,
    /// What is set up and kept in order.
    Manage,
}

/// An entry of the main navigation.
#[derive(Debug)]
pub struct NavLink {
    /// What people read.
    pub name: &'static str,
    /// What is drawn beside it.
    pub icon: Icon,
    /// Which part of the navigation it belongs to.
    pub group: NavGroup,
    /// Where it leads.
    pub href: &'static str,
    /// First segments of the paths that it stands for.
    pub places: &'static [&'static str],
    /// The key behind `g` that leads there.
    pub key: Option<char>,
    /// The least role that sees it.
    pub role: Role,
    /// Smaller numbers come first.
    pub rank: u8,
}

/// All entries, in their order. Rocket's state.
pub struct Navigation(Vec<&'static NavLink>);

impl Navigation {
    /// Puts the entries of all domains in order.
    pub fn of(links: impl IntoIterator<Item = &'static NavLink>) -> Navigation {
        let mut links: Vec<_> = links.into_iter().collect();
        links.sort_by_key(|link| link.rank);
        Navigation(links)
    }

    /// Those that somebody of this role sees.
    pub fn seen_by(&self, role: Role) -> Vec<&'static NavLink> {
        self.0.iter().copied().filter(|link| link.role <= role).collect()
    }
}
