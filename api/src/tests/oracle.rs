//! Random views and random queries against plain filtering and sorting.

use std::cmp::Ordering;

use testkit::random::Random;

use super::*;

type Values = [Option<i64>; 4];

const COLUMNS: [&str; 4] = ["a", "b", "c", "d"];
const INDEXES: [(&str, &[&str]); 3] = [("one", &["a", "-b", "c"]), ("two", &["-c", "a"]), ("three", &["b", "d"])];
const OPERATORS: [&str; 7] = ["eq", "gt", "gte", "lt", "lte", "in", "null"];

/// A value of a column: NULL once in five times.
fn value(random: &mut Random) -> Option<i64> {
    Some(random.below(6_i64) - 2).filter(|_| random.below(5) > 0)
}

/// `a` and `c` are numbers; `b` is a text, to have fields of several lengths, and `d` a truth of whether the number is positive.
fn kinds() -> [(&'static str, FieldKind); 4] {
    [("a", FieldKind::Int64), ("b", FieldKind::Text), ("c", FieldKind::Int32), ("d", FieldKind::Decimal { scale: 1 })]
}

/// Texts that sort as their numbers do, one of them longer than a block of the encoding.
fn as_text(number: i64) -> String {
    ["", "a", "a\u{0}", "ab", "b, \"with\" much to say, more than one block of the encoding holds", "c"][(number + 2) as usize]
        .into()
}

fn as_decimal(number: i64) -> String {
    format!("{number}.5").replace("-0.5", "0.5")
}

fn printed(column: usize, value: Option<i64>) -> Json {
    match (column, value) {
        (_, None) => Json::Null,
        (1, Some(number)) => as_text(number).into(),
        (3, Some(number)) => as_decimal(number).into(),
        (_, Some(number)) => number.into(),
    }
}

fn encoded(values: &Values) -> Row {
    let mut row = Row::empty();
    for (column, ((_, kind), value)) in kinds().iter().zip(values).enumerate() {
        match (column, value) {
            (_, None) => kind.write(&Value::Null, &mut row),
            (1, Some(number)) => kind.write(&text(&as_text(*number)), &mut row),
            (3, Some(number)) => row.extend(crate::read::value::parse(kind, &as_decimal(*number)).unwrap().as_bytes()),
            (_, Some(number)) => kind.write(&Value::Int(*number), &mut row),
        }
    }
    row
}

fn in_query(column: usize, number: i64) -> String {
    let text = match printed(column, Some(number)) {
        Json::String(text) => text,
        other => other.to_string(),
    };
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect()
}

struct OracleCondition {
    column: usize,
    operator: &'static str,
    operands: Vec<i64>,
}

impl OracleCondition {
    fn random(random: &mut Random) -> Self {
        let operator = OPERATORS[random.below(OPERATORS.len())];
        let operands = (0..if operator == "in" { random.below(4) } else { 1 }).map(|_| random.below(6) as i64 - 2).collect();
        Self { column: random.below(4), operator, operands }
    }

    fn to_query(&self) -> String {
        let name = COLUMNS[self.column];
        match self.operator {
            "null" => format!("{name}=is.null"),
            "in" => {
                let quoted = |number: &i64| {
                    let escaped = in_query(self.column, *number).replace("%22", "%5C%22");
                    format!("%22{escaped}%22")
                };
                format!("{name}=in.({})", self.operands.iter().map(quoted).collect::<Vec<_>>().join(","))
            }
            operator => format!("{name}={operator}.{}", in_query(self.column, self.operands[0])),
        }
    }

    fn holds(&self, values: &Values) -> bool {
        let operand = self.operands.first().copied().unwrap_or_default();
        match (self.operator, values[self.column]) {
            ("null", value) => value.is_none(),
            (_, None) => false,
            ("eq", Some(value)) => value == operand,
            ("gt", Some(value)) => value > operand,
            ("gte", Some(value)) => value >= operand,
            ("lt", Some(value)) => value < operand,
            ("lte", Some(value)) => value <= operand,
            ("in", Some(value)) => self.operands.contains(&value),
            (operator, _) => panic!("the test has no operator {operator}"),
        }
    }
}

/// NULL is the greatest value.
fn compare(order: &[(usize, bool)], left: &Values, right: &Values) -> Ordering {
    let key = |values: &Values, column: usize| (values[column].is_none(), values[column]);
    order.iter().fold(Ordering::Equal, |known, &(column, descending)| {
        let next = key(left, column).cmp(&key(right, column));
        known.then(if descending { next.reverse() } else { next })
    })
}

/// The start of an index's order or of its reverse; sometimes no order, and sometimes one that no index may have.
fn random_order(random: &mut Random) -> (Vec<(usize, bool)>, bool) {
    if random.below(4) == 0 {
        return ((0..random.below(3)).map(|_| (random.below(4), random.below(2) == 0)).collect(), false);
    }
    let (_, index) = INDEXES[random.below(INDEXES.len())];
    let reverse = random.below(2) == 0;
    let columns = index.iter().map(|name| {
        let column = COLUMNS.iter().position(|known| *known == name.trim_start_matches('-')).unwrap();
        (column, name.starts_with('-') != reverse)
    });
    (columns.take(random.below(4)).collect(), true)
}

fn order_in_query(order: &[(usize, bool)]) -> String {
    let columns =
        order.iter().map(|(column, descending)| format!("{}.{}", COLUMNS[*column], if *descending { "desc" } else { "asc" }));
    columns.collect::<Vec<_>>().join(",")
}

async fn all_pages(api: &Router, query: &str, page: usize) -> Result<Vec<Json>, Answer> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = get(api, &format!("/v1/views/things?{query}&limit={page}{cursor}")).await;
        if answer.status != StatusCode::OK {
            return Err(answer);
        }
        rows.extend(answer.rows());
        match answer.json()["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(rows),
        }
    }
}

#[tokio::test]
async fn pages_equal_filtering_and_sorting() {
    let mut random = Random::new(7);
    let indexes = INDEXES.map(|(name, order)| (name, order, None));
    let definition = view("things", &kinds(), &indexes, Access::Public);
    let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: vec![definition] });
    let table: Vec<Values> =
        (0..400).map(|_| [value(&mut random), value(&mut random), value(&mut random), value(&mut random)]).collect();
    publish(&views, 1, &[("things", table.iter().map(|values| (encoded(values), 1)).collect())]);
    let api = api_with(views, config());
    let mut refused = 0;
    for _ in 0..1_500 {
        let conditions: Vec<OracleCondition> = (0..random.below(4)).map(|_| OracleCondition::random(&mut random)).collect();
        let (order, is_kept) = random_order(&mut random);
        let mut query: Vec<String> = conditions.iter().map(OracleCondition::to_query).collect();
        if !order.is_empty() {
            query.push(format!("order={}", order_in_query(&order)));
        }
        let query = query.join("&");
        match all_pages(&api, &query, 1 + random.below(60)).await {
            Ok(rows) => check(&table, &conditions, &order, &rows, &query),
            Err(answer) => {
                answer.problem(400, "bad_order", Some("order"));
                assert!(!is_kept, "an order that an index keeps was refused: {query}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "no order was ever refused");
}

fn check(table: &[Values], conditions: &[OracleCondition], order: &[(usize, bool)], rows: &[Json], query: &str) {
    let mut expected: Vec<&Values> =
        table.iter().filter(|values| conditions.iter().all(|condition| condition.holds(values))).collect();
    let found: Vec<Values> = rows.iter().map(decoded).collect();
    assert!(found.is_sorted_by(|left, right| compare(order, left, right) != Ordering::Greater), "{query}: not in order");
    let mut found: Vec<&Values> = found.iter().collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "{query}");
}

fn decoded(row: &Json) -> Values {
    std::array::from_fn(|column| {
        let candidates = [None, Some(-2), Some(-1), Some(0), Some(1), Some(2), Some(3)];
        let found = candidates.into_iter().find(|value| printed(column, *value) == row[COLUMNS[column]]);
        found.unwrap_or_else(|| panic!("column {column} of {row}"))
    })
}
