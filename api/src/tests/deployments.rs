//! Deployments over HTTP: who may, what is read, and how refusals look.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;
use crate::host::deployments::{DeployRefusal, DeployRequest, Deployments, DeploymentsReport, GenerationInfo, ReaderChange};
use crate::host::future::BoxFuture;

/// Takes every request but those that its name refuses, and remembers them.
#[derive(Default)]
struct TestDeployments(Mutex<Vec<(DeployRequest, String)>>);

impl Deployments for TestDeployments {
    fn begin(&self, request: DeployRequest, by: String) -> BoxFuture<'_, Result<u64, DeployRefusal>> {
        let refused = match request.action {
            crate::DeployAction::Drop { .. } => Some(DeployRefusal::Conflict { detail: "generation 3 is being deployed".into() }),
            crate::DeployAction::Rollback { .. } if !request.accept_wider_access => Some(wider()),
            _ => None,
        };
        self.0.lock().unwrap().push((request, by));
        Box::pin(async move { refused.map_or(Ok(7), Err) })
    }

    fn plan(&self, _: DeployRequest) -> BoxFuture<'_, Result<Value, DeployRefusal>> {
        let diagnostics = json!([{ "line": 1 }]);
        Box::pin(async { Err(DeployRefusal::Invalid { text: "error: no".into(), diagnostics, errors: 1 }) })
    }

    fn report(&self) -> DeploymentsReport {
        let generation = GenerationInfo {
            generation: 1,
            origin: "start".into(),
            files: 2,
            in_force: true,
            state: "in_force",
            begun_at: None,
            by: None,
            ended_at: None,
            reason: None,
        };
        DeploymentsReport { in_force: 1, generations: vec![generation], retained_epochs: Vec::new(), last: None }
    }
}

/// More readers of one view.
fn wider() -> DeployRefusal {
    let change = ReaderChange {
        kind: "view",
        name: "secrets".into(),
        before: Some("nobody".into()),
        after: "everyone".into(),
        wider: true,
    };
    DeployRefusal::WiderAccess { detail: "readers would see more than before: view 'secrets'".into(), access: vec![change] }
}

fn api() -> (Router, Arc<TestDeployments>) {
    let deployments = Arc::new(TestDeployments::default());
    let health = Arc::new(TestHealth(Readiness::Ready));
    let state = ApiState::new(social(), Arc::new(TextIngest::default()), health, config());
    (router(state.with_deployments(Arc::clone(&deployments) as Arc<dyn Deployments>)), deployments)
}

fn post(token: Option<&str>, path: &str, content_type: &str, body: &'static str) -> Request<Body> {
    let mut request = Request::post(path).header("content-type", content_type);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::from(body)).unwrap()
}

const REPLAY: &str = r#"{"action":"replay","view":"posts"}"#;

#[tokio::test]
async fn a_deployment_is_for_operators_and_answered_with_its_generation() {
    let (api, deployments) = api();
    let json = "application/json";
    let operator = sign(json!({ "sub": "olga", "scope": "operator", "exp": FAR_FUTURE }));
    for path in ["/v1/deployments", "/v1/deployments/plan"] {
        send(&api, post(None, path, json, REPLAY)).await.problem(401, "token_needed", Some("Authorization"));
        send(&api, post(Some(&token(1)), path, json, REPLAY)).await.problem(403, "missing_scope", Some("Authorization"));
    }
    get(&api, "/v1/deployments").await.problem(401, "token_needed", Some("Authorization"));
    assert!(deployments.0.lock().unwrap().is_empty(), "a stranger deployed");
    let answer = send(&api, post(Some(&operator), "/v1/deployments", json, REPLAY)).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::ACCEPTED, json!({ "generation": 7 })));
    assert_eq!(deployments.0.lock().unwrap()[0].1, "olga", "it is not known who deployed");
    let answer = get_as(&api, &operator, "/v1/deployments").await.json();
    assert_eq!((&answer["in_force"], &answer["generations"][0]["origin"]), (&json!(1), &json!("start")));
}

#[tokio::test]
async fn what_is_wrong_with_a_deployment_is_said() {
    let (api, deployments) = api();
    let operator = sign(json!({ "scope": "operator", "exp": FAR_FUTURE }));
    let ask = |path: &'static str, kind: &'static str, body: &'static str| send(&api, post(Some(&operator), path, kind, body));
    let bad = ask("/v1/deployments", "application/json", r#"{"action":"explode"}"#).await;
    assert!(bad.problem(400, "bad_deployment", None).contains("explode"));
    // What a form of another site may send without being asked.
    ask("/v1/deployments", "text/plain", REPLAY).await.problem(415, "unsupported_media_type", Some("Content-Type"));
    let encoded = post(Some(&operator), "/v1/deployments", "application/json", REPLAY);
    let (mut parts, body) = encoded.into_parts();
    parts.headers.insert("content-encoding", "gzip".parse().unwrap());
    let encoded = send(&api, Request::from_parts(parts, body)).await;
    encoded.problem(415, "unsupported_encoding", Some("Content-Encoding"));
    assert_eq!(encoded.header("accept-encoding"), "identity");
    assert!(deployments.0.lock().unwrap().is_empty());
    let busy = ask("/v1/deployments", "application/json", r#"{"action":"drop","view":"posts"}"#).await;
    assert!(busy.problem(409, "deployment_conflict", None).contains("generation 3"));
    let invalid = ask("/v1/deployments/plan", "application/json", REPLAY).await;
    invalid.problem(422, "invalid_topology", None);
    assert_eq!((&invalid.json()["errors"], &invalid.json()["diagnostics"][0]["line"]), (&json!(1), &json!(1)));
    let alone =
        router(ApiState::new(social(), Arc::new(TextIngest::default()), Arc::new(TestHealth(Readiness::Ready)), config()));
    get_as(&alone, &operator, "/v1/deployments").await.problem(404, "no_deployments", None);
}

#[tokio::test]
async fn more_readers_than_before_are_a_problem_of_their_own_until_they_are_accepted() {
    let (api, deployments) = api();
    let operator = sign(json!({ "scope": "operator", "exp": FAR_FUTURE }));
    let ask = |body: &'static str| send(&api, post(Some(&operator), "/v1/deployments", "application/json", body));
    let refused = ask(r#"{"action":"rollback"}"#).await;
    assert!(refused.problem(409, "wider_access", None).contains("view 'secrets'"));
    let change = json!({ "kind": "view", "name": "secrets", "before": "nobody", "after": "everyone", "wider": true });
    assert_eq!(refused.json()["access"], json!([change]));
    let accepted = ask(r#"{"action":"rollback","accept_wider_access":true}"#).await;
    assert_eq!((accepted.status, accepted.json()), (StatusCode::ACCEPTED, json!({ "generation": 7 })));
    assert!(deployments.0.lock().unwrap()[1].0.accept_wider_access);
}
