//! Random filters, orders and windows against plain filtering, sorting and cutting.

use std::cmp::Ordering;

use testkit::random::Random;

use super::*;

type Values = [Option<i64>; 3];

const COLUMNS: [&str; 3] = ["a", "b", "c"];
const OPERATORS: [&str; 6] = ["eq", "neq", "gt", "gte", "lt", "lte"];

/// A filter with the truth that SQL gives it.
enum Plain {
    Compare(usize, &'static str, i64),
    In(usize, Vec<i64>),
    IsNull(usize),
    Distinct(usize, i64),
    Like(i64),
    Not(Box<Plain>),
    All(Vec<Plain>),
    Any(Vec<Plain>),
}

/// Texts that are ordered as their numbers are.
fn as_text(number: i64) -> String {
    format!("t{}", number + 5)
}

impl Plain {
    fn random(random: &mut Random, depth: usize) -> Self {
        let column = random.below(3);
        let number = random.below(7_i64) - 3;
        if depth < 3 && random.chance(35) {
            let filters = (0..1 + random.below(3)).map(|_| Self::random(random, depth + 1)).collect();
            return if random.chance(50) { Self::All(filters) } else { Self::Any(filters) };
        }
        let filter = match random.below(5) {
            0 => Self::In(column, (0..random.below(4)).map(|_| random.below(7_i64) - 3).collect()),
            1 => Self::IsNull(column),
            2 => Self::Distinct(column, number),
            3 if column == 1 => Self::Like(number),
            _ => Self::Compare(column, OPERATORS[random.below(OPERATORS.len())], number),
        };
        if random.chance(25) { Self::Not(Box::new(filter)) } else { filter }
    }

    fn truth(&self, values: &Values) -> Option<bool> {
        match self {
            Self::Compare(column, operator, number) => values[*column].map(|value| match *operator {
                "eq" => value == *number,
                "neq" => value != *number,
                "gt" => value > *number,
                "gte" => value >= *number,
                "lt" => value < *number,
                _ => value <= *number,
            }),
            Self::In(_, numbers) if numbers.is_empty() => Some(false),
            Self::In(column, numbers) => values[*column].map(|value| numbers.contains(&value)),
            Self::IsNull(column) => Some(values[*column].is_none()),
            Self::Distinct(column, number) => Some(values[*column] != Some(*number)),
            Self::Like(number) => values[1].map(|value| as_text(value).starts_with(&as_text(*number))),
            Self::Not(filter) => filter.truth(values).map(|truth| !truth),
            Self::All(filters) => {
                let truths: Vec<_> = filters.iter().map(|filter| filter.truth(values)).collect();
                if truths.contains(&Some(false)) {
                    Some(false)
                } else {
                    truths.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
                }
            }
            Self::Any(filters) => {
                let truths: Vec<_> = filters.iter().map(|filter| filter.truth(values)).collect();
                if truths.contains(&Some(true)) {
                    Some(true)
                } else {
                    truths.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
                }
            }
        }
    }

    /// The filter within `and` and `or`.
    fn nested(&self, not: &str) -> String {
        let text = |column: usize, number: i64| if column == 1 { as_text(number) } else { number.to_string() };
        match self {
            Self::Compare(column, operator, number) => format!("{}.{not}{operator}.{}", COLUMNS[*column], text(*column, *number)),
            Self::In(column, numbers) => {
                let texts: Vec<_> = numbers.iter().map(|number| text(*column, *number)).collect();
                format!("{}.{not}in.({})", COLUMNS[*column], texts.join(","))
            }
            Self::IsNull(column) => format!("{}.{not}is.null", COLUMNS[*column]),
            Self::Distinct(column, number) => format!("{}.{not}isdistinct.{}", COLUMNS[*column], text(*column, *number)),
            Self::Like(number) => format!("b.{not}like.{}*", as_text(*number)),
            Self::Not(filter) => filter.nested("not."),
            Self::All(filters) => format!("and({})", joined(filters)),
            Self::Any(filters) => format!("or({})", joined(filters)),
        }
    }

    /// The filter as a parameter.
    fn parameter(&self) -> String {
        match self {
            Self::All(filters) => format!("and=({})", joined(filters)),
            Self::Any(filters) => format!("or=({})", joined(filters)),
            other => other.nested("").replacen('.', "=", 1),
        }
    }
}

fn joined(filters: &[Plain]) -> String {
    filters.iter().map(|filter| filter.nested("")).collect::<Vec<_>>().join(",")
}

/// Column, true if it descends, true if NULL comes first.
type Order = Vec<(usize, bool, bool)>;

fn compare(order: &Order, left: &Values, right: &Values) -> Ordering {
    order.iter().fold(Ordering::Equal, |known, &(column, descending, nulls_first)| {
        known.then_with(|| match (left[column], right[column]) {
            (Some(left), Some(right)) if descending => right.cmp(&left),
            (Some(left), Some(right)) => left.cmp(&right),
            (left, right) if nulls_first => left.is_some().cmp(&right.is_some()),
            (left, right) => left.is_none().cmp(&right.is_none()),
        })
    })
}

fn random_order(random: &mut Random) -> Order {
    (0..random.below(3)).map(|_| (random.below(3), random.chance(50), random.chance(50))).collect()
}

fn order_text(order: &Order) -> String {
    let parts = order.iter().map(|(column, descending, nulls_first)| {
        let direction = if *descending { "desc" } else { "asc" };
        format!("{}.{direction}.{}", COLUMNS[*column], if *nulls_first { "nullsfirst" } else { "nullslast" })
    });
    parts.collect::<Vec<_>>().join(",")
}

fn encoded(columns: &[Column], values: &Values) -> Row {
    let value = |column: usize| match values[column] {
        None => Value::Null,
        Some(number) if column == 1 => Value::Text(as_text(number).into()),
        Some(number) => Value::Int(number),
    };
    row(columns, &[value(0), value(1), value(2)])
}

fn decoded(row: &Json) -> Values {
    let number = |value: &Json| value.as_i64().or_else(|| value.as_str().map(|text| text[1..].parse::<i64>().unwrap() - 5));
    [number(&row["a"]), number(&row["b"]), number(&row["c"])]
}

#[tokio::test]
async fn answers_equal_plain_filtering_sorting_and_cutting() {
    let mut random = Random::new(11);
    let kinds = [("a", FieldKind::Int64), ("b", FieldKind::Text), ("c", FieldKind::Int32)];
    let indexes: [(&str, &[&str], Option<usize>); 3] =
        [("one", &["a", "-b"], None), ("two", &["-c", "a"], None), ("three", &["b", "c"], None)];
    let views =
        Views::new(ViewsDefinition { timeline: Timeline(1), views: vec![view("things", &kinds, &indexes, Access::Public)] });
    let columns = views.view("things").unwrap().view.columns.clone();
    let draw = |random: &mut Random| Some(random.below(7_i64) - 3).filter(|_| !random.chance(20));
    let table: Vec<Values> = (0..200).map(|_| [draw(&mut random), draw(&mut random), draw(&mut random)]).collect();
    publish(&views, 1, &[("things", table.iter().map(|values| (encoded(&columns, values), 1)).collect())]);
    let api = api_with(views, config());
    for _ in 0..1_500 {
        let filters: Vec<Plain> = (0..random.below(4)).map(|_| Plain::random(&mut random, 0)).collect();
        let order = random_order(&mut random);
        let (offset, limit) = (random.below(30), random.below(80));
        let mut query: Vec<String> = filters.iter().map(Plain::parameter).collect();
        query.push(format!("offset={offset}&limit={limit}"));
        if !order.is_empty() {
            query.push(format!("order={}", order_text(&order)));
        }
        let query = query.join("&");
        let answer = get_with(&api, &format!("/rest/v1/things?{query}"), &[("Prefer", "count=exact")]).await;
        let mut expected: Vec<Values> =
            table.iter().filter(|values| filters.iter().all(|filter| filter.truth(values) == Some(true))).copied().collect();
        if expected.len() < offset {
            error(&answer, 416, "PGRST103");
            continue;
        }
        assert!(answer.status.is_success(), "{query}: {}", answer.text);
        assert!(answer.header("content-range").ends_with(&format!("/{}", expected.len())), "{query}: {answer:?}");
        let found: Vec<Values> = answer.json().as_array().unwrap().iter().map(decoded).collect();
        expected.sort_by(|left, right| compare(&order, left, right));
        let cut: Vec<Values> = expected.iter().skip(offset).take(limit).copied().collect();
        assert_eq!(found.len(), cut.len(), "{query}");
        for (found, cut) in found.iter().zip(&cut) {
            assert_eq!(compare(&order, found, cut), Ordering::Equal, "{query}");
            assert!(expected.contains(found), "{query}");
        }
    }
}
