//! The page to look at, embedded in the program.
//!
//! It holds no data: what it shows it asks of the API, with the token of whoever looks.

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page.
pub(crate) struct ConsoleFile {
    name: &'static str,
    /// its media type
    pub(crate) content_type: &'static str,
    /// its text
    pub(crate) text: &'static str,
}

const fn of(name: &'static str, content_type: &'static str, text: &'static str) -> ConsoleFile {
    ConsoleFile { name, content_type, text }
}

/// The page itself.
pub(crate) const PAGE: ConsoleFile = of("index.html", HTML, include_str!("index.html"));

/// The files that it loads.
static FILES: [ConsoleFile; 14] = [
    of("api.js", JAVASCRIPT, include_str!("api.js")),
    of("console.css", CSS, include_str!("console.css")),
    of("dom.js", JAVASCRIPT, include_str!("dom.js")),
    of("graph.js", JAVASCRIPT, include_str!("graph.js")),
    of("hits.js", JAVASCRIPT, include_str!("hits.js")),
    of("icon.svg", SVG, include_str!("icon.svg")),
    of("layout.js", JAVASCRIPT, include_str!("layout.js")),
    of("letters.js", JAVASCRIPT, include_str!("letters.js")),
    of("live.js", JAVASCRIPT, include_str!("live.js")),
    of("main.js", JAVASCRIPT, include_str!("main.js")),
    of("relation.js", JAVASCRIPT, include_str!("relation.js")),
    of("rows.js", JAVASCRIPT, include_str!("rows.js")),
    of("search.js", JAVASCRIPT, include_str!("search.js")),
    of("why.js", JAVASCRIPT, include_str!("why.js")),
];

/// A file that the page loads.
pub(crate) fn file(name: &str) -> Option<&'static ConsoleFile> {
    FILES.iter().find(|file| file.name == name)
}
