//! Whatever the disk does, a checkpoint that was written is there, and no other than those that were written.

use super::*;

const STEPS: usize = 14;

/// Checks what a loss of power left, and that work goes on from there.
fn check_after_crash(mut history: History, context: &str) {
    let (checkpoints, opened) = history.open().unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(opened.damages, [""; 0], "{context}");
    let newest = opened.headers.first().map(|header| header.epoch);
    assert!(newest >= history.durable, "{context}: {newest:?}, but {:?} was durable", history.durable);
    opened.headers.iter().for_each(|header| history.check(&checkpoints, header));
    if history.models.len() > 1 && history.durable.is_some() {
        assert!(!opened.headers.is_empty(), "{context}");
    }
    // What was not durable never happened.
    history.model = newest.map(|newest| history.models[&newest].clone()).unwrap_or_default();
    history.models.retain(|epoch, _| newest.is_some_and(|newest| *epoch <= newest));
    drop(checkpoints);
    let checkpoints = history.write_some(2).unwrap_or_else(|error| panic!("{context}: {error}"));
    history.disk.crash();
    let (reopened, opened) = history.open().unwrap();
    assert_eq!(opened.headers, checkpoints.headers().cloned().collect::<Vec<_>>(), "{context}");
    opened.headers.iter().for_each(|header| history.check(&reopened, header));
    assert!(history.files().len() <= 2 * (RUNS_MAX + 1) + CHECKPOINTS_KEPT, "{context}");
}

#[test]
fn fault_12_power_is_lost_at_every_operation() {
    let mut losses = (0, 0, 0);
    let mut merges = 0;
    for seed in 0..6 {
        let mut whole = History::new(seed);
        whole.write_some(STEPS).unwrap();
        merges += whole.merges;
        for operation in 1..=whole.disk.operations() {
            let mut history = History::new(seed);
            history.disk.crash_at(operation);
            let written = history.write_some(STEPS);
            assert!(written.is_err() || operation > whole.disk.operations() - 10, "the power was lost");
            history.disk.crash();
            // The power may be lost again while the next process starts.
            let second = history.disk.operations() + 1 + history.generator.below(6) as u64;
            history.disk.crash_at(second);
            history.open().ok();
            history.disk.crash();
            let faults = history.disk.faults();
            losses = (losses.0 + 1, losses.1 + faults.torn_files, losses.2 + faults.lost_names);
            check_after_crash(history, &format!("seed {seed}, operation {operation}"));
        }
    }
    assert!(merges > 3, "{merges}");
    assert!(losses.0 > 500 && losses.1 > 50 && losses.2 > 500, "{losses:?}");
}

#[test]
fn fault_9_a_failed_sync_is_returned_and_earlier_checkpoints_survive() {
    let mut failures = 0;
    for seed in 0..4 {
        for successes in 0.. {
            let mut history = History::new(seed);
            history.disk.fail_sync_after(successes);
            let Err(error) = history.write_some(STEPS) else { break };
            assert!(error.is_failed_sync() && !error.is_passing(), "{error}");
            history.disk.crash();
            check_after_crash(history, &format!("seed {seed}, after {successes} syncs"));
            failures += 1;
        }
    }
    assert!(failures > 4 * 3 * STEPS, "{failures}");
}

#[test]
fn fault_11_a_full_disk_leaves_the_checkpoints_and_writing_goes_on_when_there_is_space() {
    let mut history = History::new(4);
    let mut checkpoints = history.write_some(STEPS).unwrap();
    let before: Vec<CheckpointHeader> = checkpoints.headers().cloned().collect();
    let used = history.disk.used_bytes();
    let changes: Vec<StateChange> = (0..200_u32).map(|number| change(1, &number.to_be_bytes(), Some(&[9; 20]))).collect();
    let next = header(before[0].epoch + 1);
    let mut failures = 0;
    for space in (0..).step_by(97) {
        history.disk.limit_space(Some(used + space));
        let Err(error) = checkpoints.write(&next, &changes, false) else { break };
        assert!(error.is_passing() && !error.is_failed_sync(), "{error}");
        assert_eq!(history.disk.used_bytes(), used, "what was written in vain is removed");
        assert_eq!(checkpoints.headers().cloned().collect::<Vec<_>>(), before);
        before.iter().for_each(|header| history.check(&checkpoints, header));
        failures += 1;
    }
    assert!(failures > 40, "{failures}");
    apply(&mut history.model, &changes);
    history.models.insert(next.epoch, history.model.clone());
    history.disk.crash();
    let (reopened, opened) = history.open().unwrap();
    assert_eq!(opened.headers, [next.clone(), before[0].clone()]);
    opened.headers.iter().for_each(|header| history.check(&reopened, header));
}

#[test]
fn a_full_disk_interrupts_a_merge_without_harm() {
    let history = History::new(1);
    let (mut checkpoints, _) = history.open().unwrap();
    for epoch in 1..=RUNS_MAX as u64 + 1 {
        checkpoints.write(&header(epoch), &[change(0, &[epoch as u8], Some(&[1; 100]))], false).unwrap();
    }
    let newest = header(RUNS_MAX as u64 + 1);
    let expected = read_all(&checkpoints, &newest);
    let used = history.disk.used_bytes();
    for space in [0, 500, 1_000, 1_500] {
        history.disk.limit_space(Some(used + space));
        assert!(checkpoints.merge().unwrap_err().is_passing());
        assert_eq!(history.disk.used_bytes(), used);
        assert_eq!(read_all(&checkpoints, &newest), expected);
    }
    history.disk.limit_space(None);
    assert!(checkpoints.merge().unwrap());
    assert_eq!(read_all(&checkpoints, &newest), expected);
}
