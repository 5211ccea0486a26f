//! A changed view against the one that is served.

use super::*;

fn filled(rows: &[(i64, i64, Diff)]) -> Vec<(Row, Diff)> {
    let views = views();
    rows.iter().map(|(owner, n, diff)| (row(&views, *owner, *n), *diff)).collect()
}

#[test]
fn differences_are_counted_and_the_first_are_listed() {
    let views = views();
    let rows: Vec<_> = (0..300).map(|owner| (owner, 0, 2)).collect();
    views.publish(commit(1, vec![(COUNTS, filled(&rows))])).unwrap();
    let id = views.stage(view("counts", FieldKind::Int64, false, Some(9))).unwrap().indexes[0].0;
    // 0 to 9 are gone, 10 to 19 are there once less, 20 to 29 once more, 300 to 309 are new.
    let changed = rows.iter().filter(|(owner, ..)| *owner >= 10).map(|(owner, n, _)| match owner {
        10..20 => (*owner, *n, 1),
        20..30 => (*owner, *n, 3),
        _ => (*owner, *n, 2),
    });
    let new: Vec<_> = changed.chain((300..310).map(|owner| (owner, 0, 1))).collect();
    views.hydrate(id, filled(&new)).unwrap();
    let found = views.compare("counts", "counts", 3).unwrap();
    assert_eq!((found.only_old_count, found.only_new_count, found.equal_count), (30, 20, 270 * 2 + 10 + 20));
    assert_eq!(found.only_old, filled(&[(0, 0, 2), (1, 0, 2), (2, 0, 2)]));
    assert_eq!(found.only_new, filled(&[(20, 0, 1), (21, 0, 1), (22, 0, 1)]));
    assert!(!found.is_empty());

    let back = rows.iter().map(|(owner, n, _)| (*owner, *n, 2)).chain(new.iter().map(|(owner, n, diff)| (*owner, *n, -diff)));
    views.hydrate(id, filled(&back.collect::<Vec<_>>())).unwrap();
    let found = views.compare("counts", "counts", 3).unwrap();
    assert!(found.is_empty() && found.only_old.is_empty() && found.only_new.is_empty() && found.equal_count == 600);
}

#[test]
fn views_that_have_no_rows_in_common_say_why() {
    let views = views();
    let compare = |staged: &str| views.compare("counts", staged, 1).unwrap_err();
    assert_eq!(compare("counts"), CompareError::NotStaged { view: "counts".into() });
    let id = views.stage(view("descending", FieldKind::Int64, true, None)).unwrap().indexes[0].0;
    views.stage(view("texts", FieldKind::Text, false, None)).unwrap();
    let (old, new) = ("owner, n DESC".to_owned(), "owner DESC, n DESC".to_owned());
    assert_eq!(compare("descending"), CompareError::Key { view: "counts".into(), old, new });
    let (old, new) = ("owner BIGINT, n BIGINT".to_owned(), "owner TEXT, n BIGINT".to_owned());
    assert_eq!(compare("texts"), CompareError::Columns { view: "counts".into(), old, new });
    let none = CompareError::NotServed { view: "none".into() };
    assert_eq!(views.compare("none", "texts", 1), Err(none));
    assert!(views.unstage("descending"));
    let again = views.stage(view("again", FieldKind::Int64, false, None)).unwrap().indexes[0].0;
    assert_ne!(again, id);
    views.hydrate(again, filled(&[(1, 1, -1)])).unwrap();
    assert_eq!(compare("again"), CompareError::Unfinished { view: "again".into() });
}
