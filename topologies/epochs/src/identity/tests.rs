//! An identity of another version, and one that another process has taken over.

use super::*;
use crate::disk::simulated::SimulatedDisk;

fn identity() -> Identity {
    Identity { format: FORMAT, timeline: 7, incarnation: 3, parent: Some((5, 9, vec![1, 2, 3])) }
}

#[test]
fn an_identity_is_durable_when_it_is_stored() {
    for seed in 0..20 {
        let disk = SimulatedDisk::new(seed);
        assert_eq!(Identity::load(&disk).expect("it can be read"), None);
        identity().store(&disk).expect("stored");
        disk.crash();
        assert_eq!(Identity::load(&disk).expect("it can be read"), Some(identity()), "seed {seed}");
    }
}

#[test]
fn fault_49_a_data_directory_of_another_version_is_refused_and_stays_as_it_is() {
    let disk = SimulatedDisk::new(0);
    Identity { format: FORMAT + 1, ..identity() }.store(&disk).expect("stored");
    let before = disk.read(PATH, 0, 1000).expect("read");
    let refused = Identity::load(&disk).expect_err("it was written by a later version");
    assert!(
        matches!(refused, EpochError::Format { found, supported, .. } if (found, supported) == (FORMAT + 1, FORMAT)),
        "{refused}"
    );
    assert_eq!(
        refused.to_string(),
        "'identity' has format 2, this version reads format 1: use the version that wrote it, or restore a backup"
    );
    assert_eq!(disk.read(PATH, 0, 1000).expect("read"), before);
}

#[test]
fn fault_03_a_process_that_was_overtaken_is_refused() {
    let disk = SimulatedDisk::new(0);
    let (ours, next) = (identity(), Identity { incarnation: 4, ..identity() });
    ours.store(&disk).expect("stored");
    ours.check(&disk).expect("nobody took over");
    next.store(&disk).expect("stored");
    let fenced = ours.check(&disk).expect_err("another took over");
    assert!(matches!(fenced, EpochError::Fenced { ours: 3, found: 4 }), "{fenced}");
    assert!(Identity { timeline: 8, ..next }.check(&disk).is_err(), "the same number in another history");
}

#[test]
fn every_flipped_bit_is_found() {
    let disk = SimulatedDisk::new(0);
    identity().store(&disk).expect("stored");
    for offset in 0..disk.length(PATH).expect("it is there") {
        for bit in 0..8 {
            disk.flip_bit_at(PATH, offset, bit).expect("there is such a byte");
            assert!(matches!(Identity::load(&disk), Err(EpochError::Damaged { .. })), "byte {offset}, bit {bit}");
            disk.flip_bit_at(PATH, offset, bit).expect("there is such a byte");
        }
    }
}
