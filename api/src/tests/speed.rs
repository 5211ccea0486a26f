//! The speed of making pages. Prints a figure; asserts only that the pages are right.

use std::time::Instant;

use super::*;

/// `cargo test --release -p api speed -- --nocapture --include-ignored`
#[tokio::test]
#[ignore = "measures, for a machine that does nothing else"]
async fn pages_of_20_rows() {
    let api = api();
    let token = token(2);
    let pages = 50_000;
    let started = Instant::now();
    for _ in 0..pages {
        let request = Request::get("/v1/views/following_feed?limit=20").header("Authorization", format!("Bearer {token}"));
        let response = api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(to_bytes(response.into_body(), usize::MAX).await.unwrap().len() > 1_000);
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{:.0} pages of 20 rows a second, {:.1} us each", f64::from(pages) / seconds, seconds / f64::from(pages) * 1e6);
}
