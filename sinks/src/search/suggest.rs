//! Suggestions: how what somebody types may go on, the most popular first.
//!
//! The beginning of a word or of a value enters; what occurs in rows that the reader may see leaves, by popularity and then by the text. Every
//! row with such a word is looked at, since only those count that are there and visible. Where policies hide rows, the words of the others are
//! looked through instead, so that what is hidden neither counts nor costs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeBounds as _;
use std::sync::Arc;
use std::time::Instant;

use schemas::field::{FieldKind, Value};
use schemas::row::Row;
use tantivy::columnar::BytesColumn;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocId, DocSet as _, Searcher, SegmentReader, TERMINATED, Term};

use super::analysis::is_unspaced;
use super::columns::{SegmentColumn, range_of};
use super::compile::expansions;
use super::document::{Included, Layout, SUGGESTED, suggested_form};
use super::error::QueryError;
use super::filter::{Filter, SegmentFilter};
use super::kept::kept_row;
use super::limits::DOCUMENTS_MAX;
use super::number::to_field;
use super::scope::Scope;

/// Something to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// the word or value
    pub text: String,
    /// its rank: the largest value of the column that says how popular a row is, encoded; without such a column the number
    /// of rows
    pub popularity: Popularity,
}

/// Popularity of a suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Popularity {
    /// so many rows have it
    Rows(u64),
    /// the value of a column, encoded as one of this kind
    Value(FieldKind, Row),
}

/// Words or values, and what is known of them.
type Completions = BTreeMap<Vec<u8>, Completion>;

/// Counts of one word or value.
#[derive(Default)]
struct Completion {
    /// number of rows that have it
    rows: u64,
    /// the greatest popularity, and the row that has it; of several the one with the least key
    best: Option<(Option<u64>, Reverse<Vec<u8>>, DocAddress)>,
}

/// Returns the completions of `prefix` in rows that fulfil the filter.
pub(super) fn suggest(prefix: &str, filter: &Filter, limit: usize, scope: &Scope<'_>) -> Result<Vec<Suggestion>, QueryError> {
    let mut prefix = suggested_form(prefix.trim());
    if scope.layout.suggested.is_none() {
        // Words begin with no sign: `#sa` is the beginning of `sale`.
        prefix = prefix.trim_start_matches(|character: char| !character.is_alphanumeric()).to_owned();
    }
    if prefix.is_empty() {
        return Err(QueryError::ShortPrefix { part: prefix, letters: 1 });
    }
    let candidates = match scope.rows() {
        Some(rows) => by_row(&prefix, rows, filter, scope)?,
        None => by_word(&prefix, filter, scope)?,
    };
    best(candidates, limit, scope.layout, scope.searcher)
}

/// Looks the words up that begin so, and their rows.
fn by_word(prefix: &str, filter: &Filter, scope: &Scope<'_>) -> Result<Completions, QueryError> {
    let layout = scope.layout;
    let fields = match layout.suggested {
        Some(field) => vec![field],
        None if prefix.starts_with(is_unspaced) => layout.pieces.clone(),
        None if layout.written.is_empty() => layout.words.clone(),
        None => layout.written.clone(),
    };
    let mut terms = Vec::new();
    for field in fields {
        terms.extend(expansions(scope.searcher, field, prefix.as_bytes(), prefix)?);
    }
    check_cost(&terms, prefix, scope.searcher)?;
    let mut candidates = Completions::new();
    for (number, reader) in (0..).zip(scope.searcher.segment_readers()) {
        let segment = SuggestedSegment::new(number, reader, filter, layout)?;
        for term in &terms {
            let mut of_term = OfSegment::default();
            let Some(mut postings) = reader.inverted_index(term.field())?.read_postings(term, IndexRecordOption::Basic)? else {
                continue;
            };
            while postings.doc() != TERMINATED {
                segment.look_at(postings.doc(), &mut of_term);
                postings.advance();
            }
            let candidate = candidates.entry(term.serialized_value_bytes().to_vec()).or_default();
            segment.add(of_term, candidate)?;
            if Instant::now() > scope.deadline {
                return Err(QueryError::TooSlow);
            }
        }
    }
    Ok(candidates)
}

/// Looks through the words of the rows that the reader may see.
fn by_row(prefix: &str, rows: &[Arc<Vec<DocId>>], filter: &Filter, scope: &Scope<'_>) -> Result<Completions, QueryError> {
    let layout = scope.layout;
    let mut candidates = Completions::new();
    for (number, (reader, rows)) in (0..).zip(scope.searcher.segment_readers().iter().zip(rows)) {
        let segment = SuggestedSegment::new(number, reader, filter, layout)?;
        let columns = match layout.suggested {
            Some(_) => vec![reader.fast_fields().bytes(SUGGESTED)?],
            None => layout
                .beginnings
                .iter()
                .map(|name| Ok(reader.fast_fields().str(name)?.map(BytesColumn::from)))
                .collect::<tantivy::Result<_>>()?,
        };
        for column in columns.into_iter().flatten() {
            let range = range_of(&column, prefix.as_bytes())?;
            let mut of_words: HashMap<u64, OfSegment> = HashMap::new();
            let mut words = Vec::new();
            scope.each(rows, |row| {
                words.clear();
                words.extend(column.term_ords(row).filter(|word| range.contains(word)));
                words.sort_unstable();
                words.dedup();
                words.iter().for_each(|word| segment.look_at(row, of_words.entry(*word).or_default()));
            })?;
            for (word, of_word) in of_words {
                let mut text = Vec::new();
                column.ord_to_bytes(word, &mut text)?;
                segment.add(of_word, candidates.entry(text).or_default())?;
            }
        }
    }
    Ok(candidates)
}

/// Refuses words that occur in more rows than one search looks at.
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

/// The findings on one word or value in one segment.
#[derive(Default)]
struct OfSegment {
    /// number of rows of the segment that have it
    rows: u64,
    /// the greatest popularity, and the row that has it; of several the one with the least key
    best: Option<(Option<u64>, Reverse<u64>, DocId)>,
}

/// One segment while its words are looked through.
struct SuggestedSegment<'a> {
    /// its number in the commit
    number: u32,
    /// its files
    reader: &'a SegmentReader,
    /// the filter, with values looked up in this segment
    filter: SegmentFilter,
    /// keys of its rows; every row has one
    keys: SegmentColumn,
    /// the column that ranks; empty without one
    popularity: SegmentColumn,
}

impl<'a> SuggestedSegment<'a> {
    /// Opens the columns that suggestions need.
    fn new(number: u32, reader: &'a SegmentReader, filter: &Filter, layout: &Layout) -> tantivy::Result<Self> {
        let column = popularity_column(layout);
        let popularity = column.map_or(Ok(SegmentColumn::Empty), |included| SegmentColumn::of(reader, included))?;
        let (filter, keys) = (SegmentFilter::new(filter, layout, reader)?, SegmentColumn::keys(reader)?);
        Ok(Self { number, reader, filter, keys, popularity })
    }

    /// Counts a row, if it is there and the filter admits it.
    fn look_at(&self, row: DocId, found: &mut OfSegment) {
        if !self.reader.is_deleted(row) && self.filter.admits(row) {
            found.rows += 1;
            // Without a value a row is as unpopular as can be.
            let popularity = self.popularity.number(row);
            let key = self.keys.number(row).unwrap_or_else(|| panic!("row {row} of segment {} has no key", self.number));
            found.best = found.best.max(Some((popularity, Reverse(key), row)));
        }
    }

    /// Adds the findings of this segment. Keys are compared as bytes, since their numbers hold in one segment only.
    fn add(&self, found: OfSegment, candidate: &mut Completion) -> Result<(), QueryError> {
        candidate.rows += found.rows;
        if let Some((popularity, Reverse(key), row)) = found.best {
            let address = DocAddress::new(self.number, row);
            let found = (popularity, Reverse(self.keys.bytes_of(key)?), address);
            if candidate.best.as_ref().is_none_or(|best| (best.0, &best.1) < (found.0, &found.1)) {
                candidate.best = Some(found);
            }
        }
        Ok(())
    }
}

/// Returns the column that says how popular a row is, if the index has one.
fn popularity_column(layout: &Layout) -> Option<&Included> {
    let column = layout.index.popularity?;
    layout.index.included.iter().position(|known| *known == column).map(|place| &layout.included[place])
}

/// Returns the most popular ones; equal ones by their text.
fn best(candidates: Completions, limit: usize, layout: &Layout, searcher: &Searcher) -> Result<Vec<Suggestion>, QueryError> {
    let rank = |(text, candidate): (Vec<u8>, Completion)| {
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
            None => spelled(&text),
        };
        let popularity = match popularity_column {
            // Without such a column `rank` has put the number of rows there.
            None => Popularity::Rows(popularity.unwrap_or_else(|| panic!("a suggestion was ranked without its rows"))),
            Some(included) => Popularity::Value(included.kind.clone(), field_of(&included.kind, popularity)),
        };
        suggestions.push(Suggestion { text, popularity });
    }
    Ok(suggestions)
}

/// A word as it is written: its last sigma has a form of its own.
fn spelled(word: &[u8]) -> String {
    let word = String::from_utf8_lossy(word);
    match word.strip_suffix('σ') {
        Some(before) if before.ends_with(char::is_alphabetic) => format!("{before}ς"),
        _ => word.into_owned(),
    }
}

/// Returns a number as an encoded field; NULL without one.
fn field_of(kind: &FieldKind, number: Option<u64>) -> Row {
    let mut null = Row::empty();
    kind.write_null(&mut null);
    number.map_or(null, |number| to_field(kind, number))
}

/// The value as the row has it, not as it was compared.
fn value_of(layout: &Layout, searcher: &Searcher, address: DocAddress, column: usize) -> Result<String, QueryError> {
    let row = kept_row(layout, searcher, address)?;
    let place = layout.index.columns().iter().position(|known| *known == column);
    let place = place.unwrap_or_else(|| panic!("the suggested column {column} is not among the columns of a hit"));
    let start = layout.columns[..place].iter().fold(0, |at, column| column.kind.end(row.as_bytes(), at));
    match layout.columns[place].kind.read(row.as_bytes(), start) {
        Value::Text(text) => Ok(text.into_owned()),
        _ => Ok(String::new()),
    }
}
