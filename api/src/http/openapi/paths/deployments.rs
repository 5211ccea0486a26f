//! Deployments: what is in force, what takes over, and what that would change.

use serde_json::{Value, json};

use super::super::operation::{Audience, DescribedOperation, DescribedPath, json_answer};
use super::super::schema::{described, list, nullable, object, one_of, text, truth, whole};

pub(crate) static DEPLOYMENTS: DescribedPath = DescribedPath::new("/v1/deployments", || vec![report(), deploy()]);
pub(crate) static DEPLOYMENT_PLAN: DescribedPath = DescribedPath::new("/v1/deployments/plan", || vec![plan()]);

const TAG: &str = "deployments";

/// A request to deploy: one of the actions.
fn request() -> Value {
    let action = |name: &str, further: Vec<(&'static str, Value)>| {
        let mut members = vec![
            ("action", one_of(&[name])),
            ("verify?", one_of(&["none", "report", "refuse"])),
            ("accept_missing_history?", truth()),
            ("accept_wider_access?", truth()),
        ];
        members.extend(further);
        object(&members)
    };
    let mut file = object(&[("path", text()), ("text", described(text(), "Statements."))]);
    file["additionalProperties"] = false.into();
    json!({ "oneOf": [
        action("deploy", vec![("files", list(file))]),
        action("rollback", vec![("to?", described(nullable(whole()), "A generation; without it the one before."))]),
        action("replay", vec![("view", text())]),
        action("drop", vec![("name", described(text(), "A view, or a sink when no view has the name."))]),
    ] })
}

fn report() -> DescribedOperation {
    let generation = object(&[
        ("generation", whole()),
        ("origin", text()),
        ("files", whole()),
        ("in_force", truth()),
        ("state", text()),
        ("begun_at", nullable(text())),
        ("by", nullable(text())),
        ("ended_at", nullable(text())),
        ("reason", nullable(text())),
    ]);
    let last = json!({ "type": ["object", "null"], "description": "The deployment that is under way, or the last one since the start." });
    let report =
        object(&[("in_force", whole()), ("generations", list(generation)), ("retained_epochs", list(whole())), ("last", last)]);
    DescribedOperation::get("read_deployments", TAG, "The generations, and the one in force")
        .to(Audience::Operators)
        .answers(200, json_answer("The generations.", report))
        .problems(&[400, 404])
}

fn deploy() -> DescribedOperation {
    DescribedOperation::post("deploy", TAG, "Have a topology take over")
        .to(Audience::Operators)
        .words("Answered as soon as the statements are planned; GET says how it goes.")
        .body(true, &[("application/json", request())])
        .answers(202, json_answer("It has begun.", object(&[("generation", whole())])))
        .problems(&[400, 404, 409, 413, 415, 422])
}

fn plan() -> DescribedOperation {
    DescribedOperation::post("plan_deployment", TAG, "What a deployment would change")
        .to(Audience::Operators)
        .body(true, &[("application/json", request())])
        .answers(200, json_answer("The changes.", json!({ "type": "object" })))
        .problems(&[400, 404, 409, 413, 415, 422])
}
