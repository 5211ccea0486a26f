//! Provenance of a row: who may ask, which row is meant, and the words of an incomplete answer.

use super::*;
use crate::{Provenance, WhyAnswer, WhyEvent, WhyQuestion, WhyRefusal, WhyRow};

/// Finds one event for each row, as far as the first one's value says: a row of post 20 is cut, of 21 not found, 22 fails, 23 is replaced.
#[derive(Default)]
struct TestProvenance {
    asked: Mutex<Vec<WhyQuestion>>,
}

impl Provenance for TestProvenance {
    fn why(&self, question: WhyQuestion) -> BoxFuture<'_, Result<WhyAnswer, WhyRefusal>> {
        self.asked.lock().push(question.clone());
        let event = WhyEvent {
            topic: Topic::new("social.post"),
            partition: Partition(3),
            offset: Offset(7),
            event_id: Some("018c".into()),
            event_type: Some("post.created".into()),
            occurred_at: 1_704_067_200_000_000,
            json: "{\"payload\":{\"text\":\"x\"}}".into(),
        };
        let post = |row: &Row| match FieldKind::Int64.read(row.as_bytes(), 0) {
            Value::Int(post) => post,
            other => panic!("{other:?}"),
        };
        let answer = match post(&question.rows[0]) {
            22 => Err(WhyRefusal::Failed { detail: "the disk is gone".into() }),
            23 => Err(WhyRefusal::Replaced),
            24 => Ok(WhyAnswer {
                unfinished: Some("it takes too long".into()),
                rows: vec![WhyRow::default()],
                ..WhyAnswer::default()
            }),
            first => Ok(WhyAnswer {
                rows: question
                    .rows
                    .iter()
                    .map(|row| WhyRow { is_found: post(row) != 21, events: vec![event.clone()], is_cut: post(row) == 20 })
                    .collect(),
                records: 12,
                gaps: if first == 21 { vec![(Topic::new("social.post"), Partition(1), Offset(5))] } else { Vec::new() },
                unfinished: None,
            }),
        };
        Box::pin(std::future::ready(answer))
    }
}

fn operator(user: i64) -> String {
    sign(json!({ "sub": user.to_string(), "scope": "operator", "exp": FAR_FUTURE }))
}

fn with_provenance() -> (Router, Arc<TestProvenance>) {
    let provenance = Arc::new(TestProvenance::default());
    let shared: Arc<dyn Provenance> = Arc::clone(&provenance) as Arc<dyn Provenance>;
    (api_with(social(), ApiConfig { provenance: Some(shared), ..config() }), provenance)
}

#[tokio::test]
async fn a_row_is_answered_with_its_events() {
    let (api, provenance) = with_provenance();
    let answer = get_as(&api, &operator(1), "/v1/views/posts/why?post_id=eq.10").await;
    assert_eq!(answer.header("tidewater-position"), "2a:1");
    let event = json!({
        "topic": "social.post", "partition": 3, "offset": 7, "event_id": "018c", "event_type": "post.created",
        "occurred_at": "2024-01-01T00:00:00.000000Z", "event": { "payload": { "text": "x" } },
    });
    let row = json!({ "post_id": 10, "author_id": 1, "text": "hello \"world\"", "visibility": "public" });
    assert_eq!(
        answer.json(),
        json!({
            "view": "posts", "rows": [{ "row": row, "found": true, "cut": false, "events": [event] }], "more": false,
            "complete": true, "reason": null, "gaps": [], "records_read": 12, "position": "2a:1",
        })
    );
    let asked = provenance.asked.lock().pop().unwrap();
    assert_eq!((asked.events_max, asked.wall_micros, asked.rows.len()), (100, 1, 1));
    assert_eq!(asked.consumed, [((Topic::new("social.post"), Partition(0)), Offset(10))].into());
    let columns = asked.view.columns.clone();
    assert_eq!(asked.rows[0], super::row(&columns, &[Value::Int(10), Value::Int(1), text("hello \"world\""), text("public")]));
    let places = get_as(&api, &operator(1), "/v1/views/posts/why?post_id=eq.10&detail=place&events=5").await.json();
    assert_eq!(places["rows"][0]["events"][0]["event"], Json::Null);
    assert_eq!(provenance.asked.lock()[0].events_max, 5);
}

#[tokio::test]
async fn rows_are_limited_and_those_that_others_may_read_are_not_there() {
    let (api, provenance) = with_provenance();
    let answer = get_as(&api, &operator(1), "/v1/views/posts/why?author_id=eq.1&limit=2").await.json();
    let posts: Vec<&Json> = answer["rows"].as_array().unwrap().iter().map(|row| &row["row"]["post_id"]).collect();
    assert_eq!((posts, &answer["more"]), (vec![&json!(14), &json!(13)], &json!(true)), "the order is that of the index");
    provenance.asked.lock().clear();
    let others = get_as(&api, &operator(1), "/v1/views/messages/why?message_id=eq.23").await.json();
    assert_eq!((&others["rows"], &others["complete"]), (&json!([]), &json!(true)));
    assert!(provenance.asked.lock().is_empty(), "nothing is looked for");
    assert_eq!(get_as(&api, &operator(2), "/v1/views/messages/why?message_id=eq.21").await.rows().len(), 1);
}

#[tokio::test]
async fn only_operators_may_ask() {
    let (api, _) = with_provenance();
    let path = "/v1/views/posts/why?post_id=eq.10";
    get(&api, path).await.problem(401, "token_needed", Some("Authorization"));
    get_as(&api, "nonsense", path).await.problem(401, "bad_token", Some("Authorization"));
    get_as(&api, &token(1), path).await.problem(403, "missing_scope", Some("Authorization"));
    get_as(&api, &operator(1), "/v1/views/secrets/why?id=eq.1").await.problem(404, "unknown_view", Some("view"));
    get_as(&super::api(), &operator(1), path).await.problem(404, "no_provenance", None);
}

#[tokio::test]
async fn bad_questions_say_what_is_wrong() {
    let (api, provenance) = with_provenance();
    for (query, kind, field) in [
        ("", "row_not_named", None),
        ("?limit=1", "row_not_named", None),
        ("?post_id=eq.1&limit=11", "bad_parameter", Some("limit")),
        ("?post_id=eq.1&events=0", "bad_parameter", Some("events")),
        ("?post_id=eq.1&detail=much", "bad_parameter", Some("detail")),
        ("?post_id=1", "bad_operator", Some("post_id")),
        ("?pots_id=eq.1", "unknown_column", Some("pots_id")),
        ("?post_id=eq.1&cursor=x", "unknown_column", Some("cursor")),
    ] {
        let answer = get_as(&api, &operator(1), &format!("/v1/views/posts/why{query}")).await;
        answer.problem(400, kind, field);
    }
    get_as(&api, &operator(1), "/v1/views/pots/why?post_id=eq.1").await.problem(404, "unknown_view", Some("view"));
    assert!(provenance.asked.lock().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_whole_says_why() {
    let (api, _) = with_provenance();
    let ask = async |post: i64| get_as(&api, &operator(2), &format!("/v1/views/posts/why?post_id=eq.{post}")).await;
    let of = |answer: &Answer| (answer.json()["complete"].clone(), answer.json()["reason"].as_str().unwrap().to_owned());
    let cut = ask(20).await;
    assert_eq!(of(&cut), (json!(false), "there are more events than were asked for".into()));
    let gone = ask(21).await;
    assert_eq!(gone.json()["gaps"], json!([{ "topic": "social.post", "partition": 1, "earliest": 5 }]));
    assert!(of(&gone).1.starts_with("the log no longer has all events"), "{gone:?}");
    assert_eq!(of(&ask(24).await).1, "the search was not finished, because it takes too long");
    let failed = ask(22).await.problem(503, "why_failed", None);
    assert!(failed.ends_with("the disk is gone"), "{failed}");
    ask(23).await.problem(409, "view_replaced", Some("view"));
}

#[tokio::test]
async fn rows_have_whole_numbers_as_texts_for_whoever_prefers_it() {
    let (api, _) = with_provenance();
    let request = Request::get("/v1/views/posts/why?post_id=eq.10").header("Authorization", format!("Bearer {}", operator(1)));
    let answer = send(&api, request.header("Prefer", "bigint=string").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("preference-applied"), "bigint=string");
    let answered = &answer.json()["rows"][0];
    assert_eq!((&answered["row"]["post_id"], &answered["row"]["author_id"]), (&json!("10"), &json!("1")));
    assert_eq!(answered["events"][0]["offset"], 7, "an event is as it came");
}
