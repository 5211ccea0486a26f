//! Statement by statement, from an empty topology to a whole one.
//!
//! Owns [`Builder`]: the names that are taken, who depends on whom, and what each kind of statement adds or takes away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast;
use operators::dedup::DEDUPLICATION_WINDOW_MICROS;
use schemas::catalogue::catalogue;
use schemas::field::FieldKind;
use schemas::serving::{Access, Column, Index, IndexColumn, Policy, SearchIndex, View};

use crate::diagnostic::{Diagnostic, suggestion};
use schemas::event::Encoding;

use crate::parse::{
    self, ColumnDefinition, DropKind, MergeClause, Name, SearchOptions, SinkFormat, SinkTarget, Statement, StatementKind,
};
use crate::plan::functions::interval_micros;
use crate::plan::graph::{NodeColumn, NodeId, Operator};
use crate::plan::lower::{Lowering, Scans, check_types, node_column};
use crate::plan::merge::{Merge, MergeContext, plan_clause, plan_key};
use crate::plan::rewrite::{RewriteError, SessionCall, relations, rewrite_expression, rewrite_query};
use crate::plan::sink::{self, DeclaredSink};
use crate::plan::sql::{Relations, declared_type};
use crate::plan::unique::key_of;
use crate::plan::{policy, search, temporal};
use crate::topology::{Declaration, RelationKind, Served, Source, Table, Topology, place};

/// Partitions of a topic unless the source says otherwise.
pub const PARTITIONS_DEFAULT: u32 = 4;

type Outcome<T> = Result<T, Box<Diagnostic>>;

/// What a name stands for.
#[derive(Clone, Debug)]
struct Relation {
    kind: RelationKind,
    node: NodeId,
    names: Vec<String>,
    reads: BTreeSet<String>,
    indexes: Vec<Index>,
    searches: Vec<SearchIndex>,
    policies: Vec<(String, Policy)>,
    granted: bool,
}

/// Collects statements into a topology.
#[derive(Default)]
pub struct Builder {
    topology: Topology,
    sql: Relations,
    scans: Scans,
    relations: BTreeMap<String, Relation>,
    sinks: BTreeMap<String, DeclaredSink>,
    payload_columns: BTreeSet<String>,
}

impl Builder {
    /// Applies one statement.
    pub fn add(&mut self, statement: &Statement) -> Outcome<()> {
        match &statement.kind {
            StatementKind::CreateSource { name, .. } => {
                self.refuse_taken(name)?;
                self.create_source(statement)
            }
            StatementKind::CreateTable { name, columns, primary_key } => {
                self.refuse_taken(name)?;
                self.create_table(name, columns, primary_key)
            }
            StatementKind::Merge { .. } => self.merge(statement),
            StatementKind::CreateView { name, materialized, columns, query } => {
                self.refuse_taken(name)?;
                self.create_view(statement, name, *materialized, columns, query)
            }
            StatementKind::CreateIndex { name, view, columns, limit } => self.create_index(name.as_ref(), view, columns, *limit),
            StatementKind::CreateSearchIndex { name, view, searched, included, options } => {
                self.create_search_index(statement, name.as_ref(), view, (searched, included), options)
            }
            StatementKind::CreatePolicy { name, view, using } => self.create_policy(statement, name, view, using),
            StatementKind::Grant { views } => views.iter().try_for_each(|view| {
                self.servable(view)?.granted = true;
                Ok(())
            }),
            StatementKind::CreateSink { name, view, target, format } => self.create_sink(name, view, target, format),
            StatementKind::Drop { kind, name, if_exists } => self.drop(*kind, name, *if_exists),
        }
    }

    /// The topology, once every statement was applied.
    pub fn finish(mut self) -> Topology {
        for (name, relation) in &self.relations {
            self.topology.relations.insert(name.clone(), relation.node);
            self.topology.declarations.insert(name.clone(), self.declaration(relation));
            let is_followed = self.sinks.values().any(|sink| &sink.view == name);
            let has_indexes = !relation.indexes.is_empty() || !relation.searches.is_empty();
            let kept = has_indexes || relation.kind == RelationKind::MaterializedView || is_followed;
            if !kept || matches!(relation.kind, RelationKind::Source | RelationKind::View) {
                continue;
            }
            let columns = match self.topology.graph.served_columns(relation.node, &relation.names) {
                Ok(columns) => columns,
                Err(_) => continue,
            };
            let mut indexes = relation.indexes.clone();
            if indexes.is_empty() {
                let columns = (0..relation.names.len()).map(|column| IndexColumn { column, descending: false }).collect();
                indexes.push(Index { name: format!("{name}_rows"), columns, limit: None });
            }
            let access = match (relation.granted, relation.policies.is_empty()) {
                (true, _) => Access::Public,
                (false, true) => Access::Denied,
                (false, false) => Access::Policies(relation.policies.iter().map(|(_, policy)| policy.clone()).collect()),
            };
            for mut index in relation.searches.iter().cloned() {
                search::guard(&mut index, &access);
                self.topology.searches.push(index);
            }
            let view = View { name: name.clone(), columns, indexes, access };
            self.topology.served.push(Served { view, node: relation.node });
        }
        self.topology.sinks = self.sinks.into_values().collect();
        self.topology
    }

    fn declaration(&self, relation: &Relation) -> Declaration {
        let Relation { kind, node, names, reads, .. } = relation;
        let types = self.topology.graph.nodes[*node].columns.iter().map(|column| FieldKind::of(&column.data_type));
        let column = |(name, kind): (&String, Option<FieldKind>)| Some(Column { name: name.clone(), kind: kind? });
        Declaration { kind: *kind, columns: names.iter().zip(types).filter_map(column).collect(), reads: reads.clone() }
    }

    fn refuse_taken(&self, name: &Name) -> Outcome<()> {
        if self.relations.contains_key(&name.text) {
            return fail(name, format!("'{}' already exists", name.text), "choose another name, or DROP it first");
        }
        Ok(())
    }

    fn relation(&mut self, name: &Name) -> Outcome<&mut Relation> {
        if !self.relations.contains_key(&name.text) {
            let hint = suggestion(&name.text, self.relations.keys().map(String::as_str));
            let help = hint.map_or("it must be created before it is used".to_owned(), |near| format!("did you mean '{near}'?"));
            return fail(name, format!("relation '{}' does not exist", name.text), help);
        }
        self.relations.get_mut(&name.text).ok_or_else(|| Box::new(Diagnostic::new(name.location.clone(), "the relation is gone")))
    }

    /// A relation that can have indexes, policies and grants.
    fn servable(&mut self, name: &Name) -> Outcome<&mut Relation> {
        let relation = self.relation(name)?;
        match relation.kind {
            RelationKind::Table | RelationKind::MaterializedView => Ok(relation),
            RelationKind::View => {
                fail(name, format!("'{}' is a view that is not kept", name.text), "declare it with CREATE MATERIALIZED VIEW")
            }
            RelationKind::Source => fail(
                name,
                format!("'{}' is a source: its events are not kept as rows", name.text),
                "fold it into a table or select from it in a materialized view",
            ),
        }
    }

    fn insert(&mut self, name: &str, kind: RelationKind, node: NodeId, names: Vec<String>, reads: BTreeSet<String>) {
        let fields: Vec<Field> = self.topology.graph.nodes[node]
            .columns
            .iter()
            .zip(&names)
            .map(|(column, name)| Field::new(name, column.data_type.clone(), column.nullable))
            .collect();
        self.sql.add(name, Arc::new(Schema::new(fields)));
        self.scans.insert(name.to_owned(), node);
        let relation = Relation {
            kind,
            node,
            names,
            reads,
            indexes: Vec::new(),
            searches: Vec::new(),
            policies: Vec::new(),
            granted: false,
        };
        self.relations.insert(name.to_owned(), relation);
    }

    fn create_source(&mut self, statement: &Statement) -> Outcome<()> {
        let StatementKind::CreateSource {
            name,
            topic,
            topic_location,
            message,
            message_location,
            encoding,
            partitions,
            deduplication,
            retention,
            ..
        } = &statement.kind
        else {
            return Ok(());
        };
        let topics = catalogue().topics();
        let Some(schema) = catalogue().message(message) else {
            let hint = suggestion(message, topics.iter().map(|topic| topic.message.as_str()));
            let diagnostic =
                Diagnostic::new(message_location.clone(), format!("message '{message}' is not in the event catalogue"));
            return Err(Box::new(match hint {
                Some(near) => diagnostic.with_help(format!("did you mean '{near}'?")),
                None => diagnostic,
            }));
        };
        if &schema.topic != topic {
            let text = format!("topic '{topic}' does not carry '{message}'");
            let help = format!("the events of '{message}' are in topic '{}'", schema.topic);
            return Err(Box::new(Diagnostic::new(topic_location.clone(), text).with_help(help)));
        }
        if let Some(other) = self.topology.source_of_topic(topic) {
            let text = format!("topic '{topic}' is already read by source '{}'", other.name);
            return Err(Box::new(
                Diagnostic::new(topic_location.clone(), text).with_help("one source for a topic is enough: use that one"),
            ));
        }
        self.topology.sources.push(Source {
            name: name.text.clone(),
            schema,
            encoding: match encoding {
                parse::Encoding::Json => Encoding::Json,
                parse::Encoding::Protobuf => Encoding::Protobuf,
            },
            partitions: partitions.unwrap_or(PARTITIONS_DEFAULT),
            deduplication_micros: deduplication.unwrap_or(DEDUPLICATION_WINDOW_MICROS),
        });
        let columns: Vec<NodeColumn> =
            schema.columns.iter().map(|column| node_column(&column.name, &column.data_type, column.nullable)).collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        self.payload_columns.extend(names.iter().filter(|name| name.contains('.')).cloned());
        let number = self.topology.sources.len() - 1;
        let node = self.topology.graph.leaf(Operator::Source(number), columns, true, Some(name.text.clone()));
        let node = match retention {
            None => node,
            Some(micros) => self.retain(node, &names, *micros).map_err(|error| place(statement, &error))?,
        };
        self.insert(&name.text, RelationKind::Source, node, names, BTreeSet::new());
        Ok(())
    }

    /// Events younger than the retention, by the wall clock.
    fn retain(&mut self, node: NodeId, names: &[String], micros: i64) -> Result<NodeId> {
        let columns = &self.topology.graph.nodes[node].columns;
        let fields: Vec<Field> =
            columns.iter().zip(names).map(|(column, name)| Field::new(name, column.data_type.clone(), column.nullable)).collect();
        let condition = self.sql.plan_expression(retention_condition(micros)?, &[("source", &Schema::new(fields.clone()))])?;
        let schema = datafusion_common::DFSchema::try_from_qualified_schema("source", &Schema::new(fields))?;
        temporal::lower(&mut self.topology.graph, node, &[condition], &schema)
    }

    fn create_table(&mut self, name: &Name, definitions: &[ColumnDefinition], primary_key: &[Name]) -> Outcome<()> {
        let mut columns: Vec<NodeColumn> = Vec::with_capacity(definitions.len());
        for definition in definitions {
            let Some(data_type) = declared_type(&definition.data_type) else {
                let text = format!("type '{}' is not supported for column '{}'", definition.data_type, definition.name.text);
                let help = "use BIGINT, INTEGER, SMALLINT, BOOLEAN, DOUBLE PRECISION, NUMERIC(p, s), TEXT, BYTEA, TIMESTAMPTZ, DATE, or a list such as TEXT[]";
                return Err(Box::new(Diagnostic::new(definition.data_type_location.clone(), text).with_help(help)));
            };
            if columns.iter().any(|column| column.name == definition.name.text) {
                return fail(
                    &definition.name,
                    format!("column '{}' is declared twice", definition.name.text),
                    "remove one of them",
                );
            }
            columns.push(NodeColumn { name: definition.name.text.clone(), data_type, nullable: !definition.not_null });
        }
        let mut key = Vec::with_capacity(primary_key.len());
        for part in primary_key {
            let Some(column) = columns.iter().position(|column| column.name == part.text) else {
                return fail(part, format!("column '{}' of the primary key does not exist", part.text), "declare it as a column");
            };
            columns[column].nullable = false;
            key.push(column);
        }
        let not_null = columns.iter().map(|column| !column.nullable).collect();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let number = self.topology.tables.len();
        self.topology.tables.push(Table {
            name: name.text.clone(),
            columns: columns.clone(),
            not_null,
            primary_key: key,
            merge: None,
        });
        let node = self.topology.graph.leaf(Operator::Table(number), columns, false, None);
        self.insert(&name.text, RelationKind::Table, node, names, BTreeSet::new());
        Ok(())
    }

    fn merge(&mut self, statement: &Statement) -> Outcome<()> {
        let StatementKind::Merge { table, target_alias, source, source_alias, on, clauses } = &statement.kind else {
            return Ok(());
        };
        if self.relation(table)?.kind != RelationKind::Table {
            return fail(table, format!("'{}' is not a table", table.text), "MERGE INTO takes a relation made by CREATE TABLE");
        }
        if self.relation(source)?.kind != RelationKind::Source {
            return fail(source, format!("'{}' is not a source", source.text), "USING takes a relation made by CREATE SOURCE");
        }
        let (Some(number), Some(source_number)) = (
            self.topology.tables.iter().position(|other| other.name == table.text),
            self.topology.sources.iter().position(|other| other.name == source.text),
        ) else {
            return fail(table, format!("'{}' can't be merged into", table.text), "create the table and the source first");
        };
        if self.topology.tables[number].merge.is_some() {
            return fail(
                table,
                format!("table '{}' already has a MERGE", table.text),
                "put all WHEN clauses into one MERGE: the order of events is only known within one source",
            );
        }
        let aliases = (target_alias.as_ref().unwrap_or(table).text.clone(), source_alias.as_ref().unwrap_or(source).text.clone());
        let merge = self.plan_merge(statement, number, source_number, (&aliases.0, &aliases.1), on, clauses)?;
        self.topology.tables[number].merge = Some(merge);
        self.relation(table)?.reads.insert(source.text.clone());
        Ok(())
    }

    fn plan_merge(
        &self,
        statement: &Statement,
        table: usize,
        source: usize,
        (target, event): (&str, &str),
        on: &ast::Expr,
        clauses: &[MergeClause],
    ) -> Outcome<Merge> {
        let table = &self.topology.tables[table];
        let fields =
            table.columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true)).collect::<Vec<_>>();
        let target_schema = Schema::new(fields);
        let event_schema = self.topology.sources[source].schema.arrow_schema();
        let context = MergeContext {
            relations: &self.sql,
            target: (target, &target_schema),
            event: (event, &event_schema),
            columns: &table.columns,
            primary_key: &table.primary_key,
        };
        let at = |error| place(statement, &error);
        let mut on = on.clone();
        self.rewrite(statement, &mut on)?;
        let key = plan_key(&context, &on).map_err(at)?;
        let mut fields = Vec::new();
        let mut planned = Vec::with_capacity(clauses.len());
        for clause in clauses {
            let mut clause = clause.clone();
            self.rewrite_clause(statement, &mut clause)?;
            let located = |error| {
                let mut diagnostic = place(statement, &error);
                if diagnostic.location == statement.location {
                    diagnostic.location = clause.location.clone();
                }
                diagnostic
            };
            planned.push(plan_clause(&context, &clause, &mut fields).map_err(located)?);
        }
        Ok(Merge { source, key, fields, clauses: planned })
    }

    fn rewrite_clause(&self, statement: &Statement, clause: &mut MergeClause) -> Outcome<()> {
        use crate::parse::MergeAction;
        let values: Vec<&mut ast::Expr> = match &mut clause.action {
            MergeAction::Insert { values, .. } => values.iter_mut().collect(),
            MergeAction::Update(assignments) => assignments.iter_mut().map(|(_, value)| value).collect(),
            MergeAction::Delete | MergeAction::DoNothing => Vec::new(),
        };
        for expression in values.into_iter().chain(clause.condition.as_mut()) {
            self.rewrite(statement, expression)?;
        }
        Ok(())
    }

    fn rewrite(&self, statement: &Statement, expression: &mut ast::Expr) -> Outcome<()> {
        rewrite_expression(expression, &self.payload_columns).map_err(|error| refused(statement, &error))
    }

    fn create_view(
        &mut self,
        statement: &Statement,
        name: &Name,
        materialized: bool,
        columns: &[Name],
        query: &ast::Query,
    ) -> Outcome<()> {
        let mut query = query.clone();
        let sessions = rewrite_query(&mut query, &self.payload_columns).map_err(|error| refused(statement, &error))?;
        let at = |error| at_name(statement, name, &error);
        let mut reads = relations(&query);
        for session in sessions {
            reads.insert(session.relation.clone());
            self.add_session(&session).map_err(at)?;
        }
        let plan = self.sql.plan_query(query).map_err(at)?;
        let added = self.topology.graph.nodes.len();
        let node = Lowering::new(&mut self.topology.graph, &self.scans).query(&plan).map_err(at)?;
        check_types(&self.topology.graph, node).map_err(at)?;
        crate::render::check_nodes(&self.topology.graph, added).map_err(at)?;
        if materialized {
            self.topology.graph.refuse_unbounded(node, &format!("the view '{}'", name.text)).map_err(at)?;
        }
        let names = self.column_names(name, columns, plan.schema())?;
        reads.retain(|other| self.relations.contains_key(other));
        let kind = if materialized { RelationKind::MaterializedView } else { RelationKind::View };
        self.insert(&name.text, kind, node, names, reads);
        Ok(())
    }

    fn column_names(&self, view: &Name, given: &[Name], schema: &datafusion_common::DFSchema) -> Outcome<Vec<String>> {
        let fields = schema.fields();
        if given.len() > fields.len() {
            return fail(
                &given[fields.len()],
                format!("the query of '{}' has only {} columns", view.text, fields.len()),
                "name fewer columns",
            );
        }
        let mut names: Vec<String> = fields
            .iter()
            .map(|field| match field.name().rsplit_once('.') {
                Some((_, last)) if self.payload_columns.contains(field.name()) => last.to_owned(),
                _ => field.name().clone(),
            })
            .collect();
        for (name, given) in names.iter_mut().zip(given) {
            name.clone_from(&given.text);
        }
        for (place, name) in names.iter().enumerate() {
            if names[..place].contains(name) {
                return fail(view, format!("view '{}' has two columns named '{name}'", view.text), "name them apart with AS");
            }
        }
        Ok(names)
    }

    fn add_session(&mut self, call: &SessionCall) -> Result<()> {
        if self.scans.contains_key(&call.name) {
            return Ok(());
        }
        let (Some(&node), Some(schema)) = (self.scans.get(&call.relation), self.sql.schema(&call.relation)) else {
            return plan_err!("relation '{}' does not exist", call.relation);
        };
        let column = |name: &String| match schema.index_of(name) {
            Ok(index) => Ok(index),
            Err(_) => plan_err!("'{}' has no column '{name}'", call.relation),
        };
        let time = column(&call.time)?;
        let partition = call.partition.iter().map(column).collect::<Result<Vec<_>>>()?;
        let columns = &self.topology.graph.nodes[node].columns;
        if columns[time].data_type != crate::plan::functions::timestamp_type() || columns[time].nullable {
            return plan_err!("SESSION needs a TIMESTAMPTZ column that is NOT NULL: '{}' is not", call.time);
        }
        let gap = match self.sql.plan_expression(call.gap.clone(), &[])? {
            Expr::Literal(value, _) => interval_micros(&value),
            other => Err(format!("'{other}' is not a constant interval")),
        };
        let gap = gap.or_else(|error| plan_err!("the gap of SESSION: {error}"))?;
        let node = self.topology.graph.session(node, partition, time, gap)?;
        let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        let appended = &self.topology.graph.nodes[node].columns[fields.len()..];
        fields.extend(appended.iter().map(|column| Field::new(&column.name, column.data_type.clone(), column.nullable)));
        self.sql.add(&call.name, Arc::new(Schema::new(fields)));
        self.scans.insert(call.name.clone(), node);
        Ok(())
    }

    fn create_index(&mut self, name: Option<&Name>, view: &Name, columns: &[(Name, bool)], limit: Option<usize>) -> Outcome<()> {
        let relation = self.servable(view)?;
        let mut parts = Vec::with_capacity(columns.len());
        for (column, descending) in columns {
            let Some(number) = relation.names.iter().position(|name| name == &column.text) else {
                let hint = suggestion(&column.text, relation.names.iter().map(String::as_str));
                let help = hint
                    .map_or_else(|| format!("it has {}", relation.names.join(", ")), |near| format!("did you mean '{near}'?"));
                return fail(column, format!("'{}' has no column '{}'", view.text, column.text), help);
            };
            parts.push(IndexColumn { column: number, descending: *descending });
        }
        let named = columns.iter().map(|(column, _)| column.text.as_str()).collect::<Vec<_>>().join("_");
        let text = name.map_or_else(|| format!("{}_{named}", view.text), |name| name.text.clone());
        if relation.indexes.iter().any(|index| index.name == text) {
            return fail(name.unwrap_or(view), format!("index '{text}' already exists"), "name it differently");
        }
        relation.indexes.push(Index { name: text, columns: parts, limit });
        Ok(())
    }

    fn create_search_index(
        &mut self,
        statement: &Statement,
        name: Option<&Name>,
        view: &Name,
        (searched, included): (&[Name], &[Name]),
        options: &SearchOptions,
    ) -> Outcome<()> {
        let named = searched.iter().map(|column| column.text.as_str()).collect::<Vec<_>>().join("_");
        let text = name.map_or_else(|| format!("{}_{named}_search", view.text), |name| name.text.clone());
        let relation = self.servable(view)?.clone();
        // A search names the index alone, so its name is taken for all relations.
        let is_taken = |other: &Relation| other.searches.iter().any(|index| index.name == text);
        if self.relations.values().any(is_taken) || relation.indexes.iter().any(|index| index.name == text) {
            return fail(name.unwrap_or(view), format!("index '{text}' already exists"), "name it differently");
        }
        let kinds = self.topology.graph.kinds(relation.node).map_err(|error| place(statement, &error))?;
        let key = key_of(&self.topology.graph, &self.topology.tables, relation.node).unwrap_or_default();
        let indexed = search::Indexed { view: &view.text, names: &relation.names, kinds: &kinds, key };
        let index = search::plan(indexed, text, searched, included, options).map_err(Box::new)?;
        self.servable(view)?.searches.push(index);
        Ok(())
    }

    fn create_policy(&mut self, statement: &Statement, name: &Name, view: &Name, using: &ast::Expr) -> Outcome<()> {
        let names = self.servable(view)?.names.clone();
        let node = self.servable(view)?.node;
        let kinds = self.topology.graph.kinds(node).map_err(|error| place(statement, &error))?;
        let policy = policy::plan(using, &names, &kinds).map_err(|(message, span)| {
            let help = "a policy compares columns with jwt('claim') or constants: USING (user_id = jwt('sub'))";
            Box::new(Diagnostic::new(statement.locate(span), message).with_help(help))
        })?;
        let relation = self.servable(view)?;
        if relation.policies.iter().any(|(other, _)| other == &name.text) {
            return fail(name, format!("policy '{}' of '{}' already exists", name.text, view.text), "name it differently");
        }
        relation.policies.push((name.text.clone(), policy));
        Ok(())
    }

    fn create_sink(&mut self, name: &Name, view: &Name, target: &SinkTarget, format: &SinkFormat) -> Outcome<()> {
        if self.sinks.contains_key(&name.text) {
            return fail(name, format!("sink '{}' already exists", name.text), "choose another name, or DROP it first");
        }
        let relation = self.servable(view)?;
        let followed = sink::Followed { view: view.text.clone(), names: relation.names.clone(), node: relation.node };
        let sink = sink::plan(&self.topology, self.sinks.values(), name, &followed, target, format)?;
        self.sinks.insert(name.text.clone(), sink);
        Ok(())
    }

    fn drop(&mut self, kind: DropKind, name: &Name, if_exists: bool) -> Outcome<()> {
        if matches!(kind, DropKind::Index | DropKind::Policy) {
            return self.drop_part(kind, name, if_exists);
        }
        if kind == DropKind::Sink {
            let is_gone = self.sinks.remove(&name.text).is_some() || if_exists;
            return if is_gone { Ok(()) } else { fail(name, format!("sink '{}' does not exist", name.text), "create it first") };
        }
        let Some(relation) = self.relations.get(&name.text) else {
            return if if_exists { Ok(()) } else { self.relation(name).map(|_| ()) };
        };
        let is = match relation.kind {
            RelationKind::Source => DropKind::Source,
            RelationKind::Table => DropKind::Table,
            RelationKind::View => DropKind::View,
            RelationKind::MaterializedView => DropKind::MaterializedView,
        };
        if is != kind {
            return fail(name, format!("'{}' is a {is:?}", name.text), "use the DROP of that kind");
        }
        let readers = self.relations.iter().filter(|(_, other)| other.reads.contains(&name.text)).map(|(user, _)| user);
        let followers = self.sinks.values().filter(|sink| sink.view == name.text).map(|sink| &sink.name);
        let users: Vec<String> = readers.chain(followers).map(|user| format!("'{user}'")).collect();
        if !users.is_empty() {
            return fail(name, format!("'{}' is still read by {}", name.text, users.join(", ")), "drop those first");
        }
        self.relations.remove(&name.text);
        self.scans.remove(&name.text);
        self.sql.remove(&name.text);
        Ok(())
    }

    fn drop_part(&mut self, kind: DropKind, name: &Name, if_exists: bool) -> Outcome<()> {
        for relation in self.relations.values_mut() {
            let count = |relation: &Relation| relation.indexes.len() + relation.searches.len() + relation.policies.len();
            let before = count(relation);
            match kind {
                DropKind::Index => {
                    relation.indexes.retain(|index| index.name != name.text);
                    relation.searches.retain(|index| index.name != name.text);
                }
                _ => relation.policies.retain(|(policy, _)| policy != &name.text),
            }
            if count(relation) != before {
                return Ok(());
            }
        }
        if if_exists { Ok(()) } else { fail(name, format!("'{}' does not exist", name.text), "create it first") }
    }
}

fn fail<T>(name: &Name, message: String, help: impl Into<String>) -> Outcome<T> {
    Err(Box::new(Diagnostic::new(name.location.clone(), message).with_help(help)))
}

/// A planning error at its own place, or at the name of the view that it is in.
fn at_name(statement: &Statement, name: &Name, error: &datafusion_common::DataFusionError) -> Box<Diagnostic> {
    let mut diagnostic = place(statement, error);
    if diagnostic.location == statement.location {
        diagnostic.location = name.location.clone();
    }
    diagnostic
}

fn refused(statement: &Statement, error: &RewriteError) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(statement.locate(error.span), error.message.clone()))
}

/// `occurred_at > NOW() - INTERVAL '... microseconds'`
fn retention_condition(micros: i64) -> Result<ast::Expr> {
    use datafusion_sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};
    let text = format!("occurred_at > NOW() - INTERVAL '{micros} microseconds'");
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).and_then(|mut parser| parser.parse_expr());
    parsed.or_else(|error| plan_err!("the retention of {} could not be planned: {error}", ScalarValue::from(micros)))
}
