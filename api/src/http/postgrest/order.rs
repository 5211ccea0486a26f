//! `order=a.desc.nullslast,b->c`: the order of an answer.

use schemas::serving::View;

use super::error::PostgrestError;
use super::scanner::Scanner;
use crate::read::columns::column;
use crate::read::limits::ORDER_VALUES_MAX;
use crate::read::sorted::SortValue;

/// The order that a text asks for.
pub(crate) fn order(view: &View, text: &str) -> Result<Vec<SortValue>, PostgrestError> {
    let mut scanner = Scanner::new("order", text);
    let mut values: Vec<SortValue> = Vec::new();
    loop {
        let value = value(view, &mut scanner)?;
        // Rows that agree in a value are not ordered by it once more.
        if values.iter().all(|known| known.source != value.source) {
            values.push(value);
        }
        if values.len() > ORDER_VALUES_MAX {
            return Err(PostgrestError::TooMany { what: "values of an order", most: ORDER_VALUES_MAX });
        }
        if scanner.is_end() {
            return Ok(values);
        }
        scanner.expect(",")?;
    }
}

fn value(view: &View, scanner: &mut Scanner<'_>) -> Result<SortValue, PostgrestError> {
    let place = scanner.place()?;
    if scanner.is_at("(") {
        return Err(PostgrestError::NotEmbedded { name: place.name });
    }
    let descending = scanner.take(".desc");
    if !descending {
        scanner.take(".asc");
    }
    let nulls_first = match (scanner.take(".nullsfirst"), scanner.take(".nullslast")) {
        (true, _) => true,
        (_, true) => false,
        _ => descending,
    };
    if !scanner.is_end() && !scanner.is_at(",") {
        return Err(scanner.error("asc, desc, nullsfirst, nullslast or ','"));
    }
    let position = column(view, &place.name)?;
    Ok(SortValue { source: place.source(view, position), descending, nulls_first })
}
