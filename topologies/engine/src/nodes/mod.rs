//! The table of operators: everything that the engine does with a node of the plan.
//!
//! Owns two matches, one call per arm: [`render`] makes a node a collection of rows, [`explain`] finds the rows of a node with the events
//! that made them. Each operator has one file with both. A new one is such a file and a line in each match; both are exhaustive, so that
//! neither can be forgotten.

mod constant;
mod count_beyond;
mod distinct;
mod join;
mod map;
mod reduce;
mod repeat;
mod semijoin;
mod session;
mod source;
mod table;
mod temporal_filter;
mod top_k;
mod union;
mod unnest;
mod window;

use datafusion_common::Result;
use operators::Rows;
use operators::top_k::TopKSpec;

use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::{Interpreter, NodeTable};
use crate::render::renderer::Renderer;
use language::plan::graph::{
    Constant, CountBeyond, Distinct, Join, Map, NodeId, Operator, Reduce, Repeat, Semijoin, Session, SourceScan, TableScan,
    TemporalFilter, TopK, Union, Unnest,
};

/// Both matches, for the interpreter, which lies below them.
pub const NODES: NodeTable = NodeTable { render, explain };

/// Renders a node whose inputs are rendered.
pub fn render<'s>(renderer: &mut Renderer<'s, '_>, node: NodeId) -> Result<Rows<'s>> {
    let nodes = &renderer.topology.graph.nodes;
    match &nodes[node].operator {
        Operator::Source(SourceScan { source: number, .. }) => source::render(renderer, node, *number),
        Operator::Table(TableScan { table: number }) => table::render(renderer, *number),
        Operator::Constant(Constant { rows }) => Ok(constant::render(renderer, rows)),
        Operator::Map(Map { input, predicates, outputs }) => map::render(renderer, node, *input, predicates, outputs),
        Operator::TemporalFilter(TemporalFilter { input, from, until }) => {
            Ok(temporal_filter::render(renderer, node, *input, *from, *until))
        }
        Operator::Join(Join { left, right, output }) => Ok(join::render(renderer, node, left, right, output)),
        Operator::Semijoin(Semijoin { left, right, anti }) => Ok(semijoin::render(renderer, left, right, *anti)),
        Operator::CountBeyond(CountBeyond { rows, bound, positions, beyond }) => {
            Ok(count_beyond::render(renderer, rows, *bound, positions, *beyond))
        }
        Operator::Reduce(Reduce { input, keys, aggregates, global }) => {
            Ok(reduce::render(renderer, node, *input, keys, aggregates, *global))
        }
        Operator::Distinct(Distinct { input }) => Ok(distinct::render(renderer, *input)),
        Operator::TopK(TopK { input, partition, order, limit, offset, rank }) => {
            let append_only = nodes[*input].append_only;
            let spec = TopKSpec { limit: *limit, offset: *offset, rank: *rank, append_only };
            Ok(top_k::render(renderer, node, *input, partition, order, spec))
        }
        Operator::Union(Union { inputs }) => Ok(union::render(renderer, inputs)),
        Operator::Unnest(Unnest { input, columns, keep }) => Ok(unnest::render(renderer, node, *input, (columns, keep))),
        Operator::Repeat(Repeat { input, copies }) => Ok(repeat::render(renderer, *input, *copies)),
        Operator::Session(Session { input, partition, time, gap_micros }) => {
            Ok(session::render(renderer, *input, partition, *time, *gap_micros))
        }
        Operator::Window(parts) => Ok(window::render(renderer, node, parts)),
    }
}

/// Finds the wanted rows of a node, each with its origins; rows that are not wanted may be among them.
pub fn explain(interpreter: &mut Interpreter<'_>, node: NodeId, demand: &Demand) -> Result<Vec<Derived>, LineageError> {
    let topology = interpreter.topology;
    match &topology.graph.nodes[node].operator {
        Operator::Source(SourceScan { source: number, .. }) => source::explain(interpreter, node, *number, demand),
        Operator::Table(TableScan { table: number }) => table::explain(interpreter, node, *number, demand),
        Operator::Constant(Constant { rows }) => Ok(constant::explain(rows)),
        Operator::Map(Map { input, predicates, outputs }) => map::explain(interpreter, node, *input, predicates, outputs, demand),
        Operator::TemporalFilter(TemporalFilter { input, from, until }) => {
            temporal_filter::explain(interpreter, node, *input, *from, *until, demand)
        }
        Operator::Join(Join { left, right, output }) => join::explain(interpreter, node, left, right, output, demand),
        Operator::Semijoin(Semijoin { left, right, anti }) => semijoin::explain(interpreter, left, right, *anti, demand),
        Operator::CountBeyond(CountBeyond { rows, bound, positions, beyond }) => {
            count_beyond::explain(interpreter, node, rows, *bound, (positions, *beyond), demand)
        }
        Operator::Reduce(Reduce { input, keys, aggregates, global }) => {
            reduce::explain(interpreter, node, *input, (keys, aggregates, *global), demand)
        }
        Operator::Distinct(Distinct { input }) => distinct::explain(interpreter, *input, demand),
        top_k @ Operator::TopK(TopK { input, partition, .. }) => {
            top_k::explain(interpreter, node, *input, partition, top_k, demand)
        }
        Operator::Union(Union { inputs }) => union::explain(interpreter, inputs, demand),
        Operator::Unnest(Unnest { input, columns, keep }) => {
            unnest::explain(interpreter, node, *input, (columns, keep), demand)
        },
        Operator::Repeat(Repeat { input, copies }) => repeat::explain(interpreter, node, *input, *copies, demand),
        Operator::Session(Session { input, partition, time, gap_micros }) => {
            session::explain(interpreter, node, *input, (partition, *time, *gap_micros), demand)
        }
        Operator::Window(parts) => window::explain(interpreter, node, parts, demand),
    }
}
