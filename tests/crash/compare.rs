//! Two servers that were told the same show the same: every view, every row, in the order in which it is served.
//!
//! Servers enter; the first difference leaves as a failed test.

use crate::process::{Client, token};

/// Rows of a page.
const PAGE: usize = 1_000;
/// Users whose rows are read where everybody sees only his own.
const READERS_MAX: usize = 60;

/// Compares every view that anybody may read.
pub fn assert_same_views(found: &Client, expected: &Client) -> usize {
    let users: Vec<u64> = expected.users().into_iter().take(READERS_MAX).collect();
    let all = names(expected, Some(users[0]));
    assert_eq!(names(found, Some(users[0])), all);
    let open = names(expected, None);
    assert!(open.len() > 5 && all.len() > open.len(), "{} of {} views are open", open.len(), all.len());
    for name in &all {
        let path = format!("/v1/views/{name}");
        let readers: Vec<Option<u64>> = if open.contains(name) { vec![None] } else { users.iter().copied().map(Some).collect() };
        for reader in readers {
            let token = reader.map(|user| token(user, ""));
            let [found, expected] = [found, expected].map(|server| server.pages(&path, PAGE, token.as_deref()));
            let place = found.iter().zip(&expected).position(|(found, expected)| found != expected);
            let place = place.unwrap_or_else(|| found.len().min(expected.len()));
            assert!(
                found == expected,
                "'{name}' for {reader:?}, row {place}: {:?} instead of {:?}; {} rows instead of {}",
                found.get(place),
                expected.get(place),
                found.len(),
                expected.len()
            );
        }
    }
    all.len()
}

fn names(server: &Client, reader: Option<u64>) -> Vec<String> {
    let token = reader.map(|user| token(user, ""));
    let answer = server.get("/v1/views", token.as_deref()).json();
    answer["views"].as_array().unwrap().iter().map(|view| view["name"].as_str().unwrap().to_owned()).collect()
}
