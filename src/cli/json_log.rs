//! Log lines for programs: a JSON object each.
//!
//! Owns [`JsonLines`] and [`JsonFields`]. An event enters; its fields leave beside `timestamp`, `level` and `target`, as collectors of logs expect
//! them, and the fields of the request that it belongs to in `span`. The format of `tracing-subscriber` would do the same, with other features
//! of crates that most of the others are built on.

use std::fmt::{self, Debug};
use std::time::SystemTime;

use schemas::time::{timestamp_text, unix_micros};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes events.
pub(super) struct JsonLines;

/// Writes the fields of spans.
pub(super) struct JsonFields;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn format_event(&self, context: &FmtContext<'_, S, JsonFields>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut members = Members::default();
        event.record(&mut members);
        let metadata = event.metadata();
        let timestamp = timestamp_text(unix_micros(SystemTime::now()));
        let own = [("timestamp", timestamp), ("level", metadata.level().to_string()), ("target", metadata.target().to_owned())];
        members.0.extend(own.map(|(name, value)| (name.to_owned(), Value::String(value))));
        if let Some(span) = context.lookup_current() {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>();
            // It was written below.
            let fields = fields.and_then(|fields| serde_json::from_str(&fields.fields).ok());
            members.0.extend(fields.map(|fields: Value| ("span".to_owned(), fields)));
        }
        writeln!(writer, "{}", Value::Object(members.0))
    }
}

impl<'w> FormatFields<'w> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut members = Members::default();
        fields.record(&mut members);
        write!(writer, "{}", Value::Object(members.0))
    }
}

/// Fields as members of an object. Numbers that JSON has not are texts.
#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Members {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match serde_json::Number::from_f64(value) {
            Some(number) => self.add(field, number),
            None => self.add(field, value.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Sender, channel};

    use serde_json::json;

    use super::*;

    /// Takes lines of a log.
    struct LinesWriter(Sender<Vec<u8>>);

    impl io::Write for LinesWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map(|()| bytes.len()).map_err(io::Error::other)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_object_with_its_fields_and_those_of_its_span() {
        let (lines, taken) = channel();
        let log = tracing_subscriber::fmt().fmt_fields(JsonFields).event_format(JsonLines);
        let log = log.with_writer(move || LinesWriter(lines.clone())).finish();
        tracing::subscriber::with_default(log, || {
            let span = tracing::error_span!("request", trace_id = %"0af7", parts = 2);
            span.in_scope(
                || tracing::warn!(target: "t", count = 3_u64, ratio = 0.5, never = f64::NAN, is = true, why = %"a \"b\"\n", "so"),
            );
            tracing::info!("alone");
        });
        let mut objects = taken.try_iter().map(|line| serde_json::from_slice::<Value>(&line).unwrap());
        let mut first = objects.next().unwrap();
        let timestamp = first["timestamp"].take();
        assert!(timestamp.as_str().unwrap().ends_with('Z'), "{timestamp}");
        let expected = json!({
            "timestamp": null, "level": "WARN", "target": "t", "message": "so", "count": 3, "ratio": 0.5, "never": "NaN", "is": true,
            "why": "a \"b\"\n", "span": { "trace_id": "0af7", "parts": 2 },
        });
        assert_eq!(first, expected);
        let second = objects.next().unwrap();
        assert_eq!((&second["message"], &second["span"], objects.next()), (&json!("alone"), &Value::Null, None));
    }
}
