//! From what people ask to a query of the engine, with what it costs.
//!
//! An [`Expression`] and a [`Filter`] enter, [`Compiled`] leaves. The cost is the number of rows that are looked at, by what each word is known
//! to occur in; a query that costs more than is allowed is refused before it begins, with its costliest part. What a reader may see
//! is a part of the query where it names values, so that others' rows are not even looked at.

use std::collections::BTreeSet;

use schemas::field::is_null;
use tantivy::query::{AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, PhraseQuery, Query, TermQuery, TermSetQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::{TextAnalyzer, Token};
use tantivy::{Searcher, TantivyError, Term};

use super::analysis::{Part, parts, tokens};
use super::columns::after_all_with;
use super::error::QueryError;
use super::filter::Filter;
use super::grammar::{Expression, shown};
use super::limits::EXPANSIONS_MAX;
use super::scope::Scope;

/// A word that hits are highlighted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// the word, in the form in which it is looked for
    Word(String),
    /// the beginning of a word, as written
    Prefix(String),
    /// letters in a row, within a run of letters without blanks
    Run(Vec<String>),
}

/// A query that can be run.
pub(super) struct Compiled {
    /// the query
    pub query: Box<dyn Query>,
    /// parts that count for relevance: the words, phrases and prefixes that are wanted
    pub leaves: Vec<Box<dyn Query>>,
    /// true if the query is its one leaf
    pub is_leaf: bool,
    /// highlighted words, and the searched column of each; any column where none is named
    pub marks: Vec<(Option<usize>, Mark)>,
}

/// A query and the rows that it looks at.
struct Node {
    /// the query
    query: Box<dyn Query>,
    /// rows that it looks at, at most; counted from what the index knows, before anything runs
    cost: u64,
    /// true if it is one word, phrase or prefix
    is_leaf: bool,
}

/// Compilation of one query.
struct Compiler<'a> {
    /// the rows that the search is about
    scope: &'a Scope<'a>,
    /// makes words as they are indexed
    words: TextAnalyzer,
    /// makes words as they are written, for prefixes
    written: TextAnalyzer,
    /// marks by which hits are highlighted, so far
    marks: Vec<(Option<usize>, Mark)>,
    /// parts that count for relevance, so far
    leaves: Vec<Box<dyn Query>>,
    /// the part with the highest cost so far, to be named when the query is refused
    costliest: Option<(u64, String)>,
}

/// Compiles a query, or all rows without one, that looks at no more than `documents_max` rows.
pub(super) fn compile(
    expression: Option<&Expression>,
    filter: &Filter,
    scope: &Scope<'_>,
    documents_max: u64,
) -> Result<Compiled, QueryError> {
    let analysis = &scope.layout.analysis;
    let (words, written) = (analysis.words(), analysis.written());
    let mut compiler = Compiler { scope, words, written, marks: Vec::new(), leaves: Vec::new(), costliest: None };
    let mut nodes = compiler.guards(filter)?;
    if let Some(expression) = expression {
        nodes.push(compiler.node(expression)?.unwrap_or_else(nothing));
    } else if nodes.is_empty() {
        nodes.push(Node { query: Box::new(AllQuery), cost: scope.count(), is_leaf: false });
    }
    let Node { query, cost, is_leaf } = all(nodes, Vec::new());
    let Compiler { marks, leaves, costliest, .. } = compiler;
    if cost > documents_max {
        let part = costliest.map_or_else(|| "a search without a word".to_owned(), |(_, part)| part);
        return Err(QueryError::TooCommon { part, documents: cost, documents_max });
    }
    Ok(Compiled { query, is_leaf: is_leaf && leaves.len() == 1, leaves, marks })
}

impl Compiler<'_> {
    /// Narrows a search before any word does: to the rows that the reader may see, or else to the values that guarded columns have to have. It
    /// does not count for relevance.
    fn guards(&mut self, filter: &Filter) -> Result<Vec<Node>, QueryError> {
        if let Some(rows) = self.scope.query() {
            return Ok(vec![Node { query: Box::new(rows), cost: self.scope.count(), is_leaf: false }]);
        }
        let mut nodes = Vec::new();
        for (place, values) in filter.implied() {
            let guarded = self.scope.layout.included.iter().find(|included| included.place == place && included.is_guarded);
            let Some(included) = guarded else { continue };
            if values.iter().any(|value| is_null(value.as_bytes(), 0)) {
                continue;
            }
            let terms: Vec<Term> = values.iter().filter_map(|value| included.term(value)).collect();
            nodes.push(Node { is_leaf: false, ..self.one_of(terms)? });
        }
        Ok(nodes)
    }

    /// The query of an expression; `None` when there is no word in it.
    fn node(&mut self, expression: &Expression) -> Result<Option<Node>, QueryError> {
        match expression {
            Expression::Word(column, text) => self.word(*column, text),
            Expression::Phrase(column, text) => self.phrase(*column, text),
            Expression::Prefix(column, text) => self.prefix(*column, text).map(Some),
            Expression::Not(inner) => self.unwanted(inner),
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

    /// Compiles what is not wanted: it is not highlighted and does not count for relevance.
    fn unwanted(&mut self, expression: &Expression) -> Result<Option<Node>, QueryError> {
        let (marks, leaves) = (self.marks.len(), self.leaves.len());
        let node = self.node(expression);
        self.marks.truncate(marks);
        self.leaves.truncate(leaves);
        node
    }

    /// Compiles a word; `None` when no letter of it is indexed.
    fn word(&mut self, column: Option<usize>, text: &str) -> Result<Option<Node>, QueryError> {
        let found = parts(tokens(&mut self.words, text));
        let mut nodes = Vec::with_capacity(found.len());
        for part in found {
            nodes.push(self.row_of(column, part.sequence(), text)?);
            self.mark(column, part);
        }
        Ok(match nodes.len() {
            // Letters that are no word are longer than any: there is no such row.
            0 => text.contains(char::is_alphanumeric).then(nothing),
            _ => Some(all(nodes, Vec::new())),
        })
    }

    /// Compiles a phrase: its words next to each other, in their order.
    fn phrase(&mut self, column: Option<usize>, text: &str) -> Result<Option<Node>, QueryError> {
        let found = parts(tokens(&mut self.words, text));
        let sequence: Vec<Token> = found.iter().flat_map(Part::sequence).cloned().collect();
        if sequence.len() < 2 {
            return self.word(column, text);
        }
        found.into_iter().for_each(|part| self.mark(column, part));
        self.row_of(column, &sequence, text).map(Some)
    }

    /// Remembers what hits are highlighted by.
    fn mark(&mut self, column: Option<usize>, part: Part) {
        let is_run = part.is_run();
        let mut units: Vec<String> = part.units.into_iter().map(|unit| unit.text).collect();
        self.marks.push((column, if is_run { Mark::Run(units) } else { Mark::Word(units.remove(0)) }));
    }

    /// Words in a row, or one word.
    fn row_of(&mut self, column: Option<usize>, words: &[Token], part: &str) -> Result<Node, QueryError> {
        let mut nodes = Vec::new();
        for field in self.fields(column, &self.scope.layout.words) {
            let terms: Vec<(usize, Term)> =
                words.iter().map(|token| (token.position, Term::from_field_text(field, &token.text))).collect();
            let mut cost = u64::MAX;
            for (_, term) in &terms {
                cost = cost.min(self.scope.frequency(term)?);
            }
            let cost = cost.saturating_mul(terms.len() as u64);
            let query: Box<dyn Query> = match <[(usize, Term); 1]>::try_from(terms) {
                Ok([(_, term)]) => Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)),
                Err(terms) => Box::new(PhraseQuery::new_with_offset(terms)),
            };
            self.leaves.push(query.box_clone());
            nodes.push(Node { query, cost, is_leaf: true });
        }
        Ok(self.counted(any(nodes), part))
    }

    /// Compiles a prefix into the words that begin with it. There are at most [`EXPANSIONS_MAX`]; more are refused.
    fn prefix(&mut self, column: Option<usize>, text: &str) -> Result<Node, QueryError> {
        let part = format!("{}*", shown(text));
        let mut found = parts(tokens(&mut self.written, text));
        let letters = self.scope.layout.index.prefix_letters;
        let last = found.pop();
        if last.as_ref().is_some_and(Part::is_run) {
            // It is found inside whatever goes on.
            return Ok(self.word(column, text)?.unwrap_or_else(nothing));
        }
        let last = last.and_then(|mut last| last.units.pop()).filter(|last| last.text.chars().count() >= letters);
        let Some(last) = last else {
            return Err(QueryError::ShortPrefix { part, letters });
        };
        let before = text.get(..last.offset_from).map(str::to_owned);
        let cut = || TantivyError::InternalError("a word begins within a character".to_owned());
        let before = before.ok_or_else(cut)?;
        let node = self.beginning_with(column, &last.text, &part)?;
        self.marks.push((column, Mark::Prefix(last.text)));
        self.leaves.push(node.query.box_clone());
        let mut nodes = vec![self.counted(node, &part)];
        nodes.extend(self.word(column, &before)?);
        Ok(all(nodes, Vec::new()))
    }

    /// Rows that have a word with this beginning. Where rows are hidden, the words of the others are looked through: what others write neither
    /// counts nor is too much.
    fn beginning_with(&self, column: Option<usize>, beginning: &str, part: &str) -> Result<Node, QueryError> {
        let layout = self.scope.layout;
        if let Some(rows) = self.scope.rows() {
            let columns = layout.beginnings.iter().enumerate().filter(|(number, _)| column.is_none_or(|only| only == *number));
            let columns: Vec<&str> = columns.map(|(_, name)| name.as_str()).collect();
            let (rows, cost) = self.scope.beginning_with(rows, &columns, beginning.as_bytes())?;
            return Ok(Node { query: Box::new(rows), cost, is_leaf: true });
        }
        let written = if layout.written.is_empty() { &layout.words } else { &layout.written };
        let mut terms = Vec::new();
        for field in self.fields(column, written) {
            terms.extend(expansions(self.scope.searcher, field, beginning.as_bytes(), part)?);
        }
        self.one_of(terms)
    }

    /// Finds rows with any of these terms; costs the sum of their frequencies.
    fn one_of(&self, terms: Vec<Term>) -> Result<Node, QueryError> {
        let mut cost: u64 = 0;
        for term in &terms {
            cost = cost.saturating_add(self.scope.frequency(term)?);
        }
        let query: Box<dyn Query> = Box::new(TermSetQuery::new(terms));
        Ok(Node { query: Box::new(ConstScoreQuery::new(query, 1.0)), cost, is_leaf: true })
    }

    /// Returns the fields of one column, or of all searched columns.
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

/// Returns the query that finds nothing and costs nothing.
fn nothing() -> Node {
    Node { query: Box::new(EmptyQuery), cost: 0, is_leaf: false }
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
    Node { query: Box::new(BooleanQuery::new(wanted.chain(unwanted).collect())), cost, is_leaf: false }
}

/// Joins alternatives: the cost is the sum, since each is looked through.
fn any(mut nodes: Vec<Node>) -> Node {
    if nodes.len() == 1 {
        return nodes.remove(0);
    }
    let cost = nodes.iter().fold(0u64, |sum, node| sum.saturating_add(node.cost));
    let query = BooleanQuery::new(nodes.into_iter().map(|node| (Occur::Should, node.query)).collect());
    Node { query: Box::new(query), cost, is_leaf: false }
}
