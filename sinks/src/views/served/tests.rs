//! Limits held against counting the rows of each value from its start.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::field::{FieldKind, Value};
use schemas::position::{Epoch, Timeline};
use schemas::row::Diff;

use super::super::test_support::{stored, view};
use super::super::{Commit, IndexId, Views, ViewsDefinition};
use super::*;
use testkit::random::Random;

const INDEX: IndexId = IndexId(0);

fn views(owner: &FieldKind, descending: bool, limit: usize) -> Arc<Views> {
    let views = vec![view("feed", owner.clone(), descending, Some(limit))];
    Views::new(ViewsDefinition { timeline: Timeline(1), views })
}

fn layout(views: &Views) -> IndexLayout {
    views.view("feed").unwrap().indexes[0].1.clone()
}

fn publish(views: &Views, epoch: u64, changes: Vec<(Row, Diff)>) {
    views.publish(Commit { epoch: Epoch(epoch), changes: vec![(INDEX, changes)], ..Commit::default() }).unwrap();
}

fn listed<'a>(rows: impl Iterator<Item = (&'a [u8], i64)>) -> Vec<(Row, i64)> {
    rows.map(|(row, count)| (Row::from_bytes(row), count)).collect()
}

/// The owners that rows have: NULL among them, one a prefix of another.
fn owners(kind: &FieldKind) -> Vec<Value<'static>> {
    match kind {
        FieldKind::Text => ["", "a", "ab", "abcdefgh", "abcdefghi"].map(|text| Value::Text(text.into())).to_vec(),
        _ => [i64::MIN, -1, 0, 255, i64::MAX].map(Value::Int).to_vec(),
    }
    .into_iter()
    .chain([Value::Null])
    .collect()
}

/// The rows that a limit lets through, by counting.
fn cut(layout: &IndexLayout, rows: &BTreeMap<Row, i64>, limit: i64) -> Vec<(Row, i64)> {
    let mut counted: Vec<(Value<'static>, i64)> = Vec::new();
    let mut through = Vec::new();
    for (row, &count) in rows {
        let (ascending, _) = layout.load(row.as_bytes());
        let owner = layout.kinds[0].read(ascending.as_bytes(), 0).into_owned();
        if counted.last().is_none_or(|(last, _)| *last != owner) {
            counted.push((owner, 0));
        }
        let Some((_, before)) = counted.last_mut() else { unreachable!() };
        let allowed = count.min(limit - *before);
        *before += count;
        if allowed > 0 {
            through.push((row.clone(), allowed));
        }
    }
    through
}

fn random_bound(random: &mut Random, rows: &[Row], layout: &IndexLayout) -> Bound<Row> {
    let row = &rows[random.below(rows.len())];
    let bytes = if random.below(2) == 0 { row.as_bytes() } else { &row.as_bytes()[..first_field_end(layout, row.as_bytes())] };
    match random.below(3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(Row::from_bytes(bytes)),
        _ => Bound::Excluded(Row::from_bytes(bytes)),
    }
}

fn assert_served_agrees(views: &Views, random: &mut Random, rows: &BTreeMap<Row, i64>, limit: i64) {
    let layout = layout(views);
    let expected = cut(&layout, rows, limit);
    let keys: Vec<Row> = rows.keys().cloned().collect();
    let snapshot = views.snapshot();
    assert_eq!(listed(snapshot.served(INDEX, Range::ALL)), expected);
    for _ in 0..50 {
        let (lower, upper) = (random_bound(random, &keys, &layout), random_bound(random, &keys, &layout));
        let range =
            |reverse| Range { lower: lower.as_ref().map(Row::as_bytes), upper: upper.as_ref().map(Row::as_bytes), reverse };
        let inside: BTreeMap<Row, i64> = listed(snapshot.scan(INDEX, range(false))).into_iter().collect();
        let mut within: Vec<_> = expected.iter().filter(|(row, _)| inside.contains_key(row)).cloned().collect();
        assert_eq!(listed(snapshot.served(INDEX, range(false))), within, "forward from {lower:?} to {upper:?}");
        within.reverse();
        assert_eq!(listed(snapshot.served(INDEX, range(true))), within, "backward from {lower:?} to {upper:?}");
    }
}

#[test]
fn a_limit_serves_the_first_rows_of_each_value_of_any_range() {
    for (seed, limit) in [1, 2, 7, 150, 1000, 0].into_iter().enumerate() {
        for kind in [FieldKind::Int64, FieldKind::Text] {
            for descending in [false, true] {
                let views = views(&kind, descending, limit);
                let (layout, mut random) = (layout(&views), Random::new(seed as u64));
                let mut rows = BTreeMap::new();
                for owner in owners(&kind) {
                    for _ in 0..random.below(600) {
                        let count = if random.below(4) == 0 { 1 + random.below(5) as i64 } else { 1 };
                        rows.insert(stored(&layout, &owner, random.below(10_000) as i64), count);
                    }
                }
                publish(&views, 1, rows.clone().into_iter().collect());
                assert_served_agrees(&views, &mut random, &rows, limit as i64);
            }
        }
    }
}

#[test]
fn a_row_beyond_the_limit_moves_up_when_one_before_it_goes() {
    let views = views(&FieldKind::Int64, false, 3);
    let layout = layout(&views);
    let row = |owner, n| stored(&layout, &Value::Int(owner), n);
    publish(&views, 1, (1..=5).flat_map(|n| [(row(7, n), 1), (row(8, n), 1)]).collect());
    let newest = |owner| {
        let prefix = layout.store_value(0, &Value::Int(owner));
        let end = prefix_end(prefix.as_bytes()).unwrap();
        let (lower, upper) = (Bound::Included(prefix.as_bytes()), Bound::Excluded(end.as_bytes()));
        let rows: Vec<Row> =
            listed(views.snapshot().served(INDEX, Range { lower, upper, reverse: false })).into_iter().map(|row| row.0).collect();
        rows
    };
    assert_eq!(newest(7), [row(7, 5), row(7, 4), row(7, 3)]);
    publish(&views, 2, vec![(row(7, 5), -1), (row(7, 3), -1), (row(7, 9), 1)]);
    assert_eq!(newest(7), [row(7, 9), row(7, 4), row(7, 2)]);
    assert_eq!(newest(8), [row(8, 5), row(8, 4), row(8, 3)], "the other owner's rows changed");
    assert_eq!(views.snapshot().rows(INDEX), 9, "rows beyond the limit are kept");
}
