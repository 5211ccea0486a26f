//! A deployment of a server, followed from its request to its end.
//!
//! A request as JSON enters; how the deployment goes leaves, and at last how it ended.

use std::time::Duration;

use serde_json::Value;

use super::connection::Connection;
use super::error::ClientError;

/// Interval at which the server is asked for its progress.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Waits for the end of a generation's deployment and returns it as the server describes it; `progress` sees it each time before.
pub fn follow_deployment(
    connection: &Connection,
    generation: u64,
    mut progress: impl FnMut(&Value),
) -> Result<Value, ClientError> {
    loop {
        let mut report = connection.get("/v1/deployments")?;
        let last = report["last"].take();
        if last["generation"] == generation && last["phase"] == "finished" {
            return Ok(last);
        }
        progress(&last);
        std::thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::canned::{CannedServer, canned};
    use super::*;

    #[test]
    fn a_deployment_is_followed_to_its_own_end() {
        let last =
            |generation: u64, phase: &str| canned("200 OK", json!({ "last": { "generation": generation, "phase": phase } }));
        let server = CannedServer::start(vec![last(6, "finished"), last(7, "catching_up"), last(7, "finished")]);
        let connection = Connection::new(&server.url, None).unwrap();
        let mut seen = Vec::new();
        let ended = follow_deployment(&connection, 7, |last| seen.push(last["phase"].clone())).unwrap();
        assert_eq!((seen, ended["generation"].as_u64()), (vec![json!("finished"), json!("catching_up")], Some(7)));
    }
}
