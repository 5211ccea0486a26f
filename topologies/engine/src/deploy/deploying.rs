//! A deployment on its way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use sinks::views::CatalogueChange;
use sources::record::TopicMetadata;

use super::candidate::{Candidate, Handover};
use super::request::Deployment;
use super::view_change::ViewChange;
use crate::state::checkpointer::ReadCheckpoint;
use language::plan::kept::KeptStates;

/// A deployment on its way.
#[derive(Default)]
pub enum Deploying {
    /// there is none
    #[default]
    Not,
    /// it needs a checkpoint of this epoch or a later one
    Checkpointing(Deployment, Vec<TopicMetadata>, u64),
    /// the checkpoint is being read: that of this epoch, which an earlier topology has left, or the newest one
    Restoring(Deployment, Vec<TopicMetadata>, Option<u64>, Receiver<ReadCheckpoint>),
    /// the candidate computes
    Computing(Hydrating),
    /// the candidate has everything that readers see, and the new generation is recorded: the next epoch is that of the switch
    Ready(Hydrating),
    /// this epoch is bound, at which it takes over
    Switching(Hydrating, u64, Option<Box<Handover>>),
}

/// A candidate and what it is for.
pub struct Hydrating {
    pub deployment: Deployment,
    pub candidate: Candidate,
    pub changes: BTreeMap<String, ViewChange>,
    pub states: Arc<KeptStates>,
    pub handed: BTreeSet<u32>,
    pub staged: BTreeSet<String>,
    pub is_held: bool,
}

/// A handover, and what else changes with it.
pub struct Takeover {
    /// handover of the candidate
    pub handover: Handover,
    /// change of the catalogue
    pub catalogue: CatalogueChange,
    pub hydrating: Hydrating,
}

impl Deploying {
    /// Returns true if no further epoch may be bound for now.
    pub fn holds(&self) -> bool {
        match self {
            Self::Computing(hydrating) => hydrating.is_held,
            Self::Ready(_) | Self::Switching(..) => true,
            _ => false,
        }
    }

    /// Returns true if there is a deployment.
    pub fn is_under_way(&self) -> bool {
        !matches!(self, Self::Not)
    }

    /// Returns true if it can't be given up any more.
    pub fn is_switching(&self) -> bool {
        matches!(self, Self::Switching(..))
    }

    /// The epoch that both have to compute before it becomes visible.
    pub fn switch_epoch(&self) -> Option<u64> {
        if let Self::Switching(_, epoch, _) = self { Some(*epoch) } else { None }
    }

    /// The candidate, which is to see every epoch that is bound.
    pub fn candidate(&self) -> Option<&Candidate> {
        match self {
            Self::Computing(hydrating) | Self::Ready(hydrating) | Self::Switching(hydrating, ..) => Some(&hydrating.candidate),
            _ => None,
        }
    }

    /// Returns the handover that takes over with this epoch, when the candidate has computed it too.
    pub fn take_over(&mut self, epoch: u64) -> Option<Takeover> {
        if !matches!(self, Self::Switching(_, switch, Some(_)) if *switch == epoch) {
            return None;
        }
        let Self::Switching(hydrating, _, Some(handover)) = std::mem::take(self) else { return None };
        let names = |kind: ViewChange| hydrating.changes.iter().filter(move |(_, change)| **change == kind);
        let access = hydrating.deployment.topology.served.iter();
        let access = access.filter(|served| !hydrating.staged.contains(&served.view.name));
        let catalogue = CatalogueChange {
            remove: names(ViewChange::Removed).map(|(name, _)| name.clone()).collect(),
            access: access.map(|served| (served.view.name.clone(), served.view.access.clone())).collect(),
            show: hydrating.staged.iter().cloned().collect(),
        };
        Some(Takeover { handover: *handover, catalogue, hydrating })
    }
}
