//! The OpenAPI document: what it says is answered, and nobody learns from it of views that he may not read.

use super::*;

async fn document(api: &Router, token: Option<&str>) -> Json {
    let answer = match token {
        Some(token) => get_as(api, token, "/openapi.json").await,
        None => get(api, "/openapi.json").await,
    };
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"), "{}", answer.text);
    answer.json()
}

/// The operations of a document, with their paths and methods.
fn operations(document: &Json) -> Vec<(&str, &str, &Json)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((path.as_str(), method.as_str(), operation));
        }
    }
    operations
}

/// The part that a reference stands for, or the part itself.
fn resolved<'d>(document: &'d Json, part: &'d Json) -> &'d Json {
    match part["$ref"].as_str() {
        Some(reference) => {
            document.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("nothing at {reference}"))
        }
        None => part,
    }
}

fn parameter<'d>(document: &'d Json, path: &str, name: &str) -> &'d Json {
    let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
    let found = parameters.iter().map(|part| resolved(document, part)).find(|parameter| parameter["name"] == name);
    found.unwrap_or_else(|| panic!("'{path}' has no parameter '{name}'"))
}

fn texts(list: &Json) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Every reference in a part of a document.
fn references<'d>(part: &'d Json, found: &mut Vec<&'d str>) {
    match part {
        Json::Array(parts) => parts.iter().for_each(|part| references(part, found)),
        Json::Object(members) => {
            found.extend(members.get("$ref").and_then(Json::as_str));
            members.values().for_each(|part| references(part, found));
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_document_has_what_its_reader_may_read_and_no_word_of_anything_else() {
    let api = api();
    let stranger = document(&api, None).await;
    let reader = document(&api, Some(&token(1))).await;
    let paths = |document: &Json| document["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert!(paths(&stranger).contains(&"/v1/views/posts".to_owned()));
    for view in ["following_feed", "messages"] {
        let path = format!("/v1/views/{view}");
        assert!(!paths(&stranger).contains(&path) && paths(&reader).contains(&path), "{view}");
        assert!(!stranger.to_string().contains(view), "a stranger reads of '{view}'");
    }
    assert!(!stranger.to_string().contains("receiver") && reader.to_string().contains("receiver"));
    assert!(!reader.to_string().contains("secrets"), "a view that is served to nobody");
    assert_eq!(stranger["paths"]["/v1/views/posts"]["get"]["security"], json!([{}, { "bearer": [] }]));
    assert_eq!(reader["paths"]["/v1/views/messages"]["get"]["security"], json!([{ "bearer": [] }]));
    assert_eq!(stranger["paths"]["/v1/status"]["get"]["security"], json!([{ "bearer": ["operator"] }]));
    assert_eq!(
        stranger["paths"]["/v1/events"]["post"]["security"],
        json!([{}, { "bearer": [] }]),
        "it takes events of everybody"
    );
    get_as(&api, "x.y.z", "/openapi.json").await.problem(401, "bad_token", Some("Authorization"));
    get(&api, "/openapi.json?a=1").await.problem(400, "unknown_parameter", Some("a"));
}

#[tokio::test]
async fn a_client_that_has_the_document_of_its_reader_gets_none() {
    let api = api();
    let (first, again) = (get(&api, "/openapi.json").await, get(&api, "/openapi.json").await);
    assert_eq!((first.header("etag"), &first.text), (again.header("etag"), &again.text));
    let ask = |tag: &str| Request::get("/openapi.json").header("If-None-Match", tag).body(Body::empty()).unwrap();
    let known = send(&api, ask(first.header("etag"))).await;
    assert_eq!((known.status, known.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    let other = get_as(&api, &token(1), "/openapi.json").await;
    assert_ne!(other.header("etag"), first.header("etag"));
    assert_eq!(send(&api, ask(other.header("etag"))).await.status, StatusCode::OK, "the document of another reader");
    assert_eq!((first.header("cache-control"), other.header("cache-control")), ("no-cache", "private, no-store"));
}

#[tokio::test]
async fn every_described_path_answers_the_methods_that_are_described_and_no_others() {
    let api = api();
    let described = document(&api, Some(&token(1))).await;
    let items = described["paths"].as_object().unwrap();
    assert!(items.len() > 30, "{} paths", items.len());
    for (path, item) in items {
        let uri = path.replace("/{id}", "/1").replace(['{', '}'], "");
        let methods: Vec<String> = item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let options = send(&api, Request::options(&uri).body(Body::empty()).unwrap()).await;
        match options.headers.get("allow").map(|allowed| allowed.to_str().unwrap()) {
            Some(allowed) => {
                let mut allowed: Vec<&str> = allowed.split(',').filter(|method| !["HEAD", "OPTIONS"].contains(method)).collect();
                allowed.sort_unstable();
                assert_eq!(allowed, methods, "{path}");
            }
            // Whatever the method is, there are no functions.
            None => assert_eq!((path.as_str(), options.status), ("/rest/v1/rpc/{function}", StatusCode::NOT_FOUND)),
        }
    }
}

#[tokio::test]
async fn references_lead_somewhere_and_each_operation_has_an_id_of_its_own() {
    let described = document(&api(), Some(&token(1))).await;
    let mut found = Vec::new();
    references(&described, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        assert!(described.pointer(reference.trim_start_matches('#')).is_some(), "nothing at {reference}");
    }
    let tags: Vec<&str> = described["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = Vec::new();
    for (path, method, operation) in operations(&described) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(!ids.contains(&id), "'{id}' is the id of two operations");
        ids.push(id);
        assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag.as_str().unwrap())), "{method} {path}");
        let in_path = operation["parameters"].as_array().unwrap().iter().map(|part| resolved(&described, part));
        let in_path: Vec<String> =
            in_path.filter(|part| part["in"] == "path").map(|part| format!("{{{}}}", part["name"].as_str().unwrap())).collect();
        assert_eq!(in_path.len(), path.matches('{').count(), "{method} {path}");
        assert!(in_path.iter().all(|name| path.contains(name)), "{method} {path}: {in_path:?}");
    }
}

#[tokio::test]
async fn every_order_and_choice_of_columns_that_is_described_is_served() {
    let api = api();
    let reader = token(1);
    let described = document(&api, Some(&reader)).await;
    for (view, orders_min) in [("posts", 6), ("messages", 8), ("following_feed", 6)] {
        let path = format!("/v1/views/{view}");
        let orders = texts(&parameter(&described, &path, "order")["schema"]["enum"]);
        assert!(orders.len() >= orders_min, "{orders:?}");
        for order in orders {
            assert!(!get_as(&api, &reader, &format!("{path}?order={order}")).await.rows().is_empty(), "{view} by {order}");
        }
        for column in texts(&parameter(&described, &path, "select")["schema"]["items"]["enum"]) {
            let rows = get_as(&api, &reader, &format!("{path}?select={column}&limit=1")).await.rows();
            assert_eq!(rows[0].as_object().unwrap().keys().collect::<Vec<_>>(), [column]);
            let is_condition = parameter(&described, &path, column)["schema"]["items"]["$ref"].is_string();
            assert!(is_condition, "{view}.{column}");
        }
    }
    assert_eq!(parameter(&described, "/v1/views/posts", "limit")["schema"]["maximum"], 1_000);
}

#[tokio::test]
async fn the_page_to_try_the_api_is_strict_and_loads_what_is_served() {
    let api = api();
    let page = get(&api, "/docs").await;
    assert!(page.status == StatusCode::OK && page.text.starts_with("<!doctype html>"), "{page:?}");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    for path in ["console/docs.js", "console/docs_operation.js", "console/docs.css", "console/console.css"] {
        let file = get(&api, &format!("/{path}")).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        assert!(path == "console/docs_operation.js" || page.text.contains(&format!("\"{path}\"")), "{path}");
        for forbidden in
            ["https://", "innerHTML", "insertAdjacentHTML", "document.write", "eval(", "sessionStorage", "localStorage"]
        {
            assert!(!file.text.contains(forbidden) && !page.text.contains(forbidden), "{path} has '{forbidden}'");
        }
    }
    assert!(get(&api, "/").await.text.contains("href=\"docs\""), "the page of operators leads there");
}
