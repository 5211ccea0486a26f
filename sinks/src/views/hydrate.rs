//! Reports on hydration: the driver says how far each view is, and the API answers readers of one that is not whole with that.
//!
//! The lock is taken after every other and only for a look, so it may be asked for while a snapshot is held.

use std::collections::BTreeMap;

use super::hydration::{Hydration, Hydrations};
use super::store::Views;

impl Views {
    /// Says how far the view is that is served under this name, `None` that it is whole; a name that is not served is passed over.
    /// For the driver, after the publish that made the view whole.
    pub fn set_hydration(&self, name: &str, hydration: Option<Hydration>) {
        if self.catalogue().served.contains_key(name) {
            set(&mut self.hydrations.write().served, name, hydration);
        }
    }

    /// Says how far the view is that is staged under this name; it is not whole until it is shown.
    pub fn set_staged_hydration(&self, name: &str, hydration: Hydration) {
        if self.catalogue().staged.contains_key(name) {
            self.hydrations.write().staged.insert(name.to_owned(), hydration);
        }
    }

    /// Says of all views that are served how far they are, after a restart.
    pub fn set_hydration_of_all(&self, hydration: Option<Hydration>) {
        let catalogue = self.catalogue();
        let mut hydrations = self.hydrations.write();
        catalogue.served.keys().for_each(|name| set(&mut hydrations.served, name, hydration));
    }

    /// Returns the progress of the view that is served under this name; `None` when it is whole.
    pub fn hydration(&self, name: &str) -> Option<Hydration> {
        self.hydrations.read().served.get(name).copied()
    }

    /// Returns the progress of the view that is staged under this name.
    pub fn staged_hydration(&self, name: &str) -> Option<Hydration> {
        self.hydrations.read().staged.get(name).copied()
    }

    /// The views that should be served and are not whole, by name.
    pub fn hydrating(&self) -> Vec<(String, Hydration)> {
        self.hydrations.read().served.iter().map(|(name, hydration)| (name.clone(), *hydration)).collect()
    }

    /// The views that are staged, by name.
    pub fn staged_hydrations(&self) -> Vec<(String, Hydration)> {
        self.hydrations.read().staged.iter().map(|(name, hydration)| (name.clone(), *hydration)).collect()
    }

    /// Forgets the progress of views that were shown or removed.
    pub(super) fn settle_hydrations(&self) {
        let catalogue = self.catalogue();
        let mut hydrations = self.hydrations.write();
        let Hydrations { served, staged } = &mut *hydrations;
        staged.retain(|name, _| {
            let is_shown = !catalogue.staged.contains_key(name);
            if is_shown {
                served.remove(name);
            }
            !is_shown
        });
        served.retain(|name, _| catalogue.served.contains_key(name));
    }
}

/// Sets or removes one entry.
fn set(hydrations: &mut BTreeMap<String, Hydration>, name: &str, hydration: Option<Hydration>) {
    match hydration {
        Some(hydration) => hydrations.insert(name.to_owned(), hydration),
        None => hydrations.remove(name),
    };
}
