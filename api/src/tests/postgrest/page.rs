//! The table of calls in `docs/API.md` is true: each of them is made.

use std::path::Path;

use super::*;

const HEAD: &str = "| call of `/rest/v1/` | gives |";
/// Calls that the table has at least.
const CALLS_MIN: usize = 50;

/// The parts of a cell that stand in backquotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Percent-encodes what an address can't have.
fn encoded(address: &str) -> String {
    [('%', "%25"), ('>', "%3E"), ('"', "%22"), ('+', "%2B"), (' ', "%20")]
        .into_iter()
        .fold(address.to_owned(), |address, (letter, code)| address.replace(letter, code))
}

async fn check(api: &Router, call: &str, gives: &str) {
    let parts = quoted(call);
    let (target, headers) = parts.split_first().unwrap();
    let (method, target) = target.split_once(' ').filter(|(method, _)| *method == "POST").unwrap_or(("GET", target));
    let request = Request::builder().method(method).uri(format!("/rest/v1/{}", encoded(target)));
    let request = headers.iter().fold(request, |request, header| {
        let (name, value) = header.split_once(": ").unwrap();
        request.header(name, value)
    });
    let answer = send(api, request.body(Body::empty()).unwrap()).await;
    let (status, _) = gives.split_once(' ').unwrap();
    let parts = quoted(gives);
    let (body, headers) = parts.split_first().unwrap();
    let status = status.parse().unwrap();
    if status >= 400 {
        error(&answer, status, body);
    } else {
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (status, body.replace("\\n", "\n").as_str()), "{call}");
    }
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        assert_eq!(answer.header(&name.to_lowercase()), value, "{call}");
    }
}

#[tokio::test]
async fn each_call_of_the_table_gives_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (_, table) = page.split_once(HEAD).expect("the page has the table of calls");
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with("| ")).collect();
    assert!(rows.len() >= CALLS_MIN, "only {} calls were read", rows.len());
    let api = things_api();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').trim().split(" | ").collect();
        let [call, gives] = cells[..] else { panic!("a row of {} cells: {row}", cells.len()) };
        check(&api, call, gives).await;
    }
}
