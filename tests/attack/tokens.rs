//! Keys of tokens that rotate, that cannot be read, and that an attacker brings along.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::lines::{followed, posted, registered};
use crate::process::{Client, Server, eventually, operator, tidewater, token};

const OLD: &[u8] = b"the old secret has more than thirty-two bytes";
const NEW: &[u8] = b"the new secret has more than thirty-two bytes";
const FEED: &str = "/v1/views/following_feed";

/// A set with secrets by their ids.
fn key_set(keys: &[(&str, &[u8])]) -> String {
    let key = |(id, secret): &(&str, &[u8])| json!({ "kty": "oct", "kid": id, "k": URL_SAFE_NO_PAD.encode(secret) });
    json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() }).to_string()
}

/// A token of user 1.
fn signed(id: &str, secret: &[u8]) -> String {
    let header = Header { kid: Some(id.to_owned()), ..Header::default() };
    let claims = json!({ "sub": "1", "exp": 4_102_444_800_u64 });
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// Puts a file in place at once, as whoever fetches a set should.
fn put(path: &Path, text: &str) {
    let part = path.with_extension("part");
    std::fs::write(&part, text).unwrap();
    std::fs::rename(&part, path).unwrap();
}

fn is_accepted(client: &Client, token: &str) -> bool {
    match client.get(&format!("{FEED}?limit=1"), Some(token)) {
        answer if answer.status == 200 => true,
        answer => {
            assert_eq!(
                (answer.status, &answer.json()["type"]),
                (401, &json!("urn:tidewater:problem:bad_token")),
                "{}",
                answer.text
            );
            false
        }
    }
}

fn failures(client: &Client) -> u64 {
    let metrics = client.get("/metrics", None).text;
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("tidewater_token_key_read_failures_total ")).expect("the counter");
    line.parse().unwrap()
}

#[test]
fn keys_rotate_without_a_restart_and_a_withdrawn_one_ends_its_streams() {
    let data = tempfile::tempdir().unwrap();
    let set = data.path().join("keys.json");
    put(&set, &key_set(&[("old", OLD)]));
    let server = Server::run(data.path(), &["--auth-jwks", set.to_str().unwrap(), "--auth-jwks-interval", "100ms"]);
    server
        .ingest(&[registered(1, 1), registered(2, 2), followed(3, 1, 2), posted(4, 40, 2, "hello")].map(|line| line.to_string()));
    let (old, new) = (signed("old", OLD), signed("new", NEW));
    assert_eq!((is_accepted(&server, &old), is_accepted(&server, &new)), (true, false));
    let headers = [("authorization", format!("Bearer {old}")), ("accept", "text/event-stream".to_owned())];
    let mut stream = server.stream(FEED, &headers);

    put(&set, &key_set(&[("old", OLD), ("new", NEW)]));
    eventually("the new key", || is_accepted(&server, &new).then_some(()));
    assert!(is_accepted(&server, &old), "both are good while tokens change over");
    put(&set, &key_set(&[("new", NEW)]));
    eventually("the end of the old key", || (!is_accepted(&server, &old)).then_some(()));
    let mut events = String::new();
    stream.read_to_string(&mut events).unwrap();
    let end = events.rsplit("event: error").next().unwrap();
    assert!(events.contains("\"post_id\":40") && end.contains("no longer accepted"), "{events}");

    // What can't be used changes nothing, and is counted.
    for broken in ["", "{}", "{\"keys\":[]}", &key_set(&[("new", b"short")]), &key_set(&[("a", OLD), ("a", NEW)])] {
        put(&set, broken);
        let before = failures(&server);
        eventually("a failure that is counted", || (failures(&server) > before + 1).then_some(()));
        assert_eq!((is_accepted(&server, &new), is_accepted(&server, &old)), (true, false), "{broken}");
    }
    std::fs::remove_file(&set).unwrap();
    let before = failures(&server);
    eventually("a failure that is counted", || (failures(&server) > before + 1).then_some(()));
    assert!(is_accepted(&server, &new) && is_accepted(&server, &token(1, "")), "the keys of files stay too");
}

/// Answers every request on a port of this machine with the text that is there at the time.
fn answering(text: &Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/keys", listener.local_addr().unwrap());
    let text = Arc::clone(text);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 4_096];
            let _ = connection.read(&mut request);
            // The client may have gone away, as one does that has read enough.
            let _ = connection.write_all(text.lock().unwrap().clone().as_bytes());
        }
    });
    address
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

#[test]
fn a_set_is_fetched_from_this_machine_and_nowhere_else_whatever_the_answer_says() {
    let data = tempfile::tempdir().unwrap();
    let attackers = Arc::new(Mutex::new(ok(&key_set(&[("evil", b"a key of the attacker, with thirty-two bytes")]))));
    let elsewhere = answering(&attackers);
    let answer = Arc::new(Mutex::new(ok(&key_set(&[("old", OLD)]))));
    let address = answering(&answer);
    let server = Server::run(data.path(), &["--auth-jwks", &address, "--auth-jwks-interval", "100ms"]);
    let (old, new) = (signed("old", OLD), signed("new", NEW));
    assert!(is_accepted(&server, &old));
    let large = ok(&format!("{}{}", key_set(&[("new", NEW)]), " ".repeat(300 * 1024)));
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    for bad in [moved, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned(), "not HTTP".to_owned(), large] {
        *answer.lock().unwrap() = bad.clone();
        let before = failures(&server);
        eventually("a failure that is counted", || (failures(&server) > before + 1).then_some(()));
        let evil = signed("evil", b"a key of the attacker, with thirty-two bytes");
        assert!(is_accepted(&server, &old) && !is_accepted(&server, &evil) && !is_accepted(&server, &new), "{bad:.60}");
    }
    *answer.lock().unwrap() = ok(&key_set(&[("new", NEW)]));
    eventually("the new key", || (is_accepted(&server, &new) && !is_accepted(&server, &old)).then_some(()));
    for place in ["http://login.example/keys", "http://127.0.0.1.example/keys"] {
        let refused =
            tidewater(&["run", "--topologies", "topologies/social", "--data", "nowhere", "--auth-jwks", place]).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains("name") && said.contains("file"), "{place}: {said}");
    }
}

#[test]
fn a_token_that_says_who_may_verify_it_is_not_believed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &["--auth-issuer", "login", "--auth-leeway", "0s"]);
    let own = b"a key of the attacker, with thirty-two bytes";
    let forged = |header: Value, claims: Value, secret: &[u8]| {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let key = EncodingKey::from_secret(secret);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    };
    let claims = |issuer: Value| json!({ "sub": "1", "exp": 4_102_444_800_u64, "iss": issuer });
    let plain = json!({ "alg": "HS256" });
    assert!(is_accepted(&server, &forged(plain.clone(), claims(json!("login")), crate::process::SECRET)));
    let known = crate::process::SECRET;
    for (header, claims, secret) in [
        (json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": URL_SAFE_NO_PAD.encode(own) } }), claims(json!("login")), &own[..]),
        (json!({ "alg": "HS256", "crit": ["jku"], "jku": "x" }), claims(json!("login")), known),
        (json!({ "alg": "none" }), claims(json!("login")), known),
        (plain.clone(), claims(json!(["login"])), known),
        (plain.clone(), claims(json!(["other", "login"])), known),
        (plain.clone(), json!({ "sub": "1", "exp": "4102444800", "iss": "login" }), known),
        (plain.clone(), json!({ "sub": "1", "exp": 4_102_444_800_u64, "nbf": "0", "iss": "login" }), known),
        (plain.clone(), json!({ "sub": "1", "exp": 1, "iss": "login" }), known),
    ] {
        assert!(!is_accepted(&server, &forged(header.clone(), claims.clone(), secret)), "{header} {claims}");
    }
    assert!(!is_accepted(&server, &operator()), "a token without the issuer");
}
