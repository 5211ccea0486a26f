//! Derived topics across kills: each is read from its beginning, and what its records lead to is the view that it follows.
//!
//! Owns the sinks of the campaign. A server enters; a record that is missing, that comes twice, or that is of an epoch which comes again
//! fails the test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Client, eventually, operator};

/// Posts, as the last row of each and as every change, and the pages of a cache that show one.
const SINKS: &str = "\
CREATE SINK posts_out FROM posts WITH (connector = 'log', topic = 'derived.posts', key = 'post_id') FORMAT UPSERT ENCODE JSON;
CREATE SINK post_changes FROM posts WITH (connector = 'log', topic = 'derived.post_changes') FORMAT CHANGELOG ENCODE JSON;
CREATE SINK stale_posts FROM posts WITH (connector = 'log', type = 'invalidate', topic = 'derived.stale_posts', key = 'post:{post_id}');
";
const SOCIAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/topologies/social");
const PAGE: usize = 1_000;

/// The social network with these sinks.
pub fn with_sinks() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(SOCIAL).unwrap().map(Result::unwrap) {
        if entry.path().extension().is_some_and(|extension| extension == "sql") {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    testkit::social::copy_proto_files(folder.path());
    std::fs::write(folder.path().join("zz_sinks.sql"), SINKS).unwrap();
    folder
}

/// Reads every topic, and compares what it leads to with the view; how many records there were.
pub fn assert_same_as_views(server: &Client) -> usize {
    eventually("sinks that have everything", || {
        let status = server.get("/v1/status", Some(&operator())).json();
        let sinks = status["sinks"].as_array().unwrap();
        let is_search = |sink: &&Value| sink["name"].as_str().unwrap().starts_with("search:");
        assert_eq!(sinks.iter().filter(|sink| !is_search(sink)).count(), 3);
        let halted = sinks.iter().find(|sink| sink["state"] == "halted");
        assert!(halted.is_none(), "{halted:?}");
        sinks.iter().all(|sink| sink["state"] == "attached" && sink["epoch"] == status["epoch"]).then_some(())
    });
    let posts: BTreeSet<String> = server.pages("/v1/views/posts", PAGE, None).iter().map(as_text).collect();
    let upserts = units(server, "derived.posts");
    assert_eq!(fold_upserts(&upserts), posts, "the last rows are those of the view");
    let changes = units(server, "derived.post_changes");
    assert_eq!(fold_changes(&changes), posts, "the changes lead to the view");
    let stale = units(server, "derived.stale_posts");
    assert_stale(&stale, &changes);
    [upserts, changes, stale].iter().map(|units| units.iter().map(|(_, records)| records.len()).sum::<usize>()).sum()
}

fn as_text(row: &impl serde::Serialize) -> String {
    serde_json::to_string(&serde_json::to_value(row).unwrap()).unwrap()
}

/// The records of each epoch, in order: its position ascends, and none comes again.
fn units(server: &Client, topic: &str) -> Vec<(u64, Vec<Value>)> {
    let (mut units, mut records) = (Vec::<(u64, Vec<Value>)>::new(), Vec::new());
    let mut next = 0;
    loop {
        let page = server.get(&format!("/v1/topics/{topic}/records?limit={PAGE}&offset={next}"), Some(&operator())).json();
        for record in page["records"].as_array().unwrap() {
            assert_eq!(record["offset"], next, "a gap in '{topic}'");
            next += 1;
            let headers = &record["value"]["headers"];
            let epoch: u64 = headers["position"].as_str().unwrap().split_once(':').unwrap().1.parse().unwrap();
            match headers["op"].as_str().unwrap() {
                "commit" => {
                    assert!(units.last().is_none_or(|(last, _)| *last < epoch), "epoch {epoch} comes again in '{topic}'");
                    units.push((epoch, std::mem::take(&mut records)));
                }
                "reset" => assert!(units.is_empty() && records.is_empty(), "'{topic}' begins again"),
                "part" => {}
                _ => records.push(record.clone()),
            }
        }
        if page["next"] == page["end"] {
            assert!(records.is_empty(), "'{topic}' ends within an epoch");
            return units;
        }
    }
}

fn fold_upserts(units: &[(u64, Vec<Value>)]) -> BTreeSet<String> {
    let mut rows = BTreeMap::new();
    for (epoch, records) in units {
        let mut keys = BTreeSet::new();
        for record in records {
            let key = record["key"].as_str().unwrap();
            assert!(keys.insert(key), "{key} comes twice in epoch {epoch}");
            match &record["value"]["row"] {
                Value::Null => assert!(rows.remove(key).is_some(), "{key} goes in epoch {epoch} and was not there"),
                row => drop(rows.insert(key.to_owned(), as_text(row))),
            }
        }
    }
    rows.into_values().collect()
}

fn fold_changes(units: &[(u64, Vec<Value>)]) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (epoch, records) in units {
        for record in records {
            let row = as_text(&record["value"]["row"]);
            let count = counts.entry(row.clone()).or_default();
            *count += record["value"]["diff"].as_i64().unwrap();
            assert!((0..=1).contains(count), "{row} is there {count} times after epoch {epoch}");
        }
    }
    counts.into_iter().filter(|(_, count)| *count > 0).map(|(row, _)| row).collect()
}

/// The keys of each epoch are those of the rows that changed, each once, ascending.
fn assert_stale(stale: &[(u64, Vec<Value>)], changes: &[(u64, Vec<Value>)]) {
    let mut keys: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (epoch, records) in stale {
        keys.insert(*epoch, records.iter().map(|record| record["key"].as_str().unwrap().to_owned()).collect());
    }
    // The first epoch of a topic says that everything may be stale; both topics may begin at other epochs.
    let first = stale.first().map_or(0, |(epoch, _)| *epoch).max(changes.first().map_or(0, |(epoch, _)| *epoch));
    for (epoch, records) in changes.iter().filter(|(epoch, records)| *epoch > first && !records.is_empty()) {
        let key = |record: &Value| format!("post:{}", record["value"]["row"]["post_id"]);
        let expected: BTreeSet<String> = records.iter().map(key).collect();
        let found = keys.remove(epoch).unwrap_or_default();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "epoch {epoch}");
    }
    let in_vain: Vec<&u64> =
        keys.iter().filter(|(epoch, keys)| **epoch > first && !keys.is_empty()).map(|(epoch, _)| epoch).collect();
    assert!(in_vain.is_empty(), "keys became stale in epochs {in_vain:?} that changed nothing");
}
