//! Damage is reported and never read; what it does not touch is read as before.

use super::*;

/// Returns the state of a directory: the newest checkpoint first, and the reasons why others can't be read.
fn look(history: &History) -> (Vec<(u64, Found)>, Vec<String>) {
    let (checkpoints, opened) = history.open().unwrap();
    let found = opened.headers.iter().map(|header| (header.epoch, read_all(&checkpoints, header)));
    (found.collect(), opened.damages)
}

/// A damage of `path` has to be reported, nothing wrong may be read, and checkpoints that do not need that file are whole.
fn check_damage(history: &History, needs: &BTreeMap<u64, BTreeSet<String>>, path: &str, context: &str) {
    let (found, damages) = look(history);
    let mut reports = damages.clone();
    let mut readable = BTreeSet::new();
    for (epoch, found) in found {
        match found {
            Ok(model) => {
                assert_eq!(model, history.models[&epoch], "{context}: epoch {epoch} is wrong");
                readable.insert(epoch);
            }
            Err(error) => reports.push(error.to_string()),
        }
    }
    assert!(!reports.is_empty(), "{context}: not reported");
    assert!(reports.iter().all(|report| report.contains(&format!("'{path}' is damaged"))), "{context}: {reports:?}");
    let untouched = needs.iter().filter(|(_, files)| !files.contains(path)).map(|(epoch, _)| *epoch).collect();
    assert_eq!(readable, untouched, "{context}: {reports:?}");
}

/// The files of each checkpoint.
fn needs(checkpoints: &Checkpoints<SimulatedDisk>) -> BTreeMap<u64, BTreeSet<String>> {
    let files = |kept: &Kept| {
        let runs = kept.runs.iter().map(|run| checkpoints.path(&run.name.file));
        runs.chain([checkpoints.path(&manifest_name(kept.header.epoch))]).collect()
    };
    checkpoints.kept.iter().map(|kept| (kept.header.epoch, files(kept))).collect()
}

#[test]
fn fault_13_a_flipped_bit_anywhere_is_reported_and_the_other_checkpoint_is_read() {
    let mut history = History::new(11);
    let needs = needs(&history.write_some(13).unwrap());
    let mut fallbacks = 0;
    for path in history.files() {
        for offset in 0..history.disk.length(&path).unwrap() {
            let bit = (offset % 8) as u32;
            history.disk.flip_bit_at(&path, offset, bit).unwrap();
            check_damage(&history, &needs, &path, &format!("{path}, byte {offset}, bit {bit}"));
            history.disk.flip_bit_at(&path, offset, bit).unwrap();
        }
        fallbacks += needs.values().filter(|files| !files.contains(&path)).count();
    }
    assert!(fallbacks >= 3, "{fallbacks}");
    assert_eq!(look(&history).1, [""; 0]);
}

#[test]
fn fault_13_a_missing_or_short_file_is_reported_and_the_other_checkpoint_is_read() {
    for cut in [1, 20, u64::MAX] {
        let count = History::new(12).write_some(13).unwrap().disk.list(FOLDER).unwrap().len();
        for number in 0..count {
            let mut history = History::new(12);
            let needs = needs(&history.write_some(13).unwrap());
            let path = &history.files()[number];
            if cut < u64::MAX {
                let length = history.disk.length(path).unwrap();
                history.disk.truncate(path, length.saturating_sub(cut)).unwrap();
            } else if path.ends_with(RUN_SUFFIX) {
                history.disk.remove(path).unwrap();
            } else {
                continue;
            }
            check_damage(&history, &needs, path, &format!("{path} without its last {cut} bytes"));
        }
    }
}

#[test]
fn fault_13_work_goes_on_from_the_older_checkpoint() {
    let mut history = History::new(13);
    let checkpoints = history.write_some(6).unwrap();
    let [newest, older] = [0, 1].map(|number| checkpoints.kept[number].header.clone());
    let run = checkpoints.kept[0].runs.last().map(|run| checkpoints.path(&run.name.file)).unwrap();
    history.disk.flip_bit_at(&run, 0, 3).unwrap();
    let (mut checkpoints, opened) = history.open().unwrap();
    assert_eq!(opened.headers, [newest.clone(), older.clone()], "blocks are checked when they are read");
    let error = read_all(&checkpoints, &newest).unwrap_err();
    assert!(matches!(&error, CheckpointError::Damaged { path, block: Some(0), .. } if *path == run), "{error}");
    history.check(&checkpoints, &older);
    checkpoints.remove_all_newer_than(older.epoch).unwrap();
    history.models.retain(|epoch, _| *epoch <= older.epoch);
    history.model = history.models[&older.epoch].clone();
    history.write(&mut checkpoints).unwrap();
    let (checkpoints, opened) = history.open().unwrap();
    assert_eq!((opened.headers.len(), opened.damages.len()), (2, 0));
    opened.headers.iter().for_each(|header| history.check(&checkpoints, header));
}

#[test]
fn files_of_a_damaged_checkpoint_are_left_until_another_is_written() {
    let mut history = History::new(14);
    history.write_some(3).unwrap();
    let before = history.files();
    let manifest = before.iter().rfind(|path| path.ends_with(MANIFEST_SUFFIX)).unwrap().clone();
    history.disk.flip_bit_at(&manifest, 30, 1).unwrap();
    assert_eq!(look(&history).1.len(), 1);
    assert_eq!(history.files(), before, "someone may want to look at them");
    history.disk.flip_bit_at(&manifest, 30, 1).unwrap();
    history.disk.fail_read_after(1);
    let refused = history.open().map(drop).expect_err("what can't be read now may be whole: it is not passed over");
    assert_eq!(refused.to_string(), format!("cannot read '{manifest}': input/output error"));
    assert_eq!(look(&history).1, [""; 0], "it could not be read only once");
    history.disk.flip_bit_at(&manifest, 30, 1).unwrap();
    history.models.pop_last();
    history.model = history.models.last_key_value().unwrap().1.clone();
    history.disk.append(&format!("{FOLDER}/{TEMPORARY}"), b"left by a process that ended").unwrap();
    history.write_some(1).unwrap();
    let (found, damages) = look(&history);
    assert_eq!((found.len(), damages.len()), (2, 0));
    assert!(found.iter().all(|(epoch, found)| found.as_ref() == Ok(&history.models[epoch])));
}

#[test]
fn a_block_that_is_damaged_is_named_and_ends_the_scan_and_a_merge() {
    let history = History::new(1);
    let (mut checkpoints, _) = history.open().unwrap();
    let many: Vec<StateChange> = (0..20_000_u32).map(|number| change(0, &number.to_be_bytes(), Some(&[5; 20]))).collect();
    checkpoints.write(&header(1), &many, false).unwrap();
    let path = checkpoints.path(&checkpoints.kept[0].runs[0].name.file);
    history.disk.flip_bit_at(&path, 2 * BLOCK_BYTES as u64 + 2_000, 5).unwrap();
    let mut scan = checkpoints.scan(&header(1), StateId(0)).unwrap();
    let mut entries = 0;
    let error = loop {
        match scan.next().expect("the error comes before the end") {
            Ok((key, _)) => assert_eq!(*key, *many[entries].1),
            Err(error) => break error.to_string(),
        }
        entries += 1;
    };
    assert!(error.starts_with(&format!("checkpoint file '{path}' is damaged in block 2: its checksum is ")), "{error}");
    assert!(entries > 3_000 && scan.next().is_none(), "nothing is given out behind the damage");
    for epoch in 2..=RUNS_MAX as u64 + 1 {
        checkpoints.write(&header(epoch), &many[..9_000], false).unwrap();
    }
    let before = checkpoints.kept[0].runs.len();
    assert!(matches!(checkpoints.merge(), Err(CheckpointError::Damaged { block: Some(2), .. })));
    assert_eq!(checkpoints.kept[0].runs.len(), before);
}

#[test]
fn a_write_that_lands_in_another_file_is_reported() {
    for seed in 0..50 {
        let mut history = History::new(seed);
        let mut checkpoints = history.write_some(5).unwrap();
        let Some(victim) = checkpoints.kept[0].runs.last().map(|run| checkpoints.path(&run.name.file)) else { continue };
        history.disk.misdirect_next_append(&victim);
        // Also the file that was to be written is not what it should be: that is seen at once or at the next start.
        let written = history.write(&mut checkpoints);
        let (found, damages) = look(&history);
        assert!(written.is_err() || !damages.is_empty() || found.iter().any(|(_, found)| found.is_err()), "seed {seed}");
        for (epoch, found) in found {
            if let Ok(model) = found {
                assert_eq!(model, history.models[&epoch], "seed {seed}");
            }
        }
    }
}

#[test]
fn fault_49_another_format_is_refused_and_nothing_is_removed() {
    let mut history = History::new(15);
    history.write_some(4).unwrap();
    let path = format!("{FOLDER}/{}", manifest_name(1_000));
    let body = br#"{"format":2,"whatever":[]}"#;
    history.disk.append(&path, format!("{:08x}", crc32fast::hash(body)).as_bytes()).unwrap();
    history.disk.append(&path, body).unwrap();
    let before = history.files();
    let error = history.open().err().map(|error| error.to_string()).unwrap();
    let expected = "has format 2, this version reads format 1: use the version that wrote it, or restore a backup";
    assert_eq!(error, format!("'{path}' {expected}"));
    assert_eq!(history.files(), before);
}
