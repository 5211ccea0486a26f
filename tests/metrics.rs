//! Metrics of a server as Prometheus takes them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::lines::posted;
use crate::process::{Launch, Server, eventually, operator};

const TOPOLOGY: &str = "\
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.author_id);
CREATE INDEX ON posts (post_id);
GRANT SELECT ON posts TO PUBLIC;
CREATE SINK posts_out FROM posts WITH (connector = 'log', topic = 'derived.posts', key = 'post_id') FORMAT UPSERT ENCODE JSON;
";

fn server(data: &Path, topologies: &Path) -> Server {
    let options = ["--checkpoint-interval", "100ms"];
    Server::run_ready(&Launch { data, topologies: topologies.to_str().unwrap(), more: &options, ..Launch::default() })
}

/// The value of a metric with these labels.
fn value(text: &str, metric: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '))?.parse().ok()
}

#[test]
fn promtool_finds_nothing_in_the_metrics_of_a_server_with_sinks_and_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let topologies = folder.path().join("topologies");
    std::fs::create_dir(&topologies).unwrap();
    std::fs::write(topologies.join("posts.sql"), TOPOLOGY).unwrap();
    testkit::social::copy_proto_files(&topologies);
    let server = server(&folder.path().join("data"), &topologies);
    server.ingest(&(1..=20).map(|post| posted(post, post, post, "a").to_string()).collect::<Vec<_>>());
    server.try_post(b"not JSON\n", Some(&operator())).unwrap();
    let expected = [
        "tidewater_sink_commits_total{sink=\"posts_out\"}",
        "tidewater_checkpoints_total",
        "tidewater_checkpoint_bytes",
        "tidewater_log_topic_bytes{topic=\"social.post\"}",
        "tidewater_log_topic_bytes{topic=\"derived.posts\"}",
        "tidewater_disk_free_bytes",
        "tidewater_disk_reserve_bytes",
        "tidewater_dead_letters_total",
        "process_resident_memory_bytes",
        "process_open_fds",
    ];
    let text = eventually("every metric", || {
        let answer = server.get("/metrics", None);
        assert_eq!(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
        expected.iter().all(|metric| value(&answer.text, metric).is_some_and(|value| value > 0.0)).then_some(answer.text)
    });
    assert_eq!(value(&text, "tidewater_sink_errors_total{sink=\"posts_out\"}"), Some(0.0));
    assert_eq!(value(&text, "tidewater_disk_full"), Some(0.0));
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, which ./test installs with the package 'prometheus'");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}\n{text}");
}
