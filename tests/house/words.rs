//! Plain words: documentation says what an item is or does in its first words.

use std::fs;

use super::crates::{root, rust_files};

/// First words that make a riddle of a documentation block: the reader has to guess which thing has that property.
const RIDDLES: [&str; 11] = ["what", "whether", "how", "where", "who", "whose", "which", "when", "why", "of", "by"];

/// The text of a documentation line, if it is one.
fn documentation(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim_start)
}

/// The blocks of a file that open with a riddle, as `line: text`.
fn riddles(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        let block = documentation(line);
        if let Some(opening) = block.filter(|_| !inside) {
            let first: String = opening.chars().take_while(|letter| letter.is_alphabetic()).collect();
            if RIDDLES.contains(&first.to_lowercase().as_str()) {
                found.push(format!("{}: {opening}", number + 1));
            }
        }
        inside = block.is_some();
    }
    found
}

#[test]
fn no_documentation_block_opens_with_a_riddle() {
    let files = rust_files(root());
    assert!(files.len() > 300, "only {} files were found", files.len());
    let mut all = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("sources are text");
        all.extend(riddles(&text).into_iter().map(|riddle| format!("{}:{riddle}", file.display())));
    }
    assert!(all.is_empty(), "say what the item is or does, not what is asked about it:\n{}", all.join("\n"));
}

#[test]
fn a_riddle_is_found_at_the_beginning_of_a_block_alone() {
    let text = "/// Whether it rains.\nfn a() {}\n/// Returns true if it rains.\n/// When it snows too.\nfn b() {}\n//! how\n";
    assert_eq!(riddles(text), ["1: Whether it rains.", "6: how"]);
}
