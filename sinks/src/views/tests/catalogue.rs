//! Views that come, go and change while others are served.

use schemas::serving::Access;

use super::*;

fn show(names: &[&str]) -> Option<CatalogueChange> {
    Some(CatalogueChange { show: names.iter().map(|name| (*name).to_owned()).collect(), ..CatalogueChange::default() })
}

fn remove(name: &str) -> Option<CatalogueChange> {
    Some(CatalogueChange { remove: vec![name.to_owned()], ..CatalogueChange::default() })
}

fn new_view(name: &str) -> schemas::serving::View {
    view(name, FieldKind::Int64, false, None)
}

#[test]
fn a_staged_view_is_seen_whole_with_the_commit_that_shows_it() {
    let views = views();
    let staged = views.stage(new_view("likes")).unwrap();
    let (likes, _) = staged.indexes[0].clone();
    assert_eq!(likes, IndexId(3));
    let (a, b, c) = (row(&views, 1, 1), row(&views, 2, 2), row(&views, 3, 3));
    views.hydrate(likes, vec![(a.clone(), 1)]).unwrap();
    views.hydrate(likes, vec![(b.clone(), -1), (c.clone(), 2)]).unwrap();
    views.publish(commit(1, vec![(POSTS, vec![(a.clone(), 1)]), (likes, vec![(b.clone(), 2)])])).unwrap();
    assert!(views.view("likes").is_none() && views.snapshot().view("likes").is_none(), "it is seen before it is shown");
    assert_eq!((views.staged("likes").unwrap().indexes[0].0, views.staged_rows(likes)), (likes, Some(4)));

    let mut second = commit(2, vec![(likes, vec![(c.clone(), -1)]), (POSTS, vec![(b.clone(), 1)])]);
    second.catalogue = show(&["likes"]);
    views.publish(second).unwrap();
    let snapshot = views.snapshot();
    assert!(Arc::ptr_eq(snapshot.view("likes").unwrap(), &staged));
    assert_eq!(all(&snapshot, likes), [(a.clone(), 1), (b.clone(), 1), (c.clone(), 1)]);
    assert_eq!(all(&snapshot, POSTS), [(a, 1), (b, 1)]);
    assert_eq!((snapshot.position().epoch, snapshot.total_rows()), (Epoch(2), 5));
    drop(snapshot);
    assert!(views.staged("likes").is_none());
    views.publish(commit(3, vec![(likes, vec![(c, -1)])])).unwrap();
    assert_eq!(views.snapshot().rows(likes), 2);
    assert_eq!(views.hydrate(likes, vec![]), Err(ViewsError::AlreadyServed { index: 3 }));
}

#[test]
fn a_replaced_view_has_new_indexes_and_the_old_rows_are_freed() {
    let views = views();
    let rows: Vec<(Row, Diff)> = (0..20_000).map(|n| (row(&views, n, n), 1)).collect();
    views.publish(commit(1, vec![(COUNTS, rows), (POSTS, vec![(row(&views, 1, 1), 1)])])).unwrap();
    let old = views.view("counts").unwrap();
    let staged = views.stage(view("counts", FieldKind::Int64, true, Some(1))).unwrap();
    assert!(Arc::ptr_eq(&views.view("counts").unwrap(), &old), "the old view is served until the new one is shown");
    let (id, layout) = staged.indexes[0].clone();
    views.hydrate(id, vec![(stored(&layout, &Value::Int(5), 6), 1)]).unwrap();
    let mut second = commit(2, vec![(COUNTS, vec![(row(&views, 1, 1), -1)])]);
    second.catalogue = show(&["counts"]);
    views.publish(second).unwrap();
    let snapshot = views.snapshot();
    assert_eq!(all(&snapshot, snapshot.view("counts").unwrap().indexes[0].0), [(stored(&layout, &Value::Int(5), 6), 1)]);
    drop(snapshot);
    let state = views.state.read();
    let held: u64 = state.indexes.values().map(|kept| kept.rows.memory_bytes()).sum();
    assert!(held < 10_000, "{held} bytes are held after a view of 20000 rows went");
    assert_eq!(state.indexes.keys().map(|index| index.0).collect::<Vec<_>>(), [0, 1, 3]);
}

#[test]
fn a_view_that_is_gone_takes_no_changes_and_gives_its_number_to_none() {
    let views = views();
    let counts = views.view("counts").unwrap();
    let mut first = commit(1, vec![(COUNTS, vec![(row(&views, 1, 1), 1)])]);
    first.catalogue = remove("counts");
    views.publish(first).unwrap();
    assert!(views.view("counts").is_none() && views.snapshot().view("counts").is_none());
    assert_eq!(views.views().map(|served| served.view.name.clone()).collect::<Vec<_>>(), ["posts"]);
    // Its dataflow may still say something.
    views.publish(commit(2, vec![(COUNTS, vec![(row(&views, 1, 1), -1)])])).unwrap();
    views.hydrate(COUNTS, vec![(row(&views, 1, 1), 1)]).unwrap();
    let again = views.stage(counts.view.clone()).unwrap();
    assert_eq!((again.indexes[0].0, views.snapshot().total_rows()), (IndexId(3), 0));
}

#[test]
fn readers_of_a_view_change_while_its_rows_stay() {
    let views = views();
    views.publish(commit(1, vec![(COUNTS, vec![(row(&views, 1, 1), 1)])])).unwrap();
    let mut second = commit(2, vec![]);
    let access = vec![("counts".to_owned(), Access::Denied)];
    let max_ages = vec![("counts".to_owned(), Some(5))];
    second.catalogue = Some(CatalogueChange { access, max_ages, ..CatalogueChange::default() });
    views.publish(second).unwrap();
    let snapshot = views.snapshot();
    assert_eq!(snapshot.view("counts").unwrap().view.max_age, Some(5));
    assert_eq!((&snapshot.view("counts").unwrap().view.access, snapshot.rows(COUNTS)), (&Access::Denied, 1));
}

#[test]
fn a_change_of_views_that_is_wrong_is_refused_whole() {
    let views = views();
    let posts = || vec![(POSTS, vec![(row(&views, 1, 1), 1)])];
    let refused = |catalogue: Option<CatalogueChange>| views.publish(Commit { catalogue, ..commit(1, posts()) }).unwrap_err();
    let (epoch, likes) = (Epoch(1), || "likes".to_owned());
    assert_eq!(refused(remove("likes")), ViewsError::UnknownView { epoch, view: likes() });
    assert_eq!(refused(show(&["likes"])), ViewsError::NotStaged { epoch, view: likes() });
    let id = views.stage(new_view("likes")).unwrap().indexes[0].0;
    assert_eq!(views.stage(new_view("likes")).unwrap_err(), ViewsError::AlreadyStaged { view: likes() });
    views.hydrate(id, vec![(row(&views, 1, 1), 1), (row(&views, 2, 2), -1)]).unwrap();
    let owed = refused(show(&["likes"]));
    assert!(matches!(&owed, ViewsError::NegativeCount { view, count: -1, .. } if view == "likes"), "{owed}");
    let none = schemas::serving::View { indexes: vec![], ..new_view("none") };
    assert_eq!(views.stage(none).unwrap_err(), ViewsError::NoIndex { view: "none".into() });
    assert_eq!(views.hydrate(IndexId(9), vec![]), Err(ViewsError::UnknownIndex { index: 9, indexes: 4 }));
    let snapshot = views.snapshot();
    assert_eq!((snapshot.position().epoch, snapshot.total_rows()), (Epoch(0), 0));
    assert_eq!(snapshot.views().count(), 2);
}

#[test]
fn a_deployment_that_is_given_up_leaves_nothing() {
    let views = views();
    let id = views.stage(new_view("likes")).unwrap().indexes[0].0;
    views.hydrate(id, vec![(row(&views, 1, 1), 1)]).unwrap();
    assert!(views.unstage("likes") && !views.unstage("likes"));
    assert_eq!((views.staged_rows(id), views.staged_hydrations()), (None, vec![]));
    views.publish(commit(1, vec![(id, vec![(row(&views, 1, 1), 1)])])).unwrap();
    assert_eq!(views.stage(new_view("likes")).unwrap().indexes[0].0, IndexId(4));
}

#[test]
fn each_view_says_whether_it_is_whole() {
    let views = views();
    let half = Hydration { done: 5, total: 10, seconds_left: Some(3) };
    views.set_hydration_of_all(Some(half));
    views.set_hydration("nothing", Some(half));
    assert_eq!(views.hydrating(), [("counts".to_owned(), half), ("posts".to_owned(), half)]);
    views.set_hydration("posts", None);
    assert_eq!((views.hydration("posts"), views.hydration("counts")), (None, Some(half)));

    views.stage(new_view("likes")).unwrap();
    views.stage(new_view("posts")).unwrap();
    assert_eq!(views.staged_hydration("likes"), Some(Hydration::default()), "a staged view is never whole");
    views.set_staged_hydration("posts", half);
    views.set_staged_hydration("counts", half);
    assert_eq!((views.hydration("posts"), views.staged_hydration("posts")), (None, Some(half)));
    assert_eq!(views.staged_hydration("counts"), None);
    views.set_hydration("posts", Some(half));
    let mut shown = commit(1, vec![]);
    shown.catalogue = Some(CatalogueChange { remove: vec!["counts".into()], ..show(&["likes", "posts"]).unwrap() });
    views.publish(shown).unwrap();
    assert_eq!((views.hydrating(), views.staged_hydrations()), (vec![], vec![]));
    assert_eq!([0.5, 0.0, 1.0], [half, Hydration::default(), Hydration { done: 12, ..half }].map(|hydration| hydration.ratio()));
}

#[test]
fn another_plan_begins_with_errors_of_its_own() {
    let views = views();
    let error = |relation: &str| RowError {
        relation: relation.into(),
        expression: "1 / x".into(),
        detail: "zero".into(),
        row: "{}".into(),
    };
    let errors = |epoch: u64, row_errors: Vec<(RowError, Diff)>, row_errors_replaced: bool| {
        views.publish(Commit { row_errors, row_errors_replaced, ..commit(epoch, vec![]) }).map(drop)
    };
    errors(1, vec![(error("old"), 2)], false).unwrap();
    assert!(errors(2, vec![(error("old"), -1)], true).is_err(), "an error was taken back that the new plan never had");
    errors(2, vec![(error("new"), 1)], true).unwrap();
    assert_eq!(views.snapshot().row_errors(9), [(error("new"), 1)]);
    errors(3, vec![(error("new"), -1)], false).unwrap();
    assert_eq!(views.snapshot().row_error_count(), 0);
}
