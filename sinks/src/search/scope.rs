//! The rows that a search is about: all of a commit, or those that a reader may see.
//!
//! Owns [`Scope`]. What policies let a reader see enters; the number of rows, how many of them have a word, how long they are and which of
//! them have a word with some beginning leave. Where policies hide rows, all of this is counted among the others alone, so nothing that an answer
//! says, nor the order of its hits, depends on a hidden row. The work grows with the rows that the reader may see, not with those
//! of others: they are looked up by the values that policies compare, and their words are kept row by row.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::RangeBounds as _;
use std::sync::Arc;
use std::time::Instant;

use schemas::field::is_null;
use tantivy::columnar::BytesColumn;
use tantivy::index::SegmentId;
use tantivy::query::{Bm25StatisticsProvider, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Searcher, SegmentReader, TERMINATED, TantivyError, Term};

use super::columns::range_of;
use super::document::Layout;
use super::error::QueryError;
use super::filter::{Filter, SegmentFilter};

/// Rows that are looked at before the time is.
const ROWS_BETWEEN_LOOKS: usize = 4_096;

/// The rows that one search is about.
pub(super) struct Scope<'a> {
    /// the fields of the index
    pub layout: &'a Layout,
    /// the commit
    pub searcher: &'a Searcher,
    /// end of the time for the search
    pub deadline: Instant,
    /// visible rows of each segment, ascending; `None` where nothing is hidden
    rows: Option<Vec<Arc<Vec<DocId>>>>,
    /// number of rows that have a word, as far as it was asked
    frequencies: RefCell<HashMap<Term, u64>>,
}

impl<'a> Scope<'a> {
    /// The rows that fulfil `visible`.
    pub fn new(visible: &Filter, layout: &'a Layout, searcher: &'a Searcher, deadline: Instant) -> Result<Self, QueryError> {
        let mut rows = None;
        if !visible.is_always() {
            let of_segment = |reader: &SegmentReader| rows_of(visible, layout, reader).map(Arc::new);
            rows = Some(searcher.segment_readers().iter().map(of_segment).collect::<tantivy::Result<Vec<_>>>()?);
        }
        Ok(Self { layout, searcher, deadline, rows, frequencies: RefCell::default() })
    }

    /// The rows of each segment, ascending; `None` where nothing is hidden.
    pub fn rows(&self) -> Option<&[Arc<Vec<DocId>>]> {
        self.rows.as_deref()
    }

    /// The number of rows.
    pub fn count(&self) -> u64 {
        match &self.rows {
            Some(rows) => rows.iter().map(|rows| rows.len() as u64).sum(),
            None => self.searcher.num_docs(),
        }
    }

    /// Finds the rows; `None` where nothing is hidden.
    pub fn query(&self) -> Option<RowsQuery> {
        self.rows.as_ref().map(|rows| self.query_of(rows.clone()))
    }

    /// The number of rows that have a word.
    pub fn frequency(&self, term: &Term) -> tantivy::Result<u64> {
        let Some(rows) = &self.rows else { return self.searcher.doc_freq(term) };
        if let Some(known) = self.frequencies.borrow().get(term) {
            return Ok(*known);
        }
        let mut count = 0;
        for (reader, rows) in self.searcher.segment_readers().iter().zip(rows) {
            count += common(reader, term, rows)?;
        }
        self.frequencies.borrow_mut().insert(term.clone(), count);
        Ok(count)
    }

    /// Finds those of some rows of each segment that have a word with this beginning in one of these columns of words; with their number.
    pub fn beginning_with(
        &self,
        rows: &[Arc<Vec<DocId>>],
        columns: &[&str],
        prefix: &[u8],
    ) -> Result<(RowsQuery, u64), QueryError> {
        let mut found = Vec::new();
        for (reader, rows) in self.searcher.segment_readers().iter().zip(rows) {
            let mut of_segment = Vec::new();
            for name in columns {
                let Some(words) = reader.fast_fields().str(name)?.map(BytesColumn::from) else { continue };
                let range = range_of(&words, prefix)?;
                self.each(rows, |row| {
                    if words.term_ords(row).any(|word| range.contains(&word)) {
                        of_segment.push(row);
                    }
                })?;
            }
            of_segment.sort_unstable();
            of_segment.dedup();
            found.push(Arc::new(of_segment));
        }
        let count = found.iter().map(|rows| rows.len() as u64).sum();
        Ok((self.query_of(found), count))
    }

    /// Looks at rows as long as there is time.
    pub fn each(&self, rows: &[DocId], mut look: impl FnMut(DocId)) -> Result<(), QueryError> {
        for some in rows.chunks(ROWS_BETWEEN_LOOKS) {
            some.iter().for_each(|row| look(*row));
            if Instant::now() > self.deadline {
                return Err(QueryError::TooSlow);
            }
        }
        Ok(())
    }

    /// The scoring of the engine, by these rows.
    pub fn scoring(&'a self) -> EnableScoring<'a> {
        EnableScoring::enabled_from_statistics_provider(self, self.searcher)
    }

    /// Makes the query that finds these rows.
    fn query_of(&self, rows: Vec<Arc<Vec<DocId>>>) -> RowsQuery {
        let segments = self.searcher.segment_readers().iter().map(SegmentReader::segment_id);
        RowsQuery(Arc::new(segments.zip(rows).collect()))
    }
}

impl Bm25StatisticsProvider for Scope<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        let Some(rows) = &self.rows else { return self.searcher.total_num_tokens(field) };
        let mut words: u64 = 0;
        for (reader, rows) in self.searcher.segment_readers().iter().zip(rows) {
            let lengths = reader.get_fieldnorms_reader(field)?;
            words += rows.iter().map(|row| u64::from(lengths.fieldnorm(*row))).sum::<u64>();
        }
        Ok(words)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        // The engine counts deleted rows where it counts the words of all.
        if self.rows.is_some() { Ok(self.count()) } else { self.searcher.total_num_docs() }
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.frequency(term)
    }
}

/// The rows of a segment that fulfil a filter, ascending.
fn rows_of(filter: &Filter, layout: &Layout, reader: &SegmentReader) -> tantivy::Result<Vec<DocId>> {
    let (mut rows, is_exact) = match looked_up(filter, layout, reader)? {
        Some(found) => found,
        None => ((0..reader.max_doc()).collect(), false),
    };
    if !is_exact {
        let filter = SegmentFilter::new(filter, layout, reader)?;
        rows.retain(|row| filter.admits(*row));
    }
    rows.retain(|row| !reader.is_deleted(*row));
    Ok(rows)
}

/// Rows among which are all that fulfil a filter, and whether they are exactly these; `None` when the filter names no value that can be looked up.
fn looked_up(filter: &Filter, layout: &Layout, reader: &SegmentReader) -> tantivy::Result<Option<(Vec<DocId>, bool)>> {
    match filter {
        Filter::OneOf(place, values) => {
            let guarded = layout.included.iter().find(|included| included.place == *place && included.is_guarded);
            let Some(included) = guarded.filter(|_| !values.iter().any(|value| is_null(value.as_bytes(), 0))) else {
                return Ok(None);
            };
            let mut rows = Vec::new();
            for term in values.iter().filter_map(|value| included.term(value)) {
                let Some(mut postings) = reader.inverted_index(term.field())?.read_postings(&term, IndexRecordOption::Basic)?
                else {
                    continue;
                };
                while postings.doc() != TERMINATED {
                    rows.push(postings.doc());
                    postings.advance();
                }
            }
            rows.sort_unstable();
            rows.dedup();
            Ok(Some((rows, true)))
        }
        Filter::Between(..) => Ok(None),
        Filter::Any(filters) => {
            let (mut rows, mut is_exact) = (Vec::new(), true);
            for filter in filters {
                let Some((some, is_whole)) = looked_up(filter, layout, reader)? else { return Ok(None) };
                rows.extend(some);
                is_exact &= is_whole;
            }
            rows.sort_unstable();
            rows.dedup();
            Ok(Some((rows, is_exact)))
        }
        Filter::All(filters) => {
            let mut fewest: Option<(Vec<DocId>, bool)> = None;
            for filter in filters {
                if let Some(found) = looked_up(filter, layout, reader)?
                    && fewest.as_ref().is_none_or(|fewest| found.0.len() < fewest.0.len())
                {
                    fewest = Some(found);
                }
            }
            Ok(fewest.map(|(rows, is_exact)| (rows, is_exact && filters.len() == 1)))
        }
    }
}

/// The number of these rows that have a word.
fn common(reader: &SegmentReader, term: &Term, rows: &[DocId]) -> tantivy::Result<u64> {
    let Some(mut postings) = reader.inverted_index(term.field())?.read_postings(term, IndexRecordOption::Basic)? else {
        return Ok(0);
    };
    let mut rows = RowsSet { rows, at: 0 };
    let mut count = 0;
    let mut row = rows.doc();
    while row != TERMINATED {
        let found = if postings.doc() < row { postings.seek(row) } else { postings.doc() };
        if found == row {
            count += 1;
            row = rows.advance();
        } else {
            row = rows.seek(found);
        }
    }
    Ok(count)
}

/// Finds given rows of each segment.
#[derive(Clone, Debug)]
pub(super) struct RowsQuery(Arc<HashMap<SegmentId, Arc<Vec<DocId>>>>);

impl Query for RowsQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for RowsQuery {
    fn scorer(&self, reader: &SegmentReader, boost: f32) -> tantivy::Result<Box<dyn Scorer>> {
        let rows = self.0.get(&reader.segment_id()).cloned();
        let rows = rows.ok_or_else(|| TantivyError::InternalError("rows of another commit were looked for".to_owned()))?;
        Ok(Box::new(ConstScorer::new(RowsSet { rows: Shared(rows), at: 0 }, boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("one of the rows", 1.0))
    }
}

/// Rows that several searches of a segment share.
struct Shared(Arc<Vec<DocId>>);

impl AsRef<[DocId]> for Shared {
    fn as_ref(&self) -> &[DocId] {
        &self.0
    }
}

/// Walks along rows, which are ascending.
struct RowsSet<R> {
    /// the rows, ascending
    rows: R,
    /// place of the present row; behind the last one when there is none
    at: usize,
}

impl<R: AsRef<[DocId]> + Send> DocSet for RowsSet<R> {
    fn advance(&mut self) -> DocId {
        self.at += 1;
        self.doc()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        // Targets are mostly near: the step doubles until it is too far.
        let rest = self.rows.as_ref().get(self.at..).unwrap_or(&[]);
        let mut step = 1;
        while rest.get(step).is_some_and(|row| *row < target) {
            step *= 2;
        }
        let near = rest.get(..=step).unwrap_or(rest);
        self.at += near.partition_point(|row| *row < target);
        self.doc()
    }

    fn doc(&self) -> DocId {
        self.rows.as_ref().get(self.at).copied().unwrap_or(TERMINATED)
    }

    fn size_hint(&self) -> u32 {
        u32::try_from(self.rows.as_ref().len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::random::Random;

    #[test]
    fn rows_are_found_from_any_row_before_them() {
        let mut random = Random::new(4);
        for _ in 0..2_000 {
            let mut rows: Vec<DocId> = (0..random.below(40)).map(|_| random.below(90) as DocId).collect();
            rows.sort_unstable();
            rows.dedup();
            let mut set = RowsSet { rows: rows.as_slice(), at: 0 };
            let mut target = 0;
            while set.doc() != TERMINATED {
                target = set.doc().max(target) + random.below(20) as DocId;
                let expected = rows.iter().copied().find(|row| *row >= target).unwrap_or(TERMINATED);
                assert_eq!(set.seek(target), expected, "{target} in {rows:?}");
            }
            assert_eq!(set.advance(), TERMINATED);
        }
    }
}
