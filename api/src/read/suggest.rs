//! The name somebody probably meant.
//!
//! A name that is unknown and the names that are known enter; the nearest known one leaves, if any is near.

/// Names longer than this are not compared: the cost grows with the product of the lengths.
const COMPARED_CHARACTERS_MAX: usize = 64;

/// The known name nearest to `unknown`, if at most a third of its letters differ; of equally near ones the first.
pub(crate) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let unknown: Vec<char> = unknown.chars().map(|c| c.to_ascii_lowercase()).collect();
    if unknown.len() > COMPARED_CHARACTERS_MAX {
        return None;
    }
    let allowed = (unknown.len() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(&unknown, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_owned())
}

/// Returns the number of letters to insert, remove or replace.
fn distance(left: &[char], right: &str) -> usize {
    let mut previous: Vec<usize> = (0..=left.len()).collect();
    for (row, letter) in right.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in left.iter().enumerate() {
            let replaced = previous[column] + usize::from(letter != *other);
            current.push(replaced.min(previous[column + 1] + 1).min(current[column] + 1));
        }
        previous = current;
    }
    previous[left.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let known = ["following_feed", "user_feed", "trending"];
        assert_eq!(nearest("folowing_feed", known).as_deref(), Some("following_feed"));
        assert_eq!(nearest("TRENDING", known).as_deref(), Some("trending"));
        assert_eq!(nearest("messages", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}
