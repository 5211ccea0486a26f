//! Changes of readers that a plan and a deployment report: views, and the derived topics and invalidations that open with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::run::{AccessChange, AccessSubject, TopologyChange, Verify, ViewChange, WiderAccess, plan_change, plan_switch};
use epochs::disk::simulated::SimulatedDisk;
use sources::memory::MemoryLog;

use crate::harness::{Deployment, Producer, options, topology};

const SQL: &str = "
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE MATERIALIZED VIEW kinds AS SELECT event_type, count(*) AS events FROM post_events GROUP BY event_type;
CREATE INDEX ON kinds (event_type);
CREATE MATERIALIZED VIEW actors AS SELECT actor_id, count(*) AS events FROM post_events GROUP BY actor_id;
CREATE INDEX ON actors (actor_id);
CREATE SINK kinds_out FROM kinds WITH (connector = 'log', topic = 'derived.kinds') FORMAT CHANGELOG ENCODE JSON;
CREATE SINK kinds_stale FROM kinds WITH (connector = 'log', topic = 'derived.stale', type = 'invalidate', key = 'kind:{event_type}');
CREATE POLICY own ON actors FOR SELECT USING (actor_id = jwt('sub'));
";

fn with(more: &str) -> String {
    format!("{SQL}{more}")
}

/// Each change as `! subject: before -> after` if it is wider, and as `= subject: before -> after` if it is not. What is new was `-` before.
fn told(change: &TopologyChange) -> Vec<String> {
    let line = |(subject, AccessChange { before, after, is_wider }): (&AccessSubject, &AccessChange)| {
        let sign = if *is_wider { "!" } else { "=" };
        format!("{sign} {subject}: {} -> {after}", before.as_deref().unwrap_or("-"))
    };
    change.access.iter().map(line).collect()
}

fn planned(running: &Deployment, sql: &str) -> TopologyChange {
    plan_switch(&topology(sql), running.deployment_handle(), running.log().as_ref(), &BTreeSet::new()).expect("it can be read")
}

#[test]
fn a_grant_is_told_with_the_topics_and_invalidations_that_it_opens() {
    let running = Deployment::start(topology(SQL), options());
    assert_eq!(told(&planned(&running, SQL)), [""; 0]);
    let granted = planned(&running, &with("GRANT SELECT ON kinds TO PUBLIC;"));
    assert_eq!(
        told(&granted),
        [
            "! view 'kinds': nobody -> everyone",
            "! derived topic 'derived.kinds': operators -> everyone",
            "! derived topic 'derived.stale': operators -> everyone",
            "! invalidations 'kinds_stale': operators -> everyone",
        ]
    );
    assert_eq!(granted.views["kinds"], ViewChange::Kept, "this shows nothing if its rows change");
    let refused = WiderAccess::of(&granted.access).expect("readers see more").to_string();
    for part in ["view 'kinds' (before: nobody; then: everyone)", "'derived.kinds'", "--accept-wider-access"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[test]
fn policies_are_compared_and_narrower_ones_need_no_consent() {
    let running = Deployment::start(topology(SQL), options());
    let added = planned(&running, &with("CREATE POLICY auth ON actors FOR SELECT USING (jwt('service') = 'auth');"));
    let own = "where actor_id = jwt('sub')";
    assert_eq!(told(&added), [format!("! view 'actors': {own} -> {own} or jwt('service') = 'auth'")]);
    let narrow = SQL.replace("actor_id = jwt('sub')", "actor_id = jwt('sub') AND events = 1");
    let change = planned(&running, &narrow);
    assert_eq!(told(&change), [format!("= view 'actors': {own} -> where (actor_id = jwt('sub') and events = 1)")]);
    assert_eq!(WiderAccess::of(&change.access), None);
    let gone = planned(&running, &with("DROP POLICY own;"));
    assert_eq!(told(&gone), [format!("= view 'actors': {own} -> nobody")]);
    // Other rows and another order of columns under the same name: the policy is compared by the name of its column.
    let again = SQL.replace("SELECT actor_id, count(*) AS events", "SELECT max(aggregate_id) AS events, actor_id");
    let change = planned(&running, &again);
    assert_eq!((told(&change), change.views["actors"]), (Vec::<String>::new(), ViewChange::Changed));
}

#[test]
fn what_is_new_is_told_with_its_readers_and_needs_no_consent() {
    let running = Deployment::start(topology(SQL), options());
    let more = "
        CREATE MATERIALIZED VIEW total AS SELECT count(*) AS events FROM post_events;
        CREATE INDEX ON total (events);
        GRANT SELECT ON total TO PUBLIC;
        CREATE MATERIALIZED VIEW hidden AS SELECT max(actor_id) AS last FROM post_events;
        CREATE INDEX ON hidden (last);";
    let change = planned(&running, &with(more));
    assert_eq!((told(&change), WiderAccess::of(&change.access)), (vec!["= view 'total': - -> everyone".to_owned()], None));
}

#[test]
fn a_topic_that_another_view_writes_keeps_its_records_and_so_its_readers() {
    let running = Deployment::start(topology(&with(TOTAL)), options());
    let moved = with(TOTAL).replace("CREATE SINK kinds_out FROM kinds", "CREATE SINK total_out FROM total");
    assert_eq!(told(&planned(&running, &moved)), ["! derived topic 'derived.kinds': operators -> everyone"]);
}

const KINDS_OUT: &str =
    "CREATE SINK kinds_out FROM kinds WITH (connector = 'log', topic = 'derived.kinds') FORMAT CHANGELOG ENCODE JSON;";
/// A view that is new and that everyone may read.
const TOTAL: &str = "
CREATE MATERIALIZED VIEW total AS SELECT count(*) AS events FROM post_events;
CREATE INDEX ON total (events);
GRANT SELECT ON total TO PUBLIC;
";

/// Runs with a sink that writes the rows of a private view, and then without it.
fn dropped_sink() -> (Deployment, String) {
    let mut running = Deployment::start(topology(SQL), options());
    running.ingest(&[Producer::default().post("post.deleted", 1, 1, "{}")]);
    running.sinks();
    let without = SQL.replace(KINDS_OUT, "");
    assert_ne!(without, SQL);
    let report = running.deploy(&without, &[], Verify::Not);
    assert!(report.access.is_empty(), "{report:?}");
    (running, without)
}

#[test]
fn records_that_a_dropped_sink_has_left_are_opened_by_consent_alone() {
    let (running, without) = dropped_sink();
    let by_another_view = format!("{without}{TOTAL}{}", KINDS_OUT.replace("kinds_out FROM kinds", "total_out FROM total"));
    let opened = ["= view 'total': - -> everyone", "! derived topic 'derived.kinds': operators -> everyone"];
    assert_eq!(told(&planned(&running, &by_another_view)), opened);
    // It is asked about after a restart, and by one.
    let after = Arc::new(topology(&without));
    let running = running.restart(Arc::clone(&after), options());
    assert_eq!(told(&planned(&running, &by_another_view)), opened);
    let (log, storage) = running.stop();
    let by_start = |before: Option<&language::topology::Topology>| {
        plan_change(&topology(&by_another_view), before, log.as_ref(), &storage).expect("it can be read")
    };
    assert_eq!(told(&by_start(Some(after.as_ref()))), opened);
    assert_eq!(WiderAccess::of(&by_start(None).access), None, "nobody was refused anything before the first start");
}

#[test]
fn a_view_that_is_opened_between_two_sinks_opens_no_records_of_its_private_time() {
    let (mut running, without) = dropped_sink();
    let granted = format!("{without}GRANT SELECT ON kinds TO PUBLIC;");
    running.deploy(&granted, &[], Verify::Not);
    let again = format!("{granted}{KINDS_OUT}");
    assert_eq!(told(&planned(&running, &again)), ["! derived topic 'derived.kinds': operators -> everyone"]);
    // The report of a deployment that was accepted says the same.
    let report = running.deploy(&again, &[], Verify::Not);
    assert!(report.access[&AccessSubject::DerivedTopic("derived.kinds".into())].is_wider, "{report:?}");
}

#[test]
fn a_sink_that_comes_back_for_operators_and_a_topic_without_records_need_no_consent() {
    let (running, without) = dropped_sink();
    assert_eq!(told(&planned(&running, SQL)), [""; 0]);
    let unused = KINDS_OUT.replace("kinds_out FROM kinds", "total_out FROM total").replace("derived.kinds", "derived.total");
    assert_eq!(
        told(&planned(&running, &format!("{without}{TOTAL}{unused}"))),
        ["= view 'total': - -> everyone", "= derived topic 'derived.total': - -> everyone"]
    );
}

#[test]
fn a_plan_for_a_start_compares_with_the_topology_that_was_in_force() {
    let (log, storage) = (MemoryLog::new(), Arc::new(SimulatedDisk::new(0)) as engine::run::Storage);
    let after = topology(&with("GRANT SELECT ON kinds TO PUBLIC;"));
    let plan =
        |before: Option<&language::topology::Topology>| plan_change(&after, before, &log, &storage).expect("it can be read");
    assert!(told(&plan(Some(&topology(SQL))))[0].starts_with("! view 'kinds'"));
    let all_new = plan(None);
    assert_eq!((all_new.access.len(), WiderAccess::of(&all_new.access)), (5, None));
}

#[test]
fn a_deployment_reports_its_sinks_and_readers() {
    let mut running = Deployment::start(topology(SQL), options());
    let without = SQL.replace("CREATE SINK kinds_out FROM kinds", "CREATE SINK more_out FROM actors");
    let report = running.deploy(&format!("{without}GRANT SELECT ON kinds TO PUBLIC;"), &[], Verify::Not);
    let sinks: Vec<_> = report.sinks.iter().map(|(name, change)| (name.as_str(), *change)).collect();
    assert_eq!(
        sinks,
        [("kinds_out", ViewChange::Removed), ("kinds_stale", ViewChange::Kept), ("more_out", ViewChange::Added)],
        "{report:?}"
    );
    assert!(report.access[&AccessSubject::View("kinds".into())].is_wider, "{report:?}");
}
