//! Keys of caches that an epoch made stale, sent at once to listeners of this process.

use std::sync::Arc;

use schemas::position::Position;
use schemas::row::{Diff, Row};
use sinks::invalidations::{Feed, Invalidations};

use super::plan::Effect;
use super::rows::RowReader;
use language::plan::key_template::KeyTemplate;

/// Tells a feed what became stale.
pub struct StaleKeys {
    /// template of a key
    pub key: KeyTemplate,
    /// reads the rows
    pub rows: RowReader,
    /// feed of stale keys
    pub feed: Arc<Feed>,
    /// wakes who follows
    pub invalidations: Arc<Invalidations>,
}

impl Effect for StaleKeys {
    fn epoch(&mut self, position: Position, changes: &[(Row, Diff)]) {
        self.feed.epoch(position, self.rows.stale_keys(&self.key, changes).into_iter().collect());
        self.invalidations.announce();
    }

    fn reset(&mut self, position: Position) {
        self.feed.reset(position);
        self.invalidations.announce();
    }
}
