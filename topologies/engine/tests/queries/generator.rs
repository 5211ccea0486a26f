//! Random queries that both engines understand and mean the same by.
//!
//! Left out on purpose is what expressions are tested for elsewhere: letters outside of ASCII in another case, integers that overflow,
//! numbers cut to whole ones. NULLs in an order come last, or first in a descending one, as they do by default.
use testkit::random::Random;

use super::expressions::COMPARISONS;
use super::scope::{Column, From, Kind, OTHER, Output, Select, TABLES, derived_columns, table_columns};
use super::subqueries::{CONDITION, named_inside};

/// Greatest depth of nested queries.
const DEPTH: usize = 3;

/// A query by its seed.
pub fn query(seed: u64) -> String {
    let mut generator = Generator { random: Random::new(seed), aliases: 0 };
    generator.select(DEPTH).sql
}

pub struct Generator {
    pub random: Random,
    aliases: usize,
}

impl Generator {
    pub fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    // ---- queries

    pub fn select(&mut self, depth: usize) -> Select {
        match self.random.below(if depth == 0 { 5 } else { 24 }) {
            0..=1 => self.plain(depth, ""),
            2 => self.plain(depth, "DISTINCT "),
            3..=4 => self.grouped(depth),
            5 => self.global(depth),
            6 => self.set_operation(depth),
            7..=8 => self.first_rows(depth),
            9..=10 => self.ranked(depth),
            11 => self.with(depth),
            12 => self.counted(),
            13 => self.star(),
            14..=15 => self.set_operation(depth),
            16 => self.listed(depth),
            17..=19 => self.windowed(depth),
            20 => self.first_of_keys(depth),
            21 => self.grouped_by_sets(depth),
            22 => self.beside(),
            _ => self.plain(depth, ""),
        }
    }

    pub fn plain(&mut self, depth: usize, distinct: &str) -> Select {
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
    fn item(&mut self, scope: &[Column]) -> (String, Output) {
        match self.random.below(12) {
            0..=5 => {
                let column = self.random.pick(scope).clone();
                (column.sql, (column.kind, column.nullable, column.domain))
            }
            6..=7 => (self.int(scope, 2), (Kind::Int, true, OTHER)),
            8..=9 => (self.text(scope, 2), (Kind::Text, true, OTHER)),
            10 if self.random.one_in(2) => (self.subquery_condition(scope, 1), CONDITION),
            10 => (self.predicate(scope, 2), CONDITION),
            _ => (self.scalar_subquery(scope), (Kind::Int, true, OTHER)),
        }
    }

    fn grouped(&mut self, depth: usize) -> Select {
        let mut from = self.from(depth);
        let keys: Vec<(String, Output)> = (0..1 + self.random.below(2))
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

    pub fn set_operator(&mut self) -> &'static str {
        *self.random.pick::<&str>(&["UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"])
    }

    fn set_operation(&mut self, depth: usize) -> Select {
        let kinds: Vec<Kind> = (0..1 + self.random.below(2)).map(|_| *self.random.pick(&[Kind::Int, Kind::Text])).collect();
        let mut sql = self.set_part(&kinds, depth);
        for _ in 0..1 + self.random.below(2) {
            let (operator, right) = (self.set_operator(), self.set_part(&kinds, depth));
            sql = if self.random.one_in(2) {
                format!("({sql}) {operator} ({right})")
            } else {
                format!("({right}) {operator} ({sql})")
            };
        }
        Select { sql, columns: kinds.into_iter().map(|kind| (kind, true, OTHER)).collect() }
    }

    /// One side of a set operation. Few different values, so that sides have rows in common, and more than once.
    fn set_part(&mut self, kinds: &[Kind], depth: usize) -> String {
        let mut from = self.from(depth - 1);
        let items: Vec<String> = kinds
            .iter()
            .enumerate()
            .map(|(place, kind)| {
                let found = self.column(&from.columns, *kind).filter(|_| !self.random.one_in(4));
                let sql = found.unwrap_or_else(|| match kind {
                    Kind::Int => self.int(&from.columns, 1),
                    _ => self.text(&from.columns, 1),
                });
                let sql = if *kind == Kind::Int && self.random.one_in(2) { format!("({sql} % 4)") } else { sql };
                format!("{sql} AS c{place}")
            })
            .collect();
        let conditions = self.conditions(&mut from, 0);
        format!("SELECT {} FROM {}{conditions}", items.join(", "), from.sql)
    }

    /// The columns of a join in SQL's order, by a list of names.
    fn star(&mut self) -> Select {
        let (mut from, right) = (self.relation(0), self.relation(0));
        self.join(&mut from, right);
        let mut names: Vec<&str> = from.bare.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() != from.bare.len() || !from.lists.is_empty() {
            return self.plain(0, "");
        }
        let outputs: Vec<Output> = from.bare.iter().map(|&(_, kind)| (kind, true, OTHER)).collect();
        let conditions = self.conditions(&mut from, 0);
        let alias = self.alias();
        let names: Vec<String> = (0..outputs.len()).map(|place| format!("c{place}")).collect();
        let items: Vec<String> = names.iter().map(|name| format!("{alias}.{name} AS {name}")).collect();
        let sql = format!(
            "SELECT {} FROM (SELECT * FROM {}{conditions}) AS {alias} ({})",
            items.join(", "),
            from.sql,
            names.join(", ")
        );
        Select { sql, columns: outputs }
    }

    /// A row for each element of a list.
    fn listed(&mut self, depth: usize) -> Select {
        let mut from = self.from(depth - 1);
        let (item, column) = self.item(&from.columns);
        let (list, kind) = match self.random.pick(&[true, false]) {
            true if !from.lists.is_empty() => (format!("unnest({})", self.random.pick(&from.lists)), Kind::Text),
            _ => (format!("generate_series(1, abs({}) % 4)", self.int(&from.columns, 0)), Kind::Int),
        };
        let conditions = self.conditions(&mut from, depth - 1);
        let sql = format!("SELECT {item} AS c0, {list} AS c1 FROM {}{conditions}", from.sql);
        Select { sql, columns: vec![column, (kind, true, OTHER)] }
    }

    /// Every column in some order: total, up to rows that are equal in all columns.
    pub fn order(&mut self, columns: &[String]) -> String {
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
        let mut from = From::new(sql, columns);
        let conditions = self.conditions(&mut from, 0);
        Select {
            sql: format!("WITH {name} AS ({}) SELECT {} FROM {}{conditions}", inner.sql, items.join(", "), from.sql),
            columns: kinds,
        }
    }

    // ---- relations

    pub fn from(&mut self, depth: usize) -> From {
        let mut from = self.relation(depth);
        let joins = if depth == 0 { self.random.below(2) } else { self.random.below(3) };
        for _ in 0..joins {
            let right = self.relation(depth.saturating_sub(1));
            self.join(&mut from, right);
        }
        if !from.lists.is_empty() && self.random.one_in(4) {
            let (list, alias) = (self.random.pick(&from.lists).clone(), self.alias());
            let (before, behind) = *self.random.pick(&[
                (" CROSS JOIN LATERAL ", ""),
                (", ", ""),
                (" JOIN LATERAL ", " ON TRUE"),
                (" LEFT JOIN LATERAL ", " ON TRUE"),
            ]);
            from.sql = format!("{}{before}unnest({list}) AS {alias}(tag){behind}", from.sql);
            let column = Column { sql: format!("{alias}.tag"), kind: Kind::Text, nullable: true, domain: OTHER };
            from.add(From::new(String::new(), vec![column]));
        }
        from
    }

    pub fn relation(&mut self, depth: usize) -> From {
        let alias = self.alias();
        if depth > 0 && self.random.one_in(3) {
            let inner = self.select(depth - 1);
            let columns = derived_columns(&alias, &inner.columns);
            return From::new(format!("({}) AS {alias}", inner.sql), columns);
        }
        let (name, definitions) = *self.random.pick(&TABLES);
        let mut from = From::new(format!("{name} AS {alias}"), table_columns(&alias, definitions));
        if name == "posts" {
            from.lists.push(format!("{alias}.tags"));
        }
        from
    }

    pub fn join(&mut self, left: &mut From, right: From) {
        if self.random.one_in(3) && self.join_using(left, &right) {
            return;
        }
        // In ON a plain name may be one of the right side's too.
        let lefts = named_inside(&left.columns, &right);
        let Some(equality) = self.equality(&lefts, &right.columns) else { return };
        let kind = *self.random.pick(&["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"]);
        let both: Vec<Column> =
            left.columns.iter().chain(&right.columns).filter(|column| column.sql.contains('.')).cloned().collect();
        let mut condition = equality;
        if self.random.one_in(4)
            && let Some(second) = self.equality(&lefts, &right.columns)
        {
            condition = format!("{condition} AND {second}");
        }
        // PostgreSQL makes full joins of equalities only.
        if kind != "FULL JOIN" && self.random.one_in(3) && !both.is_empty() {
            condition = format!("{condition} AND {}", self.predicate(&both, 1));
        }
        // Of an outer join, the optional side alone can be asked for by a sub-query.
        let asked: &[Column] = match kind {
            "JOIN" => &both,
            "LEFT JOIN" => &right.columns,
            "RIGHT JOIN" => &lefts,
            _ => &[],
        };
        let asked: Vec<Column> = asked.iter().filter(|column| column.sql.contains('.')).cloned().collect();
        if self.random.one_in(10) && !asked.is_empty() {
            condition = format!("{condition} AND {}", self.subquery_condition(&asked, 0));
        }
        if kind == "CROSS JOIN" {
            left.sql = format!("{} CROSS JOIN {}", left.sql, right.sql);
            left.conditions.push(condition);
        } else {
            left.sql = format!("{} {kind} {} ON {condition}", left.sql, right.sql);
        }
        left.add(right);
        left.columns.iter_mut().for_each(|column| column.nullable |= kind != "JOIN" && kind != "CROSS JOIN");
    }

    /// Joins by names that both sides have, if they do.
    fn join_using(&mut self, left: &mut From, right: &From) -> bool {
        let only = |from: &From, name: &str| from.bare.iter().filter(|(other, _)| other == name).count() == 1;
        let mut common = Vec::new();
        for (name, kind) in &left.bare {
            let other = right.bare.iter().find(|(other, _)| other == name);
            let Some((_, other)) = other else { continue };
            common.push((name.clone(), *kind, kind == other && *kind != Kind::Real && only(left, name) && only(right, name)));
        }
        // The list of posts has a name too, which `SELECT *` shows; no other relation has it.
        let kind = *self.random.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "RIGHT JOIN", "FULL JOIN"]);
        let natural = self.random.one_in(3);
        if natural {
            if common.is_empty()
                || common.iter().any(|(_, _, usable)| !usable)
                || !left.lists.is_empty() && !right.lists.is_empty()
            {
                return false;
            }
            left.sql = format!("{} NATURAL {kind} {}", left.sql, right.sql);
        } else {
            common.retain(|(_, _, usable)| *usable);
            while common.len() > 2 {
                common.remove(self.random.below(common.len()));
            }
            if common.is_empty() {
                return false;
            }
            let names: Vec<&str> = common.iter().map(|(name, _, _)| name.as_str()).collect();
            left.sql = format!("{} {kind} {} USING ({})", left.sql, right.sql, names.join(", "));
        }
        let is_merged = |name: &str| common.iter().any(|(other, _, _)| other == name);
        // A column that was merged before is named by the new one.
        left.columns.retain(|column| column.sql.contains('.') || !is_merged(&column.sql));
        let others = left.bare.iter().chain(&right.bare).filter(|(name, _)| !is_merged(name)).cloned();
        let merged = common.iter().map(|(name, kind, _)| (name.clone(), *kind));
        left.bare = merged.chain(others).collect();
        left.columns.extend(right.columns.iter().cloned());
        left.columns.iter_mut().for_each(|column| column.nullable = true);
        left.lists.extend(right.lists.iter().cloned());
        left.conditions.extend(right.conditions.iter().cloned());
        let column = |(name, kind, _): (String, Kind, bool)| Column { sql: name, kind, nullable: true, domain: OTHER };
        left.columns.extend(common.into_iter().map(column));
        left.forget_ambiguous();
        true
    }

    /// An equality between the two sides, of columns with values in common when there are any.
    pub fn equality(&mut self, left: &[Column], right: &[Column]) -> Option<String> {
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

    pub fn conditions(&mut self, from: &mut From, depth: usize) -> String {
        let mut all = std::mem::take(&mut from.conditions);
        if self.random.one_in(4) {
            all.push(self.predicate(&from.columns, 2));
        }
        if self.random.one_in(4) {
            all.push(self.subquery_condition(&from.columns, depth));
        }
        if self.random.one_in(12) {
            let (a, b) = (self.subquery_condition(&from.columns, 0), self.predicate(&from.columns, 1));
            all.push(format!("({a} OR {b})"));
        }
        if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
    }
}
