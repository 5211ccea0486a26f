//! Sending events, and what the answer says of each line.

use super::*;

async fn post(api: &Router, kind: Option<&str>, body: impl Into<Body>) -> Answer {
    let request = Request::post("/v1/events");
    let request = kind.into_iter().fold(request, |request, kind| request.header("Content-Type", kind));
    send(api, request.body(body.into()).unwrap()).await
}

const LINES: Option<&str> = Some("application/x-ndjson");

#[tokio::test]
async fn every_line_has_its_result() {
    let answer = post(&api(), LINES, &b"{}\nbad\r\n\ndup\nold\n\xff\n{}\n"[..]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let json = answer.json();
    assert_eq!(
        json["results"],
        json!([
            { "status": "accepted", "position": "social.post:1:1" },
            { "status": "rejected", "reason": "missing_field", "field": "payload.text", "detail": "is required" },
            { "status": "empty" },
            { "status": "duplicate", "position": "social.post:0:2" },
            { "status": "duplicate", "position": null },
            { "status": "rejected", "reason": "invalid_utf8", "field": null, "detail": "byte 1" },
            { "status": "accepted", "position": "social.post:1:3" },
        ])
    );
    assert_eq!((&json["accepted"], &json["duplicate"], &json["rejected"]), (&json!(2), &json!(2), &json!(2)));
    assert_eq!(json["position"], "social.post:0:2,social.post:1:3");
    assert_eq!(answer.header("tidewater-position"), "social.post:0:2,social.post:1:3");
}

#[tokio::test]
async fn a_single_event_may_span_lines_and_is_a_problem_when_rejected() {
    let answer = post(&api(), Some("application/json; charset=utf-8"), "{\n  \"topic\": \"social.post\"\n}\n").await;
    assert_eq!(answer.json()["accepted"], 1, "{}", answer.text);
    let answer = post(&api(), None, "bad\n").await;
    let detail = answer.problem(422, "event_rejected", Some("payload.text"));
    assert!(detail.contains("is required"));
    assert_eq!(answer.json()["reason"], "missing_field");
    assert_eq!(answer.json()["rejected"], 1);
}

#[tokio::test]
async fn failures_of_the_log_say_when_to_come_back() {
    let api = api();
    post(&api, LINES, "broken").await.problem(503, "storage_failed", None);
    let answer = post(&api, LINES, "full").await;
    answer.problem(507, "storage_full", None);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(get(&api, "/v1/views/posts").await.status, StatusCode::OK, "what is there is still to be read");
}

#[tokio::test]
async fn lines_that_are_refused_for_now_are_told_with_the_limit_and_when_to_come_back() {
    let api = api();
    let answer = post(&api, LINES, "busy\n\nbusy\n").await;
    let detail = answer.problem(429, "views_behind", None);
    assert!(detail.contains("120 records behind") && detail.contains("100 are allowed (--ingest-lag-records)"), "{detail}");
    assert_eq!(answer.header("retry-after"), "7");
    let json = answer.json();
    assert_eq!((&json["refused"], &json["accepted"], &json["reason"]), (&json!(2), &json!(0), &json!("lag_records")));
    assert_eq!(json["results"][0], json!({ "status": "refused", "reason": "lag_records", "detail": detail }));
    let answer = post(&api, LINES, "large").await;
    answer.problem(503, "memory_full", None);
    assert_eq!(answer.header("retry-after"), "1");
    let answer = post(&api, LINES, "{}\nbusy\nbusy\n").await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::OK, "7"), "a part was taken");
    let json = answer.json();
    assert_eq!((&json["accepted"], &json["refused"], &json["rejected"]), (&json!(1), &json!(2), &json!(0)));
    assert_eq!(json["results"][2]["status"], "refused");
    let headers = post(&api, LINES, "{}").await.headers;
    assert!(!headers.contains_key("retry-after"), "{headers:?}");
}

#[tokio::test]
async fn bodies_have_limits() {
    let api = api_with(social(), limited(Limits { events_body_bytes_max: 100_000, ..Limits::default() }));
    post(&api, LINES, "").await.problem(400, "empty_body", Some("body"));
    post(&api, LINES, "\n \r\n").await.problem(400, "empty_body", Some("body"));
    post(&api, Some("application/x-www-form-urlencoded"), "{}").await.problem(
        415,
        "unsupported_media_type",
        Some("Content-Type"),
    );
    post(&api, LINES, "{}\n".repeat(10_001)).await.problem(413, "too_many_lines", Some("body"));
    assert_eq!(post(&api, LINES, "{}\n".repeat(10_000)).await.json()["accepted"], 10_000);
    post(&api, LINES, "x".repeat(100_001)).await.problem(413, "body_too_large", Some("body"));
    let declared = Request::post("/v1/events").header("Content-Length", "99999999999999").body(Body::empty()).unwrap();
    send(&api, declared).await.problem(413, "body_too_large", Some("body"));
}

#[tokio::test]
async fn a_body_without_memory_for_it_is_refused_before_it_is_looked_at() {
    let events_body_bytes_max = 2 * TEST_MEMORY_BYTES as usize;
    let api = api_with(social(), limited(Limits { events_body_bytes_max, ..Limits::default() }));
    let with_length = |path: &str, length: u64| Request::post(path).header("Content-Length", length).body("{}".into()).unwrap();
    for path in ["/v1/events", "/v1/topics/social.post"] {
        let answer = send(&api, with_length(path, TEST_MEMORY_BYTES)).await;
        answer.problem(503, "memory_full", None);
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!((&answer.json()["reason"], &answer.json()["results"]), (&json!("memory_full"), &json!([])));
    }
    let taken = send(&api, with_length("/v1/events", TEST_MEMORY_BYTES - 1)).await;
    assert_eq!(taken.json()["position"], "social.post:1:1", "something of the other was taken");
}

#[tokio::test]
async fn memory_is_kept_free_for_what_a_body_says_or_for_the_most_that_it_may_have() {
    let limits = Limits { events_body_bytes_max: 1_000, ..Limits::default() };
    let ingest = Arc::new(TextIngest::default());
    let shared = Arc::clone(&ingest) as Arc<dyn Ingest>;
    let api = router(ApiState::new(social(), shared, Arc::new(TestHealth(Readiness::Ready)), limited(limits)));
    let unknown = || Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("{}")]));
    let request = |name: &str, value: &str, body: Body| Request::post("/v1/events").header(name, value).body(body).unwrap();
    for (asked, bytes) in [
        (request("Content-Length", "2", "{}".into()), 2),
        (request("X-Nothing", "", unknown()), 1_000),
        (request("Content-Encoding", "gzip", "{}".into()), 1_000),
        (request("Content-Length", "1001", "{}".into()), 0),
    ] {
        send(&api, asked).await;
        assert_eq!(ingest.reserved.lock().pop(), Some(bytes));
    }
}

#[tokio::test]
async fn sending_needs_the_configured_scope() {
    let api = api_with(social(), ApiConfig { verifier: Some(verifier()), ..ApiConfig::default() });
    let send_as = async |scope: Json| {
        let token = sign(json!({ "sub": "1", "scope": scope, "exp": FAR_FUTURE }));
        let request = Request::post("/v1/events").header("Authorization", format!("Bearer {token}"));
        send(&api, request.body("{}".into()).unwrap()).await
    };
    post(&api, LINES, "{}").await.problem(401, "token_needed", Some("Authorization"));
    let answer = send_as(json!("read events:writer")).await;
    answer.problem(403, "missing_scope", Some("Authorization"));
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"insufficient_scope\"");
    send_as(Json::Null).await.problem(403, "missing_scope", Some("Authorization"));
    assert_eq!(send_as(json!("read events:write")).await.status, StatusCode::OK);
    assert_eq!(send_as(json!(["events:write"])).await.status, StatusCode::OK);
    get(&api, "/v1/topics").await.problem(401, "token_needed", Some("Authorization"));
}

#[tokio::test]
async fn a_token_for_some_topics_sends_to_those_alone() {
    let api = api_with(social(), ApiConfig { verifier: Some(verifier()), ..ApiConfig::default() });
    let as_producer = |scope: &str| sign(json!({ "sub": "1", "scope": scope, "exp": FAR_FUTURE }));
    let send_as = async |scope: &str, lines: &str| {
        let request = Request::post("/v1/events").header("Authorization", format!("Bearer {}", as_producer(scope)));
        send(&api, request.header("Content-Type", "application/x-ndjson").body(lines.to_owned().into()).unwrap()).await
    };
    let statuses = |answer: &Answer| {
        let results = answer.json()["results"].as_array().unwrap().clone();
        results.iter().map(|line| line["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mixed = send_as("events:write:social.post", "social.post\nsocial.user\n\n").await;
    assert_eq!(
        (mixed.status, statuses(&mixed)),
        (StatusCode::OK, ["accepted", "forbidden", "empty"].map(str::to_owned).to_vec())
    );
    let detail = "the token does not grant sending to topic 'social.user'";
    assert_eq!(
        mixed.json()["results"][1],
        json!({ "status": "forbidden", "reason": "topic_not_granted", "field": "topic", "detail": detail })
    );
    assert_eq!(mixed.json()["forbidden"], 1);
    let none = send_as("events:write:social.post", "social.user\nsocial.user\n").await;
    assert_eq!(none.problem(403, "event_forbidden", Some("topic")), detail);
    assert_eq!((&none.json()["reason"], &none.json()["forbidden"]), (&json!("topic_not_granted"), &json!(2)));
    let both = "events:write:social.post events:write:social.user";
    assert_eq!(send_as(both, "social.user\nsocial.post").await.json()["accepted"], 2);
    assert_eq!(send_as("events:write:social.post events:write", "social.user").await.json()["accepted"], 1);
    for scope in ["events:write:", "events:writer", "events:write.social.post", "events:WRITE:social.post", ""] {
        send_as(scope, "social.post").await.problem(403, "missing_scope", Some("Authorization"));
    }
    let topics =
        async |scope: &str| get_as(&api, &as_producer(scope), "/v1/topics").await.json()["topics"].as_array().unwrap().len();
    assert_eq!((topics("events:write:social.user").await, topics("events:write:social.post").await), (0, 1));
}

#[tokio::test]
async fn events_may_be_tied_to_a_claim_of_their_sender() {
    let config = ApiConfig { verifier: Some(verifier()), actor_claim: Some("sub".into()), ..ApiConfig::default() };
    let api = api_with(social(), config);
    let send_as = async |claims: Json, lines: &str| {
        let request = Request::post("/v1/events").header("Authorization", format!("Bearer {}", sign(claims)));
        send(&api, request.header("Content-Type", "application/x-ndjson").body(lines.to_owned().into()).unwrap()).await
    };
    let claims = |sub: Json| json!({ "sub": sub, "scope": "events:write", "exp": FAR_FUTURE });
    let answer = send_as(claims(json!("7")), "7\n8\n").await;
    assert_eq!((&answer.json()["accepted"], &answer.json()["forbidden"]), (&json!(1), &json!(1)));
    assert_eq!(answer.json()["results"][1]["reason"], "other_actor");
    assert_eq!(send_as(claims(json!(7)), "7").await.json()["accepted"], 1);
    send_as(claims(json!("07")), "7").await.problem(403, "event_forbidden", Some("event.actor_id"));
    for sub in [Json::Null, json!(["7"]), json!({})] {
        send_as(claims(sub), "7").await.problem(403, "missing_claim", Some("Authorization"));
    }
}

#[tokio::test]
async fn events_of_one_topic_need_no_line_around_them() {
    let api = api();
    let post = async |path: &str, body: &str| {
        let request = Request::post(path).header("Content-Type", "application/x-ndjson");
        send(&api, request.body(body.to_owned().into()).unwrap()).await
    };
    let answer = post("/v1/topics/social.post", "{\"a\":1}\n\n{\"a\":2}").await;
    let statuses: Vec<Json> = answer.json()["results"].as_array().unwrap().iter().map(|line| line["status"].clone()).collect();
    assert_eq!((answer.status, statuses), (StatusCode::OK, vec![json!("accepted"), json!("empty"), json!("accepted")]));
    post("/v1/topics/social.nothing", "{}").await.problem(404, "unknown_topic", Some("topic"));
}

#[tokio::test]
async fn a_topic_that_a_token_does_not_grant_is_unknown_like_one_that_is_not_there() {
    let api = api_with(social(), ApiConfig { verifier: Some(verifier()), ..ApiConfig::default() });
    let post = async |scope: &str| {
        let token = sign(json!({ "sub": "1", "scope": scope, "exp": FAR_FUTURE }));
        let request = Request::post("/v1/topics/social.post").header("Authorization", format!("Bearer {token}"));
        send(&api, request.body("{}".into()).unwrap()).await
    };
    assert_eq!(post("events:write:social.post").await.status, StatusCode::OK);
    post("events:write:social.user").await.problem(404, "unknown_topic", Some("topic"));
    post("").await.problem(403, "missing_scope", Some("Authorization"));
}

#[tokio::test]
async fn topics_are_listed() {
    let answer = get(&api(), "/v1/topics").await;
    let partitions = json!([{ "partition": 0, "earliest": 0, "next": 10 }, { "partition": 1, "earliest": 3, "next": 4 }]);
    let topic = json!({ "name": "social.post", "message": "social.v1.PostEvent", "partitions": partitions });
    assert_eq!(answer.json()["topics"], json!([topic]));
}

#[tokio::test]
async fn an_event_of_a_topic_is_taken_without_listing_the_topics() {
    let ingest = Arc::new(TextIngest::default());
    let shared = Arc::clone(&ingest) as Arc<dyn Ingest>;
    let api = router(ApiState::new(social(), shared, Arc::new(TestHealth(Readiness::Ready)), limited(Limits::default())));
    let post = |path: &str| Request::post(path).body("{}".into()).unwrap();
    assert_eq!(send(&api, post("/v1/topics/social.post")).await.json()["accepted"], 1);
    send(&api, post("/v1/topics/social.nonsense")).await.problem(404, "unknown_topic", Some("topic"));
    assert_eq!(*ingest.listed.lock(), 0);
}

const CLOUD_EVENT: Option<&str> = Some("application/cloudevents+json");
const CLOUD_EVENTS: Option<&str> = Some("application/cloudevents-batch+json");

/// A CloudEvent with these members beside those that every one has.
fn cloud_event(more: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed"{more}}}"#)
}

async fn post_to(api: &Router, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
    send(api, request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn cloud_events_are_taken_in_each_form() {
    let api = api();
    let form = |kind: Option<&'static str>| [("Content-Type", kind.unwrap())];
    let one = post_to(&api, "/v1/topics/orders", &form(CLOUD_EVENT), cloud_event("")).await;
    assert_eq!((one.status, &one.json()["accepted"]), (StatusCode::OK, &json!(1)), "{}", one.text);
    let batch = format!("[{}, {}]", cloud_event(r#","subject":null"#), cloud_event(r#","data":{"a":1}"#));
    let two = post_to(&api, "/v1/topics/orders", &form(CLOUD_EVENTS), batch).await;
    assert_eq!(two.json()["results"].as_array().map(Vec::len), Some(2), "{}", two.text);
    let none = post_to(&api, "/v1/topics/orders", &form(CLOUD_EVENTS), "[]").await;
    assert_eq!((none.status, &none.json()["results"]), (StatusCode::OK, &json!([])), "{}", none.text);
    let binary =
        [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/shop"), ("ce-type", "t"), ("Content-Type", "text/plain")];
    let by_headers = post_to(&api, "/v1/topics/orders", &binary, "the data").await;
    assert_eq!(by_headers.json()["accepted"], 1, "{}", by_headers.text);
    let named = post(&api, CLOUD_EVENT, cloud_event(r#","topic":"orders""#)).await;
    assert_eq!(named.json()["accepted"], 1, "{}", named.text);
    let by_header = post_to(&api, "/v1/events", &[binary.as_slice(), &[("ce-topic", "orders")]].concat(), "").await;
    assert_eq!(by_header.json()["accepted"], 1, "{}", by_header.text);
}

#[tokio::test]
async fn what_is_no_cloud_event_is_refused_as_a_whole_and_by_name() {
    let api = api();
    let unnamed = post(&api, CLOUD_EVENT, cloud_event("")).await.problem(422, "bad_cloud_event", Some("topic"));
    assert!(unnamed.contains("/v1/topics/{topic}") && unnamed.contains("ce-topic"), "{unnamed}");
    let second = format!("[{},{}]", cloud_event(r#","topic":"orders""#), cloud_event(r#","topic":"social.post""#));
    let detail = post(&api, CLOUD_EVENTS, second).await.problem(422, "bad_cloud_event", Some("topic"));
    assert!(detail.starts_with("event 2 of the batch: events of topic 'social.post' have another form"), "{detail}");
    post(&api, CLOUD_EVENT, "{}").await.problem(422, "bad_cloud_event", Some("specversion"));
    post(&api, CLOUD_EVENTS, cloud_event("")).await.problem(422, "bad_cloud_event", Some("body"));
    let xml = post(&api, Some("application/cloudevents+xml"), "<event/>").await;
    xml.problem(415, "bad_cloud_event", Some("Content-Type"));
    let first = post(&api, LINES, "{}").await;
    assert_eq!(first.json()["position"], "social.post:1:1", "something of a request that was refused was taken");
}
