//! Hydration of views: after a restart none is whole until its rows are recomputed, after a deployment the new ones are not.
//!
//! Owns [`Hydration`] and who has one. The driver says how far it is; readers of a view that is not whole have to come back.
//! The lock is taken after every other and only for a look, so it may be asked for while a snapshot is held.

use std::collections::BTreeMap;

/// Progress of filling a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hydration {
    /// rows, or other units of work, that are done
    pub done: u64,
    /// number of them in all; 0 when that is not known yet
    pub total: u64,
    /// time that the rest will take, by the rate so far
    pub seconds_left: Option<u64>,
}

impl Hydration {
    /// The part that is done, from 0 to 1.
    pub fn ratio(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.done.min(self.total) as f64 / self.total as f64 }
    }
}

/// The views that are not whole, by name.
#[derive(Default)]
pub(super) struct Hydrations {
    /// views in their place, after a restart
    pub served: BTreeMap<String, Hydration>,
    /// views that are staged: all of them
    pub staged: BTreeMap<String, Hydration>,
}
