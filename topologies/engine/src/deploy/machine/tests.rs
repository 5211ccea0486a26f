//! Every path of a deployment, without a thread: what is done in which order, and what can never happen.

use super::*;

fn reason() -> String {
    "no".to_owned()
}

fn failure() -> DeployCommand {
    DeployCommand::End(DeployOutcome::Failed { reason: reason() })
}

fn seen(reached: u64, bound: u64, visible: u64) -> DeployEvent {
    DeployEvent::CandidateSeen(CandidateProgress { reached, bound, visible, is_catching_up: false })
}

/// A machine after some events, none of which is unexpected.
fn after(events: &[DeployEvent]) -> DeploymentMachine {
    let mut machine = DeploymentMachine::default();
    for event in events {
        machine.handle(event.clone()).unwrap();
    }
    machine
}

/// The events up to a candidate that computes.
fn computing(verify: Verify) -> Vec<DeployEvent> {
    vec![
        DeployEvent::Requested { verify },
        DeployEvent::Prepared { completed: 10 },
        DeployEvent::CheckpointSeen { newest: Some(10) },
        DeployEvent::CheckpointRead,
        DeployEvent::CandidateStarted,
    ]
}

/// The events up to a control entry that is bound.
fn bound() -> Vec<DeployEvent> {
    let then = [seen(20, 20, 20), DeployEvent::Recorded, DeployEvent::MayBind, DeployEvent::SwitchBound { epoch: 21 }];
    computing(Verify::Not).into_iter().chain(then).collect()
}

#[test]
fn a_deployment_goes_from_the_request_to_the_epoch_that_shows_it() {
    let mut machine = DeploymentMachine::default();
    let mut step = |event: DeployEvent, commands: &[DeployCommand], awaited: Awaited| {
        assert_eq!(machine.handle(event).unwrap(), commands);
        assert_eq!(machine.awaits(), awaited);
    };
    use {DeployCommand as Do, DeployEvent as On};
    step(On::Requested { verify: Verify::Not }, &[Do::Prepare], Awaited::Nothing);
    step(On::Prepared { completed: 10 }, &[Do::ShowPhase(DeployPhase::Checkpointing)], Awaited::Checkpoint);
    step(On::CheckpointSeen { newest: None }, &[Do::WriteCheckpoint], Awaited::Checkpoint);
    step(On::CheckpointSeen { newest: Some(9) }, &[Do::WriteCheckpoint], Awaited::Checkpoint);
    let read = [Do::ReadCheckpoint, Do::ShowPhase(DeployPhase::Restoring)];
    step(On::CheckpointSeen { newest: Some(12) }, &read, Awaited::Content);
    step(On::CheckpointRead, &[Do::StartCandidate], Awaited::Nothing);
    step(On::CandidateStarted, &[], Awaited::Candidate);
    step(seen(12, 30, 28), &[Do::ShowBehind { epochs: 18 }], Awaited::Candidate);
    step(seen(26, 30, 28), &[Do::ShowBehind { epochs: 4 }], Awaited::Candidate);
    step(seen(30, 30, 30), &[Do::ShowBehind { epochs: 0 }, Do::Record], Awaited::Nothing);
    step(On::Recorded, &[Do::ShowPhase(DeployPhase::Switching)], Awaited::Binding);
    step(On::MayBind, &[Do::BindSwitch], Awaited::Binding);
    step(On::SwitchBound { epoch: 31 }, &[Do::ComputeSwitch], Awaited::Handover);
    step(On::HandedOver, &[], Awaited::Nothing);
    step(On::Shown, &[Do::Complete { epoch: 31 }], Awaited::Request);
}

#[test]
fn epochs_are_held_back_from_when_the_candidate_is_near_until_the_end() {
    let mut machine = after(&computing(Verify::Not));
    assert!(!machine.holds());
    machine.handle(seen(10, 10 + HELD_EPOCHS + 1, 10)).unwrap();
    assert!(!machine.holds(), "it is too far behind");
    machine.handle(seen(11, 11 + HELD_EPOCHS, 10)).unwrap();
    assert!(machine.holds());
    // The running topology makes an epoch visible that the candidate has not reached: nothing is compared or recorded yet.
    for waiting in [seen(14, 15, 15), seen(15, 15, 14), seen(15, 16, 15)] {
        machine.handle(waiting).unwrap();
        assert!(machine.holds() && machine.awaits() == Awaited::Candidate);
    }
    machine.handle(seen(15, 15, 15)).unwrap();
    assert!(machine.holds());
    assert!(after(&bound()).holds());
}

#[test]
fn history_of_new_topics_is_bound_before_epochs_are_held_back() {
    let mut machine = after(&computing(Verify::Not));
    let progress = CandidateProgress { reached: 15, bound: 15, visible: 15, is_catching_up: true };
    assert_eq!(machine.handle(DeployEvent::CandidateSeen(progress)).unwrap(), [DeployCommand::ShowBehind { epochs: 0 }]);
    assert!(!machine.holds());
    let progress = CandidateProgress { is_catching_up: false, ..progress };
    let commands = machine.handle(DeployEvent::CandidateSeen(progress)).unwrap();
    assert_eq!(commands.last(), Some(&DeployCommand::Record));
}

#[test]
fn differences_refuse_it_only_if_they_were_to_refuse_it() {
    for (verify, differs, expected) in [
        (Verify::Report, false, DeployCommand::Record),
        (Verify::Report, true, DeployCommand::Record),
        (Verify::Refuse, false, DeployCommand::Record),
        (Verify::Refuse, true, DeployCommand::End(DeployOutcome::Differs)),
    ] {
        let mut machine = after(&computing(verify));
        let compare = [DeployCommand::ShowBehind { epochs: 0 }, DeployCommand::Compare];
        assert_eq!(machine.handle(seen(15, 15, 15)).unwrap(), compare);
        assert_eq!(machine.handle(DeployEvent::Compared { differs }).unwrap(), [expected.clone()], "{verify:?} {differs}");
        assert_eq!(machine.is_under_way(), expected == DeployCommand::Record);
    }
}

#[test]
fn a_failure_ends_it_and_another_one_can_begin() {
    let refused = DeployOutcome::Refused { reason: reason() };
    let before_recording = || computing(Verify::Not).into_iter().chain([seen(15, 15, 15)]).collect::<Vec<_>>();
    let failed = || DeployEvent::CandidateFailed { reason: reason() };
    let unreadable = |retained| DeployEvent::CheckpointUnreadable { reason: reason(), retained };
    let forgotten = DeployCommand::ForgetRetained { epoch: 3 };
    for (events, event, commands) in [
        (computing(Verify::Not)[..1].to_vec(), DeployEvent::Rejected(refused.clone()), vec![DeployCommand::End(refused)]),
        (computing(Verify::Not)[..3].to_vec(), unreadable(None), vec![failure()]),
        (computing(Verify::Not)[..3].to_vec(), unreadable(Some(3)), vec![forgotten, failure()]),
        (computing(Verify::Not)[..4].to_vec(), failed(), vec![failure()]),
        (computing(Verify::Not), failed(), vec![failure()]),
        (before_recording(), DeployEvent::NotRecorded { reason: reason() }, vec![failure()]),
        (bound(), failed(), vec![failure()]),
    ] {
        let mut machine = after(&events);
        assert_eq!(machine.handle(event.clone()).unwrap(), commands, "{event:?}");
        assert!(!machine.is_under_way() && !machine.holds() && machine.switch_epoch().is_none());
        machine.handle(DeployEvent::Requested { verify: Verify::Not }).unwrap();
    }
}

#[test]
fn an_entry_that_can_not_be_bound_now_is_bound_later() {
    let mut machine = after(&bound()[..bound().len() - 1]);
    for _ in 0..3 {
        assert_eq!(machine.handle(DeployEvent::MayBind).unwrap(), [DeployCommand::BindSwitch]);
        assert!(machine.holds() && !machine.is_switching());
    }
    machine.handle(DeployEvent::SwitchBound { epoch: 40 }).unwrap();
    assert_eq!(machine.switch_epoch(), Some(40));
}

#[test]
fn it_takes_over_with_its_epoch_and_only_when_both_have_computed_it() {
    let mut machine = after(&bound());
    assert!(!machine.takes_over_with(21), "the candidate has not computed it");
    machine.handle(DeployEvent::HandedOver).unwrap();
    assert!(machine.takes_over_with(21));
    assert!(!machine.takes_over_with(20) && !machine.takes_over_with(22));
}

#[test]
fn a_second_request_is_not_taken_while_one_is_under_way() {
    let events = bound();
    for number in 1..=events.len() {
        let mut machine = after(&events[..number]);
        let before = machine.state;
        let unexpected = machine.handle(DeployEvent::Requested { verify: Verify::Not }).unwrap_err();
        assert!(unexpected.to_string().starts_with("a deployment was told Requested"), "{unexpected}");
        assert_eq!(machine.state, before);
    }
}

#[test]
fn a_rebuild_abandons_it_until_the_entry_is_bound_and_a_stop_releases_it() {
    let events = bound();
    for number in 1..events.len() {
        let abandoned = after(&events[..number]).handle(DeployEvent::Abandoned { reason: reason() }).unwrap();
        assert_eq!(abandoned, [failure()], "after {:?}", events[number - 1]);
        let stopped = after(&events[..number]).handle(DeployEvent::Stopping).unwrap();
        assert_eq!(stopped, [DeployCommand::Release]);
    }
    assert!(after(&events).handle(DeployEvent::Abandoned { reason: reason() }).is_err());
    let mut machine = after(&events);
    assert_eq!(machine.handle(DeployEvent::Stopping).unwrap(), [], "what is bound is shown before the process stops");
    assert!(machine.is_switching());
    let mut none = DeploymentMachine::default();
    assert_eq!(none.handle(DeployEvent::Abandoned { reason: reason() }).unwrap(), []);
    assert_eq!(none.handle(DeployEvent::Stopping).unwrap(), []);
}

/// One event of each kind, with values that lead on and values that don't.
fn all_events() -> Vec<DeployEvent> {
    use DeployEvent as On;
    let mut events = vec![
        On::Prepared { completed: 10 },
        On::Rejected(DeployOutcome::Refused { reason: reason() }),
        On::CheckpointSeen { newest: None },
        On::CheckpointSeen { newest: Some(10) },
        On::CheckpointRead,
        On::CheckpointUnreadable { reason: reason(), retained: Some(3) },
        On::CandidateStarted,
        On::CandidateFailed { reason: reason() },
        seen(10, 20, 20),
        seen(19, 20, 20),
        seen(20, 20, 20),
        On::Compared { differs: false },
        On::Compared { differs: true },
        On::Recorded,
        On::NotRecorded { reason: reason() },
        On::MayBind,
        On::SwitchBound { epoch: 21 },
        On::HandedOver,
        On::Shown,
        On::Abandoned { reason: reason() },
        On::Stopping,
    ];
    events.extend([Verify::Not, Verify::Report, Verify::Refuse].map(|verify| On::Requested { verify }));
    events
}

/// The part of a deployment's past that the invariants speak of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Past {
    is_begun: bool,
    is_recorded: bool,
    is_bound: bool,
}

#[test]
fn on_every_path_it_is_recorded_before_it_is_bound_and_ends_once() {
    let mut open = vec![(DeploymentMachine::default(), Past::default())];
    let mut known: Vec<(DeployState, Past)> = Vec::new();
    let mut completed = 0;
    while let Some((machine, past)) = open.pop() {
        if known.contains(&(machine.state, past)) {
            continue;
        }
        known.push((machine.state, past));
        assert_eq!(machine.is_under_way(), past.is_begun, "{machine:?}");
        for event in all_events() {
            let (mut machine, mut past) = (machine.clone(), past);
            let Ok(commands) = machine.handle(event.clone()) else { continue };
            past.is_begun |= matches!(event, DeployEvent::Requested { .. });
            past.is_recorded |= event == DeployEvent::Recorded;
            past.is_bound |= matches!(event, DeployEvent::SwitchBound { .. });
            for command in &commands {
                match command {
                    DeployCommand::BindSwitch => assert!(past.is_recorded && !past.is_bound),
                    DeployCommand::Complete { .. } => {
                        assert!(past.is_bound);
                        completed += 1;
                    }
                    DeployCommand::Release => assert!(!past.is_bound, "a bound entry is shown before the process stops"),
                    DeployCommand::End(DeployOutcome::Failed { .. }) if past.is_bound => {
                        assert!(matches!(event, DeployEvent::CandidateFailed { .. }), "{event:?} gave up what is bound");
                    }
                    _ => {}
                }
            }
            let ends = |command: &&DeployCommand| {
                matches!(command, DeployCommand::End(_) | DeployCommand::Complete { .. } | DeployCommand::Release)
            };
            let count = commands.iter().filter(ends).count();
            assert_eq!(count, usize::from(past.is_begun && !machine.is_under_way()), "{event:?} made {commands:?}");
            if count > 0 {
                past = Past::default();
            }
            open.push((machine, past));
        }
    }
    assert!(known.len() >= 12 && completed > 0, "only {} states were reached", known.len());
}
