//! The time for which pages may be used without asking again: told by a plan, taken over by a deployment, and no part of what a view is.

use std::collections::BTreeSet;

use engine::run::{MaxAgeChange, Verify, ViewChange, plan_switch};

use crate::harness::{Deployment, options, topology};

const SQL: &str = "
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE MATERIALIZED VIEW kinds WITH (max_age = '5s') AS SELECT event_type, count(*) AS events FROM post_events GROUP BY event_type;
CREATE INDEX ON kinds (event_type);
CREATE MATERIALIZED VIEW actors AS SELECT actor_id, count(*) AS events FROM post_events GROUP BY actor_id;
CREATE INDEX ON actors (actor_id);
GRANT SELECT ON kinds TO PUBLIC;
";

#[test]
fn another_max_age_is_told_and_taken_over_and_changes_nothing_else() {
    let mut running = Deployment::start(topology(SQL), options());
    assert_eq!((running.max_age("kinds"), running.max_age("actors")), (Some(5), None));
    let other = SQL.replace("'5s'", "'1 min'").replace("VIEW actors AS", "VIEW actors WITH (max_age = '2s') AS");
    let change = plan_switch(&topology(&other), running.deployment_handle(), running.log().as_ref(), &BTreeSet::new());
    let change = change.expect("it can be read");
    let expected = [
        ("actors".to_owned(), MaxAgeChange { before: None, after: Some(2) }),
        ("kinds".to_owned(), MaxAgeChange { before: Some(5), after: Some(60) }),
    ];
    assert_eq!(change.max_ages.into_iter().collect::<Vec<_>>(), expected);
    assert!(change.views.values().all(|change| *change == ViewChange::Kept), "{:?}", change.views);
    assert!(change.computed.is_empty() && change.access.is_empty(), "{:?} {:?}", change.computed, change.access);
    running.deploy(&other, &[], Verify::Not);
    assert_eq!((running.max_age("kinds"), running.max_age("actors")), (Some(60), Some(2)));
}
