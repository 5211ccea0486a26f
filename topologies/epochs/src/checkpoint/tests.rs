//! Round trips of writing and reading, merged or not; the bytes are those that other versions read.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::disk::simulated::{Generator, SimulatedDisk};

mod damage;
mod power;

const FOLDER: &str = "data/checkpoints";
const STATES: u32 = 3;

type Model = BTreeMap<(StateId, Vec<u8>), Vec<u8>>;

/// A checkpoint as it is found.
type Found = Result<Model, CheckpointError>;

fn header(epoch: u64) -> CheckpointHeader {
    CheckpointHeader {
        timeline: 7,
        epoch,
        chain: [epoch as u8; 32],
        plan: [0xab; 32],
        wall_micros: -1,
        offsets: vec![("posts".to_owned(), u128::MAX - 1, 3, 40)],
        states: (0..STATES).map(|number| (StateId(number), [number as u8; 32], format!("state {number}"))).collect(),
        next_state: STATES,
        retained: Vec::new(),
        meta: vec![0, 1, 255],
    }
}

fn change(state: u32, key: &[u8], value: Option<&[u8]>) -> StateChange {
    (StateId(state), key.into(), value.map(Into::into))
}

/// A few changes of few keys, so that many are changed again or deleted. The bytes are those that sort at the edges.
fn random_changes(generator: &mut Generator) -> Vec<StateChange> {
    let length = generator.below(40);
    let bytes =
        |generator: &mut Generator, length: usize| -> Vec<u8> { (0..length).map(|_| [0, 1, 255][generator.below(3)]).collect() };
    let random = |_| {
        let mut key = if generator.one_in(2) { b"a common beginning".to_vec() } else { Vec::new() };
        let rest = generator.below(4);
        key.extend(bytes(generator, rest));
        let length = generator.below(6);
        let value = (!generator.one_in(3)).then(|| bytes(generator, length));
        change(generator.below(STATES as usize) as u32, &key, value.as_deref())
    };
    (0..length).map(random).collect()
}

fn apply(model: &mut Model, changes: &[StateChange]) {
    for (state, key, value) in changes {
        match value {
            Some(value) => model.insert((*state, key.to_vec()), value.to_vec()),
            None => model.remove(&(*state, key.to_vec())),
        };
    }
}

/// Reads all scans of a checkpoint; each has to be ascending.
fn read_all<D: Disk>(checkpoints: &Checkpoints<D>, header: &CheckpointHeader) -> Found {
    let mut model = Model::new();
    for (state, ..) in &header.states {
        let mut last = None;
        for entry in checkpoints.scan(header, *state)? {
            let (key, value) = entry?;
            assert!(last.replace(key.clone()).is_none_or(|last| last < key), "ascending");
            model.insert((*state, key.to_vec()), value.to_vec());
        }
    }
    Ok(model)
}

/// A directory that is written to, and what every checkpoint in it has to be.
struct History {
    disk: SimulatedDisk,
    generator: Generator,
    model: Model,
    models: BTreeMap<u64, Model>,
    /// the newest one whose writing succeeded
    durable: Option<u64>,
    merges: usize,
}

impl History {
    fn new(seed: u64) -> Self {
        let generator = Generator::new(seed);
        Self { disk: SimulatedDisk::new(seed), generator, model: Model::new(), models: BTreeMap::new(), durable: None, merges: 0 }
    }

    fn open(&self) -> Result<(Checkpoints<SimulatedDisk>, Opened), CheckpointError> {
        Checkpoints::open(Arc::new(self.disk.clone()), FOLDER)
    }

    /// Writes a random checkpoint, of changes or seldom of everything, and merges.
    fn write(&mut self, checkpoints: &mut Checkpoints<SimulatedDisk>) -> Result<(), CheckpointError> {
        let epoch = self.models.last_key_value().map_or(1, |(last, _)| last + 1 + self.generator.below(3) as u64);
        let changes = random_changes(&mut self.generator);
        let base = self.generator.one_in(20);
        if base {
            self.model.clear();
        }
        apply(&mut self.model, &changes);
        self.models.insert(epoch, self.model.clone());
        checkpoints.write(&header(epoch), &changes, base)?;
        self.durable = Some(epoch);
        self.merges += usize::from(checkpoints.merge()?);
        Ok(())
    }

    /// Opens and writes so many checkpoints, or fewer when the disk fails.
    fn write_some(&mut self, count: usize) -> Result<Checkpoints<SimulatedDisk>, CheckpointError> {
        let (mut checkpoints, _) = self.open()?;
        for _ in 0..count {
            self.write(&mut checkpoints)?;
        }
        Ok(checkpoints)
    }

    fn files(&self) -> Vec<String> {
        self.disk.list(FOLDER).unwrap().into_iter().map(|name| format!("{FOLDER}/{name}")).collect()
    }

    fn check(&self, checkpoints: &Checkpoints<SimulatedDisk>, header: &CheckpointHeader) {
        assert_eq!(read_all(checkpoints, header).as_ref(), Ok(&self.models[&header.epoch]), "epoch {}", header.epoch);
    }
}

#[test]
fn a_random_history_reads_as_its_model() {
    let mut merges = 0;
    for seed in 0..20 {
        let mut history = History::new(seed);
        let mut checkpoints = history.write_some(0).unwrap();
        for count in 1..40 {
            history.write(&mut checkpoints).unwrap();
            let kept: Vec<CheckpointHeader> = checkpoints.headers().cloned().collect();
            assert_eq!(kept.len(), count.min(CHECKPOINTS_KEPT));
            kept.iter().for_each(|header| history.check(&checkpoints, header));
            assert!(checkpoints.kept[0].runs.len() <= RUNS_MAX);
            let (reopened, opened) = history.open().unwrap();
            assert_eq!(opened, Opened { headers: kept.clone(), damages: Vec::new() });
            kept.iter().for_each(|header| history.check(&reopened, header));
        }
        merges += history.merges;
    }
    assert!(merges > 50, "{merges}");
}

#[test]
fn only_files_that_a_kept_checkpoint_needs_are_left() {
    let mut history = History::new(3);
    let checkpoints = history.write_some(30).unwrap();
    let runs = checkpoints.kept.iter().flat_map(|kept| kept.runs.iter().map(|run| run.name.file.clone()));
    let manifests = checkpoints.kept.iter().map(|kept| manifest_name(kept.header.epoch));
    let needed: BTreeSet<String> = runs.chain(manifests).collect();
    assert_eq!(history.disk.list(FOLDER).unwrap(), Vec::from_iter(needed));
}

#[test]
fn many_entries_span_blocks_and_a_scan_seeks_to_its_state() {
    let history = History::new(1);
    let (mut checkpoints, _) = history.open().unwrap();
    let key = |number: u32| number.wrapping_mul(0x9e37_79b9).to_be_bytes();
    let long = vec![7; 3 * BLOCK_BYTES];
    let mut changes: Vec<StateChange> = (0..60_000).map(|number| change(number % 3, &key(number), Some(&key(!number)))).collect();
    changes.push(change(1, b"long", Some(&long)));
    checkpoints.write(&header(1), &changes, false).unwrap();
    let mut model = Model::new();
    apply(&mut model, &changes);
    assert_eq!(read_all(&checkpoints, &header(1)), Ok(model));
    let run = &checkpoints.kept[0].runs[0];
    assert!(run.name.bytes > 8 * BLOCK_BYTES as u64);
    assert_eq!((checkpoints.entries(&header(1)), checkpoints.bytes(&header(1))), (Ok(60_001), Ok(run.name.bytes)));
    // The first block is of another state: a scan that reads it would fail.
    history.disk.flip_bit_at(&format!("{FOLDER}/{}", run.name.file), 9, 0).unwrap();
    assert_eq!(checkpoints.scan(&header(1), StateId(1)).unwrap().filter(Result::is_ok).count(), 20_001);
    assert_eq!(checkpoints.scan(&header(1), StateId(2)).unwrap().filter(Result::is_ok).count(), 20_000);
    assert_eq!(checkpoints.scan(&header(1), StateId(9)).unwrap().count(), 0, "no such state");
}

#[test]
fn deletions_are_forgotten_when_nothing_older_is_left() {
    let history = History::new(1);
    let (mut checkpoints, _) = history.open().unwrap();
    checkpoints.write(&header(1), &[change(0, b"never there", None), change(0, b"a", Some(b"1"))], false).unwrap();
    assert_eq!(checkpoints.entries(&header(1)), Ok(1));
    for epoch in 2..=RUNS_MAX as u64 + 1 {
        checkpoints
            .write(&header(epoch), &[change(0, b"a", None), change(0, &[epoch as u8], Some(b"")), change(1, b"b", None)], false)
            .unwrap();
    }
    let newest = header(RUNS_MAX as u64 + 1);
    assert_eq!(checkpoints.kept[0].runs.len(), RUNS_MAX + 1);
    assert!(checkpoints.merge().unwrap());
    assert_eq!((checkpoints.kept[0].runs.len(), checkpoints.entries(&newest)), (1, Ok(RUNS_MAX as u64)));
    assert!(!checkpoints.merge().unwrap());
    assert_eq!(read_all(&checkpoints, &newest).unwrap().len(), RUNS_MAX);
}

#[test]
fn a_large_run_is_left_alone_until_the_newer_ones_are_large_too() {
    let history = History::new(1);
    let (mut checkpoints, _) = history.open().unwrap();
    let many: Vec<StateChange> = (0..5_000_u32).map(|number| change(0, &number.to_be_bytes(), Some(b"value"))).collect();
    checkpoints.write(&header(1), &many, true).unwrap();
    let base = Arc::clone(&checkpoints.kept[0].runs[0]);
    for epoch in 2..40 {
        let deleted = (epoch as u32 * 100).to_be_bytes();
        checkpoints.write(&header(epoch), &[change(0, &deleted, None)], false).unwrap();
        checkpoints.merge().unwrap();
        assert!(Arc::ptr_eq(&checkpoints.kept[0].runs[0], &base), "epoch {epoch}");
        let entries = checkpoints.scan(&header(epoch), StateId(0)).unwrap().count();
        assert_eq!(entries, many.len() - (epoch as usize - 1), "what the large run still holds stays deleted");
    }
    for epoch in 40..60 {
        checkpoints.write(&header(epoch), &many[..1_000], false).unwrap();
        checkpoints.merge().unwrap();
    }
    assert!(!Arc::ptr_eq(&checkpoints.kept[0].runs[0], &base));
}

#[test]
fn a_scan_goes_on_while_its_files_are_replaced() {
    let mut history = History::new(5);
    let mut checkpoints = history.write_some(10).unwrap();
    let scanned = checkpoints.kept[0].header.clone();
    let mut scan = checkpoints.scan(&scanned, StateId(0)).unwrap();
    let expected = history.models[&scanned.epoch].range((StateId(0), Vec::new())..(StateId(1), Vec::new()));
    let mut expected = expected.map(|((_, key), value)| (key.clone(), value.clone())).collect::<Vec<_>>().into_iter();
    assert_eq!(scan.next().unwrap().map(|(key, value)| (key.to_vec(), value.to_vec())).ok(), expected.next());
    let many: Vec<StateChange> = (0..9_u32).map(|number| change(0, &number.to_be_bytes(), Some(b"value"))).collect();
    for epoch in 100..103 {
        checkpoints.write(&header(epoch), &many, true).unwrap();
    }
    let rest: Vec<_> = scan.by_ref().map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect();
    assert_eq!(rest, expected.collect::<Vec<_>>());
    assert!(history.files().len() > 4);
    drop(scan);
    checkpoints.write(&header(103), &many, true).unwrap();
    checkpoints.write(&header(104), &many, true).unwrap();
    assert_eq!(history.files().len(), 4, "two manifests, two runs");
}

#[test]
fn checkpoints_are_removed_on_demand() {
    let mut history = History::new(2);
    let mut checkpoints = history.write_some(12).unwrap();
    let older = checkpoints.kept[1].header.clone();
    let error = checkpoints.write(&older, &[], false).unwrap_err().to_string();
    let newest = checkpoints.kept[0].header.epoch;
    assert_eq!(
        error,
        format!(
            "cannot write a checkpoint of epoch {}: there is one of epoch {newest}; remove the newer ones first",
            older.epoch
        )
    );
    checkpoints.remove_all_newer_than(older.epoch).unwrap();
    history.disk.crash();
    let (mut checkpoints, opened) = history.open().unwrap();
    assert_eq!(opened, Opened { headers: vec![older.clone()], damages: Vec::new() });
    history.check(&checkpoints, &older);
    let changes = [change(2, b"afterwards", Some(b"1"))];
    checkpoints.write(&header(newest), &changes, false).unwrap();
    let mut model = history.models[&older.epoch].clone();
    apply(&mut model, &changes);
    assert_eq!(read_all(&checkpoints, &header(newest)), Ok(model));
    checkpoints.retain(|_| false).unwrap();
    assert_eq!(history.files(), [""; 0]);
    let error = checkpoints.scan(&older, StateId(0)).err().map(|error| error.to_string());
    assert_eq!(error, Some(format!("there is no checkpoint of epoch {} in timeline 7", older.epoch)));
}

#[test]
fn a_retained_checkpoint_stays_beside_newer_ones_and_is_continued() {
    let history = History::new(3);
    let (mut checkpoints, _) = history.open().unwrap();
    let retaining = |epoch: u64, retained: &[u64]| {
        let retained = retained.iter().map(|epoch| RetainedCheckpoint { epoch: *epoch, bytes: 7 }).collect();
        CheckpointHeader { retained, ..header(epoch) }
    };
    let set = |value: &[u8]| vec![change(0, b"key", Some(value))];
    for (epoch, retained) in [(1, &[][..]), (2, &[]), (3, &[1]), (4, &[1])] {
        checkpoints.write(&retaining(epoch, retained), &set(&[epoch as u8]), false).unwrap();
    }
    history.disk.crash();
    let (mut checkpoints, opened) = history.open().unwrap();
    let epochs: Vec<u64> = opened.headers.iter().map(|header| header.epoch).collect();
    assert_eq!((epochs, &opened.headers[0]), (vec![4, 3, 1], &retaining(4, &[1])));
    let value = |checkpoints: &Checkpoints<SimulatedDisk>, epoch: u64, key: &[u8]| {
        read_all(checkpoints, &header(epoch)).unwrap().get(&(StateId(0), key.to_vec())).cloned()
    };
    assert_eq!(value(&checkpoints, 1, b"key"), Some(vec![1]));
    checkpoints.continue_from(1);
    checkpoints.write(&retaining(5, &[4, 1]), &[change(0, b"other", Some(b"5"))], false).unwrap();
    assert_eq!((value(&checkpoints, 5, b"key"), value(&checkpoints, 5, b"other")), (Some(vec![1]), Some(b"5".to_vec())));
    assert_eq!(value(&checkpoints, 4, b"key"), Some(vec![4]), "the others are as they were");
    checkpoints.write(&header(6), &set(&[6]), false).unwrap();
    assert_eq!(value(&checkpoints, 6, b"other"), Some(b"5".to_vec()), "the newest is continued again");
    assert_eq!(checkpoints.headers().map(|header| header.epoch).collect::<Vec<_>>(), [6, 5]);
    checkpoints.continue_from(1);
    assert!(checkpoints.write(&header(7), &[], false).is_err(), "it is not kept any more");
}

#[test]
fn changes_that_can_not_be_stored_are_refused() {
    let history = History::new(1);
    let (mut checkpoints, _) = history.open().unwrap();
    let error = checkpoints.write(&header(1), &[change(3, b"key", None)], false).unwrap_err().to_string();
    assert_eq!(error, "cannot write a checkpoint of epoch 1: a change is of state 3, which its header does not name");
    let long = vec![0; ENTRY_BYTES_MAX].into_boxed_slice();
    let error = checkpoints.write(&header(1), &[(StateId(0), Box::from(*b"k"), Some(long))], false).unwrap_err().to_string();
    assert_eq!(error, "cannot write an entry of 268435457 bytes of state 0: at most 268435456 are possible");
    checkpoints.write(&header(1), &[change(2, b"key", Some(b""))], false).unwrap();
}

/// Other versions read these bytes: they may only change together with the number of the format.
#[test]
fn the_bytes_of_a_checkpoint_are_fixed() {
    let history = History::new(1);
    let (mut checkpoints, _) = history.open().unwrap();
    let changes = [
        change(1, b"k", Some(b"old")),
        change(0, b"key 2", Some(b"")),
        change(0, b"key 1", Some(b"v")),
        change(1, b"k", Some(b"new")),
    ];
    checkpoints.write(&header(1), &changes, false).unwrap();
    checkpoints.write(&header(2), &[change(0, b"key 1", None)], false).unwrap();
    let read = |name: &str| history.disk.read(&format!("{FOLDER}/{name}"), 0, usize::MAX).unwrap();
    assert_eq!(read("0000000000.run").escape_ascii().to_string(), include_str!("tests/golden/first.run.txt").trim_end());
    assert_eq!(read("0000000001.run").escape_ascii().to_string(), include_str!("tests/golden/second.run.txt").trim_end());
    let manifest = String::from_utf8(read("00000000000000000002.checkpoint")).unwrap();
    assert_eq!(manifest, include_str!("tests/golden/manifest.json.txt").trim_end());
}

#[test]
fn a_manifest_of_an_earlier_version_is_read() {
    let bytes = include_str!("tests/golden/manifest_without_next_state.json.txt").trim_end().as_bytes();
    let manifest = manifest::Manifest::decode("m", bytes).unwrap();
    assert_eq!(manifest.header, CheckpointHeader { next_state: 0, ..header(2) });
}
