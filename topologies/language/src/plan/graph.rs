//! The lowered plan: a graph of nodes over byte rows that needs no further analysis to be rendered.
//!
//! Owns [`Graph`]. Operators over numbered columns enter through its constructors, which share equal nodes, fuse maps, and know what
//! each node keeps: a node whose state would grow with every event is refused here, by name.

use std::collections::HashMap;

use arrow_schema::DataType;
use datafusion_common::{Result, plan_err};
use schemas::aggregate::AggregateKind;
use schemas::aggregate::Beyond;
use schemas::field::FieldKind;
use schemas::row::Row;
use schemas::serving::{Column, IndexColumn};

use super::identity::{self, Form, Reference, Subject};
use super::scalar::{Scalar, Size};

/// The most parts within one another of an expression that is made of several views' own.
const MERGED_DEPTH_MAX: usize = 256;
/// The most parts of such an expression.
const MERGED_PARTS_MAX: usize = 4_096;

/// A node of the graph; inputs have smaller numbers than the nodes that read them.
pub type NodeId = usize;

/// One column of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeColumn {
    /// for people
    pub name: String,
    /// the type of its values
    pub data_type: DataType,
    /// true if it can be NULL
    pub nullable: bool,
}

/// One node: what it does, its columns, and what is known of its rows.
#[derive(Clone, Debug)]
pub struct Node {
    /// its operator
    pub operator: Operator,
    /// its columns
    pub columns: Vec<NodeColumn>,
    /// rows are only ever added
    pub append_only: bool,
    /// the stream whose every event it would hold if it were kept; `None` when its size is bounded by the state of tables or groups
    pub unbounded: Option<String>,
    /// at most one row, so that a join without keys with it is no cross product
    pub single_row: bool,
}

/// An input of a join: which columns are its key and which others it must carry.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// the input
    pub input: NodeId,
    /// columns that are compared, in order
    pub keys: Vec<usize>,
    /// columns that are carried, ascending, without those of the key
    pub values: Vec<usize>,
}

/// Origin of an output column of a join.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JoinField {
    /// the n-th column of the key
    Key(usize),
    /// the n-th carried column of the left side
    Left(usize),
    /// the n-th carried column of the right side
    Right(usize),
}

/// One aggregate of a reduce node.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// the function
    pub kind: AggregateKind,
    /// columns of the input: arguments, then ordering columns
    pub inputs: Vec<usize>,
    /// a boolean column: only rows where it is true count
    pub filter: Option<usize>,
}

/// Operator of a node.
#[derive(Clone, Debug)]
pub enum Operator {
    /// the events of a source, all columns of its topic
    Source(usize),
    /// the rows of a table
    Table(usize),
    /// rows that are there from the start
    Constant(Vec<Row>),
    /// filters, then computes columns
    Map {
        /// the input
        input: NodeId,
        /// conditions, tested in order
        predicates: Vec<Scalar>,
        /// the columns
        outputs: Vec<Scalar>,
    },
    /// rows that are there from `from` on and until `until` by the wall clock of the epochs; columns of the input
    TemporalFilter {
        /// the input
        input: NodeId,
        /// first instant, inclusive
        from: Option<usize>,
        /// last instant, exclusive
        until: Option<usize>,
    },
    /// pairs of rows with equal keys
    Join {
        /// one side
        left: Side,
        /// the other side
        right: Side,
        /// its columns
        output: Vec<JoinField>,
    },
    /// rows of the left side whose key is, or is not, among the keys of the right side; all columns of the left
    Semijoin {
        /// the rows; `keys` and `values` are all its columns
        left: Side,
        /// the keys; no values
        right: Side,
        /// keep those without a match instead
        anti: bool,
    },
    /// rows of one side with the number of rows of the other that have the same key and lie beyond a bound; the columns are the key, the
    /// other columns of the rows, and the count. Rows with none are left out
    CountBeyond {
        /// the rows
        rows: Side,
        /// the column that is the bound
        bound: usize,
        /// the counted rows; the only value is the position
        positions: Side,
        /// side of the bound that counts
        beyond: Beyond,
    },
    /// one row for each group
    Reduce {
        /// the input
        input: NodeId,
        /// columns of the group
        keys: Vec<usize>,
        /// the aggregates of each group
        aggregates: Vec<Aggregate>,
        /// no GROUP BY: one row even when there is no input
        global: bool,
    },
    /// each row once
    Distinct(NodeId),
    /// the first rows of each partition
    TopK {
        /// the input
        input: NodeId,
        /// columns of the partition
        partition: Vec<usize>,
        /// the order within it
        order: Vec<IndexColumn>,
        /// number of rows
        limit: usize,
        /// number of rows that are skipped before
        offset: usize,
        /// true if the row number is appended as a column
        rank: bool,
    },
    /// all rows of all inputs
    Union(Vec<NodeId>),
    /// one row for each element of a list; the element is appended to the columns that are kept
    Unnest {
        /// the input
        input: NodeId,
        /// the list
        column: usize,
        /// the columns of the input that each row has: what is not read above would be there once for each element
        keep: Vec<usize>,
    },
    /// as many copies of each row as a BIGINT column says; none when it is not positive
    Repeat {
        /// the input
        input: NodeId,
        /// the column that says how many copies
        copies: usize,
    },
    /// session windows; `window_start` and `window_end` are appended
    Session {
        /// the input
        input: NodeId,
        /// columns of the partition
        partition: Vec<usize>,
        /// the time
        time: usize,
        /// the longest pause within a session
        gap_micros: i64,
    },
}

impl Operator {
    /// The nodes it reads.
    pub fn inputs(&self) -> Vec<NodeId> {
        match self {
            Self::Source(_) | Self::Table(_) | Self::Constant(_) => Vec::new(),
            Self::Map { input, .. }
            | Self::TemporalFilter { input, .. }
            | Self::Reduce { input, .. }
            | Self::Distinct(input)
            | Self::TopK { input, .. }
            | Self::Unnest { input, .. }
            | Self::Repeat { input, .. }
            | Self::Session { input, .. } => vec![*input],
            Self::Join { left, right, .. } | Self::Semijoin { left, right, .. } => vec![left.input, right.input],
            Self::CountBeyond { rows, positions, .. } => vec![rows.input, positions.input],
            Self::Union(inputs) => inputs.clone(),
        }
    }
}

/// The nodes of a deployment.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// in an order in which inputs come first
    pub nodes: Vec<Node>,
    known: HashMap<Form, NodeId>,
}

impl Graph {
    /// The columns of a node as rows keep them.
    pub fn kinds(&self, node: NodeId) -> Result<Vec<FieldKind>> {
        self.nodes[node].columns.iter().map(field_kind).collect()
    }

    /// The columns of a node under the names a view gives them.
    pub fn served_columns(&self, node: NodeId, names: &[String]) -> Result<Vec<Column>> {
        let kinds = self.kinds(node)?;
        Ok(names.iter().zip(kinds).map(|(name, kind)| Column { name: name.clone(), kind }).collect())
    }

    /// The names of a node's columns.
    pub fn names(&self, node: NodeId) -> Vec<String> {
        self.nodes[node].columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Adds a leaf or a node that needs no checks.
    pub fn leaf(&mut self, operator: Operator, columns: Vec<NodeColumn>, append_only: bool, unbounded: Option<String>) -> NodeId {
        let single_row = matches!(&operator, Operator::Constant(rows) if rows.len() <= 1);
        self.intern(Node { operator, columns, append_only, unbounded, single_row })
    }

    /// A node without rows. What reads one mostly is one: a condition that never holds leaves nothing behind that runs.
    pub fn nothing(&mut self, columns: Vec<NodeColumn>) -> NodeId {
        self.leaf(Operator::Constant(Vec::new()), columns, true, None)
    }

    fn is_nothing(&self, node: NodeId) -> bool {
        matches!(&self.nodes[node].operator, Operator::Constant(rows) if rows.is_empty())
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
        if let Operator::Map { input: below, predicates: first, outputs: inner } = &self.nodes[input].operator
            && predicates.iter().chain(&outputs).all(|scalar| is_small(scalar.substituted_size(inner)))
        {
            let (below, mut all, inner) = (*below, first.clone(), inner.clone());
            for predicate in &predicates {
                all.push(predicate.substitute(&inner)?);
            }
            let outputs = outputs.iter().map(|scalar| scalar.substitute(&inner)).collect::<Result<Vec<_>>>()?;
            return Ok(self.add_map(below, all, outputs, columns));
        }
        if predicates.is_empty()
            && let Some(node) = self.project_join(input, &outputs, &columns)
        {
            return Ok(node);
        }
        Ok(self.add_map(input, predicates, outputs, columns))
    }

    fn add_map(&mut self, input: NodeId, predicates: Vec<Scalar>, outputs: Vec<Scalar>, columns: Vec<NodeColumn>) -> NodeId {
        let below = &self.nodes[input];
        let (append_only, unbounded, single_row) = (below.append_only, below.unbounded.clone(), below.single_row);
        self.intern(Node { operator: Operator::Map { input, predicates, outputs }, columns, append_only, unbounded, single_row })
    }

    fn project_join(&mut self, input: NodeId, outputs: &[Scalar], columns: &[NodeColumn]) -> Option<NodeId> {
        let Operator::Join { left, right, output } = &self.nodes[input].operator else { return None };
        let mut fields = Vec::with_capacity(outputs.len());
        for scalar in outputs {
            let Scalar::Column(index) = scalar else { return None };
            fields.push(output[*index]);
        }
        // Carry only what is still read.
        let keep = |values: &[usize], field_of: fn(JoinField) -> Option<usize>| -> Vec<usize> {
            let used: Vec<usize> = fields.iter().filter_map(|field| field_of(*field)).collect();
            (0..values.len()).filter(|place| used.contains(place)).collect()
        };
        let kept_left = keep(&left.values, |field| if let JoinField::Left(place) = field { Some(place) } else { None });
        let kept_right = keep(&right.values, |field| if let JoinField::Right(place) = field { Some(place) } else { None });
        let place = |kept: &[usize], old: usize| kept.iter().position(|&kept| kept == old).unwrap_or_default();
        let output = fields
            .iter()
            .map(|field| match field {
                JoinField::Key(at) => JoinField::Key(*at),
                JoinField::Left(at) => JoinField::Left(place(&kept_left, *at)),
                JoinField::Right(at) => JoinField::Right(place(&kept_right, *at)),
            })
            .collect();
        let narrow =
            |side: &Side, kept: &[usize]| Side { values: kept.iter().map(|&at| side.values[at]).collect(), ..side.clone() };
        let operator = Operator::Join { left: narrow(left, &kept_left), right: narrow(right, &kept_right), output };
        let Node { append_only, unbounded, single_row, .. } = self.nodes[input].clone();
        Some(self.intern(Node { operator, columns: columns.to_vec(), append_only, unbounded, single_row }))
    }

    /// Rows within bounds that the wall clock crosses.
    pub fn temporal_filter(&mut self, input: NodeId, from: Option<usize>, until: Option<usize>) -> NodeId {
        let below = &self.nodes[input];
        let node = Node {
            operator: Operator::TemporalFilter { input, from, until },
            columns: below.columns.clone(),
            append_only: below.append_only && until.is_none(),
            unbounded: below.unbounded.clone().filter(|_| until.is_none()),
            single_row: below.single_row,
        };
        self.intern(node)
    }

    /// All columns of both sides, of rows whose keys are equal.
    pub fn join(&mut self, left: (NodeId, Vec<usize>), right: (NodeId, Vec<usize>)) -> Result<NodeId> {
        for (input, _) in [&left, &right] {
            self.refuse_unbounded(*input, "JOIN")?;
        }
        let single_row = self.nodes[left.0].single_row && self.nodes[right.0].single_row;
        if left.1.is_empty() && !self.nodes[left.0].single_row && !self.nodes[right.0].single_row {
            return plan_err!(
                "a join without an equality between the two sides is a cross product, which is refused: add a condition such as a.x = b.y"
            );
        }
        let mut columns = self.nodes[left.0].columns.clone();
        columns.extend(self.nodes[right.0].columns.iter().cloned());
        if self.is_nothing(left.0) || self.is_nothing(right.0) {
            return Ok(self.nothing(columns));
        }
        let left = self.side(left.0, left.1);
        let right = self.side(right.0, right.1);
        let mut output = side_fields(&left, self.nodes[left.input].columns.len(), JoinField::Left);
        output.extend(side_fields(&right, self.nodes[right.input].columns.len(), JoinField::Right));
        let append_only = self.nodes[left.input].append_only && self.nodes[right.input].append_only;
        Ok(self.intern(Node {
            operator: Operator::Join { left, right, output },
            columns,
            append_only,
            unbounded: None,
            single_row,
        }))
    }

    /// Rows of the left side with a match, or with `anti` those without.
    pub fn semijoin(&mut self, left: (NodeId, Vec<usize>), right: (NodeId, Vec<usize>), anti: bool) -> Result<NodeId> {
        for (input, _) in [&left, &right] {
            self.refuse_unbounded(*input, if anti { "NOT EXISTS" } else { "EXISTS" })?;
        }
        let below = self.nodes[left.0].clone();
        if self.is_nothing(left.0) || self.is_nothing(right.0) {
            return Ok(if anti { left.0 } else { self.nothing(below.columns) });
        }
        let left = self.side(left.0, left.1);
        let right = Side { input: right.0, keys: right.1, values: Vec::new() };
        let operator = Operator::Semijoin { left, right, anti };
        Ok(self.intern(Node { operator, append_only: false, ..below }))
    }

    fn side(&self, input: NodeId, keys: Vec<usize>) -> Side {
        let values = (0..self.nodes[input].columns.len()).filter(|column| !keys.contains(column)).collect();
        Side { input, keys, values }
    }

    /// Groups and aggregates.
    pub fn reduce(
        &mut self,
        input: NodeId,
        keys: Vec<usize>,
        aggregates: Vec<(Aggregate, NodeColumn)>,
        global: bool,
    ) -> Result<NodeId> {
        if let Some((input, keys, aggregates)) = super::count_join::rewrite(self, input, &keys, &aggregates)? {
            let sums = self.reduce(input, keys, aggregates, global)?;
            return if global { super::count_join::zero_for_null(self, sums) } else { Ok(sums) };
        }
        let below = &self.nodes[input];
        for (aggregate, column) in &aggregates {
            let keeps_rows = match aggregate.kind {
                AggregateKind::CountDistinct
                | AggregateKind::OfDistinct(_)
                | AggregateKind::ArrayAgg { .. }
                | AggregateKind::StringAgg { .. } => true,
                AggregateKind::Min | AggregateKind::Max => !below.append_only,
                _ => false,
            };
            if keeps_rows {
                self.refuse_unbounded(input, &format!("the aggregate '{}'", column.name))?;
            }
        }
        let mut columns: Vec<NodeColumn> = keys.iter().map(|&key| below.columns[key].clone()).collect();
        let (aggregates, computed): (Vec<Aggregate>, Vec<NodeColumn>) = aggregates.into_iter().unzip();
        columns.extend(computed);
        if self.is_nothing(input) && !global {
            return Ok(self.nothing(columns));
        }
        let operator = Operator::Reduce { input, keys, aggregates, global };
        Ok(self.intern(Node { operator, columns, append_only: false, unbounded: None, single_row: global }))
    }

    /// Rows with the number of positions beyond their bound.
    pub fn count_beyond(&mut self, rows: Side, bound: usize, positions: Side, beyond: Beyond) -> NodeId {
        let below = &self.nodes[rows.input].columns;
        let mut columns: Vec<NodeColumn> = rows.keys.iter().chain(&rows.values).map(|&column| below[column].clone()).collect();
        columns.push(NodeColumn { name: "count".to_owned(), data_type: DataType::Int64, nullable: false });
        let single_row = self.nodes[rows.input].single_row;
        let operator = Operator::CountBeyond { rows, bound, positions, beyond };
        self.intern(Node { operator, columns, append_only: false, unbounded: None, single_row })
    }

    /// Each row once.
    pub fn distinct(&mut self, input: NodeId) -> Result<NodeId> {
        self.refuse_unbounded(input, "DISTINCT")?;
        if self.is_nothing(input) {
            return Ok(input);
        }
        let below = self.nodes[input].clone();
        Ok(self.intern(Node { operator: Operator::Distinct(input), append_only: below.append_only, ..below }))
    }

    /// The first rows of each partition.
    pub fn top_k(
        &mut self,
        input: NodeId,
        partition: Vec<usize>,
        order: Vec<IndexColumn>,
        (offset, limit): (usize, usize),
        rank: Option<NodeColumn>,
    ) -> NodeId {
        let mut columns = self.nodes[input].columns.clone();
        let single_row = partition.is_empty() && limit <= 1;
        let operator = Operator::TopK { input, partition, order, limit, offset, rank: rank.is_some() };
        columns.extend(rank);
        self.intern(Node { operator, columns, append_only: false, unbounded: None, single_row })
    }

    /// All rows of all inputs; the columns are named as those of the first.
    pub fn union(&mut self, mut inputs: Vec<NodeId>) -> NodeId {
        let first = inputs[0];
        inputs.retain(|&input| !self.is_nothing(input));
        match inputs[..] {
            [] => return first,
            [input] => return input,
            _ => {}
        }
        let mut columns = self.nodes[first].columns.clone();
        for &input in &inputs {
            for (column, other) in columns.iter_mut().zip(&self.nodes[input].columns) {
                column.nullable |= other.nullable;
            }
        }
        let append_only = inputs.iter().all(|&input| self.nodes[input].append_only);
        let unbounded = inputs.iter().find_map(|&input| self.nodes[input].unbounded.clone());
        self.intern(Node { operator: Operator::Union(inputs), columns, append_only, unbounded, single_row: false })
    }

    /// One row for each element of a list column.
    pub fn unnest(&mut self, input: NodeId, column: usize, keep: Vec<usize>, element: NodeColumn) -> NodeId {
        let below = &self.nodes[input];
        let mut columns: Vec<NodeColumn> = keep.iter().map(|&kept| below.columns[kept].clone()).collect();
        columns.push(element);
        let (append_only, unbounded) = (below.append_only, below.unbounded.clone());
        self.intern(Node {
            operator: Operator::Unnest { input, column, keep },
            columns,
            append_only,
            unbounded,
            single_row: false,
        })
    }

    /// As many copies of each row as a column says.
    pub fn repeat(&mut self, input: NodeId, copies: usize) -> NodeId {
        if self.is_nothing(input) {
            return input;
        }
        let below = self.nodes[input].clone();
        self.intern(Node { operator: Operator::Repeat { input, copies }, single_row: false, ..below })
    }

    /// Session windows over a time column.
    pub fn session(&mut self, input: NodeId, partition: Vec<usize>, time: usize, gap_micros: i64) -> Result<NodeId> {
        self.refuse_unbounded(input, "SESSION")?;
        let mut columns = self.nodes[input].columns.clone();
        for name in ["window_start", "window_end"] {
            let data_type = super::functions::timestamp_type();
            columns.push(NodeColumn { name: name.to_owned(), data_type, nullable: false });
        }
        let operator = Operator::Session { input, partition, time, gap_micros };
        Ok(self.intern(Node { operator, columns, append_only: false, unbounded: None, single_row: false }))
    }

    /// An error when keeping the node's rows would keep every event of a stream.
    pub fn refuse_unbounded(&self, input: NodeId, operator: &str) -> Result<()> {
        match &self.nodes[input].unbounded {
            None => Ok(()),
            Some(source) => plan_err!(
                "{operator} would keep every event of source '{source}': fold the source into a table, add a filter such as \
                 occurred_at > NOW() - INTERVAL '7 days', or give the source a retention"
            ),
        }
    }

    fn intern(&mut self, node: Node) -> NodeId {
        // Names are for people: nodes that differ only in them are the same node.
        let mut form = Form::new(Subject::Interned);
        let by_number = |form: &mut Form, reference: Reference| match reference {
            Reference::Source(number) | Reference::Table(number) | Reference::Node(number) => form.count(number),
        };
        identity::operator(&mut form, &node.operator, &node.columns, &by_number, &identity::by_number);
        if let Some(&known) = self.known.get(&form) {
            return known;
        }
        self.nodes.push(node);
        self.known.insert(form, self.nodes.len() - 1);
        self.nodes.len() - 1
    }
}

/// True for an expression that may be evaluated as a whole: no chain of views makes one that overflows the stack or fills the memory.
fn is_small(size: Size) -> bool {
    size.depth <= MERGED_DEPTH_MAX && size.parts <= MERGED_PARTS_MAX
}

fn field_kind(column: &NodeColumn) -> Result<FieldKind> {
    match FieldKind::of(&column.data_type) {
        Some(kind) => Ok(kind),
        None => plan_err!(
            "column '{}' has type {}, which rows can't hold: cast it",
            column.name,
            super::wording::type_name(&column.data_type)
        ),
    }
}

fn side_fields(side: &Side, columns: usize, value: fn(usize) -> JoinField) -> Vec<JoinField> {
    (0..columns)
        .map(|column| match side.keys.iter().position(|&key| key == column) {
            Some(place) => JoinField::Key(place),
            None => value(side.values.iter().position(|&other| other == column).unwrap_or_default()),
        })
        .collect()
}
