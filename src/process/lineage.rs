//! Events that made a row, as the API asks for them: the engine's answer, found on a thread of its own.
//!
//! Owns how many such searches run at a time. Questions of the API enter and go to [`engine::lineage`]; its answers leave.

use std::sync::Arc;

use api::{BoxFuture, Provenance, WhyAnswer, WhyEvent, WhyQuestion, WhyRefusal, WhyRow};
use engine::lineage::{Answer, LineageError, LineageLimits, LineageQuery, NamedEvent, Question, RowAnswer};
use tokio::sync::Semaphore;

/// Searches that run at the same time; further ones wait for their turn. Each may hold some hundred megabytes.
const SEARCHES_AT_ONCE: usize = 2;

/// Finds the events of rows of a running topology.
pub struct RowEvents {
    lineage_query: LineageQuery,
    permits: Arc<Semaphore>,
}

impl RowEvents {
    /// Asks with this query.
    pub fn new(lineage_query: LineageQuery) -> Self {
        Self { lineage_query, permits: Arc::new(Semaphore::new(SEARCHES_AT_ONCE)) }
    }
}

impl Provenance for RowEvents {
    fn why(&self, question: WhyQuestion) -> BoxFuture<'_, Result<WhyAnswer, WhyRefusal>> {
        let WhyQuestion { view, rows, consumed, wall_micros, events_max } = question;
        let question = Question { view, rows, consumed, wall_micros, events_max };
        Box::pin(async move {
            let failed = |detail: String| WhyRefusal::Failed { detail };
            let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|error| failed(error.to_string()))?;
            let lineage_query = self.lineage_query.clone();
            let search = tokio::task::spawn_blocking(move || {
                // Whoever asked may be gone: the search goes on until its end, and so does its place.
                let _permit = permit;
                lineage_query.explain(&question, LineageLimits::default())
            });
            match search.await.map_err(|error| failed(error.to_string()))? {
                Ok(answer) => Ok(as_answer(answer)),
                Err(LineageError::Replaced { .. }) => Err(WhyRefusal::Replaced),
                Err(error) => Err(failed(error.to_string())),
            }
        })
    }
}

fn as_answer(answer: Answer) -> WhyAnswer {
    let Answer { rows, records, gaps, unfinished } = answer;
    WhyAnswer {
        rows: rows.into_iter().map(as_row).collect(),
        records,
        gaps: gaps.into_iter().map(|((topic, partition), earliest)| (topic, partition, earliest)).collect(),
        unfinished: unfinished.map(|limit| limit.to_string()),
    }
}

fn as_row(row: RowAnswer) -> WhyRow {
    let RowAnswer { is_found, events, is_cut } = row;
    WhyRow { is_found, events: events.into_iter().map(as_event).collect(), is_cut }
}

fn as_event(event: NamedEvent) -> WhyEvent {
    let NamedEvent { topic, partition, offset, event_id, event_type, occurred_at, json } = event;
    WhyEvent { topic, partition, offset, event_id, event_type, occurred_at, json }
}
