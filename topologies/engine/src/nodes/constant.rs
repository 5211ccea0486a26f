//! Rows that are there from the first epoch on.

use differential_dataflow::AsCollection;
use operators::Rows;
use schemas::row::Row;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator as _;

use crate::provenance::derived::Derived;
use crate::render::renderer::Renderer;

/// Gives the rows out on the first worker.
pub fn render<'s>(renderer: &Renderer<'s, '_>, rows: &[Row]) -> Rows<'s> {
    let mut rows: Vec<Row> = if renderer.scope.index() == 0 { rows.to_vec() } else { Vec::new() };
    // They are there from the first epoch on, which is the first that the clock tells.
    let given = renderer.clock.clone().unary(Pipeline, "constant", move |_, _| {
        move |input, output| {
            input.for_each(|capability, _| {
                let time = *capability.time();
                output.session(&capability).give_iterator(rows.drain(..).map(|row| (row, time, 1)));
            });
        }
    });
    given.as_collection()
}

/// The rows have no event.
pub fn explain(rows: &[Row]) -> Vec<Derived> {
    rows.iter().map(|row| Derived { row: row.clone(), origins: std::rc::Rc::default() }).collect()
}
