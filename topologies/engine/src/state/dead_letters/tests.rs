//! The list of letters: what leaves it and why, in the order of the log, however epochs are cut and letters are counted.

use schemas::dead_letter::{Fault, Reason};
use schemas::testing;
use testkit::random::Random;

use super::LetterMark::{Discarded, Retried};
use super::LetterStep::{Came, Marked};
use super::*;

fn letter(offset: u64) -> DeadLetter {
    testing::letter("t", offset, Fault::new(Reason::NotJson, "no JSON"), b"x".to_vec())
}

fn empty() -> DeadLetterState {
    DeadLetterState::restore(&KeptStates::default(), &Meta::default(), &Restored::new()).0
}

/// A mark of an earlier build.
fn by_id(id: u64) -> MarkedLetter {
    MarkedLetter { id, place: None }
}

/// A mark of the letter at an offset, which had another id when it was marked.
fn by_place(offset: u64) -> MarkedLetter {
    MarkedLetter { id: 1, place: Some(letter(offset).place()) }
}

#[test]
fn a_letter_that_was_sent_again_or_discarded_leaves_once() {
    let (mut letters, mut changes) = (empty(), Vec::new());
    let mut steps = [1, 2, 3].map(|offset| Came(letter(offset))).to_vec();
    let marks = [(3, false), (2, true), (2, false), (2, true), (9, false), (3, true)];
    steps.extend(marks.map(|(id, is_retried)| Marked(if is_retried { Retried(by_id(id)) } else { Discarded(by_id(id)) })));
    let left = letters.epoch(steps, &mut changes);
    assert_eq!((left.retried, left.discarded, left.let_go), (vec![2], vec![3], 0), "the first mark of each counts");
    let again = letters.epoch(vec![Marked(Retried(by_id(2))), Marked(Discarded(by_id(3)))], &mut changes);
    assert_eq!(again, EpochLetters::default(), "they are gone");
    assert_eq!((changes.len(), letters.count, letters.retried, letters.discarded), (5, 3, 1, 1));
    let meta = letters.meta(0, BTreeMap::new(), BTreeSet::new()).write();
    let meta: Meta = serde_json::from_slice(&meta).unwrap();
    assert_eq!((meta.dead_letters, meta.retried, meta.discarded), (3, 1, 1));
}

#[test]
fn a_mark_is_for_the_letter_at_its_place_whatever_id_that_has() {
    let (mut letters, mut changes) = (empty(), Vec::new());
    letters.epoch([10, 20, 30].map(|offset| Came(letter(offset))).to_vec(), &mut changes);
    let left = letters.epoch(vec![Marked(Retried(by_place(30))), Marked(Discarded(by_place(40)))], &mut changes);
    assert_eq!((left.retried, left.discarded), (vec![3], vec![]), "letter 1 is another one, and none is at 40");
    assert_eq!(letters.kept.by_id.keys().copied().collect::<Vec<_>>(), [1, 2]);
    // Of two at one place the id tells which is meant, as far as it can.
    letters.epoch(vec![Came(letter(20))], &mut changes);
    let of_second = MarkedLetter { id: 2, ..by_place(20) };
    assert_eq!(letters.epoch(vec![Marked(Retried(of_second))], &mut changes).retried, [2]);
    assert_eq!(letters.epoch(vec![Marked(Discarded(by_place(20)))], &mut changes).discarded, [4]);
    assert_eq!((letters.kept.by_place.len(), letters.kept.by_id.len()), (1, 1));
}

/// Random letters, some of them large, and random marks, also of letters that are long gone.
fn random_steps() -> Vec<LetterStep> {
    let (mut random, mut steps) = (Random::new(11), Vec::new());
    for offset in 1..=2_000_u64 {
        let bytes = if random.one_in(10) { vec![b'x'; 4_000] } else { b"x".to_vec() };
        steps.push(Came(DeadLetter { bytes, ..letter(offset) }));
        let marked = by_place(offset - random.below(200.min(offset)));
        if random.one_in(6) {
            steps.push(Marked(Retried(marked)));
        } else if random.one_in(6) {
            steps.push(Marked(Discarded(marked)));
        }
    }
    steps
}

#[test]
fn counts_and_the_list_do_not_depend_on_where_epochs_are_cut() {
    let steps = random_steps();
    let (letters_max, bytes_max) = (100, 60_000);
    let mut found = Vec::new();
    for epoch_steps in [1, 7, 300, steps.len()] {
        let mut letters = DeadLetterState { kept: KeptLetters::new(letters_max, bytes_max), ..empty() };
        let mut changes = Vec::new();
        for part in steps.chunks(epoch_steps) {
            letters.epoch(part.to_vec(), &mut changes);
        }
        let listed: Vec<u64> = letters.kept.by_id.keys().copied().collect();
        assert!(letters.kept.bytes <= bytes_max && listed.len() <= letters_max);
        assert_eq!(letters.kept.by_place.len(), listed.len());
        let mut stored = BTreeSet::new();
        for (_, key, value) in changes {
            match value {
                Some(_) => stored.insert(key),
                None => stored.remove(&key),
            };
        }
        assert_eq!(stored.len(), listed.len(), "what is stored is what is listed");
        found.push((letters.count, letters.retried, letters.discarded, listed));
    }
    assert!(found[0].1 > 50 && found[0].2 > 50, "{} and {} left", found[0].1, found[0].2);
    assert!(found.iter().all(|other| *other == found[0]), "epochs that are cut otherwise lead to something else");
}

#[test]
fn steps_are_in_the_order_of_appending() {
    let letters = vec![(30, letter(3)), (10, letter(1)), (20, letter(2))];
    let marks = vec![(15, Retried(by_id(1))), (20, Discarded(by_id(2)))];
    let expected = [Came(letter(1)), Marked(Retried(by_id(1))), Came(letter(2)), Marked(Discarded(by_id(2))), Came(letter(3))];
    assert_eq!(steps_in_order(letters, marks), expected);
}

#[test]
fn records_are_letters_or_say_which_was_sent_again() {
    let place = || Some(letter(1).place());
    let records = [
        LetterRecord::Retried { retried: 7, letter: place() },
        LetterRecord::Discarded { discarded: 7, letter: place() },
        LetterRecord::Retried { retried: 7, letter: None },
        LetterRecord::Discarded { discarded: 7, letter: None },
        LetterRecord::Refused(letter(1)),
    ];
    let texts = records.each_ref().map(|record| serde_json::to_string(record).unwrap());
    for (record, text) in records.iter().zip(&texts) {
        assert_eq!(serde_json::from_str::<LetterRecord>(text).unwrap(), *record, "{text}");
    }
    assert_eq!(texts[0], "{\"retried\":7,\"letter\":{\"topic\":\"t\",\"partition\":0,\"offset\":1}}");
    assert_eq!(
        (texts[2].as_str(), texts[3].as_str()),
        ("{\"retried\":7}", "{\"discarded\":7}"),
        "as an earlier build wrote them"
    );
    for later in ["arrived", "sender_actor", "relation"] {
        assert!(!texts[4].contains(later), "ingest writes what it wrote before");
    }
}
