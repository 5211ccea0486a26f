//! Sub-queries of generated queries: as conditions, with all that NULL does to them, and as values.

use super::expressions::COMPARISONS;
use super::generator::Generator;
use super::scope::{Column, From, Kind, OTHER, TABLES, table_columns};

/// A relation of a sub-query, its columns and its conditions.
struct Inside {
    from: From,
    conditions: Vec<String>,
}

impl Inside {
    /// Writes the part behind the SELECT list.
    fn rest(&self) -> String {
        let conditions =
            if self.conditions.is_empty() { String::new() } else { format!(" WHERE {}", self.conditions.join(" AND ")) };
        format!("FROM {}{conditions}", self.from.sql)
    }
}

impl Generator {
    /// A condition with a sub-query in it, perhaps deep in an expression.
    pub fn subquery_condition(&mut self, scope: &[Column], depth: usize) -> String {
        let condition = self.quantified(scope, depth);
        match self.random.below(14) {
            0 => format!("(NOT {condition})"),
            1 => format!("(({condition}) IS NULL)"),
            2 => format!("(({condition}) IS NOT TRUE)"),
            3 => format!("(({condition}) IS FALSE)"),
            4 => format!("({condition} OR {})", self.predicate(scope, 1)),
            5 => format!("(NOT ({condition} AND {}))", self.predicate(scope, 1)),
            6 => format!("(CASE WHEN {condition} THEN {} ELSE {} END > 3)", self.int(scope, 0), self.int(scope, 0)),
            _ => condition,
        }
    }

    fn quantified(&mut self, scope: &[Column], depth: usize) -> String {
        match self.random.below(12) {
            0..=3 => self.existence(scope, depth),
            4 => self.existence_of_aggregate(scope),
            5..=8 => self.membership(scope, depth),
            9..=10 => self.any_or_all(scope, depth),
            _ => format!("({} {} {})", self.scalar_subquery(scope), self.random.pick(&COMPARISONS), self.int(scope, 0)),
        }
    }

    /// A table for a sub-query, with conditions of its own.
    fn inside(&mut self, depth: usize) -> Inside {
        let alias = self.alias();
        let (name, definitions) = *self.random.pick(&TABLES);
        let mut from = From::new(format!("{name} AS {alias}"), table_columns(&alias, definitions));
        if depth > 0 && self.random.one_in(5) {
            let other = self.relation(0);
            self.join(&mut from, other);
        }
        let mut conditions = std::mem::take(&mut from.conditions);
        if self.random.one_in(3) {
            conditions.push(self.predicate(&from.columns, 1));
        }
        if depth > 0 && self.random.one_in(3) {
            conditions.push(self.subquery_condition(&from.columns, depth - 1));
        }
        Inside { from, conditions }
    }

    fn existence(&mut self, scope: &[Column], depth: usize) -> String {
        let mut inside = self.inside(depth);
        let scope = named_inside(scope, &inside.from);
        if !self.random.one_in(8) {
            let Some(equality) = self.equality(&scope, &inside.from.columns) else { return "1 = 1".to_owned() };
            inside.conditions.push(equality);
            if self.random.one_in(4) {
                let (a, b) = (self.int(&scope, 0), self.int(&inside.from.columns, 0));
                inside.conditions.push(format!("{a} < {b}"));
            }
        }
        let not = if self.random.one_in(2) { "NOT " } else { "" };
        let items = *self.random.pick(&["1", "*", "DISTINCT 1"]);
        format!("{not}EXISTS (SELECT {items} {})", inside.rest())
    }

    fn existence_of_aggregate(&mut self, scope: &[Column]) -> String {
        let mut inside = self.inside(0);
        let scope = named_inside(scope, &inside.from);
        inside.conditions.extend(self.plain_equality(&scope, &inside.from.columns));
        let not = if self.random.one_in(2) { "NOT " } else { "" };
        let (comparison, count) = (*self.random.pick(&COMPARISONS), self.random.below(3));
        match self.random.below(3) {
            0 => format!("{not}EXISTS (SELECT count(*) {})", inside.rest()),
            1 => format!("{not}EXISTS (SELECT 1 {} HAVING count(*) {comparison} {count})", inside.rest()),
            _ => {
                let call = self.count_like(&inside.from.columns);
                let value = self.int(&scope, 0);
                format!("({value} {not}IN (SELECT {call} {} HAVING count(*) {comparison} {count}))", inside.rest())
            }
        }
    }

    fn count_like(&mut self, columns: &[Column]) -> String {
        let column = self.column(columns, Kind::Int).unwrap_or_else(|| "1".to_owned());
        match self.random.below(3) {
            0 => "count(*)".to_owned(),
            1 => format!("max({column})"),
            _ => format!("count({column})"),
        }
    }

    /// A sub-query of one column, of a number or a text, and the kind of it.
    fn members(&mut self, scope: &[Column], depth: usize) -> Option<(String, Kind, Vec<Column>)> {
        let mut inside = self.inside(depth);
        let scope = named_inside(scope, &inside.from);
        let usable = |column: &&Column| matches!(column.kind, Kind::Int | Kind::Text);
        let columns: Vec<&Column> = inside.from.columns.iter().filter(usable).collect();
        let column = (*self.random.pick(&columns)).clone();
        let value = column.sql.clone();
        let (what, behind) = match self.random.below(8) {
            0 => (format!("DISTINCT {value}"), String::new()),
            1 => (value.clone(), format!(" GROUP BY {value} HAVING count(*) > {}", self.random.below(2))),
            2 => (value.clone(), format!(" ORDER BY {value} LIMIT {}", 1 + self.random.below(4))),
            3 if column.kind == Kind::Int => (self.count_like(&inside.from.columns), String::new()),
            4 => {
                let other = self.inside(0);
                let (other_value, operator) = (self.column(&other.from.columns, column.kind), self.set_operator());
                match other_value {
                    Some(other_value) => (value, format!(" {operator} SELECT {other_value} {}", other.rest())),
                    None => (value, String::new()),
                }
            }
            _ => (value, String::new()),
        };
        // What is carried out of a LIMIT or a set operation would change what they say, which is refused.
        let is_plain = !behind.contains("LIMIT") && !behind.contains(" SELECT ");
        if is_plain && self.random.one_in(3) {
            inside.conditions.extend(self.plain_equality(&scope, &inside.from.columns));
        }
        Some((format!("SELECT {what} {}{behind}", inside.rest()), column.kind, scope))
    }

    /// `x [NOT] IN (SELECT ...)`, of columns that may be NULL on either side.
    fn membership(&mut self, scope: &[Column], depth: usize) -> String {
        let Some((query, kind, _)) = self.members(scope, depth) else { return "2 > 1".to_owned() };
        let not = if self.random.one_in(2) { " NOT" } else { "" };
        let value = match self.column(scope, kind).filter(|_| !self.random.one_in(8)) {
            Some(column) => column,
            None if kind == Kind::Int => self.int(scope, 1),
            None => self.text(scope, 1),
        };
        format!("({value}{not} IN ({query}))")
    }

    fn any_or_all(&mut self, scope: &[Column], depth: usize) -> String {
        let Some((query, kind, _)) = self.members(scope, depth) else { return "2 > 1".to_owned() };
        let value = if kind == Kind::Int { self.int(scope, 0) } else { self.text(scope, 0) };
        let (comparison, quantifier) = (*self.random.pick(&COMPARISONS), *self.random.pick(&["ANY", "ALL"]));
        format!("({value} {comparison} {quantifier} ({query}))")
    }

    /// One value of an aggregate.
    pub fn scalar_subquery(&mut self, scope: &[Column]) -> String {
        let mut inside = self.inside(0);
        let scope = named_inside(scope, &inside.from);
        let call = self.count_like(&inside.from.columns);
        if !self.random.one_in(4) {
            inside.conditions.extend(self.plain_equality(&scope, &inside.from.columns));
        }
        let having = match self.random.below(6) {
            0 => format!(" HAVING count(*) {} {}", self.random.pick(&COMPARISONS), self.random.below(3)),
            _ => String::new(),
        };
        let call = if self.random.one_in(4) { format!("{call} + 1") } else { call };
        format!("(SELECT {call} {}{having})", inside.rest())
    }

    /// An equality of two numbers as they are, the only relation that an aggregate may have to the outside.
    fn plain_equality(&mut self, left: &[Column], right: &[Column]) -> Option<String> {
        let right = self.column(right, Kind::Int)?;
        let left: Vec<&Column> = left.iter().filter(|column| column.kind == Kind::Int).collect();
        if left.is_empty() { None } else { Some(format!("{} = {right}", self.random.pick(&left).sql)) }
    }
}

/// The columns that mean the same inside of a sub-query: a name without a relation may mean one of the sub-query's own there.
pub fn named_inside(scope: &[Column], inside: &From) -> Vec<Column> {
    let is_hidden = |name: &str| inside.bare.iter().any(|(other, _)| other == name);
    scope.iter().filter(|column| column.sql.contains('.') || !is_hidden(&column.sql)).cloned().collect()
}

/// Knowledge of a condition as a column.
pub const CONDITION: super::scope::Output = (Kind::Bool, true, OTHER);
