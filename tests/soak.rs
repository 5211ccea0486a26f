//! A long run over data that stays the same size: neither the disk nor the memory may grow with the events.
//!
//! Posts are edited again and again, hundreds of megabytes in all, with event time that passes by, so that ids leave the deduplication
//! windows. The log forgets, bindings and checkpoints are cut, and at the end every post is as its last edit left it.

use std::fs;
use std::path::Path;

use schemas::time::timestamp_text;
use serde_json::json;

use crate::lines::{event, posted};
use crate::process::{Launch, Server};

const POSTS: u64 = 100;
const ROUNDS: u64 = 45;
const EDITS_PER_ROUND: u64 = 1_500;
const TEXT_BYTES: usize = 8_000;
/// Microseconds since 1970: 2024-01-01.
const START_MICROS: i64 = 1_704_067_200_000_000;
/// Event time between two edits: 20,000 of them fill a deduplication window of seven days.
const STEP_MICROS: i64 = 30 * 1_000_000;
/// Bytes that the log may have, beside its journal of 128 MB and what is about to be removed.
const LOG_RETENTION_BYTES: &str = "30000000";
/// Half of what is written in all.
const DISK_BYTES_MAX: u64 = 280_000_000;
/// Bytes by which memory may vary between the second and the last third.
const MEMORY_SLACK_BYTES: u64 = 96 << 20;

/// A text that neither repeats nor compresses, without a second word.
fn text(random: &mut u64) -> String {
    let mut next = || {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + ((*random >> 33) % 26) as u8)
    };
    (0..TEXT_BYTES).map(|_| next()).collect()
}

fn edit(number: u64, post: u64, text: &str) -> String {
    let mut line = event(number, "social.post", "post.updated", post, json!({ "text": text, "hashtags": [] }));
    line["event"]["occurred_at"] = timestamp_text(START_MICROS + number as i64 * STEP_MICROS).into();
    line.to_string()
}

fn bytes_of(path: &Path) -> u64 {
    let Ok(metadata) = fs::metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    // A file may go while it is looked at.
    fs::read_dir(path).map_or(0, |entries| entries.filter_map(|entry| Some(bytes_of(&entry.ok()?.path()))).sum())
}

/// The memory that a process has now.
fn resident_bytes(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn disk_and_memory_stay_bounded_while_the_data_stays_the_same_size() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let more = ["--clock", "event", "--checkpoint-interval", "200ms", "--log-retention-bytes", LOG_RETENTION_BYTES];
    let server = Launch { data: &data, more: &more, ..Launch::default() }.server().unwrap_or_else(|_| panic!("it did not start"));
    let created: Vec<String> = (1..=POSTS).map(|post| posted(post, post, 1, "new").to_string()).collect();
    server.ingest(&created);
    let (mut random, mut number, mut written) = (7, POSTS, 0);
    let mut last = vec![String::new(); POSTS as usize + 1];
    let (mut disk, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let lines: Vec<String> = (0..EDITS_PER_ROUND)
            .map(|_| {
                number += 1;
                let post = 1 + number % POSTS;
                last[post as usize] = text(&mut random);
                edit(number, post, &last[post as usize])
            })
            .collect();
        written += lines.iter().map(|line| line.len() as u64).sum::<u64>();
        server.ingest(&lines);
        disk.push(bytes_of(&data));
        memory.push(resident_bytes(&server));
    }
    let most = |of: &[u64]| of.iter().copied().max().unwrap_or(0);
    // On a busy machine what is forgotten is reclaimed a little later.
    let least = |of: &[u64]| of.iter().copied().min().unwrap_or(0);
    let third = ROUNDS as usize / 3;
    println!("{written} bytes sent; disk {disk:?}; memory {memory:?}");
    assert!(written > DISK_BYTES_MAX * 19 / 10, "only {written} bytes were sent");
    let left = least(&disk[2 * third..]);
    assert!(left < DISK_BYTES_MAX, "the disk never had less than {left} bytes of {written} that were sent");
    let (second, end) = (most(&memory[third..2 * third]), most(&memory[2 * third..]));
    assert!(end < second + MEMORY_SLACK_BYTES, "memory grew from {second} to {end} bytes");
    let rows = server.pages("/v1/views/posts", 100, None);
    assert_eq!(rows.len() as u64, POSTS);
    for row in rows {
        let post = row["post_id"].as_u64().unwrap();
        assert_eq!(row["text"].as_str().unwrap(), last[post as usize], "post {post} is not as its last edit left it");
    }
}
