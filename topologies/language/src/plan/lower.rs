//! From an optimised logical plan to the graph of nodes: one function per kind of plan.
//!
//! Owns the translation of SQL's relational operators. A [`LogicalPlan`] and the nodes of the relations it scans enter, a node
//! leaves. What an incremental plan can't do is an error that says so and what to write instead.

use std::collections::{BTreeMap, HashMap};

use arrow_schema::DataType;
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::Sort;
use datafusion_expr::utils::{conjunction, split_conjunction};
use datafusion_expr::{Aggregate as AggregatePlan, Expr, Join, Limit, LogicalPlan, Unnest, Window as WindowPlan};
use schemas::row::RowCodec;
use schemas::serving::IndexColumn;

use super::aggregates::aggregate::lower_aggregate;
use super::errors::missing_relation::MissingRelation;
use super::graph::{Constant, Graph, NodeId};
use super::outputs::{identity, node_column, schema_columns};
use super::scalar::{Scalar, null};
use super::steps::{RepeatStep, Unkeyed};
use super::windows::ranking::{RowNumberColumn, is_row_number, reads, row_number, take_limit};
use super::windows::window::{called, lower_window, window_columns};
use super::{clock_cases, temporal, wording};

/// The nodes of the relations that a query may scan.
pub type Scans = BTreeMap<String, NodeId>;

/// Lowers one query.
pub struct Lowering<'a> {
    /// graph that nodes are added to
    pub graph: &'a mut Graph,
    /// the relations
    pub scans: &'a Scans,
    /// nodes of plans that were lowered before, by the address of the plan: a plan that is read twice is lowered once
    lowered: HashMap<*const LogicalPlan, NodeId>,
}

impl<'a> Lowering<'a> {
    /// Lowers into `graph`.
    pub fn new(graph: &'a mut Graph, scans: &'a Scans) -> Self {
        Self { graph, scans, lowered: HashMap::new() }
    }

    /// The node of a whole query. Its final ORDER BY without LIMIT says nothing about a set of rows and is dropped.
    pub fn query(&mut self, plan: &LogicalPlan) -> Result<NodeId> {
        match plan {
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.plan(&sort.input),
            other => self.plan(other),
        }
    }

    /// The node of a plan.
    pub fn plan(&mut self, plan: &LogicalPlan) -> Result<NodeId> {
        if let Some(&node) = self.lowered.get(&std::ptr::from_ref(plan)) {
            return Ok(node);
        }
        let node = self.dispatch(plan)?;
        self.lowered.insert(std::ptr::from_ref(plan), node);
        Ok(node)
    }

    fn dispatch(&mut self, plan: &LogicalPlan) -> Result<NodeId> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.plan(&alias.input),
            LogicalPlan::Subquery(subquery) => self.plan(&subquery.subquery),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Filter(filter) => self.filter(&filter.predicate, &filter.input, true),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => self.union(&union.inputs, &union.schema),
            LogicalPlan::EmptyRelation(empty) => self.empty(empty),
            LogicalPlan::Values(values) => self.values(values),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Extension(extension) => self.extension(extension),
            LogicalPlan::Sort(sort) => match sort.fetch {
                Some(fetch) => self.first_rows(&sort.expr, &sort.input, 0, fetch),
                None => self.plan(&sort.input),
            },
            LogicalPlan::Window(window) => self.window(window, None, true),
            other => plan_err!("{} is not supported in a view", other.display()),
        }
    }

    fn extension(&mut self, extension: &datafusion_expr::Extension) -> Result<NodeId> {
        let node = extension.node.as_any();
        if let Some(repeat) = node.downcast_ref::<RepeatStep>() {
            let rows = self.plan(repeat.input())?;
            return self.graph.repeat(rows, repeat.input().schema().fields().len() - 1);
        }
        match node.downcast_ref::<Unkeyed>() {
            Some(unkeyed) => self.plan(unkeyed.input()),
            None => plan_err!("{} is not supported in a view", extension.node.name()),
        }
    }

    fn scan(&mut self, scan: &datafusion_expr::logical_plan::TableScan) -> Result<NodeId> {
        let Some(&node) = self.scans.get(scan.table_name.table()) else {
            return Err(MissingRelation { relation: scan.table_name.table().to_owned(), suggestion: None }.into());
        };
        if !scan.filters.is_empty() || scan.fetch.is_some() {
            return plan_err!("a filter was pushed into the scan of '{}'", scan.table_name);
        }
        let columns: Vec<usize> = match &scan.projection {
            Some(projection) => projection.clone(),
            None => (0..self.graph.nodes[node].columns.len()).collect(),
        };
        self.choose(node, &columns)
    }

    /// A choice of columns.
    pub fn choose(&mut self, node: NodeId, columns: &[usize]) -> Result<NodeId> {
        let outputs = columns.iter().map(|&column| (Scalar::Column(column), self.graph.nodes[node].columns[column].clone()));
        let outputs = outputs.collect();
        self.graph.map(node, Vec::new(), outputs)
    }

    fn projection(&mut self, projection: &datafusion_expr::Projection) -> Result<NodeId> {
        let input = match projection.input.as_ref() {
            // Row numbers that nobody reads cost nothing: tell the window below whether they are read.
            LogicalPlan::Filter(filter) => {
                let schema = filter.input.schema();
                let is_read =
                    |number: RowNumberColumn| projection.expr.iter().any(|expression| reads(expression, schema, number.column));
                self.filter(&filter.predicate, &filter.input, row_number(&filter.input).is_none_or(is_read))?
            }
            other => self.plan(other)?,
        };
        self.project(projection, input)
    }

    /// A projection of a node that stands for its input.
    fn project(&mut self, projection: &datafusion_expr::Projection, input: NodeId) -> Result<NodeId> {
        let schema = projection.input.schema();
        let with_clock: Vec<&Expr> = projection.expr.iter().filter(|expression| temporal::mentions_now(expression)).collect();
        if with_clock.is_empty() {
            return self.project_as(projection, input, &|expression| Ok(expression.clone()));
        }
        let cases = clock_cases::split(self.graph, input, &with_clock, schema)?;
        let nodes = cases.iter().map(|case| self.project_as(projection, case.node, &|expression| case.of(expression, schema)));
        let nodes = nodes.collect::<Result<Vec<_>>>()?;
        self.graph.union(nodes)
    }

    /// A projection with other expressions in place of its own.
    fn project_as(
        &mut self,
        projection: &datafusion_expr::Projection,
        input: NodeId,
        expression: &dyn Fn(&Expr) -> Result<Expr>,
    ) -> Result<NodeId> {
        let schema = projection.input.schema();
        let outputs = projection
            .expr
            .iter()
            .zip(projection.schema.fields())
            .map(|(written, field)| {
                let scalar = Scalar::lower(&expression(written)?, schema)?;
                Ok((scalar, node_column(field.name(), field.data_type(), field.is_nullable())))
            })
            .collect::<Result<Vec<_>>>()?;
        self.graph.map(input, Vec::new(), outputs)
    }

    fn filter(&mut self, predicate: &Expr, input: &LogicalPlan, rank_is_read: bool) -> Result<NodeId> {
        let mut rest: Vec<Expr> = split_conjunction(predicate).into_iter().cloned().collect();
        let mut node = match row_number(input) {
            Some(number) => {
                let schema = input.schema();
                let limit = take_limit(&mut rest, schema, number.column);
                let is_condition = rest.iter().any(|expression| reads(expression, schema, number.column));
                self.numbered(input, limit, number.is_read_below || rank_is_read || is_condition)?
            }
            None => self.plan(input)?,
        };
        let (temporal, rest): (Vec<Expr>, Vec<Expr>) = rest.into_iter().partition(temporal::mentions_now);
        let schema = input.schema();
        if let Some(predicate) = conjunction(rest) {
            let predicates =
                split_conjunction(&predicate).into_iter().map(|part| Scalar::lower(part, schema)).collect::<Result<_>>()?;
            let outputs = identity(&self.graph.nodes[node].columns);
            node = self.graph.map(node, predicates, outputs)?;
        }
        let (bounds, mixed): (Vec<Expr>, Vec<Expr>) = temporal.into_iter().partition(temporal::is_bound);
        node = temporal::lower(self.graph, node, &bounds, schema)?;
        self.filter_by_cases(node, &mixed, schema)
    }

    /// The rows for which conditions hold that the clock is a part of.
    fn filter_by_cases(&mut self, node: NodeId, conditions: &[Expr], schema: &DFSchema) -> Result<NodeId> {
        if conditions.is_empty() {
            return Ok(node);
        }
        let mut nodes = Vec::new();
        for case in clock_cases::split(self.graph, node, &conditions.iter().collect::<Vec<_>>(), schema)? {
            let held = |condition| Scalar::lower(&case.of(condition, schema)?, schema);
            let predicates = conditions.iter().map(held).collect::<Result<_>>()?;
            let outputs = identity(&self.graph.nodes[case.node].columns);
            nodes.push(self.graph.map(case.node, predicates, outputs)?);
        }
        self.graph.union(nodes)
    }

    fn aggregate(&mut self, aggregate: &AggregatePlan) -> Result<NodeId> {
        let input = self.plan(&aggregate.input)?;
        lower_aggregate(self.graph, input, aggregate)
    }

    fn union(&mut self, inputs: &[std::sync::Arc<LogicalPlan>], schema: &DFSchema) -> Result<NodeId> {
        let mut nodes = Vec::with_capacity(inputs.len());
        for plan in inputs {
            let node = self.plan(plan)?;
            let outputs = (0..schema.fields().len())
                .map(|index| {
                    let field = schema.field(index);
                    let expression = Expr::Column(plan.schema().qualified_field(index).into());
                    let column = node_column(field.name(), field.data_type(), field.is_nullable());
                    Ok((Scalar::lower_as(&expression, plan.schema(), &column.data_type)?, column))
                })
                .collect::<Result<Vec<_>>>()?;
            nodes.push(self.graph.map(node, Vec::new(), outputs)?);
        }
        self.graph.union(nodes)
    }

    fn empty(&mut self, empty: &datafusion_expr::EmptyRelation) -> Result<NodeId> {
        let columns = schema_columns(&empty.schema);
        let rows = if empty.produce_one_row { vec![schemas::row::Row::empty()] } else { Vec::new() };
        self.graph.add(Constant { rows }, columns)
    }

    fn values(&mut self, values: &datafusion_expr::Values) -> Result<NodeId> {
        let columns = schema_columns(&values.schema);
        let empty = DFSchema::empty();
        let mut rows = Vec::with_capacity(values.values.len());
        for expressions in &values.values {
            let mut row = schemas::row::Row::empty();
            for (expression, column) in expressions.iter().zip(&columns) {
                match Scalar::lower_as(expression, &empty, &column.data_type)? {
                    Scalar::Constant { field, .. } => row.extend(field.as_bytes()),
                    _ => return plan_err!("VALUES takes constants, not {}", wording::sql(expression)),
                }
            }
            rows.push(row);
        }
        self.graph.add(Constant { rows }, columns)
    }

    fn unnest(&mut self, unnest: &Unnest) -> Result<NodeId> {
        let mut node = self.plan(&unnest.input)?;
        let mut lists = Vec::with_capacity(unnest.list_type_columns.len());
        for (column, list) in &unnest.list_type_columns {
            if list.depth != 1 || !unnest.struct_type_columns.is_empty() {
                return plan_err!("UNNEST of nested lists is not supported: unnest one level at a time");
            }
            let DataType::List(item) = self.graph.nodes[node].columns[*column].data_type.clone() else {
                return plan_err!("UNNEST takes a list");
            };
            lists.push((*column, node_column(&list.output_column.name, item.data_type(), true)));
        }
        if lists.is_empty() {
            return plan_err!("UNNEST takes a list");
        }
        let read = &unnest.dependency_indices;
        let places: Vec<usize> = lists.iter().map(|(column, _)| *column).collect();
        let keep: Vec<usize> = read.iter().copied().filter(|index| !places.contains(index)).collect();
        let appended = keep.len();
        node = self.graph.unnest(node, lists, keep)?;
        let mut kept = 0..appended;
        let place = |index: &usize| match places.iter().position(|list| list == index) {
            Some(place) => Some(appended + place),
            None => kept.next(),
        };
        let Some(columns) = read.iter().map(place).collect::<Option<Vec<usize>>>() else {
            return plan_err!("UNNEST reads a column that it does not keep");
        };
        self.choose(node, &columns)
    }

    fn limit(&mut self, limit: &Limit) -> Result<NodeId> {
        let number = |expression: &Option<Box<Expr>>| match expression.as_deref() {
            None => Ok(None),
            Some(Expr::Literal(ScalarValue::Int64(Some(value)), _)) => match usize::try_from(*value) {
                Ok(value) => Ok(Some(value)),
                Err(_) => plan_err!("LIMIT and OFFSET can't be negative"),
            },
            Some(other) => plan_err!("LIMIT and OFFSET take a number, not {other}"),
        };
        let (skip, fetch) = (number(&limit.skip)?.unwrap_or(0), number(&limit.fetch)?);
        match (limit.input.as_ref(), fetch) {
            (LogicalPlan::Sort(sort), Some(fetch)) => self.first_rows(&sort.expr, &sort.input, skip, fetch),
            (LogicalPlan::Projection(projection), Some(fetch)) if matches!(projection.input.as_ref(), LogicalPlan::Sort(_)) => {
                let LogicalPlan::Sort(sort) = projection.input.as_ref() else { return plan_err!("LIMIT needs an ORDER BY") };
                let node = self.first_rows(&sort.expr, &sort.input, skip, fetch)?;
                self.project(projection, node)
            }
            (_, None) => plan_err!("OFFSET without LIMIT would keep every row in order: add a LIMIT"),
            _ => plan_err!("LIMIT without ORDER BY would choose rows at random: add an ORDER BY"),
        }
    }

    fn first_rows(&mut self, order: &[Sort], input: &LogicalPlan, skip: usize, fetch: usize) -> Result<NodeId> {
        let node = self.plan(input)?;
        let width = self.graph.nodes[node].columns.len();
        let (node, partition, order) = self.ordered(node, input.schema(), &[], order)?;
        let node = self.graph.top_k(node, partition, order, (skip, fetch), None)?;
        self.choose(node, &(0..width).collect::<Vec<_>>())
    }

    /// A plan that [`row_number`] found a row number in, with what is known of it from above.
    fn numbered(&mut self, plan: &LogicalPlan, limit: Option<usize>, rank_is_read: bool) -> Result<NodeId> {
        match plan {
            LogicalPlan::Window(window) => self.window(window, limit, rank_is_read),
            LogicalPlan::SubqueryAlias(alias) => self.numbered(&alias.input, limit, rank_is_read),
            LogicalPlan::Projection(projection) => {
                let node = self.numbered(&projection.input, limit, rank_is_read)?;
                self.project(projection, node)
            }
            other => self.plan(other),
        }
    }

    /// Functions over windows. Of row numbers with a limit, only the first rows are kept.
    fn window(&mut self, window: &WindowPlan, limit: Option<usize>, rank_is_read: bool) -> Result<NodeId> {
        let node = self.plan(&window.input)?;
        let (Some(limit), [call]) = (limit.filter(|_| is_row_number(window)), &window.window_expr[..]) else {
            return lower_window(self.graph, node, window);
        };
        let parameters = called(call)?.params;
        let width = self.graph.nodes[node].columns.len();
        let schema = window.input.schema();
        let (node, partition, order) = self.ordered(node, schema, &parameters.partition_by, &parameters.order_by)?;
        let rank = node_column("row_number", &DataType::Int64, false);
        let extended = self.graph.nodes[node].columns.len();
        let top = self.graph.top_k(node, partition, order, (0, limit), rank_is_read.then(|| rank.clone()))?;
        let mut outputs = identity(&self.graph.nodes[top].columns[..width]);
        let number = if rank_is_read { Scalar::Column(extended) } else { null(&DataType::Int64)? };
        outputs.push((number, rank));
        self.graph.map(top, Vec::new(), outputs)
    }

    /// The node with columns for the partition and the order, and their numbers.
    fn ordered(
        &mut self,
        node: NodeId,
        schema: &DFSchema,
        partition: &[Expr],
        order: &[Sort],
    ) -> Result<(NodeId, Vec<usize>, Vec<IndexColumn>)> {
        let mut outputs = identity(&self.graph.nodes[node].columns);
        let (partition, order) = window_columns(&mut outputs, schema, partition, order)?;
        Ok((self.graph.map(node, Vec::new(), outputs)?, partition, order))
    }

    fn join(&mut self, join: &Join) -> Result<NodeId> {
        // What NULLs make of a NOT IN stands beside it by now: `predicates` asks for them on their own.
        let left = self.plan(&join.left)?;
        let right = self.plan(&join.right)?;
        super::join::lower_join(self.graph, join, left, right)
    }
}

/// Checks that rows can hold the columns of a node.
pub fn check_types(graph: &Graph, node: NodeId) -> Result<()> {
    let types: Vec<DataType> = graph.nodes[node].columns.iter().map(|column| column.data_type.clone()).collect();
    graph.kinds(node)?;
    RowCodec::new(&types).map(|_| ()).map_err(Into::into)
}
