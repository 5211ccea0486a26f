//! Events with declared columns in the dataflow: the same rows however they are cut and computed, and letters of what does not fit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::run::Options;
use language::load::load;
use language::topology::Topology;
use schemas::dead_letter::Reason;
use schemas::position::Topic;
use schemas::time::timestamp_text;
use sources::log::LogAppender as _;
use sources::record::Record;
use testkit::random::Random;

use crate::harness::{Deployment, START_MICROS, options};
use crate::metamorphic::everything;

const EVENTS: usize = 600;

fn planned() -> Arc<Topology> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/declared_events");
    Arc::new(load(&folder).unwrap_or_else(|error| panic!("{error}")))
}

/// Auctions, clicks and bids, some of which come twice.
fn events(seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut lines: Vec<String> = Vec::with_capacity(EVENTS);
    while lines.len() < EVENTS {
        let (auction, number) = (random.below(9), lines.len());
        let at = timestamp_text(START_MICROS + number as i64 * 7_000_000);
        let line = match random.below(8) {
            0 => format!(r#"{{"topic":"auctions","event":{{"auctionId":{auction},"title":"t{number}","openedAt":"{at}"}}}}"#),
            1 => format!(r#"{{"topic":"clicks","event":{{"auction":{auction},"channel":"c{}"}}}}"#, random.below(3)),
            2 if !lines.is_empty() => random.pick(&lines).clone(),
            _ => {
                let price = format!("{}.{:02}", random.below(500), random.below(100));
                format!(
                    r#"{{"topic":"bids","event":{{"auction":{auction},"bidder":{},"price":{price},"at":"{at}"}}}}"#,
                    random.below(5)
                )
            }
        };
        lines.push(line);
    }
    lines
}

#[test]
fn epochs_workers_and_restarts_change_no_row() {
    let (topology, lines) = (planned(), events(3));
    let straight = Deployment::replay(Arc::clone(&topology), &lines, Options { epoch_records: 1_000, ..options() });
    straight.catch_up();
    let expected = everything(&straight);
    assert!(expected.iter().filter(|(_, rows)| !rows.is_empty()).count() >= 2, "the events show too little: {expected:?}");
    for (workers, epoch_records) in [(1, 1), (2, 7), (3, 100)] {
        let options = || Options { workers, epoch_records, checkpoint_interval: Duration::ZERO, ..options() };
        let cut = Deployment::replay(Arc::clone(&topology), &lines[..EVENTS / 2], options());
        cut.catch_up();
        let cut = cut.restart(Arc::clone(&topology), options());
        cut.ingest(&lines[EVENTS / 2..]);
        cut.catch_up();
        assert_eq!(everything(&cut), expected, "{workers} workers, epochs of {epoch_records} records");
    }
}

#[test]
fn a_record_that_does_not_fit_is_a_letter_once() {
    let topology = planned();
    let options = || Options { checkpoint_interval: Duration::ZERO, ..options() };
    let deployment = Deployment::replay(Arc::clone(&topology), &[], options());
    let record = |value: &str| Record { key: Vec::new(), value: value.as_bytes().to_vec(), timestamp: START_MICROS };
    let at = timestamp_text(START_MICROS);
    let good = record(&format!(r#"{{"auction":1,"bidder":1,"price":1,"at":"{at}"}}"#));
    let bad = record(&format!(r#"{{"auction":1,"bidder":1,"price":"1.005","at":"{at}"}}"#));
    deployment.log().append(&Topic::new("bids"), vec![good, bad]).expect("the log takes them");
    deployment.catch_up();
    let told = |deployment: &Deployment| {
        let letters = deployment.dead_letters().into_iter();
        letters
            .map(|(id, letter)| (id, letter.topic.clone(), letter.fault.reason, letter.fault.field.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&deployment), [(1, "bids".to_owned(), Reason::WrongType, Some("price".to_owned()))]);
    assert_eq!(deployment.rows("highest_bids").len(), 1);
    let deployment = deployment.restart(topology, options());
    deployment.catch_up();
    assert_eq!(told(&deployment).len(), 1);
    assert_eq!(deployment.rows("highest_bids").len(), 1);
}
