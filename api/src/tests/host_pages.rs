//! Pages that the process adds, and the tokens that it gives out to who looks at them.

use super::*;
use crate::{HostPage, IssuedToken, PageFile, TokenIssuer};

const FILES: [PageFile; 1] = [PageFile::script("main.js", "let loaded = true;")];
const PAGE: HostPage = HostPage {
    name: "extra",
    title: "An extra page",
    page: PageFile::html("index.html", "<!doctype html><p>extra"),
    files: &FILES,
};

struct TestIssuer;

impl TokenIssuer for TestIssuer {
    fn issue(&self, user: u64) -> IssuedToken {
        IssuedToken { token: sign(json!({ "sub": user.to_string(), "exp": FAR_FUTURE })), expires_at: 1_704_067_200 }
    }
}

fn with_page() -> Router {
    api_with(social(), ApiConfig { pages: vec![PAGE], token_issuer: Some(Arc::new(TestIssuer)), ..config() })
}

async fn ask_token(api: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
    send(api, request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_page_of_the_process_is_served_as_the_one_at_the_root_is_which_names_it() {
    let api = with_page();
    let (page, file, root) = (get(&api, "/extra").await, get(&api, "/extra/main.js").await, get(&api, "/").await);
    assert_eq!((page.text.as_str(), page.header("content-type")), (PAGE.page.text, "text/html; charset=utf-8"));
    assert_eq!((file.text.as_str(), file.header("content-type")), (FILES[0].text, "text/javascript; charset=utf-8"));
    for name in ["content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"] {
        assert_eq!((page.header(name), file.header(name)), (root.header(name), root.header(name)));
    }
    assert!(root.text.contains("<a href=\"extra\">An extra page</a>"), "{}", root.text);
    for path in ["/extra/", "/extra/index.html", "/extra/..%2fmain.js", "/other"] {
        get(&api, path).await.problem(404, "unknown_path", None);
    }
    let plain = get(&super::api(), "/").await.text;
    assert!(!plain.contains("extra page") && !plain.contains("further pages"), "{plain}");
}

#[tokio::test]
async fn tokens_are_given_out_to_this_machine_and_pages_of_this_server_alone() {
    let api = with_page();
    let json = ("Content-Type", "application/json");
    let here = ("Host", "127.0.0.1:8080");
    for more in [None, Some(("Origin", "http://127.0.0.1:8080")), Some(("Sec-Fetch-Site", "same-origin"))] {
        let headers: Vec<_> = [here, json].into_iter().chain(more).collect();
        let answer = ask_token(&api, "/v1/page-tokens/1", &headers).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store", "a token is kept by no cache");
        let issued = answer.json();
        assert_eq!(issued["expires_at"], "2024-01-01T00:00:00.000000Z");
        let feed = get_as(&api, issued["token"].as_str().unwrap(), "/v1/views/following_feed").await.rows();
        assert!(!feed.is_empty() && feed.iter().all(|row| row["user_id"] == 1), "{feed:?}");
    }
    for host in ["evil.example", "10.0.0.1:8080", "localhost.evil.example"] {
        ask_token(&api, "/v1/page-tokens/1", &[("Host", host), json]).await.problem(421, "foreign_host", Some("Host"));
    }
    for foreign in [("Origin", "http://evil.example"), ("Origin", "http://127.0.0.1:9"), ("Sec-Fetch-Site", "cross-site")] {
        ask_token(&api, "/v1/page-tokens/1", &[here, json, foreign]).await.problem(403, "foreign_page", Some("Origin"));
    }
    for form in [&[here][..], &[here, ("Content-Type", "text/plain")]] {
        ask_token(&api, "/v1/page-tokens/1", form).await.problem(415, "unsupported_media_type", Some("Content-Type"));
    }
    for path in ["/v1/page-tokens/ada", "/v1/page-tokens/-1", "/v1/page-tokens/"] {
        ask_token(&api, path, &[here, json]).await.problem(404, "unknown_path", None);
    }
}

#[tokio::test]
async fn an_origin_that_may_read_answers_gets_no_token() {
    let app = "https://app.example";
    let cors = crate::CorsSites::new([app.parse().unwrap(), crate::CorsOrigin::Any]);
    let api = api_with(social(), ApiConfig { cors, token_issuer: Some(Arc::new(TestIssuer)), ..config() });
    let headers = [("Host", "localhost"), ("Content-Type", "application/json"), ("Origin", app)];
    ask_token(&api, "/v1/page-tokens/1", &headers).await.problem(403, "foreign_page", Some("Origin"));
}

#[tokio::test]
async fn without_an_issuer_nobody_gets_a_token() {
    let headers = [("Host", "localhost"), ("Content-Type", "application/json")];
    ask_token(&api(), "/v1/page-tokens/1", &headers).await.problem(404, "unknown_path", None);
}
