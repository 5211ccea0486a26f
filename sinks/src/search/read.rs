//! The read half: searches enter, hits leave, all from one commit.
//!
//! Owns [`SearchReader`], which any number of threads share, and [`SearchIndexes`], the readers by name. A search runs on the thread that asks,
//! for at most [`SEARCH_TIME_MAX`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::RwLock;
use schemas::field::Value;
use schemas::position::Epoch;
use schemas::row::Row;
use schemas::serving::{Column, SearchIndex};
use tantivy::{DocAddress, Searcher};

use super::collect::{Found, Order, Request, collect};
use super::compile::compile;
use super::document::{Included, Layout};
use super::error::QueryError;
use super::filter::Filter;
use super::grammar::parse;
use super::highlight::Highlighter;
use super::kept::kept_row;
use super::limits::{DOCUMENTS_MAX, FACET_VALUES_SHOWN, SEARCH_TIME_MAX};
use super::scope::Scope;
use super::suggest::{Suggestion, suggest};
use super::visible::Visible;

/// A search. Columns are positions among those of a hit.
#[derive(Clone, Debug)]
pub struct Search {
    /// in the grammar of queries; `None` finds every row
    pub query: Option<String>,
    /// the rows that the reader may see: no others count for anything
    pub visible: Filter,
    /// the filter
    pub filter: Filter,
    /// the order of the hits
    pub order: Order,
    /// hits before the first that is wanted
    pub offset: usize,
    /// hits that are wanted
    pub limit: usize,
    /// searched columns of which the part that matches is wanted
    pub highlights: Vec<usize>,
    /// included columns whose values are counted
    pub facets: Vec<usize>,
}

/// The hits of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// the epoch whose rows were searched
    pub epoch: Epoch,
    /// hits in all
    pub total: u64,
    /// those that are wanted
    pub hits: Vec<Hit>,
    /// the facets in the order they were asked for
    pub facets: Vec<Facet>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// its columns, encoded one after the other
    pub row: Row,
    /// the column, and the part of its text that matches, as HTML; a column that is NULL is left out
    pub highlights: Vec<(usize, String)>,
}

/// The values of a column among all hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// the column
    pub column: usize,
    /// encoded values and how many hits have them, most first, and by value
    pub values: Vec<(Row, u64)>,
}

/// Answers searches of one index; clones share it.
#[derive(Clone)]
pub struct SearchReader {
    /// the fields of the index
    layout: Arc<Layout>,
    /// the last commit, shared with the writer
    visible: Arc<Visible>,
}

impl SearchReader {
    /// Makes a reader of what a writer shows.
    pub(super) fn new(layout: Arc<Layout>, visible: Arc<Visible>) -> Self {
        Self { layout, visible }
    }

    /// Returns the declaration.
    pub fn index(&self) -> &SearchIndex {
        &self.layout.index
    }

    /// The columns of a hit.
    pub fn columns(&self) -> &[Column] {
        &self.layout.columns
    }

    /// The epoch that is shown; `None` while the index is built for the first time.
    pub fn epoch(&self) -> Option<Epoch> {
        self.visible.epoch()
    }

    /// Says that the view is at this epoch, and whether the epoch changed it: an index that nothing changed shows it too. For whoever follows the
    /// view, before the changes are applied.
    pub fn follow(&self, epoch: Epoch, has_changes: bool) {
        self.visible.follow(epoch, has_changes);
    }

    /// Calls `listener` with each epoch that becomes visible, outside of all locks; it replaces an earlier one and has to return at once.
    pub fn set_listener(&self, listener: Arc<dyn Fn(Epoch) + Send + Sync>) {
        self.visible.set_listener(listener);
    }

    /// Returns true if an epoch is shown; otherwise asks for it as soon as can be.
    pub fn ask_for(&self, epoch: Epoch) -> bool {
        self.visible.ask_for(epoch)
    }

    /// Blocks until an epoch is shown, as soon as can be; false when that takes longer.
    pub fn wait_for(&self, epoch: Epoch, deadline: Instant) -> bool {
        self.visible.ask_for(epoch) || self.visible.wait_for(epoch, deadline)
    }

    /// Searches what is shown now; `None` while nothing is.
    pub fn search(&self, search: &Search) -> Result<Option<Answer>, QueryError> {
        let layout = self.layout.as_ref();
        let names: Vec<&str> = layout.columns[..layout.index.searched.len()].iter().map(|column| column.name.as_str()).collect();
        let expression =
            search.query.as_deref().filter(|text| !text.trim().is_empty()).map(|text| parse(text, &names)).transpose()?;
        let Some((searcher, epoch)) = self.visible.shown() else { return Ok(None) };
        let scope = Scope::new(&search.visible, layout, &searcher, Instant::now() + SEARCH_TIME_MAX)?;
        let query = compile(expression.as_ref(), &search.filter, &scope, DOCUMENTS_MAX)?;
        let facets = search.facets.iter().filter_map(|place| layout.included.iter().find(|included| included.place == *place));
        let facets: Vec<&Included> = facets.collect();
        let keep = search.offset.saturating_add(search.limit);
        let found = collect(&Request { query: &query, filter: &search.filter, order: search.order, keep, facets }, &scope)?;
        let mut highlighter = Highlighter::new(&layout.analysis, query.marks);
        let hits = found.best.iter().skip(search.offset).map(|address| self.hit(*address, search, &searcher, &mut highlighter));
        Ok(Some(Answer { epoch, total: found.total, hits: hits.collect::<Result<_, _>>()?, facets: shown_facets(search, found) }))
    }

    /// Completes a prefix from rows that the reader may see and that fulfil the filter; `None` while nothing is shown.
    pub fn suggest(
        &self,
        prefix: &str,
        visible: &Filter,
        filter: &Filter,
        limit: usize,
    ) -> Result<Option<(Epoch, Vec<Suggestion>)>, QueryError> {
        let Some((searcher, epoch)) = self.visible.shown() else { return Ok(None) };
        let scope = Scope::new(visible, &self.layout, &searcher, Instant::now() + SEARCH_TIME_MAX)?;
        Ok(Some((epoch, suggest(prefix, filter, limit, &scope)?)))
    }

    /// Reads one hit from the files of the commit that was searched.
    fn hit(&self, address: DocAddress, search: &Search, searcher: &Searcher, shown: &mut Highlighter) -> Result<Hit, QueryError> {
        let row = kept_row(&self.layout, searcher, address)?;
        let mut highlights = Vec::new();
        let mut at = 0;
        // The searched columns come first.
        for (place, column) in self.layout.columns.iter().enumerate().take(self.layout.index.searched.len()) {
            if search.highlights.contains(&place)
                && let Value::Text(text) = column.kind.read(row.as_bytes(), at)
            {
                highlights.push((place, shown.show(place, &text)));
            }
            at = column.kind.end(row.as_bytes(), at);
        }
        Ok(Hit { row, highlights })
    }
}

/// Returns the values with the most hits; equal ones by their bytes, so that an answer is the same every time.
fn shown_facets(search: &Search, found: Found) -> Vec<Facet> {
    let shown = |(column, counts): (&usize, BTreeMap<Row, u64>)| {
        let mut values: Vec<(Row, u64)> = counts.into_iter().collect();
        values.sort_by(|left, right| (Reverse(left.1), &left.0).cmp(&(Reverse(right.1), &right.0)));
        values.truncate(FACET_VALUES_SHOWN);
        Facet { column: *column, values }
    };
    search.facets.iter().zip(found.counts).map(shown).collect()
}

/// Called with the epoch of each change that became visible.
type IndexListener = Arc<dyn Fn(Epoch) + Send + Sync>;

/// The readers of a process, by the names of their indexes.
#[derive(Default)]
pub struct SearchIndexes {
    /// the readers by the names of their indexes
    readers: RwLock<BTreeMap<String, SearchReader>>,
    /// handed to readers that are added later
    listener: RwLock<Option<IndexListener>>,
}

impl SearchIndexes {
    /// The index of this name.
    pub fn get(&self, name: &str) -> Option<SearchReader> {
        self.readers.read().get(name).cloned()
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<SearchReader> {
        self.readers.read().values().cloned().collect()
    }

    /// Adds an index, in place of the one that had its name.
    pub fn insert(&self, reader: SearchReader) {
        if let Some(listener) = self.listener.read().clone() {
            reader.set_listener(listener);
        }
        self.readers.write().insert(reader.index().name.clone(), reader);
    }

    /// Takes away all indexes but those of these names.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.readers.write().retain(|name, _| is_there(name));
    }

    /// Calls `listener` when any of the indexes, or one that is added later, shows another epoch; it has to return at once.
    pub fn set_listener(&self, listener: IndexListener) {
        let mut kept = self.listener.write();
        self.readers.read().values().for_each(|reader| reader.set_listener(Arc::clone(&listener)));
        *kept = Some(listener);
    }
}
