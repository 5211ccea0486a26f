//! From the text of a query to an optimised logical plan, with DataFusion's planner over Tidewater's relations.
//!
//! Owns the name look-up ([`Relations`]) and the choice of optimiser rules. A query's syntax tree enters, a [`LogicalPlan`] whose
//! scans name relations leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Result, TableReference, plan_err};
use datafusion_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF};
use datafusion_optimizer::analyzer::Analyzer;
use datafusion_optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion_optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion_optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion_optimizer::eliminate_duplicated_expr::EliminateDuplicatedExpr;
use datafusion_optimizer::eliminate_filter::EliminateFilter;
use datafusion_optimizer::eliminate_join::EliminateJoin;
use datafusion_optimizer::eliminate_outer_join::EliminateOuterJoin;
use datafusion_optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion_optimizer::optimize_projections::OptimizeProjections;
use datafusion_optimizer::optimize_unions::OptimizeUnions;
use datafusion_optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion_optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion_optimizer::rewrite_set_comparison::RewriteSetComparison;
use datafusion_optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion_optimizer::simplify_expressions::{ExprSimplifier, SimplifyExpressions};
use datafusion_optimizer::{Optimizer, OptimizerContext, OptimizerRule};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast;
use schemas::field::FieldKind;

use super::errors::missing_relation::MissingRelation;
use super::filters_down::FiltersDown;
use super::functions::Functions;
use super::limits::patience::{Patience, StopWhenOver};
use super::numbers::kind::{EXACT_DIGITS_MAX, wide_type};
use super::numbers::typing::{type_expression, type_plan};
use super::types::{interval_type, json_type, local_timestamp_type, timestamp_type};

/// FLOAT(n) with n up to this is REAL.
const REAL_BITS_MAX: u64 = 24;

/// Most passes of all rules; they end earlier when nothing changes any more.
const OPTIMIZER_PASSES_MAX: u8 = 16;

/// The relations and functions that a query may name.
pub struct Relations {
    functions: Functions,
    options: ConfigOptions,
    tables: BTreeMap<String, Arc<dyn TableSource>>,
    patience: Patience,
}

impl Relations {
    /// No relations yet; planning ends with the patience.
    pub fn new(patience: Patience) -> Self {
        let mut options = ConfigOptions::default();
        options.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
        options.sql_parser.map_string_types_to_utf8view = false;
        options.execution.time_zone = Some("+00:00".to_owned());
        Self { functions: Functions::default(), options, tables: BTreeMap::new(), patience }
    }

    /// Makes a relation known.
    pub fn add(&mut self, name: &str, schema: SchemaRef) {
        self.tables.insert(name.to_owned(), Arc::new(RelationSource(schema)));
    }

    /// Makes a relation unknown again.
    pub fn remove(&mut self, name: &str) {
        self.tables.remove(name);
    }

    /// The columns of a relation.
    pub fn schema(&self, name: &str) -> Option<SchemaRef> {
        self.tables.get(name).map(|table| table.schema())
    }

    /// The names of all relations.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Plans and optimises a query.
    pub fn plan_query(&self, query: ast::Query) -> Result<LogicalPlan> {
        super::limits::expansion::check_syntax(&query)?;
        guarded(|| {
            let planner = SqlToRel::new_with_options(self, parser_options());
            let plan = planner.sql_statement_to_plan(ast::Statement::Query(Box::new(query)))?;
            super::limits::expansion::check(&plan)?;
            let plan = super::windows::first_rows::distinct_on(plan)?;
            let plan = super::copies::count_copies(plan)?;
            let plan = super::subqueries::lateral::inline(plan)?;
            let plan = super::subqueries::lateral_rows::first_rows(plan)?;
            let plan = super::steps::forget_keys_of_lists(plan)?;
            let plan = super::subqueries::lift::lift(plan)?;
            let plan = super::subqueries::predicates::rewrite(plan)?;
            // Each NOT IN, ANY and ALL has become several uses of its sub-query.
            super::limits::expansion::check(&plan)?;
            super::subqueries::correlation::check(&plan)?;
            self.optimize(super::postgres::rewrite_plan(type_plan(plan)?)?)
        })
    }

    /// Types an expression over named relations (`MERGE` conditions and values), each as `(alias, columns)`.
    pub fn plan_expression(&self, expression: ast::Expr, relations: &[(&str, &Schema)]) -> Result<datafusion_expr::Expr> {
        use datafusion_common::DFSchema;
        let mut schema = DFSchema::empty();
        for (alias, columns) in relations {
            schema = schema.join(&DFSchema::try_from_qualified_schema(*alias, columns)?)?;
        }
        guarded(|| {
            let planner = SqlToRel::new_with_options(self, parser_options());
            let expression = planner.sql_to_expr(expression, &schema, &mut PlannerContext::new())?;
            super::limits::expansion::check_expression(&expression)?;
            let expression = super::postgres::rewrite(type_expression(expression, &schema)?, &schema)?;
            self.simplify(coerce(expression, &schema)?, schema)
        })
    }

    /// Some functions, such as `coalesce`, exist only until they are simplified to others.
    fn simplify(&self, expression: datafusion_expr::Expr, schema: datafusion_common::DFSchema) -> Result<datafusion_expr::Expr> {
        let context =
            SimplifyContext::builder().with_schema(Arc::new(schema)).with_config_options(Arc::new(self.options.clone()));
        ExprSimplifier::new(context.build()).simplify(expression)
    }

    fn optimize(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let plan = Analyzer::new().execute_and_check(plan, &self.options, |_, _| {})?;
        let context = OptimizerContext::new_with_config_options(Arc::new(self.options.clone()))
            .without_query_execution_start_time()
            .with_max_passes(OPTIMIZER_PASSES_MAX);
        Optimizer::with_rules(rules(&self.patience)).optimize(plan, &context, |_, _| {})
    }
}

/// Plans; a panic, such as one of a function that is tried on constants, is an error of the statement.
fn guarded<T>(plan: impl FnOnce() -> Result<T>) -> Result<T> {
    crate::panics::quietly(plan).unwrap_or_else(|panic| plan_err!("it can't be planned: {panic}"))
}

/// Inserts the casts that make an expression's operands agree.
fn coerce(expression: datafusion_expr::Expr, schema: &datafusion_common::DFSchema) -> Result<datafusion_expr::Expr> {
    use datafusion_common::tree_node::TreeNode as _;
    use datafusion_optimizer::analyzer::type_coercion::TypeCoercionRewriter;
    expression.rewrite(&mut TypeCoercionRewriter::new(schema)).map(|rewritten| rewritten.data)
}

fn parser_options() -> ParserOptions {
    ParserOptions::new().with_parse_float_as_decimal(true).with_map_string_types_to_utf8view(false).with_collect_spans(true)
}

/// Rules that decorrelate, push filters down and drop columns. Those that trade one recomputation for another (common
/// subexpressions, distinct as two aggregates, limits pushed into unions) are left out: an incremental plan has other costs.
fn rules(patience: &Patience) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(RewriteSetComparison::new()),
        Arc::new(OptimizeUnions::new()),
        Arc::new(SimplifyExpressions::new()),
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(EliminateJoin::new()),
        Arc::new(super::subqueries::marks::Marks),
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(DecorrelateLateralJoin::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateDuplicatedExpr::new()),
        Arc::new(EliminateFilter::new()),
        Arc::new(EliminateCrossJoin::new()),
        Arc::new(PropagateEmptyRelation::new()),
        Arc::new(EliminateOuterJoin::new()),
        Arc::new(FiltersDown::default()),
        Arc::new(OptimizeProjections::new()),
    ];
    let stop: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(StopWhenOver(patience.clone()));
    rules.into_iter().flat_map(|rule| [Arc::clone(&stop), rule]).collect()
}

impl ContextProvider for Relations {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        match self.tables.get(name.table()) {
            Some(table) => Ok(Arc::clone(table)),
            None => Err(MissingRelation::new(name.table(), self.names()).into()),
        }
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.functions.planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(Types))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.functions.scalar.get(name).cloned()
    }

    fn get_higher_order_meta(&self, _: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.functions.aggregate.get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.functions.window.get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.functions.scalar.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.functions.aggregate.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.functions.window.keys().cloned().collect()
    }
}

/// A relation as DataFusion sees it: its columns. Filters stay nodes of the plan, nothing is pushed into a scan.
#[derive(Debug)]
struct RelationSource(SchemaRef);

impl TableSource for RelationSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }
}

/// The type of a TIMESTAMP with or without a zone.
fn timestamp_of(zone: ast::TimezoneInfo) -> DataType {
    match zone {
        ast::TimezoneInfo::WithTimeZone | ast::TimezoneInfo::Tz => timestamp_type(),
        ast::TimezoneInfo::None | ast::TimezoneInfo::WithoutTimeZone => local_timestamp_type(),
    }
}

fn timestamp_name(sql_type: &ast::DataType) -> &'static str {
    match sql_type {
        ast::DataType::Timestamp(_, ast::TimezoneInfo::WithTimeZone | ast::TimezoneInfo::Tz) => "TIMESTAMPTZ",
        _ => "TIMESTAMP",
    }
}

/// SQL's type names: every timestamp has microseconds, as PostgreSQL's have.
#[derive(Debug)]
struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> Result<Option<FieldRef>> {
        Ok(match sql_type {
            ast::DataType::Timestamp(None | Some(6), zone) => {
                Some(Arc::new(arrow_schema::Field::new("", timestamp_of(*zone), true)))
            }
            ast::DataType::Timestamp(Some(_), _) => {
                return plan_err!(
                    "times have microseconds: write {} without a precision, and date_trunc",
                    timestamp_name(sql_type)
                );
            }
            ast::DataType::Numeric(_) | ast::DataType::Decimal(_) => match declared_type(sql_type) {
                Some(kind) => Some(Arc::new(arrow_schema::Field::new("", kind, true))),
                None => {
                    return plan_err!("'{sql_type}' is not a type: NUMERIC(precision, scale) has 1 to {EXACT_DIGITS_MAX} digits");
                }
            },
            ast::DataType::Real | ast::DataType::Float4 => return plan_err!("REAL is not supported: write DOUBLE PRECISION"),
            ast::DataType::Float(ast::ExactNumberInfo::Precision(bits)) if *bits <= REAL_BITS_MAX => {
                return plan_err!("FLOAT({bits}) is REAL, which is not supported: write DOUBLE PRECISION");
            }
            ast::DataType::Float(_) => Some(Arc::new(arrow_schema::Field::new("", DataType::Float64, true))),
            ast::DataType::JSONB => Some(Arc::new(arrow_schema::Field::new("", json_type(), true))),
            ast::DataType::JSON => return plan_err!("JSON is not supported: write JSONB"),
            ast::DataType::TinyInt(_) => return plan_err!("'{sql_type}' is not PostgreSQL's: write SMALLINT"),
            _ => None,
        })
    }
}

/// The Arrow type of a column declared in `CREATE TABLE`; `None` for types that rows can't hold.
pub fn declared_type(sql_type: &ast::DataType) -> Option<DataType> {
    use ast::{ArrayElemTypeDef, DataType as Sql, ExactNumberInfo};
    Some(match sql_type {
        Sql::Boolean | Sql::Bool => DataType::Boolean,
        Sql::SmallInt(_) | Sql::Int2(_) => DataType::Int16,
        Sql::Int(_) | Sql::Integer(_) | Sql::Int4(_) => DataType::Int32,
        Sql::BigInt(_) | Sql::Int8(_) => DataType::Int64,
        Sql::DoublePrecision | Sql::Double(_) | Sql::Float8 | Sql::Float(_) => DataType::Float64,
        Sql::Numeric(info) | Sql::Decimal(info) => match info {
            ExactNumberInfo::None => wide_type(),
            ExactNumberInfo::Precision(precision) => decimal_type(*precision, 0)?,
            ExactNumberInfo::PrecisionAndScale(precision, scale) => decimal_type(*precision, *scale)?,
        },
        Sql::Text | Sql::Varchar(_) | Sql::CharacterVarying(_) | Sql::String(_) | Sql::Uuid => DataType::Utf8,
        Sql::JSONB => json_type(),
        Sql::Bytea => DataType::Binary,
        Sql::Timestamp(None | Some(6), zone) => timestamp_of(*zone),
        Sql::Interval { fields: None, precision: None } => interval_type(),
        Sql::Date => DataType::Date32,
        Sql::Array(ArrayElemTypeDef::SquareBracket(item, _) | ArrayElemTypeDef::AngleBracket(item)) => {
            let list = DataType::new_list(declared_type(item)?, true);
            // A list of intervals is a type of Arrow's, but not one of rows.
            FieldKind::of(&list).is_some().then_some(list)?
        }
        _ => return None,
    })
}

/// NUMERIC with a precision and a scale; `None` when there is no such type.
fn decimal_type(precision: u64, scale: i64) -> Option<DataType> {
    let (digits, scale) = (u8::try_from(precision).ok()?, i8::try_from(scale).ok()?);
    let is_valid = (1..=EXACT_DIGITS_MAX).contains(&digits) && u8::try_from(scale).is_ok_and(|scale| scale <= digits);
    is_valid.then_some(DataType::Decimal128(digits, scale))
}

#[cfg(test)]
mod tests {
    use datafusion_sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion_sql::sqlparser::parser::Parser;

    use super::*;

    fn declared(text: &str) -> Option<DataType> {
        let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).and_then(|mut parser| parser.parse_data_type());
        declared_type(&parsed.expect("a type"))
    }

    #[test]
    fn rows_hold_every_type_that_can_be_declared() {
        let types = [
            "BOOLEAN",
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "DOUBLE PRECISION",
            "NUMERIC",
            "NUMERIC(10, 2)",
            "TEXT",
            "BYTEA",
            "TIMESTAMPTZ",
            "TIMESTAMP",
            "DATE",
        ];
        for text in types {
            let list = format!("{text}[]");
            for text in [text, &list] {
                let data_type = declared(text).unwrap_or_else(|| panic!("{text} can be declared"));
                assert!(FieldKind::of(&data_type).is_some(), "{text}");
            }
        }
        assert!(declared("INTERVAL").is_some_and(|data_type| FieldKind::of(&data_type).is_some()));
        assert_eq!((declared("INTERVAL[]"), declared("INTERVAL[][]")), (None, None));
    }
}
