//! Section e: how fast events are decoded, from JSON and from Protobuf.
//!
//! The events are those of the generated world, all types of the topic of posts, with every column decoded; and the same posts as events of a
//! source that declares the members of the payload as columns.

use language::load::{build, inline};
use schemas::decoder::EventDecoder;
use schemas::event::{Encoding, parse_line};
use schemas::position::{Offset, Partition};
use schemas::testing::social_topics;
use schemas::topic::{TopicSchema, TopicSet};
use serde_json::Value;
use tidewater::process::clock::wall_micros;
use tidewater::world::{World, WorldOptions};

use crate::Failure;
use crate::processor::this_thread;
use crate::table::{Figure, Goal};

const USERS: u32 = 1_000;
const POSTS: u64 = 20_000;
const TOPIC: &str = "social.post";
const RECORDS_PER_BATCH: usize = 5_000;
const ROUNDS: usize = 5;

const DECLARED: &str =
    "CREATE SOURCE posts (author_id BIGINT NOT NULL, text TEXT, hashtags TEXT[], mentions BIGINT[], media_ids BIGINT[],
  video_id BIGINT, visibility TEXT, reply_to BIGINT) WITH (connector = 'log', topic = 'posts') FORMAT PLAIN ENCODE JSON;";

/// Decodes the same events from both.
pub fn run() -> Result<Vec<Figure>, Failure> {
    let mut world = World::new(WorldOptions { users: USERS, posts: POSTS, ..WorldOptions::default() });
    let is_of_topic = |line: &String| line.contains(TOPIC);
    let lines: Vec<String> = world.history().filter(is_of_topic).collect();
    let topics = social_topics(testkit::social::proto_files());
    let now = wall_micros();
    let mut events = Vec::with_capacity(lines.len());
    let before = this_thread()?;
    for line in &lines {
        events.extend(parse_line(&topics, line.as_bytes(), now)?);
    }
    let parsing = this_thread()? - before;
    let rate = |what: &str, rate: f64| Figure {
        section: 'e',
        what: what.to_owned(),
        value: rate,
        unit: "events per CPU second",
        goal: Goal::None,
    };
    let encode = |encoding: Encoding| events.iter().map(|event| event.encode(encoding)).collect::<Vec<_>>();
    Ok(vec![
        rate("decode JSON, all columns of posts", decode_rate(&topics, &encode(Encoding::Json), Encoding::Json, now)?),
        rate("decode Protobuf, all columns of posts", decode_rate(&topics, &encode(Encoding::Protobuf), Encoding::Protobuf, now)?),
        rate("check a line of ingest", lines.len() as f64 / parsing),
        rate("decode JSON with declared columns, the payloads of those posts", declared_rate(&lines, now)?),
    ])
}

/// The payloads of created posts, read as JSON objects without an envelope.
fn declared_rate(lines: &[String], now: i64) -> Result<f64, Failure> {
    let topology = build(&[inline("bench.sql", DECLARED)]).map_err(|refused| format!("{refused:?}"))?;
    let schema = topology.sources[0].schema.clone();
    let is_created = |line: &&String| line.contains("\"post.created\"");
    let payload = |line: &String| -> Result<Vec<u8>, Failure> {
        let line: Value = serde_json::from_str(line)?;
        Ok(serde_json::to_vec(&line["event"]["payload"])?)
    };
    let payloads = lines.iter().filter(is_created).map(payload).collect::<Result<Vec<_>, Failure>>()?;
    rate_of(&schema, &payloads, Encoding::Json, now)
}

fn decode_rate(topics: &TopicSet, records: &[Vec<u8>], encoding: Encoding, now: i64) -> Result<f64, Failure> {
    let schema = topics.get(TOPIC).ok_or("the social network lost a topic")?;
    rate_of(schema, records, encoding, now)
}

fn rate_of(schema: &TopicSchema, records: &[Vec<u8>], encoding: Encoding, now: i64) -> Result<f64, Failure> {
    let columns: Vec<usize> = (0..schema.columns().len()).collect();
    let mut decoder = EventDecoder::new(schema, encoding, &columns);
    let before = this_thread()?;
    for batch in (0..ROUNDS).flat_map(|_| records.chunks(RECORDS_PER_BATCH)) {
        let place = |(offset, record)| (Partition(0), Offset(offset as u64), now, Vec::as_slice(record));
        let records = batch.iter().enumerate().map(place);
        let decoded = decoder.decode(records);
        if decoded.batch.num_rows() != batch.len() {
            return Err(format!("{} of {} events were decoded", decoded.batch.num_rows(), batch.len()).into());
        }
    }
    Ok((records.len() * ROUNDS) as f64 / (this_thread()? - before))
}
