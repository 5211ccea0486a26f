//! Pages of other origins in a real browser: what a page that was named reads and follows, and what one that was not is refused.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::console::browser::Browser;
use crate::lines::{followed, posted, registered};
use crate::process::{Server, token};

/// Number that JavaScript has no place for: it rounds it to the one before.
const POST: u64 = 9_007_199_254_740_993;
const PAGE: &str = "<!doctype html><title>a site of its own</title>";

/// Starts a site that answers with a page at every address; its origin.
fn site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // A browser opens connections ahead of time, which stay silent.
        listener.incoming().map_while(Result::ok).for_each(|connection| drop(std::thread::spawn(|| answer(connection))));
    });
    origin
}

fn answer(mut connection: TcpStream) {
    let mut request = [0; 8_192];
    if connection.read(&mut request).is_ok_and(|bytes| bytes > 0) {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
        // The browser may be gone.
        let _ = write!(connection, "{head}\r\nContent-Length: {}\r\n\r\n{PAGE}", PAGE.len());
    }
}

/// Beginning of every script: the server, a token, and a place for what the page learns.
fn with_server(server: &Server, token: &str, script: &str) -> String {
    let (api, token) = (json!(server.url("/v1/")), json!(token));
    format!(
        "const [api, token] = [{api}, {token}];
         const headers = {{ Authorization: `Bearer ${{token}}` }};
         const feed = `${{api}}views/following_feed`;
         const socketOf = (url, ...rest) => new WebSocket(url.replace('http', 'ws'), ...rest);
         window.seen = {{}};
         const note = (name) => (value) => {{ window.seen[name] = value; }};
         {script}"
    )
}

/// Reads a page and a refusal, and follows the feed in the three ways that a browser has for it.
const READ_AND_FOLLOW: &str = "
    const failed = (name) => (error) => note(name)(String(error));
    const read = async (answer) => ({ status: answer.status, position: answer.headers.get('tidewater-position'),
      etag: answer.headers.get('etag'), applied: answer.headers.get('preference-applied'), body: await answer.json() });
    fetch(`${feed}?limit=5`, { headers: { ...headers, Prefer: 'bigint=string' } }).then(read).then(note('page'), failed('page'));
    fetch(feed).then(read).then(note('refusal'), failed('refusal'));
    const ticket = async () => (await (await fetch(`${api}tickets`, { method: 'POST', headers })).json()).ticket;

    ticket().then((ticket) => {
      const address = `${feed}/subscribe?bigint=string&ticket=${ticket}`;
      const source = new EventSource(address);
      const rows = [];
      source.addEventListener('upsert', (event) => rows.push(JSON.parse(event.data).row.post_id));
      source.addEventListener('progress', () => {
        note('events')([...rows]);
        if (window.seen.reused === undefined) {
          window.seen.reused = null;
          const again = new EventSource(address);
          again.onerror = () => note('reused')(again.readyState === EventSource.CLOSED ? 'refused' : 'tried again');
          again.onopen = () => note('reused')('opened');
        }
      });
    }).catch(failed('events'));
    const follow = (name, socket) => {
      const rows = [];
      socket.onmessage = (message) => {
        const event = JSON.parse(message.data);
        if (event.event === 'upsert') rows.push(event.row.post_id);
        if (event.event === 'progress') note(name)({ protocol: socket.protocol, rows: [...rows] });
      };
      socket.onclose = () => note(name)('closed');
    };
    follow('subprotocol', socketOf(`${feed}/subscribe?bigint=string`, ['tidewater.v1', `bearer.${token}`]));
    ticket().then((ticket) => follow('socket', socketOf(`${feed}/subscribe?bigint=string&ticket=${ticket}`))).catch(failed('socket'))";

/// Tries to read what is public and what is not, and to follow what is public.
const TRY_EVERYTHING: &str = "
    const outcome = (name) => [() => note(name)('read'), () => note(name)('refused')];
    fetch(`${api}views/posts?limit=1`).then(...outcome('public'));
    fetch(feed, { headers }).then(...outcome('private'));
    fetch(`${api}tickets`, { method: 'POST', headers }).then(...outcome('ticket'));
    const source = new EventSource(`${api}views/posts/subscribe`);
    [source.onopen, source.onerror] = outcome('events');
    const socket = socketOf(`${api}views/posts/subscribe`);
    [socket.onopen, socket.onclose] = outcome('socket')";

/// Waits until a page has noted all of these.
fn seen(browser: &Browser, what: &str, names: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
    let is_there = |seen: &Value| names.iter().all(|name| !seen[*name].is_null()) && wanted(seen);
    browser.until(what, "return window.seen ?? null", is_there)
}

#[test]
fn a_page_of_another_origin_reads_and_follows_private_rows_and_one_that_was_not_named_nothing() {
    let (data, app, stranger) = (tempfile::tempdir().unwrap(), site(), site());
    let server = Server::run(data.path(), &["--cors-origin", "https://app.example", "--cors-origin", &app]);
    let past = [registered(1, 7), registered(2, 8), followed(3, 7, 8), posted(4, POST, 8, "news")];
    server.ingest(&past.map(|line| line.to_string()));
    let reader = token(7, "");
    let browser = Browser::start();

    browser.open(&format!("{app}/"));
    browser.run(&with_server(&server, &reader, READ_AND_FOLLOW));
    let names = ["page", "refusal", "events", "reused", "socket", "subprotocol"];
    let found = seen(&browser, "answers and streams", &names, |_| true);
    let (page, refusal) = (&found["page"], &found["refusal"]);
    assert_eq!((&page["status"], &page["applied"]), (&json!(200), &json!("bigint=string")), "{found}");
    assert!(page["position"].is_string() && page["etag"].is_string(), "{found}");
    assert_eq!(page["body"]["rows"][0]["post_id"], POST.to_string(), "{found}");
    assert_eq!((&refusal["status"], &refusal["body"]["field"]), (&json!(401), &json!("Authorization")), "{found}");
    assert_eq!(found["reused"], "refused", "a ticket that was used has opened another stream");
    assert_eq!(
        (&found["subprotocol"]["protocol"], &found["socket"]["protocol"]),
        (&json!("tidewater.v1"), &json!("")),
        "{found}"
    );

    server.ingest(&[posted(5, POST + 2, 8, "more news").to_string()]);
    let both = json!([POST.to_string(), (POST + 2).to_string()]);
    let has_both = |seen: &Value| {
        let streams = [&seen["events"], &seen["socket"]["rows"], &seen["subprotocol"]["rows"]];
        streams.iter().all(|rows| **rows == both)
    };
    seen(&browser, "the new row in every stream", &names, has_both);

    browser.open(&format!("{stranger}/"));
    browser.run(&with_server(&server, &reader, TRY_EVERYTHING));
    let names = ["public", "private", "ticket", "events", "socket"];
    let found = seen(&browser, "refusals", &names, |_| true);
    assert!(names.iter().all(|name| found[*name] == "refused"), "{found}");
}
