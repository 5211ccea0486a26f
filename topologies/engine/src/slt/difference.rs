//! Difference between the rows that a query of a test expects and those that it has, as lines for people.
//!
//! Two texts with a row on each line enter; only the rows that differ leave, `- ` before those that are missing and `+ ` before those that
//! nobody expected, at most [`ROWS_SHOWN_MAX`] of each.

use std::collections::BTreeMap;

/// Most rows of each side that are shown.
pub const ROWS_SHOWN_MAX: usize = 20;
/// Most pairs of rows that are compared to find those that stand in both texts in the same order.
const PAIRS_MAX: usize = 1_000_000;

/// Rows of one side alone: a sign, and the row.
type Differing<'r> = Vec<(char, &'r str)>;

/// Describes the difference between two lists of rows. When they are sorted, their order means nothing.
pub fn describe(expected: &str, actual: &str, is_sorted: bool) -> String {
    let (expected_rows, actual_rows): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let differing = match is_sorted {
        true => of_sorted(&expected_rows, &actual_rows),
        false => in_order(&expected_rows, &actual_rows),
    };
    if differing.is_empty() {
        return out_of_order(&expected_rows, &actual_rows);
    }
    let [missing, unexpected] = ['-', '+'].map(|sign| differing.iter().filter(|(of, _)| *of == sign).count());
    let mut lines = vec![format!(
        "{missing} of {} expected rows are missing (-), {unexpected} of {} rows are not expected (+)",
        expected_rows.len(),
        actual_rows.len()
    )];
    let mut shown = BTreeMap::from([('-', 0), ('+', 0)]);
    for (sign, row) in &differing {
        let shown = shown.entry(*sign).or_default();
        *shown += 1;
        if *shown <= ROWS_SHOWN_MAX {
            lines.push(format!("{sign} {row}"));
        }
    }
    for (sign, count) in shown.into_iter().filter(|(_, count)| *count > ROWS_SHOWN_MAX) {
        lines.push(format!("{sign} and {} more", count - ROWS_SHOWN_MAX));
    }
    lines.join("\n")
}

/// A row with one space between its values, as rows are compared.
fn spaced(row: &str) -> String {
    row.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Rows that one side has more often than the other.
fn of_sorted<'r>(expected: &[&'r str], actual: &[&'r str]) -> Differing<'r> {
    let only = |here: &[&'r str], there: &[&'r str], sign: char| {
        let mut there_counts: BTreeMap<String, usize> = BTreeMap::new();
        there.iter().for_each(|row| *there_counts.entry(spaced(row)).or_default() += 1);
        let mut is_alone = |row: &str| match there_counts.get_mut(&spaced(row)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        };
        here.iter().filter(|row| is_alone(row)).map(|row| (sign, *row)).collect::<Differing<'r>>()
    };
    let mut all = only(expected, actual, '-');
    all.extend(only(actual, expected, '+'));
    all
}

/// Rows that are not in both texts in the same order: what is left beside a longest common subsequence.
fn in_order<'r>(expected: &[&'r str], actual: &[&'r str]) -> Differing<'r> {
    let is_same = |(left, right): &(&&str, &&str)| spaced(left) == spaced(right);
    let start = expected.iter().zip(actual).take_while(is_same).count();
    let (expected, actual) = (&expected[start..], &actual[start..]);
    let end = expected.iter().rev().zip(actual.iter().rev()).take_while(is_same).count();
    let (expected, actual) = (&expected[..expected.len() - end], &actual[..actual.len() - end]);
    if expected.len() * actual.len() > PAIRS_MAX {
        let missing = expected.iter().map(|row| ('-', *row));
        return missing.chain(actual.iter().map(|row| ('+', *row))).collect();
    }
    let lengths = common_lengths(expected, actual);
    let mut differing = Differing::new();
    let (mut left, mut right) = (0, 0);
    while left < expected.len() || right < actual.len() {
        let both = expected.get(left).zip(actual.get(right));
        if both.is_some_and(|(expected, actual)| spaced(expected) == spaced(actual)) {
            (left, right) = (left + 1, right + 1);
        } else if right == actual.len() || (left < expected.len() && lengths[left + 1][right] >= lengths[left][right + 1]) {
            differing.push(('-', expected[left]));
            left += 1;
        } else {
            differing.push(('+', actual[right]));
            right += 1;
        }
    }
    differing
}

/// The lengths of the longest common subsequences of all ends of two texts.
fn common_lengths(expected: &[&str], actual: &[&str]) -> Vec<Vec<usize>> {
    let [expected, actual] = [expected, actual].map(|rows| rows.iter().map(|row| spaced(row)).collect::<Vec<_>>());
    let mut lengths = vec![vec![0; actual.len() + 1]; expected.len() + 1];
    for left in (0..expected.len()).rev() {
        for right in (0..actual.len()).rev() {
            lengths[left][right] = match expected[left] == actual[right] {
                true => lengths[left + 1][right + 1] + 1,
                false => lengths[left + 1][right].max(lengths[left][right + 1]),
            };
        }
    }
    lengths
}

/// Describes rows that are the same but for their order: a test that sorts its rows expects them sorted.
fn out_of_order(expected: &[&str], actual: &[&str]) -> String {
    let first = expected.iter().zip(actual).position(|(expected, actual)| spaced(expected) != spaced(actual));
    match first {
        Some(place) => format!(
            "the expected rows are the right ones in another order: row {} is\n- {}\n+ {}",
            place + 1,
            expected[place],
            actual[place]
        ),
        None => "the rows differ in nothing but spaces".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_differ_are_shown() {
        let difference = describe("1 a\n2 b\n3 c\n3 c", "1  a\n2 x\n3 c\n4 d", true);
        assert_eq!(
            difference,
            "2 of 4 expected rows are missing (-), 2 of 4 rows are not expected (+)\n- 2 b\n- 3 c\n+ 2 x\n+ 4 d"
        );
        assert_eq!(describe("a", "", true), "1 of 1 expected rows are missing (-), 0 of 0 rows are not expected (+)\n- a");
    }

    #[test]
    fn order_counts_where_rows_are_not_sorted() {
        let counted = "1 of 3 expected rows are missing (-), 1 of 3 rows are not expected (+)";
        assert_eq!(describe("a\nb\nc", "b\na\nc", false), format!("{counted}\n- a\n+ a"));
        let sorted = describe("a\nb\nc", "b\na\nc", true);
        assert_eq!(sorted, "the expected rows are the right ones in another order: row 1 is\n- a\n+ b");
        let long = |middle: &str| format!("{}{middle}\n{}", "same\n".repeat(1_000), "end\n".repeat(1_000));
        let difference = describe(&long("left"), &long("right"), false);
        assert!(difference.ends_with("(+)\n- left\n+ right"), "{difference}");
    }

    #[test]
    fn many_rows_are_counted_and_some_of_them_shown() {
        let rows = |range: std::ops::Range<usize>| range.map(|row| row.to_string()).collect::<Vec<_>>().join("\n");
        for is_sorted in [true, false] {
            let difference = describe(&rows(0..5_000), &rows(5_000..5_010), is_sorted);
            assert_eq!(difference.lines().count(), 1 + ROWS_SHOWN_MAX + 10 + 1, "{difference}");
            assert!(difference.ends_with("- and 4980 more"), "{difference}");
        }
    }
}
