//! Graphs as text that other programs draw: Graphviz (`dot`) and Mermaid.
//!
//! Owns [`Diagram`]: boxes with lines of text, and arrows. A lineage or the plan of a view enters; the text leaves, in which no name
//! can end a quotation.

use std::fmt::Write as _;

use schemas::lineage::{Lineage, LineageKind, LineageNode};

use crate::lineage::index_order;

/// Characters after which a line of a box is broken at the next space.
const LINE_CHARACTERS: usize = 48;

/// Kind of a box, shown by its form and colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxKind {
    /// a stream of events
    Source,
    /// a table
    Table,
    /// a view
    View,
    /// an index
    Index,
    /// destination of changes
    Sink,
    /// a step of a plan
    Operator,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// its kind
    pub kind: BoxKind,
    /// its text
    pub lines: Vec<String>,
}

/// Boxes and arrows between them, by the numbers of the boxes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagram {
    /// the boxes
    pub shapes: Vec<Shape>,
    /// from, to
    pub arrows: Vec<(usize, usize)>,
}

impl BoxKind {
    const ALL: [Self; 6] = [Self::Source, Self::Table, Self::View, Self::Index, Self::Sink, Self::Operator];

    fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Table => "table",
            Self::View => "view",
            Self::Index => "index",
            Self::Sink => "sink",
            Self::Operator => "operator",
        }
    }

    /// Fill and line.
    fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Source => ("#e3f1f6", "#2f7f9b"),
            Self::Table => ("#eceaf8", "#6a5fb4"),
            Self::View => ("#e4f3ec", "#2c8560"),
            Self::Index => ("#ffffff", "#8a97a3"),
            Self::Sink => ("#fbeee0", "#b0762c"),
            Self::Operator => ("#f5f6f8", "#8a97a3"),
        }
    }

    fn dot_shape(self) -> &'static str {
        match self {
            Self::Source => "cds",
            Self::Table => "cylinder",
            Self::View | Self::Operator => "box",
            Self::Index => "note",
            Self::Sink => "cds",
        }
    }

    /// Returns the brackets around the quoted text.
    fn mermaid_brackets(self) -> (&'static str, &'static str) {
        match self {
            Self::Source => ("([", "])"),
            Self::Table => ("[(", ")]"),
            Self::View => ("[", "]"),
            Self::Index => (">", "]"),
            Self::Sink => ("[/", "/]"),
            Self::Operator => ("(", ")"),
        }
    }
}

impl Diagram {
    /// Sources, tables, views, indexes and sinks.
    pub fn of(lineage: &Lineage) -> Self {
        let number = |id: &str| lineage.nodes.iter().position(|node| node.id == id);
        let arrows = lineage.edges.iter().filter_map(|edge| Some((number(&edge.from)?, number(&edge.to)?)));
        Self { shapes: lineage.nodes.iter().map(shape).collect(), arrows: arrows.collect() }
    }

    /// For Graphviz: `dot -Tsvg`.
    pub fn to_dot(&self) -> String {
        let mut out = String::from("digraph tidewater {\n  rankdir=LR;\n");
        out.push_str("  node [fontname=\"sans-serif\", fontsize=11, style=\"filled,rounded\"];\n  edge [color=\"#8a97a3\"];\n");
        for (number, Shape { kind, lines }) in self.shapes.iter().enumerate() {
            let label: Vec<String> = wrapped(lines).iter().map(|line| dot_text(line)).collect();
            let (fill, line) = kind.colours();
            let look = format!("shape={}, fillcolor=\"{fill}\", color=\"{line}\"", kind.dot_shape());
            let _ = writeln!(out, "  n{number} [label=\"{}\", {look}];", label.join("\\n"));
        }
        for (from, to) in &self.arrows {
            let _ = writeln!(out, "  n{from} -> n{to};");
        }
        out.push_str("}\n");
        out
    }

    /// For Mermaid, which many pages and editors draw from Markdown.
    pub fn to_mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        for (number, Shape { kind, lines }) in self.shapes.iter().enumerate() {
            let label: Vec<String> = wrapped(lines).iter().map(|line| mermaid_text(line)).collect();
            let (open, close) = kind.mermaid_brackets();
            let _ = writeln!(out, "  n{number}{open}\"{}\"{close}:::{}", label.join("<br/>"), kind.name());
        }
        for (from, to) in &self.arrows {
            let _ = writeln!(out, "  n{from} --> n{to}");
        }
        for kind in BoxKind::ALL.into_iter().filter(|kind| self.shapes.iter().any(|shape| shape.kind == *kind)) {
            let (fill, line) = kind.colours();
            let _ = writeln!(out, "  classDef {} fill:{fill},stroke:{line},color:#1b2733", kind.name());
        }
        out
    }
}

fn shape(node: &LineageNode) -> Shape {
    let (kind, second) = match &node.kind {
        LineageKind::Source { topic } => (BoxKind::Source, format!("topic {topic}")),
        LineageKind::Table { key } => (BoxKind::Table, format!("key {}", key.join(", "))),
        LineageKind::View { materialized: true } => (BoxKind::View, String::new()),
        LineageKind::View { materialized: false } => (BoxKind::View, "not kept".to_owned()),
        LineageKind::Index { .. } => return Shape { kind: BoxKind::Index, lines: vec![index_order(node)] },
        LineageKind::Search { .. } => {
            return Shape { kind: BoxKind::Index, lines: vec![format!("full-text {}", index_order(node))] };
        }
        LineageKind::Sink { target } => (BoxKind::Sink, target.clone()),
    };
    let lines = [node.name.clone(), second].into_iter().filter(|line| !line.is_empty()).collect();
    Shape { kind, lines }
}

/// Lines that are long are broken at spaces.
fn wrapped(lines: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    for line in lines {
        let mut current = String::new();
        for word in line.split_whitespace() {
            if !current.is_empty() && current.chars().count() + word.chars().count() >= LINE_CHARACTERS {
                out.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        out.push(current);
    }
    out
}

/// Within quotation marks of Graphviz.
fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Within quotation marks of Mermaid, which knows no escapes but entities.
fn mermaid_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' => {
                let _ = write!(out, "#{};", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagram(line: &str) -> Diagram {
        let shape = |kind, line: &str| Shape { kind, lines: vec![line.to_owned()] };
        Diagram { shapes: vec![shape(BoxKind::Source, line), shape(BoxKind::View, "v")], arrows: vec![(0, 1)] }
    }

    #[test]
    fn no_name_ends_its_quotation() {
        let wicked = diagram("a\"];\\ --> `#<b>");
        assert!(wicked.to_dot().contains(r#"n0 [label="a\"];\\ --> `#<b>", shape=cds"#), "{}", wicked.to_dot());
        assert!(
            wicked.to_mermaid().contains(r#"n0(["a#34;];#92; --#62; #96;#35;#60;b#62;"]):::source"#),
            "{}",
            wicked.to_mermaid()
        );
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        let words = vec!["word"; 30].join(" ");
        let lines = wrapped(&[words.clone()]);
        assert!(lines.len() == 4 && lines.iter().all(|line| line.len() <= LINE_CHARACTERS), "{lines:?}");
        assert_eq!(lines.join(" "), words);
    }

    #[test]
    fn only_the_forms_that_occur_are_defined() {
        let text = diagram("s").to_mermaid();
        assert!(text.contains("classDef source") && text.contains("classDef view") && !text.contains("classDef table"), "{text}");
        assert!(text.contains("n0 --> n1"), "{text}");
    }
}
