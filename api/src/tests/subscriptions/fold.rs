//! The state that a client folds from events, and the one it should have: a model of the view, worked out from scratch for every epoch.

use std::collections::BTreeMap;

use schemas::field::{FieldKind, Value};
use schemas::position::{Epoch, Position, Timeline};
use schemas::row::Row;
use schemas::serving::{Access, View};
use serde_json::{Value as Json, json};
use sinks::views::{Views, ViewsDefinition};

use super::client::ClientEvent;
use crate::tests::{publish, row, text, view};
use testkit::random::Random;

/// Rows that a client knows: by their key, or with how often they are there.
#[derive(Clone, Debug, Default)]
pub(super) struct Fold {
    key: Option<&'static str>,
    pub(super) rows: BTreeMap<String, (Json, i64)>,
    /// the reasons of all resets
    pub(super) resets: Vec<String>,
}

impl Fold {
    /// A client that knows rows by a column, or by all columns.
    pub(super) fn new(key: Option<&'static str>) -> Self {
        Self { key, ..Self::default() }
    }

    /// Takes in an event; returns the epoch that the rows are now those of.
    pub(super) fn take(&mut self, event: &ClientEvent) -> Option<u64> {
        let data = &event.data;
        let count = data["count"].as_i64().unwrap_or(1);
        let name = |row: &Json| self.key.map_or_else(|| row.to_string(), |key| row[key].to_string());
        match event.name.as_str() {
            "reset" => {
                self.rows.clear();
                self.resets.push(data["reason"].as_str().unwrap().to_owned());
            }
            "upsert" => {
                let name = name(&data["row"]);
                let known = self.rows.entry(name).or_insert((Json::Null, 0));
                known.0 = data["row"].clone();
                known.1 = if self.key.is_some() { 1 } else { known.1 + count };
            }
            "delete" => {
                let name = name(if self.key.is_some() { &data["key"] } else { &data["row"] });
                let known = self.rows.get_mut(&name).unwrap_or_else(|| panic!("{data} was deleted and never there"));
                known.1 -= count;
                assert!(known.1 >= 0, "{data} was deleted more often than it was there");
                if known.1 == 0 {
                    self.rows.remove(&name);
                }
            }
            "progress" => return Some(position(&data["position"]).epoch.0),
            other => panic!("'{other}': {data}"),
        }
        None
    }

    /// The rows, repeats side by side, sorted.
    pub(super) fn sorted(&self) -> Vec<String> {
        let repeat = |(row, count): &(Json, i64)| std::iter::repeat_n(row.to_string(), usize::try_from(*count).unwrap());
        let mut rows: Vec<String> = self.rows.values().flat_map(repeat).collect();
        rows.sort();
        rows
    }
}

fn position(text: &Json) -> Position {
    text.as_str().unwrap().parse().unwrap()
}

/// A row of the view under test.
type Item = (i64, i64, i64);

/// A query, in the words of the model.
pub(super) struct Asked {
    pub(super) uri: &'static str,
    pub(super) admits: fn(&Item) -> bool,
    /// true if it reads the index that serves five rows an owner
    pub(super) is_limited: bool,
    /// the order, when a number of rows is asked for
    pub(super) top: Option<(fn(&Item) -> Item, usize)>,
}

const OWNERS: usize = 4;
const OWNER_LIMIT: usize = 5;

/// All ways to ask that differ in how they are followed.
pub(super) const QUERIES: [Asked; 9] = [
    Asked { uri: "order=n", admits: |_| true, is_limited: false, top: None },
    Asked { uri: "order=n&score=eq.1", admits: |item| item.2 == 1, is_limited: false, top: None },
    Asked {
        uri: "n=in.(1,2,3,5,8)&order=n.desc",
        admits: |item| [1, 2, 3, 5, 8].contains(&item.1),
        is_limited: false,
        top: None,
    },
    Asked { uri: "order=owner", admits: |_| true, is_limited: true, top: None },
    Asked { uri: "owner=eq.2", admits: |item| item.0 == 2, is_limited: true, top: None },
    Asked {
        uri: "owner=in.(1,3)&n=lt.12&score=gte.1",
        admits: |item| item.0 % 2 == 1 && item.1 < 12 && item.2 >= 1,
        is_limited: true,
        top: None,
    },
    Asked {
        uri: "order=n.desc&limit=6",
        admits: |_| true,
        is_limited: false,
        top: Some((|item| (-item.1, -item.0, -item.2), 6)),
    },
    Asked {
        uri: "order=n&score=eq.0&limit=3",
        admits: |item| item.2 == 0,
        is_limited: false,
        top: Some((|item| (item.1, item.0, item.2), 3)),
    },
    Asked {
        uri: "owner=gt.1&order=owner.desc&limit=7",
        admits: |item| item.0 > 1,
        is_limited: true,
        top: Some((|item| (-item.0, item.1, -item.2), 7)),
    },
];

impl Asked {
    /// The result that the query should give, sorted.
    fn expected(&self, items: &BTreeMap<Item, i64>) -> Vec<String> {
        let all = items.iter().flat_map(|(item, count)| std::iter::repeat_n(*item, usize::try_from(*count).unwrap()));
        let mut rows: Vec<Item> = all.collect();
        if self.is_limited {
            rows.sort_by_key(|item| (item.0, -item.1, item.2));
            let (mut owner, mut served) = (i64::MIN, 0);
            rows.retain(|item| {
                served = if item.0 == owner { served + 1 } else { 1 };
                owner = item.0;
                served <= OWNER_LIMIT
            });
        }
        rows.retain(self.admits);
        if let Some((order, limit)) = self.top {
            rows.sort_by_key(order);
            rows.truncate(limit);
        }
        let mut rows: Vec<String> =
            rows.iter().map(|(owner, n, score)| json!({ "owner": owner, "n": n, "score": score }).to_string()).collect();
        rows.sort();
        rows
    }
}

/// Epochs of random changes, and what each query gives after each.
pub(super) struct FoldWorld {
    changes: Vec<Vec<(Item, i64)>>,
    items: Vec<BTreeMap<Item, i64>>,
}

impl FoldWorld {
    /// The first epoch brings many rows.
    pub(super) fn random(seed: u64, epochs: usize) -> Self {
        let mut random = Random::new(seed);
        let (mut changes, mut items) = (Vec::new(), Vec::new());
        let mut now: BTreeMap<Item, i64> = BTreeMap::new();
        for epoch in 0..epochs {
            let size = if epoch == 0 { 120 } else { [0, 0, 1, 2, 5, 40][random.below(6)] };
            let mut of_epoch = Vec::new();
            for _ in 0..size {
                let present = now.keys().nth(random.below(now.len().max(1))).copied();
                let (item, diff) = match present.filter(|_| epoch > 0 && random.below(2) == 0) {
                    Some(item) => (item, -1),
                    None => ((1 + random.below(OWNERS) as i64, random.below(20) as i64, random.below(3) as i64), 1),
                };
                *now.entry(item).or_default() += diff;
                now.retain(|_, count| *count != 0);
                of_epoch.push((item, diff));
            }
            changes.push(of_epoch);
            items.push(now.clone());
        }
        Self { changes, items }
    }

    /// Views that show nothing yet.
    pub(super) fn views() -> std::sync::Arc<Views> {
        Views::new(ViewsDefinition { timeline: Timeline(0x2a), views: vec![Self::view()] })
    }

    pub(super) fn view() -> View {
        let columns = ["owner", "n", "score"].map(|name| (name, FieldKind::Int64));
        let indexes: [(&str, &[&str], _); 2] =
            [("by_n", &["n", "owner"], None), ("by_owner", &["owner", "-n"], Some(OWNER_LIMIT))];
        view("items", &columns, &indexes, Access::Public)
    }

    pub(super) fn last_epoch(&self) -> u64 {
        self.changes.len() as u64
    }

    /// Publishes an epoch, counted from 1.
    pub(super) fn publish(&self, views: &Views, epoch: u64) {
        let columns = Self::view().columns;
        let of = |(owner, n, score): &Item| row(&columns, &[Value::Int(*owner), Value::Int(*n), Value::Int(*score)]);
        let rows: Vec<(Row, i64)> = self.changes[epoch as usize - 1].iter().map(|(item, diff)| (of(item), *diff)).collect();
        publish(views, epoch, &[("items", rows)]);
    }

    pub(super) fn expected(&self, asked: &Asked, epoch: u64) -> Vec<String> {
        asked.expected(&self.items[epoch as usize - 1])
    }
}

/// A view whose rows have a key and change.
pub(super) fn profiles() -> View {
    let columns = [("id", FieldKind::Int64), ("name", FieldKind::Text), ("rank", FieldKind::Int64)];
    view("profiles", &columns, &[("by_rank", &["-rank", "id"], None), ("by_id", &["id"], None)], Access::Public)
}

/// A row of it.
pub(super) fn profile(id: i64, name: &str, rank: i64) -> Row {
    row(&profiles().columns, &[Value::Int(id), text(name), Value::Int(rank)])
}

/// The epoch of an id, for those who look into what should be opaque.
pub(super) fn epoch_of(id: &str) -> Epoch {
    let (position, _) = id.rsplit_once(':').and_then(|(rest, _)| rest.rsplit_once(':')).unwrap();
    position.parse::<Position>().unwrap().epoch
}
