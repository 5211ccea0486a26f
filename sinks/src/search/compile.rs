//! From what people ask to a query of the engine, with what it costs.
//!
//! An [`Expression`] and a [`Filter`] enter, [`Compiled`] leaves. The cost is the number of rows that are looked at, by what each word is known
//! to occur in; a query that costs more than is allowed is refused before it begins, with its costliest part. What a reader may see
//! is a part of the query where it names values, so that others' rows are not even looked at.

use std::collections::BTreeSet;

use schemas::field::is_null;
use schemas::row::Row;
use tantivy::query::{AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, PhraseQuery, Query, TermQuery, TermSetQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{Searcher, Term};

use super::EXPANSIONS_MAX;
use super::analysis::tokens;
use super::document::{Included, Layout, bounded};
use super::error::QueryError;
use super::filter::Filter;
use super::grammar::{Expression, shown};
use super::number::{is_number, to_number};

/// A word that hits are highlighted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// the word, in the form in which it is looked for
    Word(String),
    /// the beginning of a word, as written
    Prefix(String),
}

/// A query that can be run.
pub(super) struct Compiled {
    /// the query
    pub query: Box<dyn Query>,
    /// what is highlighted, and in which searched column; in any where none is named
    pub marks: Vec<(Option<usize>, Mark)>,
}

/// A query and the rows that it looks at.
struct Node {
    query: Box<dyn Query>,
    cost: u64,
}

struct Compiler<'a> {
    layout: &'a Layout,
    searcher: &'a Searcher,
    words: TextAnalyzer,
    written: TextAnalyzer,
    marks: Vec<(Option<usize>, Mark)>,
    costliest: Option<(u64, String)>,
}

/// Compiles a query, or all rows without one, that looks at no more than `documents_max` rows.
pub(super) fn compile(
    expression: Option<&Expression>,
    filter: &Filter,
    layout: &Layout,
    searcher: &Searcher,
    documents_max: u64,
) -> Result<Compiled, QueryError> {
    let (words, written) = (layout.analysis.words(), layout.analysis.written());
    let mut compiler = Compiler { layout, searcher, words, written, marks: Vec::new(), costliest: None };
    let mut nodes = compiler.guards(filter)?;
    if let Some(expression) = expression {
        nodes.push(compiler.node(expression)?.unwrap_or_else(nothing));
    } else if nodes.is_empty() {
        nodes.push(Node { query: Box::new(AllQuery), cost: searcher.num_docs() });
    }
    let Node { query, cost } = all(nodes, Vec::new());
    if cost > documents_max {
        let part = compiler.costliest.map_or_else(|| "a search without a word".to_owned(), |(_, part)| part);
        return Err(QueryError::TooCommon { part, documents: cost, documents_max });
    }
    Ok(Compiled { query, marks: compiler.marks })
}

impl Compiler<'_> {
    /// The values that guarded columns have to have; they don't count for relevance.
    fn guards(&mut self, filter: &Filter) -> Result<Vec<Node>, QueryError> {
        let mut nodes = Vec::new();
        for (place, values) in filter.implied() {
            let guarded = self.layout.included.iter().find(|included| included.place == place && included.is_guarded);
            let Some(included) = guarded else { continue };
            if values.iter().any(|value| is_null(value.as_bytes(), 0)) {
                continue;
            }
            let terms: Vec<Term> = values.iter().filter_map(|value| value_term(included, value)).collect();
            nodes.push(self.one_of(terms, 0.0)?);
        }
        Ok(nodes)
    }

    /// The query of an expression; `None` when there is no word in it.
    fn node(&mut self, expression: &Expression) -> Result<Option<Node>, QueryError> {
        match expression {
            Expression::Word(column, text) => self.word(*column, text),
            Expression::Phrase(column, text) => self.phrase(*column, text),
            Expression::Prefix(column, text) => self.prefix(*column, text).map(Some),
            Expression::Not(inner) => self.unmarked(inner),
            Expression::Any(parts) => {
                let mut nodes = Vec::new();
                for part in parts {
                    nodes.extend(self.node(part)?);
                }
                Ok((!nodes.is_empty()).then(|| any(nodes)))
            }
            Expression::All(parts) => {
                let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
                for part in parts {
                    let side = if matches!(part, Expression::Not(_)) { &mut unwanted } else { &mut wanted };
                    side.extend(self.node(part)?);
                }
                Ok((!wanted.is_empty()).then(|| all(wanted, unwanted)))
            }
        }
    }

    /// What is not wanted is not highlighted.
    fn unmarked(&mut self, expression: &Expression) -> Result<Option<Node>, QueryError> {
        let marks = self.marks.len();
        let node = self.node(expression);
        self.marks.truncate(marks);
        node
    }

    fn word(&mut self, column: Option<usize>, text: &str) -> Result<Option<Node>, QueryError> {
        let found = tokens(&mut self.words, text);
        let mut nodes = Vec::with_capacity(found.len());
        for token in found {
            nodes.push(self.term(column, &token.text, text)?);
        }
        Ok(match nodes.len() {
            // Letters that are no word are longer than any: there is no such row.
            0 => text.contains(char::is_alphanumeric).then(nothing),
            _ => Some(all(nodes, Vec::new())),
        })
    }

    fn term(&mut self, column: Option<usize>, word: &str, part: &str) -> Result<Node, QueryError> {
        self.marks.push((column, Mark::Word(word.to_owned())));
        let mut nodes = Vec::new();
        for field in self.fields(column, &self.layout.words) {
            let term = Term::from_field_text(field, word);
            let cost = self.searcher.doc_freq(&term)?;
            nodes.push(Node { query: Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)), cost });
        }
        Ok(self.counted(any(nodes), part))
    }

    fn phrase(&mut self, column: Option<usize>, text: &str) -> Result<Option<Node>, QueryError> {
        let found = tokens(&mut self.words, text);
        if found.len() < 2 {
            return self.word(column, text);
        }
        let mut nodes = Vec::new();
        for field in self.fields(column, &self.layout.words) {
            let terms: Vec<(usize, Term)> =
                found.iter().map(|token| (token.position, Term::from_field_text(field, &token.text))).collect();
            let mut cost = u64::MAX;
            for (_, term) in &terms {
                cost = cost.min(self.searcher.doc_freq(term)?);
            }
            let cost = cost.saturating_mul(terms.len() as u64);
            nodes.push(Node { query: Box::new(PhraseQuery::new_with_offset(terms)), cost });
        }
        self.marks.extend(found.into_iter().map(|token| (column, Mark::Word(token.text))));
        Ok(Some(self.counted(any(nodes), text)))
    }

    fn prefix(&mut self, column: Option<usize>, text: &str) -> Result<Node, QueryError> {
        let part = format!("{}*", shown(text));
        let mut found = tokens(&mut self.written, text);
        let letters = self.layout.index.prefix_letters;
        let Some(last) = found.pop().filter(|last| last.text.chars().count() >= letters) else {
            return Err(QueryError::ShortPrefix { part, letters });
        };
        let before = text.get(..last.offset_from).unwrap_or_default().to_owned();
        let written = if self.layout.written.is_empty() { &self.layout.words } else { &self.layout.written };
        let mut terms = Vec::new();
        for field in self.fields(column, written) {
            terms.extend(expansions(self.searcher, field, last.text.as_bytes(), &part)?);
        }
        self.marks.push((column, Mark::Prefix(last.text)));
        let node = self.one_of(terms, 1.0)?;
        let mut nodes = vec![self.counted(node, &part)];
        nodes.extend(self.word(column, &before)?);
        Ok(all(nodes, Vec::new()))
    }

    fn one_of(&self, terms: Vec<Term>, score: f32) -> Result<Node, QueryError> {
        let mut cost: u64 = 0;
        for term in &terms {
            cost = cost.saturating_add(self.searcher.doc_freq(term)?);
        }
        let query: Box<dyn Query> = Box::new(TermSetQuery::new(terms));
        Ok(Node { query: Box::new(ConstScoreQuery::new(query, score)), cost })
    }

    fn fields(&self, column: Option<usize>, fields: &[Field]) -> Vec<Field> {
        match column {
            Some(column) => vec![fields[column]],
            None => fields.to_vec(),
        }
    }

    /// Remembers the part of the query that costs most.
    fn counted(&mut self, node: Node, part: &str) -> Node {
        if self.costliest.as_ref().is_none_or(|(cost, _)| *cost < node.cost) {
            self.costliest = Some((node.cost, shown(part)));
        }
        node
    }
}

/// The words of a field that begin so, in any segment.
pub(super) fn expansions(searcher: &Searcher, field: Field, prefix: &[u8], part: &str) -> Result<Vec<Term>, QueryError> {
    let mut words: BTreeSet<Vec<u8>> = BTreeSet::new();
    for reader in searcher.segment_readers() {
        let index = reader.inverted_index(field)?;
        let range = index.terms().range().ge(prefix);
        let mut stream = match after_all_with(prefix) {
            Some(end) => range.lt(end).into_stream()?,
            None => range.into_stream()?,
        };
        while stream.advance() {
            words.insert(stream.key().to_vec());
            if words.len() > EXPANSIONS_MAX {
                return Err(QueryError::ManyExpansions { part: part.to_owned() });
            }
        }
    }
    Ok(words.iter().map(|word| Term::from_field_bytes(field, word)).collect())
}

/// The least bytes after all that begin with `prefix`; `None` when there are none.
fn after_all_with(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

fn value_term(included: &Included, value: &Row) -> Option<Term> {
    if is_number(&included.kind) {
        return to_number(value.as_bytes()).map(|number| Term::from_field_u64(included.field, number));
    }
    Some(Term::from_field_bytes(included.field, &bounded(value.as_bytes())))
}

fn nothing() -> Node {
    Node { query: Box::new(EmptyQuery), cost: 0 }
}

/// The engine walks along the rarest and looks the others up.
fn all(mut wanted: Vec<Node>, unwanted: Vec<Node>) -> Node {
    if wanted.len() == 1 && unwanted.is_empty() {
        return wanted.remove(0);
    }
    let clauses = (wanted.len() + unwanted.len()) as u64;
    let cost = wanted.iter().map(|node| node.cost).min().unwrap_or(0).saturating_mul(clauses);
    let wanted = wanted.into_iter().map(|node| (Occur::Must, node.query));
    let unwanted = unwanted.into_iter().map(|node| (Occur::MustNot, node.query));
    Node { query: Box::new(BooleanQuery::new(wanted.chain(unwanted).collect())), cost }
}

fn any(mut nodes: Vec<Node>) -> Node {
    if nodes.len() == 1 {
        return nodes.remove(0);
    }
    let cost = nodes.iter().fold(0u64, |sum, node| sum.saturating_add(node.cost));
    Node { query: Box::new(BooleanQuery::new(nodes.into_iter().map(|node| (Occur::Should, node.query)).collect())), cost }
}
