//! A server without keys on the machine of somebody whose browser opens the pages of strangers.

use crate::lines::posted;
use crate::process::{Process, eventually, shell};

/// Starts a server without keys; its address and the process.
fn keyless(data: &std::path::Path) -> (String, Process) {
    let data = data.to_str().unwrap();
    let process = Process::start(&["run", "--topologies", "topologies/social", "--listen", "127.0.0.1:0", "--data", data]);
    let address = process.line().expect("an address").split_once("http://").unwrap().1.to_owned();
    eventually("readiness", || (ask(&address, "/readyz", "") == "200").then_some(()));
    (address, process)
}

/// The status of a request with these options of curl.
fn ask(address: &str, path: &str, options: &str) -> String {
    shell(&format!("curl -sS -o /dev/null -w '%{{http_code}}' {options} 'http://{address}{path}'"))
}

#[test]
fn pages_of_strangers_read_and_write_nothing() {
    let data = tempfile::tempdir().unwrap();
    let (address, _process) = keyless(data.path());
    let event = posted(1, 1, 1, "written by a stranger").to_string();
    let rebound = "-H 'Host: rebound.example:8080'";
    for path in ["/v1/views/posts", "/v1/dead-letters", "/v1/status", "/metrics", "/"] {
        assert_eq!(ask(&address, path, rebound), "421", "{path}");
    }
    // In HTTP/2 the host is a part of the address.
    assert_eq!(ask(&address, "/v1/views/posts", "--http2-prior-knowledge"), "200");
    assert_eq!(ask(&address, "/v1/views/posts", &format!("--http2-prior-knowledge {rebound}")), "421");
    // What a form sends, and what a script sends without being asked first.
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        assert_eq!(ask(&address, "/v1/events", &format!("-H 'Content-Type: {kind}' -d '{event}'")), "415", "{kind}");
    }
    let json = format!("-H 'Content-Type: application/json' -d '{event}'");
    for header in ["Origin: https://stranger.example", "Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"]
    {
        assert_eq!(ask(&address, "/v1/events", &format!("-H '{header}' {json}")), "403", "{header}");
    }
    let upgrade = "-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='";
    let socket = "/v1/views/posts/subscribe";
    assert_eq!(ask(&address, socket, &format!("{upgrade} -H 'Origin: https://stranger.example'")), "403");
    let rows = shell(&format!("curl -sS 'http://{address}/v1/views/posts'"));
    assert!(rows.starts_with("{\"rows\":[],"), "{rows}");
    // Somebody at the machine, and the page that the server has itself.
    assert_eq!(
        ask(&address, "/v1/events", &format!("-H 'Origin: http://{address}' -H 'Sec-Fetch-Site: same-origin' {json}")),
        "200"
    );
    assert_eq!(ask(&address, "/v1/events", &json), "200");
    let ours = format!("{upgrade} -H 'Origin: http://{address}' --max-time 1 || true");
    assert_eq!(shell(&format!("curl -sS -o /dev/null -w '%{{http_code}}' 'http://{address}{socket}' {ours} 2>/dev/null")), "101");
}
