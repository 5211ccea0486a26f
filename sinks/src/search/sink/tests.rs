//! An index behind a real outbox: whatever happens to its files, in the end it holds the rows of the view, each once.

use std::fs;
use std::path::Path;

use crate::contract::{History, Outbox, OutboxLimits, Run, SinkState};
use schemas::chain::Chain;
use schemas::field::FieldKind;
use schemas::fingerprint::Fingerprint;
use schemas::row::{Diff, Row};
use schemas::serving::SearchIndex;
use tempfile::TempDir;

use super::*;
use crate::search::{Filter, Order, OrderBy, Search};

const PLAN: Fingerprint = Fingerprint([7; 32]);

fn columns() -> Vec<Column> {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    vec![column("note_id", FieldKind::Int64), column("text", FieldKind::Text)]
}

/// An index of the texts of notes.
fn index() -> SearchIndex {
    SearchIndex {
        name: "note_search".to_owned(),
        view: "notes".to_owned(),
        searched: vec![1],
        included: vec![0],
        guarded: vec![],
        key: vec![0],
        stemmer: None,
        prefix_letters: 2,
        suggested: None,
        popularity: None,
    }
}

/// A view that changes with every epoch, its index, and what brings the one to the other.
struct World {
    folder: TempDir,
    definition: Definition,
    history: History,
    completed: u64,
    indexes: Arc<SearchIndexes>,
}

impl World {
    fn new() -> Self {
        let definition = Definition { index: index(), columns: columns() };
        let folder = TempDir::new().unwrap();
        let mut world = Self { folder, definition, history: History::new(1), completed: 0, indexes: Arc::default() };
        world.history.push(0, chain(0));
        world
    }

    fn sink(&self) -> SearchSink {
        let place = Place::Folder(self.folder.path().to_owned());
        SearchSink::new(self.definition.clone(), place, Arc::clone(&self.indexes), |_| {})
    }

    fn row(&self, note: u64, epoch: u64) -> Row {
        let mut row = Row::empty();
        self.definition.columns[0].kind.write(&schemas::field::Value::Int(note as i64), &mut row);
        self.definition.columns[1].kind.write(&schemas::field::Value::Text(format!("note of{epoch}").into()), &mut row);
        row
    }

    /// The rows at an epoch: note `n` was last changed in an epoch that is `n` modulo 5.
    fn rows(&self, epoch: u64) -> Vec<(Row, Diff)> {
        let last = |note: u64| (1..=epoch).rev().find(|epoch| epoch % 5 == note);
        (0..5).filter_map(|note| Some((self.row(note, last(note)?), 1))).collect()
    }

    fn unit(&self, epoch: u64) -> Unit {
        let note = epoch % 5;
        let mut changes = vec![(self.row(note, epoch), 1)];
        changes.extend(epoch.checked_sub(5).filter(|before| *before > 0).map(|before| (self.row(note, before), -1)));
        changes.sort();
        Unit { after: chain(epoch - 1), progress: progress(epoch), changes }
    }

    /// Pushes epochs up to `end` and lets the outbox do what it can.
    fn go_on(&mut self, outbox: &mut Outbox<SearchSink>, end: u64) {
        while self.completed < end {
            self.completed += 1;
            self.history.push(self.completed, chain(self.completed));
            outbox.push(self.unit(self.completed));
            self.settle(outbox);
        }
    }

    fn settle(&self, outbox: &mut Outbox<SearchSink>) {
        let snapshot = || (self.completed, self.rows(self.completed));
        let run = Run { history: &self.history, incarnation: 1, plan: PLAN, completed: self.completed, snapshot: &snapshot };
        while outbox.step(&run).unwrap() {}
        assert_eq!(outbox.state(), &SinkState::Attached);
    }

    /// Every note is found by the word of its last change, and by no other.
    fn check(&self) {
        let reader = self.indexes.get("note_search").unwrap();
        assert!(reader.wait_for(Epoch(self.completed), std::time::Instant::now() + std::time::Duration::from_secs(60)));
        let found = |query: String| {
            let order = Order { by: OrderBy::Relevance, descending: true };
            let search = Search {
                query: Some(query),
                visible: Filter::always(),
                filter: Filter::always(),
                order,
                offset: 0,
                limit: 10,
                highlights: vec![],
                facets: vec![],
            };
            reader.search(&search).unwrap().unwrap().total
        };
        assert_eq!(found("note".into()), self.rows(self.completed).len() as u64);
        for epoch in 1..=self.completed {
            let is_last = epoch + 5 > self.completed;
            assert_eq!(found(format!("of{epoch}")), u64::from(is_last), "epoch {epoch} of {}", self.completed);
        }
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        let generation = fs::read_dir(self.folder.path().join("note_search")).unwrap().next().unwrap().unwrap().path();
        fs::read_dir(generation).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn chain(epoch: u64) -> Chain {
    let mut chain = [1; 32];
    chain[..8].copy_from_slice(&epoch.to_be_bytes());
    Chain(chain)
}

fn progress(epoch: u64) -> Progress {
    Progress { timeline: 1, epoch, chain: chain(epoch).0, incarnation: 1, plan: PLAN.0, generation: 0 }
}

fn outbox(sink: SearchSink, seen: bool) -> Outbox<SearchSink> {
    Outbox::new(sink, seen, None, OutboxLimits::default())
}

#[test]
fn an_index_is_built_followed_and_gone_on_with_after_a_restart() {
    let mut world = World::new();
    let mut first = outbox(world.sink(), false);
    world.go_on(&mut first, 12);
    assert_eq!(first.reconciled, 1, "it was built once");
    world.check();
    drop(first);
    let mut second = outbox(world.sink(), true);
    world.go_on(&mut second, 20);
    assert_eq!(second.reconciled, 0, "the files were good");
    world.check();
}

#[test]
fn what_a_crash_took_is_applied_again_or_the_index_is_rebuilt() {
    for damage in [
        |_: &Path| {},
        |path: &Path| {
            if path.extension().is_some_and(|extension| extension == "store") {
                fs::remove_file(path).unwrap();
            }
        },
        |path: &Path| fs::write(path, "").unwrap(),
    ] {
        let mut world = World::new();
        let mut first = outbox(world.sink(), false);
        world.go_on(&mut first, 7);
        drop(first);
        world.files().iter().for_each(|path| damage(path));
        // Epochs went by that nobody applied.
        let mut second = outbox(world.sink(), true);
        world.go_on(&mut second, 15);
        world.check();
    }
}

#[test]
fn fault_37_an_index_whose_files_vanish_while_it_is_written_is_rebuilt() {
    let mut world = World::new();
    let mut outbox = outbox(world.sink(), false);
    world.go_on(&mut outbox, 6);
    world.check();
    fs::remove_dir_all(world.folder.path().join("note_search")).unwrap();
    let reader = world.indexes.get("note_search").unwrap();
    reader.ask_for(Epoch(u64::MAX));
    // The commit that fails comes sometime after the unit that it is for.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while outbox.reconciled < 2 {
        assert!(std::time::Instant::now() < deadline, "the loss was never noticed");
        let end = world.completed + 1;
        world.go_on(&mut outbox, end);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    world.check();
}

#[test]
fn units_that_do_not_follow_and_earlier_incarnations_are_refused() {
    let world = World::new();
    let mut sink = world.sink();
    assert_eq!(sink.apply(&world.unit(1)), Err(SinkError::Guard), "before it is open");
    assert_eq!(sink.fence(1), Ok(None));
    assert_eq!(sink.apply(&world.unit(1)), Err(SinkError::Guard), "before it is built");
    sink.replace(&Contents { progress: progress(3), rows: world.rows(3) }).unwrap();
    assert_eq!(sink.apply(&world.unit(5)), Err(SinkError::Guard), "an epoch is missing");
    let mut other_plan = world.unit(4);
    other_plan.progress.plan = [8; 32];
    assert_eq!(sink.apply(&other_plan), Err(SinkError::Guard));
    assert_eq!(sink.fence(2).map(|found| found.map(|found| found.epoch)), Ok(Some(3)));
    assert_eq!(sink.apply(&world.unit(4)), Err(SinkError::Fenced(2)));
    assert_eq!(sink.replace(&Contents { progress: progress(4), rows: vec![] }), Err(SinkError::Fenced(2)));
    assert_eq!(sink.fence(1), Err(SinkError::Fenced(2)));
}
