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
async fn topics_are_listed() {
    let answer = get(&api(), "/v1/topics").await;
    let partitions = json!([{ "partition": 0, "earliest": 0, "next": 10 }, { "partition": 1, "earliest": 3, "next": 4 }]);
    let topic = json!({ "name": "social.post", "message": "social.v1.PostEvent", "partitions": partitions });
    assert_eq!(answer.json()["topics"], json!([topic]));
}
