//! The bindings come back as they were appended, a torn end is cut off, and damage before it is refused.

use super::*;
use crate::binding::BoundRange;
use crate::disk::simulated::SimulatedDisk;

const DIRECTORY: &str = "bindings";

fn open(disk: &SimulatedDisk) -> Result<(Bindings<SimulatedDisk>, Tail), EpochError> {
    Bindings::open(Arc::new(disk.clone()), DIRECTORY)
}

fn opened(disk: &SimulatedDisk) -> Bindings<SimulatedDisk> {
    open(disk).unwrap_or_else(|error| panic!("{error}")).0
}

/// Appends the next binding; `size` makes it as large as wanted.
fn append(bindings: &mut Bindings<SimulatedDisk>, size: usize) -> Result<Binding, EpochError> {
    let (epoch, previous) = bindings.last().map_or((0, Vec::new()), |(epoch, chain)| (epoch + 1, chain.0.to_vec()));
    let ranges = vec![BoundRange { topic: "t".repeat(size), next: epoch, ..BoundRange::default() }];
    let binding = Binding { timeline: 1, epoch, previous, ranges, ..Binding::default() };
    bindings.append(&binding).map(|_| binding)
}

fn all(bindings: &Bindings<SimulatedDisk>, from: u64) -> Vec<Binding> {
    bindings.read(from).collect::<Result<_, _>>().expect("the bindings are whole")
}

#[test]
fn bindings_come_back_in_order_over_segments() {
    let disk = SimulatedDisk::new(1);
    let mut bindings = opened(&disk);
    let written: Vec<Binding> = (0..40).map(|_| append(&mut bindings, 100_000).expect("appended")).collect();
    let mut bindings = opened(&disk);
    assert_eq!(all(&bindings, 0), written);
    assert_eq!(all(&bindings, 17), written[17..]);
    bindings.trim(25).expect("trimmed");
    let first = bindings.first().expect("something is kept");
    assert!(first > 10 && first <= 25, "epochs from {first} are kept");
    let bindings = opened(&disk);
    assert_eq!(all(&bindings, 0), written[first as usize..], "what is trimmed stays gone, and nothing else is");
}

#[test]
fn fault_10_what_was_synced_survives_a_loss_of_power_and_what_is_torn_is_cut_off() {
    for seed in 0..300 {
        let disk = SimulatedDisk::new(seed);
        let mut bindings = opened(&disk);
        let kept = seed as usize % 7;
        let written: Vec<Binding> = (0..kept).map(|_| append(&mut bindings, 50).expect("appended")).collect();
        disk.crash_at(disk.operations() + 1 + seed % 3);
        let unacknowledged = append(&mut bindings, 5_000);
        disk.crash();
        let found = all(&opened(&disk), 0);
        let more = found.len() - kept.min(found.len());
        assert!(found.starts_with(&written), "seed {seed}: a synced binding is gone");
        assert!(more <= 1 && (more == 1 || unacknowledged.is_err()), "seed {seed}: {more} more than were synced");
        let mut bindings = opened(&disk);
        bindings.secure().expect("the end is cut off");
        append(&mut bindings, 50).unwrap_or_else(|error| panic!("seed {seed}: it does not go on: {error}"));
    }
}

#[test]
fn fault_10_a_flipped_bit_in_the_middle_is_refused_by_name() {
    for seed in 0..60 {
        let disk = SimulatedDisk::new(seed);
        let mut bindings = opened(&disk);
        (0..20).for_each(|_| drop(append(&mut bindings, 40).expect("appended")));
        let path = bindings.path(0);
        let last = bindings.bytes() * 19 / 20 - 8;
        let at = seed * 7_919 % last;
        disk.flip_bit_at(&path, at, (seed % 8) as u32).expect("there is such a byte");
        match open(&disk) {
            Err(EpochError::Damaged { path: named, .. }) => assert_eq!(named, path),
            Err(other) => panic!("bit {at}: {other}"),
            Ok((found, tail)) => panic!("bit {at}: {tail:?}, {:?} is the last", found.last()),
        }
    }
}

#[test]
fn an_end_that_is_broken_is_told() {
    let disk = SimulatedDisk::new(3);
    let mut bindings = opened(&disk);
    (0..3).for_each(|_| drop(append(&mut bindings, 40).expect("appended")));
    disk.flip_bit_at(&bindings.path(0), bindings.bytes() - 1, 3).expect("there is such a byte");
    let (bindings, tail) = open(&disk).expect("it opens");
    assert_eq!((bindings.last().map(|(epoch, _)| epoch), tail), (Some(1), Tail::Broken), "epoch 2 may have been acted on");
}

#[test]
fn a_binding_that_does_not_follow_is_refused() {
    let disk = SimulatedDisk::new(4);
    let mut bindings = opened(&disk);
    append(&mut bindings, 1).expect("appended");
    let stranger = Binding { timeline: 1, epoch: 1, previous: vec![0; 32], ..Binding::default() };
    assert!(matches!(bindings.append(&stranger), Err(EpochError::NotNext { epoch: 1, last: 0, .. })));
}

#[test]
fn a_process_with_too_many_open_files_takes_nothing_and_goes_on_when_there_is_a_descriptor() {
    let disk = SimulatedDisk::new(5);
    let mut bindings = opened(&disk);
    append(&mut bindings, 100).expect("appended");
    disk.refuse_open_after(0);
    assert!(matches!(append(&mut bindings, 100), Err(error) if error.is_of_passing_disk()));
    append(&mut bindings, 100).expect("appended when there is a descriptor");
    assert_eq!(all(&opened(&disk), 0).len(), 2);
}

#[test]
fn fault_11_a_full_disk_takes_nothing_and_goes_on_when_there_is_space() {
    let disk = SimulatedDisk::new(5);
    let mut bindings = opened(&disk);
    append(&mut bindings, 100).expect("appended");
    disk.limit_space(Some(disk.used_bytes() + 10));
    assert!(matches!(append(&mut bindings, 100), Err(EpochError::Disk(error)) if error.cause == DiskCause::NoSpace));
    disk.limit_space(None);
    append(&mut bindings, 100).expect("appended when there is space");
    assert_eq!(all(&opened(&disk), 0).len(), 2);
}
