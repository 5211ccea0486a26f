//! The endpoints of operators, and the API under load.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;

#[tokio::test]
async fn dead_letters_are_for_operators_and_come_in_pages() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    get(&api, "/v1/dead-letters").await.problem(401, "token_needed", Some("Authorization"));
    get_as(&api, &token(1), "/v1/dead-letters").await.problem(403, "missing_scope", Some("Authorization"));
    let operator = sign(json!({ "scope": "operator", "exp": FAR_FUTURE }));
    let answer = get_as(&api, &operator, "/v1/dead-letters?limit=2").await.json();
    assert_eq!(
        answer["dead_letters"][0],
        json!({
            "id": 1, "topic": "tidewater.dead_letters", "partition": 0, "offset": 1, "arrived": null, "sender_actor": null,
            "relation": null, "sent_to": "social.post", "reason": "missing_field",
            "field": "payload.text", "detail": "is required", "length": 7, "text": "{\"a\":\u{fffd}}", "base64": "eyJhIjr/fQ==",
        })
    );
    assert_eq!((&answer["next"], &answer["dead_letters_total"]), (&json!(2), &json!(3)));
    let error = json!({
        "id": 1, "relation": "posts", "expression": "1 / likes", "detail": "division by zero", "row": "{\"likes\":0}", "count": 2,
    });
    assert_eq!((&answer["row_errors"], &answer["row_errors_total"]), (&json!([error]), &json!(2)));
    let answer = get_as(&api, &operator, "/v1/dead-letters?limit=2&after=2").await.json();
    assert_eq!((&answer["dead_letters"][0]["offset"], &answer["next"]), (&json!(3), &Json::Null));
    let commit = Commit { epoch: Epoch(2), retried: vec![2], ..Commit::default() };
    publish_commit(&views, commit, &[]);
    let answer = get_as(&api, &operator, "/v1/dead-letters").await.json();
    let ids: Vec<_> = answer["dead_letters"].as_array().unwrap().iter().map(|letter| letter["id"].as_u64().unwrap()).collect();
    assert_eq!((ids, &answer["dead_letters_total"], &answer["dead_letters_retried"]), (vec![1, 3], &json!(3), &json!(1)));
    get_as(&api, &operator, "/v1/dead-letters?limit=101").await.problem(400, "bad_parameter", Some("limit"));
}

#[tokio::test]
async fn readiness_tells_how_far_the_views_are() {
    let with = |readiness| {
        let health = Arc::new(TestHealth(readiness));
        router(ApiState::new(social(), Arc::new(TextIngest::default()), health, config()))
    };
    let catching_up = with(Readiness::CatchingUp { records_done: 3, records_total: 9 });
    let answer = get(&catching_up, "/readyz").await;
    assert!(answer.problem(503, "catching_up", None).contains("3 of 9"));
    assert_eq!(answer.json()["records_done"], 3);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(get(&catching_up, "/healthz").await.status, StatusCode::OK);
    let halted = with(Readiness::Halted { reason: "topic 'social.post' was created again".into() });
    assert!(get(&halted, "/readyz").await.problem(503, "source_halted", None).contains("was created again"));
    assert_eq!(
        get(&with(Readiness::Ready), "/readyz").await.json(),
        json!({ "ready": true, "takes_events": false, "position": "2a:1" })
    );
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_describe_the_views() {
    let api = api();
    get(&api, "/v1/views/posts").await;
    get(&api, "/v1/views/following_feed").await;
    get(&api, "/nowhere").await;
    let answer = get(&api, "/metrics").await;
    let lines: Vec<&str> = answer.text.lines().collect();
    for expected in [
        "tidewater_http_requests_total{route=\"/v1/views/{view}\",status=\"200\"} 1",
        "tidewater_http_requests_total{route=\"/v1/views/{view}\",status=\"401\"} 1",
        "tidewater_http_requests_total{route=\"unmatched\",status=\"404\"} 1",
        "tidewater_http_request_duration_seconds_count{route=\"/v1/views/{view}\"} 2",
        "tidewater_view_rows{view=\"following_feed\",index=\"newest\"} 150.0",
        "tidewater_events_ingested_total 11",
        "tidewater_events_processed_total 7",
        "tidewater_dead_letters_total 3",
        "tidewater_dead_letters_retried_total 0",
        "tidewater_dead_letters_discarded_total 0",
        "tidewater_views_hydrating 0.0",
        "tidewater_row_errors 2.0",
        "tidewater_epoch 1.0",
        "tidewater_ingest_lines_refused_total 3",
        "tidewater_lag_records 4.0",
        "tidewater_lag_bytes 900.0",
        "tidewater_lag_seconds 1.5",
        "tidewater_ingest_lag_records_max 100.0",
        "tidewater_ingest_lag_bytes_max 10000.0",
        "tidewater_ingest_lag_seconds_max 5.0",
        "tidewater_epoch_duration_seconds 0.002",
        "tidewater_ready 1.0",
        "tidewater_disk_free_bytes 5.0",
        "tidewater_disk_reserve_bytes 70.0",
        "tidewater_disk_full 1.0",
        "tidewater_checkpoints_total 3",
        "tidewater_checkpoint_epoch 4.0",
        "tidewater_checkpoint_timestamp_seconds 1700000000.5",
        "tidewater_checkpoint_duration_seconds 0.25",
        "tidewater_checkpoint_bytes 4096.0",
        "tidewater_sink_attached{sink=\"posts_out\"} 1.0",
        "tidewater_sink_lag_epochs{sink=\"posts_out\"} 2.0",
        "tidewater_sink_commits_total{sink=\"posts_out\"} 9",
        "tidewater_sink_errors_total{sink=\"posts_out\"} 1",
        "tidewater_log_topic_bytes{topic=\"social.post\"} 777.0",
        "# TYPE tidewater_dead_letters_total counter",
        "# TYPE process_cpu_seconds_total counter",
    ] {
        assert!(lines.contains(&expected), "no line '{expected}' in:\n{}", answer.text);
    }
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(!answer.text.contains("# EOF") && !answer.text.contains("# UNIT"), "{}", answer.text);
    for name in ["resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"] {
        let name = format!("process_{name} ");
        let line = lines.iter().find_map(|line| line.strip_prefix(name.as_str()));
        assert!(line.is_some_and(|value| value.parse::<f64>().unwrap() > 0.0), "no '{name}' in:\n{}", answer.text);
    }
    let request = Request::get("/metrics").header("Accept", "application/openmetrics-text").body(Body::empty()).unwrap();
    let answer = send(&api, request).await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(
        answer.text.ends_with("# EOF\n") && answer.text.contains("# TYPE tidewater_dead_letters counter\n"),
        "{}",
        answer.text
    );
}

/// A process whose figures take as long as a test wants.
struct SlowHealth {
    healthy: TestHealth,
    /// scrapes that look at the figures now
    running: AtomicUsize,
    running_max: AtomicUsize,
    begun: UnboundedSender<()>,
    /// ends with the test
    gate: Mutex<Receiver<()>>,
}

impl Health for SlowHealth {
    fn lineage(&self) -> Lineage {
        self.healthy.lineage()
    }

    fn status(&self) -> HostStatus {
        self.healthy.status()
    }

    fn readiness(&self) -> Readiness {
        self.healthy.readiness()
    }

    fn figures(&self) -> Figures {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.running_max.fetch_max(running, Ordering::SeqCst);
        // A test that has failed is gone, and waits for nothing.
        let _ = self.begun.send(());
        let waited = self.gate.lock().recv_timeout(Duration::from_secs(30));
        assert_ne!(waited, Err(RecvTimeoutError::Timeout), "the test waits for this scrape");
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.healthy.figures()
    }

    fn measurements(&self) -> Measurements {
        self.healthy.measurements()
    }
}

#[tokio::test]
async fn scrapes_keep_no_other_request_waiting_and_only_two_are_written_at_a_time() {
    let ((begun, mut begins), (open, gate)) = (unbounded_channel(), channel());
    let (running, running_max) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let healthy = TestHealth(Readiness::Ready);
    let health = Arc::new(SlowHealth { healthy, running, running_max, begun, gate: Mutex::new(gate) });
    let shared = Arc::clone(&health) as Arc<dyn Health>;
    let api = router(ApiState::new(social(), Arc::new(TextIngest::default()), shared, config()));
    let scrape = |_| {
        let api = api.clone();
        tokio::spawn(async move { get(&api, "/metrics").await.status })
    };
    let scrapes: Vec<_> = (0..18).map(scrape).collect();
    for _ in 0..2 {
        begins.recv().await.unwrap();
    }
    assert_eq!(get(&api, "/healthz").await.status, StatusCode::OK, "scrapes keep a health check waiting");
    let refused = get(&api, "/metrics").await;
    refused.problem(503, "busy", None);
    assert_eq!(refused.header("retry-after"), "1");
    drop(open);
    for scrape in scrapes {
        assert_eq!(scrape.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(health.running_max.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn requests_beyond_the_limit_are_turned_away_but_health_checks_are_not() {
    let api = api_with(social(), limited(Limits { requests_max: 1, ..Limits::default() }));
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { get(&api, "/v1/views/posts?after=2a:9&wait=30000").await }
    });
    tokio::task::yield_now().await;
    let answer = get(&api, "/v1/views/posts").await;
    answer.problem(503, "busy", None);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(get(&api, "/healthz").await.status, StatusCode::OK);
    assert_eq!(get(&api, "/metrics").await.status, StatusCode::OK);
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(get(&api, "/v1/views/posts").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let api = api_with(social(), limited(Limits { request_timeout: Duration::from_millis(10), ..Limits::default() }));
    let answer = send(&api, Request::post("/v1/events").body("slow".into()).unwrap()).await;
    answer.problem(503, "timeout", None);
}

#[tokio::test]
async fn a_dead_letter_is_sent_again_by_operators_and_only_while_it_is_listed() {
    let views = social();
    let api = api_with(Arc::clone(&views), config());
    let operator = sign(json!({ "scope": "operator", "exp": FAR_FUTURE }));
    post(&api, "/v1/dead-letters/1/retry", None).await.problem(401, "token_needed", Some("Authorization"));
    post(&api, "/v1/dead-letters/1/retry", Some(&token(1))).await.problem(403, "missing_scope", Some("Authorization"));
    let operator = Some(operator.as_str());
    let answer = post(&api, "/v1/dead-letters/1/retry", operator).await;
    answer.problem(422, "event_rejected", None);
    assert_eq!((&answer.json()["id"], &answer.json()["reason"]), (&json!(1), &json!("invalid_utf8")));
    for id in ["0", "4", "18446744073709551615"] {
        post(&api, &format!("/v1/dead-letters/{id}/retry"), operator).await.problem(404, "unknown_dead_letter", Some("id"));
    }
    post(&api, "/v1/dead-letters/first/retry", operator).await.problem(400, "bad_parameter", Some("id"));
    let good = DeadLetter { bytes: b"good".to_vec(), sender_actor: Some("3".into()), ..dead_letter(4) };
    publish_commit(&views, Commit { epoch: Epoch(2), dead_letters: vec![good], ..Commit::default() }, &[]);
    let others = DeadLetter { bytes: b"other actor".to_vec(), ..dead_letter(5) };
    publish_commit(&views, Commit { epoch: Epoch(3), dead_letters: vec![others], ..Commit::default() }, &[]);
    let answer = post(&api, "/v1/dead-letters/5/retry", operator).await;
    let detail = answer.problem(403, "event_forbidden", Some("event.actor_id"));
    assert!(detail.contains("actor '3'") && answer.json()["reason"] == "other_actor", "{}", answer.text);
    assert_eq!(get_as(&api, operator.unwrap(), "/v1/dead-letters?after=3").await.json()["dead_letters"][0]["sender_actor"], "3");
    let answer = post(&api, "/v1/dead-letters/4/retry", operator).await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("accepted")));
    assert_eq!(answer.json()["position"], answer.header("tidewater-position"));
}

#[tokio::test]
async fn a_process_that_waits_for_its_disk_is_not_ready_and_says_why() {
    let health = Arc::new(TestHealth(Readiness::Stalled { reason: "no space is left".into() }));
    let api = router(ApiState::new(social(), Arc::new(TextIngest::default()), health, config()));
    let answer = get(&api, "/readyz").await;
    assert!(answer.problem(503, "stalled", None).contains("no space is left"));
    assert_eq!(answer.header("retry-after"), "1");
}

async fn post(api: &Router, uri: &str, token: Option<&str>) -> Answer {
    let mut request = Request::post(uri);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    send(api, request.body(Body::empty()).unwrap()).await
}
