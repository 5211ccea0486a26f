//! The display of a running demo: events, rate, lag, and the rows of each view.
//!
//! [`DemoFigures`] enter; a table that is redrawn in place leaves, or single lines now and then where the output is not a terminal.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::{grouped, print_text};

/// Interval at which a terminal is redrawn.
pub const REDRAW_INTERVAL: Duration = Duration::from_millis(500);
/// Interval at which a line is printed where the output is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Columns that views are listed in.
const VIEW_COLUMNS: usize = 2;

/// Figures of a running demo: everything that its display has in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DemoFigures {
    /// current phase, in a few words
    pub phase: String,
    /// events taken since the start
    pub events: u64,
    /// events in the log that no view shows yet
    pub lag_records: u64,
    /// age of the oldest of them
    pub lag: Duration,
    /// duration of the last epoch
    pub epoch: Duration,
    /// rows of each view, by name
    pub views: Vec<(String, u64)>,
}

/// The table or the lines.
pub struct Progress {
    terminal: Option<ProgressBar>,
    last_line: Option<Instant>,
    last: (Instant, u64),
}

impl Progress {
    /// A display that has drawn nothing yet.
    pub fn new() -> Self {
        let terminal = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self { terminal, last_line: None, last: (Instant::now(), 0) }
    }

    /// Draws the figures; call it as often as [`REDRAW_INTERVAL`].
    pub fn draw(&mut self, figures: &DemoFigures) {
        let now = Instant::now();
        if self.terminal.is_none() && self.last_line.is_some_and(|last| now - last < LINE_INTERVAL) {
            return;
        }
        let elapsed = (now - self.last.0).as_secs_f64().max(f64::EPSILON);
        let rate = figures.events.saturating_sub(self.last.1) as f64 / elapsed;
        self.last = (now, figures.events);
        match &self.terminal {
            Some(bar) => bar.set_message(table(figures, rate)),
            None => {
                self.last_line = Some(now);
                self.print(&line(figures, rate));
            }
        }
    }

    /// Prints text above the table.
    pub fn print(&self, text: &str) {
        match &self.terminal {
            Some(bar) => bar.suspend(|| print_text(text)),
            None => print_text(text),
        }
    }

    /// Leaves the last table on the terminal and stops redrawing.
    pub fn finish(&self) {
        if let Some(bar) = &self.terminal {
            bar.abandon();
        }
    }
}

fn line(figures: &DemoFigures, rate: f64) -> String {
    format!(
        "{}: {} events, {}/s, lag {} records, {} ms, epoch {} ms, {} rows in {} views",
        figures.phase,
        grouped(figures.events),
        grouped(rate as u64),
        grouped(figures.lag_records),
        figures.lag.as_millis(),
        milliseconds(figures.epoch),
        grouped(figures.views.iter().map(|(_, rows)| rows).sum()),
        figures.views.len(),
    )
}

fn table(figures: &DemoFigures, rate: f64) -> String {
    let mut text = format!(
        "\n  {}\n\n  events {:>14}    {:>9}/s\n  lag    {:>14}    {:>9} ms\n  epoch  {:>14}    {:>9} ms\n\n",
        figures.phase,
        grouped(figures.events),
        grouped(rate as u64),
        grouped(figures.lag_records),
        figures.lag.as_millis(),
        "",
        milliseconds(figures.epoch),
    );
    let width = figures.views.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let rows = figures.views.len().div_ceil(VIEW_COLUMNS);
    for row in 0..rows {
        for (name, count) in (0..VIEW_COLUMNS).filter_map(|column| figures.views.get(row + column * rows)) {
            text.push_str(&format!("  {name:<width$} {:>12}  ", grouped(*count)));
        }
        text.push('\n');
    }
    text
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> DemoFigures {
        DemoFigures {
            phase: "live".into(),
            events: 1_234_567,
            lag_records: 12,
            lag: Duration::from_millis(7),
            epoch: Duration::from_micros(2_340),
            views: vec![("posts".into(), 1_000), ("following_feed".into(), 2_345_678), ("unread".into(), 0)],
        }
    }

    #[test]
    fn the_line_says_all_in_one() {
        assert_eq!(
            line(&figures(), 1999.6),
            "live: 1,234,567 events, 1,999/s, lag 12 records, 7 ms, epoch 2.3 ms, 2,346,678 rows in 3 views"
        );
    }

    #[test]
    fn the_table_lists_every_view_in_columns_that_line_up() {
        let table = table(&figures(), 0.0);
        let lines: Vec<&str> = table.lines().filter(|line| line.contains("posts") || line.contains("following_feed")).collect();
        assert_eq!(lines, ["  posts                 1,000    unread                    0  ", "  following_feed    2,345,678  "]);
    }
}
