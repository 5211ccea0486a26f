//! Subscriptions on real sockets: what a client makes of the events is what the view has, however often the connection breaks.

pub(super) mod client;
mod ends;
mod fold;
mod readers;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use sinks::views::HistoryLimits;

use super::*;
use client::{Client, Server};
use fold::{Asked, Fold, FoldWorld, QUERIES, epoch_of, profile, profiles};
use testkit::random::Random;

/// Epochs of a random world.
const EPOCHS: usize = 250;
/// The most events that a client reads before its connection breaks: within an epoch, within a snapshot, or long after it.
const EVENTS_MAX: [usize; 3] = [4, 30, 400];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Sse,
    WebSocket,
}

/// Outcome for a client whose connection broke all the time.
#[derive(Default)]
struct Journey {
    connections: usize,
    /// epochs at which the rows were compared
    compared: BTreeSet<u64>,
    resets: Vec<String>,
}

fn connect(transport: Transport, server: &Server, asked: &Asked, last_id: Option<&str>) -> Client {
    let uri = format!("/v1/views/items/subscribe?{}", asked.uri);
    match (transport, last_id) {
        (Transport::Sse, None) => server.sse(&uri, &[]),
        (Transport::Sse, Some(id)) => server.sse(&uri, &[("Last-Event-ID", id)]),
        (Transport::WebSocket, id) => {
            let id = id.map(|id| format!("&last_event_id={id}")).unwrap_or_default();
            Client::web_socket(server.address, &format!("{uri}{id}"), &[]).unwrap()
        }
    }
}

/// Follows a query until the last epoch; the connection breaks after a random number of events, often in the middle of an epoch, and is
/// there again when `absent` more epochs have been published. The first one breaks right after its first rows if any are missed, so that
/// every client misses some; `begun` hears of those rows.
fn follow(
    transport: Transport,
    server: &Server,
    world: &FoldWorld,
    asked: &Asked,
    seed: u64,
    absent: u64,
    begun: &Sender<()>,
) -> Journey {
    let mut random = Random::new(seed);
    let (mut fold, mut journey) = (Fold::new(None), Journey::default());
    let (mut last_id, mut seen): (Option<String>, BTreeSet<String>) = Default::default();
    let mut epoch = 0;
    while epoch < world.last_epoch() {
        let mut client = connect(transport, server, asked, last_id.as_deref());
        journey.connections += 1;
        let events_max = EVENTS_MAX[random.below(EVENTS_MAX.len())];
        let events = 1 + random.below(events_max);
        let is_first = absent > 0 && journey.compared.is_empty();
        for _ in 0..if is_first { usize::MAX } else { events } {
            let event = client.next().expect("the server goes on");
            let id = event.id.clone().unwrap();
            if event.name == "upsert" && !id.contains(":s:") || event.name == "delete" {
                assert!(seen.insert(id.clone()), "{id} was sent twice");
            }
            if event.name == "reset" {
                seen.clear();
            }
            last_id = Some(id);
            if let Some(reached) = fold.take(&event) {
                assert!(reached >= epoch, "progress went back from {epoch} to {reached}");
                assert_eq!(epoch_of(last_id.as_deref().unwrap()).0, reached);
                assert_eq!(fold.sorted(), world.expected(asked, reached), "{transport:?} {} at epoch {reached}", asked.uri);
                epoch = reached;
                if journey.compared.is_empty() {
                    begun.send(()).expect("the publisher waits for all clients");
                }
                journey.compared.insert(reached);
                if is_first || epoch == world.last_epoch() {
                    break;
                }
            }
        }
        server.wait_for((epoch + absent).min(world.last_epoch()));
    }
    journey.resets = fold.resets;
    journey
}

/// Publishes a world while clients of all queries follow it over both transports; it goes on once all of them have their first rows.
fn follow_all(limits: HistoryLimits, seed: u64, absent: u64) -> Vec<Journey> {
    let world = FoldWorld::random(seed, EPOCHS);
    let views = FoldWorld::views();
    views.set_history_limits(limits);
    world.publish(&views, 1);
    let server = Server::start(Arc::clone(&views), config());
    let (server, world) = (&server, &world);
    let (begun, all_begun) = channel();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..)
            .zip(QUERIES.iter().flat_map(|asked| [(Transport::Sse, asked), (Transport::WebSocket, asked)]))
            .map(|(number, (transport, asked))| {
                let begun = begun.clone();
                scope.spawn(move || follow(transport, server, world, asked, seed + number, absent, &begun))
            })
            .collect();
        drop(begun);
        clients.iter().for_each(|_| all_begun.recv().expect("a client ended before it had its first rows"));
        for epoch in 2..=world.last_epoch() {
            world.publish(&views, epoch);
            thread::sleep(Duration::from_millis(2));
        }
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn a_client_whose_connection_breaks_all_the_time_misses_nothing_and_sees_nothing_twice() {
    let journeys = follow_all(HistoryLimits::default(), 7, 0);
    for journey in &journeys {
        let begun = journey.resets.iter().all(|reason| ["start", "partial_snapshot"].contains(&reason.as_str()));
        assert!(begun && journey.resets[0] == "start", "a client had to begin again: {:?}", journey.resets);
    }
    let connections: usize = journeys.iter().map(|journey| journey.connections).sum();
    let compared: usize = journeys.iter().map(|journey| journey.compared.len()).sum();
    assert!(connections > 4 * journeys.len(), "only {connections} connections");
    assert!(compared > 20 * journeys.len(), "rows were compared at only {compared} epochs");
}

#[test]
fn a_client_that_missed_more_than_is_remembered_begins_again_and_has_the_rows_again() {
    let limits = HistoryLimits { epochs: 2, ..HistoryLimits::default() };
    let journeys = follow_all(limits, 11, limits.epochs as u64 + 1);
    for journey in &journeys {
        assert_eq!(journey.resets[..2], ["start", "old_id"], "a client went on after what nobody remembers");
        assert!(journey.compared.contains(&(EPOCHS as u64)));
    }
}

fn server_of(view: View) -> Server {
    let views = Views::new(ViewsDefinition { timeline: Timeline(0x2a), views: vec![view] });
    Server::start(views, config())
}

#[test]
fn rows_with_a_key_are_replaced_and_rows_without_are_counted() {
    let server = server_of(profiles());
    let publish_rows = |epoch, rows| publish(&server.views, epoch, &[("profiles", rows)]);
    publish_rows(1, vec![(profile(1, "ann", 5), 1), (profile(2, "bob", 5), 2)]);
    let mut keyed = server.sse("/v1/views/profiles/subscribe?order=id&key=id&select=id,name", &[]);
    let mut whole = server.sse("/v1/views/profiles?order=id", &[("Accept", "application/json;q=0.1, text/event-stream;q=0.9")]);
    assert_eq!(keyed.next().unwrap().data, json!({ "reason": "start", "position": "2a:1" }));
    assert_eq!(keyed.next().unwrap().data, json!({ "row": { "id": 1, "name": "ann" } }));
    keyed.until("progress");
    whole.next().unwrap();
    whole.next().unwrap();
    assert_eq!(whole.next().unwrap().data, json!({ "row": { "id": 2, "name": "bob", "rank": 5 }, "count": 2 }));
    whole.until("progress");

    publish_rows(
        2,
        vec![(profile(1, "ann", 5), -1), (profile(1, "anna", 6), 1), (profile(2, "bob", 5), -2), (profile(3, "cid", 1), 1)],
    );
    let events = |client: &mut Client, count: usize| -> Vec<(String, Json)> {
        let events = (0..count).map(|_| client.next().unwrap());
        events.map(|event| (event.name, event.data)).collect()
    };
    let of = |name: &str, data: Json| (name.to_owned(), data);
    let progress = || of("progress", json!({ "position": "2a:2" }));
    let expected = [
        of("delete", json!({ "key": { "id": 2 } })),
        of("upsert", json!({ "row": { "id": 1, "name": "anna" } })),
        of("upsert", json!({ "row": { "id": 3, "name": "cid" } })),
        progress(),
    ];
    assert_eq!(events(&mut keyed, 4), expected);
    let ann = |name: &str, rank: i64| json!({ "row": { "id": 1, "name": name, "rank": rank } });
    let expected = [
        of("delete", ann("ann", 5)),
        of("delete", json!({ "row": { "id": 2, "name": "bob", "rank": 5 }, "count": 2 })),
        of("upsert", ann("anna", 6)),
        of("upsert", json!({ "row": { "id": 3, "name": "cid", "rank": 1 } })),
        progress(),
    ];
    assert_eq!(events(&mut whole, 5), expected);
}

#[test]
fn a_client_that_folds_by_key_has_the_rows_whatever_happens_to_them() {
    let server = server_of(profiles());
    let mut random = Random::new(3);
    let mut now = BTreeMap::new();
    let mut client = server.sse("/v1/views/profiles/subscribe?order=rank.desc&limit=5&key=id", &[]);
    let mut fold = Fold::new(Some("id"));
    for epoch in 1..120 {
        let mut changes = Vec::new();
        for _ in 0..1 + random.below(4) {
            let id = random.below(12) as i64;
            if let Some(rank) = now.remove(&id) {
                changes.push((profile(id, "x", rank), -1));
            }
            if random.below(3) > 0 {
                let rank = random.below(8) as i64;
                changes.push((profile(id, "x", rank), 1));
                now.insert(id, rank);
            }
        }
        publish(&server.views, epoch, &[("profiles", changes)]);
        while fold.take(&client.next().unwrap()) != Some(epoch) {}
        let mut first: Vec<(i64, i64)> = now.iter().map(|(id, rank)| (-rank, *id)).collect();
        first.sort_unstable();
        let row = |(rank, id): &(i64, i64)| json!({ "id": id, "name": "x", "rank": -rank }).to_string();
        let mut expected: Vec<String> = first.iter().take(5).map(row).collect();
        expected.sort();
        assert_eq!(fold.sorted(), expected, "epoch {epoch}");
    }
}

#[test]
fn a_snapshot_is_of_one_epoch_although_others_are_published_while_it_is_read() {
    const ROWS: i64 = 10_000;
    const PART: i64 = 50;
    let server = server_of(profiles());
    let rows = |ids: std::ops::Range<i64>, name, diff| ids.map(|id| (profile(id, name, 0), diff)).collect::<Vec<_>>();
    publish(&server.views, 1, &[("profiles", rows(0..ROWS, "old", 1))]);
    let mut client = server.sse("/v1/views/profiles/subscribe?order=id", &[]);
    let mut fold = Fold::new(None);
    thread::scope(|scope| {
        // Every epoch renames all rows of a part, the last rows first, which are sent last.
        scope.spawn(|| {
            for part in 0..ROWS / PART {
                let ids = ROWS - (part + 1) * PART..ROWS - part * PART;
                let mut changes = rows(ids.clone(), "old", -1);
                changes.extend(rows(ids, "new", 1));
                publish(&server.views, part as u64 + 2, &[("profiles", changes)]);
                thread::sleep(Duration::from_millis(1));
            }
        });
        let mut compared = Vec::new();
        while compared.last() != Some(&(ROWS / PART)) {
            let Some(epoch) = fold.take(&client.next().unwrap()) else { continue };
            let parts = epoch as i64 - 1;
            let named = |name: &str| fold.rows.values().filter(|(row, _)| row["name"] == name).count() as i64;
            assert_eq!((named("new"), named("old")), (parts * PART, ROWS - parts * PART), "at epoch {epoch}");
            compared.push(parts);
        }
        assert!(compared[0] < 10 && compared.len() > 50, "{compared:?}");
    });
}

#[test]
fn an_epoch_that_changes_too_much_is_sent_as_new_rows() {
    let server = server_of(profiles());
    publish(&server.views, 1, &[("profiles", vec![(profile(1, "ann", 5), 1)])]);
    let mut client = server.sse("/v1/views/profiles/subscribe?order=id", &[]);
    client.until("progress");
    let many = (0..11_000).map(|id| (profile(id + 10, "new", 0), 1)).collect();
    publish(&server.views, 2, &[("profiles", many)]);
    assert_eq!(client.next().unwrap().data["reason"], "many_changes");
    let mut fold = Fold::new(None);
    while fold.take(&client.next().unwrap()).is_none() {}
    assert_eq!(fold.rows.len(), 11_001);
}
