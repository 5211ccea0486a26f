//! A reader of shapes that follows the protocol as its specification says, and a world of rows that it is compared with.

use std::collections::BTreeMap;

use axum::Router;
use schemas::field::{FieldKind, Value};
use schemas::position::Timeline;
use schemas::row::Row;
use schemas::serving::{Access, View};
use serde_json::Value as Json;
use sinks::views::{Views, ViewsDefinition};
use testkit::random::Random;

use crate::tests::{Answer, get, row, text, view};

/// Rows that a reader has folded, and its place.
pub(super) struct ShapeReader {
    question: &'static str,
    pub(super) handle: Option<String>,
    pub(super) expired: Option<String>,
    pub(super) offset: String,
    pub(super) rows: BTreeMap<String, Json>,
    pub(super) refetches: usize,
}

impl ShapeReader {
    pub(super) fn new(question: &'static str) -> Self {
        Self { question, handle: None, expired: None, offset: "-1".into(), rows: BTreeMap::new(), refetches: 0 }
    }

    /// The address of the next request.
    pub(super) fn uri(&self, more: &str) -> String {
        let handle = self.handle.as_ref().map(|handle| format!("&handle={handle}")).unwrap_or_default();
        let expired = self.expired.as_ref().map(|handle| format!("&expired_handle={handle}")).unwrap_or_default();
        format!("/v1/shape?{}&offset={}{handle}{expired}{more}", self.question, self.offset)
    }

    /// Takes in an answer; true when the rows are those of the end of the log.
    pub(super) fn take(&mut self, answer: &Answer) -> bool {
        let handle = Some(answer.header("electric-handle").to_owned());
        if answer.status.as_u16() == 409 {
            assert_eq!(answer.json()[0]["headers"]["control"], "must-refetch");
            assert_ne!(handle, self.handle, "a reader takes nothing under the handle that it had");
            self.expired = self.handle.take();
            (self.handle, self.offset) = (handle, "-1".into());
            self.rows.clear();
            self.refetches += 1;
            return false;
        }
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        assert_ne!(handle, self.expired, "a reader takes nothing under the handle that has expired");
        self.handle = handle;
        self.offset = answer.header("electric-offset").to_owned();
        let mut is_up_to_date = false;
        for message in answer.json().as_array().unwrap() {
            is_up_to_date |= message["headers"]["control"] == "up-to-date";
            if message["headers"]["control"].is_null() {
                self.fold(message);
            }
        }
        assert_eq!(is_up_to_date, answer.headers.contains_key("electric-up-to-date"));
        is_up_to_date
    }

    fn fold(&mut self, message: &Json) {
        let (key, value) = (message["key"].as_str().unwrap().to_owned(), message["value"].clone());
        match message["headers"]["operation"].as_str().unwrap() {
            "insert" => {
                let before = self.rows.insert(key.clone(), value);
                assert_eq!(before, None, "{key} was inserted twice");
            }
            "update" => {
                let row = self.rows.get_mut(&key).unwrap_or_else(|| panic!("{key} was updated and never there"));
                for (name, old) in message["old_value"].as_object().into_iter().flatten() {
                    assert_eq!(&row[name], old, "the value before of {key}");
                }
                for (name, value) in value.as_object().unwrap() {
                    row[name] = value.clone();
                }
            }
            "delete" => {
                assert!(self.rows.remove(&key).is_some(), "{key} was deleted and never there");
            }
            other => panic!("'{other}': {message}"),
        }
    }

    /// Reads until the rows are those of the end of the log.
    pub(super) async fn catch_up(&mut self, api: &Router) {
        loop {
            let answer = get(api, &self.uri("")).await;
            if self.take(&answer) {
                return;
            }
        }
    }

    /// The rows, sorted.
    pub(super) fn sorted(&self) -> Vec<String> {
        let mut rows: Vec<String> = self.rows.values().map(Json::to_string).collect();
        rows.sort();
        rows
    }
}

/// A row: id, name, rank.
pub(super) type Thing = (i64, String, i64);

/// Things, whose ids tell them apart.
pub(super) fn things() -> View {
    let columns = [("id", FieldKind::Int64), ("name", FieldKind::Text), ("rank", FieldKind::Int64)];
    let indexes: [(&str, &[&str], _); 3] =
        [("by_id", &["id"], None), ("by_name", &["name", "-id"], None), ("by_rank", &["rank", "-id"], Some(3))];
    view("things", &columns, &indexes, Access::Public)
}

pub(super) fn thing((id, name, rank): &Thing) -> Row {
    row(&things().columns, &[Value::Int(*id), text(name), Value::Int(*rank)])
}

pub(super) fn views_of(view: View) -> std::sync::Arc<Views> {
    Views::new(ViewsDefinition { timeline: Timeline(0x2a), views: vec![view] })
}

/// Things that come, change and go; where `repeats`, a thing may be there more than once.
pub(super) struct ThingWorld {
    random: Random,
    repeats: bool,
    pub(super) now: BTreeMap<Thing, i64>,
}

impl ThingWorld {
    pub(super) fn new(seed: u64, repeats: bool) -> Self {
        Self { random: Random::new(seed), repeats, now: BTreeMap::new() }
    }

    /// Changes of an epoch.
    pub(super) fn changes(&mut self) -> Vec<(Row, i64)> {
        let mut changes = Vec::new();
        for _ in 0..[0, 1, 2, 12][self.random.below(4)] {
            let present = self.now.keys().nth(self.random.below(self.now.len().max(1))).cloned();
            let id = self.random.below(30_i64);
            let next = (id, ["ann", "bob", "cid"][self.random.below(3)].to_owned(), self.random.below(4_i64));
            if let Some(gone) = present.filter(|_| self.random.chance(40)) {
                self.add(gone, -1, &mut changes);
            } else if self.repeats {
                let next = if self.random.chance(50) { (1, "ann".to_owned(), 1) } else { next };
                self.add(next, 1, &mut changes);
            } else {
                if let Some(before) = self.now.keys().find(|thing| thing.0 == id).cloned() {
                    self.add(before, -1, &mut changes);
                }
                self.add(next, 1, &mut changes);
            }
        }
        changes
    }

    fn add(&mut self, thing: Thing, diff: i64, changes: &mut Vec<(Row, i64)>) {
        changes.push((self::thing(&thing), diff));
        *self.now.entry(thing).or_default() += diff;
        self.now.retain(|_, count| *count != 0);
    }

    /// The rows that a question gives, sorted.
    pub(super) fn expected(&self, admits: fn(&Thing) -> bool, limit: Option<usize>) -> Vec<String> {
        let all = self.now.iter().filter(|(thing, _)| admits(thing));
        let mut things: Vec<&Thing> = all.flat_map(|(thing, count)| std::iter::repeat_n(thing, *count as usize)).collect();
        if let Some(limit) = limit {
            things.sort_by_key(|(id, name, rank)| (*rank, -id, name.clone()));
            things.truncate(limit);
        }
        let shown = |(id, name, rank): &Thing| {
            serde_json::json!({ "id": id.to_string(), "name": name, "rank": rank.to_string() }).to_string()
        };
        let mut rows: Vec<String> = things.into_iter().map(shown).collect();
        rows.sort();
        rows
    }
}
