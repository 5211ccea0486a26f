//! Operations of paths as they are described: who may ask, with which parameters and bodies, and which answers there are.
//!
//! Owns [`DescribedPath`], by which the table of routes names each path, so that an endpoint without a description does not compile.

use serde_json::{Map, Value, json};

use super::schema::{component, described};

/// Statuses that requests to all paths may get: the limits of addresses and headers, a foreign host, and a server that has no time.
const OF_ALL: [u16; 4] = [414, 421, 431, 503];
/// The status of a client beyond its limits.
const TOO_MANY: u16 = 429;

/// A path of the API and its operations.
pub(crate) struct DescribedPath {
    path: &'static str,
    operations: fn() -> Vec<DescribedOperation>,
}

impl DescribedPath {
    /// A path as the router takes it.
    pub(super) const fn new(path: &'static str, operations: fn() -> Vec<DescribedOperation>) -> Self {
        Self { path, operations }
    }

    /// The path, with the names of its parts in braces.
    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    /// The operations of the path, one for each method.
    pub(super) fn operations(&self) -> Vec<DescribedOperation> {
        (self.operations)()
    }
}

/// Callers of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// everybody; a token is not looked at
    Everybody,
    /// everybody; a token shows more
    Readers,
    /// whoever has a token
    Holders,
    /// whoever may send events
    Senders,
    /// operators
    Operators,
}

/// One method of a path.
pub(super) struct DescribedOperation {
    method: &'static str,
    audience: Audience,
    is_limited: bool,
    json: Value,
}

impl DescribedOperation {
    /// `GET`.
    pub(super) fn get(id: &str, tag: &str, summary: &str) -> Self {
        Self::new("get", id, tag, summary)
    }

    /// `POST`.
    pub(super) fn post(id: &str, tag: &str, summary: &str) -> Self {
        Self::new("post", id, tag, summary).problems(&[403])
    }

    /// `DELETE`.
    pub(super) fn delete(id: &str, tag: &str, summary: &str) -> Self {
        Self::new("delete", id, tag, summary).problems(&[403])
    }

    fn new(method: &'static str, id: &str, tag: &str, summary: &str) -> Self {
        let json = json!({ "operationId": id, "tags": [tag], "summary": summary, "parameters": [], "responses": {} });
        Self { method, audience: Audience::Everybody, is_limited: true, json }
    }

    /// Its method in lower case.
    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    /// Says who may ask.
    pub(super) fn to(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    /// Marks what works under load too, as health checks do.
    pub(super) fn unlimited(mut self) -> Self {
        self.is_limited = false;
        self
    }

    /// Says more than the summary.
    pub(super) fn words(mut self, words: &str) -> Self {
        self.json["description"] = words.into();
        self
    }

    /// Adds parameters.
    pub(super) fn with(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        if let Value::Array(known) = &mut self.json["parameters"] {
            known.extend(parameters);
        }
        self
    }

    /// Takes a body in one of these media types.
    pub(super) fn body(mut self, is_required: bool, contents: &[(&str, Value)]) -> Self {
        self.json["requestBody"] = json!({ "required": is_required, "content": content(contents) });
        self
    }

    /// Adds an answer.
    pub(super) fn answers(mut self, status: u16, answer: Value) -> Self {
        self.json["responses"][status.to_string()] = answer;
        self
    }

    /// Adds problems.
    pub(super) fn problems(mut self, statuses: &[u16]) -> Self {
        for status in statuses {
            self.json["responses"][status.to_string()] = component(&format!("responses/Problem{status}"));
        }
        self
    }

    /// The operation as the document has it, with what is true of all of them.
    pub(super) fn into_json(self, scopes: &Scopes<'_>) -> Value {
        let audience = self.audience;
        let is_limited = self.is_limited;
        let of_all = self.problems(&OF_ALL);
        let limited = if is_limited { of_all.problems(&[TOO_MANY]) } else { of_all };
        let mut secured = match audience {
            Audience::Everybody => limited,
            Audience::Readers | Audience::Holders => limited.problems(&[401]),
            Audience::Senders | Audience::Operators => limited.problems(&[401, 403]),
        };
        secured.json["security"] = security(audience, scopes);
        secured.json
    }
}

/// Scopes that an operator has configured; none where no token is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scopes<'a> {
    /// the one that sends events
    pub(crate) senders: Option<&'a str>,
    /// the one that operates the server
    pub(crate) operators: Option<&'a str>,
}

/// The tokens of which one is asked for; an empty one means that none is needed.
fn security(audience: Audience, scopes: &Scopes<'_>) -> Value {
    let scoped = |scope: Option<&str>| match scope {
        Some(scope) => json!([{ "bearer": [scope] }]),
        None => json!([{}, { "bearer": [] }]),
    };
    match audience {
        Audience::Everybody => json!([]),
        Audience::Readers => json!([{}, { "bearer": [] }]),
        Audience::Holders => json!([{ "bearer": [] }]),
        Audience::Senders => scoped(scopes.senders),
        Audience::Operators => scoped(scopes.operators),
    }
}

fn content(contents: &[(&str, Value)]) -> Value {
    let contents: Map<String, Value> =
        contents.iter().map(|(kind, schema)| ((*kind).to_owned(), json!({ "schema": schema }))).collect();
    contents.into()
}

/// A parameter of the query.
pub(super) fn query(name: &str, schema: Value, words: &str) -> Value {
    json!({ "name": name, "in": "query", "schema": schema, "description": words })
}

/// A parameter of the query whose values are separated by commas.
pub(super) fn query_list(name: &str, items: Value, words: &str) -> Value {
    let schema = json!({ "type": "array", "items": items, "minItems": 1, "uniqueItems": true });
    json!({ "name": name, "in": "query", "style": "form", "explode": false, "schema": schema, "description": words })
}

/// A header of a request.
pub(super) fn header(name: &str, schema: Value, words: &str) -> Value {
    json!({ "name": name, "in": "header", "schema": schema, "description": words })
}

/// A part of the path.
pub(super) fn in_path(name: &str, schema: Value, words: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": schema, "description": words })
}

/// An answer with a body of one of these media types.
pub(super) fn answer(words: &str, contents: &[(&str, Value)]) -> Value {
    json!({ "description": words, "content": content(contents) })
}

/// An answer in JSON.
pub(super) fn json_answer(words: &str, schema: Value) -> Value {
    answer(words, &[("application/json", schema)])
}

/// An answer in JSON that shows the views at a position.
pub(super) fn positioned(words: &str, schema: Value) -> Value {
    with_headers(json_answer(words, schema), &["Tidewater-Position"])
}

/// The answer with headers that are components.
pub(super) fn with_headers(mut answer: Value, names: &[&str]) -> Value {
    for name in names {
        answer["headers"][*name] = component(&format!("headers/{name}"));
    }
    answer
}

/// A header of an answer that is a component.
pub(super) fn answer_header(is_required: bool, schema: Value, words: &str) -> Value {
    described(json!({ "required": is_required, "schema": schema }), words)
}
