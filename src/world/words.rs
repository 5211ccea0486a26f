//! Topics that the people of the generated world talk about.
//!
//! Owns the word list and the making of texts. The first words are the most frequent.

use super::random::Random;

/// The fewest and the most words of a text.
const WORDS_MIN: u64 = 3;
const WORDS_SPREAD: u64 = 10;

const WORDS: [&str; 96] = [
    "the",
    "of",
    "and",
    "a",
    "to",
    "in",
    "for",
    "with",
    "on",
    "new",
    "coffee",
    "river",
    "morning",
    "train",
    "bridge",
    "garden",
    "city",
    "music",
    "market",
    "winter",
    "summer",
    "light",
    "water",
    "harbour",
    "boat",
    "tide",
    "storm",
    "cloud",
    "bread",
    "cheese",
    "apple",
    "lemon",
    "tea",
    "kitchen",
    "recipe",
    "soup",
    "salt",
    "pepper",
    "street",
    "corner",
    "window",
    "door",
    "roof",
    "tower",
    "clock",
    "bell",
    "night",
    "star",
    "moon",
    "planet",
    "comet",
    "telescope",
    "camera",
    "photo",
    "film",
    "theatre",
    "song",
    "guitar",
    "piano",
    "choir",
    "book",
    "poem",
    "letter",
    "paper",
    "pencil",
    "paint",
    "colour",
    "blue",
    "green",
    "red",
    "yellow",
    "stone",
    "sand",
    "forest",
    "mountain",
    "path",
    "bicycle",
    "race",
    "match",
    "goal",
    "team",
    "league",
    "ticket",
    "museum",
    "café",
    "naïve",
    "Österreich",
    "C++",
    "3d",
    "e-mail",
    "42",
    "Rust",
    "SQL",
    "\"quoted\"",
    "tab\there",
    "emoji🙂",
];

const HASHTAGS: [&str; 40] = [
    "coffee", "music", "news", "food", "travel", "art", "books", "film", "photo", "sports", "running", "cycling", "rust", "sql",
    "data", "science", "space", "weather", "garden", "cooking", "baking", "history", "politics", "economy", "health", "fashion",
    "design", "games", "chess", "maths", "cats", "dogs", "birds", "sea", "sailing", "winter", "summer", "city", "trains", "café",
];

/// A text of a few words.
pub(super) fn text(random: &mut Random) -> String {
    let count = WORDS_MIN + random.below(WORDS_SPREAD);
    let mut text = String::new();
    for place in 0..count {
        if place > 0 {
            text.push_str(if random.one_in(12) { ", " } else { " " });
        }
        text.push_str(common_first(&WORDS, random));
    }
    text
}

/// Up to three different hashtags.
pub(super) fn hashtags(random: &mut Random) -> Vec<&'static str> {
    let mut tags: Vec<&'static str> = Vec::new();
    for _ in 0..random.below(4) {
        let tag = common_first(&HASHTAGS, random);
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// One of the items, those in front more often: the smaller of two draws.
fn common_first(items: &[&'static str], random: &mut Random) -> &'static str {
    let first = random.index(items.len());
    let second = random.index(items.len());
    items[first.min(second)]
}
