//! Derived topics as the API reads them: records of the log, up to the end of the last complete epoch.

use std::sync::Arc;

use api::{BoxFuture, Derived, IngestError, RecordPage, TopicRecord};
use engine::follow::{DerivedTopicLog, Reports};
use schemas::position::{Offset, Partition, Topic};
use sinks::topic::{TopicLogError, end_of};
use sources::error::LogError;
use sources::log::Log;
use sources::record::StoredRecord;

/// A derived topic has no other.
const PARTITION: Partition = Partition(0);

/// The derived topics of a process.
#[derive(Clone)]
pub struct DerivedTopics {
    /// the log of their records
    pub log: Arc<dyn Log>,
    /// reports of all sinks
    pub reports: Arc<Reports>,
}

impl Derived for DerivedTopics {
    fn view_of(&self, topic: &str) -> Option<String> {
        let writer = self.reports.list().into_iter().find(|report| report.topic.as_deref() == Some(topic));
        writer.map(|report| report.view)
    }

    fn records(
        &self,
        topic: &str,
        from: Option<Offset>,
        limit: usize,
        bytes_max: usize,
    ) -> BoxFuture<'_, Result<RecordPage, IngestError>> {
        let (log, topic) = (Arc::clone(&self.log), Topic::new(topic));
        Box::pin(async move {
            let page = tokio::task::spawn_blocking(move || read(&log, &topic, from, (limit, bytes_max))).await;
            let storage = |detail: String| IngestError::Storage { detail };
            page.map_err(|error| storage(error.to_string()))?.map_err(|error| storage(error.to_string()))
        })
    }
}

/// Reason why the records of a derived topic can't be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    /// the log
    #[error(transparent)]
    Log(#[from] LogError),
    /// the end of the topic
    #[error(transparent)]
    End(#[from] TopicLogError),
}

fn read(
    log: &Arc<dyn Log>,
    topic: &Topic,
    from: Option<Offset>,
    (limit, bytes_max): (usize, usize),
) -> Result<RecordPage, ReadError> {
    if log.topic(topic)?.is_none() {
        // Its sink was not asked how far it is yet.
        return Ok(RecordPage::default());
    }
    // The end first: what is trimmed meanwhile makes the page only shorter.
    let end = end_of(&DerivedTopicLog(Arc::clone(log)), topic, None)?.map_or(Offset(0), |end| end.complete);
    let (earliest, _) = log.bounds(topic, PARTITION)?;
    let from = from.unwrap_or(earliest);
    if from < earliest || from >= end {
        return Ok(RecordPage { earliest, end, records: Vec::new() });
    }
    let mut records = log.read(topic, PARTITION, from, limit, bytes_max)?.records;
    records.retain(|record| record.offset < end);
    Ok(RecordPage { earliest, end, records: records.into_iter().map(as_record).collect() })
}

fn as_record(record: StoredRecord) -> TopicRecord {
    let StoredRecord { offset, timestamp, key, value, .. } = record;
    TopicRecord { offset, timestamp, key, value }
}
