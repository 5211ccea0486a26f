//! The time for which a page may be used without asking again, as its view says.

use super::*;

/// An API of which every view has a time of five seconds.
fn with_max_age() -> Router {
    let views = social_views().into_iter().map(|view| View { max_age: Some(5), ..view }).collect();
    let views = Views::new(ViewsDefinition { timeline: Timeline(0x2a), views });
    let columns = views.view("posts").unwrap().view.columns.clone();
    let post = row(&columns, &[Value::Int(10), Value::Int(1), text("hello"), text("public")]);
    publish(&views, 1, &[("posts", vec![(post, 1)])]);
    api_with(views, config())
}

fn kept(answer: &Answer) -> Option<&str> {
    answer.headers.get("cache-control").map(|value| value.to_str().unwrap())
}

async fn unchanged(api: &Router, uri: &str, tag: &str) -> Answer {
    send(api, Request::get(uri).header("If-None-Match", tag).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn pages_say_for_how_long_they_may_be_used_and_by_whom() {
    let api = with_max_age();
    for uri in ["/v1/views/posts?post_id=eq.10", "/rest/v1/posts?post_id=eq.10"] {
        let page = get(&api, uri).await;
        assert_eq!((page.status, kept(&page)), (StatusCode::OK, Some("public, max-age=5")), "{uri}");
        let again = unchanged(&api, uri, page.header("etag")).await;
        assert_eq!((again.status, kept(&again)), (StatusCode::NOT_MODIFIED, Some("public, max-age=5")), "{uri}");
        // What is asked with a token may hold a cursor that is good for its reader alone.
        assert_eq!(kept(&get_as(&api, &token(1), uri).await), Some("private, max-age=5"), "{uri}");
    }
    let feed = "/v1/views/following_feed";
    assert_eq!(kept(&get_as(&api, &token(1), feed).await), Some("private, max-age=5"), "a view with a policy");
    assert_eq!(kept(&get(&api, feed).await), Some("private, no-store"), "a refusal");
    assert_eq!(kept(&get(&api, "/v1/views/posts?limit=0").await), None, "a problem");
    assert_eq!(kept(&get(&super::api(), "/v1/views/posts").await), None, "a view that says nothing");
}
