//! Random queries that both engines understand and mean the same by.
//!
//! Left out on purpose is what the two define differently: division by zero, letters outside of ASCII in another case, integers that
//! overflow, negative places in a text, NULLs in an order without saying where.

use crate::harness::Random;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Bool,
    Real,
}

/// A column in scope: how it is written and what is known of it.
#[derive(Clone, Debug)]
struct Column {
    sql: String,
    kind: Kind,
    nullable: bool,
    /// columns of the same domain have values in common
    domain: u8,
}

/// `(name, kind, nullable, domain)`
type Definition = (&'static str, Kind, bool, u8);

const USER: u8 = 1;
const POST: u8 = 2;
const COMMENT: u8 = 3;
const WORDS: u8 = 4;
const OTHER: u8 = 0;

const TABLES: [(&str, &[Definition]); 5] = [
    ("users", &[("user_id", Kind::Int, false, USER), ("username", Kind::Text, false, OTHER), ("bio", Kind::Text, true, WORDS)]),
    ("follows", &[("follower_id", Kind::Int, false, USER), ("followee_id", Kind::Int, false, USER)]),
    (
        "posts",
        &[
            ("post_id", Kind::Int, false, POST),
            ("author_id", Kind::Int, false, USER),
            ("text", Kind::Text, false, WORDS),
            ("visibility", Kind::Text, true, OTHER),
            ("score", Kind::Int, true, OTHER),
            ("reply_to", Kind::Int, true, POST),
            ("pinned", Kind::Bool, true, OTHER),
            ("edits", Kind::Int, false, OTHER),
        ],
    ),
    ("likes", &[("post_id", Kind::Int, false, POST), ("user_id", Kind::Int, false, USER)]),
    (
        "comments",
        &[
            ("post_id", Kind::Int, false, POST),
            ("comment_id", Kind::Int, false, COMMENT),
            ("parent_id", Kind::Int, true, COMMENT),
            ("author_id", Kind::Int, false, USER),
            ("text", Kind::Text, true, WORDS),
        ],
    ),
];

const LITERALS: [&str; 8] = ["''", "'a'", "'abc'", "'public'", "'it''s'", "'b'", "'日本'", "'ann1'"];
const PATTERNS: [&str; 7] = ["'a%'", "'%b%'", "'_'", "'%'", "'A__%'", "'%t'", "''"];
const COMPARISONS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

/// A FROM clause and what it makes visible.
struct From {
    sql: String,
    conditions: Vec<String>,
    columns: Vec<Column>,
}

/// A whole SELECT and the columns it yields, named `c0`, `c1`, ...
struct Select {
    sql: String,
    columns: Vec<(Kind, bool, u8)>,
}

/// A query by its seed.
pub fn query(seed: u64) -> String {
    let mut generator = Generator { random: Random::new(seed), aliases: 0 };
    generator.select(2).sql
}

struct Generator {
    random: Random,
    aliases: usize,
}

impl Generator {
    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    // ---- queries

    fn select(&mut self, depth: usize) -> Select {
        match self.random.below(if depth == 0 { 5 } else { 14 }) {
            0..=1 => self.plain(depth, ""),
            2 => self.plain(depth, "DISTINCT "),
            3..=4 => self.grouped(depth),
            5 => self.global(depth),
            6 => self.set_operation(depth),
            7..=8 => self.first_rows(depth),
            9..=10 => self.ranked(depth),
            11 => self.with(depth),
            12 => self.counted(),
            _ => self.plain(depth, ""),
        }
    }

    fn plain(&mut self, depth: usize, distinct: &str) -> Select {
        let mut from = self.from(depth);
        let count = 1 + self.random.below(4);
        let mut items = Vec::with_capacity(count);
        let mut columns = Vec::with_capacity(count);
        for place in 0..count {
            let (sql, column) = self.item(&from.columns);
            items.push(format!("{sql} AS c{place}"));
            columns.push(column);
        }
        let conditions = self.conditions(&mut from, depth);
        Select { sql: format!("SELECT {distinct}{} FROM {}{conditions}", items.join(", "), from.sql), columns }
    }

    /// One column of a SELECT list.
    fn item(&mut self, scope: &[Column]) -> (String, (Kind, bool, u8)) {
        match self.random.below(12) {
            0..=5 => {
                let column = self.random.pick(scope).clone();
                (column.sql, (column.kind, column.nullable, column.domain))
            }
            6..=7 => (self.int(scope, 2), (Kind::Int, true, OTHER)),
            8..=9 => (self.text(scope, 2), (Kind::Text, true, OTHER)),
            10 => (self.predicate(scope, 2), (Kind::Bool, true, OTHER)),
            _ => (self.scalar_subquery(scope), (Kind::Int, true, OTHER)),
        }
    }

    fn grouped(&mut self, depth: usize) -> Select {
        let mut from = self.from(depth);
        let keys: Vec<(String, (Kind, bool, u8))> = (0..1 + self.random.below(2))
            .map(|_| match self.random.below(4) {
                0 if from.columns.iter().any(|column| column.kind == Kind::Int) => {
                    let column = self.column(&from.columns, Kind::Int).unwrap_or_default();
                    (format!("({column} % 3)"), (Kind::Int, true, OTHER))
                }
                _ => {
                    let column = self.random.pick(&from.columns).clone();
                    (column.sql, (column.kind, column.nullable, column.domain))
                }
            })
            .collect();
        let mut items: Vec<String> = keys.iter().enumerate().map(|(place, (sql, _))| format!("{sql} AS c{place}")).collect();
        let mut columns: Vec<_> = keys.iter().map(|(_, column)| *column).collect();
        for _ in 0..self.random.below(4) {
            let (sql, kind) = self.aggregate(&from.columns);
            items.push(format!("{sql} AS c{}", columns.len()));
            columns.push((kind, true, OTHER));
        }
        let having = if self.random.one_in(3) {
            let (count, comparison) = (self.random.below(3), *self.random.pick(&COMPARISONS));
            format!(" HAVING count(*) {comparison} {count}")
        } else {
            String::new()
        };
        let keys: Vec<String> = keys.into_iter().map(|(sql, _)| sql).collect();
        let conditions = self.conditions(&mut from, depth);
        let sql = format!("SELECT {} FROM {}{conditions} GROUP BY {}{having}", items.join(", "), from.sql, keys.join(", "));
        Select { sql, columns }
    }

    /// Rows with the number of others that an inequality relates to them, which has a plan of its own.
    fn counted(&mut self) -> Select {
        let (left, right) = (self.relation(0), self.relation(0));
        let Some(equality) = self.equality(&left.columns, &right.columns) else { return self.plain(0, "") };
        let kept = left.columns.clone();
        let key = self.random.pick(&kept).clone();
        let (a, b) = (self.column(&left.columns, Kind::Int), self.column(&right.columns, Kind::Int));
        let (Some(a), Some(b)) = (a, b) else { return self.plain(0, "") };
        let comparison = *self.random.pick(&["<", "<=", ">", ">=", "<>"]);
        let join = *self.random.pick(&["JOIN", "JOIN", "LEFT JOIN"]);
        let sql = format!(
            "SELECT {0} AS c0, count(*) AS c1 FROM {1} {join} {2} ON {equality} AND {a} {comparison} {b} GROUP BY {0}",
            key.sql, left.sql, right.sql
        );
        Select { sql, columns: vec![(key.kind, key.nullable, key.domain), (Kind::Int, false, OTHER)] }
    }

    fn global(&mut self, depth: usize) -> Select {
        let mut from = self.from(depth);
        let mut items = Vec::new();
        let mut columns = Vec::new();
        for place in 0..1 + self.random.below(3) {
            let (sql, kind) = self.aggregate(&from.columns);
            items.push(format!("{sql} AS c{place}"));
            columns.push((kind, true, OTHER));
        }
        let conditions = self.conditions(&mut from, depth);
        Select { sql: format!("SELECT {} FROM {}{conditions}", items.join(", "), from.sql), columns }
    }

    /// An aggregate call, or an expression of one.
    fn aggregate(&mut self, scope: &[Column]) -> (String, Kind) {
        let filter = if self.random.one_in(4) { format!(" FILTER (WHERE {})", self.predicate(scope, 1)) } else { String::new() };
        let int = self.int(scope, 1);
        let text = self.text(scope, 1);
        match self.random.below(14) {
            0 => (format!("count(*){filter}"), Kind::Int),
            1 => (format!("count({int}){filter}"), Kind::Int),
            2 => (format!("count(DISTINCT {text}){filter}"), Kind::Int),
            3 => (format!("count(DISTINCT {int}){filter}"), Kind::Int),
            4 => (format!("CAST(sum({int}){filter} AS BIGINT)"), Kind::Int),
            5 => (format!("CAST(COALESCE(sum({int}){filter}, 0) * 2 + count(*) AS BIGINT)"), Kind::Int),
            6 => (format!("min({int}){filter}"), Kind::Int),
            7 => (format!("max({text}){filter}"), Kind::Text),
            8 => (format!("min({text}){filter}"), Kind::Text),
            9 => (format!("max({int}){filter}"), Kind::Int),
            10 => (format!("CAST(sum({int}){filter} * 4 AS BIGINT)"), Kind::Int),
            11 => {
                let other = self.random.pick(scope).sql.clone();
                let (other, direction) = (other, *self.random.pick(&["ASC NULLS LAST", "DESC NULLS FIRST"]));
                (format!("string_agg({text}, '; ' ORDER BY {other} {direction}, {text} ASC NULLS LAST){filter}"), Kind::Text)
            }
            12 => (format!("avg({int}){filter}"), Kind::Real),
            _ => (format!("string_agg({text}, ',' ORDER BY {text} DESC NULLS FIRST){filter}"), Kind::Text),
        }
    }

    fn set_operation(&mut self, depth: usize) -> Select {
        let kinds: Vec<Kind> = (0..1 + self.random.below(3)).map(|_| *self.random.pick(&[Kind::Int, Kind::Text])).collect();
        let mut parts = Vec::new();
        let operator = *self.random.pick(&["UNION ALL", "UNION", "UNION ALL", "EXCEPT", "INTERSECT"]);
        let count = if operator.starts_with("UNION") { 2 + self.random.below(2) } else { 2 };
        for _ in 0..count {
            let mut from = self.from(depth - 1);
            let items: Vec<String> = kinds
                .iter()
                .enumerate()
                .map(|(place, kind)| {
                    let found = self.column(&from.columns, *kind).filter(|_| !self.random.one_in(4));
                    let sql = found.unwrap_or_else(|| {
                        if *kind == Kind::Int { self.int(&from.columns, 1) } else { self.text(&from.columns, 1) }
                    });
                    format!("{sql} AS c{place}")
                })
                .collect();
            let conditions = self.conditions(&mut from, 0);
            parts.push(format!("SELECT {} FROM {}{conditions}", items.join(", "), from.sql));
        }
        let sql = parts.join(&format!(" {operator} "));
        Select { sql, columns: kinds.into_iter().map(|kind| (kind, true, OTHER)).collect() }
    }

    /// Every column in some order: total, up to rows that are equal in all columns.
    fn order(&mut self, columns: &[String]) -> String {
        let first = self.random.below(columns.len());
        let parts: Vec<String> = (0..columns.len())
            .map(|place| {
                let direction = *self.random.pick(&["ASC NULLS LAST", "DESC NULLS FIRST"]);
                format!("{} {direction}", columns[(first + place) % columns.len()])
            })
            .collect();
        parts.join(", ")
    }

    fn first_rows(&mut self, depth: usize) -> Select {
        let inner = self.select(depth - 1);
        let alias = self.alias();
        let names: Vec<String> = (0..inner.columns.len()).map(|place| format!("{alias}.c{place}")).collect();
        let items: Vec<String> = names.iter().enumerate().map(|(place, name)| format!("{name} AS c{place}")).collect();
        let offset = if self.random.one_in(3) { format!(" OFFSET {}", self.random.below(4)) } else { String::new() };
        let (order, limit) = (self.order(&names), 1 + self.random.below(7));
        let sql = format!("SELECT {} FROM ({}) AS {alias} ORDER BY {order} LIMIT {limit}{offset}", items.join(", "), inner.sql);
        Select { sql, columns: inner.columns }
    }

    fn ranked(&mut self, depth: usize) -> Select {
        let inner = self.select(depth - 1);
        let (alias, outer) = (self.alias(), self.alias());
        let names: Vec<String> = (0..inner.columns.len()).map(|place| format!("{alias}.c{place}")).collect();
        let partition = if self.random.one_in(5) { String::new() } else { format!("PARTITION BY {} ", self.random.pick(&names)) };
        let (order, limit) = (self.order(&names), 1 + self.random.below(4));
        let bound = *self.random.pick(&["<=", "<=", "<", "="]);
        let limit = if bound == "=" { 1 } else { limit };
        let mut items: Vec<String> = (0..names.len()).map(|place| format!("{outer}.c{place} AS c{place}")).collect();
        let mut columns = inner.columns.clone();
        if self.random.one_in(2) {
            items.push(format!("{outer}.place AS c{}", columns.len()));
            columns.push((Kind::Int, false, OTHER));
        }
        let also = if self.random.one_in(3) { " AND place > 1" } else { "" };
        let also = if bound == "=" { "" } else { also };
        let sql = format!(
            "SELECT {} FROM (SELECT {}, ROW_NUMBER() OVER ({partition}ORDER BY {order}) AS place FROM ({}) AS {alias}) AS {outer} WHERE place {bound} {limit}{also}",
            items.join(", "),
            names.join(", "),
            inner.sql
        );
        Select { sql, columns }
    }

    fn with(&mut self, depth: usize) -> Select {
        let inner = self.select(depth - 1);
        let (name, a, b) = (self.alias(), self.alias(), self.alias());
        let scope = |alias: &str| derived_columns(alias, &inner.columns);
        let (mut columns, others) = (scope(&a), scope(&b));
        let mut sql = format!("{name} AS {a}");
        if self.random.one_in(2)
            && let Some(equality) = self.equality(&columns, &others)
        {
            sql = format!("{sql} JOIN {name} AS {b} ON {equality}");
            columns.extend(others);
        }
        let mut items = Vec::new();
        let mut kinds = Vec::new();
        for place in 0..1 + self.random.below(3) {
            let (item, kind) = self.item(&columns);
            items.push(format!("{item} AS c{place}"));
            kinds.push(kind);
        }
        let mut from = From { sql, conditions: Vec::new(), columns };
        let conditions = self.conditions(&mut from, 0);
        Select {
            sql: format!("WITH {name} AS ({}) SELECT {} FROM {}{conditions}", inner.sql, items.join(", "), from.sql),
            columns: kinds,
        }
    }

    // ---- relations

    fn from(&mut self, depth: usize) -> From {
        let mut from = self.relation(depth);
        let joins = if depth == 0 { self.random.below(2) } else { self.random.below(3) };
        for _ in 0..joins {
            let right = self.relation(depth.saturating_sub(1));
            self.join(&mut from, right);
        }
        from
    }

    fn relation(&mut self, depth: usize) -> From {
        let alias = self.alias();
        if depth > 0 && self.random.one_in(4) {
            let inner = self.select(depth - 1);
            let columns = derived_columns(&alias, &inner.columns);
            return From { sql: format!("({}) AS {alias}", inner.sql), conditions: Vec::new(), columns };
        }
        let (name, definitions) = *self.random.pick(&TABLES);
        From { sql: format!("{name} AS {alias}"), conditions: Vec::new(), columns: table_columns(&alias, definitions) }
    }

    fn join(&mut self, left: &mut From, right: From) {
        let Some(equality) = self.equality(&left.columns, &right.columns) else { return };
        let kind = *self.random.pick(&["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"]);
        let both: Vec<Column> = left.columns.iter().chain(&right.columns).cloned().collect();
        let mut condition = equality;
        if self.random.one_in(4)
            && let Some(second) = self.equality(&left.columns, &right.columns)
        {
            condition = format!("{condition} AND {second}");
        }
        if self.random.one_in(3) {
            condition = format!("{condition} AND {}", self.predicate(&both, 1));
        }
        let optional = |columns: &mut [Column]| columns.iter_mut().for_each(|column| column.nullable = true);
        let mut added = right.columns;
        if matches!(kind, "LEFT JOIN" | "FULL JOIN") {
            optional(&mut added);
        }
        if matches!(kind, "RIGHT JOIN" | "FULL JOIN") {
            optional(&mut left.columns);
        }
        if kind == "CROSS JOIN" {
            left.sql = format!("{} CROSS JOIN {}", left.sql, right.sql);
            left.conditions.push(condition);
        } else {
            left.sql = format!("{} {kind} {} ON {condition}", left.sql, right.sql);
        }
        left.columns.extend(added);
    }

    /// An equality between the two sides, of columns with values in common when there are any.
    fn equality(&mut self, left: &[Column], right: &[Column]) -> Option<String> {
        let mut pairs: Vec<(&Column, &Column)> = Vec::new();
        let mut likely: Vec<(&Column, &Column)> = Vec::new();
        for a in left {
            for b in right.iter().filter(|b| a.kind == b.kind && matches!(a.kind, Kind::Int | Kind::Text)) {
                pairs.push((a, b));
                if a.domain != OTHER && a.domain == b.domain {
                    likely.push((a, b));
                }
            }
        }
        if pairs.is_empty() {
            return None;
        }
        let from = if likely.is_empty() || self.random.one_in(8) { &pairs } else { &likely };
        let (a, b) = *self.random.pick(from);
        Some(match (a.kind, self.random.below(10)) {
            (Kind::Int, 0) => format!("{} = {} + 1", a.sql, b.sql),
            (Kind::Text, 0) => format!("lower({}) = lower({})", a.sql, b.sql),
            (_, 1) => format!("{} = {}", b.sql, a.sql),
            _ => format!("{} = {}", a.sql, b.sql),
        })
    }

    /// An equality of two numbers as they are, the only relation that a scalar sub-query may have to the outside.
    fn plain_equality(&mut self, left: &[Column], right: &[Column]) -> Option<String> {
        let right = self.column(right, Kind::Int)?;
        self.column(left, Kind::Int).map(|left| format!("{left} = {right}"))
    }

    fn conditions(&mut self, from: &mut From, depth: usize) -> String {
        let mut all = std::mem::take(&mut from.conditions);
        if self.random.one_in(2) {
            all.push(self.predicate(&from.columns, 2));
        }
        if self.random.one_in(3) {
            all.push(self.subquery_condition(&from.columns, depth));
        }
        if self.random.one_in(12) {
            let (a, b) = (self.subquery_condition(&from.columns, 0), self.predicate(&from.columns, 1));
            all.push(format!("({a} OR {b})"));
        }
        if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
    }

    // ---- sub-queries

    fn subquery_condition(&mut self, scope: &[Column], depth: usize) -> String {
        let alias = self.alias();
        let (name, definitions) = *self.random.pick(&TABLES);
        let inner = table_columns(&alias, definitions);
        let mut conditions = Vec::new();
        if self.random.one_in(3) {
            conditions.push(self.predicate(&inner, 1));
        }
        if depth > 0 && self.random.one_in(4) {
            conditions.push(self.subquery_condition(&inner, depth - 1));
        }
        let filtered = |conditions: &[String]| match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        match self.random.below(8) {
            0 => format!("EXISTS (SELECT 1 FROM {name} AS {alias}{})", filtered(&conditions)),
            1..=4 => {
                let Some(equality) = self.equality(scope, &inner) else { return "1 = 1".to_owned() };
                conditions.push(equality);
                if self.random.one_in(4) {
                    let (a, b) = (self.int(scope, 0), self.int(&inner, 0));
                    conditions.push(format!("{a} < {b}"));
                }
                let not = if self.random.one_in(2) { "NOT " } else { "" };
                format!("{not}EXISTS (SELECT 1 FROM {name} AS {alias}{})", filtered(&conditions))
            }
            5 => self.membership(scope, &inner, " NOT", &format!("{name} AS {alias}{}", filtered(&conditions))),
            6 => {
                let key = self.column(&inner, Kind::Int).unwrap_or_default();
                let value = self.int(scope, 0);
                format!(
                    "{value} IN (SELECT {key} FROM {name} AS {alias}{} GROUP BY {key} HAVING count(*) > 1)",
                    filtered(&conditions)
                )
            }
            _ => self.membership(scope, &inner, "", &format!("{name} AS {alias}{}", filtered(&conditions))),
        }
    }

    /// `x [NOT] IN (SELECT ...)`; NOT only of columns that are never NULL.
    fn membership(&mut self, scope: &[Column], inner: &[Column], not: &str, from: &str) -> String {
        let usable = |column: &&Column| column.kind == Kind::Int && (not.is_empty() || !column.nullable);
        let outer: Vec<&Column> = scope.iter().filter(usable).collect();
        let inner: Vec<&Column> = inner.iter().filter(usable).collect();
        if outer.is_empty() || inner.is_empty() {
            return "2 > 1".to_owned();
        }
        let outer = self.random.pick(&outer).sql.clone();
        format!("{outer}{not} IN (SELECT {} FROM {from})", self.random.pick(&inner).sql)
    }

    fn scalar_subquery(&mut self, scope: &[Column]) -> String {
        let alias = self.alias();
        let (name, definitions) = *self.random.pick(&TABLES);
        let inner = table_columns(&alias, definitions);
        let column = self.column(&inner, Kind::Int).unwrap_or_default();
        let call = match self.random.below(4) {
            0 => "count(*)".to_owned(),
            1 => format!("max({column})"),
            2 => format!("CAST(sum({column}) AS BIGINT)"),
            _ => format!("count({column})"),
        };
        let correlation = if self.random.one_in(4) { None } else { self.plain_equality(scope, &inner) };
        let mut conditions: Vec<String> = correlation.into_iter().collect();
        if self.random.one_in(3) {
            conditions.push(self.predicate(&inner, 1));
        }
        let filter = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
        format!("(SELECT {call} FROM {name} AS {alias}{filter})")
    }

    // ---- expressions

    fn column(&mut self, scope: &[Column], kind: Kind) -> Option<String> {
        let found: Vec<&Column> = scope.iter().filter(|column| column.kind == kind).collect();
        if found.is_empty() { None } else { Some(self.random.pick(&found).sql.clone()) }
    }

    fn int(&mut self, scope: &[Column], depth: usize) -> String {
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

    fn text(&mut self, scope: &[Column], depth: usize) -> String {
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

    fn predicate(&mut self, scope: &[Column], depth: usize) -> String {
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
        match self.random.below(12) {
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
}

fn table_columns(alias: &str, definitions: &[Definition]) -> Vec<Column> {
    let column = |&(name, kind, nullable, domain): &Definition| Column { sql: format!("{alias}.{name}"), kind, nullable, domain };
    definitions.iter().map(column).collect()
}

fn derived_columns(alias: &str, columns: &[(Kind, bool, u8)]) -> Vec<Column> {
    let columns = columns.iter().enumerate();
    columns
        .map(|(place, &(kind, nullable, domain))| Column { sql: format!("{alias}.c{place}"), kind, nullable, domain })
        .collect()
}
