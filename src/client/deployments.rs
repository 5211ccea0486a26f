//! A deployment of a server, followed from its request to its end.
//!
//! A request as JSON enters; how the deployment goes leaves, and at last how it ended.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::text;
use super::connection::Connection;
use super::error::ClientError;

/// Interval at which the server is asked for its progress.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Waits for the end of a generation's deployment and returns it as the server describes it; `progress` sees it each time before. The
/// server describes the latest deployment alone: when that is another one, as after a restart, less is known of the end.
///
/// # Errors
/// The server, or a generation that it does not know.
pub fn follow_deployment(
    connection: &Connection,
    generation: u64,
    mut progress: impl FnMut(&Value),
) -> Result<Value, ClientError> {
    loop {
        let mut report = connection.get("/v1/deployments")?;
        let last = report["last"].take();
        if last["generation"] != generation {
            if let Some(ended) = ended(connection, &report, &last, generation)? {
                return Ok(ended);
            }
        } else if last["phase"] == "finished" {
            return Ok(last);
        } else {
            progress(&last);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// The end of a generation as the list of generations has it; `None` while it is on its way.
fn ended(connection: &Connection, report: &Value, last: &Value, generation: u64) -> Result<Option<Value>, ClientError> {
    let mut generations = report["generations"].as_array().into_iter().flatten();
    let Some(found) = generations.find(|found| found["generation"] == generation) else {
        return Err(connection.unexpected(&format!("it does not list generation {generation}, which it began to deploy")));
    };
    // There is one deployment at a time: a later one has begun after the end of this one.
    let is_over = last["generation"].as_u64().is_some_and(|last| last > generation);
    let (outcome, reason) = match (text(&found["state"]), is_over) {
        ("in_force" | "replaced", _) => ("switched", Value::Null),
        ("deploying", false) => return Ok(None),
        ("deploying", true) => ("failed", json!("the server has not recorded how it ended")),
        (state, _) => (state, found["reason"].clone()),
    };
    Ok(Some(json!({ "generation": generation, "phase": "finished", "outcome": outcome, "reason": reason })))
}

#[cfg(test)]
mod tests {
    use super::super::canned::{CannedAnswer, CannedServer, canned};
    use super::*;

    #[test]
    fn a_deployment_is_followed_to_its_own_end() {
        let last = |generation: u64, phase: &str| report(json!({ "generation": generation, "phase": phase }), "deploying");
        let (seen, ended) = follow(vec![last(6, "finished"), last(7, "catching_up"), last(7, "finished")]);
        assert_eq!((seen, ended.unwrap()["generation"].as_u64()), (vec![json!("catching_up")], Some(7)));
    }

    #[test]
    fn the_end_of_a_deployment_that_is_no_longer_the_last_is_in_the_list_of_generations() {
        let later = json!({ "generation": 8, "phase": "restoring" });
        for (last, state, outcome) in [
            (Value::Null, "interrupted", "interrupted"),
            (Value::Null, "in_force", "switched"),
            (later.clone(), "replaced", "switched"),
            (later.clone(), "refused", "refused"),
            (later.clone(), "deploying", "failed"),
        ] {
            let (seen, ended) = follow(vec![report(Value::Null, "deploying"), report(last, state)]);
            let ended = ended.unwrap();
            assert_eq!((seen.len(), &ended["outcome"], &ended["phase"]), (0, &json!(outcome), &json!("finished")), "{state}");
        }
    }

    #[test]
    fn a_generation_that_the_server_does_not_list_is_an_error() {
        let (_, ended) = follow(vec![canned("200 OK", json!({ "last": null, "generations": [{ "generation": 6 }] }))]);
        let error = ended.unwrap_err();
        assert!(matches!(error, ClientError::Unexpected { .. }) && error.to_string().contains("generation 7"), "{error}");
    }

    /// A report with generation 7 in a state.
    fn report(last: Value, state: &str) -> CannedAnswer {
        let generations = json!([{ "generation": 6, "state": "in_force" }, { "generation": 7, "state": state, "reason": "r" }]);
        canned("200 OK", json!({ "last": last, "generations": generations }))
    }

    /// The phases that are seen of generation 7, and its end.
    fn follow(answers: Vec<CannedAnswer>) -> (Vec<Value>, Result<Value, ClientError>) {
        let server = CannedServer::start(answers);
        let connection = Connection::new(&server.url, None).unwrap();
        let mut seen = Vec::new();
        let ended = follow_deployment(&connection, 7, |last| seen.push(last["phase"].clone()));
        server.requests();
        (seen, ended)
    }
}
