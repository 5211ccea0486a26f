//! Parameters of a shape, under the names that ElectricSQL gives them.

use std::collections::BTreeMap;

use super::error::QueryStringError;
use super::string::QueryString;
use crate::read::suggest::nearest;
use crate::shapes::error::ShapeError;
use crate::shapes::offset::ShapePlace;
use crate::shapes::question::{Replica, ShapeQuestion, view_of_table};
use crate::shapes::shape::ShapeRequest;
use crate::subscriptions::question::SubscriptionRequest;

/// Every parameter but those of `where`.
const PARAMETERS: &[&str] = &[
    "table",
    "columns",
    "where",
    "key",
    "replica",
    "offset",
    "handle",
    "live",
    "cursor",
    "log",
    "expired_handle",
    "cache-buster",
];

/// A part of a shape that is asked for.
pub(crate) struct AskedShape {
    pub(crate) question: SubscriptionRequest<ShapeQuestion>,
    pub(crate) request: ShapeRequest,
    /// the cursor of the live request before
    pub(crate) cursor: Option<String>,
}

/// A reason that a parameter is refused.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub(crate) enum AskedShapeError {
    #[error(transparent)]
    Query(#[from] QueryStringError),
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

impl AskedShape {
    /// Reads the parameters of a request.
    pub(crate) fn of(query: &QueryString<'_>) -> Result<Self, AskedShapeError> {
        let bad = |name, value: &str, expected| ShapeError::BadWord { name, value: value.to_owned(), expected };
        let text = |name| query.one(name).map(|text| text.map(str::to_owned));
        let parameters = where_parameters(query)?;
        let table = query.one("table")?.ok_or_else(|| bad("table", "", "the name of a view"))?;
        let replica = match query.one("replica")? {
            None | Some("default") => Replica::Changed,
            Some("full") => Replica::Full,
            Some(other) => return Err(bad("replica", other, "'default' or 'full'").into()),
        };
        let question =
            ShapeQuestion { condition: text("where")?, parameters, columns: text("columns")?, key: text("key")?, replica };
        let given = query.one("offset")?.unwrap_or("");
        let place: ShapePlace =
            given.parse().map_err(|_| bad("offset", given, "-1, 'now', or the electric-offset of an answer"))?;
        let place = match (query.one("log")?, place) {
            (None | Some("full"), place) => place,
            (Some("changes_only"), ShapePlace::Beginning) => ShapePlace::End,
            (Some("changes_only"), place) => place,
            (Some(other), _) => return Err(bad("log", other, "'full' or 'changes_only'").into()),
        };
        let is_live = match query.one("live")? {
            None | Some("false") => false,
            Some("true") if matches!(place, ShapePlace::Behind(_)) => true,
            Some(other) => return Err(bad("live", other, "'true' with the electric-offset of an answer, or 'false'").into()),
        };
        let handle = text("handle")?;
        if handle.is_none() && matches!(place, ShapePlace::Behind(_)) {
            return Err(bad("handle", "", "the electric-handle of the answer that 'offset' is of").into());
        }
        Ok(Self {
            question: SubscriptionRequest { view: view_of_table(table)?, question, claims: None },
            request: ShapeRequest { place, handle, expired: text("expired_handle")?, is_live },
            cursor: text("cursor")?,
        })
    }
}

/// The values of `params[1]` and so on. No other parameter is left then.
fn where_parameters(query: &QueryString<'_>) -> Result<BTreeMap<usize, String>, QueryStringError> {
    let mut parameters = BTreeMap::new();
    for (name, value) in query.others(PARAMETERS) {
        let number = name.strip_prefix("params[").and_then(|rest| rest.strip_suffix(']')).and_then(|text| text.parse().ok());
        let Some(number) = number else {
            return Err(QueryStringError::UnknownParameter {
                name: name.to_owned(),
                known: format!("{}, params[1]", PARAMETERS.join(", ")),
                suggestion: nearest(name, PARAMETERS.iter().copied()),
            });
        };
        parameters.insert(number, value.to_owned());
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<AskedShape, String> {
        AskedShape::of(&QueryString::parse(Some(text)).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_parameters_of_a_client_are_read() {
        let text = "cache-buster=1-x&columns=%22id%22&cursor=7&expired_handle=h0&handle=h1&live=true&log=full&offset=7_1&params[1]=a&\
                    replica=full&table=public.posts&where=id+%3D+%241";
        let AskedShape { question, request, cursor } = of(text).unwrap();
        assert_eq!((question.view.as_str(), question.question.replica), ("posts", Replica::Full));
        assert_eq!(question.question.condition.as_deref(), Some("id = $1"));
        assert_eq!(question.question.parameters, [(1, "a".to_owned())].into());
        assert!(request.is_live && matches!(request.place, ShapePlace::Behind(_)));
        assert_eq!(
            (request.handle.as_deref(), request.expired.as_deref(), cursor.as_deref()),
            (Some("h1"), Some("h0"), Some("7"))
        );
        let changes = of("table=posts&offset=-1&log=changes_only").unwrap();
        assert_eq!(changes.request.place, ShapePlace::End);
    }

    #[test]
    fn what_is_not_meant_is_refused_by_name() {
        for (text, part) in [
            ("offset=-1", "for 'table'"),
            ("table=a.b&offset=-1", "for 'table'"),
            ("table=posts", "for 'offset'"),
            ("table=posts&offset=1", "for 'offset'"),
            ("table=posts&offset=1_1", "for 'handle'"),
            ("table=posts&offset=-1&live=true", "for 'live'"),
            ("table=posts&offset=-1&replica=all", "for 'replica'"),
            ("table=posts&offset=-1&log=none", "for 'log'"),
            ("table=posts&offset=-1&live_sse=true", "'live_sse' is not a parameter"),
            ("table=posts&offset=-1&subset__limit=1", "'subset__limit' is not a parameter"),
        ] {
            let refused = of(text).err().unwrap();
            assert!(refused.contains(part), "{text}: {refused}");
        }
    }
}
