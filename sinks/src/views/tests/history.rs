//! The remembered changes of the last epochs: every step of an index once and in order, and its rows as they were.

use super::*;
use testkit::random::Random;

const EPOCHS: u64 = 120;
const OWNERS: usize = 5;
const NUMBERS: usize = 30;
const LIMIT: usize = 4;
const ITEMS: IndexId = IndexId(0);

/// Rows of the index in stored form.
type Rows = BTreeMap<Row, Diff>;

fn items(limit: Option<usize>) -> Arc<Views> {
    Views::new(ViewsDefinition { timeline: TIMELINE, views: vec![view("items", FieldKind::Text, true, limit)] })
}

fn item(views: &Views, random: &mut Random) -> Row {
    let layout = &views.view("items").unwrap().indexes[0].1;
    let owner = format!("owner {}", random.below(OWNERS));
    stored(layout, &Value::Text(owner.into()), random.below(NUMBERS) as i64)
}

/// Publishes random changes; returns the rows after each epoch, the first of which is 1.
fn publish_random(views: &Views, seed: u64) -> Vec<Rows> {
    let mut random = Random::new(seed);
    let (mut now, mut all) = (Rows::new(), vec![Rows::new()]);
    for epoch in 1..=EPOCHS {
        let mut changes = Vec::new();
        for _ in 0..random.below(20) {
            let row = item(views, &mut random);
            let there = now.entry(row.clone()).or_default();
            let diff = if *there > 0 && random.below(5) > 0 { -*there } else { 1 + random.below(2) as Diff };
            *there += diff;
            changes.push((row, diff));
        }
        now.retain(|_, count| *count != 0);
        all.push(now.clone());
        views.publish(commit(epoch, vec![(ITEMS, changes)])).unwrap();
    }
    all
}

/// The rows of a range that a client gets, worked out from scratch, in the order of reading.
fn served(views: &Views, rows: &Rows, limit: Option<usize>, range: Range<'_>) -> Vec<(Row, Diff)> {
    let layout = &views.view("items").unwrap().indexes[0].1;
    let (mut group, mut left) = (Row::empty(), Diff::MAX);
    let mut found = Vec::new();
    for (row, count) in rows {
        let (loaded, ends) = layout.load(row.as_bytes());
        let owner = Row::from_bytes(&loaded.as_bytes()[..ends[0]]);
        if let Some(limit) = limit.filter(|_| owner != group) {
            (group, left) = (owner, limit as Diff);
        }
        let count = (*count).min(left);
        left -= count;
        if count > 0 && std::ops::RangeBounds::<[u8]>::contains(&(range.lower, range.upper), row.as_bytes()) {
            found.push((row.clone(), count));
        }
    }
    if range.reverse {
        found.reverse();
    }
    found
}

/// Reads a range page by page as it was at an epoch.
fn read_at(views: &Views, range: Range<'_>, epoch: u64, rows_max: usize) -> Vec<(Row, Diff)> {
    let (mut rows, mut rest) = (Vec::new(), None::<Bound<Row>>);
    loop {
        let mut range = range;
        if let Some(rest) = &rest {
            *(if range.reverse { &mut range.upper } else { &mut range.lower }) = rest.as_ref().map(Row::as_bytes);
        }
        let page = views.snapshot().served_at(ITEMS, range, Epoch(epoch), rows_max).unwrap();
        rows.extend(page.rows);
        rest = page.rest;
        if rest.is_none() {
            return rows;
        }
    }
}

fn random_bound<'r>(random: &mut Random, row: &'r Row) -> Bound<&'r [u8]> {
    [Bound::Unbounded, Bound::Included(row.as_bytes()), Bound::Excluded(row.as_bytes())][random.below(3)]
}

#[test]
fn rows_are_read_as_they_were_at_every_epoch_that_is_remembered() {
    for limit in [None, Some(LIMIT)] {
        let views = items(limit);
        let all = publish_random(&views, 5);
        let mut random = Random::new(9);
        for round in 0..600 {
            let (one, other) = (item(&views, &mut random), item(&views, &mut random));
            let (low, high) = if one <= other { (one, other) } else { (other, one) };
            let reverse = random.below(2) == 0;
            let range = Range { lower: random_bound(&mut random, &low), upper: random_bound(&mut random, &high), reverse };
            let range = if low == high { Range { reverse, ..Range::ALL } } else { range };
            let epoch = 1 + random.below(EPOCHS as usize);
            let found = read_at(&views, range, epoch as u64, 1 + random.below(8));
            assert_eq!(
                found,
                served(&views, &all[epoch], limit, range),
                "round {round}: {range:?} at epoch {epoch} of {limit:?}"
            );
        }
    }
}

#[test]
fn the_groups_of_a_range_bring_it_from_one_epoch_to_the_next() {
    let views = items(Some(LIMIT));
    let all = publish_random(&views, 6);
    let layout = &views.view("items").unwrap().indexes[0].1;
    let mut random = Random::new(4);
    let (mut epoch, mut changed) = (1, 0);
    while let Some(step) = views.step_after(ITEMS, Epoch(epoch)).unwrap() {
        assert_eq!((step.previous.0, step.changes.epoch.0), (epoch, epoch + 1));
        for _ in 0..10 {
            let (low, high) = (item(&views, &mut random), item(&views, &mut random));
            let range = Range { lower: random_bound(&mut random, &low), upper: random_bound(&mut random, &high), reverse: false };
            let at = |epoch: u64| served(&views, &all[epoch as usize], Some(LIMIT), range);
            let mut rows: Rows = at(epoch).into_iter().collect();
            for group in step.changes.groups_of(ITEMS, layout, range) {
                for (row, diff) in views.snapshot().group_change(ITEMS, group.as_bytes(), &step).unwrap() {
                    if std::ops::RangeBounds::<[u8]>::contains(&(range.lower, range.upper), row.as_bytes()) {
                        changed += 1;
                        *rows.entry(row).or_default() += diff;
                    }
                }
            }
            rows.retain(|_, count| *count != 0);
            assert_eq!(Vec::from_iter(rows), at(epoch + 1), "{range:?} after epoch {epoch}");
        }
        epoch += 1;
    }
    assert!(epoch == EPOCHS && changed > 500, "{changed} changes until epoch {epoch}");
}

#[test]
fn the_first_epoch_shows_rows_and_changes_none() {
    let views = items(None);
    let forgotten = |epoch| Err(Forgotten { epoch: Epoch(epoch) });
    let after = |epoch| views.step_after(ITEMS, Epoch(epoch)).map(|step| step.map(|step| step.changes.epoch.0));
    assert_eq!((after(0), after(1)), (Ok(None), forgotten(1)));
    views.publish(commit(41, Vec::new())).unwrap();
    assert_eq!((after(0), after(40), after(41), after(42)), (forgotten(0), forgotten(40), Ok(None), forgotten(42)));
    views.publish(commit(45, Vec::new())).unwrap();
    assert_eq!((after(41), after(43), after(45)), (Ok(Some(45)), forgotten(43), Ok(None)));
    let range = Range::ALL;
    assert_eq!(views.snapshot().served_at(ITEMS, range, Epoch(40), 1), Err(Forgotten { epoch: Epoch(40) }));
}

#[test]
fn what_is_beyond_the_limits_is_forgotten_oldest_first() {
    let views = items(None);
    let oldest = || (0..).find(|epoch| views.step_after(ITEMS, Epoch(*epoch)).is_ok()).unwrap();
    publish_random(&views, 1);
    assert_eq!(oldest(), 1);
    views.set_history_limits(HistoryLimits { epochs: 10, ..HistoryLimits::default() });
    assert_eq!(oldest(), EPOCHS - 10);
    views.publish(commit(EPOCHS + 1, Vec::new())).unwrap();
    assert_eq!(oldest(), EPOCHS - 9);
    views.set_history_limits(HistoryLimits { bytes: 100_000, ..HistoryLimits::default() });
    let mut random = Random::new(2);
    let rows: Vec<(Row, Diff)> = (0..100).map(|_| (item(&views, &mut random), 1)).collect();
    for epoch in EPOCHS + 2..EPOCHS + 102 {
        views.publish(commit(epoch, vec![(ITEMS, rows.clone())])).unwrap();
    }
    let kept = EPOCHS + 101 - oldest();
    assert!((5..40).contains(&kept), "{kept} epochs of about 5 kB are kept");
    // An epoch that is larger than all that may be remembered is no exception.
    views.set_history_limits(HistoryLimits { bytes: 1, ..HistoryLimits::default() });
    assert_eq!(oldest(), EPOCHS + 101);
}

#[test]
fn an_index_has_no_past_before_it_was_shown() {
    let views = items(None);
    for epoch in 1..=3 {
        views.publish(commit(epoch, Vec::new())).unwrap();
    }
    let staged = views.stage(view("late", FieldKind::Int64, false, None)).unwrap();
    let id = staged.indexes[0].0;
    let show = CatalogueChange { show: vec!["late".into()], ..CatalogueChange::default() };
    views.publish(Commit { catalogue: Some(show), ..commit(4, Vec::new()) }).unwrap();
    views.publish(commit(5, Vec::new())).unwrap();
    let is_known = |index, epoch| views.step_after(index, Epoch(epoch)).is_ok();
    assert_eq!([2, 3, 4, 5].map(|epoch| is_known(id, epoch)), [false, false, true, true]);
    assert_eq!([2, 3, 4, 5].map(|epoch| is_known(ITEMS, epoch)), [true; 4]);
    assert!(views.snapshot().served_at(id, Range::ALL, Epoch(3), 1).is_err());
}
