//! Answers to operators who deploy in a running process.
//!
//! A request enters, is planned against what runs, and is handed to the engine; reports leave. The generations themselves lie in
//! [`store`](super::store).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::{BoxFuture, DeployAction, DeployRefusal, DeployRequest, Deployments, DeploymentsReport, StatementFile, VerifyMode};
use engine::run::{
    DeployError, DeployOutcome, DeployPhase, Deployment, DeploymentHandle, Standing, Verify, WiderAccess, access_changes,
    plan_switch,
};
use epochs::disk::DiskError;
use language::diagnostic::{Diagnostic, SourceFile};
use language::load::{LoadError, is_proto};
use language::plan::limits::patience::Patience;
use language::topology::Topology;
use parking_lot::Mutex;
use serde_json::Value;
use sources::log::Log;
use tokio::sync::Semaphore;

use super::change::change_as_json;
use super::declared::{Declared, with_messages};
use super::drop::{not_found, served_names, statement_to_drop};
use super::life::{AUDIT, GenerationState, Stamp};
use super::records::check_records;
use super::report::{info, reader_changes, state};
use super::store::{NoGeneration, Origin, Store};
use crate::process::clock::wall_micros;
use crate::process::ingest::LogIngest;
use crate::process::ingest_topics::ingest_topics;

/// The most bytes of all statements of a deployment.
const STATEMENTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most time for planning a request.
const PLAN_TIME_MAX: Duration = Duration::from_secs(30);
/// Most requests that are planned at once: each takes a thread, even when its client no longer waits.
const PLANS_MAX: usize = 2;

/// The deployments of a process; clones share them.
#[derive(Clone)]
pub struct Deployer {
    store: Arc<Mutex<Store>>,
    deployment_handle: Arc<DeploymentHandle>,
    log: Arc<dyn Log>,
    ingest: LogIngest,
    plans: Arc<Semaphore>,
}

/// A request that was understood.
struct Planned {
    declared: Declared,
    origin: Origin,
    replay: BTreeSet<String>,
    verify: Verify,
    accept_missing_history: bool,
    accept_wider_access: bool,
}

impl Deployer {
    /// The deployments that `store` remembers and `deployment_handle` carries out.
    pub fn new(store: Store, deployment_handle: Arc<DeploymentHandle>, log: Arc<dyn Log>, ingest: LogIngest) -> Self {
        Self { store: Arc::new(Mutex::new(store)), deployment_handle, log, ingest, plans: Arc::new(Semaphore::new(PLANS_MAX)) }
    }

    /// Plans what is asked for. Nothing is held meanwhile: what planning takes must not be felt by anybody else.
    fn plan_request(&self, request: DeployRequest, patience: &Patience) -> Result<Planned, DeployRefusal> {
        let verify = match request.verify {
            VerifyMode::None => Verify::Not,
            VerifyMode::Report => Verify::Report,
            VerifyMode::Refuse => Verify::Refuse,
        };
        let DeployRequest { action, accept_missing_history, accept_wider_access, .. } = request;
        let (files, origin, replay) = self.statements(action)?;
        let declared = Declared::within(files, patience.clone()).map_err(invalid)?;
        self.check_records(&declared.topology, &self.store.lock())?;
        Ok(Planned { declared, origin, replay, verify, accept_missing_history, accept_wider_access })
    }

    /// Refuses a source that would not read the records that its topic has.
    fn check_records(&self, topology: &Topology, store: &Store) -> Result<(), DeployRefusal> {
        let checked = check_records(topology, store, |topic| self.ingest.encoding(topic.as_str()));
        checked.map_err(|conflict| DeployRefusal::Conflict { detail: conflict.to_string() })
    }

    /// The statements that would be in force, where they come from, and the views whose state is computed once more.
    fn statements(&self, action: DeployAction) -> Result<(Vec<SourceFile>, Origin, BTreeSet<String>), DeployRefusal> {
        let store = self.store.lock();
        let current = store.current();
        Ok(match action {
            DeployAction::Deploy { files } => (source_files(files)?, Origin::Deploy, BTreeSet::new()),
            DeployAction::Rollback { to } => {
                let to = to.map_or_else(|| store.before(), Ok).and_then(|to| store.load(to)).map_err(no_generation)?;
                (with_messages(to.source_files(), &current.source_files()), Origin::Rollback { to: to.generation }, BTreeSet::new())
            }
            DeployAction::Replay { view } => {
                self.known(&view)?;
                (current.source_files(), Origin::Replay { view: view.clone() }, BTreeSet::from([view]))
            }
            DeployAction::Drop { dropped } => {
                let (statement, origin) = statement_to_drop(dropped, current, &self.deployment_handle.topology())?;
                let mut files = current.source_files();
                files.push(statement);
                (files, origin, BTreeSet::new())
            }
        })
    }

    fn known(&self, view: &str) -> Result<(), DeployRefusal> {
        let topology = self.deployment_handle.topology();
        if served_names(&topology).any(|name| name == view) {
            return Ok(());
        }
        Err(not_found(format!("no view '{view}' is served"), view, served_names(&topology)))
    }

    /// Refuses a topology of which readers would see more than of the one in force. The caller holds the store, so no other one can begin
    /// to take over. Returns the changes that were accepted, in words.
    fn check_readers(&self, planned: &Planned, by: &str) -> Result<Option<String>, DeployRefusal> {
        let running = self.deployment_handle.topology();
        let changes = access_changes(Some(&running), &planned.declared.topology, self.log.as_ref())
            .map_err(|error| DeployRefusal::Storage { detail: error.to_string() })?;
        let Some(wider) = WiderAccess::of(&changes) else { return Ok(None) };
        if planned.accept_wider_access {
            return Ok(Some(wider.describe()));
        }
        tracing::info!(target: AUDIT, ?by, wider_access = wider.describe(), "a deployment was refused");
        Err(DeployRefusal::WiderAccess { detail: wider.to_string(), access: reader_changes(&wider.changes) })
    }

    fn begin(&self, request: DeployRequest, by: String, patience: &Patience) -> Result<u64, DeployRefusal> {
        let planned = self.plan_request(request, patience)?;
        let mut store = self.store.lock();
        // Whoever asked and got an error must not find it under way.
        patience.check().map_err(|error| DeployRefusal::Conflict { detail: error.strip_backtrace() })?;
        if let Some(generation) = self.under_way() {
            return Err(busy(&DeployError::Busy { generation }));
        }
        // Another one may have taken over since it was planned.
        self.check_records(&planned.declared.topology, &store)?;
        let wider_access = self.check_readers(&planned, &by)?;
        let Planned { declared, origin, replay, verify, accept_missing_history, .. } = planned;
        let told = (by.clone(), origin.to_string());
        let storage = |error: DiskError| DeployRefusal::Storage { detail: error.to_string() };
        let stamp = Stamp { at_micros: wall_micros(), by };
        let generation = store.add(origin, &declared.files, stamp, accept_missing_history).map_err(storage)?;
        let shared = Arc::clone(&self.store);
        let topology = Arc::new(declared.topology);
        let (next, running, ingest) = (Arc::clone(&topology), Arc::clone(&self.deployment_handle), self.ingest.clone());
        let record = Box::new(move |standing: Standing<'_>| {
            record(&mut shared.lock(), generation, standing)?;
            // The log has the topics since the deployment was prepared.
            match standing {
                Standing::InForce => ingest.follow(ingest_topics(&next)),
                Standing::Ended(DeployOutcome::Switched { .. }) => {}
                Standing::Ended(_) => ingest.follow(ingest_topics(&running.topology())),
            }
            Ok(())
        });
        let deployment = Deployment { generation, topology, replay, verify, accept_missing_history, record };
        self.deployment_handle.begin(deployment).map_err(|error| {
            if let Err(error) = store.end(generation, GenerationState::Failed, error.to_string(), wall_micros()) {
                tracing::warn!(generation, %error, "it could not be recorded that a deployment did not begin");
            }
            busy(&error)
        })?;
        tracing::info!(target: AUDIT, generation, by = ?told.0, origin = ?told.1, wider_access, accept_missing_history, "a deployment began");
        Ok(generation)
    }

    fn under_way(&self) -> Option<u64> {
        let report = self.deployment_handle.report();
        (!matches!(report.phase, DeployPhase::None | DeployPhase::Finished)).then_some(report.generation)
    }

    fn describe(&self) -> DeploymentsReport {
        let store = self.store.lock();
        let in_force = store.current().generation;
        let generations = store.list().map(|generation| info(generation, store.life(generation.generation), in_force));
        let report = self.deployment_handle.report();
        let last = (report.phase != DeployPhase::None).then(|| state(report));
        let retained_epochs = self.deployment_handle.retained().iter().map(|retained| retained.epoch).collect();
        DeploymentsReport { in_force, generations: generations.collect(), retained_epochs, last }
    }
}

impl Deployments for Deployer {
    fn begin(&self, request: DeployRequest, by: String) -> BoxFuture<'_, Result<u64, DeployRefusal>> {
        blocking(self, move |deployer, patience| deployer.begin(request, by, patience))
    }

    fn plan(&self, request: DeployRequest) -> BoxFuture<'_, Result<Value, DeployRefusal>> {
        blocking(self, move |deployer, patience| {
            let planned = deployer.plan_request(request, patience)?;
            let change =
                plan_switch(&planned.declared.topology, &deployer.deployment_handle, deployer.log.as_ref(), &planned.replay);
            let change = change.map_err(|error| DeployRefusal::Storage { detail: error.to_string() })?;
            Ok(change_as_json(&change))
        })
    }

    fn report(&self) -> DeploymentsReport {
        self.describe()
    }
}

/// Planning takes a while, and so does a disk: that is a thread's work, for as long as somebody waits for it.
fn blocking<T: Send + 'static>(
    deployer: &Deployer,
    work: impl FnOnce(&Deployer, &Patience) -> Result<T, DeployRefusal> + Send + 'static,
) -> BoxFuture<'static, Result<T, DeployRefusal>> {
    let deployer = deployer.clone();
    Box::pin(async move {
        let Ok(permit) = Arc::clone(&deployer.plans).try_acquire_owned() else {
            let detail = format!("{PLANS_MAX} requests are being planned already: ask again when they are answered");
            return Err(DeployRefusal::Conflict { detail });
        };
        let patience = Patience::of(PLAN_TIME_MAX);
        // A request that is dropped because its client is gone drops this too.
        let _waiting = WaitingClient(patience.clone());
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&deployer, &patience);
            drop(permit);
            done
        });
        match tokio::time::timeout(PLAN_TIME_MAX, done).await {
            Ok(done) => done.unwrap_or_else(|error| Err(DeployRefusal::Storage { detail: format!("it was cut short: {error}") })),
            Err(_) => Err(DeployRefusal::Conflict {
                detail: format!("planning takes longer than {} s: make the statements simpler", PLAN_TIME_MAX.as_secs()),
            }),
        }
    })
}

/// A client that waits; when it does no more, planning for it ends.
struct WaitingClient(Patience);

impl Drop for WaitingClient {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

fn source_files(files: Vec<StatementFile>) -> Result<Vec<SourceFile>, DeployRefusal> {
    let bytes: usize = files.iter().map(|file| file.text.len()).sum();
    // Messages alone declare nothing: everything that is in force would be dropped.
    let is_empty = files.iter().all(|file| is_proto(&file.path));
    if is_empty || bytes > STATEMENTS_BYTES_MAX {
        let detail = format!(
            "{} files with {bytes} bytes were sent: send at least one .sql file, and at most {STATEMENTS_BYTES_MAX} bytes",
            files.len()
        );
        return Err(DeployRefusal::Conflict { detail });
    }
    Ok(files.into_iter().map(|file| SourceFile { path: file.path.into(), text: file.text.into() }).collect())
}

fn invalid(error: LoadError) -> DeployRefusal {
    match error {
        LoadError::Invalid { diagnostics } => DeployRefusal::Invalid {
            text: diagnostics.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n\n"),
            diagnostics: serde_json::json!(diagnostics),
            errors: diagnostics.len(),
        },
        other => DeployRefusal::Conflict { detail: other.to_string() },
    }
}

fn no_generation(error: NoGeneration) -> DeployRefusal {
    let detail = error.to_string();
    match error {
        NoGeneration::Unknown { .. } => DeployRefusal::NotFound { detail },
        NoGeneration::NeverInForce { .. } => DeployRefusal::Conflict { detail },
    }
}

/// Remembers what becomes of a generation.
fn record(store: &mut Store, generation: u64, standing: Standing<'_>) -> Result<(), DiskError> {
    let (state, reason) = match standing {
        Standing::InForce => return store.put_in_force(generation, wall_micros()),
        Standing::Ended(DeployOutcome::Differs) => {
            (GenerationState::Refused, "rows differ from those that are served".to_owned())
        }
        Standing::Ended(DeployOutcome::Refused { reason }) => (GenerationState::Refused, reason.clone()),
        Standing::Ended(DeployOutcome::Failed { reason }) => (GenerationState::Failed, reason.clone()),
        // It took over: it was recorded before.
        Standing::Ended(DeployOutcome::Switched { .. }) => return Ok(()),
    };
    store.end(generation, state, reason, wall_micros())
}

fn busy(error: &DeployError) -> DeployRefusal {
    match error {
        DeployError::Busy { .. } => DeployRefusal::Conflict { detail: error.to_string() },
        DeployError::Stopped => DeployRefusal::Storage { detail: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_without_statements_are_refused_as_empty() {
        let file = |path: &str| StatementFile { path: path.to_owned(), text: String::new() };
        for files in [vec![], vec![file("a/shop.proto")]] {
            let Err(DeployRefusal::Conflict { detail }) = source_files(files) else { panic!("it was taken") };
            assert!(detail.contains("at least one .sql file"), "{detail}");
        }
        assert_eq!(source_files(vec![file("a/shop.proto"), file("a/shop.sql")]).unwrap().len(), 2);
    }
}
