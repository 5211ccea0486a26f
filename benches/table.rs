//! The table that is printed: what was measured, what was aimed at, and whether that is met.

use std::fmt::Write as _;

/// Goal of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// nothing was aimed at
    None,
    /// at least this
    AtLeast(f64),
    /// at most this
    AtMost(f64),
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// the letter of the section
    pub section: char,
    /// name of the measurement
    pub what: String,
    /// the figure
    pub value: f64,
    /// its unit
    pub unit: &'static str,
    /// its goal
    pub goal: Goal,
}

impl Figure {
    fn met(&self) -> &'static str {
        let met = match self.goal {
            Goal::None => return "",
            Goal::AtLeast(goal) => self.value >= goal,
            Goal::AtMost(goal) => self.value <= goal,
        };
        if met { "yes" } else { "no" }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::None => String::new(),
            Goal::AtLeast(goal) => format!("at least {}", number(goal)),
            Goal::AtMost(goal) => format!("at most {}", number(goal)),
        }
    }
}

/// All figures as a table of Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut out = String::from("| | what | measured | goal | met |\n| --- | --- | ---: | ---: | --- |\n");
    for figure in figures {
        let Figure { section, what, value, unit, .. } = figure;
        let space = if unit.is_empty() { "" } else { " " };
        // Writing to a String can't fail.
        let _ = writeln!(out, "| {section} | {what} | {}{space}{unit} | {} | {} |", number(*value), figure.goal(), figure.met());
    }
    out
}

/// Three digits, thousands apart.
fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    if value < 1_000.0 {
        return format!("{value:.0}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The value that a part of the values is not above; 0 of none.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1) as f64 * part).ceil() as usize;
    values.get(place).copied().unwrap_or(0.0)
}
