//! Random views that come, go, change and are filled, while readers compare every snapshot with a model of its epoch.

use parking_lot::Mutex;
use schemas::serving::View;

use super::*;
use testkit::random::Random;

const EPOCHS: u64 = 600;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A view and its rows in the form of the view.
#[derive(Clone)]
struct ModelView {
    view: View,
    rows: BTreeMap<Row, Diff>,
}

type Model = BTreeMap<String, ModelView>;

/// The expected rows of each epoch, noted before it is published.
type History = Mutex<BTreeMap<u64, Model>>;

struct Publisher<'v> {
    views: &'v Views,
    random: Random,
    served: Model,
    staged: Model,
}

/// Any of several layouts: kinds, directions and numbers of indexes differ.
fn random_view(random: &mut Random, name: &str) -> View {
    let kind = [FieldKind::Int64, FieldKind::Text][random.below(2)].clone();
    let mut view = view(name, kind, random.below(2) == 0, None);
    if random.below(2) == 0 {
        let columns = vec![IndexColumn { column: 1, descending: random.below(2) == 0 }];
        view.indexes.push(Index { name: format!("{name}_by_number"), columns, limit: None });
    }
    view
}

fn random_row(random: &mut Random, view: &View) -> Row {
    let (owner, n) = (random.below(5) as i64, random.below(40) as i64);
    let mut row = Row::empty();
    let owner =
        if view.columns[0].kind == FieldKind::Text { Value::Text(format!("user {owner}").into()) } else { Value::Int(owner) };
    view.columns[0].kind.write(&owner, &mut row);
    view.columns[1].kind.write(&Value::Int(n), &mut row);
    row
}

impl ModelView {
    /// Random changes that leave no count below zero.
    fn change(&mut self, random: &mut Random, count: usize) -> Vec<(Row, Diff)> {
        let mut changes = Vec::new();
        for _ in 0..random.below(count) {
            let row = random_row(random, &self.view);
            let there = self.rows.entry(row.clone()).or_default();
            let diff = if *there > 0 && random.below(2) == 0 { -1 } else { 1 };
            *there += diff;
            changes.push((row, diff));
        }
        self.rows.retain(|_, count| *count != 0);
        changes
    }
}

/// Hands over changes of a view, in the stored form of each of its indexes.
fn stored_changes(served: &ServedView, changes: &[(Row, Diff)]) -> Vec<(IndexId, Vec<(Row, Diff)>)> {
    let store = |layout: &IndexLayout| changes.iter().map(|(row, diff)| (layout.store(row.as_bytes()), *diff)).collect();
    served.indexes.iter().map(|(id, layout)| (*id, store(layout))).collect()
}

impl Publisher<'_> {
    fn name(&mut self) -> &'static str {
        NAMES[self.random.below(NAMES.len())]
    }

    /// Stages a view, gives one up, or fills one in random order.
    fn prepare(&mut self) {
        let name = self.name();
        match self.random.below(6) {
            0 if !self.staged.contains_key(name) => {
                let view = random_view(&mut self.random, name);
                self.views.stage(view.clone()).unwrap();
                self.staged.insert(name.to_owned(), ModelView { view, rows: BTreeMap::new() });
            }
            1 if self.random.below(4) == 0 => assert_eq!(self.views.unstage(name), self.staged.remove(name).is_some()),
            _ => {
                let Some(model) = self.staged.get_mut(name) else { return };
                let mut changes = model.change(&mut self.random, 60);
                for at in (1..changes.len()).rev() {
                    changes.swap(at, self.random.below(at + 1));
                }
                let served = self.views.staged(name).unwrap();
                for part in changes.chunks(7) {
                    stored_changes(&served, part).into_iter().for_each(|(id, part)| self.views.hydrate(id, part).unwrap());
                }
            }
        }
    }

    fn commit(&mut self, epoch: u64) -> Commit {
        let mut commit = commit(epoch, Vec::new());
        for (models, is_served) in [(&mut self.served, true), (&mut self.staged, false)] {
            for (name, model) in models.iter_mut() {
                let served = if is_served { self.views.view(name) } else { self.views.staged(name) };
                commit.changes.extend(stored_changes(&served.unwrap(), &model.change(&mut self.random, 12)));
            }
        }
        if self.random.below(3) == 0 {
            commit.catalogue = Some(self.switch());
        }
        commit
    }

    fn switch(&mut self) -> CatalogueChange {
        let mut change = CatalogueChange::default();
        let name = self.name();
        if self.served.remove(name).is_some() {
            change.remove.push(name.to_owned());
        }
        for name in NAMES {
            if self.random.below(2) == 0
                && let Some(model) = self.staged.remove(name)
            {
                self.served.insert(name.to_owned(), model);
                change.show.push(name.to_owned());
            }
        }
        change
    }
}

/// Ends the readers, also when the publisher fails.
struct Done<'f>(&'f AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn check(snapshot: &Snapshot<'_>, history: &History) {
    let epoch = snapshot.position().epoch.0;
    let history = history.lock();
    let Some(model) = history.get(&epoch) else { panic!("epoch {epoch} is seen before it was published") };
    let views: Vec<&View> = snapshot.views().map(|served| &served.view).collect();
    assert_eq!(views, model.values().map(|model| &model.view).collect::<Vec<_>>(), "epoch {epoch}");
    for (served, model) in snapshot.views().zip(model.values()) {
        for (id, layout) in &served.indexes {
            let expected: BTreeMap<Row, Diff> =
                model.rows.iter().map(|(row, count)| (layout.store(row.as_bytes()), *count)).collect();
            assert_eq!(all(snapshot, *id), Vec::from_iter(expected), "'{}' at epoch {epoch}", served.view.name);
        }
    }
}

#[test]
fn every_snapshot_is_one_catalogue_at_one_epoch() {
    let views = Views::new(ViewsDefinition { timeline: TIMELINE, views: Vec::new() });
    let history = History::new(BTreeMap::from([(0, Model::new())]));
    let done = AtomicBool::new(false);
    let mut publisher = Publisher { views: &views, random: Random::new(11), served: Model::new(), staged: Model::new() };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        check(&views.snapshot(), &history);
                    }
                })
            })
            .collect();
        let end = Done(&done);
        let mut shown = 0;
        for epoch in 1..=EPOCHS {
            (0..4).for_each(|_| publisher.prepare());
            let commit = publisher.commit(epoch);
            shown += commit.catalogue.as_ref().map_or(0, |change| change.show.len());
            history.lock().insert(epoch, publisher.served.clone());
            views.publish(commit).unwrap();
            check(&views.snapshot(), &history);
            let indexes: usize = publisher.served.values().map(|model| model.view.indexes.len()).sum();
            assert_eq!(views.state.read().indexes.len(), indexes, "an index of a view that is gone is kept");
        }
        drop(end);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert!(shown > 50, "only {shown} views were ever shown");
    });
}
