//! The rows that each reader sees: nothing a request can say shows a reader another reader's row.

use super::*;

#[tokio::test]
async fn a_view_that_is_denied_is_as_unknown_as_one_that_does_not_exist() {
    let api = api();
    for token in [None, Some(token(1)), Some(sign(json!({ "sub": "1", "role": "auditor", "exp": FAR_FUTURE })))] {
        let mut answers = Vec::new();
        for name in ["secrets", "zecretz"] {
            let uri = format!("/v1/views/{name}?limit=1");
            let answer = match &token {
                Some(token) => get_as(&api, token, &uri).await,
                None => get(&api, &uri).await,
            };
            answer.problem(404, "unknown_view", Some("view"));
            assert_eq!(answer.json()["suggestion"], Json::Null);
            answers.push(answer.text.replace(name, "?"));
        }
        assert_eq!(answers[0], answers[1]);
    }
}

#[tokio::test]
async fn names_are_suggested_only_of_views_that_the_caller_may_read() {
    let api = api();
    let of = |answer: Answer| answer.json()["suggestion"].as_str().map(str::to_owned);
    assert_eq!(of(get(&api, "/v1/views/post").await).as_deref(), Some("posts"));
    assert_eq!(of(get(&api, "/v1/views/folowing_feed").await), None);
    assert_eq!(of(get_as(&api, &token(1), "/v1/views/folowing_feed").await).as_deref(), Some("following_feed"));
    assert_eq!(of(get_as(&api, &token(1), "/v1/views/secret").await), None);
}

#[tokio::test]
async fn a_policy_needs_a_token() {
    let answer = get(&api(), "/v1/views/following_feed?limit=20").await;
    answer.problem(401, "token_needed", Some("Authorization"));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

/// Every way to ask for rows, by every reader: only rows of the reader come back.
#[tokio::test]
async fn no_query_filter_order_or_selection_shows_a_row_of_somebody_else() {
    let api = api();
    let queries = [
        "limit=1000",
        "user_id=eq.{other}",
        "user_id=in.(1,2,3)&limit=1000",
        "user_id=gte.0&limit=1000",
        "user_id=gt.{me}&limit=1000",
        "user_id=lt.{me}&limit=1000",
        "user_id=is.null",
        "post_id=eq.7",
        "post_id=in.(1,2,3)&user_id=eq.{other}",
        "order=created_at.asc&limit=1000",
        "order=user_id.desc,created_at.asc&limit=1000",
        "text=eq.for%20{other}:%20post%207",
        "text=gte.for%20{other}&limit=1000",
        "select=user_id,text&created_at=gte.1970-01-01T00:00:10Z&limit=1000",
    ];
    for me in USERS {
        for other in USERS.filter(|other| *other != me) {
            for query in queries {
                let query = query.replace("{me}", &me.to_string()).replace("{other}", &other.to_string());
                let answer = get_as(&api, &token(me), &format!("/v1/views/following_feed?{query}")).await;
                for row in answer.rows() {
                    assert_eq!(row["user_id"], me, "{query}: {row}");
                }
            }
        }
        let all = get_as(&api, &token(me), "/v1/views/following_feed?limit=1000").await;
        assert_eq!(all.rows().len() as i64, FEED_ROWS);
        let narrowed = get_as(&api, &token(me), "/v1/views/following_feed?user_id=in.(1,2,3)&limit=1000").await;
        assert_eq!(narrowed.rows(), all.rows());
    }
}

#[tokio::test]
async fn rows_of_either_party_are_found_over_any_index() {
    let api = api();
    for me in USERS {
        for order in ["message_id", "message_id.desc", "sender,message_id", "body", "body.desc"] {
            let answer = get_as(&api, &token(me), &format!("/v1/views/messages?order={order}&limit=2")).await;
            assert_eq!(answer.rows().len(), 2, "{order}");
            let answer = get_as(&api, &token(me), &format!("/v1/views/messages?order={order}")).await;
            assert_eq!(answer.rows().len(), 5, "{order}");
            for row in answer.rows() {
                assert!(row["sender"] == me || row["receiver"] == me, "{order}: {row}");
            }
        }
    }
    let auditor = sign(json!({ "role": "auditor", "exp": FAR_FUTURE }));
    assert_eq!(get_as(&api, &auditor, "/v1/views/messages").await.rows().len(), 9);
}

#[tokio::test]
async fn a_cursor_is_of_one_reader() {
    let api = api();
    let uri = "/v1/views/following_feed?limit=5";
    let mine = get_as(&api, &token(1), uri).await;
    let cursor = mine.json()["next"].as_str().unwrap().to_owned();
    let stolen = get_as(&api, &token(2), &format!("{uri}&cursor={cursor}")).await;
    stolen.problem(400, "bad_cursor", Some("cursor"));
    let renewed = sign(json!({ "sub": "1", "exp": FAR_FUTURE + 60 }));
    assert_eq!(get_as(&api, &renewed, &format!("{uri}&cursor={cursor}")).await.rows().len(), 5);
    for changed in ["&user_id=eq.1&post_id=gt.3", "&order=created_at.asc", "&text=gt.a"] {
        let answer = get_as(&api, &token(1), &format!("{uri}{changed}&cursor={cursor}")).await;
        answer.problem(400, "bad_cursor", Some("cursor"));
    }
}

#[tokio::test]
async fn a_forged_cursor_shows_no_row_of_somebody_else() {
    let api = api();
    let uri = "/v1/views/following_feed?limit=1000";
    let mine = get_as(&api, &token(1), "/v1/views/following_feed?limit=1").await;
    let cursor = mine.json()["next"].as_str().unwrap().to_owned();
    // Whoever had the key could put any row in it; the rule holds all the same.
    let key = CursorKey::from_bytes([7; 32]);
    let sealed = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, cursor).unwrap();
    let content = key.open("following_feed", &sealed).unwrap();
    let number = |at: usize| u64::from_be_bytes(content[at..at + 8].try_into().unwrap());
    let seal = crate::read::cursor::Seal { query: number(0), definition: number(8) };
    let long = [0x80; 600];
    for forged in [&[0u8; 0][..], &[0; 40], &[0xff; 40], &[1, 0x80, 0, 0, 0, 0, 0, 0, 3], b"\x01", &long] {
        let cursor = crate::read::cursor::RowCursor::behind(forged, 1);
        let cursor = crate::http::query::cursor::cursor_text(&cursor, &key, seal, "following_feed");
        let answer = get_as(&api, &token(1), &format!("{uri}&cursor={cursor}")).await;
        for row in answer.rows() {
            assert_eq!(row["user_id"], 1);
        }
    }
}

#[tokio::test]
async fn a_token_without_the_claim_sees_no_rows() {
    let api = api();
    let claims = [json!({ "exp": FAR_FUTURE }), json!({ "sub": "01", "exp": FAR_FUTURE })];
    for claims in claims {
        let answer = get_as(&api, &sign(claims.clone()), "/v1/views/following_feed").await;
        assert!(answer.rows().is_empty(), "{claims}");
    }
    let number = sign(json!({ "sub": 1, "exp": FAR_FUTURE }));
    assert_eq!(get_as(&api, &number, "/v1/views/following_feed?limit=5").await.rows().len(), 5);
}

#[tokio::test]
async fn the_list_has_the_views_of_the_caller() {
    let api = api();
    let names = |answer: Answer| {
        let views = answer.json()["views"].as_array().unwrap().clone();
        views.iter().map(|view| view["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let answer = get(&api, "/v1/views").await;
    let posts = &answer.json()["views"][0];
    assert_eq!(posts["columns"][1], json!({ "name": "author_id", "type": "BIGINT" }));
    let by_author = json!([{ "column": "author_id", "descending": false }, { "column": "post_id", "descending": true }]);
    assert_eq!(posts["indexes"][1], json!({ "name": "by_author", "columns": by_author, "limit": 3 }));
    assert_eq!(posts["rows"], 15);
    assert_eq!(names(answer), ["posts"]);
    let answer = get_as(&api, &token(1), "/v1/views").await;
    assert_eq!(answer.json()["views"][0]["rows"], Json::Null);
    assert_eq!(names(answer), ["following_feed", "messages", "posts"]);
}

#[tokio::test]
async fn own_rows_are_found_among_many_of_others() {
    let views = social();
    let columns = views.view("following_feed").unwrap().view.columns.clone();
    let of = |user: i64, number: i64| {
        let values = [Value::Int(user), Value::Timestamp(number), Value::Int(number), text("many")];
        (row(&columns, &values), 1)
    };
    let mut rows: Vec<(Row, i64)> = (0..20_000).map(|number| of(4, number)).collect();
    rows.push(of(5, 1));
    publish(&views, 2, &[("following_feed", rows)]);
    let api = api_with(views, config());
    assert_eq!(get_as(&api, &token(5), "/v1/views/following_feed").await.rows().len(), 1);
    assert_eq!(get_as(&api, &token(5), "/v1/views/following_feed?order=user_id.desc,created_at.asc").await.rows().len(), 1);
}
