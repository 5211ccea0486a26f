//! Dead letters: conditions on their list, discarding them, replacing them; and pages of the errors of rows.

use super::*;

fn operator() -> String {
    sign(json!({ "scope": "operator", "exp": FAR_FUTURE }))
}

async fn ids(api: &Router, conditions: &str) -> Vec<u64> {
    let answer = get_as(api, &operator(), &format!("/v1/dead-letters?{conditions}")).await.json();
    answer["dead_letters"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"))
        .iter()
        .map(|letter| letter["id"].as_u64().unwrap())
        .collect()
}

/// Letters 4 to 13 arrive at 104 s to 113 s; every other one is no JSON.
fn with_more_letters() -> Arc<Views> {
    let views = social();
    let more = (4..14).map(|offset| {
        let reason = if offset % 2 == 0 { Reason::NotJson } else { Reason::BadId };
        let sent_to = (offset % 2 == 1).then(|| "social.user".to_owned());
        DeadLetter {
            fault: Fault::new(reason, "so"),
            sent_to,
            arrived: Some((100 + offset as i64) * 1_000_000),
            ..dead_letter(offset)
        }
    });
    publish_commit(&views, Commit { epoch: Epoch(2), dead_letters: more.collect(), ..Commit::default() }, &[]);
    views
}

#[tokio::test]
async fn letters_are_chosen_by_reason_topic_and_time_before_a_page_is_cut() {
    let api = api_with(with_more_letters(), config());
    assert_eq!(ids(&api, "reason=not_json&limit=3").await, [4, 6, 8]);
    assert_eq!(ids(&api, "reason=not_json&limit=3&after=8").await, [10, 12]);
    assert_eq!(ids(&api, "topic=social.user&reason=bad_id").await, [5, 7, 9, 11, 13]);
    assert_eq!(ids(&api, "topic=tidewater.dead_letters&limit=100").await.len(), 13, "all have their bytes there");
    assert_eq!(ids(&api, "since=1970-01-01T00:01:52Z").await, [12, 13]);
    assert_eq!(
        ids(&api, "until=1970-01-01T00:01:45Z").await,
        [2, 3, 4],
        "the first has no known time, and the last is not before it"
    );
    assert_eq!(ids(&api, "since=1970-01-01T01:01:45%2B01:00&until=1970-01-01T00:01:48Z&reason=bad_id").await, [5, 7]);
    let answer = get_as(&api, &operator(), "/v1/dead-letters?reason=not_json&limit=2").await.json();
    assert_eq!((&answer["next"], &answer["dead_letters"][1]["arrived"]), (&json!(6), &json!("1970-01-01T00:01:46.000000Z")));
    let operator = operator();
    let refused = get_as(&api, &operator, "/v1/dead-letters?reason=not_jason").await;
    assert!(refused.problem(400, "bad_parameter", Some("reason")).contains("not_json, not_an_object"));
    get_as(&api, &operator, "/v1/dead-letters?since=yesterday").await.problem(400, "bad_parameter", Some("since"));
    get_as(&api, &operator, "/v1/dead-letters?until=2026-01-01").await.problem(400, "bad_parameter", Some("until"));
}

#[tokio::test]
async fn a_letter_is_discarded_by_operators_while_it_is_listed() {
    let (views, ingest) = (social(), Arc::new(TextIngest::default()));
    let api = router(ApiState::new(
        Arc::clone(&views) as _,
        Arc::clone(&ingest) as _,
        Arc::new(TestHealth(Readiness::Ready)),
        config(),
    ));
    let discard = |token: Option<String>, id: &str| {
        let mut request = Request::delete(format!("/v1/dead-letters/{id}"));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        send(&api, request.body(Body::empty()).unwrap())
    };
    discard(None, "1").await.problem(401, "token_needed", Some("Authorization"));
    discard(Some(token(1)), "1").await.problem(403, "missing_scope", Some("Authorization"));
    discard(Some(operator()), "9").await.problem(404, "unknown_dead_letter", Some("id"));
    discard(Some(operator()), "all").await.problem(400, "bad_parameter", Some("id"));
    assert!(ingest.discarded.lock().is_empty());
    let answer = discard(Some(operator()), "2").await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "id": 2, "status": "discarded" })));
    assert_eq!(*ingest.discarded.lock(), [2]);
    publish_commit(&views, Commit { epoch: Epoch(2), discarded: vec![2], ..Commit::default() }, &[]);
    let list = get_as(&api, &operator(), "/v1/dead-letters").await.json();
    let counts = ["total", "retried", "discarded"].map(|name| list[format!("dead_letters_{name}")].as_u64().unwrap());
    assert_eq!((ids(&api, "").await, counts), (vec![1, 3], [3, 0, 1]));
    discard(Some(operator()), "2").await.problem(404, "unknown_dead_letter", Some("id"));
    assert_eq!(get_as(&api, &operator(), "/v1/status").await.json()["dead_letters"], 2);
}

#[tokio::test]
async fn a_letter_is_sent_again_with_another_line_in_any_form_that_events_have() {
    let api = api();
    let retry = |kind: Option<&str>, body: &str| {
        let request = Request::post("/v1/dead-letters/1/retry").header("Authorization", format!("Bearer {}", operator()));
        let request = kind.into_iter().fold(request, |request, kind| request.header("Content-Type", kind));
        send(&api, request.body(body.to_owned().into()).unwrap())
    };
    for (kind, body) in
        [(Some("application/json"), "{\n  \"topic\": \"social.post\"\n}\n"), (Some("application/x-ndjson"), "{}\n"), (None, "{}")]
    {
        let answer = retry(kind, body).await;
        assert_eq!(
            (answer.status, &answer.json()["status"], &answer.json()["id"]),
            (StatusCode::OK, &json!("accepted"), &json!(1))
        );
    }
    retry(None, "bad").await.problem(422, "event_rejected", Some("payload.text"));
    assert_eq!(retry(None, "bad").await.json()["id"], 1);
    retry(Some("text/plain"), "{}").await.problem(415, "unsupported_media_type", Some("Content-Type"));
    assert!(retry(None, "{}\n{}\n").await.problem(400, "not_one_line", Some("body")).contains("2 lines"));
    retry(None, " \n").await.problem(400, "empty_body", Some("body"));
    let as_it_was = retry(Some("text/plain"), "").await;
    as_it_was.problem(422, "event_rejected", None);
    assert_eq!(as_it_was.json()["reason"], "invalid_utf8", "without a body it is sent as it was");
}

#[tokio::test]
async fn errors_of_rows_come_in_pages_with_relation_expression_and_row() {
    let views = social();
    let error = |n: usize| RowError { row: format!("{{\"likes\":{n}}}"), ..row_error() };
    let errors = (1..=4).map(|n| (error(n), 1)).collect();
    publish_commit(&views, Commit { epoch: Epoch(2), row_errors: errors, ..Commit::default() }, &[]);
    let api = api_with(views, config());
    get(&api, "/v1/dead-letters/row-errors").await.problem(401, "token_needed", Some("Authorization"));
    get_as(&api, &token(1), "/v1/dead-letters/row-errors").await.problem(403, "missing_scope", Some("Authorization"));
    let (mut uri, mut seen) = (Some("/v1/dead-letters/row-errors?limit=2".to_owned()), Vec::new());
    while let Some(next) = uri {
        let page = get_as(&api, &operator(), &next).await.json();
        assert_eq!(page["row_errors_total"], 6);
        seen.extend(page["row_errors"].as_array().unwrap().clone());
        uri = page["next"].as_str().map(|next| format!("/v1/dead-letters/row-errors?limit=2&after={next}"));
    }
    assert_eq!(seen.len(), 5);
    let first = json!({
        "id": 1, "relation": "posts", "expression": "1 / likes", "detail": "division by zero", "row": "{\"likes\":0}", "count": 2,
    });
    assert_eq!((&seen[0], &seen[4]["row"]), (&first, &json!("{\"likes\":4}")));
    // The process of the tests is in its third run.
    let after = |after: &str| format!("/v1/dead-letters/row-errors?after={after}");
    assert_eq!(get_as(&api, &operator(), &after("3-4")).await.json()["row_errors"].as_array().unwrap().len(), 1);
    get_as(&api, &operator(), &after("2-4")).await.problem(410, "earlier_run", Some("after"));
    for bad in ["4", "3-", "-4", "3-x", ""] {
        get_as(&api, &operator(), &after(bad)).await.problem(400, "bad_parameter", Some("after"));
    }
}
