//! Restarts, losses and damage: an index goes on from its last commit, or is rebuilt while the old one is served.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::{SearchError, remove_undeclared};
use super::*;

fn open(folder: &Path) -> (SearchWriter, SearchReader, Option<Stored>) {
    SearchWriter::open(definition(&[0], None), Place::Folder(folder.to_owned())).unwrap()
}

/// An index on disk with one post in its last commit.
fn built(folder: &Path) -> (SearchWriter, SearchReader) {
    let (mut writer, reader, found) = open(folder);
    assert_eq!(found, None);
    assert_eq!(reader.search(&search_for("cat")).unwrap(), None, "nothing is shown before it is built");
    writer.replace(Epoch(1), "one", &changes(&[], &[post(1, "cat", 1)])).unwrap();
    (writer, reader)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let generations: Vec<PathBuf> =
        fs::read_dir(folder.join("post_search")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(generations.len(), 1, "{generations:?}");
    fs::read_dir(&generations[0]).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn segment_file(folder: &Path, extension: &str) -> PathBuf {
    files(folder).into_iter().find(|path| path.extension().is_some_and(|found| found == extension)).unwrap()
}

#[test]
fn a_restart_goes_on_from_the_last_commit() {
    let folder = TempDir::new().unwrap();
    let (mut writer, _) = built(folder.path());
    writer.apply(Epoch(2), "two", &changes(&[post(1, "cat", 1)], &[post(1, "dog", 1), post(2, "dog", 1)])).unwrap();
    drop(writer);
    let (writer, reader, found) = open(folder.path());
    assert_eq!(place_of(found.as_ref()), Some((2, "two")));
    assert_eq!((writer.progress().as_deref(), reader.epoch()), (Some("two"), Some(Epoch(2))));
    assert_eq!(ids(&reader, &search_for("dog")), [1, 2]);
    assert_eq!(ids(&reader, &search_for("cat")), NONE);
}

#[test]
fn what_was_not_committed_is_given_up_and_can_be_applied_again() {
    let folder = TempDir::new().unwrap();
    let (mut disk, on_disk) = built(folder.path());
    let (mut memory, in_memory) = index_of(&[post(1, "cat", 1)], definition(&[0], None));
    for (writer, reader) in [(&mut disk, &on_disk), (&mut memory, &in_memory)] {
        let unit = changes(&[post(1, "cat", 1)], &[post(1, "dog", 1)]);
        writer.apply(Epoch(2), "two", &unit).unwrap();
        let found = writer.reopen().unwrap();
        assert_eq!(place_of(found.as_ref()), Some((1, "one")));
        assert_eq!(writer.progress().as_deref(), Some("one"));
        assert_eq!(ids(reader, &search_for("cat")), [1]);
        writer.apply(Epoch(2), "two", &unit).unwrap();
        writer.flush().unwrap();
        assert_eq!((ids(reader, &search_for("dog")), reader.epoch()), (vec![1], Some(Epoch(2))));
    }
}

#[test]
fn fault_37_a_missing_or_damaged_file_is_found_at_a_start_and_the_index_is_rebuilt() {
    for damage in [
        (|folder: &Path| fs::remove_file(segment_file(folder, "term")).unwrap()) as fn(&Path),
        |folder| {
            let path = segment_file(folder, "store");
            let mut bytes = fs::read(&path).unwrap();
            bytes[3] ^= 1;
            fs::write(&path, bytes).unwrap();
        },
        |folder| fs::write(files(folder).into_iter().find(|path| path.ends_with("meta.json")).unwrap(), "{").unwrap(),
    ] {
        let folder = TempDir::new().unwrap();
        drop(built(folder.path()));
        damage(folder.path());
        let (mut writer, reader, found) = open(folder.path());
        assert_eq!(found, None);
        writer.replace(Epoch(3), "three", &changes(&[], &[post(3, "cat", 1)])).unwrap();
        assert_eq!(ids(&reader, &search_for("cat")), [3]);
        files(folder.path());
        drop(writer);
        assert_eq!(place_of(open(folder.path()).2.as_ref()), Some((3, "three")));
    }
}

#[test]
fn an_index_of_another_definition_is_rebuilt() {
    let folder = TempDir::new().unwrap();
    drop(built(folder.path()));
    let other = definition(&[0], Some(Language::English));
    let (_, _, found) = SearchWriter::open(other, Place::Folder(folder.path().to_owned())).unwrap();
    assert_eq!(found, None);
    assert_eq!(place_of(open(folder.path()).2.as_ref()), Some((1, "one")), "the old one is kept until it is replaced");
}

#[test]
fn fault_37_an_index_that_another_writes_is_left_to_it() {
    let folder = TempDir::new().unwrap();
    let (mut first, of_first) = built(folder.path());
    let place = Place::Folder(folder.path().to_owned());
    let refused = SearchWriter::open(definition(&[0], None), place.clone()).map(|_| ());
    assert!(matches!(refused, Err(SearchError::Locked { .. })), "{refused:?}");
    // Whoever has waited long enough builds one of his own.
    let (mut second, of_second) = SearchWriter::new(definition(&[0], None), place).unwrap();
    second.replace(Epoch(5), "five", &changes(&[], &[post(5, "cat", 1)])).unwrap();
    assert_eq!((ids(&of_first, &search_for("cat")), ids(&of_second, &search_for("cat"))), (vec![1], vec![5]));
    drop(second);
    // The files of the first are gone: what it writes is refused, or at least never found again.
    let _ = first.apply(Epoch(2), "two", &changes(&[], &[post(2, "cat", 1)]));
    let _ = first.flush();
    drop(first);
    assert_eq!(place_of(open(folder.path()).2.as_ref()), Some((5, "five")));
}

#[test]
fn fault_37_a_failing_disk_is_told_and_the_last_commit_stays_visible() {
    let folder = TempDir::new().unwrap();
    let (mut writer, reader) = built(folder.path());
    fs::remove_dir_all(folder.path().join("post_search")).unwrap();
    writer.apply(Epoch(2), "two", &changes(&[], &[post(2, "cat", 1)])).unwrap();
    assert!(writer.flush().is_err());
    let refused = writer.apply(Epoch(3), "three", &changes(&[], &[post(3, "cat", 1)]));
    assert!(matches!(refused, Err(SearchError::Failed { .. })), "{refused:?}");
    assert_eq!(ids(&reader, &search_for("cat")), [1]);
    assert_eq!(writer.reopen().unwrap(), None);
    assert_eq!(ids(&reader, &search_for("cat")), [1], "readers stay on the old one");
    writer.replace(Epoch(3), "three", &changes(&[], &[post(1, "cat", 1), post(3, "cat", 1)])).unwrap();
    assert_eq!(ids(&reader, &search_for("cat")), [1, 3]);
}

#[test]
fn an_index_that_nothing_changed_is_as_far_as_its_view() {
    let (mut writer, reader) = index_of(&[post(1, "cat", 1)], definition(&[0], None));
    reader.follow(Epoch(7), false);
    assert_eq!(reader.epoch(), Some(Epoch(7)));
    reader.follow(Epoch(8), true);
    assert_eq!(reader.epoch(), Some(Epoch(1)), "the change of epoch 8 may not be passed over");
    reader.follow(Epoch(9), false);
    assert!(!reader.ask_for(Epoch(8)));
    writer.apply(Epoch(8), "eight", &changes(&[], &[post(2, "cat", 1)])).unwrap();
    assert!(reader.wait_for(Epoch(9), Instant::now() + Duration::from_secs(60)));
    assert_eq!((ids(&reader, &search_for("cat")), reader.epoch()), (vec![1, 2], Some(Epoch(9))));
    assert!(!reader.wait_for(Epoch(10), Instant::now()));
}

#[test]
fn folders_of_indexes_that_are_gone_are_removed() {
    let folder = TempDir::new().unwrap();
    let mut odd = definition(&[0], None);
    odd.index.name = "../Über".to_owned();
    let place = Place::Folder(folder.path().join("search"));
    let (mut writer, _, _) = SearchWriter::open(odd, place.clone()).unwrap();
    writer.replace(Epoch(1), "one", &[]).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a name leads nowhere else");
    remove_undeclared(&place, ["../Über"].into_iter()).unwrap();
    assert_eq!(fs::read_dir(folder.path().join("search")).unwrap().count(), 1);
    remove_undeclared(&place, std::iter::empty()).unwrap();
    assert_eq!(fs::read_dir(folder.path().join("search")).unwrap().count(), 0);
}
