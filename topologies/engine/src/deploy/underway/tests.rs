//! Ends of deployments, and states of one that can't be.

use std::sync::mpsc::channel;

use epochs::checkpoint::CheckpointHeader;
use epochs::disk::simulated::SimulatedDisk;
use language::topology::Topology;
use parking_lot::Mutex;
use schemas::position::Timeline;
use schemas::row::{Diff, Row};
use schemas::serving::View;
use sinks::views::{Commit, EpochChanges, Hydration, IndexId, ServedView, Views, ViewsDefinition, ViewsError};
use sources::memory::MemoryLog;

use super::*;
use crate::deploy::candidate::CandidateStart;
use crate::deploy::handle::DeploymentHandle;
use crate::deploy::request::Verify;
use crate::deploy::told_letters::ToldLetters;
use crate::epoch_clock::Clock;
use crate::state::quarantine::Quarantine;
use crate::state::restore::RestoreError;
use crate::state::restored::Restored;

/// A deployment of a topology without views that was only asked for.
fn requested() -> Underway {
    Underway::new(Deployment {
        generation: 2,
        topology: Arc::new(Topology::default()),
        replay: BTreeSet::new(),
        verify: Verify::Not,
        accept_missing_history: false,
        record: Box::new(|_| Ok(())),
    })
}

/// A candidate for that topology, which waits for epochs until it is dropped.
fn hydrating(deployment_handle: &Arc<DeploymentHandle>) -> Hydrating {
    let topology = deployment_handle.topology();
    let states = Arc::new(KeptStates::of(&topology));
    let start = CandidateStart {
        log: Arc::new(MemoryLog::new()),
        topics: Vec::new(),
        told: ToldLetters::of(&Topology::default(), &topology),
        header: CheckpointHeader::default(),
        restored: vec![Restored::new()],
        states: Arc::clone(&states),
        missing: BTreeSet::new(),
        handed: BTreeSet::new(),
        accept_missing_history: false,
        bound: Vec::new(),
        views: Views::new(ViewsDefinition { timeline: Timeline(1), views: topology.views() }),
        staged: BTreeSet::new(),
        deployment_handle: Arc::clone(deployment_handle),
        quarantine: Arc::new(Quarantine::open(Arc::new(SimulatedDisk::new(0))).unwrap()),
        topology,
    };
    Hydrating { candidate: Candidate::start(start).unwrap(), changes: BTreeMap::new(), states, handed: BTreeSet::new() }
}

/// Notes of each view that is unstaged how many hold the handle of the deployment then: a candidate does until its thread has ended.
struct UnstageWatch {
    deployment_handle: Arc<DeploymentHandle>,
    unstaged: Mutex<Vec<(String, usize)>>,
}

impl ViewPublisher for UnstageWatch {
    fn publish(&self, _: Commit) -> Result<Arc<EpochChanges>, ViewsError> {
        panic!("an end publishes nothing")
    }

    fn stage(&self, _: View) -> Result<Arc<ServedView>, ViewsError> {
        panic!("an end stages nothing")
    }

    fn unstage(&self, name: &str) -> bool {
        self.unstaged.lock().push((name.to_owned(), Arc::strong_count(&self.deployment_handle)));
        true
    }

    fn hydrate(&self, _: IndexId, _: Vec<(Row, Diff)>) -> Result<(), ViewsError> {
        panic!("an end fills nothing")
    }

    fn set_hydration_of_all(&self, _: Option<Hydration>) {
        panic!("an end is no progress")
    }

    fn set_staged_hydration(&self, _: &str, _: Hydration) {
        panic!("an end is no progress")
    }
}

#[test]
fn a_candidate_ends_before_its_views_are_unstaged() {
    let (deployment_handle, _queue) = DeploymentHandle::new(Arc::new(Topology::default()), Clock::System);
    let mut underway = requested();
    underway.staged = ["posts".to_owned(), "users".to_owned()].into();
    underway.hydrating = Some(hydrating(&deployment_handle));
    let publisher = UnstageWatch { deployment_handle, unstaged: Mutex::default() };
    underway.end(&publisher);
    assert_eq!(publisher.unstaged.into_inner(), [("posts".to_owned(), 1), ("users".to_owned(), 1)]);
}

#[test]
#[should_panic(expected = "a candidate that was not started")]
fn a_candidate_is_not_taken_for_one_that_has_reached_nothing() {
    let deploying = Deploying { underway: Some(requested()), ..Deploying::default() };
    assert!(deploying.candidate().is_none());
    deploying.running_candidate();
}

#[test]
#[should_panic(expected = "a checkpoint that nobody reads")]
fn nobody_waits_for_a_checkpoint_that_is_not_read() {
    requested().look_for_content();
}

#[test]
fn a_checkpoint_is_waited_for_until_it_is_read_or_can_not_be() {
    let mut underway = requested();
    let (reply, content) = channel();
    underway.reading = Some(Reading { retained: Some(7), content });
    assert_eq!(underway.look_for_content(), None);
    reply.send(Err(RestoreError::None)).unwrap();
    let reason = RestoreError::None.to_string();
    assert_eq!(underway.look_for_content(), Some(DeployEvent::CheckpointUnreadable { reason, retained: Some(7) }));
    reply.send(Ok((CheckpointHeader::default(), Vec::new()))).unwrap();
    assert_eq!((underway.look_for_content(), underway.content.is_some()), (Some(DeployEvent::CheckpointRead), true));
    drop(reply);
    let reason = "the checkpoint could not be read".to_owned();
    assert_eq!(underway.look_for_content(), Some(DeployEvent::CheckpointUnreadable { reason, retained: None }));
}
