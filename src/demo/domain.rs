//! Domains that a demo can show.

use std::path::PathBuf;

use crate::world::BusinessKind;

/// One of the topologies that come with the program, and the made-up world that sends events to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// a social network
    Social,
    /// a shop
    Commerce,
    /// a to-do application
    Tasks,
    /// a coding assistant
    Agents,
}

impl Domain {
    /// Every domain.
    pub const ALL: [Self; 4] = [Self::Social, Self::Commerce, Self::Tasks, Self::Agents];

    /// Its name, which is that of its folder too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Social => "social",
            Self::Commerce => "commerce",
            Self::Tasks => "tasks",
            Self::Agents => "agents",
        }
    }

    /// The folder of its statements, as seen from where the program comes from.
    pub fn folder(self) -> PathBuf {
        PathBuf::from("topologies").join(self.name())
    }

    /// The business that is made up for it; the social network is a world of its own.
    pub(super) fn business(self) -> Option<BusinessKind> {
        match self {
            Self::Social => None,
            Self::Commerce => Some(BusinessKind::Commerce),
            Self::Tasks => Some(BusinessKind::Tasks),
            Self::Agents => Some(BusinessKind::Agents),
        }
    }
}
