//! The oracle itself is proven here: against views of real data that were computed elsewhere, twice, in other languages.
//!
//! Runs wherever the environment variable `TIDEWATER_DATA` names the folder of that data, and says so where it does not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Oracle;
use super::event::time_text;
use super::state::State;
use super::views::PLAIN_VIEWS;

/// Scores are given to nine decimals.
const SCORE_TOLERANCE: f64 = 1e-8;

/// The folder of the real data, where there is one.
pub fn data_folder() -> Option<PathBuf> {
    testkit::data::folder()
}

/// The text of a file, decompressed where only `<name>.zst` is there.
pub fn read_text(path: &Path) -> String {
    if let Ok(text) = fs::read_to_string(path) {
        return text;
    }
    let compressed = PathBuf::from(format!("{}.zst", path.display()));
    let bytes = fs::read(&compressed).unwrap_or_else(|error| panic!("{}: {error}", compressed.display()));
    String::from_utf8(zstd::decode_all(bytes.as_slice()).expect("a zstd file")).expect("a text file")
}

struct Files {
    expected: PathBuf,
    state: State,
    end: i64,
    compared: usize,
}

impl Files {
    fn open(lines: &str, expected: &str) -> Option<Self> {
        let Some(folder) = data_folder() else {
            eprintln!("TIDEWATER_DATA is not set: the oracle is not compared with {expected}");
            return None;
        };
        let folder = folder.join("social");
        let text = read_text(&folder.join(lines));
        let oracle = Oracle::of(text.lines());
        Some(Self { expected: folder.join(expected), state: oracle.state(), end: oracle.end(), compared: 0 })
    }

    fn compare(&mut self, view: &str, rows: &[String]) {
        let text = read_text(&self.expected.join(format!("{view}.jsonl")));
        let expected: Vec<&str> = text.lines().collect();
        for (place, (expected, row)) in expected.iter().zip(rows).enumerate() {
            let equal = if view == "trending_decay_top100" { same_score(expected, row) } else { expected == row };
            assert!(equal, "{view}, row {}: expected {expected}, the oracle has {row}", place + 1);
        }
        assert_eq!(expected.len(), rows.len(), "rows of {view}");
        self.compared += 1;
    }

    fn compare_all(&mut self, suggested_every: u64) {
        for (view, rows) in PLAIN_VIEWS {
            let rows = rows(&self.state);
            self.compare(view, &rows);
        }
        let tenth = |user: u64| user.is_multiple_of(10);
        self.compare("following_feed_top50", &self.state.view_following_feed(50, tenth));
        self.compare("user_feed_top50", &self.state.view_user_feed(50, tenth));
        self.compare("trending_decay_top100", &self.state.view_trending_decay(100, self.end));
        self.compare("trending_last_hour", &self.state.view_trending_last_hour(self.end));
        self.compare("suggested_users", &self.state.view_suggested_users(20, |user| user.is_multiple_of(suggested_every)));
        assert_eq!(self.compared, 18);
    }

    fn compare_search(&self) {
        let queries: Vec<Value> = serde_json::from_str(&read_text(&self.expected.join("search.json"))).expect("search.json");
        assert_eq!(queries.len(), 25);
        for query in queries {
            let expected: Vec<String> = serde_json::from_value(query["post_ids"].clone()).expect("post_ids");
            let words = query["query"].as_str().expect("query");
            let found: Vec<String> = self.state.search(words).iter().map(u64::to_string).collect();
            assert_eq!(found, expected, "search for {words:?}");
        }
    }
}

fn same_score(expected: &str, row: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<BTreeMap<String, Value>>(text).expect("a row");
    let (mut expected, mut row) = (read(expected), read(row));
    let score = |row: &mut BTreeMap<String, Value>| row.remove("score").and_then(|score| score.as_f64()).expect("a score");
    (score(&mut expected) - score(&mut row)).abs() <= SCORE_TOLERANCE && expected == row
}

#[test]
fn the_oracle_agrees_with_the_small_world() {
    let Some(mut files) = Files::open("small.jsonl", "small_expected") else { return };
    assert_eq!(time_text(files.end), "2024-01-01T23:59:59.000000Z");
    files.compare_all(4);
    files.compare_search();
}

#[test]
fn the_oracle_agrees_with_the_week_of_seven_thousand_people() {
    let Some(mut files) = Files::open("events.jsonl", "expected") else { return };
    assert_eq!(time_text(files.end), "2024-01-07T23:59:59.000000Z");
    files.compare_all(140);
    files.compare_search();
}
