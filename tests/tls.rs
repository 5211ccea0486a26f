//! TLS as clients know it: curl and the program's own commands, certificates that are replaced, and those that are not trusted.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use serde_json::json;

use crate::authority::{Authority, Validity};
use crate::lines::{posted, registered};
use crate::process::{Launch, Process, SECRET, Server, eventually, operator, shell, tidewater, token};

/// A server that speaks TLS as `localhost`, with the certificate `server` of an authority.
fn secured(data: &std::path::Path, authority: &Authority, more: &[&str]) -> Server {
    authority.issue("server", "DNS:localhost", Validity::Now);
    secured_by(data, authority, "server", more)
}

fn secured_by(data: &std::path::Path, authority: &Authority, file: &str, more: &[&str]) -> Server {
    let [certificate, key] = ["crt", "key"].map(|ending| authority.path(&format!("{file}.{ending}")));
    let more = [&["--tls-cert", &certificate, "--tls-key", &key], more].concat();
    let launched = Launch { data, more: &more, ..Launch::default() }.server();
    launched.unwrap_or_else(|mut process| panic!("the server did not start: {}", process.complaint()))
}

/// The address of a path, by the name that the certificate has.
fn url(server: &Server, path: &str) -> String {
    let port = server.address.rsplit_once(':').unwrap().1;
    format!("https://localhost:{port}{path}")
}

/// Asks by curl, which trusts the authority.
fn curl(authority: &Authority, options: &str, url: &str) -> String {
    shell(&format!("curl -sS --cacert '{}' {options} '{url}'", authority.certificate()))
}

fn until_ready(server: &Server, authority: &Authority) {
    let status = || curl(authority, "-o /dev/null -w '%{http_code}'", &url(server, "/readyz"));
    eventually("readiness", || (status() == "200").then_some(()));
}

#[test]
fn curl_asks_over_tls_in_both_versions_of_http() {
    let (data, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let server = secured(data.path(), &authority, &[]);
    until_ready(&server, &authority);
    for (option, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let answered = curl(&authority, &format!("{option} -w '%{{http_version}}'"), &url(&server, "/healthz"));
        assert_eq!(answered, format!("ok\n{version}"));
    }
    let event = posted(1, 1, 1, &"over TLS ".repeat(200));
    let authorization = format!("-H 'Authorization: Bearer {}'", operator());
    let send = format!("{authorization} --http2 -H 'Content-Type: application/json' -d '{event}'");
    let sent: serde_json::Value = serde_json::from_str(&curl(&authority, &send, &url(&server, "/v1/events"))).unwrap();
    assert_eq!(sent["accepted"], 1, "{sent}");
    let page = url(&server, &format!("/v1/views/posts?post_id=eq.1&after={}", sent["position"].as_str().unwrap()));
    for options in ["--http2 --compressed", "--http1.1 --compressed", "--http2", "--http2 -H 'Accept-Encoding: br' --compressed"]
    {
        let read: serde_json::Value = serde_json::from_str(&curl(&authority, options, &page)).unwrap();
        assert_eq!(read["rows"][0]["post_id"], json!(1), "{options}");
    }
    let headers = curl(&authority, "--http2 -I --compressed", &page).to_lowercase();
    assert!(headers.starts_with("http/2 200") && headers.contains("content-encoding: "), "{headers}");
    let tag = headers.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().replace("w/", "W/");
    let again =
        curl(&authority, &format!("--http2 -o /dev/null -w '%{{http_code}}' --compressed -H 'If-None-Match: {tag}'"), &page);
    assert_eq!(again, "304");
}

#[test]
fn a_stream_of_events_comes_over_http_2() {
    let (data, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let server = secured(data.path(), &authority, &[]);
    until_ready(&server, &authority);
    let address = url(&server, "/v1/views/user_feed/subscribe?user_id=eq.7");
    let ca = authority.certificate();
    let mut follow = Command::new("curl");
    let mut following =
        follow.args(["-sS", "-N", "--http2", "--cacert", &ca, &address]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |beginning: &str| lines.find(|line| line.starts_with(beginning)).expect("the stream goes on");
    until("event: progress");
    let send =
        format!("-H 'Authorization: Bearer {}' -H 'Content-Type: application/json' -d '{}'", operator(), posted(1, 1, 7, "live"));
    curl(&authority, &send, &url(&server, "/v1/events"));
    until("event: upsert");
    assert!(until("data: ").contains("\"post_id\":1"));
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn plain_http_where_tls_is_spoken_is_told_so() {
    let (data, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let server = secured(data.path(), &authority, &[]);
    let answer = shell(&format!("curl -sS -w '%{{http_code}}' http://{}/healthz", server.address));
    assert!(
        answer.contains("urn:tidewater:problem:needs_tls") && answer.contains("https://") && answer.ends_with("400"),
        "{answer}"
    );
}

/// The number of the certificate that a server shows now.
fn serial(server: &Server) -> String {
    let port = server.address.rsplit_once(':').unwrap().1;
    shell(&format!(
        "openssl s_client -connect localhost:{port} -servername localhost </dev/null 2>/dev/null | openssl x509 -noout -serial"
    ))
}

#[test]
fn a_certificate_is_replaced_while_a_connection_is_open_and_a_bad_one_is_not_used() {
    let (data, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let mut server = secured(data.path(), &authority, &["--tls-interval", "50ms"]);
    until_ready(&server, &authority);
    let (first, ca) = (serial(&server), authority.certificate());
    let address = url(&server, "/v1/views/user_feed/subscribe?user_id=eq.7");
    let mut follow = Command::new("curl");
    let mut following =
        follow.args(["-sS", "-N", "--cacert", &ca, &address]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |beginning: &str| lines.find(|line| line.starts_with(beginning)).expect("the stream goes on");
    until("event: progress");
    authority.issue("server", "DNS:localhost", Validity::Now);
    let second = eventually("the new certificate", || Some(serial(&server)).filter(|now| *now != first));
    let send = |number: u64| {
        let event = posted(number, number, 7, "still here");
        let send = format!("-H 'Authorization: Bearer {}' -H 'Content-Type: application/json' -d '{event}'", operator());
        curl(&authority, &send, &url(&server, "/v1/events"))
    };
    send(1);
    until("event: upsert");
    assert!(until("data: ").contains("\"post_id\":1"), "the connection from before goes on");
    std::fs::write(authority.path("server.crt"), "not a certificate").unwrap();
    // A third one, to be sure that the broken one was looked at: two intervals pass until it is there.
    server.process.signal("HUP");
    send(2);
    assert_eq!(serial(&server), second);
    authority.issue("server", "DNS:localhost", Validity::Now);
    eventually("the certificate after the broken one", || Some(serial(&server)).filter(|now| *now != second));
    following.kill().unwrap();
    following.wait().unwrap();
    server.process.terminate();
}

/// The exit code and the words of a server that does not start with these options.
fn refused(data: &std::path::Path, more: &[&str]) -> (Option<i32>, String) {
    let Err(mut process) = (Launch { data, more, ..Launch::default() }).server() else { panic!("it started: {more:?}") };
    (process.wait().code(), process.complaint())
}

#[test]
fn a_server_without_a_usable_certificate_does_not_start() {
    let (data, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.issue("one", "DNS:localhost", Validity::Now);
    authority.issue("two", "DNS:localhost", Validity::Now);
    let [certificate, key, other, missing] = ["one.crt", "one.key", "two.key", "three.key"].map(|file| authority.path(file));
    for (key, word) in
        [(&missing, "--tls-key"), (&other, "not the one of the first certificate"), (&certificate, "no private key")]
    {
        let (code, words) = refused(data.path(), &["--tls-cert", &certificate, "--tls-key", key]);
        assert!(code == Some(1) && words.contains(word), "{code:?} {words}");
    }
    let (code, words) = refused(data.path(), &["--tls-key", &key]);
    assert!(code == Some(2) && words.contains("--tls-cert"), "{code:?} {words}");
}

#[test]
fn a_network_is_listened_on_with_tls_only_with_a_key_as_without() {
    let (data, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.issue("server", "DNS:localhost", Validity::Now);
    let [certificate, key] = ["server.crt", "server.key"].map(|file| authority.path(file));
    let listen = ["run", "--topologies", "topologies/social", "--listen", "0.0.0.0:0", "--data", data.path().to_str().unwrap()];
    let mut process = Process::start(&[&listen[..], &["--tls-cert", &certificate, "--tls-key", &key]].concat());
    assert_eq!(process.wait().code(), Some(2));
    assert!(process.complaint().contains("refusing to listen"));
}

/// The exit code and the words of a command.
fn command(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = tidewater(arguments).envs(environment.iter().copied()).output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(words).unwrap())
}

#[test]
fn commands_ask_over_tls_whom_they_trust() {
    let (data, authority, stranger) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let server = secured(data.path(), &authority, &[]);
    until_ready(&server, &authority);
    let token_file = authority.path("token");
    std::fs::write(&token_file, operator()).unwrap();
    let (ca, other) = (authority.certificate(), stranger.certificate());
    let (by_name, by_address) = (url(&server, ""), format!("https://{}", server.address));
    let status = |server: &str, ca: &[&str], environment: &[(&str, &str)]| {
        command(&[&["status", "--server", server, "--token-file", &token_file], ca].concat(), environment)
    };
    let (code, words) = status(&by_name, &["--ca-cert", &ca], &[]);
    assert!(code == Some(0), "{words}");
    let (code, words) = status(&by_name, &[], &[("TIDEWATER_CA_CERT", &ca)]);
    assert!(code == Some(0), "{words}");
    for trusted in [&["--ca-cert", &*other][..], &[]] {
        let (code, words) = status(&by_name, trusted, &[]);
        assert!(
            code == Some(4) && words.contains("signed by nobody who is trusted") && words.contains("--ca-cert"),
            "{code:?} {words}"
        );
    }
    let (code, words) = status(&by_address, &["--ca-cert", &ca], &[]);
    assert!(code == Some(4) && words.contains("not for '127.0.0.1' but for: localhost"), "{code:?} {words}");
    // Whoever sends events does not go on for ever either.
    let events = authority.path("events");
    std::fs::write(&events, format!("{}\n", registered(1, 7))).unwrap();
    let ingest =
        |ca: &str| command(&["ingest", &events, "--server", &by_name, "--token-file", &token_file, "--ca-cert", ca], &[]);
    let (code, words) = ingest(&other);
    assert!(code == Some(4) && words.contains("signed by nobody"), "{code:?} {words}");
    let (code, words) = ingest(&ca);
    assert!(code == Some(0), "{code:?} {words}");
}

#[test]
fn a_certificate_that_is_over_is_said_to_be() {
    let (data, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.issue("old", "DNS:localhost", Validity::Over);
    let server = secured_by(data.path(), &authority, "old", &[]);
    let (code, words) = command(&["doctor", "--server", &url(&server, ""), "--ca-cert", &authority.certificate()], &[]);
    assert!(code == Some(4) && words.contains("has expired"), "{code:?} {words}");
}

#[test]
fn a_set_of_keys_is_fetched_over_tls_from_whom_is_trusted() {
    let (data, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.issue("server", "DNS:localhost", Validity::Now);
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, SECRET);
    std::fs::write(authority.path("set.json"), json!({ "keys": [{ "kty": "oct", "kid": "a", "k": encoded }] }).to_string())
        .unwrap();
    let mut serve = Command::new("openssl");
    serve.args(["s_server", "-accept", "127.0.0.1:0", "-cert", "server.crt", "-key", "server.key", "-WWW"]);
    let publisher = Process::spawn(serve.current_dir(authority.path("")));
    let port = loop {
        let line = publisher.line().expect("the port of the publisher");
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            break address.rsplit_once(':').unwrap().1.to_owned();
        }
    };
    let (set, ca) = (format!("https://localhost:{port}/set.json"), authority.certificate());
    let run = ["run", "--topologies", "topologies/social", "--listen", "127.0.0.1:0", "--data", data.path().to_str().unwrap()];
    let mut untrusting = Process::start(&[&run[..], &["--auth-jwks", &set]].concat());
    assert_eq!(untrusting.wait().code(), Some(1));
    let words = untrusting.complaint();
    assert!(words.contains("cannot fetch the key set") && words.contains("signed by nobody"), "{words}");
    let trusting = Process::start(&[&run[..], &["--auth-jwks", &set, "--auth-jwks-ca-cert", &ca]].concat());
    let address = trusting.line().expect("an address").split_once("http://").unwrap().1.to_owned();
    let asked = format!("curl -sS -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {}'", token(1, ""));
    let feed = || shell(&format!("{asked} http://{address}/v1/views/following_feed"));
    eventually("a reader who is known", || (feed() == "200").then_some(()));
}
