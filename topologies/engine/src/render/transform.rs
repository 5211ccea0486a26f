//! A stateless step: records in, changes and errors out, on the same worker and at the same time.
//!
//! Owns the one operator that all stateless nodes share.

use differential_dataflow::{AsCollection, VecCollection};
use operators::{Errors, Time};
use schemas::dead_letter::RowError;
use schemas::row::Diff;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Output of a step for a batch of records.
pub struct Made<O> {
    /// changes of the output
    pub rows: Vec<(O, Time, Diff)>,
    /// changes of the errors
    pub errors: Vec<(RowError, Time, Diff)>,
}

/// Applies `logic` to each batch of records; the second argument is the batch's epoch.
pub fn transform<'s, D, O, L>(
    records: StreamVec<'s, Time, D>,
    name: &str,
    mut logic: L,
) -> (VecCollection<'s, Time, O, Diff>, Errors<'s>)
where
    D: Clone + 'static,
    O: Clone + 'static,
    L: FnMut(&mut Vec<D>, Time, &mut Made<O>) + 'static,
{
    let mut builder = OperatorBuilder::new(name.to_owned(), records.scope());
    let mut input = builder.new_input(records, Pipeline);
    let (rows, row_stream) = builder.new_output();
    let (errors, error_stream) = builder.new_output();
    let mut rows = OutputBuilder::from(rows);
    let mut errors = OutputBuilder::from(errors);
    builder.build(move |_| {
        move |_| {
            let mut made = Made { rows: Vec::new(), errors: Vec::new() };
            input.for_each(|capability, data| {
                logic(data, *capability.time(), &mut made);
                if !made.rows.is_empty() {
                    rows.activate().session(&capability.retain(0)).give_iterator(made.rows.drain(..));
                }
                if !made.errors.is_empty() {
                    errors.activate().session(&capability.retain(1)).give_iterator(made.errors.drain(..));
                }
            });
        }
    });
    (row_stream.as_collection(), error_stream.as_collection())
}
