//! Queries over windows: functions with OVER, DISTINCT ON, sets of keys, and the first rows beside each row.
//!
//! The order has every column where a result depends on which of two peers comes first: what is left open then are rows that are equal. One such
//! result is in a SELECT at most, because which of the equal rows has which of two of them would be open again.

use super::generator::Generator;
use super::scope::{Column, Kind, OTHER, Output, Select, derived_columns};

/// Frames that are counted, which are right in any order.
const COUNTED: [&str; 8] = [
    "ROWS UNBOUNDED PRECEDING",
    "ROWS 2 PRECEDING",
    "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    "ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING",
    "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
    "GROUPS 1 PRECEDING",
    "GROUPS BETWEEN CURRENT ROW AND 2 FOLLOWING",
    "GROUPS BETWEEN 2 PRECEDING AND 1 PRECEDING",
];

/// Frames of peers and of values near that of the row.
const VALUED: [&str; 8] = [
    "",
    "RANGE UNBOUNDED PRECEDING",
    "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    "RANGE BETWEEN 4 PRECEDING AND CURRENT ROW",
    "RANGE BETWEEN 3 PRECEDING AND 1 PRECEDING",
    "RANGE BETWEEN 1 FOLLOWING AND 5 FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING",
];

impl Generator {
    /// Rows with functions over the rows around them.
    pub fn windowed(&mut self, depth: usize) -> Select {
        let inner = self.select(depth - 1);
        let alias = self.alias();
        let scope = derived_columns(&alias, &inner.columns);
        let names: Vec<String> = scope.iter().map(|column| column.sql.clone()).collect();
        let mut items: Vec<String> = names.iter().enumerate().map(|(place, name)| format!("{name} AS c{place}")).collect();
        let mut columns = inner.columns;
        let mut definitions = Vec::new();
        let mut tells_equal_rows_apart = false;
        for number in 0..1 + self.random.below(3) {
            let Some((call, window, output)) = self.window_call(&scope, &names, &mut tells_equal_rows_apart) else { continue };
            let over = if self.random.one_in(3) {
                definitions.push(format!("w{number} AS ({window})"));
                format!("w{number}")
            } else {
                format!("({window})")
            };
            items.push(format!("{call} OVER {over} AS c{}", columns.len()));
            columns.push(output);
        }
        let named = if definitions.is_empty() { String::new() } else { format!(" WINDOW {}", definitions.join(", ")) };
        Select { sql: format!("SELECT {} FROM ({}) AS {alias}{named}", items.join(", "), inner.sql), columns }
    }

    /// A call, its window, and what is known of its result; `None` where it would have to be a second one that tells equal rows apart.
    fn window_call(
        &mut self,
        scope: &[Column],
        names: &[String],
        tells_equal_rows_apart: &mut bool,
    ) -> Option<(String, String, Output)> {
        let partition =
            if self.random.one_in(4) { String::new() } else { format!("PARTITION BY {} ", self.random.pick(names).clone()) };
        let number = self.column(scope, Kind::Int);
        if let (Some(number), true) = (number, self.random.one_in(2)) {
            // Peers are equal here, so what tells them apart is left out.
            let direction = *self.random.pick(&["ASC NULLS LAST", "DESC NULLS FIRST"]);
            let (call, kind, reads_frame) = self.call_of_values(scope);
            let frame = if reads_frame { *self.random.pick(&VALUED) } else { "" };
            return Some((call, format!("{partition}ORDER BY {number} {direction} {frame}"), (kind, true, OTHER)));
        }
        if std::mem::replace(tells_equal_rows_apart, true) {
            return None;
        }
        let (call, output, reads_frame) = self.call_of_rows(scope);
        let frame = if reads_frame { *self.random.pick(&COUNTED) } else { "" };
        let order = self.order(names);
        Some((call, format!("{partition}ORDER BY {order} {frame}"), output))
    }

    /// A function whose result peers have in common, and whether it reads the frame.
    fn call_of_values(&mut self, scope: &[Column]) -> (String, Kind, bool) {
        let (int, text) = (self.int(scope, 1), self.text(scope, 1));
        let filter = if self.random.one_in(4) { format!(" FILTER (WHERE {})", self.predicate(scope, 1)) } else { String::new() };
        match self.random.below(10) {
            0 => ("rank()".to_owned(), Kind::Int, false),
            1 => ("dense_rank()".to_owned(), Kind::Int, false),
            2 => ("percent_rank()".to_owned(), Kind::Real, false),
            3 => ("cume_dist()".to_owned(), Kind::Real, false),
            4 => (format!("count(*){filter}"), Kind::Int, true),
            5 => (format!("count({text}){filter}"), Kind::Int, true),
            6 => (format!("sum({int}){filter}"), Kind::Real, true),
            7 => (format!("avg({int}){filter}"), Kind::Real, true),
            8 => (format!("min({text}){filter}"), Kind::Text, true),
            _ => (format!("max({int}){filter}"), Kind::Int, true),
        }
    }

    /// A function of the rows in a total order, and whether it reads the frame.
    fn call_of_rows(&mut self, scope: &[Column]) -> (String, Output, bool) {
        let column = self.random.pick(scope).clone();
        let output = (column.kind, true, column.domain);
        let number = (Kind::Int, true, OTHER);
        let offset = self.random.below(4);
        match self.random.below(9) {
            0 => ("row_number()".to_owned(), number, false),
            1 => (format!("ntile({})", 1 + offset), number, false),
            2 => (format!("lag({})", column.sql), output, false),
            3 => (format!("lag({0}, {offset}, {0})", column.sql), output, false),
            4 => (format!("lead({}, {offset})", column.sql), output, false),
            5 => (format!("first_value({})", column.sql), output, true),
            6 => (format!("last_value({})", column.sql), output, true),
            7 => (format!("nth_value({}, {})", column.sql, 1 + offset), output, true),
            _ => {
                let (call, kind, reads_frame) = self.call_of_values(scope);
                (call, (kind, true, OTHER), reads_frame)
            }
        }
    }

    /// The first row of each key.
    pub fn first_of_keys(&mut self, depth: usize) -> Select {
        let inner = self.select(depth - 1);
        let alias = self.alias();
        let names: Vec<String> = (0..inner.columns.len()).map(|place| format!("{alias}.c{place}")).collect();
        let items: Vec<String> = names.iter().enumerate().map(|(place, name)| format!("{name} AS c{place}")).collect();
        let keys = 1 + self.random.below(names.len().min(2));
        let directions: Vec<String> = names
            .iter()
            .map(|name| format!("{name} {}", self.random.pick(&["ASC NULLS LAST", "DESC NULLS FIRST"])))
            .collect();
        let limit = if self.random.one_in(4) { format!(" LIMIT {}", 1 + self.random.below(5)) } else { String::new() };
        let sql = format!(
            "SELECT DISTINCT ON ({}) {} FROM ({}) AS {alias} ORDER BY {}{limit}",
            names[..keys].join(", "),
            items.join(", "),
            inner.sql,
            directions.join(", ")
        );
        Select { sql, columns: inner.columns }
    }

    /// Groups by several sets of keys.
    pub fn grouped_by_sets(&mut self, depth: usize) -> Select {
        let mut from = self.from(depth - 1);
        let (a, b) = (self.random.pick(&from.columns).clone(), self.random.pick(&from.columns).clone());
        if a.sql == b.sql {
            return self.plain(0, "");
        }
        let sets = match self.random.below(5) {
            0 => format!("ROLLUP ({}, {})", a.sql, b.sql),
            1 => format!("CUBE ({}, {})", a.sql, b.sql),
            2 => format!("GROUPING SETS (({}, {}), ({1}), ())", a.sql, b.sql),
            3 => format!("GROUPING SETS (({}), ({}))", a.sql, b.sql),
            _ => format!("{}, ROLLUP ({})", a.sql, b.sql),
        };
        let mut items = vec![format!("{} AS c0", a.sql), format!("{} AS c1", b.sql), format!("GROUPING({}, {}) AS c2", a.sql, b.sql)];
        let mut columns = vec![(a.kind, true, a.domain), (b.kind, true, b.domain), (Kind::Int, false, OTHER)];
        for _ in 0..1 + self.random.below(2) {
            let (sql, kind) = self.aggregate(&from.columns);
            items.push(format!("{sql} AS c{}", columns.len()));
            columns.push((kind, true, OTHER));
        }
        let having = if self.random.one_in(4) { " HAVING count(*) > 1" } else { "" };
        let conditions = self.conditions(&mut from, 0);
        Select { sql: format!("SELECT {} FROM {}{conditions} GROUP BY {sets}{having}", items.join(", "), from.sql), columns }
    }

    /// Each row with the first rows that are related to it.
    pub fn beside(&mut self) -> Select {
        let (left, right) = (self.relation(0), self.relation(0));
        let Some(equality) = self.equality(&left.columns, &right.columns) else { return self.plain(0, "") };
        let alias = self.alias();
        let names: Vec<String> = right.columns.iter().map(|column| column.sql.clone()).collect();
        let inner: Vec<String> = names.iter().enumerate().map(|(place, name)| format!("{name} AS c{place}")).collect();
        let order = self.order(&names);
        let offset = if self.random.one_in(3) { " OFFSET 1" } else { "" };
        let limit = 1 + self.random.below(3);
        let own = if self.random.one_in(3) { format!(" AND {}", self.predicate(&right.columns, 1)) } else { String::new() };
        let (join, on) = *self.random.pick(&[("CROSS JOIN LATERAL", ""), ("LEFT JOIN LATERAL", " ON TRUE")]);
        let outer = self.random.pick(&left.columns).clone();
        let mut items = vec![format!("{} AS c0", outer.sql)];
        let mut columns = vec![(outer.kind, outer.nullable, outer.domain)];
        for (place, column) in right.columns.iter().enumerate() {
            items.push(format!("{alias}.c{place} AS c{}", columns.len()));
            columns.push((column.kind, true, column.domain));
        }
        let sql = format!(
            "SELECT {} FROM {} {join} (SELECT {} FROM {} WHERE {equality}{own} ORDER BY {order} LIMIT {limit}{offset}) AS {alias}{on}",
            items.join(", "),
            left.sql,
            inner.join(", "),
            right.sql
        );
        Select { sql, columns }
    }
}
