//! Continuation after a restart: epochs, positions, and ids of dead letters.

use super::*;
use crate::dead_letters::DeadLettersSeed;

fn seed(letters: &[u64], count: u64, retried: u64) -> DeadLettersSeed {
    let letters = letters.iter().map(|id| (*id, letter(id * 10))).collect();
    DeadLettersSeed { letters, count, retried, discarded: 0, row_errors: vec![(row_error("{}"), 2)] }
}

fn ids(views: &Views, after: Option<u64>) -> Vec<u64> {
    views.snapshot().dead_letters(after, 10).iter().map(|(id, _)| *id).collect()
}

#[test]
fn positions_from_before_a_restart_are_waited_for() {
    let views = views();
    let epoch = |epoch| Token::Epoch(Position { timeline: TIMELINE, epoch: Epoch(epoch) });
    let before = [epoch(0), epoch(41), epoch(42), records("social.post:0:99")];
    assert!(before.iter().all(|token| views.reached(token) == Ok(false)), "nothing is visible yet");
    let timeout = views.wait_until(&epoch(41), Instant::now()).unwrap_err();
    assert!(matches!(timeout, WaitError::Timeout { .. }));
    let waiting = {
        let views = Arc::clone(&views);
        thread::spawn(move || views.wait_until(&records("social.post:0:99"), Instant::now() + Duration::from_secs(60)))
    };
    let mut first = commit(42, Vec::new());
    first.consumed = consumed(&[("social.post", 0, 100), ("social.post", 1, 0)]);
    views.publish(first).unwrap();
    assert_eq!(waiting.join().unwrap(), Ok(Position { timeline: TIMELINE, epoch: Epoch(42) }));
    assert!(before.iter().all(|token| views.reached(token) == Ok(true)));
    assert_eq!((views.reached(&epoch(43)), views.reached(&records("social.post:0:100"))), (Ok(false), Ok(false)));
    assert_eq!(views.consumed(), consumed(&[("social.post", 0, 100), ("social.post", 1, 0)]));
    views.publish(commit(43, Vec::new())).unwrap();
    assert_eq!(views.reached(&epoch(43)), Ok(true));
}

#[test]
fn ids_of_dead_letters_go_on() {
    let views = views();
    views.seed_dead_letters(seed(&[4, 6, 7], 7, 1)).unwrap();
    let mut first = commit(42, Vec::new());
    first.dead_letters = vec![letter(80)];
    first.row_errors = vec![(row_error("{}"), -1)];
    views.publish(first).unwrap();
    assert_eq!((ids(&views, None), ids(&views, Some(4)), ids(&views, Some(5))), (vec![4, 6, 7, 8], vec![6, 7, 8], vec![6, 7, 8]));
    let snapshot = views.snapshot();
    assert_eq!((snapshot.dead_letter_count(), snapshot.retried_count(), snapshot.row_error_count()), (8, 1, 1));
    assert_eq!(snapshot.dead_letters(Some(7), 1), [(8, letter(80))]);
    drop(snapshot);
    let late = views.seed_dead_letters(seed(&[], 0, 0));
    assert!(matches!(late, Err(ViewsError::BadSeed { reason }) if reason.contains("published")));
}

#[test]
fn dead_letters_that_were_sent_again_leave_the_list_and_are_counted() {
    let views = views();
    views.seed_dead_letters(seed(&[4, 6, 7], 7, 1)).unwrap();
    let retry = |epoch: u64, retried: &[u64]| views.publish(Commit { retried: retried.to_vec(), ..commit(epoch, Vec::new()) });
    retry(1, &[6]).unwrap();
    assert_eq!((ids(&views, None), views.snapshot().retried_count()), (vec![4, 7], 2));
    retry(2, &[]).unwrap();
    retry(3, &[4]).unwrap();
    assert_eq!((ids(&views, None), views.snapshot().retried_count()), (vec![7], 3));
    for id in [0, 8] {
        assert_eq!(retry(4, &[7, id]), Err(ViewsError::UnknownDeadLetter { epoch: Epoch(4), id, count: 7 }));
    }
    assert_eq!((ids(&views, None), views.snapshot().dead_letter_count()), (vec![7], 7));
    views.publish(Commit { dead_letters: vec![letter(1)], retried: vec![7], ..commit(4, Vec::new()) }).unwrap();
    assert_eq!((ids(&views, None), views.snapshot().retried_count()), (vec![8], 4));
    // The log is read again, and both are in one epoch.
    views.publish(Commit { dead_letters: vec![letter(2), letter(3)], retried: vec![9], ..commit(5, Vec::new()) }).unwrap();
    assert_eq!((ids(&views, None), views.snapshot().retried_count()), (vec![8, 10], 5));
    views.publish(Commit { dead_letters: vec![letter(4)], letters_let_go: 8, ..commit(6, Vec::new()) }).unwrap();
    assert_eq!((ids(&views, None), views.snapshot().dead_letter_count()), (vec![10, 11], 11), "8 is too old to be listed");
}

#[test]
fn dead_letters_that_make_no_sense_are_not_taken_over() {
    let cases = [seed(&[2, 2], 7, 0), seed(&[3, 2], 7, 0), seed(&[0], 7, 0), seed(&[8], 7, 0)];
    for case in cases {
        let found = views().seed_dead_letters(case);
        assert!(matches!(found, Err(ViewsError::BadSeed { reason }) if reason.contains("ascend")));
    }
    let zero = DeadLettersSeed { row_errors: vec![(row_error("{}"), 0)], ..seed(&[], 0, 0) };
    assert!(matches!(views().seed_dead_letters(zero), Err(ViewsError::BadSeed { .. })));
}
