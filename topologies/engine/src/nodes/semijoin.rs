//! Rows that have, or have not, a match.

use std::collections::BTreeMap;
use std::rc::Rc;

use operators::Rows;
use operators::join::{antijoin, semijoin};
use schemas::row::Row;

use crate::provenance::demand::Demand;
use crate::provenance::derived::Derived;
use crate::provenance::error::LineageError;
use crate::provenance::interpreter::Interpreter;
use crate::provenance::origins::Origins;
use crate::render::renderer::Renderer;
use language::plan::graph::Side;

/// Keeps rows of the left side that have, or with `anti` have not, a match.
pub fn render<'s>(renderer: &mut Renderer<'s, '_>, left: &Side, right: &Side, anti: bool) -> Rows<'s> {
    let keys = renderer.key_set(right);
    let matched = if anti {
        antijoin(renderer.keyed_side(left), &keys, &format!("arrange {}", left.input))
    } else {
        let left = renderer.arrangement(left);
        semijoin(&left, &keys)
    };
    let columns: Vec<usize> = left.keys.iter().chain(&left.values).copied().collect();
    renderer.in_order(matched, left.input, &columns)
}

/// Names, among matches, the one made of the fewest events: one is enough. A missing match has no event.
pub fn explain(
    interpreter: &mut Interpreter<'_>,
    left: &Side,
    right: &Side,
    anti: bool,
    demand: &Demand,
) -> Result<Vec<Derived>, LineageError> {
    let lefts = interpreter.rows(left.input, demand)?;
    let rights = interpreter.rows(right.input, &Demand::default().with(&right.keys, interpreter.keys(left, &lefts)))?;
    let left_keys = interpreter.slicer(left.input, &left.keys);
    let right_keys = interpreter.slicer(right.input, &right.keys);
    let mut matches: BTreeMap<Row, &Rc<Origins>> = BTreeMap::new();
    for derived in rights.iter() {
        let first = matches.entry(right_keys.row(derived.row.as_bytes())).or_insert(&derived.origins);
        *first = (*first).min(&derived.origins);
    }
    let kept = lefts.iter().filter_map(|derived| {
        let Derived { row, origins } = derived;
        match matches.get(&left_keys.row(row.as_bytes())) {
            Some(_) if anti => None,
            None if !anti => None,
            found => Some(Derived { row: row.clone(), origins: Origins::union([origins].into_iter().chain(found.copied())) }),
        }
    });
    Ok(kept.collect())
}
