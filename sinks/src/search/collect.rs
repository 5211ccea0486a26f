//! The best hits of a query, how many there are, and how often each value of some columns is among them.
//!
//! A compiled query, a filter and an order enter; [`Found`] leaves. Every matching row is looked at once, segment by segment; of each segment as
//! many are kept as are asked for. Hits that are equal in the order come by their key, so that a page is the same however files were split.
//! How well a row matches is added up in whole numbers: neither the order of the words nor that of the engine matters.

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::Instant;

use schemas::row::Row;
use tantivy::query::{EnableScoring, Query as _, Scorer, Weight};
use tantivy::{DocAddress, DocSet as _, SegmentReader, TERMINATED};

use super::columns::SegmentColumn;
use super::compile::Compiled;
use super::document::{Included, Layout};
use super::error::QueryError;
use super::filter::{Filter, SegmentFilter};
use super::limits::FACET_VALUES_MAX;
use super::scope::Scope;

/// Rows that are looked at before the time is.
const ROWS_BETWEEN_LOOKS: u64 = 4_096;
/// Parts of one in which scores are added up.
const SCORE_PARTS: f64 = 65_536.0;

/// Criterion that hits are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderBy {
    /// relevance, best first
    Relevance,
    /// an included column, by its position among those of a hit
    Column(usize),
}

/// Order of hits; those that are equal in it come by their key, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// the criterion
    pub by: OrderBy,
    /// largest first; NULL is larger than any value
    pub descending: bool,
}

/// The query of a search.
pub(super) struct Request<'a> {
    /// the query, which says what is a hit
    pub query: &'a Compiled,
    /// conditions that hits have to fulfil besides
    pub filter: &'a Filter,
    /// order of the hits
    pub order: Order,
    /// number of the best that are kept
    pub keep: usize,
    /// the columns whose values are counted
    pub facets: Vec<&'a Included>,
}

/// Hits of a search.
#[derive(Default)]
pub(super) struct Found {
    /// the best, in order
    pub best: Vec<DocAddress>,
    /// number of hits
    pub total: u64,
    /// for each facet, how often each value occurs; NULL is not counted
    pub counts: Vec<BTreeMap<Row, u64>>,
}

/// The place of a row in the order of its segment: the least is the best.
type Rank = (u8, u64, u64);

/// A row that may be among the best of all segments: the parts of its rank as bytes that compare alike everywhere.
type Candidate = (u8, Vec<u8>, Vec<u8>, DocAddress);

/// A query and what counts for relevance in it, ready for any segment.
struct Weights {
    /// finds the hits
    query: Box<dyn Weight>,
    /// true if the query says itself how well a row matches
    is_leaf: bool,
    /// parts that add to relevance when the query has several
    leaves: Vec<Box<dyn Weight>>,
}

impl Weights {
    /// Prepares a query. Scores are asked for only where they order the hits.
    fn new(request: &Request<'_>, scope: &Scope<'_>) -> tantivy::Result<Self> {
        let Compiled { query, leaves, .. } = request.query;
        let is_scored = request.order.by == OrderBy::Relevance;
        let is_leaf = is_scored && request.query.is_leaf;
        let plain = EnableScoring::disabled_from_searcher(scope.searcher);
        let query = query.weight(if is_leaf { scope.scoring() } else { plain })?;
        let leaves = leaves.iter().filter(|_| is_scored && !is_leaf).map(|leaf| leaf.weight(scope.scoring()));
        Ok(Self { query, is_leaf, leaves: leaves.collect::<tantivy::Result<_>>()? })
    }
}

/// Runs a query.
pub(super) fn collect(request: &Request<'_>, scope: &Scope<'_>) -> Result<Found, QueryError> {
    let weights = Weights::new(request, scope)?;
    let mut found = Found { counts: vec![BTreeMap::new(); request.facets.len()], ..Found::default() };
    let mut candidates: Vec<Candidate> = Vec::new();
    for (number, reader) in (0..).zip(scope.searcher.segment_readers()) {
        let mut segment = Segment::new(request, scope.layout, reader)?;
        segment.run(request, &weights, scope.deadline, &mut found.total)?;
        segment.candidates(number, request.order, &mut candidates)?;
        segment.count(request, scope.layout, &mut found.counts)?;
        candidates.sort_unstable();
        candidates.truncate(request.keep);
    }
    found.best = candidates.into_iter().map(|(.., address)| address).collect();
    Ok(found)
}

/// Returns a score in whole parts, rounded down: sums of them do not depend on their order.
fn parts_of(score: f32) -> u64 {
    (f64::from(score) * SCORE_PARTS) as u64
}

/// One segment while it is searched.
struct Segment<'a> {
    /// the files of the segment
    reader: &'a SegmentReader,
    /// the filter, with values looked up in this segment
    filter: SegmentFilter,
    /// keys of the rows, which break ties
    keys: SegmentColumn,
    /// `None` for relevance
    order: Option<SegmentColumn>,
    /// counted columns, with how often each value occurs by its number in this segment
    facets: Vec<(SegmentColumn, HashMap<u64, u64>)>,
    /// the best rows so far, the worst of them first; at most as many as are kept
    best: BinaryHeap<(Rank, u32)>,
}

impl<'a> Segment<'a> {
    /// Opens the columns that the search needs.
    fn new(request: &Request<'_>, layout: &Layout, reader: &'a SegmentReader) -> Result<Self, QueryError> {
        let order = match request.order.by {
            OrderBy::Relevance => None,
            OrderBy::Column(place) => {
                let included = layout.included.iter().find(|included| included.place == place);
                Some(included.map_or(Ok(SegmentColumn::Empty), |included| SegmentColumn::of(reader, included))?)
            }
        };
        let facet = |included: &&Included| SegmentColumn::of(reader, included).map(|column| (column, HashMap::new()));
        Ok(Self {
            reader,
            filter: SegmentFilter::new(request.filter, layout, reader)?,
            keys: SegmentColumn::keys(reader)?,
            order,
            facets: request.facets.iter().map(facet).collect::<tantivy::Result<_>>()?,
            best: BinaryHeap::with_capacity(request.keep.min(1_024) + 1),
        })
    }

    /// Looks at every row that the query finds.
    ///
    /// Deleted rows are still in the files and never count. The deadline is looked at every [`ROWS_BETWEEN_LOOKS`] rows, so a search ends
    /// soon after it.
    fn run(&mut self, request: &Request<'_>, weights: &Weights, deadline: Instant, total: &mut u64) -> Result<(), QueryError> {
        let mut scorer = weights.query.scorer(self.reader, 1.0)?;
        let leaves = weights.leaves.iter().map(|leaf| leaf.scorer(self.reader, 1.0));
        let mut leaves: Vec<Box<dyn Scorer>> = leaves.collect::<tantivy::Result<_>>()?;
        let mut looked_at: u64 = 0;
        while scorer.doc() != TERMINATED {
            let document = scorer.doc();
            if !self.reader.is_deleted(document) && self.filter.admits(document) {
                *total += 1;
                let mut score = if weights.is_leaf { parts_of(scorer.score()) } else { 0 };
                for leaf in &mut leaves {
                    let at = if leaf.doc() < document { leaf.seek(document) } else { leaf.doc() };
                    score += if at == document { parts_of(leaf.score()) } else { 0 };
                }
                self.keep(document, score, request);
                for (column, counts) in &mut self.facets {
                    column.number(document).into_iter().for_each(|number| *counts.entry(number).or_default() += 1);
                }
            }
            looked_at += 1;
            if looked_at.is_multiple_of(ROWS_BETWEEN_LOOKS) && Instant::now() > deadline {
                return Err(QueryError::TooSlow);
            }
            scorer.advance();
        }
        Ok(())
    }

    /// Keeps a row if it is among the best. NULL is larger than any value, in both directions.
    fn keep(&mut self, document: u32, score: u64, request: &Request<'_>) {
        if request.keep == 0 {
            return;
        }
        let (class, value) = match &self.order {
            None => (0, u64::MAX - score),
            Some(column) => match (column.number(document), request.order.descending) {
                (Some(number), false) => (0, number),
                (None, false) => (1, 0),
                (None, true) => (0, 0),
                (Some(number), true) => (1, !number),
            },
        };
        let worst = self.best.peek().filter(|_| self.best.len() == request.keep).map(|((class, value, _), _)| (*class, *value));
        // Most rows are not among the best: their keys are not looked at.
        if worst.is_some_and(|worst| (class, value) > worst) {
            return;
        }
        let key = self.keys.number(document).unwrap_or_else(|| panic!("document {document} has no key"));
        self.best.push(((class, value, key), document));
        if self.best.len() > request.keep {
            self.best.pop();
        }
    }

    /// Hands over the best rows with values that compare alike in all segments; a number of a value holds in its own segment only.
    fn candidates(&mut self, segment: u32, order: Order, into: &mut Vec<Candidate>) -> Result<(), QueryError> {
        for ((class, value, key), document) in std::mem::take(&mut self.best) {
            let value = match &self.order {
                // The values of one kind end where they end, so the inverted bytes have the opposite order.
                Some(column @ SegmentColumn::Values(_)) if order.descending && class == 1 => {
                    column.bytes_of(!value)?.into_iter().map(|byte| !byte).collect()
                }
                Some(column @ SegmentColumn::Values(_)) if !order.descending && class == 0 => column.bytes_of(value)?,
                _ => value.to_be_bytes().to_vec(),
            };
            into.push((class, value, self.keys.bytes_of(key)?, DocAddress::new(segment, document)));
        }
        Ok(())
    }

    /// Adds the counts of this segment to those of all; refuses more different values than are kept.
    fn count(&mut self, request: &Request<'_>, layout: &Layout, into: &mut [BTreeMap<Row, u64>]) -> Result<(), QueryError> {
        for (number, (column, counts)) in self.facets.iter().enumerate() {
            let included = request.facets[number];
            for (value, count) in counts {
                *into[number].entry(column.field_of(included, *value)?).or_default() += count;
            }
            if into[number].len() > FACET_VALUES_MAX {
                let column = layout.columns[included.place].name.clone();
                return Err(QueryError::ManyFacetValues { column, values_max: FACET_VALUES_MAX });
            }
        }
        Ok(())
    }
}
