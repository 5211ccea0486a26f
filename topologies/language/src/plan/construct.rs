//! Construction of the graph: one function for each operator, which shares equal nodes, fuses maps and leaves out what has no rows.
//!
//! Operators over numbered columns enter, the number of a node leaves. What an operator keeps is known from the operator itself; one whose
//! state would grow with every event is refused here, by name.

use arrow_schema::DataType;
use datafusion_common::{Result, plan_err};
use schemas::aggregate::Beyond;
use schemas::serving::IndexColumn;

use super::graph::{
    Aggregate, Constant, CountBeyond, Distinct, Graph, InputRows, Join, JoinField, Map, Node, NodeColumn, NodeId, Operator,
    Reduce, Repeat, RowProperties, Semijoin, Session, Side, TemporalFilter, TopK, Union, Unnest, Window, WindowCall,
};
use super::identity::form::{Form, Subject, by_number};
use super::operators::definition::NodeReference;
use super::scalar::{Scalar, Size};
use super::types::timestamp_type;

/// The most parts within one another of an expression that is made of several views' own.
const MERGED_DEPTH_MAX: usize = 256;
/// The most parts of such an expression.
const MERGED_PARTS_MAX: usize = 4_096;

impl Graph {
    /// Adds an operator, or finds the node that is equal. `columns` are those of its rows.
    ///
    /// # Errors
    /// It would keep every event of a stream.
    pub fn add(&mut self, operator: impl Into<Operator>, columns: Vec<NodeColumn>) -> Result<NodeId> {
        let operator = operator.into();
        self.refuse_kept(&operator, &columns)?;
        Ok(self.intern(operator, columns))
    }

    /// A node without rows. What reads one mostly is one: a condition that never holds leaves nothing behind that runs.
    pub fn nothing(&mut self, columns: Vec<NodeColumn>) -> NodeId {
        self.intern(Constant { rows: Vec::new() }.into(), columns)
    }

    fn is_nothing(&self, node: NodeId) -> bool {
        matches!(&self.nodes[node].operator, Operator::Constant(Constant { rows }) if rows.is_empty())
    }

    /// Filters and computes. A map on a map is one map unless its expressions would become too large, a choice of columns on a join is
    /// the join's own.
    pub fn map(&mut self, input: NodeId, predicates: Vec<Scalar>, outputs: Vec<(Scalar, NodeColumn)>) -> Result<NodeId> {
        let (outputs, columns): (Vec<Scalar>, Vec<NodeColumn>) = outputs.into_iter().unzip();
        if self.is_nothing(input) {
            return Ok(self.nothing(columns));
        }
        let identity = outputs.len() == self.nodes[input].columns.len()
            && outputs.iter().enumerate().all(|(at, scalar)| matches!(scalar, Scalar::Column(index) if *index == at));
        let same_type = |(a, b): (&NodeColumn, &NodeColumn)| a.data_type == b.data_type;
        if identity && predicates.is_empty() && columns.iter().zip(&self.nodes[input].columns).all(same_type) {
            return Ok(input);
        }
        if let Operator::Map(Map { input: below, predicates: first, outputs: inner }) = &self.nodes[input].operator
            && predicates.iter().chain(&outputs).all(|scalar| is_small(scalar.substituted_size(inner)))
        {
            let (below, mut all, inner) = (*below, first.clone(), inner.clone());
            for predicate in &predicates {
                all.push(predicate.substitute(&inner)?);
            }
            let outputs = outputs.iter().map(|scalar| scalar.substitute(&inner)).collect::<Result<Vec<_>>>()?;
            return self.add(Map { input: below, predicates: all, outputs }, columns);
        }
        if predicates.is_empty()
            && let Operator::Join(join) = &self.nodes[input].operator
            && let Some(join) = projected(join, &outputs)
        {
            return self.add(join, columns);
        }
        self.add(Map { input, predicates, outputs }, columns)
    }

    /// Rows within bounds that the wall clock crosses.
    pub fn temporal_filter(&mut self, input: NodeId, from: Option<usize>, until: Option<usize>) -> Result<NodeId> {
        self.add(TemporalFilter { input, from, until }, self.nodes[input].columns.clone())
    }

    /// All columns of both sides, of rows whose keys are equal.
    pub fn join(&mut self, left: (NodeId, Vec<usize>), right: (NodeId, Vec<usize>)) -> Result<NodeId> {
        let (left, right) = (self.side(left.0, left.1), self.side(right.0, right.1));
        let (left_columns, right_columns) = (&self.nodes[left.input].columns, &self.nodes[right.input].columns);
        let mut output = side_fields(&left, left_columns.len(), JoinField::Left);
        output.extend(side_fields(&right, right_columns.len(), JoinField::Right));
        let columns: Vec<NodeColumn> = left_columns.iter().chain(right_columns).cloned().collect();
        let has_keys = !left.keys.is_empty();
        let inputs = [left.input, right.input];
        let join = Join { left, right, output }.into();
        self.refuse_kept(&join, &columns)?;
        if !has_keys && !inputs.iter().any(|&input| self.nodes[input].single_row) {
            return plan_err!(
                "a join without an equality between the two sides is a cross product, which is refused: add a condition such as a.x = b.y"
            );
        }
        if inputs.iter().any(|&input| self.is_nothing(input)) {
            return Ok(self.nothing(columns));
        }
        self.add(join, columns)
    }

    /// Rows of the left side with a match, or with `anti` those without.
    pub fn semijoin(&mut self, left: (NodeId, Vec<usize>), right: (NodeId, Vec<usize>), anti: bool) -> Result<NodeId> {
        let columns = self.nodes[left.0].columns.clone();
        let inputs = [left.0, right.0];
        let right = Side { input: right.0, keys: right.1, values: Vec::new() };
        let semijoin = Semijoin { left: self.side(left.0, left.1), right, anti }.into();
        self.refuse_kept(&semijoin, &columns)?;
        if inputs.iter().any(|&input| self.is_nothing(input)) {
            return Ok(if anti { inputs[0] } else { self.nothing(columns) });
        }
        self.add(semijoin, columns)
    }

    fn side(&self, input: NodeId, keys: Vec<usize>) -> Side {
        Side::with_all_columns(input, keys, &self.nodes[input].columns)
    }

    /// Groups and aggregates.
    pub fn reduce(
        &mut self,
        input: NodeId,
        keys: Vec<usize>,
        aggregates: Vec<(Aggregate, NodeColumn)>,
        global: bool,
    ) -> Result<NodeId> {
        let below = &self.nodes[input].columns;
        let mut columns: Vec<NodeColumn> = keys.iter().map(|&key| below[key].clone()).collect();
        let (aggregates, computed): (Vec<Aggregate>, Vec<NodeColumn>) = aggregates.into_iter().unzip();
        columns.extend(computed);
        let reduce = Reduce { input, keys, aggregates, global }.into();
        self.refuse_kept(&reduce, &columns)?;
        if self.is_nothing(input) && !global {
            return Ok(self.nothing(columns));
        }
        self.add(reduce, columns)
    }

    /// Rows with the number of positions beyond their bound.
    pub fn count_beyond(&mut self, rows: Side, bound: usize, positions: Side, beyond: Beyond) -> Result<NodeId> {
        let below = &self.nodes[rows.input].columns;
        let mut columns: Vec<NodeColumn> = rows.keys.iter().chain(&rows.values).map(|&column| below[column].clone()).collect();
        columns.push(NodeColumn { name: "count".to_owned(), data_type: DataType::Int64, nullable: false });
        self.add(CountBeyond { rows, bound, positions, beyond }, columns)
    }

    /// Each row once.
    pub fn distinct(&mut self, input: NodeId) -> Result<NodeId> {
        if self.is_nothing(input) {
            return Ok(input);
        }
        self.add(Distinct { input }, self.nodes[input].columns.clone())
    }

    /// The first rows of each partition.
    pub fn top_k(
        &mut self,
        input: NodeId,
        partition: Vec<usize>,
        order: Vec<IndexColumn>,
        (offset, limit): (usize, usize),
        rank: Option<NodeColumn>,
    ) -> Result<NodeId> {
        let mut columns = self.nodes[input].columns.clone();
        let top = TopK { input, partition, order, limit, offset, rank: rank.is_some() };
        columns.extend(rank);
        self.add(top, columns)
    }

    /// All rows of all inputs; the columns are named as those of the first.
    pub fn union(&mut self, mut inputs: Vec<NodeId>) -> Result<NodeId> {
        let first = inputs[0];
        inputs.retain(|&input| !self.is_nothing(input));
        match inputs[..] {
            [] => return Ok(first),
            [input] => return Ok(input),
            _ => {}
        }
        let mut columns = self.nodes[first].columns.clone();
        for &input in &inputs {
            for (column, other) in columns.iter_mut().zip(&self.nodes[input].columns) {
                column.nullable |= other.nullable;
            }
        }
        self.add(Union { inputs }, columns)
    }

    /// One row for each element of list columns, of which there is one at least.
    pub fn unnest(&mut self, input: NodeId, lists: Vec<(usize, NodeColumn)>, keep: Vec<usize>) -> Result<NodeId> {
        let below = &self.nodes[input].columns;
        let (columns, elements): (Vec<usize>, Vec<NodeColumn>) = lists.into_iter().unzip();
        let own = keep.iter().map(|&kept| below[kept].clone()).chain(elements).collect();
        self.add(Unnest { input, columns, keep }, own)
    }

    /// As many copies of each row as a column says.
    pub fn repeat(&mut self, input: NodeId, copies: usize) -> Result<NodeId> {
        if self.is_nothing(input) {
            return Ok(input);
        }
        self.add(Repeat { input, copies }, self.nodes[input].columns.clone())
    }

    /// Session windows over a time column.
    pub fn session(&mut self, input: NodeId, partition: Vec<usize>, time: usize, gap_micros: i64) -> Result<NodeId> {
        let mut columns = self.nodes[input].columns.clone();
        for name in ["window_start", "window_end"] {
            columns.push(NodeColumn { name: name.to_owned(), data_type: timestamp_type(), nullable: false });
        }
        self.add(Session { input, partition, time, gap_micros }, columns)
    }

    /// Each row with the results of functions over the rows of its partition.
    pub fn window(
        &mut self,
        input: NodeId,
        partition: Vec<usize>,
        order: Vec<IndexColumn>,
        calls: Vec<(WindowCall, NodeColumn)>,
    ) -> Result<NodeId> {
        let mut columns = self.nodes[input].columns.clone();
        let (calls, computed): (Vec<WindowCall>, Vec<NodeColumn>) = calls.into_iter().unzip();
        columns.extend(computed);
        let window = Window { input, partition, order, calls }.into();
        self.refuse_kept(&window, &columns)?;
        if self.is_nothing(input) {
            return Ok(self.nothing(columns));
        }
        self.add(window, columns)
    }

    /// An error when an operator would keep every event of a stream.
    fn refuse_kept(&self, operator: &Operator, columns: &[NodeColumn]) -> Result<()> {
        let kept = operator.keeps(&self.rows_of(&operator.inputs()), columns);
        kept.iter().try_for_each(|(input, words)| self.refuse_unbounded(*input, words))
    }

    fn rows_of(&self, nodes: &[NodeId]) -> Vec<InputRows<'_>> {
        nodes.iter().map(|&node| self.nodes[node].rows()).collect()
    }

    /// An error when keeping the node's rows would keep every event of a stream.
    pub fn refuse_unbounded(&self, input: NodeId, operator: &str) -> Result<()> {
        match &self.nodes[input].unbounded {
            None => Ok(()),
            Some(source) => plan_err!(
                "{operator} would keep every event of source '{source}': fold the source into a table, add a filter such as \
                 {} > NOW() - INTERVAL '7 days', or give the source a retention",
                self.time_column(source)
            ),
        }
    }

    /// The name of a column of a source that is an instant, for messages; the first of several, which is the event time of an envelope.
    pub fn time_column(&self, source: &str) -> &str {
        let is_source = |node: &&Node| matches!(&node.operator, Operator::Source(scan) if scan.name == source);
        let columns = self.nodes.iter().filter(is_source).flat_map(|node| &node.columns);
        let time = columns.clone().find(|column| column.data_type == timestamp_type());
        time.map_or("time", |column| column.name.as_str())
    }

    fn intern(&mut self, operator: Operator, columns: Vec<NodeColumn>) -> NodeId {
        // Names are for people: nodes that differ only in them are the same node.
        let mut form = Form::new(Subject::Interned);
        let refer = |form: &mut Form, reference: NodeReference| match reference {
            NodeReference::Source(number) | NodeReference::Table(number) | NodeReference::Node(number) => form.count(number),
        };
        operator.write_form(&mut form, &columns, &refer, &by_number);
        // Refusals name the source that a node reads, so one under another name is another node.
        if let Operator::Source(scan) = &operator {
            form.text(&scan.name);
        }
        if let Some(&known) = self.known.get(&form) {
            return known;
        }
        let RowProperties { append_only, unbounded, single_row } = operator.properties(&self.rows_of(&operator.inputs()));
        self.nodes.push(Node { operator, columns, append_only, unbounded, single_row });
        self.known.insert(form, self.nodes.len() - 1);
        self.nodes.len() - 1
    }
}

/// The join with only these of its columns; `None` when something is computed.
fn projected(join: &Join, outputs: &[Scalar]) -> Option<Join> {
    let Join { left, right, output } = join;
    let mut fields = Vec::with_capacity(outputs.len());
    for scalar in outputs {
        let Scalar::Column(index) = scalar else { return None };
        fields.push(output[*index]);
    }
    // Carry only what is still read.
    let kept_left = kept_places(&fields, left, |field| if let JoinField::Left(place) = field { Some(place) } else { None });
    let kept_right = kept_places(&fields, right, |field| if let JoinField::Right(place) = field { Some(place) } else { None });
    let output = fields
        .iter()
        .map(|field| match field {
            JoinField::Key(at) => JoinField::Key(*at),
            JoinField::Left(at) => JoinField::Left(place_of(&kept_left, *at)),
            JoinField::Right(at) => JoinField::Right(place_of(&kept_right, *at)),
        })
        .collect();
    let narrow = |side: &Side, kept: &[usize]| Side { values: kept.iter().map(|&at| side.values[at]).collect(), ..side.clone() };
    Some(Join { left: narrow(left, &kept_left), right: narrow(right, &kept_right), output })
}

/// The carried columns of a side that some field is.
fn kept_places(fields: &[JoinField], side: &Side, place: fn(JoinField) -> Option<usize>) -> Vec<usize> {
    let used: Vec<usize> = fields.iter().filter_map(|field| place(*field)).collect();
    (0..side.values.len()).filter(|place| used.contains(place)).collect()
}

/// The place of a column among those that are carried.
///
/// # Panics
/// When it is not carried: a join would give out another column.
fn place_of(carried: &[usize], column: usize) -> usize {
    let place = carried.iter().position(|&other| other == column);
    place.unwrap_or_else(|| panic!("the join does not carry column {column}, only {carried:?}"))
}

/// True for an expression that may be evaluated as a whole: no chain of views makes one that overflows the stack or fills the memory.
fn is_small(size: Size) -> bool {
    size.depth <= MERGED_DEPTH_MAX && size.parts <= MERGED_PARTS_MAX
}

/// The fields of all columns of a side.
fn side_fields(side: &Side, columns: usize, value: fn(usize) -> JoinField) -> Vec<JoinField> {
    (0..columns)
        .map(|column| match side.keys.iter().position(|&key| key == column) {
            Some(place) => JoinField::Key(place),
            None => value(place_of(&side.values, column)),
        })
        .collect()
}
