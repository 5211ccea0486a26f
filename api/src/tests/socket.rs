//! The server on a real socket, asked by a client that is not ours.

use std::process::Command;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::*;
use crate::{ConnectionLimits, serve};

async fn curl(arguments: Vec<String>) -> String {
    let output =
        tokio::task::spawn_blocking(move || Command::new("curl").args(["-sS", "--max-time", "30"]).args(arguments).output());
    let output = output.await.unwrap().expect("curl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn curl_writes_reads_and_is_told_what_is_wrong() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(vec![listener], api(), ConnectionLimits::default(), None, async move {
        stopped.await.unwrap_or_default()
    }));
    let url = |path: &str| format!("http://{address}{path}");
    let of = |arguments: &[&str]| curl(arguments.iter().map(|text| (*text).to_owned()).collect());

    let authorization = format!("Authorization: Bearer {}", token(1));
    let page = of(&["-H", &authorization, &url("/v1/views/following_feed?limit=20&order=created_at.desc")]).await;
    let page: Json = serde_json::from_str(&page).unwrap();
    assert_eq!(page["rows"].as_array().unwrap().len(), 20);

    let sent = of(&["-H", "Content-Type: application/x-ndjson", "--data-binary", "{}\nbad\n", &url("/v1/events")]).await;
    let sent: Json = serde_json::from_str(&sent).unwrap();
    assert_eq!((&sent["accepted"], &sent["rejected"]), (&json!(1), &json!(1)));

    let headers = of(&["-i", &url("/v1/views/following_feed")]).await.to_lowercase();
    assert!(headers.starts_with("http/1.1 401 ") && headers.contains("application/problem+json"), "{headers}");
    let large = of(&[
        "-o",
        "-",
        "-w",
        "%{http_code}",
        "-H",
        "Content-Type: application/json",
        "-H",
        "Content-Length: 17000000",
        "-d",
        "{}",
        &url("/v1/events"),
    ])
    .await;
    assert!(large.ends_with("413"), "{large}");

    stop.send(()).unwrap();
    server.await.unwrap();
}
