//! Generations are found again, only those that were in force are gone back to, and stores of earlier versions are read.

use std::sync::Arc;

use epochs::disk::simulated::SimulatedDisk;

use super::*;

fn files(text: &str) -> Vec<SourceFile> {
    vec![SourceFile { path: "a/b.sql".into(), text: text.into() }]
}

fn stamp(at_micros: i64) -> Stamp {
    Stamp { at_micros, by: "olga".to_owned() }
}

fn started() -> (Storage, Store) {
    let disk: Storage = Arc::new(SimulatedDisk::new(0));
    let mut store = Store::open(Arc::clone(&disk)).unwrap();
    store.start(&files("one"), "d".into(), stamp(1), false).unwrap();
    (disk, store)
}

fn deploy(store: &mut Store, text: &str, at_micros: i64) -> u64 {
    store.add(Origin::Deploy, &files(text), stamp(at_micros), false).unwrap()
}

#[test]
fn what_was_in_force_is_found_again_and_gone_back_to() {
    let disk: Storage = Arc::new(SimulatedDisk::new(0));
    assert!(Store::open(Arc::clone(&disk)).unwrap().in_force().is_none());
    let (disk, mut store) = started();
    assert!(store.before().is_err());
    let two = deploy(&mut store, "two", 2);
    store.put_in_force(two, 3).unwrap();
    let interrupted = deploy(&mut store, "three", 4);
    let mut store = Store::open(disk).unwrap();
    assert_eq!((store.current().generation, store.current().directory.as_str(), interrupted), (2, "d", 3));
    assert_eq!(store.before().unwrap(), 1, "the third never was in force");
    let back = store.add(Origin::Rollback { to: 1 }, &files("one"), stamp(5), false).unwrap();
    store.put_in_force(back, 6).unwrap();
    assert_eq!(store.before().unwrap(), 2);
    let unknown = store.load(9).unwrap_err().to_string();
    assert!(unknown.contains("generation 9") && unknown.contains("1, 2, 4:"), "{unknown}");
}

#[test]
fn each_generation_says_what_became_of_it_and_only_those_that_were_in_force_are_gone_back_to() {
    let (disk, mut store) = started();
    let refused = deploy(&mut store, "two", 2);
    store.end(refused, GenerationState::Refused, "rows differ".into(), 3).unwrap();
    // It was recorded as in force, and could not be computed in the last moment.
    let failed = deploy(&mut store, "three", 4);
    store.put_in_force(failed, 5).unwrap();
    store.end(failed, GenerationState::Failed, "a worker panicked".into(), 6).unwrap();
    let interrupted = deploy(&mut store, "four", 7);
    let replaced = store.current().generation;
    for store in [&store, &Store::open(Arc::clone(&disk)).unwrap()] {
        assert_eq!((store.current().generation, replaced), (1, 1), "everything is as it was");
        assert!(store.before().is_err(), "none of these is an earlier generation");
        for (generation, state, reason) in [(refused, "refused", "rows differ"), (failed, "failed", "a worker panicked")] {
            let error = store.load(generation).unwrap_err().to_string();
            assert!(error.contains("never was in force") && error.contains(state) && error.contains(reason), "{error}");
        }
        assert!(store.load(interrupted).is_err());
    }
    let mut store = Store::open(disk).unwrap();
    assert_eq!(store.life(interrupted).state, GenerationState::Interrupted);
    let life = store.life(refused);
    assert_eq!((life.by.as_deref(), life.begun_micros, life.ended_micros), (Some("olga"), Some(2), Some(3)));
    let five = deploy(&mut store, "five", 8);
    store.put_in_force(five, 9).unwrap();
    let life = store.life(1);
    assert_eq!((life.state, life.reason.as_deref()), (GenerationState::Replaced, Some("generation 5 took over")));
    assert_eq!(store.before().unwrap(), 1);
    assert!(store.load(1).is_ok());
}

#[test]
fn what_an_earlier_version_wrote_is_read() {
    let (disk, mut store) = started();
    for (text, is_in_force) in [("two", true), ("three", false)] {
        let generation = deploy(&mut store, text, 2);
        if is_in_force {
            store.put_in_force(generation, 3).unwrap();
        }
    }
    disk.remove(CURRENT).unwrap();
    disk.append(CURRENT, br#"{"format":1,"in_force":[1,2]}"#).unwrap();
    let mut store = Store::open(Arc::clone(&disk)).unwrap();
    let states: Vec<_> = (1..=3).map(|generation| store.life(generation).state).collect();
    assert_eq!(states, [GenerationState::Replaced, GenerationState::InForce, GenerationState::Unrecorded]);
    assert_eq!((store.before().unwrap(), store.life(2).begun_micros), (1, None));
    assert!(store.load(3).is_err());
    // What is written from now on is read too.
    let four = deploy(&mut store, "four", 4);
    store.put_in_force(four, 5).unwrap();
    assert_eq!(Store::open(Arc::clone(&disk)).unwrap().current().generation, 4);
    disk.remove(CURRENT).unwrap();
    disk.append(CURRENT, br#"{"format":3,"in_force":[1]}"#).unwrap();
    let refused = Store::open(disk).err().expect("a later version wrote it").to_string();
    assert!(refused.contains("format 3"), "{refused}");
}

#[test]
fn only_so_many_generations_are_kept() {
    let (_, mut store) = started();
    for number in 0..2 * GENERATIONS_KEPT {
        deploy(&mut store, &number.to_string(), 2);
    }
    assert_eq!((store.list().count(), store.current().generation), (GENERATIONS_KEPT + 1, 1));
}

#[test]
fn a_directory_is_the_same_wherever_it_lies() {
    let moved = vec![SourceFile { path: "/elsewhere/b.sql".into(), text: "one".into() }];
    assert_eq!(directory_fingerprint(&files("one")), directory_fingerprint(&moved));
    assert_ne!(directory_fingerprint(&files("one")), directory_fingerprint(&files("two")));
}
