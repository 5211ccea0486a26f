//! The deployment that is under way, with everything that its state machine does not know: threads, topics, the handover.
//!
//! Owns [`Deploying`], the driver's side of a deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use epochs::coordinator::EpochInput;
use sinks::views::{CatalogueChange, ViewPublisher};
use sources::record::TopicMetadata;

use super::candidate::{Candidate, CandidateCommit, Handover};
use super::machine::{DeployEvent, DeploymentMachine};
use super::request::Deployment;
use super::view_change::ViewChange;
use crate::state::checkpointer::{CheckpointContent, ReadCheckpoint};
use language::plan::kept::KeptStates;

/// The deployment of a running topology: its state, and what belongs to it.
#[derive(Default)]
pub struct Deploying {
    /// its state
    pub machine: DeploymentMachine,
    /// there from the request to the end
    pub underway: Option<Underway>,
}

/// Resources of a deployment.
pub struct Underway {
    /// the request
    pub deployment: Deployment,
    /// its topics, which are read from now on
    pub topics: Vec<TopicMetadata>,
    /// the checkpoint that is being read
    pub reading: Option<Reading>,
    /// the checkpoint that was read, until the candidate takes it
    pub content: Option<CheckpointContent>,
    /// views that are staged
    pub staged: BTreeSet<String>,
    /// views that sinks follow and whose rows were computed once more and are others
    pub differing: BTreeSet<String>,
    /// the candidate
    pub hydrating: Option<Hydrating>,
    /// the epoch of the control entry, until it is handed to the workers
    pub switch: Option<EpochInput>,
    /// the handover of the candidate, until it is shown
    pub handover: Option<Box<Handover>>,
}

/// A checkpoint that is being read.
pub struct Reading {
    /// its epoch, if an earlier topology left it; otherwise it is the newest one
    pub retained: Option<u64>,
    /// the checkpoint, when it is read
    pub content: Receiver<ReadCheckpoint>,
}

/// A candidate that computes, and how its topology differs from the running one.
pub struct Hydrating {
    /// the candidate
    pub candidate: Candidate,
    /// change of every view
    pub changes: BTreeMap<String, ViewChange>,
    /// the states that the topology keeps
    pub states: Arc<KeptStates>,
    /// states that are handed over
    pub handed: BTreeSet<u32>,
}

/// The part of the commit that shows a new topology.
pub struct Takeover {
    /// the candidate's part
    pub shown: CandidateCommit,
    /// change of the catalogue
    pub catalogue: CatalogueChange,
}

impl Underway {
    /// A deployment that was only asked for.
    pub fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            topics: Vec::new(),
            reading: None,
            content: None,
            staged: BTreeSet::new(),
            differing: BTreeSet::new(),
            hydrating: None,
            switch: None,
            handover: None,
        }
    }

    /// Looks for the checkpoint that is being read; returns `None` until it was read or could not be.
    ///
    /// # Panics
    /// None is being read: the deployment would wait for ever.
    pub fn look_for_content(&mut self) -> Option<DeployEvent> {
        let Some(Reading { retained, content }) = &self.reading else {
            panic!("a deployment waits for a checkpoint that nobody reads");
        };
        Some(match content.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => {
                DeployEvent::CheckpointUnreadable { reason: "the checkpoint could not be read".to_owned(), retained: None }
            }
            Ok(Err(error)) => DeployEvent::CheckpointUnreadable { reason: error.to_string(), retained: *retained },
            Ok(Ok(content)) => {
                self.content = Some(content);
                DeployEvent::CheckpointRead
            }
        })
    }

    /// Ends the candidate, and only then takes its staged views away: until its thread has ended, it looks for them and fills them.
    pub fn end(self, publisher: &dyn ViewPublisher) {
        let Self { staged, hydrating, handover, .. } = self;
        drop((hydrating, handover));
        for name in &staged {
            publisher.unstage(name);
        }
    }
}

impl Deploying {
    /// The deployment, while its machine says that there is one.
    ///
    /// # Panics
    /// There is none: the machine and the driver disagree.
    pub fn underway(&mut self) -> &mut Underway {
        match &mut self.underway {
            Some(underway) => underway,
            None => panic!("a deployment goes on that is not under way"),
        }
    }

    /// The candidate, if there is one: it is to see every epoch that is bound.
    pub fn candidate(&self) -> Option<&Candidate> {
        self.started().map(|hydrating| &hydrating.candidate)
    }

    /// The candidate, while the machine says that it computes.
    ///
    /// # Panics
    /// There is none, as for [`hydrating`](Self::hydrating).
    pub fn running_candidate(&self) -> &Candidate {
        &self.hydrating().candidate
    }

    /// The candidate with what is known of its topology, while the machine says that it computes.
    ///
    /// # Panics
    /// There is none: the machine and the driver disagree.
    pub fn hydrating(&self) -> &Hydrating {
        match self.started() {
            Some(hydrating) => hydrating,
            None => panic!("a deployment goes on with a candidate that was not started"),
        }
    }

    fn started(&self) -> Option<&Hydrating> {
        self.underway.as_ref().and_then(|underway| underway.hydrating.as_ref())
    }

    /// Returns what is shown with this epoch beside its own changes, if a new topology takes over with it.
    ///
    /// # Panics
    /// The machine knows of a handover, and there is none.
    pub fn take_over(&mut self, epoch: u64) -> Option<Takeover> {
        if !self.machine.takes_over_with(epoch) {
            return None;
        }
        let Underway { deployment, staged, hydrating: Some(hydrating), handover: Some(handover), .. } = self.underway() else {
            panic!("a topology takes over with epoch {epoch} and was not handed over");
        };
        let names = |kind: ViewChange| hydrating.changes.iter().filter(move |(_, change)| **change == kind);
        let served = &deployment.topology.served;
        let same = || served.iter().map(|served| &served.view).filter(|view| !staged.contains(&view.name));
        let catalogue = CatalogueChange {
            remove: names(ViewChange::Removed).map(|(name, _)| name.clone()).collect(),
            access: same().map(|view| (view.name.clone(), view.access.clone())).collect(),
            max_ages: same().map(|view| (view.name.clone(), view.max_age)).collect(),
            show: staged.iter().cloned().collect(),
        };
        Some(Takeover { shown: std::mem::take(&mut handover.shown), catalogue })
    }
}

#[cfg(test)]
mod tests;
