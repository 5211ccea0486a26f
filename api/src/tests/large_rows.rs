//! Pages of rows that are longer than a cursor, with equal beginnings, in both directions, while rows come and go; and limits in bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const COLUMNS: [(&str, FieldKind); 3] = [("body", FieldKind::Text), ("id", FieldKind::Int64), ("secret", FieldKind::Text)];

/// A view whose rows begin with a long text, ascending in one index and descending in the other.
fn documents() -> Arc<Views> {
    let indexes: [(&str, &[&str], Option<usize>); 2] = [("by_body", &["body", "id"], None), ("newest", &["-body", "id"], None)];
    let view = view("documents", &COLUMNS, &indexes, Access::Public);
    Views::new(ViewsDefinition { timeline: Timeline(0x2a), views: vec![view] })
}

fn document(body: &str, id: i64) -> Row {
    row(&COLUMNS.map(|(name, kind)| column(name, kind)), &[text(body), Value::Int(id), text("a secret of nobody")])
}

/// A text of so many bytes; all texts begin alike.
fn body(bytes: usize, number: i64) -> String {
    format!("{}{number:06}", "x".repeat(bytes - 6))
}

fn limited_to(views: &Arc<Views>, page_bytes_max: usize) -> Router {
    api_with(Arc::clone(views), limited(Limits { page_bytes_max, ..Limits::default() }))
}

/// The ids of all pages, of which `between` learns before the next one is asked for.
async fn all_ids(api: &Router, query: &str, mut between: impl FnMut(&[i64])) -> Vec<i64> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..1_000 {
        let answer = get(api, &format!("/v1/views/documents?select=id&{query}{cursor}")).await;
        let page: Vec<i64> = answer.rows().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        seen.extend(&page);
        let Some(next) = answer.json()["next"].as_str().map(str::to_owned) else { return seen };
        assert!(next.len() < 1_000, "a cursor has {} characters", next.len());
        between(&page);
        cursor = format!("&cursor={next}");
    }
    panic!("the pages have no end: {seen:?}")
}

#[tokio::test]
async fn pages_of_rows_of_a_mebibyte_come_to_their_end() {
    const ROWS: i64 = 12;
    let views = documents();
    let rows = (0..ROWS).map(|id| (document(&body(1 << 20, id), id), 1)).collect();
    publish(&views, 1, &[("documents", rows)]);
    let api = limited_to(&views, crate::PAGE_BYTES_MAX);
    let ascending: Vec<i64> = (0..ROWS).collect();
    let descending: Vec<i64> = ascending.iter().rev().copied().collect();
    for (order, expected) in [
        ("body.asc,id.asc", &ascending),
        ("body.desc,id.desc", &descending),
        ("body.desc,id.asc", &descending),
        ("body.asc,id.desc", &ascending),
    ] {
        for limit in [1, 5, 11] {
            assert_eq!(&all_ids(&api, &format!("order={order}&limit={limit}"), |_| {}).await, expected, "{order} by {limit}");
        }
    }
    // All columns: three rows of a mebibyte fit, and the page says where to go on.
    let answer = get(&api, "/v1/views/documents?limit=1000").await;
    assert_eq!(answer.rows().len(), 3);
    assert!(answer.text.len() < crate::PAGE_BYTES_MAX + 1_000 && answer.json()["next"].is_string());
}

#[tokio::test]
async fn no_row_is_left_out_when_rows_come_and_go_between_pages() {
    for (order, length) in
        ["body.asc,id.asc", "body.desc,id.desc", "body.desc,id.asc"].into_iter().flat_map(|order| [(order, 40), (order, 2_000)])
    {
        let views = documents();
        let ids = 0..40_i64;
        publish(&views, 1, &[("documents", ids.clone().map(|id| (document(&body(length, id), id), 1)).collect())]);
        let api = limited_to(&views, crate::PAGE_BYTES_MAX);
        let (mut epoch, mut gone) = (1, Vec::new());
        let seen = all_ids(&api, &format!("order={order}&limit=7"), |page| {
            epoch += 1;
            // The last row of every other page goes, on which the cursor stands; one in the middle goes each time, and another one comes.
            let mut changes =
                vec![(document(&body(length, page[0]), page[0]), -1), (document(&body(length, 100 + epoch), 100 + epoch), 1)];
            gone.push(page[0]);
            if epoch % 2 == 0 && page.len() > 1 {
                let last = page[page.len() - 1];
                changes.push((document(&body(length, last), last), -1));
                gone.push(last);
            }
            publish(&views, epoch as u64, &[("documents", changes)]);
        })
        .await;
        for id in ids.filter(|id| !gone.contains(id)) {
            assert!(seen.contains(&id), "row {id} was left out, {order}, {length} bytes: {seen:?}");
        }
        if length < 512 {
            let mut once = seen.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "a short row was seen twice, {order}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn repeats_of_a_long_row_are_served_once_each() {
    let views = documents();
    let rows = vec![(document(&body(2_000, 1), 1), 5), (document(&body(2_000, 2), 2), 3), (document(&body(2_000, 2), 3), 2)];
    publish(&views, 1, &[("documents", rows)]);
    let api = limited_to(&views, crate::PAGE_BYTES_MAX);
    for limit in 1..=5 {
        let seen = all_ids(&api, &format!("order=body.asc,id.asc&limit={limit}"), |_| {}).await;
        assert_eq!(seen, [1, 1, 1, 1, 1, 2, 2, 2, 3, 3], "by {limit}");
        let seen = all_ids(&api, &format!("order=body.desc,id.desc&limit={limit}"), |_| {}).await;
        assert_eq!(seen, [3, 3, 2, 2, 2, 1, 1, 1, 1, 1], "backwards by {limit}");
    }
}

#[tokio::test]
async fn a_page_ends_before_it_has_too_many_bytes_but_has_one_row() {
    let views = documents();
    publish(&views, 1, &[("documents", (0..10).map(|id| (document(&body(100, id), id), 1)).collect())]);
    for (bytes, rows) in [(1, 1), (180, 1), (400, 2), (10_000, 10)] {
        let api = limited_to(&views, bytes);
        let answer = get(&api, "/v1/views/documents?order=body.asc,id.asc").await;
        assert_eq!(answer.rows().len(), rows, "{bytes} bytes: {}", answer.text);
        assert_eq!(answer.json()["next"].is_null(), rows == 10);
        assert_eq!(all_ids(&api, "order=body.asc,id.asc&limit=1000", |_| {}).await, (0..10).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_search_for_the_row_of_a_cursor_has_a_limit() {
    let views = documents();
    let rows = (0..11_100).map(|id| (document(&format!("{}{id:06}", "x".repeat(594)), id), 1)).collect();
    publish(&views, 1, &[("documents", rows)]);
    let api = limited_to(&views, crate::PAGE_BYTES_MAX);
    let (mut cursor, mut pages) = (String::new(), 0);
    let refused = loop {
        let answer = get(&api, &format!("/v1/views/documents?select=id&order=body.asc,id.asc&limit=1000{cursor}")).await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        cursor = format!("&cursor={}", answer.json()["next"].as_str().expect("there are more rows than are looked at"));
        pages += 1;
    };
    refused.problem(400, "index_needed", None);
    assert_eq!(pages, 11);
}

#[tokio::test]
async fn a_cursor_shows_nothing_of_its_row_and_is_for_one_view_reader_and_server() {
    let views = documents();
    publish(&views, 1, &[("documents", (0..3).map(|id| (document(&body(60, id), id), 1)).collect())]);
    let api = limited_to(&views, crate::PAGE_BYTES_MAX);
    let next = get(&api, "/v1/views/documents?select=id&order=body.asc,id.asc&limit=1").await.json()["next"]
        .as_str()
        .unwrap()
        .to_owned();
    let decoded = URL_SAFE_NO_PAD.decode(&next).unwrap();
    for part in ["secret", "xxxx", "000000"] {
        assert!(!decoded.windows(part.len()).any(|window| window == part.as_bytes()), "'{part}' is in the cursor");
    }
    let uri = format!("/v1/views/documents?select=id&order=body.asc,id.asc&limit=1&cursor={next}");
    assert_eq!(get(&api, &uri).await.rows(), [json!({ "id": 1 })]);
    let elsewhere = api_with(Arc::clone(&views), ApiConfig { cursor_key: CursorKey::random(), ..config() });
    let detail = get(&elsewhere, &uri).await.problem(409, "outdated_cursor", Some("cursor"));
    assert!(detail.contains("another server"), "{detail}");
    // As earlier versions gave them out.
    let unsealed = URL_SAFE_NO_PAD.encode([2; 60]);
    let uri = format!("/v1/views/documents?select=id&order=body.asc,id.asc&limit=1&cursor={unsealed}");
    get(&api, &uri).await.problem(409, "outdated_cursor", Some("cursor"));
}
