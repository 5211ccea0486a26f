//! Scalar expressions and aggregate calls of generated queries.

use super::generator::Generator;
use super::scope::{Column, HUGE, Kind};

const LITERALS: [&str; 8] = ["''", "'a'", "'abc'", "'public'", "'it''s'", "'b'", "'日本'", "'ann1'"];
const PATTERNS: [&str; 7] = ["'a%'", "'%b%'", "'_'", "'%'", "'A__%'", "'%t'", "''"];
pub const COMPARISONS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

impl Generator {
    /// An aggregate call, or an expression of one.
    pub fn aggregate(&mut self, scope: &[Column]) -> (String, Kind) {
        let filter = match self.random.below(20) {
            0..=4 => format!(" FILTER (WHERE {})", self.predicate(scope, 1)),
            5 => format!(" FILTER (WHERE {})", self.subquery_condition(scope, 0)),
            _ => String::new(),
        };
        let int = self.int(scope, 1);
        let text = self.text(scope, 1);
        let direction = *self.random.pick(&["", " DESC"]);
        match self.random.below(19) {
            0 => (format!("count(*){filter}"), Kind::Int),
            1 => (format!("count({int}){filter}"), Kind::Int),
            2 => (format!("count(DISTINCT {text}){filter}"), Kind::Int),
            3 => (format!("count(DISTINCT {int}){filter}"), Kind::Int),
            4 => (format!("sum({int}){filter}"), Kind::Real),
            5 => (format!("(COALESCE(sum({int}){filter}, 0) * 2 + count(*))"), Kind::Real),
            6 => (format!("min({int}){filter}"), Kind::Int),
            7 => (format!("max({text}){filter}"), Kind::Text),
            8 => (format!("min({text}){filter}"), Kind::Text),
            9 => (format!("max({int}){filter}"), Kind::Int),
            10 => {
                let (a, b) = (self.random.pick(scope).sql.clone(), self.random.pick(scope).sql.clone());
                (format!("count(DISTINCT ({a}, {b})){filter}"), Kind::Int)
            }
            11 => {
                let other = self.random.pick(scope).sql.clone();
                let (other, direction) = (other, *self.random.pick(&["ASC NULLS LAST", "DESC NULLS FIRST"]));
                (format!("string_agg({text}, '; ' ORDER BY {other} {direction}, {text} ASC NULLS LAST){filter}"), Kind::Text)
            }
            12 => (format!("avg({int}){filter}"), Kind::Real),
            13 => {
                let name = *self.random.pick(&["stddev", "stddev_pop", "variance", "var_pop"]);
                let distinct = *self.random.pick(&["", "", "DISTINCT "]);
                (format!("{name}({distinct}{int}){filter}"), Kind::Real)
            }
            14 => {
                let fraction = *self.random.pick(&["0", "0.25", "0.5", "0.95", "1"]);
                (format!("percentile_disc({fraction}) WITHIN GROUP (ORDER BY {int}{direction}){filter}"), Kind::Int)
            }
            15 => {
                let fraction = *self.random.pick(&["0.25", "0.5"]);
                (format!("percentile_cont({fraction}) WITHIN GROUP (ORDER BY {int}{direction}){filter}"), Kind::Real)
            }
            16 => (format!("mode() WITHIN GROUP (ORDER BY ({text} || ''){direction}){filter}"), Kind::Text),
            17 => (format!("{}({int}){filter}", self.random.pick(&["bit_and", "bit_or", "bit_xor"])), Kind::Int),
            _ => (format!("string_agg({text}, ',' ORDER BY {text} DESC NULLS FIRST){filter}"), Kind::Text),
        }
    }

    pub fn column(&mut self, scope: &[Column], kind: Kind) -> Option<String> {
        let found: Vec<&Column> = scope.iter().filter(|column| column.kind == kind).collect();
        if found.is_empty() { None } else { Some(self.random.pick(&found).sql.clone()) }
    }

    pub fn int(&mut self, scope: &[Column], depth: usize) -> String {
        if depth == 0 || self.random.one_in(3) {
            let literal = if self.random.one_in(6) { None } else { self.column(scope, Kind::Int) };
            return literal.unwrap_or_else(|| self.random.below(15).to_string());
        }
        let a = self.int(scope, depth - 1);
        let b = self.int(scope, depth - 1);
        match self.random.below(13) {
            0 => format!("({a} + {b})"),
            1 => format!("({a} - {b})"),
            2 => format!("({a} * {})", 2 + self.random.below(3)),
            3 => format!("({a} / NULLIF({b}, 0))"),
            4 => format!("({a} % NULLIF({b}, 0))"),
            5 => format!("abs({a})"),
            6 => format!("length({})", self.text(scope, depth - 1)),
            7 => format!("CASE WHEN {} THEN {a} ELSE {b} END", self.predicate(scope, depth - 1)),
            8 => format!("CASE WHEN {} THEN {a} END", self.predicate(scope, depth - 1)),
            9 => format!("CASE {a} WHEN {} THEN {b} WHEN {b} THEN {a} ELSE -1 END", self.random.below(5)),
            10 => format!("COALESCE({a}, {b})"),
            11 => format!("NULLIF({a}, {b})"),
            _ => format!("(-{a})"),
        }
    }

    pub fn text(&mut self, scope: &[Column], depth: usize) -> String {
        if depth == 0 || self.random.one_in(3) {
            let literal = if self.random.one_in(6) { None } else { self.column(scope, Kind::Text) };
            return literal.unwrap_or_else(|| (*self.random.pick(&LITERALS)).to_owned());
        }
        let a = self.text(scope, depth - 1);
        let b = self.text(scope, depth - 1);
        match self.random.below(10) {
            0 => format!("({a} || {b})"),
            1 => format!("lower({a})"),
            2 => format!("upper({a})"),
            3 => format!("substr({a}, {}, {})", 1 + self.random.below(3), self.random.below(4)),
            4 => format!("CASE WHEN {} THEN {a} ELSE {b} END", self.predicate(scope, depth - 1)),
            5 => format!("COALESCE({a}, {b})"),
            6 => format!("NULLIF({a}, {b})"),
            // Something is appended because the planner tells no two aggregates apart that only differ by a cast.
            7 => format!("(CAST({} AS TEXT) || '')", self.int(scope, depth - 1)),
            8 => format!("replace({a}, 'b', 'cc')"),
            _ => format!("trim({a})"),
        }
    }

    pub fn predicate(&mut self, scope: &[Column], depth: usize) -> String {
        if depth > 0 && self.random.one_in(3) {
            let (a, b) = (self.predicate(scope, depth - 1), self.predicate(scope, depth - 1));
            return match self.random.below(5) {
                0..=1 => format!("({a} AND {b})"),
                2..=3 => format!("({a} OR {b})"),
                _ => format!("(NOT {a})"),
            };
        }
        let depth = depth.saturating_sub(1);
        let not = if self.random.one_in(3) { "NOT " } else { "" };
        match self.random.below(14) {
            12 => {
                let (a, b, c) = (self.int(scope, depth), self.int(scope, depth), self.predicate(scope, 0));
                format!("({a} IS {not}DISTINCT FROM {b} {} {c})", self.random.pick(&["AND", "OR"]))
            }
            13 => self.extreme(scope),
            0..=3 => {
                let (a, b) = (self.int(scope, depth), self.int(scope, depth));
                format!("({a} {} {b})", self.random.pick(&COMPARISONS))
            }
            4 => {
                let (a, b) = (self.text(scope, depth), self.text(scope, depth));
                format!("({a} {} {b})", self.random.pick(&COMPARISONS))
            }
            5 => match self.column(scope, Kind::Bool) {
                Some(column) => format!("({not}{column})"),
                None => format!("({} IS {not}NULL)", self.text(scope, depth)),
            },
            6 => format!("({} IS {not}NULL)", self.random.pick(scope).sql),
            7 => {
                let (value, low) = (self.int(scope, depth), self.int(scope, 0));
                format!("({value} {not}BETWEEN {low} AND {})", self.random.below(20))
            }
            8 => {
                let (a, b) = (self.random.below(9), self.random.below(9));
                let null = if self.random.one_in(5) { ", NULL" } else { "" };
                format!("({} {not}IN ({a}, {b}, 3{null}))", self.int(scope, depth))
            }
            9 => format!("({} {not}IN ('a', {}))", self.text(scope, depth), self.random.pick(&LITERALS)),
            10 => format!("({} {not}LIKE {})", self.text(scope, depth), self.random.pick(&PATTERNS)),
            _ => {
                let (a, b) = (self.int(scope, depth), self.int(scope, depth));
                format!("({a} IS {not}DISTINCT FROM {b})")
            }
        }
    }
    /// A comparison of numbers to which nothing can be added.
    fn extreme(&mut self, scope: &[Column]) -> String {
        let huge: Vec<&Column> = scope.iter().filter(|column| column.domain == HUGE).collect();
        if huge.is_empty() {
            return "(1 <> 2)".to_owned();
        }
        let (a, b) = (self.random.pick(&huge).sql.clone(), self.random.pick(&huge).sql.clone());
        match self.random.below(4) {
            0 => format!("({a} IS DISTINCT FROM {b})"),
            1 => format!("({a} {} {b})", self.random.pick(&COMPARISONS)),
            2 => format!("({a} {} 9223372036854775806)", self.random.pick(&COMPARISONS)),
            _ => format!("({a} BETWEEN 5 AND 9223372036854775807)"),
        }
    }
}
