//! Keys of caches that an epoch made stale, sent at once to listeners of this process.

use std::sync::Arc;

use schemas::key_template::KeyTemplate;
use schemas::position::Position;
use schemas::row::{Diff, Row};
use schemas::serving::Column;
use schemas::sink::{SinkContent, SinkDefinition};

use super::feeds::{Feed, Invalidations};
use crate::contract::{Effect, MakeEffect};
use crate::rows::RowReader;

/// The effect of a sink whose content is keys: its feed opens when the sink task begins. `None` for other content.
pub fn stale_keys(definition: &SinkDefinition, columns: &[Column], invalidations: &Arc<Invalidations>) -> Option<MakeEffect> {
    let SinkContent::Invalidate { key } = &definition.content else { return None };
    let (key, rows, invalidations) = (key.clone(), RowReader::new(columns), Arc::clone(invalidations));
    let (name, view) = (definition.name.clone(), definition.view.clone());
    Some(Box::new(move || {
        let feed = invalidations.open(&name, &view);
        Box::new(StaleKeys { key, rows, feed, invalidations })
    }))
}

/// Tells a feed what became stale.
struct StaleKeys {
    /// template of a key
    key: KeyTemplate,
    /// reads the rows
    rows: RowReader,
    /// feed of stale keys
    feed: Arc<Feed>,
    /// wakes who follows
    invalidations: Arc<Invalidations>,
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
