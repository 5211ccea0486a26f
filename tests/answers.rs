//! The rows that an expected file has, made from the views of the topology, wherever those are read.
//!
//! Views enter by [`Views`]; rows in the form of the expected files leave, and [`assert_same`] compares them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::oracle::Oracle;
use crate::oracle::expected::read_text;
use crate::oracle::views::PLAIN_VIEWS;

/// A row of a view by column name.
pub type JsonRow = BTreeMap<String, Value>;

/// Somewhere views can be read as a whole.
pub trait Views {
    /// All rows of a view in the order of its first index.
    fn rows(&self, name: &str) -> Vec<JsonRow>;

    /// The ids of the posts that a search finds, ascending.
    fn search(&self, query: &str) -> Vec<u64>;
}

/// Scores are compared with this tolerance: they are given to nine decimals.
const SCORE_TOLERANCE: f64 = 1e-8;
const HALF_LIFE_MICROS: i64 = 6 * 3_600_000_000;
/// Rows that a feed serves of each user.
const FEED_ROWS: usize = 600;

/// Searches in generated worlds: frequent and rare words, several, and one that nobody writes.
const QUERIES: [&str; 6] = ["the", "coffee", "the river", "storm of the", "edited", "zzzznotthere"];

/// The rows that an expected file has, made from the views of the topology.
pub struct Answers<'a> {
    pub views: &'a dyn Views,
}

/// Ids and texts as the expected files write them: ids are texts of digits.
fn id(row: &JsonRow, column: &str) -> Value {
    match &row[column] {
        Value::Number(number) => Value::String(number.to_string()),
        other => other.clone(),
    }
}

fn number(row: &JsonRow, column: &str) -> u64 {
    match &row[column] {
        Value::Number(number) => number.as_u64().expect("a count"),
        Value::String(digits) => digits.parse().expect("digits"),
        other => panic!("{column} is {other}"),
    }
}

/// Keeps some columns, ids as texts.
fn project(row: &JsonRow, ids: &[&str], others: &[&str]) -> Value {
    let ids = ids.iter().map(|column| ((*column).to_owned(), id(row, column)));
    let others = others.iter().map(|column| ((*column).to_owned(), row[*column].clone()));
    Value::Object(ids.chain(others).collect())
}

fn sum_as_number(mut row: Value, column: &str) -> Value {
    if let Value::String(digits) = &row[column] {
        row[column] = json!(digits.parse::<i64>().expect("digits"));
    }
    row
}

impl Answers<'_> {
    fn view(&self, name: &str, ids: &[&str], others: &[&str]) -> Vec<Value> {
        self.views.rows(name).iter().map(|row| project(row, ids, others)).collect()
    }

    /// The first rows of each user, numbered.
    pub fn ranked(&self, view: &str, columns: &[&str], limit: u64, of: impl Fn(u64) -> bool) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut last = (u64::MAX, 0);
        for row in self.views.rows(view) {
            let user = number(&row, "user_id");
            last = if last.0 == user { (user, last.1 + 1) } else { (user, 1) };
            if of(user) && last.1 <= limit {
                let mut out = project(&row, columns, &[]);
                out["occurred_at"] = row["created_at"].clone();
                out["rank"] = json!(last.1);
                rows.push(out);
            }
        }
        rows
    }

    pub fn rows(&self, file: &str, end: i64, suggested_every: u64) -> Vec<Value> {
        let tenth = |user: u64| user.is_multiple_of(10);
        match file {
            "follows" => self.view("follows", &["follower_id", "followee_id"], &[]),
            "blocks" => self.view("blocks", &["blocker_id", "blocked_id"], &[]),
            "follower_counts" => self.view("follower_counts", &["user_id"], &["followers"]),
            "following_counts" => self.view("following_counts", &["user_id"], &["following"]),
            "posts" => {
                self.view("posts", &["post_id", "author_id", "reply_to"], &["text", "hashtags", "created_at", "updated_at"])
            }
            "post_counts" => self.view("post_cards", &["post_id"], &["likes", "comments", "shares", "replies"]),
            "unread" => self.view("unread", &["user_id", "conversation_id"], &["unread"]),
            "unread_total" => {
                self.view("unread_total", &["user_id"], &["unread"]).into_iter().map(|row| sum_as_number(row, "unread")).collect()
            }
            "conversations" => {
                self.view("conversation_summaries", &["conversation_id", "last_message_id"], &["messages", "last_message_at"])
            }
            "notifications_counts" => self.view("notification_counts", &["user_id"], &["kind", "n"]),
            "hashtag_counts" => self.view("hashtag_counts", &[], &["hashtag", "posts"]),
            "hourly_posts" => self.view("hourly_posts", &[], &["window_start", "posts", "authors"]),
            "sessions_30min" => self.view("author_sessions", &["user_id"], &["session_start", "last_post_at", "posts"]),
            "following_feed_top50" => self.ranked("following_feed", &["user_id", "post_id", "author_id"], 50, tenth),
            "user_feed_top50" => self.ranked("user_feed", &["user_id", "post_id"], 50, tenth),
            "trending_last_hour" => {
                let rows = self.view("trending_last_hour", &["post_id"], &["likes", "comments", "shares", "score"]);
                rows.into_iter().map(|row| sum_as_number(row, "score")).collect()
            }
            "trending_decay_top100" => self.trending(end),
            "suggested_users" => self
                .views
                .rows("suggested_users")
                .iter()
                .filter(|row| number(row, "user_id").is_multiple_of(suggested_every))
                .map(|row| project(row, &["user_id", "suggested_id"], &["rank", "common"]))
                .collect(),
            other => panic!("no view answers '{other}'"),
        }
    }

    pub fn trending(&self, end: i64) -> Vec<Value> {
        let score = |row: &JsonRow| row["score"].as_f64().expect("a score");
        let rows = self.views.rows("trending").into_iter().filter(|row| !row["score"].is_null()).take(100).enumerate();
        rows.map(|(place, row)| {
            let value = language::plan::functions::decayed_value(score(&row), end, HALF_LIFE_MICROS);
            json!({"rank": place + 1, "post_id": id(&row, "post_id"), "score": value})
        })
        .collect()
    }
}

/// Both as sets of rows in one order, scores apart.
pub fn assert_same(name: &str, expected: Vec<Value>, found: Vec<Value>) {
    let split = |rows: Vec<Value>| {
        let mut rows: Vec<(String, Option<f64>)> = rows
            .into_iter()
            .map(|mut row| {
                let score = if name.starts_with("trending_decay") { row["score"].take().as_f64() } else { None };
                (serde_json::to_string(&row).expect("JSON"), score)
            })
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows
    };
    let (expected, found) = (split(expected), split(found));
    for (expected, found) in expected.iter().zip(&found) {
        let close = expected.1.zip(found.1).is_none_or(|(a, b)| (a - b).abs() <= SCORE_TOLERANCE);
        assert!(expected.0 == found.0 && close, "{name}: expected {expected:?}, found {found:?}");
    }
    assert_eq!(expected.len(), found.len(), "rows of {name}");
}

pub fn parse_rows<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> Vec<Value> {
    lines.into_iter().map(|line| serde_json::from_str(line.as_ref()).expect("a row of JSON")).collect()
}

/// Compares every view that the oracle knows, for every user.
pub fn assert_oracle(views: &dyn Views, oracle: &Oracle) {
    let (state, end) = (oracle.state(), oracle.end());
    let answers = Answers { views };
    let everyone = |_: u64| true;
    for (file, rows) in PLAIN_VIEWS {
        assert_same(file, parse_rows(rows(&state)), answers.rows(file, end, 1));
    }
    let feed = parse_rows(state.view_following_feed(FEED_ROWS, everyone));
    assert_same(
        "following_feed",
        feed,
        answers.ranked("following_feed", &["user_id", "post_id", "author_id"], FEED_ROWS as u64, everyone),
    );
    let feed = parse_rows(state.view_user_feed(FEED_ROWS, everyone));
    assert_same("user_feed", feed, answers.ranked("user_feed", &["user_id", "post_id"], FEED_ROWS as u64, everyone));
    assert_same("trending_decay", parse_rows(state.view_trending_decay(100, end)), answers.trending(end));
    assert_same("trending_last_hour", parse_rows(state.view_trending_last_hour(end)), answers.rows("trending_last_hour", end, 1));
    for query in QUERIES {
        assert_eq!(views.search(query), state.search(query), "search for '{query}'");
    }
    let suggested = parse_rows(state.view_suggested_users(20, everyone));
    assert_same("suggested_users", suggested, answers.rows("suggested_users", end, 1));
}

/// The names of the expected files.
pub const FILES: [&str; 18] = [
    "blocks",
    "conversations",
    "follower_counts",
    "following_counts",
    "following_feed_top50",
    "follows",
    "hashtag_counts",
    "hourly_posts",
    "notifications_counts",
    "post_counts",
    "posts",
    "sessions_30min",
    "suggested_users",
    "trending_decay_top100",
    "trending_last_hour",
    "unread",
    "unread_total",
    "user_feed_top50",
];

/// Compares every view with the files of a folder, and what searches find with its queries.
pub fn assert_files(views: &dyn Views, folder: &std::path::Path, end: i64, suggested_every: u64, skipped: &[&str]) {
    let answers = Answers { views };
    for file in FILES.into_iter().filter(|file| !skipped.contains(file)) {
        let expected = parse_rows(read_text(&folder.join(format!("{file}.jsonl"))).lines());
        assert_same(file, expected, answers.rows(file, end, suggested_every));
    }
    let queries: Vec<Value> = serde_json::from_str(&read_text(&folder.join("search.json"))).expect("search.json");
    assert_eq!(queries.len(), 25);
    for query in queries {
        let expected: Vec<String> = serde_json::from_value(query["post_ids"].clone()).expect("post_ids");
        let words = query["query"].as_str().expect("query");
        let found: Vec<String> = views.search(words).iter().map(u64::to_string).collect();
        assert_eq!(found, expected, "search for {words:?}");
    }
}
