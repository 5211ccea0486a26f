//! The two formats of metrics, the choice between them by `Accept`, and the older one made of the newer one.

use axum::http::{HeaderMap, header};

/// A format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsFormat {
    /// Prometheus's text format 0.0.4, which every scraper reads
    Text,
    /// OpenMetrics 1.0.0
    OpenMetrics,
}

impl MetricsFormat {
    /// Its media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Returns the format that a request prefers: OpenMetrics if it names it, and nothing that is text more.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let (mut open_metrics, mut text) = (0.0, 0.0);
        for range in values.flat_map(|value| value.split(',')) {
            let (name, quality) = media_range(range);
            match name.as_str() {
                "application/openmetrics-text" => open_metrics = quality.max(open_metrics),
                "text/plain" | "text/*" | "*/*" => text = quality.max(text),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= text { Self::OpenMetrics } else { Self::Text }
    }
}

/// The name of a media range and its quality, which is 1 where it says none, and 0 where it is no number.
fn media_range(range: &str) -> (String, f64) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality =
        quality.map_or(1.0, |quality| quality.parse().ok().filter(|quality| (0.0..=1.0).contains(quality)).unwrap_or(0.0));
    (name, quality)
}

/// Makes Prometheus's text format of OpenMetrics: counters are described by the name that their samples have, and there are neither units
/// nor a line that ends everything.
pub(super) fn as_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + open_metrics.len() / 8);
    let mut help = None;
    for line in open_metrics.lines() {
        if line.starts_with("# HELP ") {
            // Its name depends on the type, which follows.
            help = Some(line);
            continue;
        }
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|described| described.split_once(' ')) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            let kind = if kind == "unknown" { "untyped" } else { kind };
            if let Some(words) = help.take().and_then(|help| help.strip_prefix("# HELP ")?.strip_prefix(name)) {
                text.extend(["# HELP ", name, suffix, words, "\n"]);
            }
            text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn open_metrics_is_answered_to_those_who_prefer_it() {
        let of = |accept: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(header::ACCEPT, HeaderValue::from_static(value));
            }
            MetricsFormat::of(&headers)
        };
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for accept in
            [&[prometheus][..], &["application/openmetrics-text"], &["text/html", "Application/OpenMetrics-Text, */*;q=0.1"]]
        {
            assert_eq!(of(accept), MetricsFormat::OpenMetrics, "{accept:?}");
        }
        let text = [
            &[][..],
            &["*/*"],
            &["text/plain"],
            &["application/json"],
            &["application/openmetrics-text;q=0, text/plain"],
            &["application/openmetrics-text;q=0.3, text/plain;version=0.0.4;q=0.5"],
            &["application/openmetrics-text;q=x"],
        ];
        for accept in text {
            assert_eq!(of(accept), MetricsFormat::Text, "{accept:?}");
        }
    }

    #[test]
    fn counters_are_described_by_the_names_of_their_samples_and_units_are_left_out() {
        let open_metrics = "# HELP a_seconds Time of a.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total{b=\"# EOF\"} 1\n\
                            # HELP c C.\n# TYPE c gauge\nc 2.0\n# HELP d D.\n# TYPE d unknown\nd 1\n# EOF\n";
        let text = "# HELP a_seconds_total Time of a.\n# TYPE a_seconds_total counter\na_seconds_total{b=\"# EOF\"} 1\n\
                    # HELP c C.\n# TYPE c gauge\nc 2.0\n# HELP d D.\n# TYPE d untyped\nd 1\n";
        assert_eq!(as_text(open_metrics), text);
    }
}
