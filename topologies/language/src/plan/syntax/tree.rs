//! Parts of syntax trees that rewrites make and take apart.
//!
//! Owns [`RewriteError`], and calls and FROM items as trees.

use datafusion_sql::sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, SetExpr, Statement, TableFactor,
};
use datafusion_sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion_sql::sqlparser::parser::Parser;
use datafusion_sql::sqlparser::tokenizer::Span;

/// Something a rewrite refuses.
#[derive(Debug)]
pub struct RewriteError {
    /// the fault
    pub message: String,
    /// its place
    pub span: Span,
}

/// A name as it is looked up: in lower case unless it is quoted.
pub fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// A call of a function.
pub fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    call_of(Ident::new(name), arguments)
}

fn call_of(name: Ident, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))).collect();
    Expr::Function(ast::Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A call of a function at a place, whose name is taken as it is written.
pub fn call_at(name: &str, arguments: Vec<Expr>, span: Span) -> Expr {
    let mut ident = Ident::with_quote('"', name);
    ident.span = span;
    call_of(ident, arguments)
}

/// The arguments of a call; `None` when it has none or they have names.
pub fn call_arguments(arguments: &[FunctionArg]) -> Option<Vec<Expr>> {
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression.clone()),
        _ => None,
    };
    arguments.iter().map(plain).collect::<Option<Vec<_>>>().filter(|arguments| !arguments.is_empty())
}

/// A query as a FROM item; `span` is the place of what it stands for.
pub fn derived(query: &str, span: Span) -> Result<TableFactor, RewriteError> {
    let refused = |message: String| RewriteError { message, span };
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, &format!("SELECT * FROM ({query})"));
    let statements = statements.map_err(|error| refused(error.to_string()))?;
    let Some(Statement::Query(query)) = statements.into_iter().next() else {
        return Err(refused("a window could not be planned".to_owned()));
    };
    let SetExpr::Select(mut select) = *query.body else {
        return Err(refused("a window could not be planned".to_owned()));
    };
    select.from.pop().map(|from| from.relation).ok_or_else(|| refused("a window could not be planned".to_owned()))
}
