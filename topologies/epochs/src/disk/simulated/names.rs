//! The names of a simulated disk: what processes see, what is durable, and the changes between the two.
//!
//! Changes of names and syncs of folders enter; [`Names::lose_power`] leaves names that a file system may show after a loss of power:
//! each change is kept or lost, but never one that needs a lost one.

use std::collections::{BTreeMap, BTreeSet};

use super::super::path::parent;
use super::generator::Generator;

/// Meaning of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// a folder
    Folder,
    /// the file with this number
    File(u64),
}

/// A change of names.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Create { path: String, node: Node },
    Rename { from: String, to: String },
    Remove { path: String },
}

/// A change that is not durable.
#[derive(Clone, Debug)]
struct Pending {
    /// the change
    change: Change,
    /// its sync failed: it never will be durable
    is_lost: bool,
}

/// Names with what they lead to.
type Tree = BTreeMap<String, Node>;

/// All names.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// names as processes see them
    seen: Tree,
    /// names as a loss of power leaves them at least
    durable: Tree,
    /// changes that lead from `durable` to `seen`, in their order
    pending: Vec<Pending>,
}

impl Names {
    /// Returns what a name leads to.
    pub(super) fn get(&self, path: &str) -> Option<Node> {
        self.seen.get(path).copied()
    }

    /// Returns true if there is such a folder; the root always is.
    pub(super) fn has_folder(&self, path: &str) -> bool {
        path.is_empty() || self.get(path) == Some(Node::Folder)
    }

    /// The names in a folder, sorted.
    pub(super) fn list(&self, path: &str) -> Vec<String> {
        let inside = self.seen.keys().filter(|name| parent(name) == path);
        inside.map(|name| name.rsplit_once('/').map_or(name.as_str(), |(_, last)| last).to_owned()).collect()
    }

    /// The numbers of the files that processes see.
    pub(super) fn files(&self) -> impl Iterator<Item = u64> + '_ {
        self.seen.values().filter_map(file_number)
    }

    /// The numbers of all files that can still be seen now or after a loss of power.
    pub(super) fn reachable(&self) -> BTreeSet<u64> {
        let pending = self.pending.iter().filter_map(|pending| match &pending.change {
            Change::Create { node, .. } => Some(node),
            Change::Rename { .. } | Change::Remove { .. } => None,
        });
        self.seen.values().chain(self.durable.values()).chain(pending).filter_map(file_number).collect()
    }

    /// Changes the names that processes see.
    pub(super) fn change(&mut self, change: Change) {
        apply(&mut self.seen, &change);
        self.pending.push(Pending { change, is_lost: false });
    }

    /// Makes the names in a folder durable, with the changes that they need.
    pub(super) fn sync(&mut self, path: &str) {
        let chosen = self.needed_by(path);
        let mut lost = BTreeSet::new();
        let mut left = Vec::new();
        for (pending, is_chosen) in std::mem::take(&mut self.pending).into_iter().zip(chosen) {
            if pending.is_lost || needs(&pending.change, &lost) {
                lost.extend(touched(&pending.change).map(str::to_owned));
                left.push(Pending { is_lost: true, ..pending });
            } else if is_chosen {
                apply(&mut self.durable, &pending.change);
            } else {
                left.push(pending);
            }
        }
        self.pending = left;
    }

    /// A sync of a folder fails: its changes are not made durable by a later one either.
    pub(super) fn fail_sync(&mut self, path: &str) {
        let chosen = self.needed_by(path);
        for (pending, is_chosen) in self.pending.iter_mut().zip(chosen) {
            pending.is_lost |= is_chosen;
        }
    }

    /// Returns which changes are of names in a folder, or are needed by such.
    fn needed_by(&self, path: &str) -> Vec<bool> {
        let mut needed = BTreeSet::new();
        let mut chosen: Vec<bool> = Vec::with_capacity(self.pending.len());
        for pending in self.pending.iter().rev() {
            let is_chosen = touched(&pending.change).any(|name| parent(name) == path || needed.contains(name));
            if is_chosen {
                needed.extend(touched(&pending.change));
            }
            chosen.push(is_chosen);
        }
        chosen.reverse();
        chosen
    }

    /// Leaves the names that are found after a loss of power, and says how many changes were lost.
    pub(super) fn lose_power(&mut self, generator: &mut Generator) -> u64 {
        let pending = std::mem::take(&mut self.pending);
        // A file system with a journal keeps the changes before a certain one; others keep each or not.
        let journaled = generator.one_in(2).then(|| generator.below(pending.len() + 1));
        let mut lost = BTreeSet::new();
        let mut count = 0;
        for (number, pending) in pending.into_iter().enumerate() {
            let is_kept = journaled.map_or_else(|| generator.one_in(2), |kept| number < kept);
            if is_kept && !pending.is_lost && !needs(&pending.change, &lost) {
                apply(&mut self.durable, &pending.change);
            } else {
                lost.extend(touched(&pending.change).map(str::to_owned));
                count += 1;
            }
        }
        self.remove_orphans();
        self.seen = self.durable.clone();
        count
    }

    /// Removes what is durable in a folder that is not.
    fn remove_orphans(&mut self) {
        let mut kept = Tree::new();
        // A folder sorts before what is in it.
        for (name, node) in std::mem::take(&mut self.durable) {
            let folder = parent(&name);
            if folder.is_empty() || kept.get(folder) == Some(&Node::Folder) {
                kept.insert(name, node);
            }
        }
        self.durable = kept;
    }
}

/// Returns the number of a file; `None` for a folder.
fn file_number(node: &Node) -> Option<u64> {
    match node {
        Node::Folder => None,
        Node::File(number) => Some(*number),
    }
}

/// Applies a change to a tree.
fn apply(tree: &mut Tree, change: &Change) {
    match change {
        Change::Create { path, node } => {
            tree.insert(path.clone(), *node);
        }
        Change::Rename { from, to } => {
            if let Some(node) = tree.remove(from) {
                tree.insert(to.clone(), node);
            }
        }
        Change::Remove { path } => {
            tree.remove(path);
        }
    }
}

/// Returns the names that a change is about.
fn touched(change: &Change) -> impl Iterator<Item = &str> {
    let (first, second) = match change {
        Change::Create { path, .. } | Change::Remove { path } => (path, None),
        Change::Rename { from, to } => (from, Some(to)),
    };
    std::iter::once(first).chain(second).map(String::as_str)
}

/// Returns true if a change is of a name, or is in a folder, whose earlier change is lost.
fn needs(change: &Change, lost: &BTreeSet<String>) -> bool {
    touched(change).any(|name| {
        let mut name = name;
        while !name.is_empty() {
            if lost.contains(name) {
                return true;
            }
            name = parent(name);
        }
        false
    })
}
