//! Suggestions: how what somebody types may go on, the most popular first.
//!
//! The beginning of a word or of a value enters; what occurs in rows that the reader may see leaves, by popularity and then by the text. Every
//! row with such a word is looked at, since only those count that are there and visible.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

use schemas::field::{FieldKind, Value};
use schemas::row::Row;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocSet as _, Searcher, SegmentReader, TERMINATED, Term};

use super::columns::SegmentColumn;
use super::compile::expansions;
use super::document::{Included, Layout, suggested_form};
use super::error::QueryError;
use super::filter::{Filter, SegmentFilter};
use super::number::to_field;
use super::read::kept_row;
use super::{DOCUMENTS_MAX, SEARCH_TIME_MAX};

/// Something to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// the word or value
    pub text: String,
    /// by which it has its place: the largest value of the column that says how popular a row is, encoded; without such a column the number
    /// of rows
    pub popularity: Popularity,
}

/// How popular a suggestion is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Popularity {
    /// so many rows have it
    Rows(u64),
    /// the value of a column, encoded as one of this kind
    Value(FieldKind, Row),
}

/// What is known of one word or value.
#[derive(Default)]
struct Candidate {
    rows: u64,
    /// the greatest popularity, and the row that has it; of several the one with the least key
    best: Option<(Option<u64>, Reverse<Vec<u8>>, DocAddress)>,
}

/// What goes on after `prefix`, of rows that fulfil the filter.
pub(super) fn suggest(
    prefix: &str,
    filter: &Filter,
    limit: usize,
    layout: &Layout,
    searcher: &Searcher,
) -> Result<Vec<Suggestion>, QueryError> {
    let prefix = suggested_form(prefix.trim());
    if prefix.is_empty() {
        return Err(QueryError::ShortPrefix { part: prefix, letters: 1 });
    }
    let fields = match layout.suggested {
        Some(field) => vec![field],
        None if layout.written.is_empty() => layout.words.clone(),
        None => layout.written.clone(),
    };
    let mut terms = Vec::new();
    for field in fields {
        terms.extend(expansions(searcher, field, prefix.as_bytes(), &prefix)?);
    }
    check_cost(&terms, &prefix, searcher)?;
    let mut candidates: BTreeMap<Vec<u8>, Candidate> = BTreeMap::new();
    let deadline = Instant::now() + SEARCH_TIME_MAX;
    for (number, reader) in (0..).zip(searcher.segment_readers()) {
        let segment = Segment::new(number, reader, filter, layout)?;
        for term in &terms {
            segment.look_at(term, candidates.entry(term.serialized_value_bytes().to_vec()).or_default())?;
            if Instant::now() > deadline {
                return Err(QueryError::TooSlow);
            }
        }
    }
    best(candidates, limit, layout, searcher)
}

fn check_cost(terms: &[Term], prefix: &str, searcher: &Searcher) -> Result<(), QueryError> {
    let mut documents: u64 = 0;
    for term in terms {
        documents = documents.saturating_add(searcher.doc_freq(term)?);
    }
    if documents > DOCUMENTS_MAX {
        return Err(QueryError::TooCommon { part: prefix.to_owned(), documents, documents_max: DOCUMENTS_MAX });
    }
    Ok(())
}

struct Segment<'a> {
    number: u32,
    reader: &'a SegmentReader,
    filter: SegmentFilter,
    keys: SegmentColumn,
    popularity: SegmentColumn,
}

impl<'a> Segment<'a> {
    fn new(number: u32, reader: &'a SegmentReader, filter: &Filter, layout: &Layout) -> tantivy::Result<Self> {
        let column = popularity_column(layout);
        let popularity = column.map_or(Ok(SegmentColumn::Empty), |included| SegmentColumn::of(reader, included))?;
        let (filter, keys) = (SegmentFilter::new(filter, layout, reader)?, SegmentColumn::keys(reader)?);
        Ok(Self { number, reader, filter, keys, popularity })
    }

    fn look_at(&self, term: &Term, candidate: &mut Candidate) -> Result<(), QueryError> {
        let index = self.reader.inverted_index(term.field())?;
        let Some(mut postings) = index.read_postings(term, IndexRecordOption::Basic)? else { return Ok(()) };
        let mut best: Option<(Option<u64>, Reverse<u64>, u32)> = None;
        while postings.doc() != TERMINATED {
            let document = postings.doc();
            if !self.reader.is_deleted(document) && self.filter.admits(document) {
                candidate.rows += 1;
                // Without a value a row is as unpopular as can be.
                let popularity = self.popularity.number(document);
                best = best.max(Some((popularity, Reverse(self.keys.number(document).unwrap_or_default()), document)));
            }
            postings.advance();
        }
        if let Some((popularity, Reverse(key), document)) = best {
            let address = DocAddress::new(self.number, document);
            let found = (popularity, Reverse(self.keys.bytes_of(key)?), address);
            if candidate.best.as_ref().is_none_or(|best| (best.0, &best.1) < (found.0, &found.1)) {
                candidate.best = Some(found);
            }
        }
        Ok(())
    }
}

fn popularity_column(layout: &Layout) -> Option<&Included> {
    let column = layout.index.popularity?;
    layout.index.included.iter().position(|known| *known == column).map(|place| &layout.included[place])
}

fn best(
    candidates: BTreeMap<Vec<u8>, Candidate>,
    limit: usize,
    layout: &Layout,
    searcher: &Searcher,
) -> Result<Vec<Suggestion>, QueryError> {
    let rank = |(text, candidate): (Vec<u8>, Candidate)| {
        let (popularity, _, address) = candidate.best?;
        let popularity = if layout.index.popularity.is_some() { popularity } else { Some(candidate.rows) };
        Some((Reverse(popularity), text, address))
    };
    let mut ranked: Vec<_> = candidates.into_iter().filter_map(rank).collect();
    ranked.sort_unstable();
    ranked.truncate(limit);
    let mut suggestions = Vec::with_capacity(ranked.len());
    let popularity_column = popularity_column(layout);
    for (Reverse(popularity), text, address) in ranked {
        let text = match layout.index.suggested {
            Some(column) => value_of(layout, searcher, address, column)?,
            None => String::from_utf8_lossy(&text).into_owned(),
        };
        let popularity = match popularity_column {
            None => Popularity::Rows(popularity.unwrap_or_default()),
            Some(included) => Popularity::Value(included.kind.clone(), field_of(&included.kind, popularity)),
        };
        suggestions.push(Suggestion { text, popularity });
    }
    Ok(suggestions)
}

fn field_of(kind: &FieldKind, number: Option<u64>) -> Row {
    let mut null = Row::empty();
    kind.write_null(&mut null);
    number.map_or(null, |number| to_field(kind, number))
}

/// The value as the row has it, not as it was compared.
fn value_of(layout: &Layout, searcher: &Searcher, address: DocAddress, column: usize) -> Result<String, QueryError> {
    let row = kept_row(layout, searcher, address)?;
    let place = layout.index.columns().iter().position(|known| *known == column).unwrap_or_default();
    let start = layout.columns[..place].iter().fold(0, |at, column| column.kind.end(row.as_bytes(), at));
    match layout.columns[place].kind.read(row.as_bytes(), start) {
        Value::Text(text) => Ok(text.into_owned()),
        _ => Ok(String::new()),
    }
}
