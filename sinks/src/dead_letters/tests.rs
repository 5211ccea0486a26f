//! The bounds of what is listed, and that counts stay right beyond them.

use schemas::dead_letter::{DEAD_LETTER_BYTES_MAX, Fault, Reason};
use schemas::testing;

use super::*;
use testkit::random::Random;

fn letter(offset: u64, bytes: usize) -> DeadLetter {
    testing::letter("social.post", offset, Fault::new(Reason::NotJson, "expected an object"), vec![b'{'; bytes])
}

/// Appends letters as an epoch does that takes none off.
fn extend(letters: &mut DeadLetters, came: Vec<DeadLetter>) {
    letters.extend(came);
    letters.let_go(0);
}

fn offsets(letters: &[(u64, DeadLetter)]) -> Vec<(u64, u64)> {
    letters.iter().map(|(id, letter)| (*id, letter.offset)).collect()
}

/// A page of all letters.
fn list(letters: &DeadLetters, after: Option<u64>, limit: usize) -> Vec<(u64, DeadLetter)> {
    letters.list(after, limit, |_| true)
}

fn error(n: usize) -> RowError {
    let row = format!("{{\"n\":{n:06}}}");
    RowError { relation: "posts".into(), expression: "1 / n".into(), detail: "division by zero".into(), row }
}

#[test]
fn the_newest_dead_letters_are_listed_in_pages_and_all_are_counted() {
    let mut letters = DeadLetters::default();
    assert!(list(&letters, None, 5).is_empty());
    let count = DEAD_LETTERS_KEPT_MAX as u64 + 50;
    for offset in 1..=count {
        extend(&mut letters, vec![letter(offset, 1)]);
    }
    assert_eq!(letters.count(), count);
    assert_eq!(offsets(&list(&letters, None, 2)), [(51, 51), (52, 52)], "the oldest were not let go");
    assert_eq!(offsets(&list(&letters, Some(10), 1)), [(51, 51)], "an id that is gone does not skip those that are there");
    assert_eq!(offsets(&list(&letters, Some(100), 2)), [(101, 101), (102, 102)]);
    assert_eq!(offsets(&list(&letters, Some(count - 1), 9)), [(count, count)]);
    assert!(list(&letters, Some(count), 9).is_empty() && list(&letters, Some(u64::MAX), 9).is_empty());
    assert_eq!(list(&letters, None, usize::MAX).len(), DEAD_LETTERS_KEPT_MAX);
}

#[test]
fn large_dead_letters_are_let_go_by_their_bytes() {
    let mut letters = DeadLetters::default();
    extend(&mut letters, (0..2000).map(|offset| letter(offset, DEAD_LETTER_BYTES_MAX)).collect());
    let kept = list(&letters, None, usize::MAX);
    let bytes: usize = kept.iter().map(|(_, letter)| letter.bytes.len()).sum();
    assert!(bytes <= DEAD_LETTER_BYTES_KEPT_MAX && bytes > DEAD_LETTER_BYTES_KEPT_MAX * 9 / 10, "{bytes} bytes are kept");
    assert_eq!(kept.last().map(|(id, letter)| (*id, letter.offset)), Some((2000, 1999)));
    assert_eq!(letters.count(), 2000);
}

/// Random arrivals and retractions of more errors than are kept, against a map of all of them.
#[test]
fn row_errors_beyond_the_limit_are_counted_and_taken_back() {
    let (mut errors, mut all) = (RowErrors::default(), BTreeMap::<RowError, Diff>::new());
    let mut random = Random::new(3);
    for round in 0..40 {
        let mut changes = BTreeMap::new();
        for _ in 0..2000 {
            let error = error(random.below(ROW_ERRORS_KEPT_MAX * 2));
            let there = all.get(&error).copied().unwrap_or(0);
            let diff = if there > 0 && random.below(10) < round / 4 { -there } else { 1 + random.below(2) as Diff };
            changes.insert(error, diff);
        }
        let changes: Vec<_> = changes.into_iter().collect();
        assert_eq!(errors.first_negative(&changes), None);
        errors.apply(changes.clone());
        for (error, diff) in changes {
            *all.entry(error).or_default() += diff;
        }
        all.retain(|_, count| *count != 0);
        assert_eq!(errors.count(), all.values().sum::<Diff>() as u64);
        let listed = errors.list(usize::MAX);
        assert!(listed.len() <= ROW_ERRORS_KEPT_MAX);
        assert!(listed.iter().all(|(error, count)| *count > 0 && all.get(error).is_some_and(|there| there >= count)));
    }
    let everything: Vec<_> = all.into_iter().map(|(error, count)| (error, -count)).collect();
    assert!(everything.len() > ROW_ERRORS_KEPT_MAX, "the limit was not reached");
    assert_eq!(errors.first_negative(&everything), None);
    errors.apply(everything);
    assert_eq!((errors.count(), errors.kept_count, errors.unkept_count, errors.kept_bytes), (0, 0, 0, 0));
    assert!(errors.list(1).is_empty());
}

#[test]
fn a_retraction_of_an_error_that_is_not_there_is_found() {
    let mut errors = RowErrors::default();
    errors.apply(vec![(error(1), 2)]);
    assert_eq!(errors.first_negative(&[(error(1), -2)]), None);
    assert_eq!(errors.first_negative(&[(error(1), -3)]), Some(&error(1)));
    assert_eq!(errors.first_negative(&[(error(0), 1), (error(2), -1)]), Some(&error(2)));
}

#[test]
fn what_is_wanted_is_looked_for_before_pages_are_cut() {
    let mut letters = DeadLetters::default();
    letters.extend((1..=100).map(|offset| letter(offset, 1)).collect());
    let odd = |letter: &DeadLetter| letter.offset % 10 == 1;
    assert_eq!(offsets(&letters.list(None, 3, odd)), [(1, 1), (11, 11), (21, 21)]);
    assert_eq!(offsets(&letters.list(Some(85), 3, odd)), [(91, 91)]);
}

#[test]
fn each_letter_that_leaves_is_counted_once_and_for_one_reason() {
    let mut letters = DeadLetters::default();
    letters.extend((1..=5).map(|offset| letter(offset, 1)).collect());
    letters.discard(&[2, 4]);
    letters.retry(&[3]);
    assert_eq!((letters.count(), letters.retried(), letters.discarded()), (5, 1, 2));
    let seed = DeadLettersSeed { letters: list(&letters, None, 9), count: 5, retried: 1, discarded: 2, row_errors: Vec::new() };
    let (mut restored, _) = seed.restore().unwrap();
    assert_eq!((restored.retried(), restored.discarded()), (1, 2));
    restored.discard(&[5]);
    assert_eq!((restored.retried(), restored.discarded(), offsets(&list(&restored, None, 9))), (1, 3, vec![(1, 1)]));
}

#[test]
fn old_letters_are_let_go_when_the_driver_says_so_and_make_room_for_those_that_leave_in_the_same_epoch() {
    let mut letters = DeadLetters::default();
    let most = DEAD_LETTERS_KEPT_MAX as u64;
    extend(&mut letters, (1..=most).map(|offset| letter(offset, 1)).collect());
    // Letter 2 leaves before one more comes, so that letter 1 stays.
    letters.extend(vec![letter(most + 1, 1)]);
    letters.retry(&[2]);
    letters.let_go(0);
    assert_eq!(offsets(&list(&letters, None, 2)), [(1, 1), (3, 3)]);
    // Letter 5 leaves behind one that comes, for which letter 1 was let go before.
    letters.extend(vec![letter(most + 2, 1)]);
    letters.discard(&[5]);
    letters.let_go(1);
    assert_eq!(offsets(&list(&letters, None, 3)), [(3, 3), (4, 4), (6, 6)]);
    assert_eq!((letters.count(), letters.retried(), letters.discarded()), (most + 2, 1, 1));
    assert_eq!(letters.kept_bytes, letters.kept.iter().map(|(_, letter)| letter_bytes(letter)).sum::<usize>());
}

#[test]
fn pages_of_row_errors_go_on_while_errors_come_and_go() {
    let mut errors = RowErrors::default();
    errors.apply((0..5).map(|n| (error(n), 1)).collect());
    let first = errors.page(0, 2, usize::MAX);
    assert_eq!(
        first.iter().map(|(id, error, _)| (*id, error.row.as_str())).collect::<Vec<_>>(),
        [(1, "{\"n\":000000}"), (2, "{\"n\":000001}")]
    );
    errors.apply(vec![(error(1), -1), (error(2), -1), (error(0), 1), (error(9), 3)]);
    let rest = errors.page(2, 9, usize::MAX);
    assert_eq!(rest.iter().map(|(id, _, count)| (*id, *count)).collect::<Vec<_>>(), [(4, 1), (5, 1), (6, 3)]);
    assert_eq!(errors.page(0, 9, error_bytes(&error(0)) * 2).len(), 2, "a page is limited in bytes");
    assert_eq!(errors.page(0, 9, 0).len(), 1, "it has one at least");
    errors.clear();
    errors.apply(vec![(error(7), 1)]);
    assert_eq!(errors.page(0, 9, usize::MAX)[0].0, 7, "ids are not given twice");
    assert_eq!(errors.by_id.len(), errors.kept.len());
}
