//! Views and full-text indexes that readers may ask, and the positions that are visible in them.
//!
//! A name and the claims of a reader enter; a view with the rows that this reader may see leaves. A view that is denied is as unknown as
//! one that does not exist. Positions that become visible enter through a watch channel; nothing polls.

use std::sync::Arc;
use std::time::Duration;

use schemas::position::{Epoch, Position, Token};
use sinks::search::{QueryError, SearchIndexes, SearchReader};
use sinks::views::{ServedView, Snapshot, ViewReader, WaitError};
use tokio::sync::watch;

use crate::blocking::BlockingWork;
use crate::read::access::{Admission, Rule, admit};
use crate::read::claims::Claims;
use crate::read::error::ReadError;
use crate::read::limits::{READS_AT_ONCE, SEARCHES_AT_ONCE};
use crate::read::search_error::SearchError;
use crate::read::suggest::nearest;

/// Everything that can be read; clones share it.
#[derive(Clone)]
pub(crate) struct Catalog(Arc<CatalogShared>);

struct CatalogShared {
    views: Arc<dyn ViewReader>,
    indexes: Arc<SearchIndexes>,
    published: watch::Receiver<Position>,
    /// announces that some full-text index went on
    indexed: watch::Receiver<()>,
    searches: BlockingWork,
    reads: BlockingWork,
}

impl Catalog {
    /// The catalog over `views` and `indexes`, whose listener it becomes.
    pub(crate) fn new(views: Arc<dyn ViewReader>, indexes: Arc<SearchIndexes>) -> Self {
        let (announce, published) = watch::channel(views.position());
        views.set_listener(Box::new(move |position| {
            announce.send_replace(position);
        }));
        let (announce, indexed) = watch::channel(());
        indexes.set_listener(Arc::new(move |_| {
            announce.send_replace(());
        }));
        let (searches, reads) = (BlockingWork::new(SEARCHES_AT_ONCE), BlockingWork::new(READS_AT_ONCE));
        Self(Arc::new(CatalogShared { views, indexes, published, indexed, searches, reads }))
    }

    /// The views.
    pub(crate) fn views(&self) -> &dyn ViewReader {
        self.0.views.as_ref()
    }

    /// Learns of every position published from now on.
    pub(crate) fn published(&self) -> watch::Receiver<Position> {
        let mut receiver = self.0.published.clone();
        receiver.mark_unchanged();
        receiver
    }

    /// Learns when a full-text index goes on from now on.
    fn indexed(&self) -> watch::Receiver<()> {
        let mut receiver = self.0.indexed.clone();
        receiver.mark_unchanged();
        receiver
    }

    /// A view and the rows of it that a reader may see. One that is filled for the first time is there, but not yet to be read.
    pub(crate) fn admitted(&self, name: &str, claims: Option<&Claims>) -> Result<(Arc<ServedView>, Rule), ReadError> {
        // Staged first: a view that becomes served in between is then found in one of the two.
        let staged = self.views().staged(name);
        let served = self.views().view(name);
        let is_served = served.is_some();
        match served.or(staged).map(|served| (admit(&served.view, claims), served)) {
            Some((Admission::Rows(rule), served)) if is_served => Ok((served, rule)),
            Some((Admission::Rows(_), _)) => {
                // A deployment may have replaced the served one by it, or given it up, since: nothing is known of its progress then.
                let hydration = self.views().staged_hydration(name).unwrap_or_default();
                Err(ReadError::Hydrating { view: name.to_owned(), hydration })
            }
            Some((Admission::NeedsToken, _)) => Err(ReadError::Anonymous { view: name.to_owned() }),
            Some((Admission::Hidden, _)) | None => {
                let readable: Vec<_> = self.views().views().into_iter().filter(|served| is_readable(served, claims)).collect();
                let suggestion = nearest(name, readable.iter().map(|served| served.view.name.as_str()));
                Err(ReadError::UnknownView { view: name.to_owned(), suggestion })
            }
        }
    }

    /// All views as they are now; `None` when `served` was replaced since it was looked up, so its request has to be planned again.
    pub(crate) fn snapshot_of(&self, served: &Arc<ServedView>) -> Result<Option<Snapshot<'_>>, ReadError> {
        let snapshot = self.views().snapshot();
        let name = &served.view.name;
        if !snapshot.view(name).is_some_and(|current| Arc::ptr_eq(current, served)) {
            return Ok(None);
        }
        self.check_whole(name)?;
        Ok(Some(snapshot))
    }

    /// Refuses a view that is still being filled.
    pub(crate) fn check_whole(&self, view: &str) -> Result<(), ReadError> {
        let hydrating = |hydration| Err(ReadError::Hydrating { view: view.to_owned(), hydration });
        self.views().hydration(view).map_or(Ok(()), hydrating)
    }

    /// Returns true if everybody may read all rows of a view.
    pub(crate) fn is_public(&self, view: &str) -> bool {
        let served = self.views().view(view);
        served.is_some_and(|served| matches!(admit(&served.view, None), Admission::Rows(Rule::Always)))
    }

    /// A full-text index, and the rows of its view that a reader may see. An index of a view that is denied is as unknown as one that does
    /// not exist.
    pub(crate) fn searchable(&self, name: &str, claims: Option<&Claims>) -> Result<(SearchReader, Rule), SearchError> {
        let unknown = || {
            let readable: Vec<SearchReader> = self.searches(claims);
            let suggestion = nearest(name, readable.iter().map(|reader| reader.index().name.as_str()));
            SearchError::UnknownIndex { index: name.to_owned(), suggestion }
        };
        let reader = self.0.indexes.get(name).ok_or_else(unknown)?;
        match self.admitted(&reader.index().view, claims) {
            Ok((served, rule)) if is_index_of(&reader, &served) => Ok((reader, rule)),
            Ok(_) => Err(SearchError::IndexBuilding { index: name.to_owned() }),
            Err(ReadError::UnknownView { .. }) => Err(unknown()),
            Err(error) => Err(error.into()),
        }
    }

    /// The full-text indexes of views that a reader may read, by name.
    pub(crate) fn searches(&self, claims: Option<&Claims>) -> Vec<SearchReader> {
        let is_readable =
            |reader: &SearchReader| self.views().view(&reader.index().view).is_some_and(|view| is_readable(&view, claims));
        self.0.indexes.all().into_iter().filter(is_readable).collect()
    }

    /// Runs a search when it is its turn. `part` names what holds the query, for errors.
    pub(crate) async fn run_search<T: Send + 'static>(
        &self,
        part: &'static str,
        search: impl FnOnce() -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, SearchError> {
        let done = self.0.searches.run(search).await;
        done.map_err(|error| SearchError::Failed { detail: error.to_string() })?
            .map_err(|source| SearchError::Query { part, source })
    }

    /// Runs a read that may take long when it is its turn.
    pub(crate) async fn run_read<T: Send + 'static>(&self, read: impl FnOnce() -> T + Send + 'static) -> Result<T, ReadError> {
        self.0.reads.run(read).await.map_err(|error| ReadError::Failed { detail: error.to_string() })
    }

    /// Waits until the views show what `token` names, at most for `wait`.
    pub(crate) async fn until_visible(&self, token: &Token, wait: Duration) -> Result<(), ReadError> {
        if self.views().reached(token)? {
            return Ok(());
        }
        let waited = tokio::time::timeout(wait, self.reached(token)).await;
        waited.unwrap_or_else(|_| Err(WaitError::Timeout { token: token.clone(), position: self.views().position() }.into()))
    }

    /// The same for readers of one view: of a view that is still being filled then, that is what there is to say.
    pub(crate) async fn until_visible_in(&self, view: &str, token: &Token, wait: Duration) -> Result<(), ReadError> {
        let waited = self.until_visible(token, wait).await;
        match (waited, self.views().hydration(view)) {
            (Err(ReadError::Wait(WaitError::Timeout { .. })), Some(hydration)) => {
                Err(ReadError::Hydrating { view: view.to_owned(), hydration })
            }
            (waited, _) => waited,
        }
    }

    /// Waits until a full-text index shows what the views show, at most for `wait`; `token` is what was asked for.
    pub(crate) async fn until_searchable(&self, token: &Token, wait: Duration, reader: &SearchReader) -> Result<(), ReadError> {
        let visible = self.views().position();
        let mut indexed = self.indexed();
        let shows_it = async {
            while !reader.ask_for(visible.epoch) {
                if indexed.changed().await.is_err() {
                    return Err(ReadError::Stopping);
                }
            }
            Ok(())
        };
        let waited = tokio::time::timeout(wait, shows_it).await;
        waited.unwrap_or_else(|_| {
            // An index that was never committed shows the state before the first epoch.
            let position = Position { epoch: reader.epoch().unwrap_or(Epoch(0)), ..visible };
            Err(WaitError::Timeout { token: token.clone(), position }.into())
        })
    }

    async fn reached(&self, token: &Token) -> Result<(), ReadError> {
        let mut published = self.published();
        // Every publish after the receiver was made is announced, so none is missed between the look and the wait.
        while !self.views().reached(token)? {
            if published.changed().await.is_err() {
                return Err(ReadError::Stopping);
            }
        }
        Ok(())
    }
}

/// Returns true if the index is one of the view as it is served now: a deployment may have replaced the view before its index.
fn is_index_of(reader: &SearchReader, served: &ServedView) -> bool {
    let columns = reader.index().columns();
    columns.iter().zip(reader.columns()).all(|(&position, column)| served.view.columns.get(position) == Some(column))
}

/// Returns true if a reader may read a view.
pub(crate) fn is_readable(served: &ServedView, claims: Option<&Claims>) -> bool {
    matches!(admit(&served.view, claims), Admission::Rows(_))
}
