//! The name somebody probably meant.
//!
//! A name that is unknown and the names that are known enter; the nearest known one leaves, if any is near.

/// Names longer than this are not compared: the cost grows with the product of the lengths.
const COMPARED_CHARACTERS_MAX: usize = 64;

/// The known name nearest to `unknown`, if at most a third of its letters differ; of equally near ones the first.
pub(crate) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let (unknown, length) = (unknown.to_ascii_lowercase(), unknown.chars().count());
    if length > COMPARED_CHARACTERS_MAX {
        return None;
    }
    let allowed = (length / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::levenshtein(&unknown, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_owned())
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
