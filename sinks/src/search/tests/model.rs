//! Random changes against a list of posts that is searched by reading it.

use std::collections::BTreeMap;

use super::super::SearchWriter;
use super::*;
use testkit::random::Random;

const WORDS: &[&str] = &["ant", "bee", "cat", "cow", "dog", "eel"];

fn random_post(random: &mut Random, id: i64) -> Post {
    let text: Vec<&str> = (0..random.below(6)).map(|_| WORDS[random.below(WORDS.len())]).collect();
    let author = [None, Some("ann"), Some("bob")][random.below(3)].map(str::to_owned);
    Post { id, author, text: text.join(" "), likes: (random.below(5) > 0).then(|| random.below(4) as i64) }
}

/// Predicate that a text has to fulfil.
type Matches = fn(&str) -> bool;

/// Expected results of some queries.
const QUERIES: &[(&str, Matches)] = &[
    ("cat", |text| has(text, "cat")),
    ("cat dog", |text| has(text, "cat") && has(text, "dog")),
    ("cat OR dog", |text| has(text, "cat") || has(text, "dog")),
    ("bee -cow", |text| has(text, "bee") && !has(text, "cow")),
    ("\"cat dog\"", |text| format!(" {text} ").contains(" cat dog ")),
    ("co* OR ca*", |text| has(text, "cow") || has(text, "cat")),
    ("", |_| true),
];

fn has(text: &str, word: &str) -> bool {
    text.split(' ').any(|found| found == word)
}

fn check(reader: &SearchReader, rows: impl Iterator<Item = Post> + Clone, what: &str) {
    for (query, matches) in QUERIES {
        let order = Order { by: OrderBy::Column(LIKES), descending: false };
        let found = ids(reader, &Search { order, ..search_for(query) });
        let mut expected: Vec<Post> = rows.clone().filter(|post| matches(&post.text)).collect();
        expected.sort_by_key(|post| (post.likes.is_none(), post.likes, post.id));
        assert_eq!(found, expected.iter().map(|post| post.id).collect::<Vec<_>>(), "{query} {what}");
        let mut by_relevance = ids(reader, &search_for(query));
        by_relevance.sort_unstable();
        let mut expected: Vec<i64> = expected.iter().map(|post| post.id).collect();
        expected.sort_unstable();
        assert_eq!(by_relevance, expected, "{query} by relevance {what}");
    }
}

#[test]
fn an_index_follows_inserts_edits_and_deletes() {
    let mut random = Random::new(3);
    let (mut writer, reader) = index_of(&[], definition(&[0], None));
    let mut posts: BTreeMap<i64, Post> = BTreeMap::new();
    for epoch in 2..60 {
        let before = posts.clone();
        for _ in 0..random.below(8) {
            let id = random.below(30) as i64;
            match random.below(3) {
                0 => drop(posts.remove(&id)),
                _ => drop(posts.insert(id, random_post(&mut random, id))),
            }
        }
        let changed = |from: &BTreeMap<i64, Post>, to: &BTreeMap<i64, Post>| {
            from.values().filter(|post| to.get(&post.id) != Some(post)).cloned().collect::<Vec<Post>>()
        };
        let changes = changes(&changed(&before, &posts), &changed(&posts, &before));
        reader.follow(Epoch(epoch), !changes.is_empty());
        writer.apply(Epoch(epoch), &epoch.to_string(), &changes).unwrap();
        if epoch % 3 == 0 {
            // A reader that waits has it committed.
            assert!(reader.wait_for(Epoch(epoch), std::time::Instant::now() + std::time::Duration::from_secs(60)));
            check(&reader, posts.values().cloned(), &format!("in epoch {epoch}"));
        }
    }
}

#[test]
fn rows_that_only_differ_as_a_whole_may_be_there_several_times() {
    let mut random = Random::new(5);
    let (mut writer, reader) = index_of(&[post(0, "cat", 1), post(0, "cat", 2)], definition(&[], None));
    let mut counts: BTreeMap<Post, i64> = BTreeMap::from([(post(0, "cat", 1), 1), (post(0, "cat", 2), 1)]);
    let kinds: Vec<Post> = (0..12).map(|id| random_post(&mut random, id)).collect();
    for epoch in 2..60 {
        let mut diffs: BTreeMap<usize, i64> = BTreeMap::new();
        for _ in 0..random.below(5) {
            let kind = random.below(kinds.len());
            let count = counts.entry(kinds[kind].clone()).or_default();
            let diff = if *count > 0 && random.below(2) == 0 { -1 } else { 1 };
            *count += diff;
            *diffs.entry(kind).or_default() += diff;
        }
        let changes: Vec<(Row, Diff)> =
            diffs.into_iter().filter(|(_, diff)| *diff != 0).map(|(kind, diff)| (stored(&kinds[kind]), diff)).collect();
        writer.apply(Epoch(epoch), "", &changes).unwrap();
        if epoch % 2 == 0 {
            writer.flush().unwrap();
            let there = counts.iter().filter(|(_, count)| **count > 0).map(|(post, _)| post.clone());
            check(&reader, there, &format!("in epoch {epoch}"));
        }
    }
}

#[test]
fn equal_hits_come_by_key_however_they_were_written() {
    let posts: Vec<Post> = (0..50).map(|id| post(id, "same words", 1)).collect();
    let (_whole, at_once) = index_of(&posts, definition(&[0], None));
    let (mut writer, bit_by_bit): (SearchWriter, _) = index_of(&[], definition(&[0], None));
    for (number, post) in posts.iter().rev().enumerate() {
        writer.apply(Epoch(number as u64 + 2), "", &changes(&[], std::slice::from_ref(post))).unwrap();
        if number % 7 == 0 {
            writer.flush().unwrap();
        }
    }
    writer.flush().unwrap();
    for offset in [0, 13] {
        let search = Search { offset, limit: 10, ..search_for("same") };
        assert_eq!(ids(&at_once, &search), (offset as i64..offset as i64 + 10).collect::<Vec<_>>());
        assert_eq!(ids(&bit_by_bit, &search), ids(&at_once, &search));
    }
}
