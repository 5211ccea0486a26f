//! Wherever a run is cut off, and with however many workers the next one goes on: the same rows, byte for byte, in every index.
//!
//! A run is cut off by taking what is on its disk between two operations, and going on with that while the log has all its events.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::run::{Options, Storage};
use epochs::disk::simulated::SimulatedDisk;
use epochs::disk::{Disk, DiskError};
use language::load::load;
use language::topology::Topology;
use testkit::random::Random;

use crate::evolution::{self, BEFORE, SOURCES};
use crate::harness::{Deployment, Producer, options, topology};
use crate::metamorphic::{StoredRows, events, everything};

const SEEDS: [u64; 3] = [3, 4, 5];
/// Restarts of each seed.
const RESTARTS: usize = 10;

/// A disk whose content can be taken between two operations.
pub struct Observed(Mutex<SimulatedDisk>);

impl Observed {
    pub fn new(disk: SimulatedDisk) -> Arc<Self> {
        Arc::new(Self(Mutex::new(disk)))
    }

    /// A copy of what is on another disk.
    pub fn of(disk: &dyn Disk) -> SimulatedDisk {
        let image = SimulatedDisk::new(0);
        copy(disk, &image, "").expect("the disk can be read");
        image
    }

    fn locked<T>(&self, operate: impl FnOnce(&SimulatedDisk) -> T) -> T {
        operate(&self.0.lock().expect("nobody panics with the disk"))
    }

    /// Returns the disk as a process would find it that starts now.
    pub fn image(&self) -> SimulatedDisk {
        let image = SimulatedDisk::new(0);
        self.locked(|disk| copy(disk, &image, "")).expect("the disk can be read");
        image
    }
}

fn copy(from: &dyn Disk, to: &SimulatedDisk, folder: &str) -> Result<(), DiskError> {
    to.create_directory(folder)?;
    for name in from.list(folder)? {
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        match from.length(&path) {
            Ok(length) => to.append(&path, &from.read(&path, 0, length as usize)?)?,
            // It has no length: it is a folder.
            Err(_) => copy(from, to, &path)?,
        }
    }
    Ok(())
}

impl Disk for Observed {
    fn create_directory(&self, path: &str) -> Result<(), DiskError> {
        self.locked(|disk| disk.create_directory(path))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, DiskError> {
        self.locked(|disk| disk.list(path))
    }

    fn length(&self, path: &str) -> Result<u64, DiskError> {
        self.locked(|disk| disk.length(path))
    }

    fn read(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        self.locked(|disk| disk.read(path, offset, length))
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.locked(|disk| disk.append(path, bytes))
    }

    fn truncate(&self, path: &str, length: u64) -> Result<(), DiskError> {
        self.locked(|disk| disk.truncate(path, length))
    }

    fn sync(&self, path: &str) -> Result<(), DiskError> {
        self.locked(|disk| disk.sync(path))
    }

    fn sync_directory(&self, path: &str) -> Result<(), DiskError> {
        self.locked(|disk| disk.sync_directory(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.locked(|disk| disk.rename(from, to))
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.locked(|disk| disk.remove(path))
    }
}

/// No run of a test is that long.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Options that differ from run to run. In every other one a checkpoint follows the other; those between take none, and what they bound
/// has to be replayed.
fn random_options(random: &mut Random, run: usize) -> Options {
    let workers = random.below(3) + 1;
    let epoch_records = *random.pick(&[1, 7, 40, 1_000]);
    let checkpoint_interval = if run.is_multiple_of(2) { Duration::ZERO } else { NEVER };
    Options { workers, epoch_records, checkpoint_interval, ..options() }
}

/// Counts of the starts.
#[derive(Debug, Default)]
pub struct Starts {
    /// with entries of a checkpoint
    pub restored: usize,
    /// with epochs that an earlier run had bound
    pub replayed: usize,
}

#[test]
fn fault_01_restarts_at_any_epoch_on_any_number_of_workers_change_no_row() {
    let topology =
        Arc::new(load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../social")).unwrap_or_else(|error| panic!("{error}")));
    let mut starts = Starts::default();
    for seed in SEEDS {
        let lines = events(seed);
        let whole = Deployment::replay(Arc::clone(&topology), &lines, options());
        whole.catch_up();
        let found = restarted(&topology, &lines, seed, &mut starts);
        assert_same(&format!("seed {seed}, at the end"), &everything(&whole), &found);
    }
    assert!(
        starts.restored >= RESTARTS && starts.replayed >= SEEDS.len() * RESTARTS / 2,
        "{starts:?}: the starts began with nothing"
    );
}

/// The rows after all events, with restarts in between.
pub fn restarted(topology: &Arc<Topology>, lines: &[String], seed: u64, starts: &mut Starts) -> Vec<(String, StoredRows)> {
    let mut random = Random::new(seed);
    let mut disk = Observed::new(SimulatedDisk::new(seed));
    // Its topics are there.
    let log = Deployment::replay(Arc::clone(topology), &[], options()).log();
    let start = |disk: &Arc<Observed>, options| {
        Deployment::go_on(Arc::clone(topology), Arc::clone(&log), Arc::clone(disk) as Storage, options)
    };
    let mut deployment = start(&disk, random_options(&mut random, 0));
    for (restart, part) in lines.chunks(lines.len().div_ceil(RESTARTS)).enumerate() {
        let cut_at = deployment.epochs() + 1 + random.below(part.len()) as u64 / 2;
        deployment.append(part);
        while deployment.epochs() < cut_at && !deployment.is_current() {
            std::thread::yield_now();
        }
        let image = disk.image();
        deployment.catch_up();
        let before = everything(&deployment);
        drop(deployment);
        disk = Observed::new(image);
        let options = random_options(&mut random, restart + 1);
        deployment = start(&disk, options.clone());
        deployment.catch_up();
        let status = deployment.status();
        starts.restored += usize::from(status.restored > 0);
        starts.replayed += usize::from(status.replayed.0 > 0);
        assert_same(&format!("seed {seed}, restart {restart} with {options:?}"), &before, &everything(&deployment));
    }
    everything(&deployment)
}

fn assert_same(when: &str, expected: &[(String, StoredRows)], found: &[(String, StoredRows)]) {
    assert_eq!(expected.len(), found.len());
    for ((name, expected), (_, found)) in expected.iter().zip(found) {
        let missing = expected.iter().find(|row| !found.contains(row));
        let surplus = found.iter().find(|row| !expected.contains(row));
        assert!(
            expected == found,
            "{when}: {name}: {} rows instead of {}; missing {missing:?}, too much {surplus:?}",
            found.len(),
            expected.len()
        );
    }
}

/// Events are there without an end, as if producers went on while the process was down and after it: readers of the views that they saw
/// before are served as soon as those are as they were.
#[test]
fn readers_are_served_from_what_they_saw_on_while_the_rest_of_the_log_catches_up() {
    const SEEN: usize = 300;
    const REST: usize = 3_000;
    let topology = Arc::new(topology(&format!("{SOURCES}{BEFORE}")));
    let lines = evolution::events(&Producer::default(), &mut Random::new(7), SEEN + REST);
    let options = Options { epoch_records: 1, checkpoint_interval: NEVER, ..options() };
    let disk = Observed::new(SimulatedDisk::new(0));
    let log = Deployment::replay(Arc::clone(&topology), &[], options.clone()).log();
    let deployment = Deployment::go_on(Arc::clone(&topology), log, Arc::clone(&disk) as Storage, options.clone());
    deployment.ingest(&lines[..SEEN]);
    let (seen, log) = (deployment.epochs(), deployment.log());
    // As a kill leaves it: without a checkpoint, so that every epoch is computed again.
    let killed = Observed::new(disk.image());
    deployment.append(&lines[SEEN..]);
    drop(deployment);

    let deployment = Deployment::go_on(topology, log, killed as Storage, options);
    let served: Arc<Mutex<Vec<u64>>> = Arc::default();
    let views = deployment.running_views();
    let (shown, observed) = (Arc::clone(&served), Arc::clone(&views));
    views.set_listener(Box::new(move |position| {
        if observed.hydrating().is_empty() {
            shown.lock().expect("nobody panics with it").push(position.epoch.0);
        }
    }));
    deployment.catch_up();
    let served = served.lock().expect("nobody panics with it");
    let last = deployment.epochs();
    assert!(last >= seen + REST as u64, "{last} epochs, of which {seen} were seen before");
    let first = *served.first().unwrap_or_else(|| panic!("the views were not served before all {last} epochs were visible"));
    assert!(first > seen, "served at epoch {first}, before epoch {seen} was visible that readers saw");
    assert!(first < last, "the views were served when the end of the log was visible, and no earlier");
}
