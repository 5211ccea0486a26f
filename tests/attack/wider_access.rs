//! Readers who see more than before: not by a deployment, a rollback, a drop or a start, unless somebody says that it is meant.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::deploys::{ask, changed};
use crate::lines::registered;
use crate::process::{Launch, Server, eventually, operator, tidewater};

/// A topic that follows the accounts, which their owners alone may read.
const SINK: &str =
    "CREATE SINK account_log FROM accounts WITH (connector = 'log', topic = 'derived.accounts') FORMAT CHANGELOG ENCODE JSON;";
/// The same topic, written from a view that everyone may read.
const PUBLIC_SINK: &str = "
CREATE MATERIALIZED VIEW account_count AS SELECT count(*) AS known FROM accounts;
CREATE INDEX ON account_count (known);
GRANT SELECT ON account_count TO PUBLIC;
CREATE SINK count_log FROM account_count WITH (connector = 'log', topic = 'derived.accounts') FORMAT CHANGELOG ENCODE JSON;
";
const GRANT: &str = "GRANT SELECT ON accounts TO PUBLIC;";
const RECORDS: &str = "/v1/topics/derived.accounts/records";
const ACCOUNTS: &str = "/v1/views/accounts?limit=1";
/// Exit codes of a deployment, and of a plan or a start, that nobody accepted.
const NOT_DEPLOYED: Option<i32> = Some(9);
const UNACCEPTED: Option<i32> = Some(10);

/// A server whose accounts are private, and a folder with a topology that opens them.
struct Scene {
    folder: TempDir,
    server: Server,
    private: String,
    open: String,
}

impl Scene {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, more: &str| changed(&folder, name, more).to_str().unwrap().to_owned();
        let (private, open) = (path("private", SINK), path("open", &format!("{SINK}\n{GRANT}")));
        let server = Server::run_ready(&Launch { data: &folder.path().join("data"), topologies: &private, ..Launch::default() });
        server.ingest(&[registered(1, 7).to_string()]);
        Self { folder, server, private, open }
    }

    fn ask(&self, arguments: &[&str]) -> (Option<i32>, Value, String) {
        ask(&self.server, &self.folder, arguments)
    }

    /// The status of the accounts and of their topic for a stranger.
    fn opened(&self) -> [u16; 2] {
        [ACCOUNTS, RECORDS].map(|path| self.server.get(path, None).status)
    }
}

const CLOSED: [u16; 2] = [401, 401];
const OPEN: [u16; 2] = [200, 200];

fn assert_names_the_readers(complaint: &str) {
    for part in [
        "view 'accounts' (before: where user_id = jwt('sub')",
        "then: everyone",
        "derived topic 'derived.accounts'",
        "--accept-wider-access",
    ] {
        assert!(complaint.contains(part), "{part}: {complaint}");
    }
}

#[test]
fn a_deployment_and_a_rollback_that_open_a_view_are_refused_until_they_are_accepted() {
    let mut scene = Scene::start();
    let (code, plan, complaint) = scene.ask(&["plan", &scene.open]);
    assert_eq!((code, &plan["views"]["changed"]), (UNACCEPTED, &json!([])), "{complaint}");
    assert_names_the_readers(&complaint);
    let wider = plan["access"].as_array().unwrap().iter().filter(|change| change["wider"] == true);
    assert_eq!(wider.map(|change| change["name"].as_str().unwrap()).collect::<Vec<_>>(), ["accounts", "derived.accounts"]);

    let (code, _, complaint) = scene.ask(&["deploy", &scene.open]);
    assert_eq!((code, scene.opened()), (NOT_DEPLOYED, CLOSED), "{complaint}");
    assert_names_the_readers(&complaint);
    let request = json!({ "action": "deploy", "files": files(Path::new(&scene.open)) });
    let refused = scene.server.post_json("/v1/deployments", &request, Some(&operator()));
    assert_eq!((refused.status, &refused.json()["type"]), (409, &json!("urn:tidewater:problem:wider_access")));
    let generations = scene.ask(&["status"]).1["deployments"]["generations"].clone();
    assert_eq!(generations.as_array().unwrap().len(), 1, "what was refused left a generation: {generations}");

    let (code, report, complaint) = scene.ask(&["deploy", &scene.open, "--accept-wider-access"]);
    assert_eq!((code, scene.opened()), (Some(0), OPEN), "{complaint}");
    assert_eq!(report["access"], plan["access"], "the report tells of other readers than the plan");
    assert_eq!(report["sinks"]["kept"].as_array().unwrap().contains(&json!("account_log")), true, "{report}");

    // Back to fewer readers, which needs nothing, and again to more.
    let (code, _, complaint) = scene.ask(&["rollback"]);
    assert_eq!((code, scene.opened()), (Some(0), CLOSED), "{complaint}");
    let (code, _, complaint) = scene.ask(&["rollback", "--to", "2"]);
    assert_eq!((code, scene.opened()), (NOT_DEPLOYED, CLOSED), "{complaint}");
    assert_names_the_readers(&complaint);
    let (code, _, complaint) = scene.ask(&["rollback", "--to", "2", "--accept-wider-access"]);
    assert_eq!((code, scene.opened()), (Some(0), OPEN), "{complaint}");

    // Who did it stands in the log, which shows that unless it is told otherwise.
    assert!(scene.server.process.terminate().success());
    let said = scene.server.process.complaint();
    let lines = |text: &str| said.lines().filter(|line| line.contains(text)).count();
    assert_eq!((lines("a deployment was refused"), lines("a deployment began")), (3, 3), "{said}");
    let began = said.lines().find(|line| line.contains("a deployment began")).unwrap();
    for part in ["INFO", "tidewater::audit", "generation=2", "by=\"1\"", "origin=\"deploy\"", "view 'accounts'"] {
        assert!(began.contains(part), "{part}: {began}");
    }
}

#[test]
fn a_start_with_an_edited_directory_that_opens_a_view_is_refused_until_it_is_accepted() {
    let Scene { folder, mut server, private, open } = Scene::start();
    let data = folder.path().join("data");
    assert!(server.process.terminate().success());
    let plan = tidewater(&["plan", &open, "--data", data.to_str().unwrap()]).output().unwrap();
    let (told, complaint) = (String::from_utf8_lossy(&plan.stdout), String::from_utf8_lossy(&plan.stderr));
    assert_eq!(plan.status.code(), UNACCEPTED, "{told}{complaint}");
    assert_names_the_readers(&complaint);
    assert!(told.contains("  ! more readers of view accounts: everyone; before: where user_id = jwt('sub')"), "{told}");

    let launch = |topologies: &str, more: &[&str]| Launch { data: &data, topologies, more, ..Launch::default() }.server();
    let mut refused = launch(&open, &[]).err().expect("the start is refused");
    assert_eq!(refused.wait().code(), UNACCEPTED);
    assert_names_the_readers(&refused.complaint());
    // What was in force still is.
    let mut server = Server::run_ready(&Launch { data: &data, topologies: &private, ..Launch::default() });
    assert_eq!(server.get(ACCOUNTS, None).status, 401);
    assert!(server.process.terminate().success());

    let accepting = ["--accept-wider-access"];
    let mut server = Server::run_ready(&Launch { data: &data, topologies: &open, more: &accepting, ..Launch::default() });
    assert_eq!(server.get(ACCOUNTS, None).status, 200);
    assert!(server.process.terminate().success());
    // It was accepted: the next start with the same directory needs nothing, nor does one with fewer readers.
    for (topologies, status) in [(&open, 200), (&private, 401)] {
        let mut server = Server::run_ready(&Launch { data: &data, topologies, ..Launch::default() });
        assert_eq!(server.get(ACCOUNTS, None).status, status);
        assert!(server.process.terminate().success());
    }
    assert!(launch(&open, &[]).is_err(), "it was accepted once, and then taken back");
}

#[test]
fn records_of_a_private_view_are_not_opened_by_dropping_their_sink_first() {
    let mut scene = Scene::start();
    eventually("records of the topic", || {
        let page = scene.server.get(RECORDS, Some(&operator())).json();
        page["records"].as_array().is_some_and(|records| !records.is_empty()).then_some(())
    });
    let path = |name: &str, more: &str| changed(&scene.folder, name, more).to_str().unwrap().to_owned();
    let (without, opening) = (path("without", ""), path("opening", PUBLIC_SINK));
    let (code, _, complaint) = scene.ask(&["deploy", &without]);
    assert_eq!(code, Some(0), "{complaint}");

    let asked = "derived topic 'derived.accounts' (before: operators; then: everyone)";
    let (code, _, complaint) = scene.ask(&["deploy", &opening]);
    assert!(code == NOT_DEPLOYED && complaint.contains(asked), "{code:?}: {complaint}");
    assert_ne!(scene.server.get(RECORDS, None).status, 200);

    assert!(scene.server.process.terminate().success());
    let data = scene.folder.path().join("data");
    let unaccepted = Launch { data: &data, topologies: &opening, ..Launch::default() };
    let mut refused = unaccepted.server().err().expect("the start is refused");
    assert_eq!(refused.wait().code(), UNACCEPTED);
    let complaint = refused.complaint();
    assert!(complaint.contains(asked), "{complaint}");
    let accepted = ["--accept-wider-access"];
    let mut server = Server::run_ready(&Launch { data: &data, topologies: &opening, more: &accepted, ..Launch::default() });
    assert_eq!(server.get(RECORDS, None).status, 200);
    assert!(server.process.terminate().success());
}

/// The statements of a folder as a request has them.
fn files(folder: &Path) -> Value {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = |path: std::path::PathBuf| json!({ "path": path.to_str(), "text": std::fs::read_to_string(&path).unwrap() });
    paths.map(file).collect()
}
