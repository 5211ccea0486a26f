//! The whole API without a socket: real views, filled by publishing, behind the real router.

mod bad_requests;
mod browsers;
mod clients;
mod compression;
mod console;
mod deployments;
mod deploys;
mod derived;
mod doors;
mod events;
mod freshness;
mod host_pages;
mod large_rows;
mod letters;
mod negotiation;
mod openapi;
mod operations;
mod oracle;
mod pages;
mod postgrest;
mod readers;
mod request_log;
mod search;
mod shapes;
mod socket;
mod speed;
mod subscriptions;
mod tickets;
mod tokens;
mod topology;
mod view_reader;
mod why;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jsonwebtoken::{EncodingKey, Header, encode};
use parking_lot::Mutex;
use schemas::dead_letter::{DeadLetter, Fault, LetterPlace, Reason, RowError};
use schemas::field::{FieldKind, Value};
use schemas::lineage::Lineage;
use schemas::position::{Epoch, LogPosition, Offset, Partition, Timeline, Topic};
use schemas::row::Row;
use schemas::serving::{Access, Column, Index, IndexColumn, Policy, View};
use serde_json::{Value as Json, json};
use sinks::views::{Commit, Views, ViewsDefinition};
use tower::ServiceExt as _;

use crate::{
    ApiConfig, ApiState, BoxFuture, CheckpointFigures, CursorKey, DiskSpace, EventSender, Figures, Forbidden, HaltedSource,
    Health, HostStatus, Ingest, IngestError, Lag, LagLimits, Limits, LineOutcome, Measurements, PartitionEnd, Permission,
    Readiness, Refusal, SinkStatus, TokenKey, TokenKeys, TokenRules, TopicInfo, Verifier, router,
};

pub(super) const SECRET: &[u8] = b"a secret that is long enough for HS256";
pub(super) const FAR_FUTURE: u64 = 4_102_444_800;

/// A column of a test view.
pub(super) fn column(name: &str, kind: FieldKind) -> Column {
    Column { name: name.into(), kind }
}

/// An index; a `-` before a column makes it descend.
pub(super) fn index(name: &str, columns: &[Column], order: &[&str], limit: Option<usize>) -> Index {
    let columns = order.iter().map(|name| {
        let bare = name.trim_start_matches('-');
        let column = columns.iter().position(|column| column.name == bare).unwrap();
        IndexColumn { column, descending: name.starts_with('-') }
    });
    Index { name: name.into(), columns: columns.collect(), limit }
}

pub(super) fn view(
    name: &str,
    columns: &[(&str, FieldKind)],
    indexes: &[(&str, &[&str], Option<usize>)],
    access: Access,
) -> View {
    let columns: Vec<Column> = columns.iter().map(|(name, kind)| column(name, kind.clone())).collect();
    let indexes = indexes.iter().map(|(name, order, limit)| index(name, &columns, order, *limit)).collect();
    View { name: name.into(), columns, indexes, access, max_age: None }
}

/// The row of these values.
pub(super) fn row(columns: &[Column], values: &[Value<'_>]) -> Row {
    let mut row = Row::empty();
    columns.iter().zip(values).for_each(|(column, value)| column.kind.write(value, &mut row));
    row
}

/// Publishes changes of rows in the form of the view.
pub(super) fn publish(views: &Views, epoch: u64, rows: &[(&str, Vec<(Row, i64)>)]) {
    publish_commit(views, Commit { epoch: Epoch(epoch), wall_micros: 1, ..Commit::default() }, rows);
}

pub(super) fn publish_commit(views: &Views, mut commit: Commit, rows: &[(&str, Vec<(Row, i64)>)]) {
    for (name, rows) in rows {
        for (id, layout) in &views.view(name).unwrap().indexes {
            let changes = rows.iter().map(|(row, diff)| (layout.store(row.as_bytes()), *diff)).collect();
            commit.changes.push((*id, changes));
        }
    }
    views.publish(commit).unwrap();
}

pub(super) fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

/// The views most tests use: a feed per user, public posts, messages of two parties, and one that is served to nobody.
pub(super) fn social_views() -> Vec<View> {
    let own = |column| Policy::ColumnIsClaim { column, claim: "sub".into() };
    let feed = view(
        "following_feed",
        &[
            ("user_id", FieldKind::Int64),
            ("created_at", FieldKind::Timestamp),
            ("post_id", FieldKind::Int64),
            ("text", FieldKind::Text),
        ],
        &[("newest", &["user_id", "-created_at", "post_id"], Some(600))],
        Access::Policies(vec![own(0)]),
    );
    let posts = view(
        "posts",
        &[
            ("post_id", FieldKind::Int64),
            ("author_id", FieldKind::Int64),
            ("text", FieldKind::Text),
            ("visibility", FieldKind::Text),
        ],
        &[("by_id", &["post_id"], None), ("by_author", &["author_id", "-post_id"], Some(3))],
        Access::Public,
    );
    let messages = view(
        "messages",
        &[
            ("message_id", FieldKind::Int64),
            ("sender", FieldKind::Int64),
            ("receiver", FieldKind::Int64),
            ("body", FieldKind::Text),
        ],
        &[("by_id", &["message_id"], None), ("by_sender", &["sender", "message_id"], None), ("by_body", &["body"], None)],
        Access::Policies(vec![own(1), own(2), Policy::ClaimIs { claim: "role".into(), text: "auditor".into() }]),
    );
    let secrets = view("secrets", &[("id", FieldKind::Int64)], &[("by_id", &["id"], None)], Access::Denied);
    vec![feed, posts, messages, secrets]
}

pub(super) const USERS: std::ops::RangeInclusive<i64> = 1..=3;
pub(super) const FEED_ROWS: i64 = 50;

/// [`social_views`] with 50 feed rows for each of three users, 5 posts of each, and a message from each to each.
pub(super) fn social() -> Arc<Views> {
    request_log::install_log();
    let views = Views::new(ViewsDefinition { timeline: Timeline(0x2a), views: social_views() });
    let columns = |name: &str| views.view(name).unwrap().view.columns.clone();
    let (feed, posts, messages, secrets) = (columns("following_feed"), columns("posts"), columns("messages"), columns("secrets"));
    let mut feed_rows = Vec::new();
    let mut post_rows = Vec::new();
    let mut message_rows = Vec::new();
    for user in USERS {
        for number in 0..FEED_ROWS {
            let body = format!("for {user}: post {number}");
            let values = [Value::Int(user), Value::Timestamp(number * 1_000_000), Value::Int(number), text(&body)];
            feed_rows.push((row(&feed, &values), 1));
        }
        for number in 0..5 {
            let values = [Value::Int(user * 10 + number), Value::Int(user), text("hello \"world\""), text("public")];
            post_rows.push((row(&posts, &values), 1));
        }
        for other in USERS {
            let body = format!("from {user} to {other}");
            let values = [Value::Int(user * 10 + other), Value::Int(user), Value::Int(other), text(&body)];
            message_rows.push((row(&messages, &values), 1));
        }
    }
    let rows = [
        ("following_feed", feed_rows),
        ("posts", post_rows),
        ("messages", message_rows),
        ("secrets", vec![(row(&secrets, &[Value::Int(1)]), 1)]),
    ];
    let commit = Commit {
        epoch: Epoch(1),
        wall_micros: 1,
        consumed: [((Topic::new("social.post"), Partition(0)), Offset(10))].into(),
        dead_letters: vec![dead_letter(1), dead_letter(2), dead_letter(3)],
        row_errors: vec![(row_error(), 2)],
        ..Commit::default()
    };
    publish_commit(&views, commit, &rows);
    views
}

fn dead_letter(offset: u64) -> DeadLetter {
    DeadLetter {
        topic: "tidewater.dead_letters".into(),
        partition: 0,
        offset,
        sent_to: Some("social.post".into()),
        fault: Fault::at(Reason::MissingField, "payload.text", "is required"),
        bytes: b"{\"a\":\xff}".to_vec(),
        length: 7,
        arrived: (offset > 1).then_some(offset as i64 * 1_000_000),
        sender_actor: None,
        relation: None,
    }
}

fn row_error() -> RowError {
    let of = |text: &str| text.to_owned();
    RowError { relation: of("posts"), expression: of("1 / likes"), detail: of("division by zero"), row: of("{\"likes\":0}") }
}

/// Bytes of a body for which a test's process has no memory.
pub(super) const TEST_MEMORY_BYTES: u64 = 20 * 1024 * 1024;

/// Takes lines as their text says: `dup`, `bad`, `busy`, `large`, `full`, `slow`; anything else is accepted.
#[derive(Default)]
pub(super) struct TextIngest {
    pub(super) next: Mutex<u64>,
    pub(super) discarded: Mutex<Vec<u64>>,
    /// bytes for which memory was asked, of each body
    pub(super) reserved: Mutex<Vec<u64>>,
    /// times that the topics were listed
    pub(super) listed: Mutex<u64>,
}

impl Ingest for TextIngest {
    fn submit(&self, lines: Vec<Vec<u8>>, sender: EventSender) -> BoxFuture<'_, Result<Vec<LineOutcome>, IngestError>> {
        Box::pin(async move {
            match lines[0].as_slice() {
                b"broken" => return Err(IngestError::Storage { detail: "read error".into() }),
                b"full" => return Err(IngestError::StorageFull),
                b"slow" => std::future::pending().await,
                _ => {}
            }
            Ok(lines.iter().map(|line| self.take_from(line, &sender)).collect())
        })
    }

    fn reserve_memory(&self, body_bytes: u64) -> Result<Box<dyn Send>, Refusal> {
        let retry_after = Duration::from_secs(1);
        self.reserved.lock().push(body_bytes);
        let is_refused = body_bytes >= TEST_MEMORY_BYTES;
        if is_refused { Err(Refusal::Memory { used: 90, limit: TEST_MEMORY_BYTES, retry_after }) } else { Ok(Box::new(())) }
    }

    fn retry(
        &self,
        _id: u64,
        letter: DeadLetter,
        replacement: Option<Vec<u8>>,
    ) -> BoxFuture<'_, Result<LineOutcome, IngestError>> {
        Box::pin(async move { Ok(self.take(&replacement.unwrap_or(letter.bytes))) })
    }

    fn discard(&self, id: u64, _letter: LetterPlace) -> BoxFuture<'_, Result<(), IngestError>> {
        self.discarded.lock().push(id);
        Box::pin(async { Ok(()) })
    }

    fn takes(&self, topic: &str) -> bool {
        matches!(topic, "social.post" | "orders")
    }

    fn takes_objects(&self, topic: &str) -> bool {
        topic == "orders"
    }

    fn topics(&self) -> Result<Vec<TopicInfo>, IngestError> {
        *self.listed.lock() += 1;
        let partitions = vec![(Offset(0), Offset(10)), (Offset(3), Offset(4))];
        Ok(vec![TopicInfo { name: Topic::new("social.post"), message: Some("social.v1.PostEvent".into()), partitions }])
    }
}

impl TextIngest {
    /// Takes a line for the topic that its text is, if it is one, or of the actor that its number is.
    fn take_from(&self, line: &[u8], sender: &EventSender) -> LineOutcome {
        let text = String::from_utf8_lossy(line);
        let topic = if text.starts_with("social.") { sender.check_topic(&text) } else { Ok(()) };
        let actor = text.parse().map_or(Ok(()), |actor| sender.check_actor(actor));
        topic.and(actor).map_or_else(LineOutcome::Forbidden, |()| self.take(line))
    }

    fn take(&self, line: &[u8]) -> LineOutcome {
        let mut next = self.next.lock();
        let mut at = || {
            *next += 1;
            LogPosition { topic: Topic::new("social.post"), partition: Partition((*next % 2) as u32), offset: Offset(*next) }
        };
        match line {
            b"" => LineOutcome::Empty,
            b"dup" => LineOutcome::Duplicate(Some(at())),
            b"old" => LineOutcome::Duplicate(None),
            b"busy" => LineOutcome::Refused(Refusal::LagRecords { behind: 120, limit: 100, retry_after: Duration::from_secs(7) }),
            b"large" => LineOutcome::Refused(Refusal::Memory { used: 90, limit: 100, retry_after: Duration::from_millis(1) }),
            b"other actor" => LineOutcome::Forbidden(Forbidden::LetterActor { actor: 4, sender: "3".into() }),
            b"bad" => LineOutcome::Rejected(Fault::at(Reason::MissingField, "payload.text", "is required")),
            line if std::str::from_utf8(line).is_err() => LineOutcome::Rejected(Fault::new(Reason::InvalidUtf8, "byte 1")),
            _ => LineOutcome::Accepted(at()),
        }
    }
}

/// Lag of a test's views.
const LAG: Lag = Lag { records: 4, bytes: 900, micros: 1_500_000 };
const LAG_LIMITS: LagLimits = LagLimits { records: 100, bytes: 10_000, time: Duration::from_secs(5) };

/// State of a test's process.
pub(super) struct TestHealth(pub(super) Readiness);

impl TestHealth {
    /// A partition of which one of the last four offsets has no record.
    fn ends() -> BTreeMap<(Topic, Partition), PartitionEnd> {
        [((Topic::new("social.post"), Partition(0)), PartitionEnd { offset: Offset(14), records_behind: 3 })].into()
    }
}

impl Health for TestHealth {
    fn lineage(&self) -> Lineage {
        topology::lineage()
    }

    fn status(&self) -> HostStatus {
        let halted = HaltedSource {
            source: "likes".into(),
            reason: "topic 'social.like' was created again".into(),
            action: "restore the topic, or start with an empty data directory".into(),
        };
        HostStatus {
            incarnation: 3,
            checkpoint: Some(Epoch(0)),
            ends: Self::ends(),
            halted: vec![halted],
            sinks: vec![SinkStatus {
                name: "posts_out".into(),
                view: "posts".into(),
                target: "topic 'derived.posts'".into(),
                state: "halted",
                epoch: Some(Epoch(0)),
                lag_epochs: 1,
                reason: Some("it was written by another".into()),
                ..SinkStatus::default()
            }],
            lag: LAG,
            lag_limits: LAG_LIMITS,
            ..HostStatus::default()
        }
    }

    fn readiness(&self) -> Readiness {
        self.0.clone()
    }

    fn figures(&self) -> Figures {
        let (lag, lag_limits) = (LAG, LAG_LIMITS);
        let disk = Some(DiskSpace { free_bytes: 5, reserve_bytes: 70, is_full: true });
        Figures { events_ingested: 11, events_processed: 7, lines_refused: 3, lag, lag_limits, epoch_micros: 2_000, disk }
    }

    fn measurements(&self) -> Measurements {
        let sink = SinkStatus {
            name: "posts_out".into(),
            state: "attached",
            lag_epochs: 2,
            commits: 9,
            errors: 1,
            ..SinkStatus::default()
        };
        let duration = Duration::from_millis(250);
        let checkpoint = CheckpointFigures {
            epoch: Some(Epoch(4)),
            written: 3,
            at_micros: Some(1_700_000_000_500_000),
            duration,
            bytes: 4_096,
        };
        Measurements { sinks: vec![sink], checkpoint, topic_bytes: [("social.post".to_owned(), 777)].into() }
    }
}

/// The keys, under these ids.
pub(super) fn token_keys(keys: &[(Option<&str>, TokenKey)]) -> TokenKeys {
    let mut checked = TokenKeys::default();
    keys.iter().for_each(|(id, key)| checked.add(id.map(str::to_owned), key).unwrap());
    checked
}

pub(super) fn verifier() -> Arc<Verifier> {
    verifier_with(TokenRules::default())
}

/// A verifier of the tests' secret with these rules.
pub(super) fn verifier_with(rules: TokenRules) -> Arc<Verifier> {
    Arc::new(Verifier::new(token_keys(&[(None, TokenKey::Hs256 { secret: SECRET.to_vec() })]), rules))
}

pub(super) fn config() -> ApiConfig {
    let cursor_key = CursorKey::from_bytes([7; 32]);
    ApiConfig { verifier: Some(verifier()), ingest: Permission::Open, cursor_key, ..ApiConfig::default() }
}

pub(super) fn api_with(views: Arc<Views>, config: ApiConfig) -> Router {
    request_log::install_log();
    router(ApiState::new(views, Arc::new(TextIngest::default()), Arc::new(TestHealth(Readiness::Ready)), config))
}

pub(super) fn api() -> Router {
    api_with(social(), config())
}

/// A configuration with these limits.
pub(super) fn limited(limits: Limits) -> ApiConfig {
    ApiConfig { limits, ..config() }
}

pub(super) fn sign(claims: Json) -> String {
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

/// A token of a user.
pub(super) fn token(user: i64) -> String {
    sign(json!({ "sub": user.to_string(), "exp": FAR_FUTURE }))
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }

    pub(super) fn rows(&self) -> Vec<Json> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()["rows"].as_array().unwrap().clone()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}: {self:?}")).to_str().unwrap()
    }

    /// Checks that this is a problem of a type, about a field, and returns its detail.
    pub(super) fn problem(&self, status: u16, kind: &str, field: Option<&str>) -> String {
        let json = self.json();
        assert_eq!(self.status.as_u16(), status, "{json}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(json["type"], format!("urn:tidewater:problem:{kind}"), "{json}");
        assert_eq!(json["status"], status);
        assert_eq!(json["field"].as_str(), field, "{json}");
        assert!(json["title"].is_string());
        json["detail"].as_str().unwrap().to_owned()
    }
}

pub(super) async fn send(api: &Router, request: Request<Body>) -> Answer {
    let response = api.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

pub(super) async fn get(api: &Router, uri: &str) -> Answer {
    send(api, Request::get(uri).body(Body::empty()).unwrap()).await
}

/// A GET with a bearer token.
pub(super) async fn get_as(api: &Router, token: &str, uri: &str) -> Answer {
    let request = Request::get(uri).header("Authorization", format!("Bearer {token}"));
    send(api, request.body(Body::empty()).unwrap()).await
}
